from __future__ import annotations

import math

import numpy as np
import pytest

from lrdoctor.model import Series
from lrdoctor.reports._smooth import FEWEST, smoothed


def make(values: list[float]) -> Series:
    return Series(tag="loss", steps=np.arange(len(values)) * 10, values=np.array(values))


def test_noise_goes_and_the_course_stays() -> None:
    rng = np.random.default_rng(1)
    course = np.linspace(2, 1, 4000)
    smooth = smoothed(make((course + 0.3 * rng.standard_normal(4000)).tolist()), log=False, points=100)
    assert smooth is not None
    assert len(smooth) == 100
    assert (smooth.steps[0], smooth.steps[-1]) == (0, 39_990)
    assert np.abs(smooth.values - course[smooth.steps // 10]).max() < 0.15


def test_on_a_logarithmic_axis_it_is_the_mean_of_the_logarithms() -> None:
    smooth = smoothed(make([1.0, 100.0] * 200), log=True, points=400)
    assert smooth is not None
    assert smooth.values[50:350] == pytest.approx(10.0, rel=0.3)


def test_a_gap_stays_a_gap() -> None:
    smooth = smoothed(make([1.0] * 50 + [math.nan] * 50 + [3.0] * 50), log=False, points=150)
    assert smooth is not None
    assert np.isnan(smooth.values[50:100]).all()
    assert smooth.values[:50] == pytest.approx(1.0)
    assert smooth.values[100:] == pytest.approx(3.0)


@pytest.mark.parametrize("values", [[1.0] * (FEWEST - 1), [math.nan] * 100])
def test_nothing_to_smooth(values: list[float]) -> None:
    assert smoothed(make(values), log=False, points=50) is None


def test_the_largest_numbers_there_are_do_not_overflow() -> None:
    smooth = smoothed(make([1.7e308, -1.7e308] * 100), log=False, points=50)
    assert smooth is not None
    assert np.isfinite(smooth.values).all()
