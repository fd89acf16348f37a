"""What the loss did while the rate was warmed up: a test of which rates it bears, for nothing.

What it measures: the largest rate at which the loss still fell, the rate at which it began to rise and that at which
the gradient's norm burst, the rate of the steepest descent; how far the loss was thrown back by what began on the ramp,
and how much of the run it took to come down again.
How: a ramp runs through all rates up to the peak, as a range test does, each for a short while. Levels of the loss over
equal stretches of the ramp are set against the lowest so far; a rise must hold for two stretches and stand above what
batches scatter. The steepest descent is that of the loss against the logarithm of the rate.
Blind spots: a network bears a larger rate later than at first, so what a short ramp calls too large may be reached by
a longer one. A rise that begins after the ramp is not this detector's. Ramps of fewer than eight points tell nothing.
References: Smith, Cyclical Learning Rates for Training Neural Networks (2017), the range test; Gugger, How Do You
Find A Good Learning Rate (2018), the steepest descent; Goyal et al. (2017) for the ramp; Godbole et al., Deep Learning
Tuning Playbook (2023), on warm-up and instability early in training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.identify import never_moves
from lrdoctor.model import Finding, Floats, Role, Run, Series, Span
from lrdoctor.ordering import diff, median
from lrdoctor.signal import (
    LARGEST,
    between,
    bounded,
    finite_loss,
    finite_rate,
    fraction_of,
    margin,
    peak_of,
    robust_sigma,
    stretch_medians,
)

NEEDS: frozenset[Role] = frozenset({Role.LR})

STRETCHES, BEHIND, REST = 16, 8, 32
"""Of the ramp, of half its length behind it, and of what is left of the run."""
TINY = 1 / LARGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a ramp is, and what counts as a rise and as a burst."""

    least: float = 0.01
    """Of the run: the Tuning Playbook's warm-ups are 1 to 10 % of it."""
    points: int = 8
    factor: float = 5.0
    """From its first point to its last the rate grows by so much: less is no test of rates."""
    at_peak: float = 0.995
    stumble: float = 0.01
    """The rate may fall by less from point to point: rounding, not another shape."""
    whole: float = 0.95
    """A ramp that fills so much of the run is a range test, or a warm-up that never ended."""
    rise: float = 0.1
    """Of the level: by so much must two neighbouring stretches lie above the lowest before."""
    share: float = 0.2
    """Of what had been learned: the same."""
    deviations: float = 4.0
    """Of a stretch's level, from the scatter of batches: the same."""
    burst: float = 10.0
    """Level of the gradient's norm over its median so far on the ramp. It grew by up to 6 on the ramps of our own
    sound trainings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupRamp(Finding):
    """The rate rose steadily to its peak from the first step on, and the loss was logged meanwhile."""

    kind: ClassVar[str] = "warmup_ramp"
    ramp_steps: int
    ramp_fraction: float
    """Of the run."""
    whole_run: bool
    """The ramp is all there is: a range test, or a warm-up that did not end."""
    peak_lr: float
    stable_lr: float
    """The largest rate up to which the loss fell; the peak where it never rose."""
    stable_factor: float
    """The same over the peak."""
    safe_factor: float
    """Half of it: a ramp passes each rate in a moment, so what it shows is the edge, and no rate to hold for a run."""
    rise_lr: float | None
    """Rate at which the loss stood clearly above its lowest level so far; None where it never did on the ramp."""
    rise_factor: float | None
    burst_lr: float | None
    """Rate at which the gradient's norm was a multiple of what it had been; None where it never was, or was not
    logged."""
    burst_factor: float | None
    steepest_lr: float | None
    """Rate at which the loss fell fastest for the same factor in the rate; None where it did not fall."""
    steepest_factor: float | None
    rise_ratio: float | None
    """Highest level after the rise began, up to half a ramp behind the ramp, over the lowest before; None without a
    rise, and for a loss that is not positive."""
    thrown_back: float | None
    """The same rise as a share of all that had been learned by then; None without a rise."""
    recovered: bool | None
    """The loss came down again to where it was before the rise; None without a rise."""
    lost_fraction: float | None
    """From the rise until then, or to the end of the run, as a fraction of the run; None without a rise."""


FINDING = WarmupRamp


@dataclass(frozen=True, slots=True)
class _Rise:
    """Indices of stretches, and what the loss did from there."""

    low: int
    """The lowest before."""
    onset: int
    """The first that stands clearly above."""
    ratio: float | None
    thrown_back: float
    recovered: bool
    lost: float
    confidence: float


def detect(run: Run, settings: Settings) -> Iterator[WarmupRamp]:
    """At most one finding."""
    rate, span = finite_rate(run), run.span
    if rate is None or span is None or len(rate) < settings.points or never_moves(rate):
        return
    if rate.values[0] < 0 or peak_of(rate) <= 0:
        return
    peak = peak_of(rate)
    u = rate.values / peak
    top = int((u >= settings.at_peak).argmax())
    first, last = int(rate.steps[0]), int(rate.steps[top])
    if (
        top + 1 < settings.points
        or u[0] * settings.factor > 1
        or last - first < settings.least * (span.last - span.first)
    ):
        return
    series = _looked_at(run, first, last, settings)
    if series is None or not (u[1 : top + 1] >= (1 - settings.stumble) * u[:top]).all():
        return
    levels, middles = _levels(series, first, last, span)
    on_ramp = int(middles.searchsorted(last))
    if on_ramp < settings.points // 2:
        return
    rates = np.interp(middles[:on_ramp], rate.steps[: top + 1].astype(np.float64), u[: top + 1])
    chance = settings.deviations * _scatter(series, first, last, on_ramp)
    rise = _rise(series, levels, middles, on_ramp, chance, span, settings)
    stable = 1.0 if rise is None else float(rates[rise.low])
    risen = None if rise is None else float(rates[rise.onset])
    burst = _burst(run, rate, u, first, last, settings)
    steepest = _steepest(levels[: on_ramp if rise is None else rise.onset], rates, chance)
    yield WarmupRamp(
        series=series.tag,
        span=Span(first, last),
        confidence=0.8 if rise is None else rise.confidence,
        ramp_steps=last - first,
        ramp_fraction=(last - first) / (span.last - span.first),
        whole_run=fraction_of(span, last) >= settings.whole,
        peak_lr=peak,
        stable_lr=stable * peak,
        stable_factor=stable,
        safe_factor=stable / 2,
        rise_lr=None if risen is None else risen * peak,
        rise_factor=risen,
        burst_lr=None if burst is None else burst * peak,
        burst_factor=burst,
        steepest_lr=None if steepest is None else steepest * peak,
        steepest_factor=steepest,
        rise_ratio=None if rise is None else rise.ratio,
        thrown_back=None if rise is None else rise.thrown_back,
        recovered=None if rise is None else rise.recovered,
        lost_fraction=None if rise is None else rise.lost,
    )


def _looked_at(run: Run, first: int, last: int, settings: Settings) -> Series | None:
    """The training loss where the ramp has enough of it, else the validation loss."""
    for role in (Role.TRAIN_LOSS, Role.VAL_LOSS):
        series = finite_loss(run, role)
        if series is not None and len(between(series, first, last)) >= settings.points:
            return series
    return None


def _levels(series: Series, first: int, last: int, span: Span) -> tuple[Floats, Floats]:
    """Levels over equal stretches of the ramp and of half its length behind it, and the steps of their middles."""
    width = (last - first) / STRETCHES
    behind = min(float(span.last), last + BEHIND * width)
    levels, middles = stretch_medians(series, first, last, STRETCHES), np.arange(STRETCHES) * width + first + width / 2
    if behind > last:
        step = (behind - last) / BEHIND
        levels = np.append(levels, stretch_medians(series, last, behind, BEHIND))
        middles = np.append(middles, np.arange(BEHIND) * step + last + step / 2)
    known = levels == levels
    return levels[known], middles[known]


def _scatter(series: Series, first: int, last: int, stretches: int) -> float:
    """Standard deviation of a stretch's level that the scatter of batches makes by itself."""
    values = between(series, first, last)
    # A median scatters 1.25 times as much as a mean; a difference 1.41 times as much as a value.
    return 1.25 * robust_sigma(diff(values)) / math.sqrt(2 * max(1.0, len(values) / stretches))


