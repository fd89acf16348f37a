from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.reports._scale import Scale, around


@given(st.lists(st.floats(), max_size=20), st.booleans(), st.booleans())
def test_everything_finite_stands_on_its_axis(values: list[float], log: bool, from_zero: bool) -> None:
    given_values = np.array(values, dtype=np.float64)
    scale = around(given_values, log=log, from_zero=from_zero)
    assert scale.low < scale.high
    assert math.isfinite(scale.low)
    assert math.isfinite(scale.high)
    shown = given_values[np.isfinite(given_values) & ((given_values > 0) | (not log))]
    at = scale.at(shown)
    assert ((at >= -1e-9) & (at <= 1 + 1e-9)).all()
    ticks = scale.ticks(5)
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 20
    assert all(math.isfinite(tick) for tick in ticks)


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (Scale(0, 10), [0, 2, 4, 6, 8, 10]),
        (Scale(0.05, 0.42), [0.1, 0.2, 0.3, 0.4]),
        (Scale(-3, 1), [-3, -2, -1, 0, 1]),
        (Scale(0, 2999), [0, 1000, 2000]),
        (Scale(0.5, 2000, log=True), [1, 10, 100, 1000]),
        (Scale(0.9, 6, log=True), [1, 2, 5]),
        (Scale(1e-3, 1e9, log=True), [1e-3, 1, 1e3, 1e6, 1e9]),
        (Scale(3, 4, log=True), [3, 4]),
    ],
)
def test_ticks_are_round(scale: Scale, ticks: list[float]) -> None:
    assert scale.ticks(5) == pytest.approx(ticks)


def test_a_rate_starts_at_zero_and_a_loss_that_is_far_from_it_does_not() -> None:
    assert around(np.array([0.02, 0.1]), from_zero=True).low == 0
    assert around(np.array([2.0, 2.4])).low == pytest.approx(1.98)
    assert around(np.array([0.001, 2.4])).low == 0
    assert around(np.array([-1.0, 1.0]), from_zero=True).low == pytest.approx(-1.1)


def test_zero_has_a_place_on_a_logarithmic_axis() -> None:
    scale = around(np.array([0.0, 1e-3, 10.0]), log=True)
    assert scale.at(np.array([0.0])).tolist() == [0.0]
    assert 0 < scale.at(np.array([1e-3]))[0] < 0.1


def test_the_largest_numbers_there_are() -> None:
    largest = sys.float_info.max
    scale = around(np.array([-largest, largest]))
    assert scale.at(np.array([-largest, 0.0, largest])) == pytest.approx([0.0, 0.5, 1.0])
    assert around(np.array([1.0, largest]), log=True).high == largest
