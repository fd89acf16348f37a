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
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lrdoctor.detectors._symptoms import symptoms
from lrdoctor.detectors.rate_odds import course_of, logged_as
from lrdoctor.model import Finding, Floats, Ints, Role, Run

NEEDS: frozenset[Role] = frozenset()
TREES = Path(__file__).with_suffix(".json")
"""A set of trees for each kind of log: with and without validation, with and without the rate."""
ROUNDS = 3
"""After so many questions at most a tree ends in a leaf; its seven questions fit into a byte."""


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
    error = trees()[kind]["error"]
    yield RateDistance(
        series=run.roles[course_of(run, kind)],
        span=span,
        # Its judgement is no better than its error: half a decade off is as good as a guess between two neighbours.
        confidence=1 / (1 + 2 * error),
        decades=_answered(_known(kind), list(found.values())),
        error=error,
        rate_logged=kind.endswith("rate"),
    )


def decades(fitted: Mapping[str, Any], values: Sequence[float]) -> float:
    """The sum of what the trees say of these symptoms, given in the order of `PHRASES`."""
    return _answered(_questions(fitted), values)


class _Questions(NamedTuple):
    """Those of all trees, put at once: eight places a tree, the last one empty.

    Each asks whether a value is at least its threshold, to which what is unknown always says no; after the question at
    place k comes that at 2 k + 1 for no, at 2 k + 2 for yes.
    """

    base: float
    values: Ints
    """What is asked for: twice the number of the symptom, and one more where its negative is asked for."""
    thresholds: Floats
    leaves: Floats
    """Eight a tree."""
    first_leaves: Ints
    """Of each tree, among them."""


def _questions(fitted: Mapping[str, Any]) -> _Questions:
    values, thresholds, leaves = [], [], []
    for tree in fitted["trees"]:
        level = [tree]
        for _ in range(ROUNDS):
            asked = [_question(node) for node in level]
            values += [value for value, *_ in asked]
            thresholds += [threshold for _, threshold, *_ in asked]
            level = [child for *_, no, yes in asked for child in (no, yes)]
        values.append(0)
        thresholds.append(math.inf)
        leaves += level
    return _Questions(
        base=float(fitted["base"]),
        values=np.array(values, dtype=np.int64),
        thresholds=np.array(thresholds, dtype=np.float64),
        leaves=np.array(leaves, dtype=np.float64),
        first_leaves=np.arange(0, len(leaves), 1 << ROUNDS),
    )


def _question(node: Any) -> tuple[int, float, Any, Any]:
    """What a node asks for, its threshold, and what comes after no and yes.

    A node is a leaf's number, or [symptom, threshold, whether the unknown goes below, what is below, what above].
    """
    if not isinstance(node, list):
        # A leaf that comes early stands on both sides of a question.
        return 0, math.inf, node, node
    symptom, threshold, unknown_below, below, above = node
    if unknown_below:
        # What is above is at least the next number.
        return 2 * symptom, math.nextafter(threshold, math.inf), below, above
    return 2 * symptom + 1, -threshold, above, below


def _answered(questions: _Questions, values: Sequence[float]) -> float:
    both = np.array(values).repeat(2)
    both[1::2] *= -1
    answers = np.packbits(both.take(questions.values) >= questions.thresholds)
    said = questions.leaves.take(questions.first_leaves + LEAF.take(answers))
    # Added up one after the other, as numpy's own sum is not.
    return questions.base + (said.cumsum().item(-1) if len(said) else 0.0)


def _leaf(answers: int) -> int:
    """Which of a tree's leaves its answers lead to: the first of eight bits is the highest, and 1 is yes."""
    place = 0
    for _ in range(ROUNDS):
        place = 2 * place + 1 + (answers >> (7 - place) & 1)
    return place + 1 - (1 << ROUNDS)


LEAF: Ints = np.array([_leaf(answers) for answers in range(256)])


@cache
def _known(kind: str) -> _Questions:
    return _questions(trees()[kind])


@cache
def trees() -> Mapping[str, Any]:
    """The fitted trees by kind of log: base, error, and the trees."""
    with TREES.open(encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found