def _rise(
    series: Series, levels: Floats, middles: Floats, on_ramp: int, chance: float, span: Span, settings: Settings
) -> _Rise | None:
    """The first rise that begins on the ramp and holds for two stretches."""
    lowest = np.minimum.accumulate(levels)
    learned = np.maximum.accumulate(levels) - lowest
    least = np.maximum(np.maximum(settings.rise * np.abs(lowest), settings.share * learned), max(chance, TINY))
    above = levels - lowest >= least
    held = above[:on_ramp] & np.append(above[1:], True)[:on_ramp]
    if not held.any():
        return None
    onset = int(held.argmax())
    low = int(levels[: onset + 1].argmin())
    bottom, highest = float(levels[low]), float(levels[onset:].max())
    height = highest - bottom
    # Where nothing had been learned yet, all of it was lost.
    had = max(float(levels[: low + 1].max()) - bottom, float(least[onset]))
    begin = float(middles[low])
    back = _back(series, levels, middles, onset, bottom, span)
    return _Rise(
        low=low,
        onset=onset,
        ratio=highest / bottom if bottom > 0 else None,
        thrown_back=height / had,
        recovered=back is not None,
        lost=((span.last if back is None else back) - begin) / (span.last - span.first),
        confidence=margin(height, max(chance, TINY)),
    )


