"""Fewer points that show the same curve: what a reader must see is never among those left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Points that are not finite and follow one another, or lie too close to be told apart."""

    first: int
    """Step of the first of them."""
    last: int
    """Step of the last; the same as `first` for a single point."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thinned:
    """What is left of a series, and what of it is not finite."""

    steps: Ints
    """Shape (m,), strictly increasing; a subset of the series' own steps."""
    values: Floats
    """Shape (m,), as logged, NaN and ±inf included."""
    gaps: tuple[Gap, ...]
    """Where it is not finite, in order; their counts add up to all the non-finite points of the series."""


def thin(series: Series, buckets: int, keep: Iterable[int] = ()) -> Thinned:
    """At most some four points per bucket of steps, and those nearest to the steps in `keep`.

    A bucket is one of `buckets` equal stretches between the first step and the last. Kept are the first and the last
    point of the series; of each bucket the lowest and the highest finite point, and the first and the last that are
    not finite; and for each step in `keep` the point at it, or else the one before and the one after. A series with
    no more points than twice the buckets is kept whole.

    Sampling by shape (LTTB) or by chance (a reservoir) drops single spikes, and those are what a report is about.
    """
    steps, values = series.steps, series.values
    if not len(steps):
        return Thinned(steps=steps, values=values, gaps=())
    bucket = _buckets(steps, buckets)
    finite = np.isfinite(values)
    if len(steps) <= 2 * buckets:
        index = np.arange(len(steps))
    else:
        wanted = [np.array([0, len(steps) - 1])]
        # Sorted by bucket, then value, the ends of each bucket are its extremes.
        good, bad = np.flatnonzero(finite), np.flatnonzero(~finite)
        good = good[np.lexsort((values[good], bucket[good]))]
        for sorted_by_bucket in (good, bad):
            wanted += _ends(sorted_by_bucket, bucket)
        asked = np.array(sorted(set(keep)), dtype=np.int64)
        if len(asked):
            wanted += [np.searchsorted(steps, asked), np.searchsorted(steps, asked, side="right") - 1]
        index = np.unique(np.clip(np.concatenate(wanted), 0, len(steps) - 1))
    return Thinned(steps=steps[index], values=values[index], gaps=_gaps(steps, finite, bucket))


def _buckets(steps: Ints, buckets: int) -> Ints:
    # As floats: the distance of two steps may be larger than a whole number of 64 bits.
    at = steps.astype(np.float64)
    length = at[-1] - at[0]
    if not length:
        return np.zeros(len(steps), dtype=np.int64)
    return np.asarray(np.minimum((at - at[0]) / length * buckets, buckets - 1), dtype=np.int64)


def _ends(index: Ints, bucket: Ints) -> list[Ints]:
    """The first and the last of each bucket, of points that are sorted by bucket."""
    if not len(index):
        return []
    starts = np.flatnonzero(np.diff(bucket[index], prepend=-1))
    ends = np.append(starts[1:], len(index)) - 1
    return [index[starts], index[ends]]


def _gaps(steps: Ints, finite: np.ndarray[tuple[int], np.dtype[np.bool_]], bucket: Ints) -> tuple[Gap, ...]:
    """Points that are not finite, joined where they follow one another or share a bucket."""
    bad = np.flatnonzero(~finite)
    if not len(bad):
        return ()
    apart = (np.diff(bad) > 1) & (np.diff(bucket[bad]) > 0)
    starts = np.concatenate([[0], np.flatnonzero(apart) + 1])
    ends = np.append(starts[1:], len(bad))
    return tuple(
        Gap(first=int(steps[bad[a]]), last=int(steps[bad[b - 1]]), count=int(b - a))
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    )
