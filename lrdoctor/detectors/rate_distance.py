"""How far the peak rate lies from the best one, in decades, judged by all symptoms of the curve together.

What it measures: by how many decades the peak should move, with the error that such a judgement had on tasks that had
no part in it. It does not say whether anything is wrong: `rate_odds` and the rules do; it says how far to go where
something is.
How: regression trees on the symptoms of `_symptoms`, each on what those before it left over (gradient boosting). They
are fitted to faulty trainings whose good peaks were measured by training again at eleven rates: `benchmarks/clinic`.
Blind spots: a run that never fell has no symptoms and gets no distance. What is better by another schedule or by
clipping alone is taken for a matter of the rate.
References: Friedman, Greedy Function Approximation: A Gradient Boosting Machine (2001); Twala, Jones & Hand, Good
Methods for Coping with Missing Data in Decision Trees (2008), for symptoms that a log does not tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from lrdoctor.detectors._symptoms import PHRASES, symptoms
from lrdoctor.detectors.rate_odds import course_of, logged_as
from lrdoctor.model import Finding, Role, Run

NEEDS: frozenset[Role] = frozenset()
TREES = Path(__file__).with_suffix(".json")
"""A set of trees for each kind of log: with and without validation, with and without the rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Nothing to set: the trees are what was fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDistance(Finding):
    """Decades from the peak rate to the best one: positive where the best is larger."""

    kind: ClassVar[str] = "rate_distance"
    decades: float
    error: float
    """Four in five such judgements about tasks that were not seen were off by less, in decades."""
    rate_logged: bool


FINDING = RateDistance


def detect(run: Run, settings: Settings) -> Iterator[RateDistance]:
    """One finding for a run whose loss ever fell and was logged from the start, none for others."""
    span, found = run.span, symptoms(run)
    if span is None or found is None:
        return
    kind = logged_as(found)
    fitted = trees()[kind]
    values = [found[name] for name in PHRASES]
    yield RateDistance(
        series=run.roles[course_of(run, kind)],
        span=span,
        # Its judgement is no better than its error: half a decade off is as good as a guess between two neighbours.
        confidence=1 / (1 + 2 * fitted["error"]),
        decades=decades(fitted, values),
        error=fitted["error"],
        rate_logged=kind.endswith("rate"),
    )


def decades(fitted: Mapping[str, Any], values: Sequence[float]) -> float:
    """The sum of what the trees say of these symptoms, given in the order of `PHRASES`."""
    leaves = []
    for node in fitted["trees"]:
        # A node is a leaf's number, or [symptom, threshold, whether the unknown goes below, what is below, what above].
        while type(node) is list:
            symptom, threshold, unknown_below, below, above = node
            value = values[symptom]
            node = below if value <= threshold or (unknown_below and value != value) else above
        leaves.append(float(node))
    return float(fitted["base"] + sum(leaves))


@cache
def trees() -> Mapping[str, Any]:
    """The fitted trees by kind of log: base, error, and the trees."""
    with TREES.open(encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found
