"""What the order of values tells: medians, and pairs that rise or fall; each in few calls of numpy.

The curves of a log are short and many, so that what a call costs by itself decides; some are long, so nothing here
takes more than n log n steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints

N = TypeVar("N", Floats, Ints)

SORTED = 256
"""So few values are sorted sooner than parted at their middle."""
FEW = 6
"""Two to the power of this: of so few numbers all pairs are looked at."""
LISTED = 64
"""So few values are gone through in Python sooner than numpy is called a dozen times."""
WIDE = 512
"""Slices of more values are taken one after the other."""
PAIRED = 256
"""The same of values that would have to be ordered first."""


def median(values: Floats | Ints) -> float:
    """As `np.median`, in a fraction of its time for the few points of a log. The array must have values."""
    n = len(values)
    half = n // 2
    # The last one is put into its place as well, since a NaN would stand there.
    ordered = values.copy()
    if n <= SORTED:
        ordered.sort()
    else:
        ordered.partition((half - 1, half, n - 1))
    last = ordered.item(n - 1)
    if last != last:
        return math.nan
    return float(ordered.item(half)) if n % 2 else float((ordered.item(half - 1) + ordered.item(half)) / 2)


def diff(values: N) -> N:
    """As `np.diff` of one row, in a fraction of its time."""
    return values[1:] - values[:-1]


def quantile(values: Floats | Ints, share: float) -> float:
    """As `np.quantile`, in a tenth of its time. The array must have values, and no NaN."""
    place = share * (len(values) - 1)
    low = int(place)
    ordered = np.sort(values) if len(values) <= SORTED else np.partition(values, (low, min(low + 1, len(values) - 1)))
    below, above, part = float(ordered[low]), float(ordered[min(low + 1, len(values) - 1)]), place - low
    # From the nearer of both, as numpy has it.
    return below + (above - below) * part if part < 0.5 else above - (above - below) * (1 - part)


def medians(values: Floats, begins: Ints, ends: Ints) -> Floats:
    """The median of each of these slices of the values, NaN for an empty one; read-only."""
    if len(values) <= LISTED and (told := listed(values)) is not None:
        found = np.array(middles(told, zip(begins.tolist(), ends.tolist(), strict=True)))
        found.flags.writeable = False
        return found
    counts = ends - begins
    width = int(counts.max())
    if width > WIDE:
        pairs = zip(begins.tolist(), ends.tolist(), strict=True)
        found = np.array([median(values[a:b]) if b > a else math.nan for a, b in pairs])
    elif width <= 0:
        found = np.full(len(counts), math.nan)
    else:
        # One row for each, filled up at its end: all of them are sorted at once. Row i of `windows` begins at value i.
        first = int(begins.min())
        length = int(ends.max()) - first
        padded = np.full(length + width, math.inf)
        padded[:length] = values[first : first + length]
        windows: Floats = np.ndarray((length + 1, width), buffer=padded, strides=2 * padded.strides)
        rows = windows[begins - first]
        least = max(0, int(counts.min()))
        if least < width:
            rows[:, least:][np.arange(least, width) >= counts[:, None]] = math.inf
        rows.sort(axis=1)
        row = np.arange(0, width * len(counts), width)
        flat = rows.ravel()
        found = (flat[row + ((counts - 1) >> 1)] + flat[row + (counts >> 1)]) / 2
        last = rows[:, -1]
        unknown = last != last
        found[unknown | (counts <= 0) if least == 0 else unknown] = math.nan
    found.flags.writeable = False
    return found


def listed(values: Floats) -> list[float] | None:
    """The values as a list; None where one of them is NaN, or where they are infinite both ways."""
    told: list[float] = values.tolist()
    return None if math.isnan(sum(told)) else told


def middles(values: list[float], slices: Iterable[tuple[int, int]]) -> list[float]:
    """The median of each of these slices of values that are no NaN; NaN for an empty one."""
    return [values[a] if b - a == 1 else middle(values[a:b]) if a < b else math.nan for a, b in slices]


def middle(values: list[float]) -> float:
    """The median of a list that has values and no NaN; it is sorted."""
    n = len(values)
    values.sort()
    return (values[(n - 1) >> 1] + values[n >> 1]) / 2


def surplus(values: Floats) -> int:
    """How many more pairs of these values rise with time than fall; a pair of equals does neither."""
    n = len(values)
    if n <= PAIRED:
        rises = values[None, :] > values[:, None]
        # Below the diagonal a rise against time is a fall.
        return 2 * int(np.count_nonzero(rises & _later(n))) - int(np.count_nonzero(rises))
    order = np.argsort(values, kind="stable")
    last = np.flatnonzero(np.append(np.diff(values[order]) > 0, True))
    equal = np.diff(last, prepend=-1)
    ties = int((equal * (equal - 1) // 2).sum())
    return n * (n - 1) // 2 - ties - 2 * inversions(order)


@cache
def _later(n: int) -> NDArray[np.bool_]:
    """Of each pair of n points in time, whether the second is the later one."""
    return np.triu(np.ones((n, n), dtype=np.bool_), 1)


def inversions(order: Ints) -> int:
    """How many pairs of a permutation of 0 … n − 1 stand in falling order, in n log n steps.

    From the highest bit on, the numbers are parted into those without it and those with it, each half in the order in
    which it stood. A pair is told apart at one bit alone, and falls if the number with the bit stands before the other.
    """
    n = len(order)
    kind, few = (np.int16, FEW) if n < 2**15 else (np.int32, FEW - 1)
    bits = max(few, (n - 1).bit_length())
    # Filled up to a power of two every half is exactly half, and what is added stands where it belongs.
    numbers: NDArray[np.int16 | np.int32] = np.arange(2**bits, dtype=kind)
    numbers[:n] = order
    falling = 0
    for bit in range(bits - 1, few - 1, -1):
        half, rows = 1 << bit, 1 << (bits - bit - 1)
        high = (numbers & half) != 0
        without = (~high).nonzero()[0]
        # Before the k-th of those without the bit stand as many with it as its place is beyond k; and of them all the
        # rows before hold half of theirs.
        before = int(without.sum()) - len(without) * (len(without) - 1) // 2
        falling += before - half * half * (rows * (rows - 1) // 2)
        parted = np.empty((rows, 2, half), dtype=kind)
        parted[:, 0] = numbers[without].reshape(rows, half)
        parted[:, 1] = numbers[high.nonzero()[0]].reshape(rows, half)
        numbers = parted.ravel()
    last = numbers.reshape(-1, 1 << few)
    falls = last[:, :, None] > last[:, None, :]
    falls &= _later(1 << few)
    return falling + int(np.count_nonzero(falls))
