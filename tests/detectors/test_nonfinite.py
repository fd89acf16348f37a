"""Every NaN and infinity is placed; finite runs have none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import nonfinite
from lrdoctor.model import Run
from lrdoctor.testing import Points, descent, ends_in_nan, evaluated, make_run


def found(run: Run) -> list[nonfinite.NonFinite]:
    return list(nonfinite.detect(run, nonfinite.Settings()))


@pytest.mark.parametrize("seed", range(5))
def test_places_the_onset(seed: int) -> None:
    made = ends_in_nan(seed=seed)
    assert made.onset_step is not None
    [finding] = found(make_run(train_loss=made.values))
    assert finding.onset_step == made.onset_step
    assert finding.onset_fraction == pytest.approx(made.onset_step / 1999)
    assert finding.points == 2000 - made.onset_step
    assert finding.persistent
    assert not finding.from_start
    assert finding.last_finite == made.values[made.onset_step - 1]
    assert finding.span == (made.onset_step, 1999)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_point(bad: float) -> None:
    loss = descent().values.copy()
    loss[700] = bad
    [finding] = found(make_run(train_loss=loss))
    assert (finding.onset_step, finding.points, finding.persistent) == (700, 1, False)
    assert finding.span == (700, 700)


def test_measures_the_run_up() -> None:
    loss = np.ones(100)
    loss[85:90] = [2, 4, 8, 16, 32]
    loss[90:] = np.nan
    [finding] = found(make_run(train_loss=loss))
    assert finding.run_up == 32
    assert finding.last_finite == 32


def test_nothing_before_the_onset() -> None:
    [finding] = found(make_run(train_loss=[np.nan] * 5))
    assert finding.from_start
    assert finding.persistent
    assert finding.last_finite is None
    assert finding.run_up is None


def test_a_number_before_the_first_update_is_a_start() -> None:
    val = Points(np.array([0, 100]), np.array([2.3, np.nan]))
    train, validation = found(make_run(train_loss=Points(np.arange(1, 101), np.full(100, np.nan)), val_loss=val))
    assert (train.role, validation.role) == ("train_loss", "val_loss")
    assert not train.from_start
    assert not validation.from_start


def test_the_gradient_norm_counts_last() -> None:
    made = ends_in_nan(onset=0.5)
    findings = found(make_run(train_loss=made.values, val_loss=evaluated(made), grad_norm=made.values))
    assert [f.role for f in findings] == ["train_loss", "val_loss", "grad_norm"]


def test_a_gradient_norm_beyond_the_end_of_the_loss_stays_within_the_run() -> None:
    grad = Points(np.arange(200), np.where(np.arange(200) < 150, 1.0, np.inf))
    [finding] = found(make_run(train_loss=np.ones(100), grad_norm=grad))
    assert finding.onset_fraction == 1.0


def test_a_log_that_ends_in_nan_is_judged_by_its_end() -> None:
    """One skipped step early on must not make the NaN at the end look survived."""
    made = ends_in_nan(onset=0.8)
    loss = made.values.copy()
    loss[[40, 41, 700]] = np.nan
    [finding] = found(make_run(train_loss=loss))
    assert finding.persistent
    assert (finding.onset_step, finding.points, finding.earlier) == (1600, 400, 3)
    assert finding.last_finite == made.values[1599]


@pytest.mark.parametrize("points", [1, 2])
def test_nan_that_has_just_begun(points: int) -> None:
    loss = descent().values.copy()
    loss[-points:] = np.nan
    [finding] = found(make_run(train_loss=loss))
    assert finding.persistent
    assert (finding.points, finding.onset_step) == (points, 2000 - points)


@pytest.mark.parametrize("seed", range(3))
def test_is_there_two_hundredths_of_the_run_after_the_onset(seed: int, cadence: Callable[[Run], Run]) -> None:
    made = ends_in_nan(onset=0.9, seed=seed)
    [finding] = found(cadence(make_run(train_loss=made.values[: 1800 + 40])))
    assert finding.persistent
    assert not finding.from_start


def test_measures_how_much_of_the_end_is_affected() -> None:
    loss = descent(steps=1001).values.copy()
    loss[900:1000:2] = np.inf
    [finding] = found(make_run(train_loss=loss))
    assert not finding.persistent
    assert finding.late_share == pytest.approx(0.5, abs=0.01)
    loss = descent(steps=1001).values.copy()
    loss[400:500] = np.inf
    [finding] = found(make_run(train_loss=loss))
    assert finding.late_share == 0


def test_a_loss_below_zero_has_no_run_up() -> None:
    loss = np.concatenate([descent(steps=200).values - 1, np.full(20, np.nan)])
    [finding] = found(make_run(train_loss=loss))
    assert finding.run_up is None
    assert finding.last_finite == pytest.approx(loss[199])


def test_near_misses() -> None:
    assert not found(make_run(train_loss=descent().values * 1e30, grad_norm=descent().values))
    assert not found(make_run(train_loss=descent().values, lr=np.full(2000, np.nan)))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = ends_in_nan(onset=0.5)
    [finding] = found(cadence(make_run(train_loss=made.values)))
    assert finding.onset_step == pytest.approx(1000, abs=20)
    assert finding.persistent
