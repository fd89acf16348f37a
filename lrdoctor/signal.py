"""Shared numerics of noisy curves: levels, trends, noise. No opinions: nothing here knows what a fault is.

All of it is scale-free or in the unit of the curve, and windows are given in steps, never in numbers of points, so that
the same training gives the same answer however often it was logged.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints, Role, Run, Series, Span
from lrdoctor.ordering import LISTED, listed, median, medians, middle, middles, surplus

P = ParamSpec("P")
T = TypeVar("T")

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation, for a normal distribution."""
LARGEST = 1e100
"""Larger magnitudes are cut to this, and those below its inverse to 0: then no ratio and no sum of theirs overflows."""
EXACT = 2**53
"""Whole numbers below are floats as well."""
TELLING = 2**17
"""By chance the trend of so many values is off by 0.002."""
LONG, LEAST_BLOCKS = 20_000, 50
"""A course is drawn through so many points at most, if there are at least so many in each of its windows."""


def _once(measure: Callable[Concatenate[Series, P], T]) -> Callable[Concatenate[Series, P], T]:
    """The same measurement, taken only once of a series: many detectors ask for the same levels."""

    name, missing = measure.__name__, cast("T", object())

    @wraps(measure)
    def taken(series: Series, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (name, args, tuple(kwargs.items())) if kwargs else (name, args)
        found: T = series.memo.get(key, missing)
        if found is missing:
            found = series.memo[key] = measure(series, *args, **kwargs)
        return found

    return cast("Callable[Concatenate[Series, P], T]", taken)


def at(span: Span, fraction: float) -> float:
    """The step that lies at this fraction of the run."""
    return span.first + fraction * (span.last - span.first)


def fraction_of(span: Span, step: float) -> float:
    """How far into the run a step lies, between 0 and 1; 0 for a run of one step."""
    return min(1.0, max(0.0, (step - span.first) / (span.last - span.first))) if span.last > span.first else 0.0


def shares(steps: Ints) -> Floats:
    """How far from the first of these steps to the last each lies, between 0 and 1. Needs at least two steps."""
    # Differences of 64-bit steps may need all 64 bits, so they are read without a sign.
    since: Floats = (steps - steps[0]).view(np.uint64) / (int(steps[-1]) - int(steps[0]))
    return since


def between(series: Series, first: float, last: float) -> Floats:
    """The values logged from step `first` to step `last`, both included; shape (k,)."""
    lo, hi = _ends(series, first, last)
    return series.values[lo:hi]


def _short(series: Series) -> dict[str, list[Any]] | None:
    """Steps and values of a log so short that lists tell sooner than arrays; None of a long one, or one with a NaN."""
    # A dictionary, which is among what a run forgets when it has been judged.
    try:
        known: dict[str, list[Any]] | None = series.memo["short"]
    except KeyError:
        values = listed(series.values) if len(series.values) <= LISTED else None
        known = None if values is None else {"steps": series.steps.tolist(), "values": values}
        series.memo["short"] = known
    return known


def _ends(series: Series, first: float, last: float) -> tuple[int, int]:
    """Where the steps from `first` to `last`, both included, begin and end."""
    steps = series.steps
    if abs(first) < EXACT and abs(last) < EXACT:
        short = _short(series)
        if short is not None:
            return bisect_left(short["steps"], math.ceil(first)), bisect_right(short["steps"], math.floor(last))
        # Whole numbers: to compare them with a float numpy would turn all of the steps into floats.
        return int(steps.searchsorted(math.ceil(first))), int(steps.searchsorted(math.floor(last), side="right"))
    lo, hi = steps.searchsorted([np.ceil(first), np.floor(last)], side="left")
    return int(lo), int(hi + (hi < len(steps) and steps[hi] <= last))


@_once
def level(series: Series, first: float, last: float) -> float | None:
    """Median of the values from step `first` to step `last`, or None where nothing was logged."""
    lo, hi = _ends(series, first, last)
    if hi <= lo:
        return None
    short = _short(series)
    return median(series.values[lo:hi]) if short is None else middle(short["values"][lo:hi])


@_once
def levels(series: Series, first: float, last: float, bins: int) -> Floats:
    """The `level` of each of `bins` equal stretches of steps, NaN where nothing was logged; read-only."""
    return _frozen(_stretches(series, first, last, bins, closed=True))


@_once
def stretch_medians(series: Series, first: float, last: float, bins: int) -> Floats:
    """The same as `levels`, where a point between two stretches belongs to the later one alone."""
    return _frozen(_stretches(series, first, last, bins, closed=False))


@_once
def bin_medians(series: Series, first: float, last: float, bins: int) -> Floats:
    """Medians over `bins` equal stretches of steps; those without points are left out. Shape (≤ bins,), read-only.

    Equal stretches of steps, not of points: that makes trends comparable between logging cadences.
    """
    if len(series.steps) <= LISTED and abs(first) < EXACT and abs(last) < EXACT and _short(series) is not None:
        # The median of a point alone is the point.
        lone = _alone(series.steps.tobytes(), first, last, bins, False)
        if lone is not None:
            return series.values[lone.points]
    found = _stretches(series, first, last, bins, closed=False)
    return _frozen([m for m in found if m == m] if isinstance(found, list) else found[found == found])


def _frozen(values: Floats | list[float]) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def _stretches(series: Series, first: float, last: float, bins: int, *, closed: bool) -> Floats | list[float]:
    """The median of each stretch; to a closed one belong both of its ends. A list for a short log."""
    if abs(first) < EXACT and abs(last) < EXACT:
        short = _short(series)
        if short is not None:
            steps = series.steps.tobytes()
            lone = _alone(steps, first, last, bins, closed)
            if lone is not None:
                found = series.values.take(lone.begins)
                found[lone.empty] = math.nan
                return found
            return middles(short["values"], _listed_cuts(steps, first, last, bins, closed))
        return medians(series.values, *_cuts(series.steps, first, last, bins, closed))
    edges = _edges(first, last, bins)
    if closed:
        both = np.array([_ends(series, a, b) for a, b in itertools.pairwise(edges.tolist())])
        return medians(series.values, both[:, 0], both[:, 1])
    places = series.steps.searchsorted(edges)
    places[-1] = series.steps.searchsorted(last, side="right")
    return medians(series.values, places[:-1], places[1:])


def _cuts(steps: Ints, first: float, last: float, bins: int, closed: bool) -> tuple[Ints, Ints]:
    """Where each of the stretches begins and ends."""
    from_, to = _whole_edges(first, last, bins)
    if closed:
        return steps.searchsorted(from_[:-1]), steps.searchsorted(to[1:], side="right")
    places = steps.searchsorted(from_)
    places[-1] = steps.searchsorted(math.floor(last), side="right")
    return places[:-1], places[1:]


@lru_cache(maxsize=256)
def _listed_cuts(steps: bytes, first: float, last: float, bins: int, closed: bool) -> tuple[tuple[int, int], ...]:
    """The same for the steps of a short log; the runs of a sweep are logged at the same ones."""
    begins, ends = _cuts(np.frombuffer(steps, dtype=np.int64), first, last, bins, closed)
    return tuple(zip(begins.tolist(), ends.tolist(), strict=True))


class _Alone(NamedTuple):
    """The points of stretches of which none holds two."""

    points: slice
    begins: Ints
    """The point of each stretch, and some other one of an empty stretch."""
    empty: NDArray[np.bool_]


@lru_cache(maxsize=256)
def _alone(steps: bytes, first: float, last: float, bins: int, closed: bool) -> _Alone | None:
    """The points in the stretches of a short log; None where two share a stretch, and where there are none at all."""
    cuts = _listed_cuts(steps, first, last, bins, closed)
    if any(end - begin > 1 for begin, end in cuts) or not cuts[-1][1]:
        return None
    begins, ends = np.array(cuts).T
    return _Alone(slice(cuts[0][0], cuts[-1][1]), np.minimum(begins, ends[-1] - 1), ends <= begins)


def _edges(first: float, last: float, bins: int) -> Floats:
    edges = np.arange(bins + 1) * ((float(last) - float(first)) / bins) + float(first)
    edges[-1] = last
    return np.asarray(edges, dtype=np.float64)


@lru_cache(maxsize=256)
def _whole_edges(first: float, last: float, bins: int) -> tuple[Ints, Ints]:
    """The edges in whole steps, from where a stretch begins and to where one ends; runs of a sweep are equally long."""
    edges = _edges(first, last, bins)
    return np.ceil(edges).astype(np.int64), np.floor(edges).astype(np.int64)


def edge(first: float, last: float, bins: int, i: int) -> float:
    """Where the i-th of so many equal stretches begins, and the one before it ends."""
    return float(last) if i == bins else i * ((float(last) - float(first)) / bins) + float(first)


def lowest(values: Floats) -> int:
    """Index of the lowest that is not NaN. Raises `ValueError` where all are."""
    known = (values == values).nonzero()[0]
    return int(known[values[known].argmin()])


def trend(values: Floats) -> float | None:
    """Kendall's tau of the values against time: −1 for a curve that only falls, +1 for one that only rises.

    None for fewer than four values. Kendall (1938); Mann (1945) for its use as a test of trend. It depends on the order
    of the values alone, so it has no scale and shrugs off outliers. Of more than `TELLING` values so many are asked.
    """
    values = values[:: -(-len(values) // TELLING)] if len(values) > TELLING else values
    n = len(values)
    return None if n < 4 else surplus(values) / (n * (n - 1) / 2)


def trend_noise(n: int) -> float:
    """Standard deviation of `trend` for n values without any trend (Kendall 1938)."""
    return math.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))


def wander(values: Floats) -> float | None:
    """Length of the path over the distance gained: 1 for a curve that never turns back. None below two values.

    At most a million, which stands for a curve that came back to where it began.
    """
    if len(values) < 2:
        return None
    gained = abs(float(values[-1] - values[0]))
    walked = float(np.abs(values[1:] - values[:-1]).sum())
    # The smallest floats have few digits, so the bound is set once more.
    return min(max(1.0, walked / max(gained, 1e-6 * walked)), 1e6) if walked > 0 else 1.0


def robust_sigma(values: Floats) -> float:
    """Standard deviation of the bulk of the values, from their median absolute deviation; 0 for an empty array."""
    if not len(values):
        return 0.0
    return MAD_TO_SIGMA * median(np.abs(values - median(values)))


def running_median(values: Floats, width: int) -> Floats:
    """Running median over `width` points, shape as `values`; the ends are mirrored.

    Of more than `LONG` values it is, under wide windows, the running median of the medians of short blocks.
    """
    if width <= 1 or len(values) <= 1:
        return values
    if width == 3:
        mirrored = np.empty(len(values) + 2)
        mirrored[0], mirrored[1:-1], mirrored[-1] = values[1], values, values[-2]
        before, after = mirrored[:-2], mirrored[2:]
        found: Floats = np.minimum(np.maximum(values, np.minimum(before, after)), np.maximum(before, after))
        return found
    # Odd, so that the median of a block is a value of which as many lie above as below: without bias in any skew.
    block = (min(len(values) // LONG, width // LEAST_BLOCKS) - 1) | 1
    if block > 1:
        course = running_median(_block_medians(values, block), (width // block) | 1)
        return np.repeat(course, block)[: len(values)]
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(values, size=min(width, 2 * len(values) - 1), mode="mirror"), dtype=np.float64)


def _block_medians(values: Floats, block: int) -> Floats:
    whole = len(values) // block * block
    found = np.partition(values[:whole].reshape(-1, block), block // 2, axis=1)[:, block // 2]
    return np.append(found, median(values[whole:])) if whole < len(values) else found


@_once
def best_level(series: Series, span: Span, bins: int = 25) -> float:
    """The lowest level that the curve held for 1/`bins` of the run. The series must have points."""
    return float(bin_medians(series, span.first, span.last, bins).min())


def finite_loss(run: Run, role: Role) -> Series | None:
    """The finite points of the training or validation loss, or None where fewer than two are left."""
    try:
        known: Series | None = run.memo[role]
    except KeyError:
        series = run[role]
        finite = None if series is None else bounded(series)
        known = run.memo[role] = None if finite is None or len(finite) < 2 else finite
    return known


def finite_rate(run: Run) -> Series | None:
    """The finite points of the learning rate, or None where there are none."""
    try:
        known: Series | None = run.memo[Role.LR]
    except KeyError:
        rate = run[Role.LR]
        finite = None if rate is None else bounded(rate)
        known = run.memo[Role.LR] = finite if finite is not None and len(finite) else None
    return known


@_once
def peak_of(rate: Series) -> float:
    """The highest of the rates. The series must have points."""
    return float(rate.values.max())


@_once
def bottom_of(rate: Series) -> float:
    """The lowest of the rates. The series must have points."""
    return float(rate.values.min())


def bounded(series: Series) -> Series:
    """The finite points, with magnitudes that can be reckoned with: 0, or between 1 / `LARGEST` and `LARGEST`."""
    # None stands for the series itself: one that holds itself is not freed when the last one else lets go of it.
    # By hand what `_once` does, since a run is asked for its finite points some fifty times.
    try:
        cut: Series | None = series.memo["bounded"]
    except KeyError:
        cut = series.memo["bounded"] = _cut(series)
    return series if cut is None else cut


def _cut(series: Series) -> Series | None:
    values, short = series.values, _short(series)
    if not len(values):
        return None
    low, high = (values.min(), values.max()) if short is None else (min(short["values"]), max(short["values"]))
    # A NaN fails both.
    if low >= 1 / LARGEST and high <= LARGEST:
        return None
    finite = series.finite()
    size = np.abs(finite.values)
    if not ((size == 0) | ((size <= LARGEST) & (size >= 1 / LARGEST))).all():
        kept = np.where(size < 1 / LARGEST, 0.0, np.clip(finite.values, -LARGEST, LARGEST))
        return Series(tag=series.tag, steps=finite.steps, values=kept, wall_times=finite.wall_times)
    return None if finite is series else finite


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
    return None if rate is None else _high(rate, share)


@_once
def _high(rate: Series, share: float) -> Span | None:
    peak = peak_of(rate)
    if peak <= 0:
        return None
    if bottom_of(rate) >= share * peak:
        return Span(int(rate.steps[0]), int(rate.steps[-1]))
    is_high = rate.values >= share * peak
    first = int(is_high.argmax())
    # Up to the first point that is low again, where there is one.
    low = int(is_high[first:].argmin())
    last = len(rate) - 1 if is_high[first + low] else first + low - 1
    return Span(int(rate.steps[first]), int(rate.steps[last]))


@_once
def troughs_of(rate: Series, rise: float = 2.0) -> list[int]:
    """The `rate_troughs` of a logged rate, which must have a peak above 0."""
    relative = rate.values / peak_of(rate)
    return [*_short_troughs(relative.tobytes(), rise)] if len(relative) <= LISTED else rate_troughs(relative, rise)


@lru_cache(maxsize=64)
def _short_troughs(relative: bytes, rise: float) -> tuple[int, ...]:
    """The same of a few points: many runs of a sweep differ in nothing but the peak of their rate."""
    return tuple(rate_troughs(np.frombuffer(relative), rise))


def rate_troughs(relative: Floats, rise: float = 2.0) -> list[int]:
    """Indices of the lows from which a learning rate climbed again, after its first peak.

    `relative` is the rate over its peak. A climb reaches at least `rise` times the low and gains a tenth of the peak:
    adaptive schedules that creep up by a few per cent are none.
    """
    found: list[int] = []
    start = int((relative >= 0.995).argmax())
    low, high, climbing = start, start, False
    turning = _turning(relative[start:]) + start
    value = dict(zip(turning.tolist(), relative[turning].tolist(), strict=True))
    for i, now in value.items():
        if climbing:
            if now >= value[high]:
                high = i
            elif value[high] - now >= 0.1:
                low, climbing = i, False
        elif now <= value[low]:
            low = i
        elif now >= rise * value[low] and now - value[low] >= 0.1:
            found.append(low)
            high, climbing = i, True
    return found


def _turning(values: Floats) -> Ints:
    """Indices of the first value, the last, and all those from which the curve does not simply go on as it came.

    What rises or falls without a turn is told by its ends.
    """
    way = np.sign(values[1:] - values[:-1])
    came, goes = way[:-1], way[1:]
    turns = np.ones(len(values), dtype=np.bool_)
    turns[1:-1] = (came != goes) & ((came == 0) | (goes != 0))
    return turns.nonzero()[0]
