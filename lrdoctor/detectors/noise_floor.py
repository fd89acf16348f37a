"""How far the loss was held up by the noise of a high rate: its level and its scatter at two rates of the same run.

What it measures: for each time that the rate stood and then stood, or ended, at a third of that or less: whether the
loss still fell at the higher rate, how far it fell when the rate did, and the scatter at both.
How: at a constant rate the loss comes down to a floor that the noise of the steps holds up, the higher the larger the
rate. So a loss that had stopped falling and fell again with the rate was limited by noise; one that had stopped and
stayed where it was had no more to gain from a lower rate; one that still fell was limited by neither. The levels are
medians of the last half of each stretch; the scatter is what means of short pieces of its last three quarters depart
from the line through their neighbours by, so that the course of the loss has no part in it. Validation losses are asked
first: on a fixed set only the weights make noise. In the clinic's training tasks their scatter went with the first
power of the rate in the median (0.9 to 1.2).
Blind spots: a training loss scatters with its batches whatever the rate. Where the rate never stood, as under a cosine,
the highest fifth of it and the lowest are compared, and whether the loss still fell there says less. A lower rate comes
later in the run: what time alone would have brought is counted in, so a loss that still fell is never called limited.
References: Bottou, Curtis & Nocedal, Optimization Methods for Large-Scale Machine Learning (2018), theorem 4.6: at a
constant rate the gap comes down to one in proportion to the rate; Smith et al., Don't Decay the Learning Rate, Increase
the Batch Size (2018), the noise scale. Kendall (1938), the test of trend; the other bounds are our own choice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from lrdoctor.model import Finding, Role, Run, Series, Span
from lrdoctor.ordering import diff, median
from lrdoctor.signal import (
    LARGEST,
    bottom_of,
    finite_loss,
    finite_rate,
    fraction_of,
    level,
    margin,
    peak_of,
    robust_sigma,
    stretch_medians,
    trend,
)

NEEDS: frozenset[Role] = frozenset({Role.LR})
MEANS = 32
LEAST = 8
"""Pieces to a scatter, and in how many of them something must have been logged. Of so few a factor of two is chance."""
MOST = 8
"""Falls of the rate that are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """When a rate stands, and when the loss has stopped."""

    still: float = 0.05
    """By how much a rate that stands may creep, relative to itself."""
    stood: float = 0.08
    """So long it must stand, as a fraction of the run, before and behind."""
    factor: float = 3.0
    """The lower rate is this many times lower, or more."""
    smooth: float = 0.2
    """Of a rate that never stands the stretch above 1 − this of the peak and that below this of it are compared."""
    points: int = 10
    """Of the loss at either rate."""
    stretches: int = 10
    stopped: float = -0.6
    """Kendall's tau over ten stretches: without a trend it is so low once in a hundred times."""
    deviations: float = 3.0
    """Of the difference of two levels: so far it must have fallen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor(Finding):
    """The rate stood high, came down and stayed down, and the loss was logged at both."""

    kind: ClassVar[str] = "noise_floor"
    stood: bool
    """The rate stood at the higher one; otherwise it was merely high."""
    high_lr: float
    low_lr: float
    rate_ratio: float
    """The higher over the lower."""
    fall_step: int
    """Where the rate left the higher."""
    fall_fraction: float
    trend_at_high: float
    """Kendall's tau there: −1 for a steady fall, about 0 where the loss had stopped."""
    still_falling: bool
    drop: float
    """From the level at the higher rate to that at the lower, as a share of all that the loss fell in the run; below 0
    for a rise."""
    drop_sigmas: float
    """The same in standard deviations of the difference."""
    scatter_ratio: float | None
    """Scatter at the lower rate over that at the higher: below 1 where noise fell with the rate. None where either is
    nought or too few points tell it."""
    scatter_exponent: float | None
    """Power of the rate by which the scatter changed: 1 in proportion, 0 not at all."""
    limited: bool
    """The loss had stopped falling at the higher rate, and fell clearly with the rate: noise held it up."""


FINDING = NoiseFloor


class _Fall(NamedTuple):
    """The rate was high from step `since` to `until`, and low from `begin` to `end`: steps at which it was logged."""

    since: int
    until: int
    begin: int
    end: int
    high: float
    low: float
    stood: bool


def detect(run: Run, settings: Settings) -> Iterator[NoiseFloor]:
    """One finding for each fall of the rate around which the loss can be read, in the order of the run."""
    rate, span = finite_rate(run), run.span
    if rate is None or span is None or len(rate) < 2 * settings.points or peak_of(rate) <= 0:
        return
    if bottom_of(rate) * settings.factor > peak_of(rate):
        return
    falls = _falls(rate, span, settings)
    if not falls:
        return
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        series = finite_loss(run, role)
        found = [] if series is None else [f for fall in falls if (f := _read(series, fall, span, settings))]
        if found:
            yield from found
            return