def _back(series: Series, levels: Floats, middles: Floats, onset: int, bottom: float, span: Span) -> float | None:
    """The step at which the loss was as low as before the rise; None where it never was."""
    down = (levels[onset:] <= bottom).nonzero()[0]
    if len(down):
        return float(middles[onset + int(down[0])])
    begin, end = float(middles[-1]), float(span.last)
    rest = stretch_medians(series, begin, end, REST)
    # A comparison with NaN, where nothing was logged, is false.
    down = (rest <= bottom).nonzero()[0]
    return begin + (int(down[0]) + 0.5) * (end - begin) / REST if len(down) else None


def _burst(run: Run, rate: Series, u: Floats, first: int, last: int, settings: Settings) -> float | None:
    """The relative rate at which the gradient's norm was a multiple of its median before, on the ramp."""
    norm = run[Role.GRAD_NORM]
    if norm is None:
        return None
    levels = stretch_medians(bounded(norm), first, last, STRETCHES)
    known = (levels == levels).nonzero()[0]
    levels = levels[known]
    if len(levels) < settings.points or levels.max() < settings.burst * levels.min():
        return None
    for k in range(3, len(levels)):
        if levels[k] >= settings.burst * max(median(levels[:k]), TINY):
            step = first + (known[k] + 0.5) * (last - first) / STRETCHES
            return float(np.interp(step, rate.steps.astype(np.float64), u))
    return None


def _steepest(levels: Floats, rates: Floats, chance: float) -> float | None:
    """The relative rate at which the loss falls fastest against the rate's logarithm, over three stretches."""
    n = len(levels)
    if n < 3:
        return None
    fell, before, behind = levels[:-2] - levels[2:], rates[: n - 2], rates[2:n]
    # By more than chance, of which there are four deviations of one level.
    told = (fell > chance / 2) & (before > 0) & (behind > before)
    if not told.any():
        return None
    slope = fell[told] / np.log(behind[told] / before[told])
    return float(rates[1 : n - 1][told][int(slope.argmax())])
