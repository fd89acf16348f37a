"""The loss is thrown about while the rate is high: instead of falling, or on its way down.

What it measures: in the stretch where the rate is at its highest, how far the loss swings relative to its level, how
often it turns, how long a way it went for the distance that it gained, and whether it gained any.
How: the validation loss, where there is enough of it, moves only because the weights move, so its swings are the
optimizer's own; the training loss also carries the difference between batches and counts with stretches averaged.
Where the loss gains ground clearly, a swing is what a stretch departs from its neighbours by: a curve that bends on its
way down does not swing. What batches alone would scatter the training loss by is taken off there.
Blind spots: without a learning rate the stretch is the second half of the run, whatever the rate did there. Swings
with a downward trend are the normal state at the edge of stability and no fault; `gains` tells them apart. On the way
down, swings that last for several stretches are taken for the way.
References: Cohen et al., Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability (2021); Godbole
et al., Deep Learning Tuning Playbook (2023).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Floats, Role, Run, Series, Span
from lrdoctor.ordering import diff, median
from lrdoctor.signal import (
    at,
    between,
    bin_medians,
    finite_loss,
    finite_rate,
    fraction_of,
    high_rate,
    level,
    margin,
    peak_of,
    robust_sigma,
    trend,
    trend_noise,
    wander,
)

NEEDS: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where to look and what a swing is."""

    settle: float = 0.1
    """The first tenth of the run falls fast in any case and is left out."""
    bins: int = 25
    least_swing: float = 0.01
    """Swings below 1 % of the level are what evaluation noise makes."""
    points: int = 10
    least_width: float = 0.25
    """A high-rate stretch shorter than a quarter of the run shows no steady state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oscillation(Finding):
    """The loss swings, without gaining ground or while it gains."""

    kind: ClassVar[str] = "oscillation"
    gains: bool
    """The trend is downward by more than chance: no fault, and the swings need nothing done."""
    swing: float
    """Standard deviation around the trend, relative to the level."""
    turns: float
    """Share of inner points at which the curve turns; 2/3 for pure noise."""
    wander: float | None
    """Path over distance; None where ground was gained, since a path is no fault there."""
    trend: float
    """Kendall's tau: near 0 where nothing was gained."""
    train_trend: float | None
    """Kendall's tau of the training loss over the same stretch."""
    train_end_ratio: float | None
    """Training loss at the end over its first point: tiny where the training set was memorised."""
    rate_constant: bool | None
    """The rate never fell below 90 % of its peak after this stretch began; None where no rate was logged."""


FINDING = Oscillation


def detect(run: Run, settings: Settings) -> Iterator[Oscillation]:
    """At most one finding, where swings stand out."""
    span = run.span
    if span is None or span.last == span.first:
        return
    train, val = finite_loss(run, Role.TRAIN_LOSS), finite_loss(run, Role.VAL_LOSS)
    high = high_rate(run) if run[Role.LR] is not None else Span(int(at(span, 0.5)), span.last)
    if high is None:
        return
    first, last = max(at(span, settings.settle), high.first), float(high.last)
    if fraction_of(span, last) - fraction_of(span, first) < settings.least_width:
        return
    series = next((s for s in (val, train) if s is not None and len(between(s, first, last)) >= settings.points), None)
    if series is None:
        return
    values = bin_medians(series, first, last, settings.bins)
    tau = trend(values)
    if tau is None or len(values) < settings.points:
        return
    # Three standard deviations of chance: a gain clearer than that justifies swings.
    gains = tau < -3 * trend_noise(len(values))
    middle = abs(median(values))
    if gains:
        sigma = _beside(values, 0.0 if series is val else _scatter(series, first, last, len(values)))
    else:
        sigma = robust_sigma(_around(values))
    swing = sigma / middle if middle else 0.0
    if swing < settings.least_swing:
        return
    yield Oscillation(
        series=series.tag,
        span=Span(int(first), int(last)),
        confidence=margin(swing, settings.least_swing),
        gains=gains,
        swing=swing,
        turns=_turns(values),
        wander=None if gains else wander(values),
        trend=tau,
        train_trend=None if train is None else trend(bin_medians(train, first, last, settings.bins)),
        train_end_ratio=_end_ratio(train, span),
        rate_constant=_stays_high(run, first, span),
    )


def _turns(values: Floats) -> float:
    """Of the points with two neighbours, the share at which the curve does not go on as it came."""
    ways = np.sign(diff(values))
    return int(np.count_nonzero(ways[1:] != ways[:-1])) / (len(ways) - 1) if len(ways) > 1 else 0.0


def _around(values: Floats) -> Floats:
    """The values without the straight line that comes closest to them."""
    time, square = _time(len(values))
    rest = values - float(np.add.reduce(values)) / len(values)
    line: Floats = time * (float(time @ rest) / square)
    return rest - line


@lru_cache(maxsize=64)
def _time(n: int) -> tuple[Floats, float]:
    """So many points in time around their middle, and the sum of their squares."""
    time = np.arange(n, dtype=np.float64) - (n - 1) / 2
    return time, float(time @ time)


def _beside(values: Floats, scatter: float) -> float:
    """Standard deviation of the values against the middle of their neighbours, beyond a scatter of theirs."""
    # The difference has three halves of the variance of one value.
    return math.sqrt(max(0.0, robust_sigma(values[1:-1] - (values[:-2] + values[2:]) / 2) ** 2 / 1.5 - scatter**2))


def _scatter(series: Series, first: float, last: float, stretches: int) -> float:
    """Standard deviation that the median of a stretch has from the scatter of batches alone."""
    batches = between(series, first, last)
    # A median scatters 1.25 times as much as a mean; a difference 1.41 times as much as a value.
    return 1.25 * robust_sigma(diff(batches)) / math.sqrt(2 * max(1.0, len(batches) / stretches))


def _end_ratio(train: Series | None, span: Span) -> float | None:
    if train is None or train.values[0] <= 0:
        return None
    end = level(train, at(span, 0.9), span.last)
    return None if end is None else end / float(train.values[0])


def _stays_high(run: Run, first: float, span: Span) -> bool | None:
    rate = finite_rate(run)
    if rate is None:
        return None
    later = between(rate, first, span.last)
    return bool(len(later) and later.min() >= 0.9 * peak_of(rate))
