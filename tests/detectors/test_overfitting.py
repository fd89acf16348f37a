"""A validation loss that rises alone, and rises that the training loss shares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import overfitting
from lrdoctor.model import Run
from lrdoctor.testing import Made, Points, descent, evaluated, late_divergence, make_run, plateau, ruled_line


def found(run: Run) -> list[overfitting.Overfitting]:
    return list(overfitting.detect(run, overfitting.Settings()))


@pytest.mark.parametrize("seed", range(5))
def test_measures_the_rise_and_its_beginning(seed: int) -> None:
    train, val = ruled_line(drop=0.9, seed=seed), late_divergence(lost=0.1, seed=seed)
    assert val.onset_step is not None
    [finding] = found(make_run(train_loss=train.values, val_loss=evaluated(val)))
    assert finding.series == "val_loss"
    assert finding.best_step == pytest.approx(val.onset_step, abs=80)
    assert finding.best_fraction == pytest.approx(val.onset_step / 1999, abs=0.04)
    assert finding.rise == pytest.approx(val.clean[-1] / val.clean.min() - 1, rel=0.1)
    then = train.clean[finding.best_step - 40]
    assert finding.train_fall == pytest.approx(train.clean[1900] / then, rel=0.1)


@pytest.mark.parametrize(
    ("train", "val"),
    [
        (descent(), descent()),
        (late_divergence(), late_divergence()),
        (plateau(onset=0.3, noise=0.02), late_divergence(onset=0.5, lost=0.1)),
        (ruled_line(drop=0.9), late_divergence(lost=0.005)),
    ],
    ids=["both fall", "both rise", "the training loss stands still", "a rise within noise"],
)
def test_near_misses(train: Made, val: Made) -> None:
    assert not found(make_run(train_loss=train.values, val_loss=evaluated(val)))


def test_few_validations_do_not_tell() -> None:
    train, val = ruled_line(drop=0.9), late_divergence(lost=0.1)
    assert found(make_run(train_loss=train.values, val_loss=evaluated(val, every=200)))
    assert not found(make_run(train_loss=train.values, val_loss=evaluated(val, every=250)))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    train, val = ruled_line(drop=0.9), late_divergence(lost=0.1, onset=0.5)
    [finding] = found(cadence(make_run(train_loss=train.values, val_loss=evaluated(val))))
    assert finding.best_step == pytest.approx(1000, abs=80)
    assert not found(cadence(make_run(train_loss=train.values, val_loss=evaluated(descent()))))


@pytest.mark.parametrize("seed", range(10))
def test_a_loss_that_falls_to_the_end_is_not_above_its_best(seed: int) -> None:
    """Twelve evaluations of a short run: the last is the best, and the level of the last tenth lies above it."""
    steps = np.arange(10, 132, 11)
    val = Points(steps, np.asarray(0.076 * 0.9 ** np.arange(len(steps)), dtype=np.float64))
    noise = np.random.default_rng(seed).normal(0, 0.002, 132)
    assert not found(make_run(train_loss=0.1 * 0.98 ** np.arange(132) + noise, val_loss=val))
