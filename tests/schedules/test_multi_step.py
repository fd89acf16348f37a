"""One factor at chosen steps."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import multi_step
from lrdoctor.schedules._staircase import cuts, roundest


def test_falls_at_each_milestone() -> None:
    params = multi_step.Params(milestones=(30, 80), factor=0.1)
    assert multi_step.lr(np.array([0, 29, 30, 79, 80, 999]), params) == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("milestones", [(), (0, 10), (10, 10), (20, 10)])
def test_refuses_milestones(milestones: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="milestones"):
        multi_step.Params(milestones=milestones, factor=0.1)


def test_a_milestone_is_the_roundest_step_since_the_last_point() -> None:
    t = np.arange(0, 1000, 7)
    [told] = multi_step.fit(t, np.where(t >= 750, 0.04, np.where(t >= 500, 0.2, 1.0)), 1e-7)
    assert told.milestones == (500, 750)
    assert told.factor == pytest.approx(0.2)


def test_cuts_of_two_factors_are_none() -> None:
    t = np.arange(1000)
    u = np.where(t >= 750, 0.05, np.where(t >= 500, 0.1, 1.0))
    assert cuts(t, u, 1e-7) == ()


def test_as_many_cuts_as_points_explain_nothing() -> None:
    u = np.asarray(0.9 ** np.arange(40), dtype=np.float64)
    assert cuts(np.arange(40), u, 1e-7) == ()
    assert cuts(np.arange(200), np.repeat(u, 5), 1e-7) != ()


def test_a_mean_over_the_window_tells_the_step() -> None:
    u = np.where(np.arange(1000) >= 437, 0.1, 1.0).reshape(50, 20).mean(axis=1)
    assert cuts(np.arange(1, 51) * 20 - 1, u, 1e-3) == (437,)


@pytest.mark.parametrize(
    ("least", "most", "expected"), [(1, 9, 5), (981, 1080, 1000), (441, 460, 450), (437, 437, 437)]
)
def test_roundest(least: int, most: int, expected: int) -> None:
    assert roundest(least, most) == expected
