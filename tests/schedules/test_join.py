"""A warm-up in front of any schedule."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor import plugins
from lrdoctor.schedules import linear
from lrdoctor.schedules._join import warmed_up


def test_ramps_from_one_part_to_the_peak() -> None:
    steps = np.arange(6)
    rate = warmed_up(steps, 4, np.full(6, 0.5))
    assert rate.tolist() == [0.25, 0.5, 0.75, 1.0, 0.5, 0.5]


@pytest.mark.parametrize("warmup", [0, -1])
def test_without_a_warmup_nothing_changes(warmup: int) -> None:
    after = np.array([1.0, 0.5])
    assert warmed_up(np.arange(2), warmup, after) is after


def test_the_schedule_begins_where_the_warmup_ends() -> None:
    steps, warmup = np.arange(101), 20
    rate = warmed_up(steps, warmup, linear.lr(steps - warmup, linear.Params(total_steps=80)))
    assert rate[19] == rate[20] == 1.0
    assert rate[60] == pytest.approx(0.5)
    assert rate[100] == 0.0


@pytest.mark.parametrize("name", plugins.names("schedules"))
def test_every_schedule_begins_at_the_peak_and_can_be_called_alike(name: str) -> None:
    module = plugins.schedules()[name]
    params = module.Params(total_steps=100)
    rate = module.lr(np.arange(-5, 200), params)
    assert rate.shape == (205,)
    # Steps before the schedule belong to a warm-up in front of it, which has its own.
    assert (rate[:6] == 1.0).all()
    assert module.pytorch(params).startswith("torch.optim.lr_scheduler.")
