"""A ramp over the whole run."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import range_test


def test_equal_factors() -> None:
    params = range_test.Params(total_steps=100, start_fraction=1e-4)
    assert range_test.lr(np.array([0, 25, 50, 100, 200]), params) == pytest.approx([1e-4, 1e-3, 1e-2, 1, 1])


def test_equal_differences() -> None:
    params = range_test.Params(total_steps=100, start_fraction=0.2, ramp="linear")
    assert range_test.lr(np.array([0, 25, 50, 100, 200]), params) == pytest.approx([0.2, 0.4, 0.6, 1, 1])


@pytest.mark.parametrize("bad", [{"total_steps": 0}, {"start_fraction": 0.0}, {"start_fraction": 1.0}, {"ramp": "log"}])
def test_refuses(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        range_test.Params(**{"total_steps": 100, "start_fraction": 0.1, **bad})  # type: ignore[arg-type]


@pytest.mark.parametrize("start", [1e-5, 0.01])
def test_it_ends_where_the_rate_stands_still(start: float) -> None:
    t = np.arange(0, 1000, 5)
    truth = range_test.Params(total_steps=700, start_fraction=start)
    told = next(iter(range_test.fit(t, range_test.lr(t, truth), 1e-7)))
    assert told.total_steps == pytest.approx(700, abs=2)
    assert told.start_fraction == pytest.approx(start, rel=0.05)


def test_a_rate_that_hardly_rises_is_no_range_test() -> None:
    assert not list(range_test.fit(np.arange(100), np.linspace(0.6, 1, 100), 1e-7))
