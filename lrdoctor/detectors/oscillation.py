"""The loss is thrown about instead of falling while the rate is high.

What it measures: in the stretch where the rate is at its highest, how far the loss swings relative to its level, how
often it turns, how long a way it went for the distance that it gained, and whether it gained any.
How: the validation loss, where there is enough of it, moves only because the weights move, so its swings are the
optimizer's own; the training loss also carries the difference between batches and counts with stretches averaged.
Blind spots: without a learning rate the stretch is the second half of the run, whatever the rate did there. Swings
with a downward trend are the normal state at the edge of stability and no fault; the trend is a field.
References: Cohen et al., Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability (2021); Dahl
et al., Deep Learning Tuning Playbook (2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Role, Run, Series, Span
from lrdoctor.signal import (
    at,
    between,
    bin_medians,
    finite_loss,
    finite_rate,
    fraction_of,
    high_rate,
    margin,
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
    """The loss swings without gaining ground."""

    kind: ClassVar[str] = "oscillation"
    swing: float
    """Standard deviation around the trend, relative to the level."""
    turns: float
    """Share of inner points at which the curve turns; 2/3 for pure noise."""
    wander: float
    """Path over distance."""
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
    """At most one finding, where swings stand out and the trend could be chance."""
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
    tau, path = trend(values), wander(values)
    if tau is None or path is None or len(values) < settings.points:
        return
    middle = float(np.median(values))
    steps = np.arange(len(values))
    around = values - np.polyval(np.polyfit(steps, values, 1), steps)
    swing = robust_sigma(around) / abs(middle) if middle else 0.0
    # Three standard deviations of chance: a gain clearer than that justifies swings.
    if swing < settings.least_swing or tau < -3 * trend_noise(len(values)):
        return
    yield Oscillation(
        series=series.tag,
        span=Span(int(first), int(last)),
        confidence=margin(swing, settings.least_swing),
        swing=swing,
        turns=float((np.diff(np.sign(np.diff(values))) != 0).mean()) if len(values) > 2 else 0.0,
        wander=path,
        trend=tau,
        train_trend=None if train is None else trend(bin_medians(train, first, last, settings.bins)),
        train_end_ratio=_end_ratio(train, span),
        rate_constant=_stays_high(run, first),
    )


def _end_ratio(train: Series | None, span: Span) -> float | None:
    if train is None or train.values[0] <= 0:
        return None
    end = between(train, at(span, 0.9), span.last)
    return float(np.median(end) / train.values[0]) if len(end) else None


def _stays_high(run: Run, first: float) -> bool | None:
    rate = finite_rate(run)
    if rate is None:
        return None
    later = rate.values[rate.steps >= first]
    return bool(len(later) and later.min() >= 0.9 * rate.values.max())
