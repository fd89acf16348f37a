"""How finely rates were written, from one value and from many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.schedules._logged_rate import FLOAT32, UNKNOWN, resolution, resolution_of_one

RATES = st.floats(1e-300, 1e300) | st.builds(
    lambda number, digits: float(f"{number:.{digits}g}"), st.floats(1e-8, 10.0), st.integers(1, 9)
)


@given(rate=RATES | st.integers(-300, 300).map(lambda power: 10.0**power))
def test_one_value_tells_as_much_alone_as_many_times(rate: float) -> None:
    assert resolution_of_one(rate) == resolution(np.array([rate]), rate) == resolution(np.full(40, rate), rate)


def test_the_digits_of_one_value() -> None:
    assert resolution_of_one(0.001) == UNKNOWN
    assert resolution_of_one(float(np.float32(0.0003))) == FLOAT32
    assert resolution_of_one(0.000123457) == pytest.approx(0.5e-9 / 0.000123457)
