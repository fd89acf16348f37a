"""How likely the rate was too high, too low, not annealed, or sound, with all symptoms weighed together.

What it measures: the odds of four answers about the learning rate, which symptoms spoke for the likeliest fault, and
which spoke against it.
How: a score card. Each symptom of `_symptoms` adds its own points to each answer, whatever the others are; the sums,
divided by a temperature, are log odds. Points and temperature are fitted (scikit-learn's boosted stumps) to trainings
whose truth was measured by re-training, and checked on whole tasks that had no part in it: `benchmarks/clinic`. The
odds hold for a run that is as often faulty as sound to begin with.
Blind spots: a plateau that a larger rate would have left looks like a floor; a task unlike any in the clinic may be
misread, which is why rules ask for a second sign. Symptoms that a log does not tell count for nothing.
References: Friedman, Greedy Function Approximation: A Gradient Boosting Machine (2001); Lou, Caruana & Gehrke,
Intelligible Models for Classification and Regression (2012), for sums of one-symptom terms; Guo et al., On
Calibration of Modern Neural Networks (2017), for the temperature.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lrdoctor.detectors._symptoms import PHRASES, symptoms
from lrdoctor.model import Finding, Floats, Role, Run

NEEDS: frozenset[Role] = frozenset()
ANSWERS = ("sound", "too_low", "too_high", "unannealed")
"""In the order of the card's columns."""
CARDS = Path(__file__).with_suffix(".json")
"""One card for each kind of log: with and without validation, with and without the rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much of the evidence is told."""

    piece: float = 0.2
    """A symptom that moves the log odds by less than this (a factor of 1.2) is no piece of evidence."""
    told: int = 3
    """As many pieces are named on either side, the weightiest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateOdds(Finding):
    """What all symptoms together say of the learning rate."""

    kind: ClassVar[str] = "rate_odds"
    calibrated: ClassVar[bool] = True
    leaning: str
    """The likeliest fault: too_low, too_high or unannealed."""
    odds: float
    """Its probability."""
    sound: float
    """Probability that nothing is wrong with the rate."""
    too_low: float
    too_high: float
    unannealed: float
    """The rate was about right, and another course of it would have ended lower."""
    pieces_for: int
    """Symptoms that speak for the leaning rather than for soundness."""
    pieces_against: int
    spoke_for: str
    """The weightiest of them, in words; `nothing` where there is none."""
    spoke_against: str
    rate_logged: bool


FINDING = RateOdds


def detect(run: Run, settings: Settings) -> Iterator[RateOdds]:
    """One finding for a run whose loss ever fell and was logged from the start, none for others."""
    span, found = run.span, symptoms(run)
    if span is None or found is None:
        return
    kind = logged_as(found)
    card = _card(kind)
    temperature = card.temperature
    parts = {
        name: points[bisect_right(edges, value)]
        for name, edges, points in card.symptoms
        if (value := found[name]) == value
    }
    logs = [sum(points) / temperature for points in zip(card.base, *parts.values(), strict=True)]
    # The `softmax` of them, in a third of its time for four numbers.
    most = max(logs)
    raised: list[float] = np.exp([log - most for log in logs]).tolist()
    whole = sum(raised)
    odds = [each / whole for each in raised]
    leaning = odds.index(max(odds[1:]), 1)
    # What each symptom did to the odds of the leaning against those of soundness.
    pro, con = [], []
    for name, points in parts.items():
        pull = (points[leaning] - points[0]) / temperature
        if pull >= settings.piece:
            pro.append((pull, name))
        if pull <= -settings.piece:
            con.append((pull, name))
    pro.sort(reverse=True)
    con.sort()
    yield RateOdds(
        series=run.roles[course_of(run, kind)],
        span=span,
        confidence=odds[leaning],
        leaning=ANSWERS[leaning],
        odds=odds[leaning],
        sound=odds[0],
        too_low=odds[1],
        too_high=odds[2],
        unannealed=odds[3],
        pieces_for=len(pro),
        pieces_against=len(con),
        spoke_for=_told(pro, found, settings),
        spoke_against=_told(con, found, settings),
        rate_logged=math.isfinite(found["mean_rate"]),
    )


def course_of(run: Run, kind: str) -> Role:
    """The loss that the symptoms were taken from."""
    alone = Role.TRAIN_LOSS not in run.roles
    return Role.VAL_LOSS if alone or kind.startswith("validation") else Role.TRAIN_LOSS


def softmax(logs: Floats) -> Floats:
    """Probabilities of log odds, along the last axis."""
    raised = np.exp(logs - logs.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))


@cache
def cards() -> Mapping[str, Any]:
    """The score cards by kind of log: temperature, base, and each symptom's edges and points per answer."""
    with CARDS.open(encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


class _Card(NamedTuple):
    """One of them, ready to be gone through."""

    temperature: float
    base: Sequence[float]
    symptoms: Sequence[tuple[str, Sequence[float], Sequence[Sequence[float]]]]
    """Name, edges and points of each."""


@cache
def _card(kind: str) -> _Card:
    card = cards()[kind]
    symptoms = [(name, told["edges"], told["points"]) for name, told in card["symptoms"].items()]
    return _Card(temperature=card["temperature"], base=card["base"], symptoms=symptoms)


def logged_as(found: Mapping[str, float]) -> str:
    """Which card a run with these symptoms is weighed by."""
    validated = not math.isnan(found["wander"])
    rated = not math.isnan(found["mean_rate"])
    return ("validation" if validated else "training") + (" and rate" if rated else "")


def _told(pieces: list[tuple[float, str]], found: Mapping[str, float], settings: Settings) -> str:
    return "; ".join([PHRASES[name](found[name]) for _, name in pieces[: settings.told]]) or "nothing"