def _falls(rate: Series, span: Span, settings: Settings) -> list[_Fall]:
    """Every fall from a rate that stood to one that stands; where none did, from the highest rates to the lowest."""
    u, steps = rate.values, rate.steps.astype(np.float64)
    length = settings.stood * (span.last - span.first)
    moves = (np.abs(diff(u)) > settings.still * u[:-1]).nonzero()[0]
    begins, ends = np.append(0, moves + 1), np.append(moves, len(u) - 1)
    long = (steps[ends] - steps[begins] >= length) & (u[ends] > 0)
    # What creeps does not stand.
    long &= np.abs(u[ends] - u[begins]) <= settings.still * u[begins]
    stands = [(int(a), int(b)) for a, b in zip(begins[long], ends[long], strict=True)]
    found = [
        _Fall(*_steps(rate, a, b, c, d), float(u[b]), float(u[c]), True)
        for (a, b), (c, d) in itertools.pairwise(stands)
        if u[c] * settings.factor <= u[b]
    ]
    return found[:MOST] if found else _smooth(rate, length, settings)


def _steps(rate: Series, a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    return int(rate.steps[a]), int(rate.steps[b]), int(rate.steps[c]), int(rate.steps[d])


def _smooth(rate: Series, length: float, settings: Settings) -> list[_Fall]:
    u = rate.values
    peak = float(u.max())
    high, low = (u >= (1 - settings.smooth) * peak).nonzero()[0], (u <= settings.smooth * peak).nonzero()[0]
    if not len(high):
        return []
    low = low[low > high[-1]]
    if not len(low):
        return []
    # One way down, from one stretch of high rates to one of low ones.
    if len(high) != high[-1] - high[0] + 1 or len(low) != len(u) - low[0]:
        return []
    since, until, begin, end = _steps(rate, int(high[0]), int(high[-1]), int(low[0]), -1)
    if until - since < length or end - begin < length:
        return []
    higher, lower = median(u[high]), median(u[low])
    if lower <= 0 or lower * settings.factor > higher:
        return []
    return [_Fall(since, until, begin, end, higher, lower, False)]


def _read(series: Series, fall: _Fall, span: Span, settings: Settings) -> NoiseFloor | None:
    """What the loss did around it; None where it was logged too rarely, or fell nowhere in the run."""
    lo, low_lo = (int(series.steps.searchsorted(step)) for step in (fall.since, fall.begin))
    hi, low_hi = (int(series.steps.searchsorted(step, side="right")) for step in (fall.until, fall.end))
    if hi - lo < settings.points or low_hi - low_lo < settings.points:
        return None
    middles = (fall.since + fall.until) / 2, (fall.begin + fall.end) / 2
    above, below = level(series, middles[0], fall.until), level(series, middles[1], fall.end)
    courses = stretch_medians(series, middles[0], fall.until, settings.stretches)
    way = trend(courses[courses == courses])
    if above is None or below is None or way is None:
        return None
    fell = float(series.values[0]) - min(above, below)
    if fell <= 0:
        return None
    ways = [robust_sigma(diff(series.values[a:b])) for a, b in ((lo, hi), (low_lo, low_hi))]
    counts = max(1.0, (hi - lo) / 2), max(1.0, (low_hi - low_lo) / 2)
    error = 1.25 * math.sqrt(sum(s * s / 2 / n for s, n in zip(ways, counts, strict=True)))
    sigmas = min((above - below) / max(error, 1 / LARGEST), LARGEST)
    # Where the loss still came down from above, its course is curved and would count as scatter.
    scatter = [_scatter(series, a + (b - a) / 4, b) for a, b in ((fall.since, fall.until), (fall.begin, fall.end))]
    ratio = min(max(scatter[1] / scatter[0], 1 / LARGEST), LARGEST) if scatter[0] and scatter[1] else None
    lower = fall.high / fall.low
    falling = way <= settings.stopped
    return NoiseFloor(
        series=series.tag,
        span=Span(max(fall.since, span.first), min(fall.end, span.last)),
        confidence=margin(abs(sigmas), settings.deviations),
        stood=fall.stood,
        high_lr=fall.high,
        low_lr=fall.low,
        rate_ratio=lower,
        fall_step=fall.until,
        fall_fraction=fraction_of(span, fall.until),
        trend_at_high=way,
        still_falling=falling,
        drop=(above - below) / fell,
        drop_sigmas=max(sigmas, -LARGEST),
        scatter_ratio=ratio,
        scatter_exponent=None if ratio is None else -math.log(ratio) / math.log(lower),
        limited=not falling and sigmas >= settings.deviations,
    )


def _scatter(series: Series, first: float, last: float) -> float | None:
    """Scatter of the means over equal stretches around the line through their neighbours; None for too few."""
    places = series.steps.searchsorted(first + np.arange(MEANS + 1) * ((last - first) / MEANS))
    counts = diff(places)
    known = counts > 0
    if int(known.sum()) < LEAST:
        return None
    means = np.add.reduceat(series.values[: places[-1]], places[:-1][known]) / counts[known]
    return robust_sigma(means[2:] - 2 * means[1:-1] + means[:-2])
