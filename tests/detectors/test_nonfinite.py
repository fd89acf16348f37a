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


def test_near_misses() -> None:
    assert not found(make_run(train_loss=descent().values * 1e30, grad_norm=descent().values))
    assert not found(make_run(train_loss=descent().values, lr=np.full(2000, np.nan)))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = ends_in_nan(onset=0.5)
    [finding] = found(cadence(make_run(train_loss=made.values)))
    assert finding.onset_step == pytest.approx(1000, abs=20)
    assert finding.persistent
