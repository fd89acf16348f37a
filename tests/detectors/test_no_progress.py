"""A run that ended where it began, and small steady falls that are no standstill."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import no_progress
from lrdoctor.model import Run
from lrdoctor.testing import (
    Points,
    constant_rate,
    descent,
    evaluated,
    late_divergence,
    make_run,
    plateau,
    ruled_line,
    spiked,
)


def flat(level: float = math.log(10), steps: int = 2000, noise: float = 0.02) -> list[float]:
    return list(descent(start=level, floor=level, steps=steps, noise=noise).values)


def found(run: Run) -> list[no_progress.NoProgress]:
    return list(no_progress.detect(run, no_progress.Settings()))


def test_hops_around_its_first_value() -> None:
    [finding] = found(make_run(train_loss=flat(), lr=constant_rate()))
    # The first value alone scatters by 5 %.
    assert finding.end_ratio == pytest.approx(1.0, abs=0.06)
    assert abs(finding.trend) < 0.45
    assert finding.wander is not None
    assert finding.wander > 3
    assert finding.nearest_classes == 10


def test_ends_as_high_as_it_began_after_a_divergence() -> None:
    [finding] = found(make_run(train_loss=late_divergence(lost=1.2).values))
    assert finding.end_ratio > 1


@pytest.mark.parametrize(
    ("level", "classes"), [(math.log(2), 2), (math.log(20), 20), (1.5, None), (5.0, None), (-1, None)]
)
def test_names_the_number_of_classes(level: float, classes: int | None) -> None:
    [finding] = found(make_run(train_loss=flat(level, noise=0.001)))
    assert finding.nearest_classes == classes


@pytest.mark.parametrize(
    "loss",
    [
        descent().values,
        plateau().values,
        ruled_line(drop=0.2).values,
        ruled_line(drop=0.04, noise=0.002).values,
        spiked().values,
    ],
    ids=["sound", "plateau", "ruled line", "a small but steady fall", "spike"],
)
def test_near_misses(loss: list[float]) -> None:
    assert not found(make_run(train_loss=loss))


def test_either_loss_that_falls_is_progress() -> None:
    assert found(make_run(train_loss=flat(), val_loss=flat(noise=0.001)))
    assert not found(make_run(train_loss=descent().values, val_loss=flat(noise=0.001)))
    assert not found(make_run(train_loss=flat(), val_loss=evaluated(descent())))


def test_a_handful_of_points_shows_no_standstill() -> None:
    assert found(make_run(train_loss=flat(steps=40)))
    assert not found(make_run(train_loss=flat(steps=7)))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    [finding] = found(cadence(make_run(train_loss=flat())))
    assert finding.end_ratio == pytest.approx(1.0, abs=0.06)
    assert not found(cadence(make_run(train_loss=descent().values)))


def test_tells_a_run_that_is_thrown_about_from_one_that_hardly_moves() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 60)
    steps = np.arange(0, 3000, 50)
    [thrown] = found(make_run(val_loss=Points(steps, 2.35 + 0.03 * noise)))
    [calm] = found(make_run(val_loss=Points(steps, 2.30 + 0.002 * noise)))
    assert thrown.swing == pytest.approx(0.03 / 2.35, rel=0.6)
    assert calm.swing == pytest.approx(0.002 / 2.30, rel=0.6)
