"""The summary of every run with a loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import progress
from lrdoctor.model import Run
from lrdoctor.testing import constant_rate, descent, ends_in_nan, evaluated, make_run


def found(run: Run) -> list[progress.Progress]:
    return list(progress.detect(run, progress.Settings()))


def test_measures_both_ends() -> None:
    made = descent()
    [finding] = found(make_run(train_loss=made.values))
    end = float(np.median(made.clean[1800:]))
    assert finding.points == 2000
    assert finding.first_value == made.values[0]
    assert finding.end_value == pytest.approx(end, rel=0.01)
    assert finding.drop == pytest.approx(1 - end / made.values[0], abs=0.01)
    assert not finding.rate_logged
    assert not finding.validation_logged


def test_tells_what_was_logged() -> None:
    made = descent()
    [finding] = found(make_run(train_loss=made.values, val_loss=evaluated(made), lr=constant_rate()))
    assert finding.series == "train_loss"
    assert finding.rate_logged
    assert finding.validation_logged
    [finding] = found(make_run(val_loss=evaluated(made), lr=[]))
    assert finding.series == "val_loss"
    assert not finding.rate_logged


def test_only_finite_points_count() -> None:
    made = ends_in_nan(onset=0.5)
    [finding] = found(make_run(train_loss=made.values))
    assert finding.points == 1000
    # Nothing was logged in the last tenth, so the last number that there was stands for the end.
    assert finding.end_value == made.values[999]


@pytest.mark.parametrize(
    ("loss", "drop"), [([2.0, 3.0], -0.5), ([-1.0, -2.0], 1.0), ([0.0, 1.0], 0.0), ([1.0, 1.0], 0.0)]
)
def test_the_drop_is_relative_to_the_first_value(loss: list[float], drop: float) -> None:
    [finding] = found(make_run(train_loss=loss))
    assert finding.drop == drop


@pytest.mark.parametrize("loss", [[], [1.0], [1.0, np.nan]])
def test_one_point_is_no_course(loss: list[float]) -> None:
    assert not found(make_run(train_loss=loss))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = descent()
    [finding] = found(cadence(make_run(train_loss=made.values)))
    assert finding.end_value == pytest.approx(np.median(made.clean[1800:]), rel=0.02)
