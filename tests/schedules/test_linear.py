"""A straight line, held at its end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.schedules import linear


@pytest.mark.parametrize("final", [0.0, 0.1, 1.0])
def test_start_middle_end_and_after(final: float) -> None:
    params = linear.Params(total_steps=100, final_fraction=final)
    rate = linear.lr(np.array([0, 50, 100, 101, 1000]), params)
    assert rate == pytest.approx([1.0, (1 + final) / 2, final, final, final])
    assert rate.dtype == np.float64
    assert linear.planned_steps(params) == 100


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_only_falls_and_stays_between_peak_and_end(total: int, final: float) -> None:
    steps = np.unique(np.linspace(0, 1.2 * total, 50).astype(np.int64))
    rate = linear.lr(steps, linear.Params(total_steps=total, final_fraction=final))
    assert (np.diff(rate) <= 1e-12).all()
    assert rate.min() >= final - 1e-12
    assert rate.max() <= 1 + 1e-12


def test_what_leaves_its_end_open_is_told_as_a_fall_to_zero_first() -> None:
    steps = np.arange(0, 701, 7)
    told = list(linear.fit(steps, linear.lr(steps, linear.Params(total_steps=1000)), 1e-7))
    assert told[0] == linear.Params(total_steps=1000)
    assert told[1].total_steps == 700
    assert told[1].final_fraction == pytest.approx(0.3)


def test_a_fall_to_zero_that_would_end_between_two_steps_ends_with_the_log() -> None:
    # To zero it would take 11,111.1 steps.
    params = linear.Params(total_steps=10_000, final_fraction=0.1)
    steps = np.arange(0, 10_001, 10)
    [first, *_] = linear.fit(steps, linear.lr(steps, params), 1e-7)
    assert first.total_steps == 10_000
    assert first.final_fraction == pytest.approx(0.1)


def test_huggingface_needs_an_end_below_the_peak() -> None:
    assert linear.NATIVE["huggingface"](linear.Params(total_steps=5, final_fraction=1.0)) is None
    assert "polynomial" in str(linear.NATIVE["huggingface"](linear.Params(total_steps=5, final_fraction=0.5)))
    assert linear.NATIVE["huggingface"](linear.Params(total_steps=5)) == 'lr_scheduler_type="linear"'
