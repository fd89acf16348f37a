"""Curves as one line of block characters each, on an axis of steps that several lines and markers share."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints, Series

BLOCKS = "▁▂▃▄▅▆▇█"
NONFINITE = "×"
ONSET = "▲"
EXTENT = "─"


@dataclass(frozen=True, slots=True)
class Axis:
    """Which column a step falls into: `first` into the leftmost, `last` into the rightmost."""

    first: int
    last: int
    width: int

    def edges(self) -> list[int]:
        """The first step of every column but the leftmost, which has no lower end."""
        # Whole numbers: a step must fall into the same column as a point and as a marker, however large it is.
        length, gaps = max(self.last - self.first, 1), max(self.width - 1, 1)
        return [self.first - (-(2 * column - 1) * length // (2 * gaps)) for column in range(1, self.width)]

    def column(self, step: int) -> int:
        """From 0; steps outside the axis fall into its end columns."""
        return bisect_right(self.edges(), step)

    def columns(self, steps: Ints) -> NDArray[np.intp]:
        """The columns of many steps; shape as `steps`."""
        return np.searchsorted(np.array(self.edges(), dtype=np.int64), steps, side="right")


def sparkline(axis: Axis, series: Series, *, trim: float = 0.0) -> str:
    """The series in `axis.width` characters: blank before its first point and after its last, `×` where not finite.

    A column shows the most unusual of its points, so a spike of one step is seen; a column without points repeats
    the one before it. The first of the highest and the first of the lowest points are shown, unless their column is
    `×` or they share it. For `trim` see `is_log`.
    """
    return "".join(_block(height) for height in profile(axis, series, trim=trim))


def profile(axis: Axis, series: Series, *, trim: float = 0.0) -> list[float | None]:
    """What a sparkline draws: for each column a height between 0 and 1, NaN for `×`, None for a blank."""
    if not len(series):
        return [None] * axis.width
    cuts = np.searchsorted(series.steps, np.array(axis.edges(), dtype=np.int64))
    drawn = heights(series.values, trim)
    finite = series.values[np.isfinite(series.values)]
    # By the values: beside a huge one, the heights of different values may be the same number.
    extremes = (finite.min(), finite.max()) if len(finite) and finite.min() < finite.max() else ()
    lowest, highest = (
        np.searchsorted(cuts, np.flatnonzero(series.values == extreme)[:1], side="right").tolist()
        for extreme in extremes or (np.nan, np.nan)
    )
    told: list[float | None] = []
    height: float | None = None
    for column, points in enumerate(np.split(drawn, cuts)[: axis.column(int(series.steps[-1])) + 1]):
        if len(points):
            height = _most_unusual(np.sort(points), low=column in lowest, high=column in highest)
        told.append(height)
    return told + [None] * (axis.width - len(told))


def is_log(values: Floats, *, trim: float = 0.0) -> bool:
    """Whether the line is drawn on a logarithmic scale: nothing is negative, and the positive values span 2 decades.

    `trim` leaves out that share of the positive values at either end: a schedule that ends near zero is best seen
    on a linear scale, one that falls tenfold again and again is not.
    """
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    if not len(positive) or finite.min() < 0:
        return False
    low, high = np.log10(np.quantile(positive, (trim, 1 - trim)))
    return bool(high - low > 2)


def marker(axis: Axis, onset: int, last: int) -> str:
    """`▲` under the onset, and a line to the last step that is meant."""
    start = axis.column(onset)
    return " " * start + ONSET + EXTENT * (axis.column(last) - start)


def heights(values: Floats, trim: float = 0.0) -> Floats:
    """Between 0 and 1, both reached; 0.5 if all are equal; NaN for what is not finite."""
    found = np.full(len(values), np.nan)
    finite = np.isfinite(values)
    shown = values[finite]
    if not len(shown):
        return found
    if is_log(values, trim=trim):
        shown = np.log10(np.maximum(shown, shown[shown > 0].min()))
    else:
        # The difference of two doubles may overflow, that of two numbers within ±1 does not.
        shown = shown / (np.abs(shown).max() or 1.0)
    low, high = shown.min(), shown.max()
    found[finite] = (shown - low) / (high - low) if high > low else 0.5
    return found


def _most_unusual(points: Floats, *, low: bool, high: bool) -> float:
    """Of the sorted points of one column; NaN sorts last, and is what is told."""
    least, middle, most = points[0], points[(len(points) - 1) // 2], points[-1]
    if np.isnan(most):
        return math.nan
    rises = high if low != high else most - middle >= middle - least
    return float(most if rises else least)


def _block(height: float | None) -> str:
    if height is None:
        return " "
    return NONFINITE if math.isnan(height) else BLOCKS[min(int(height * len(BLOCKS)), len(BLOCKS) - 1)]
