"""Shared numerics of noisy curves: levels, trends, noise. No opinions: nothing here knows what a fault is.

All of it is scale-free or in the unit of the curve, and windows are given in steps, never in numbers of points, so that
the same training gives the same answer however often it was logged.
"""

from __future__ import annotations

import itertools

import numpy as np

from lrdoctor.model import Floats, Ints, Role, Run, Series, Span

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation, for a normal distribution."""
LARGEST = 1e100
"""Larger magnitudes are cut to this, and those below its inverse to 0: then no ratio and no sum of theirs overflows."""


def at(span: Span, fraction: float) -> float:
    """The step that lies at this fraction of the run."""
    return span.first + fraction * (span.last - span.first)


def fraction_of(span: Span, step: float) -> float:
    """How far into the run a step lies, between 0 and 1; 0 for a run of one step."""
    return min(1.0, max(0.0, (step - span.first) / (span.last - span.first))) if span.last > span.first else 0.0


def shares(steps: Ints) -> Floats:
    """How far from the first of these steps to the last each lies, between 0 and 1. Needs at least two steps."""
    # Differences of 64-bit steps may need all 64 bits, so they are read without a sign.
    return np.asarray((steps - steps[0]).view(np.uint64) / (int(steps[-1]) - int(steps[0])), dtype=np.float64)


def between(series: Series, first: float, last: float) -> Floats:
    """The values logged from step `first` to step `last`, both included; shape (k,)."""
    lo, hi = np.searchsorted(series.steps, [np.ceil(first), np.floor(last)], side="left")
    if hi < len(series) and series.steps[hi] <= last:
        hi += 1
    return series.values[lo:hi]


def level(series: Series, first: float, last: float) -> float | None:
    """Median of the values from step `first` to step `last`, or None where nothing was logged."""
    values = between(series, first, last)
    return float(np.median(values)) if len(values) else None


def bin_medians(series: Series, first: float, last: float, bins: int) -> Floats:
    """Medians over `bins` equal stretches of steps; stretches without points are left out. Shape (≤ bins,).

    Equal stretches of steps, not of points: that makes trends comparable between logging cadences.
    """
    edges = np.searchsorted(series.steps, np.linspace(first, last, bins + 1))
    edges[-1] = np.searchsorted(series.steps, last, side="right")
    return np.array([np.median(series.values[a:b]) for a, b in itertools.pairwise(edges) if b > a])


def trend(values: Floats) -> float | None:
    """Kendall's tau of the values against time: −1 for a curve that only falls, +1 for one that only rises.

    None for fewer than four values. Kendall (1938); Mann (1945) for its use as a test of trend. It depends on the order
    of the values alone, so it has no scale and shrugs off outliers.
    """
    n = len(values)
    if n < 4:
        return None
    rises = np.sign(values[None, :] - values[:, None])
    return float(np.triu(rises, 1).sum() / (n * (n - 1) / 2))


def trend_noise(n: int) -> float:
    """Standard deviation of `trend` for n values without any trend (Kendall 1938)."""
    return float(np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1))))


def wander(values: Floats) -> float | None:
    """Length of the path over the distance gained: 1 for a curve that never turns back. None below two values.

    At most a million, which stands for a curve that came back to where it began.
    """
    if len(values) < 2:
        return None
    gained = abs(float(values[-1] - values[0]))
    walked = float(np.abs(np.diff(values)).sum())
    return max(1.0, walked / max(gained, 1e-6 * walked)) if walked > 0 else 1.0


def robust_sigma(values: Floats) -> float:
    """Standard deviation of the bulk of the values, from their median absolute deviation; 0 for an empty array."""
    if not len(values):
        return 0.0
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def running_median(values: Floats, width: int) -> Floats:
    """Running median over `width` points, shape as `values`; the ends are mirrored."""
    if width <= 1 or len(values) <= 1:
        return values
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(values, size=min(width, 2 * len(values) - 1), mode="mirror"), dtype=np.float64)


def best_level(series: Series, span: Span, bins: int = 25) -> float:
    """The lowest level that the curve held for 1/`bins` of the run. The series must have points."""
    return float(bin_medians(series, span.first, span.last, bins).min())


def finite_loss(run: Run, role: Role) -> Series | None:
    """The finite points of the training or validation loss, or None where fewer than two are left."""
    series = run[role]
    if series is None:
        return None
    series = bounded(series)
    return series if len(series) >= 2 else None


def finite_rate(run: Run) -> Series | None:
    """The finite points of the learning rate, or None where there are none."""
    rate = run[Role.LR]
    if rate is None:
        return None
    rate = bounded(rate)
    return rate if len(rate) else None


def bounded(series: Series) -> Series:
    """The finite points, with magnitudes that can be reckoned with: 0, or between 1 / `LARGEST` and `LARGEST`."""
    series = series.finite()
    size = np.abs(series.values)
    if ((size == 0) | ((size <= LARGEST) & (size >= 1 / LARGEST))).all():
        return series
    values = np.where(size < 1 / LARGEST, 0.0, np.clip(series.values, -LARGEST, LARGEST))
    return Series(tag=series.tag, steps=series.steps, values=values, wall_times=series.wall_times)


def margin(value: float, threshold: float) -> float:
    """How far a measurement stands above its threshold, as a confidence: 0.5 at the threshold, 0.9 at 9 times it.

    It orders findings; it is not a calibrated probability.
    """
    if value == float("inf"):
        return 1.0
    return value / (value + threshold) if value > 0 else 0.0


def high_rate(run: Run, share: float = 0.5) -> Span | None:
    """The first stretch in which the learning rate stays at or above `share` of its peak; None without a rate.

    What a rate does to a training is best seen while it is at its highest and nothing is annealed yet.
    """
    rate = finite_rate(run)
    if rate is None or rate.values.max() <= 0:
        return None
    high = np.flatnonzero(rate.values >= share * rate.values.max())
    gaps = np.flatnonzero(np.diff(high) > 1)
    last = high[gaps[0]] if len(gaps) else high[-1]
    return Span(int(rate.steps[high[0]]), int(rate.steps[last]))


def rate_troughs(relative: Floats, rise: float = 2.0) -> list[int]:
    """Indices of the lows from which a learning rate climbed again, after its first peak.

    `relative` is the rate over its peak. A climb reaches at least `rise` times the low and gains a tenth of the peak:
    adaptive schedules that creep up by a few per cent are none.
    """
    found: list[int] = []
    start = int(np.argmax(relative >= 0.995))
    low, high, climbing = start, start, False
    for i in range(start, len(relative)):
        if climbing:
            if relative[i] >= relative[high]:
                high = i
            elif relative[high] - relative[i] >= 0.1:
                low, climbing = i, False
        elif relative[i] <= relative[low]:
            low = i
        elif relative[i] >= rise * relative[low] and relative[i] - relative[low] >= 0.1:
            found.append(low)
            high, climbing = i, True
    return found
