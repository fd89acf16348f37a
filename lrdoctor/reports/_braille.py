"""Curves a few lines of text high, on an axis of steps that several of them and the markers below share.

In braille, which shows in every half of a column all values between its lowest and its highest; or in blocks, which
have a form in ASCII, where braille cannot be printed.
"""

from __future__ import annotations

import math

import numpy as np

from lrdoctor.draw import BRAILLE
from lrdoctor.model import Floats, Ints, Series
from lrdoctor.reports._sparkline import BLOCKS, NONFINITE, Axis, heights, marker, profile

HIGH, WIDE = 4, 2
"""Dots of one character of braille."""
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""What each of its dots adds to the character."""


def chart(axis: Axis, series: Series, rows: int, *, trim: float = 0.0, braille: bool = True) -> list[str]:
    """The series in `rows` lines of `axis.width` characters, the top one first.

    A column shows every height between its lowest and its highest point (in blocks: the most unusual one), so that a
    spike of one step is seen. Points are joined by lines, but not across one that is not finite: that has a `×` in
    the top line. Blank before the first point and after the last. For `trim` see `is_log`.
    """
    return _dotted(axis, series, rows, trim) if braille else _stacked(profile(axis, series, trim=trim), rows)


def pointer(axis: Axis, onset: int, last: int, *, braille: bool = True) -> str:
    """The marker under a chart: `▲` under the onset, and a line to the last step that is meant."""
    if not braille:
        return marker(axis, onset, last)
    dots = _dots(axis)
    # One step for each character: there the ends fall into the same columns as their dots.
    return marker(Axis(0, axis.width - 1, axis.width), dots.column(onset) // WIDE, dots.column(last) // WIDE)


def _dots(axis: Axis) -> Axis:
    return Axis(axis.first, axis.last, axis.width * WIDE)


def _dotted(axis: Axis, series: Series, rows: int, trim: float) -> list[str]:
    dots = _dots(axis)
    columns = dots.columns(series.steps)
    least, most = _extents(columns, heights(series.values, trim), dots.width, rows * HIGH)
    level = np.arange(rows * HIGH)[::-1, None]
    grid = (least <= level) & (level <= most)
    bits = (grid.reshape(rows, HIGH, axis.width, WIDE) * _BITS[None, :, None, :]).sum(axis=(1, 3))
    lines = [[chr(BRAILLE + bit) if bit else " " for bit in row] for row in bits.tolist()]
    for column in _nonfinite(columns // WIDE, series.values, axis.width):
        lines[0][column] = NONFINITE
    return ["".join(line) for line in lines]


def _nonfinite(columns: Ints, values: Floats, width: int) -> list[int]:
    """The columns of the points that are not finite, and those between two of them that follow each other."""
    bad = ~np.isfinite(values)
    both = bad[:-1] & bad[1:]
    begun, ended = np.zeros(width + 1, dtype=np.int64), np.zeros(width + 1, dtype=np.int64)
    for starts, stops in ((columns[bad], columns[bad]), (columns[:-1][both], columns[1:][both])):
        np.add.at(begun, starts, 1)
        np.add.at(ended, stops + 1, 1)
    return np.flatnonzero(np.cumsum(begun - ended)).tolist()


def _extents(columns: Ints, found: Floats, width: int, levels: int) -> tuple[Ints, Ints]:
    """The lowest and the highest level of dots in each column; the lowest above the highest where there is none."""
    least, most = np.full(width, levels), np.full(width, -1)
    finite = np.isfinite(found)
    broken = np.zeros(width, dtype=np.bool_)
    broken[columns[~finite]] = True
    columns, level = columns[finite], np.round(found[finite] * (levels - 1)).astype(np.int64)
    # The columns ascend, as steps do.
    places = np.flatnonzero(np.diff(columns, prepend=-1))
    if not len(places):
        return least, most
    drawn = columns[places]
    least[drawn], most[drawn] = np.minimum.reduceat(level, places), np.maximum.reduceat(level, places)
    entered, left = level[places].tolist(), level[[*(places[1:] - 1), -1]].tolist()
    for place in range(1, len(drawn)):
        here, there = int(drawn[place - 1]), int(drawn[place])
        if broken[here : there + 1].any():
            continue
        rise = (entered[place] - left[place - 1]) / (there - here)
        for column in range(here + 1, there):
            least[column] = most[column] = round(left[place - 1] + rise * (column - here))
        for column in range(here + 1, there + 1):
            # No gap between a column and the one before it.
            least[column] = min(least[column], most[column - 1] + 1)
            most[column] = max(most[column], least[column - 1] - 1)
    return least, most


def _stacked(told: list[float | None], rows: int) -> list[str]:
    lines = [[" "] * len(told) for _ in range(rows)]
    for column, height in enumerate(told):
        if height is None:
            continue
        if math.isnan(height):
            lines[0][column] = NONFINITE
            continue
        level = min(int(height * len(BLOCKS) * rows), len(BLOCKS) * rows - 1)
        for row in range(level // len(BLOCKS) + 1):
            lines[-1 - row][column] = BLOCKS[min(level - row * len(BLOCKS), len(BLOCKS) - 1)]
    return ["".join(line) for line in lines]
