from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrdoctor.model import Floats, Series
from lrdoctor.reports._sparkline import BLOCKS, NONFINITE, Axis, is_log, marker, profile, sparkline


def make(values: list[float], steps: list[int] | None = None) -> Series:
    return Series(tag="loss", steps=np.array(steps or range(len(values)), dtype=np.int64), values=np.array(values))


def draw(values: list[float], width: int) -> str:
    return sparkline(Axis(0, max(len(values) - 1, 0), width), make(values))


def test_draws_a_ramp() -> None:
    assert draw([0, 1, 2, 3, 4, 5, 6, 7], 8) == BLOCKS


def test_a_spike_of_one_step_among_thousands_is_seen() -> None:
    values = [1.0 + 0.001 * (i % 7) for i in range(6000)]
    values[4500] = 3.0
    assert draw(values, 60).replace("▁", "") == "█"


def test_a_dip_of_one_step_among_thousands_is_seen() -> None:
    values = [1.0 + 0.001 * (i % 7) for i in range(6000)]
    values[1500] = 0.0
    line = draw(values, 60)
    assert line.count("▁") == 1
    assert line[15] == "▁"


def test_a_dip_below_a_flat_top_is_seen_although_the_top_is_the_highest_point() -> None:
    values = [1.0] * 600
    values[0], values[300] = 0.0, 0.5
    assert draw(values, 60) == "▁" + "█" * 29 + "▅" + "█" * 29


def test_one_nonfinite_point_marks_its_column() -> None:
    values = [1.0, 2.0] * 300
    values[599] = math.nan
    assert draw(values, 60)[-1] == NONFINITE
    assert draw([math.nan, math.inf, -math.inf], 3) == "×××"


def test_a_column_without_points_repeats_and_the_ends_stay_blank() -> None:
    assert sparkline(Axis(0, 9, 10), make([1.0, 0.0], [2, 5])) == "  ███▁    "


def test_a_constant_lies_in_the_middle() -> None:
    assert draw([0.1, 0.1, 0.1], 3) == "▅▅▅"
    assert draw([0.0, 0.0], 2) == "▅▅"


def test_more_than_two_decades_are_drawn_on_a_logarithmic_scale() -> None:
    assert draw([1.0, 10.0, 100.0], 3) == "▁▁█"
    assert draw([1.0, 10.0, 100.0, 1000.0], 4) == "▁▃▆█"
    assert draw([0.0, 1.0, 1000.0], 3) == "▁▁█"
    assert not is_log(np.array([-1.0, 0.001, 1.0]))


def test_a_schedule_that_ends_near_zero_is_drawn_on_a_linear_scale() -> None:
    progress = np.linspace(0, 1, 1000, endpoint=False, dtype=np.float64)
    cosine: Floats = 0.5 + 0.5 * np.cos(np.pi * progress)
    tenfold: Floats = 0.1 ** np.floor(progress * 5)
    assert not is_log(cosine, trim=0.1)
    assert is_log(tenfold, trim=0.1)


def test_the_marker_stands_under_its_point() -> None:
    values = [1.0] * 1000
    values[432] = 9.0
    axis = Axis(0, 999, 60)
    line = sparkline(axis, make(values))
    assert marker(axis, 432, 432) == " " * line.index("█") + "▲"
    assert marker(axis, 432, 5000) == (" " * line.index("█") + "▲").ljust(60, "─")


def test_the_profile_is_what_a_sparkline_draws() -> None:
    told = profile(Axis(0, 6, 7), make([1.0, 3.0, math.nan, 2.0], [1, 2, 3, 5]))
    assert told[:3] == [None, 0.0, 1.0]
    assert told[3] is not None
    assert math.isnan(told[3])
    assert told[5:] == [pytest.approx(0.5), None]
    assert profile(Axis(0, 6, 7), make([])) == [None] * 7


@given(st.integers(-(2**61), 2**61), st.integers(0, 2**61), st.integers(1, 80), st.data())
def test_many_steps_fall_where_each_of_them_does(first: int, length: int, width: int, data: st.DataObject) -> None:
    axis = Axis(first, first + length, width)
    steps = data.draw(st.lists(st.integers(first - 5, first + length + 5), max_size=20))
    assert axis.columns(np.array(steps, dtype=np.int64)).tolist() == [axis.column(step) for step in steps]


numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)
steps = st.integers(-(2**61), 2**61)


@given(st.dictionaries(steps, numbers, max_size=40), steps, steps, st.integers(1, 80), st.sampled_from([0.0, 0.1]))
def test_any_series_fits_any_axis(points: dict[int, float], first: int, last: int, width: int, trim: float) -> None:
    axis = Axis(min(first, last), max(first, last), width)
    series = make([points[step] for step in sorted(points)], sorted(points))
    line = sparkline(axis, series, trim=trim)
    assert len(line) == width
    assert set(line) <= {*BLOCKS, NONFINITE, " "}


@example([0.0, -(2.0**53), 0.0, 1.0], 2)
@given(st.lists(numbers, min_size=1, max_size=300), st.integers(1, 80))
def test_extremes_and_nonfinite_points_survive(values: list[float], width: int) -> None:
    line = draw(values, width)
    axis = Axis(0, len(values) - 1, width)
    finite = [value for value in values if math.isfinite(value)]
    for step, value in enumerate(values):
        if not math.isfinite(value):
            assert line[axis.column(step)] == NONFINITE
    if finite and min(finite) < max(finite):
        low, high = (axis.column(values.index(extreme(finite))) for extreme in (min, max))
        assert low == high or line[low] in (BLOCKS[0], NONFINITE)
        assert low == high or line[high] in (BLOCKS[-1], NONFINITE)
