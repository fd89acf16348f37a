"""The staircase that a metric drew."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import reduce_on_plateau

FLOORED = reduce_on_plateau.Params(milestones=(300, 350, 700), factor=0.1, floor_fraction=0.005)


def test_no_cut_goes_below_the_floor() -> None:
    rate = reduce_on_plateau.lr(np.array([0, 299, 300, 350, 700, 9999]), FLOORED)
    assert rate == pytest.approx([1, 1, 0.1, 0.01, 0.005, 0.005])


def test_the_rate_alone_does_not_tell() -> None:
    t = np.arange(0, 1000, 5)
    assert not list(reduce_on_plateau.fit(t, reduce_on_plateau.lr(t, FLOORED), 1e-7))


def test_with_the_metric_it_is_told_with_its_floor() -> None:
    t = np.arange(0, 1000, 5)
    told = reduce_on_plateau.seen(t, reduce_on_plateau.lr(t, FLOORED), 1e-7)
    assert told is not None
    assert told.milestones == FLOORED.milestones
    assert (told.factor, told.floor_fraction) == pytest.approx((0.1, 0.005))


def test_a_deeper_last_cut_is_no_floor() -> None:
    t = np.arange(1000)
    u = np.where(t >= 700, 0.01, np.where(t >= 400, 0.25, np.where(t >= 200, 0.5, 1.0)))
    assert reduce_on_plateau.seen(t, u, 1e-7) is None


@pytest.mark.parametrize("floor", [-0.1, 1.0])
def test_refuses_a_floor(floor: float) -> None:
    with pytest.raises(ValueError, match="floor_fraction"):
        reduce_on_plateau.Params(milestones=(10,), factor=0.1, floor_fraction=floor)
