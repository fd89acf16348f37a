"""One over the square root of the time."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import inverse_sqrt
from lrdoctor.schedules._plan import Plan, Warmup, rates


def test_has_halved_after_three_timescales() -> None:
    params = inverse_sqrt.Params(timescale=100)
    assert inverse_sqrt.lr(np.array([-5, 0, 300, 1500]), params) == pytest.approx([1.0, 1.0, 0.5, 0.25])
    inverse_sqrt.planned_steps(params)


def test_is_noam_behind_a_warm_up_of_one_timescale() -> None:
    steps = np.arange(1, 20_000)
    noam = np.minimum(steps**-0.5, steps * 4000**-1.5) * 4000**0.5
    plan = Plan(
        schedule="inverse_sqrt",
        params=inverse_sqrt.Params(timescale=4000),
        peak_lr=1.0,
        warmup=Warmup(steps=4000),
        total_steps=20_000,
    )
    assert rates(plan, steps) == pytest.approx(noam)


@pytest.mark.parametrize("timescale", [7, 400, 100_000])
def test_the_timescale_is_found(timescale: int) -> None:
    params = inverse_sqrt.Params(timescale=timescale)
    steps = np.arange(0, 20_000, 20)
    assert next(inverse_sqrt.fit(steps, inverse_sqrt.lr(steps, params), 1e-7)) == params
