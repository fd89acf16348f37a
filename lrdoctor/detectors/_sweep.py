"""The loss against the rate, where the rate climbed: levels on an even grid of the rate's logarithm.

A sweep passes each rate once, so the grid is one of decades and not of steps: then an exponential range test, a linear
one and a warm-up are read alike, however often they were logged.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from lrdoctor.identify import never_moves
from lrdoctor.model import Floats, Ints, Role, Run, Series, Span
from lrdoctor.ordering import diff, medians
from lrdoctor.signal import LARGEST, bounded, finite_loss, finite_rate, peak_of, robust_sigma

PER_DECADE = 8
"""Levels to a decade: a step of the grid is a factor of 1.33, finer than any finder is sure of."""
REACH = 0.15
"""Each is the median of what lies within so many decades: neighbours share half of their points."""
AT_PEAK = 0.995
"""A rate this close to its highest has arrived."""
STUMBLE = 0.01
"""The rate may fall by less from point to point: rounding, not another shape."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What the loss did on the way up."""

    series: Series
    span: Span
    """From the first rate above zero to the top."""
    top: float
    """The highest rate."""
    x: Floats
    """Shape (n,): decadic logarithms of the rate, in equal steps but for gaps."""
    levels: Floats
    """Shape (n,): level of the loss at each; all are known."""
    noise: float
    """Standard deviation of a level that the scatter of batches makes by itself."""
    broke_at: float | None
    """Logarithm of the rate at which the loss ceased to be finite for the rest of the sweep; None where it did not."""


def sweep(run: Run, decades: float, points: int) -> Sweep | None:
    """The climb to the peak, if it leads through so many decades and the loss has so many finite points on it."""
    rate, span = finite_rate(run), run.span
    if rate is None or span is None or len(rate) < points or never_moves(rate):
        return None
    values = rate.values
    peak = peak_of(rate)
    if peak <= 0:
        return None
    top = int((values >= AT_PEAK * peak).argmax())
    # From zero there is no telling how many decades it was.
    start = int((values[: top + 1] > 0).argmax())
    if top - start < 2 or values[start] * 10**decades > peak or values[:start].any():
        return None
    climb = values[start : top + 1]
    if not (climb[1:] >= (1 - STUMBLE) * climb[:-1]).all():
        return None
    first, last = int(rate.steps[start]), int(rate.steps[top])
    found = _looked_at(run, first, last, points)
    if found is None:
        return None
    series, lo, hi = found
    there = rate.steps[start : top + 1].astype(np.float64)
    log = np.maximum.accumulate(np.log10(climb))
    x = np.interp(series.steps[lo:hi].astype(np.float64), there, log)
    if x[-1] - x[0] < decades:
        return None
    grid, levels = _levels(x, series.values[lo:hi])
    if len(grid) < PER_DECADE // 2:
        return None
    quiet = series.values[lo : lo + int(x.searchsorted(grid[int(levels.argmin())] + REACH, side="right"))]
    # A median scatters 1.25 times as much as a mean; a difference 1.41 times as much as a value.
    each = max(1.0, len(x) / (x[-1] - x[0]) * 2 * REACH)
    noise = 1.25 * robust_sigma(diff(quiet)) / math.sqrt(2 * each)
    return Sweep(series, Span(first, last), peak, grid, levels, noise, _broke(run, series, hi, last, there, log))


def _looked_at(run: Run, first: int, last: int, points: int) -> tuple[Series, int, int] | None:
    """The training loss and where it is on the sweep, if it has enough points there, else the validation loss."""
    for role in (Role.TRAIN_LOSS, Role.VAL_LOSS):
        series = finite_loss(run, role)
        if series is not None:
            lo, hi = int(series.steps.searchsorted(first)), int(series.steps.searchsorted(last, side="right"))
            if hi - lo >= points:
                return series, lo, hi
    return None


def _levels(x: Floats, values: Floats) -> tuple[Floats, Floats]:
    count = int((x[-1] - x[0]) * PER_DECADE + 1e-6) + 1
    # From the top down, so that the last level is of the last points: there a test that was stopped turned up.
    grid = x[-1] - np.arange(count - 1, -1, -1) / PER_DECADE
    begins: Ints = x.searchsorted(grid - REACH)
    levels = medians(values, begins, x.searchsorted(grid + REACH, side="right"))
    known = levels == levels
    return grid[known], levels[known]


def _broke(run: Run, series: Series, hi: int, last: int, there: Floats, log: Floats) -> float | None:
    """Where the loss, which is finite up to index `hi` of the series, was logged on but not finite any more."""
    told = run.series[series.tag]
    if len(told) == len(bounded(told)):
        return None
    after, end = (int(told.steps.searchsorted(step, side="right")) for step in (series.steps[hi - 1], last))
    return float(np.interp(float(told.steps[after]), there, log)) if end > after else None


def longest_fall(levels: Floats) -> tuple[int, int]:
    """First and last index of the longest subsequence of levels of which each lies below the one before.

    Of several the one that ends first. Schensted (1961): in n log n steps, from the highest end that a fall of each
    length can have.
    """
    ends: list[float] = []
    at: list[int] = []
    before: list[int] = []
    for i, value in enumerate((-levels).tolist()):
        # Rising in what was turned over. Equals take each other's place, so that none follows the other.
        place = bisect_left(ends, value)
        before.append(at[place - 1] if place else -1)
        ends[place : place + 1] = [value]
        if place == len(at):
            at.append(i)
            longest = i
        else:
            at[place] = i
    first = longest
    while before[first] >= 0:
        first = before[first]
    return first, longest


def fits(value: float) -> float:
    """Ten to this power, within what can be reckoned with."""
    return float(min(max(10.0**value, 1 / LARGEST), LARGEST))
