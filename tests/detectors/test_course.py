"""A course of few points is seen as one of many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.detectors import _course as course
from lrdoctor.detectors._symptoms import _window
from lrdoctor.model import Span


@given(st.lists(st.floats(0, 1), min_size=3, max_size=60))
def test_a_short_rate_is_tabulated_as_a_long_one(rates: list[float]) -> None:
    steps, span, relative = np.arange(len(rates)), Span(0, len(rates) - 1), np.array(rates)
    x = course.fractions(steps, span)
    short, long = course.tabulated(steps, span, relative), course._rate(x, relative)
    assert (short is None) == (long is None) == (np.interp(course.GRID, x, relative).max() <= 0.5)
    if short is not None and long is not None:
        assert short.told == long.told
        assert short.high == long.high
        assert (short.tenth, short.third) == (long.tenth, long.third)
        assert np.array_equal(short.spent, long.spent)


@given(st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=60), st.integers(1, 9), st.floats(0, 1))
def test_a_short_course_is_seen_as_a_long_one(values: list[float], every: int, x: float) -> None:
    steps = np.arange(len(values)) * every
    span = Span(0, int(steps[-1]))
    short = course.course_through(*course.placed(steps, span), np.array(values), values[0])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(course, "LISTED", 0)
        long = course.course_through(*course.placed(steps, span), np.array(values), values[0])
    assert short.heights == values
    assert long.heights is None
    assert short.at(x) == long.at(x)
    assert (short.best, short.end, short.drop) == (long.best, long.end, long.drop)
    assert _window(short.places, (x, 1.0)) == _window(long.places, (x, 1.0))
