"""A loss that stands still to the end, and falls that are slow, late or only interrupted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import plateau as detector
from lrdoctor.model import Floats, Run
from lrdoctor.testing import constant_rate, cosine_rate, descent, evaluated, make_run, plateau, ruled_line, step_rate


def found(run: Run) -> list[detector.Plateau]:
    return list(detector.detect(run, detector.Settings()))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("validated", [False, True])
def test_measures_onset_and_level(seed: int, validated: bool) -> None:
    made = plateau(level=0.8, noise=0.05, seed=seed)
    assert made.onset_step is not None
    val = evaluated(made, noise=0.01, seed=seed) if validated else None
    [finding] = found(make_run(train_loss=made.values, val_loss=val, lr=constant_rate()))
    # Coarse: it moves back over the fall while that is too short for a trend, and stops where noise looks like one.
    assert made.onset_step - 400 <= finding.onset_step <= 1000
    assert finding.onset_fraction == pytest.approx(finding.onset_step / 1999, abs=0.001)
    assert finding.level == pytest.approx(0.8, rel=0.02)
    assert finding.end_ratio == pytest.approx(0.8 / 2.3, rel=0.15)
    assert finding.swing == pytest.approx(0.01 if validated else 0.05, rel=0.5)
    assert finding.rate_ratio == 1.0
    assert finding.rate_constant is True


def test_tells_how_the_rate_stood() -> None:
    made = plateau(onset=0.45)
    [finding] = found(make_run(train_loss=made.values, lr=cosine_rate()))
    assert finding.rate_ratio is not None
    assert finding.rate_ratio < 0.5
    assert finding.rate_constant is False
    [finding] = found(make_run(train_loss=made.values, lr=step_rate(cuts=(0.2,))))
    assert finding.rate_ratio == pytest.approx(0.1)
    assert finding.rate_constant is True
    [finding] = found(make_run(train_loss=made.values))
    assert (finding.rate_ratio, finding.rate_constant) == (None, None)


def left_again() -> Floats:
    made = plateau(onset=0.2)
    return np.asarray(made.values * np.interp(np.arange(2000), [0, 1500, 1999], [1, 1, 0.5]), dtype=np.float64)


@pytest.mark.parametrize(
    "loss",
    [
        descent().values,
        descent(noise=0.06).values,
        ruled_line(drop=0.2).values,
        plateau(onset=0.75).values,
        left_again(),
    ],
    ids=["sound", "noisy batches", "ruled line", "a late onset", "left again"],
)
def test_near_misses(loss: Floats) -> None:
    assert not found(make_run(train_loss=loss, lr=constant_rate()))


def test_every_loss_must_stand_still() -> None:
    flat, falling = plateau(), ruled_line(drop=0.5)
    assert found(make_run(train_loss=flat.values, val_loss=evaluated(flat, noise=0.01)))
    assert not found(make_run(train_loss=falling.values, val_loss=evaluated(flat, noise=0.01)))
    assert not found(make_run(train_loss=flat.values, val_loss=evaluated(falling, noise=0.01)))


def test_sixteen_points_in_the_second_half_are_needed() -> None:
    assert found(make_run(train_loss=plateau(steps=40).values))
    assert not found(make_run(train_loss=plateau(steps=30).values))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = plateau(onset=0.3)
    [finding] = found(cadence(make_run(train_loss=made.values, lr=constant_rate())))
    assert 200 <= finding.onset_step <= 1000
    assert finding.level == pytest.approx(0.8, rel=0.02)
    assert not found(cadence(make_run(train_loss=descent().values, lr=constant_rate())))
