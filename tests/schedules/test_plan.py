"""A whole schedule: the warm-up, then the law from its own step 0."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import constant, linear
from lrdoctor.schedules._plan import Plan, Warmup, rates


def plan(warmup: Warmup) -> Plan:
    params = linear.Params(total_steps=80)
    return Plan(schedule="linear", params=params, peak_lr=0.5, warmup=warmup, total_steps=100)


def test_without_a_warm_up_it_is_the_law_times_the_peak() -> None:
    steps = np.arange(120)
    rate = rates(plan(Warmup()), steps)
    assert rate == pytest.approx(0.5 * linear.lr(steps, linear.Params(total_steps=80)))
    assert rate.dtype == np.float64


@pytest.mark.parametrize(
    ("warmup", "before"),
    [
        (Warmup(steps=20), [0.0, 0.25, 0.475]),
        (Warmup(steps=20, start=0.2), [0.1, 0.3, 0.48]),
        (Warmup(steps=20, shape="constant", start=0.2), [0.1, 0.1, 0.1]),
        (Warmup(steps=20, shape="cosine"), [0.0, 0.25, 0.5 * (1 - np.cos(0.95 * np.pi)) / 2]),
    ],
)
def test_the_law_begins_where_the_warm_up_ends(warmup: Warmup, before: list[float]) -> None:
    rate = rates(plan(warmup), np.array([0, 10, 19, 20, 60, 100, 1000]))
    assert rate == pytest.approx([*before, 0.5, 0.25, 0.0, 0.0])


def test_before_the_run_is_as_at_its_start() -> None:
    assert rates(plan(Warmup(steps=20, start=0.2)), np.array([-5])) == pytest.approx([0.1])


def test_one_step_is_enough() -> None:
    held = Plan(schedule="constant", params=constant.Params(), peak_lr=3e-4, total_steps=1)
    assert rates(held, np.arange(1)).tolist() == [3e-4]
    assert rates(held, np.array([], dtype=np.int64)).shape == (0,)
