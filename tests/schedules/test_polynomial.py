"""A power of the remaining time, held at its end."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import exponential, linear, polynomial


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("final", [0.0, 0.1])
def test_start_middle_end_and_after(power: float, final: float) -> None:
    params = polynomial.Params(total_steps=100, power=power, final_fraction=final)
    rate = polynomial.lr(np.array([-3, 0, 75, 100, 1000]), params)
    assert rate == pytest.approx([1.0, 1.0, final + (1 - final) * 0.25**power, final, final])
    assert polynomial.planned_steps(params) == 100


def test_power_one_is_a_line() -> None:
    steps = np.arange(200)
    rate = polynomial.lr(steps, polynomial.Params(total_steps=100, power=1.0, final_fraction=0.2))
    assert rate == pytest.approx(linear.lr(steps, linear.Params(total_steps=100, final_fraction=0.2)))


@pytest.mark.parametrize("power", [0.5, 0.9, 2.0, 4.0])
@pytest.mark.parametrize("final", [0.0, 0.1])
@pytest.mark.parametrize("share", [0.7, 1.0])
def test_the_planned_length_is_found_wherever_the_log_ends(share: float, final: float, power: float) -> None:
    params = polynomial.Params(total_steps=7919, power=power, final_fraction=final)
    steps = np.arange(0, round(share * 7919), 50)
    told = next(polynomial.fit(steps, polynomial.lr(steps, params), 1e-7))
    assert told.total_steps == pytest.approx(7919, rel=1e-3)
    assert told.power == pytest.approx(power, rel=1e-3)
    assert told.final_fraction == pytest.approx(final, abs=1e-3)


def test_an_exponential_is_no_power() -> None:
    steps = np.arange(0, 5000, 5)
    rate = exponential.lr(steps, exponential.Params(decay_rate=0.01, decay_steps=5000))
    for told in polynomial.fit(steps, rate, 1e-7):
        # The higher the power, the nearer it comes; none is let through that is exact.
        assert np.abs(polynomial.lr(steps, told) - rate).max() > 1e-4


def test_pytorch_has_no_floor() -> None:
    assert polynomial.NATIVE["pytorch"](polynomial.Params(total_steps=9, power=2.0, final_fraction=0.1)) is None
    assert polynomial.NATIVE["huggingface"](polynomial.Params(total_steps=9, power=2.0, final_fraction=1.0)) is None
