"""A falling exponential without an end."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import exponential


def test_the_factor_holds_over_every_stretch() -> None:
    params = exponential.Params(decay_rate=0.5, decay_steps=100)
    rate = exponential.lr(np.array([-5, 0, 50, 100, 300]), params)
    assert rate == pytest.approx([1.0, 1.0, 0.5**0.5, 0.5, 0.125])
    exponential.planned_steps(params)


def test_underflows_to_zero_quietly() -> None:
    with np.errstate(all="raise", under="ignore"):
        [rate] = exponential.lr(np.array([10**9]), exponential.Params(decay_rate=0.1, decay_steps=1))
    assert rate == 0.0


def test_is_told_per_step_where_it_moves_at_every_step() -> None:
    steps = np.arange(0, 1000, 5)
    rate = exponential.lr(steps, exponential.Params(decay_rate=0.998, decay_steps=1))
    assert next(exponential.fit(steps, rate, 1e-7)) == exponential.Params(decay_rate=0.998, decay_steps=1)


def test_is_told_per_epoch_where_it_stands_still_in_between() -> None:
    steps = np.arange(0, 10_000, 10)
    rate = exponential.lr(steps // 391 * 391, exponential.Params(decay_rate=0.94, decay_steps=391))
    assert next(exponential.fit(steps, rate, 1e-7)) == exponential.Params(decay_rate=0.94, decay_steps=391)


def test_a_rate_per_step_is_written_so_that_single_precision_keeps_it() -> None:
    write = exponential.NATIVE["optax"]
    assert "transition_steps=300, decay_rate=0.1)" in str(write(exponential.Params(decay_rate=0.1, decay_steps=300)))
    rebased = str(write(exponential.Params(decay_rate=0.9999, decay_steps=1)))
    assert "transition_steps=6931.1" in rebased
    assert "decay_rate=0.5)" in rebased


def test_zeros_of_printing_do_not_matter() -> None:
    steps = np.arange(0, 5000, 10)
    rate = np.round(0.01 * exponential.lr(steps, exponential.Params(decay_rate=0.99, decay_steps=1)), 6) / 0.01
    assert rate.min() == 0
    assert next(exponential.fit(steps, rate, 5e-5)).decay_rate == pytest.approx(0.99, rel=1e-4)


def test_the_expression_keeps_its_digits_over_a_long_run_in_single_precision() -> None:
    """A rate of 0.99998 per step has five digits in single precision, and its 200,000th power has none."""
    params = exponential.Params(decay_rate=0.99998, decay_steps=1)
    steps = np.arange(0, 200_001, 1000)
    drawn = eval(exponential.expression(params, "np"), {"np": np, "step": steps.astype(np.float32)})  # noqa: S307
    assert drawn.dtype == np.float32
    assert drawn == pytest.approx(exponential.lr(steps, params), rel=1e-5)
