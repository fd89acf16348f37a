"""A gradient's norm that bursts in the first steps, and norms that rise to their level or fall from the start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import first_steps
from lrdoctor.model import Floats, Run
from lrdoctor.testing import Points, descent, make_run

STEPS = 8000
T = np.arange(STEPS)


def found(run: Run) -> list[first_steps.FirstSteps]:
    return list(first_steps.detect(run, first_steps.Settings()))


def norms(*, first: float = 1.0, highest: float = 12.0, later: float = 1.0, seed: int = 0) -> Floats:
    """From `first` to `highest` after 2 % of the run, and at 4 % at `later`."""
    clean = np.interp(T, [0, 160, 320], [first, highest, later])
    return np.asarray(clean * np.random.default_rng(seed).normal(1, 0.05, STEPS), dtype=np.float64)


@pytest.mark.parametrize("seed", range(3))
def test_measures_the_burst(seed: int) -> None:
    loss = descent(steps=STEPS, seed=seed).values * np.interp(T, [100, 160, 220], [1.0, 3.0, 1.0])
    [finding] = found(make_run(train_loss=loss, grad_norm=norms(seed=seed)))
    assert finding.peak_step == pytest.approx(160, abs=10)
    assert finding.norm_rise == pytest.approx(12, rel=0.15)
    assert finding.norm_fall == pytest.approx(12, rel=0.15)
    assert finding.loss_rise is not None
    assert 1.8 < finding.loss_rise < 3.2


@pytest.mark.parametrize(
    "norm",
    [norms(later=12.0), norms(first=12.0), norms(highest=1.5), np.where(T == 160, 50.0, 1.0)],
    ids=["rises and stays", "falls from the start", "a third more", "one batch"],
)
def test_near_misses(norm: Floats) -> None:
    assert not found(make_run(train_loss=descent(steps=STEPS).values, grad_norm=norm))


def test_a_log_that_was_taken_up_again_has_no_first_steps() -> None:
    assert not found(make_run(grad_norm=norms(), steps=T + STEPS))


def test_eight_points_are_needed() -> None:
    assert not found(make_run(grad_norm=Points(T[::80], norms()[::80])))


def test_a_loss_that_was_logged_rarely_has_no_rise() -> None:
    [finding] = found(make_run(train_loss=Points(T[::400], descent(steps=STEPS).values[::400]), grad_norm=norms()))
    assert finding.loss_rise is None


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    [finding] = found(cadence(make_run(train_loss=descent(steps=STEPS).values, grad_norm=norms())))
    # The first point of an average over 20 steps lies an eighth of the way up.
    assert 6 < finding.norm_rise < 13
    assert finding.norm_fall == pytest.approx(12, rel=0.2)
    assert not found(cadence(make_run(train_loss=descent(steps=STEPS).values, grad_norm=norms(first=12.0))))
