"""The validation loss rises while the training loss still falls.

What it measures: how far the validation loss ended above its best level, when that was, and what the training loss
did since.
How: levels over 1/25 of the run; the training loss must have fallen from the validation optimum to the end.
Blind spots: this is no fault of the learning rate. It is measured so that it is not mistaken for one.
References: Prechelt, Early Stopping — But When? (1998); Amazon SageMaker Debugger (2020), "Overfit".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.signal import at, edge, finite_loss, fraction_of, level, levels, lowest, margin

NEEDS: frozenset[Role] = frozenset({Role.TRAIN_LOSS, Role.VAL_LOSS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What counts as a rise."""

    bins: int = 25
    least_rise: float = 0.05
    """5 % above the best level: below, evaluation noise does it."""
    points: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting(Finding):
    """Validation got worse while training got better."""

    kind: ClassVar[str] = "overfitting"
    best_step: int
    best_fraction: float
    rise: float
    """(end − best) / best of the validation loss."""
    train_fall: float
    """Training loss at the end over its level at the validation optimum."""


FINDING = Overfitting


def detect(run: Run, settings: Settings) -> Iterator[Overfitting]:
    """At most one finding."""
    span = run.span
    train, val = finite_loss(run, Role.TRAIN_LOSS), finite_loss(run, Role.VAL_LOSS)
    if span is None or train is None or val is None or min(len(train), len(val)) < settings.points:
        return
    late = at(span, 0.9)
    known = levels(val, span.first, span.last, settings.bins)
    # The lowest that is not NaN.
    best, end = float(np.fmin.reduce(known)), level(val, late, span.last)
    if end is None or best <= 0:
        return
    rise = end / best - 1
    if rise < settings.least_rise:
        return
    where = lowest(known)
    begin, until = (edge(span.first, span.last, settings.bins, where + side) for side in (0, 1))
    if until > late:
        return  # The best level is part of the end.
    then, now = level(train, begin, until), level(train, late, span.last)
    if then is None or now is None or then <= 0 or now >= 0.97 * then:
        return
    yield Overfitting(
        series=val.tag,
        span=Span(int(until), span.last),
        confidence=margin(rise, settings.least_rise),
        best_step=int(until),
        best_fraction=fraction_of(span, until),
        rise=rise,
        train_fall=now / then,
    )
