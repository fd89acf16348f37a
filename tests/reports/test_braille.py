from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.model import Series
from lrdoctor.reports._braille import chart, pointer
from lrdoctor.reports._sparkline import BLOCKS, NONFINITE, Axis

DOTS = {0x01: (0, 0), 0x02: (1, 0), 0x04: (2, 0), 0x40: (3, 0), 0x08: (0, 1), 0x10: (1, 1), 0x20: (2, 1), 0x80: (3, 1)}
"""Where the Unicode standard puts each dot: row from the top, column."""


def make(values: list[float], steps: list[int] | None = None) -> Series:
    return Series(tag="loss", steps=np.array(steps or range(len(values)), dtype=np.int64), values=np.array(values))


def draw(values: list[float], width: int, rows: int = 2, *, braille: bool = True) -> list[str]:
    return chart(Axis(0, max(len(values) - 1, 0), width), make(values), rows, braille=braille)


def dots(lines: list[str]) -> set[tuple[int, int]]:
    """Height from the bottom and half column of every dot."""
    top = 4 * len(lines) - 1
    return {
        (top - 4 * row - down, 2 * column + right)
        for row, line in enumerate(lines)
        for column, character in enumerate(line)
        if character not in (" ", NONFINITE)
        for bit, (down, right) in DOTS.items()
        if (ord(character) - 0x2800) & bit
    }


def test_a_ramp_climbs_one_dot_in_each_half_column() -> None:
    assert dots(draw(list(map(float, range(8))), 4)) == {(i, i) for i in range(8)}
    assert dots(draw(list(map(float, range(7, -1, -1))), 4)) == {(7 - i, i) for i in range(8)}


def test_two_points_are_joined_by_a_line() -> None:
    lines = chart(Axis(0, 15, 8), make([0.0, 1.0], [0, 15]), 2)
    found = dots(lines)
    assert {column for _, column in found} == set(range(16))
    assert (0, 0) in found
    assert (7, 15) in found
    assert all(height == pytest.approx(column * 7 / 15, abs=0.5) for height, column in found)


def test_a_spike_of_one_step_among_thousands_reaches_from_the_floor_to_the_top() -> None:
    values = [1.0 + 0.001 * (i % 7) for i in range(6000)]
    values[4500] = 3.0
    found = dots(draw(values, 60, rows=3))
    (column,) = {column for height, column in found if height > 1}
    assert column // 2 == pointer(Axis(0, 5999, 60), 4500, 4500).index("▲")
    assert {height for height, c in found if c == column} == set(range(12))


def test_a_column_shows_both_ends_of_its_points() -> None:
    found = dots(draw([0.0, 1.0] * 500, 10))
    assert found == {(height, column) for height in range(8) for column in range(20)}


def test_no_line_crosses_what_is_not_finite() -> None:
    upper, lower = draw([0.0, 0.0, math.nan, 0.0, 0.0, 0.0, math.inf, -math.inf], 8)
    assert [column for column, character in enumerate(upper) if character == NONFINITE] == [2, 6, 7]
    assert lower[2] in (" ", "\u2840", "\u2880")
    assert draw([math.nan] * 3, 3) == ["×××", "   "]


def test_the_columns_between_two_nonfinite_points_are_marked_and_those_around_are_not() -> None:
    upper, _ = chart(Axis(0, 100, 21), make([1.0, math.nan, math.nan, 1.0], [0, 40, 80, 100]), 2)
    assert [column for column, character in enumerate(upper) if character == NONFINITE] == list(range(8, 17))


def test_the_ends_without_points_stay_blank() -> None:
    (line,) = chart(Axis(0, 90, 10), make([1.0, 0.0], [20, 50]), 1)
    assert line[:2] == "  "
    assert line[7:] == "   "
    assert " " not in line[2:5]


def test_blocks_are_stacked() -> None:
    assert draw(list(map(float, range(16))), 16, braille=False) == [" " * 8 + BLOCKS, BLOCKS + "█" * 8]
    assert draw([0.0, math.nan, 1.0], 3, braille=False) == [" ×█", "▁ █"]


@pytest.mark.parametrize("braille", [True, False])
def test_nothing_logged_draws_nothing(braille: bool) -> None:
    assert draw([], 5, rows=3, braille=braille) == ["     "] * 3


numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)
steps = st.integers(-(2**61), 2**61)


@given(st.dictionaries(steps, numbers, max_size=40), steps, steps, st.integers(1, 80), st.integers(1, 4), st.booleans())
def test_any_series_fits_any_axis(
    points: dict[int, float], first: int, last: int, width: int, rows: int, braille: bool
) -> None:
    series = make([points[step] for step in sorted(points)], sorted(points))
    lines = chart(Axis(min(first, last), max(first, last), width), series, rows, braille=braille)
    assert [len(line) for line in lines] == [width] * rows
    shown = {*BLOCKS, NONFINITE, " "} if not braille else {NONFINITE, " ", *map(chr, range(0x2801, 0x2900))}
    assert set("".join(lines)) <= shown


@given(st.lists(numbers, min_size=1, max_size=300), st.integers(1, 60), st.integers(1, 3))
def test_extremes_and_nonfinite_points_stand_over_their_markers(values: list[float], width: int, rows: int) -> None:
    lines = draw(values, width, rows)
    axis = Axis(0, len(values) - 1, width)
    finite = [value for value in values if math.isfinite(value)]
    for step, value in enumerate(values):
        below = pointer(axis, step, step).index("▲")
        if not math.isfinite(value):
            assert lines[0][below] == NONFINITE
        elif min(finite) < max(finite) and value in (min(finite), max(finite)):
            # A `×` hides what is in the top line.
            row = -1 if value == min(finite) else 0
            edge = 0 if value == min(finite) else 4 * rows - 1
            heights = {height for height, column in dots(lines) if column // 2 == below}
            assert lines[row][below] == NONFINITE or edge in heights


def test_the_pointer_reaches_to_the_end_of_what_is_meant() -> None:
    axis = Axis(0, 999, 60)
    assert pointer(axis, 0, 999) == "▲" + "─" * 59
    assert pointer(axis, 500, 500) == " " * 30 + "▲"
    assert pointer(axis, 500, 5000, braille=False) == " " * 30 + "▲" + "─" * 29
