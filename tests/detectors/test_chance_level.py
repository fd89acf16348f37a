"""A loss that ended at ln K: for which K, and how that is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import chance_level
from lrdoctor.model import Run
from lrdoctor.testing import Points, constant_rate, descent, early_burst, evaluated, make_run, plateau, ruled_line


def found(run: Run) -> list[chance_level.ChanceLevel]:
    return list(chance_level.detect(run, chance_level.Settings()))


@pytest.mark.parametrize("classes", [2, 3, 10, 20])
def test_a_burst_that_ends_at_chance(classes: int) -> None:
    made = early_burst(height=20.0, start=math.log(classes))
    norms = np.where(np.arange(2000) < 100, 30.0, 0.3)
    [finding] = found(make_run(train_loss=made.values, lr=constant_rate(), grad_norm=norms))
    assert (finding.classes, finding.inferred_from) == (classes, "level")
    assert finding.level_ratio == pytest.approx(1.0, abs=0.01)
    assert finding.peak_ratio == pytest.approx(20, rel=0.15)
    assert finding.flat_fraction >= 0.9
    assert finding.gradient_ratio == pytest.approx(0.01, rel=0.01)
    assert finding.rate_logged


def test_the_hyperparameters_know_best() -> None:
    made = early_burst(start=math.log(50257), noise=0.005)
    [finding] = found(make_run(train_loss=made.values, hparams={"model/vocab_size": 50257}))
    assert (finding.classes, finding.inferred_from) == (50257, "hyperparameter")
    [finding] = found(make_run(train_loss=made.values, hparams={"num_classes": 10}))
    assert finding.classes is None
    assert finding.level_ratio is None


@pytest.mark.parametrize("unit", [1.0, 100.0], ids=["shares", "per cent"])
def test_an_accuracy_confirms_or_denies(unit: float) -> None:
    val = evaluated(early_burst(start=math.log(100), noise=0.0))
    guessing = Points(val.steps, unit * np.random.default_rng(0).binomial(10_000, 0.01, len(val.steps)) / 10_000)
    [finding] = found(make_run(val_loss=val, accuracy=guessing))
    assert (finding.classes, finding.inferred_from) == (100, "accuracy")
    [finding] = found(make_run(val_loss=val, accuracy=Points(val.steps, np.full(len(val.steps), 0.4 * unit))))
    assert finding.classes is None


def test_a_first_point_that_already_averages_over_the_burst() -> None:
    epochs = np.append([14.2], np.full(29, 2.3029))
    [finding] = found(make_run(train_loss=epochs, accuracy=np.full(30, 0.1)))
    assert finding.classes == 10
    assert finding.first_ratio == pytest.approx(6.17, abs=0.01)
    assert finding.peak_ratio == pytest.approx(6.17, abs=0.01)


def test_never_moved() -> None:
    [finding] = found(make_run(train_loss=np.full(100, math.log(7))))
    assert (finding.classes, finding.flat_fraction) == (7, 1.0)
    assert finding.first_ratio == 1.0
    assert finding.peak_ratio == 1.0
    assert finding.gradient_ratio is None
    assert not finding.rate_logged


def test_a_level_alone_is_no_evidence_for_many_classes() -> None:
    [finding] = found(make_run(train_loss=np.full(100, math.log(300))))
    assert finding.classes is None


def test_a_level_that_was_learned_down_to_is_no_guess() -> None:
    made = plateau(level=math.log(3), onset=0.2, noise=0.01)
    [finding] = found(make_run(train_loss=made.values))
    assert finding.classes is None
    assert finding.flat_fraction == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("shift", [-3.0, -1000.0])
def test_a_loss_below_zero_has_no_such_level(shift: float) -> None:
    for finding in found(make_run(train_loss=plateau().values + shift)):
        assert finding.classes is None
        assert finding.first_ratio is None


@pytest.mark.parametrize("loss", [descent().values, ruled_line().values, descent(steps=9).values])
def test_near_misses(loss: np.ndarray) -> None:
    assert not found(make_run(train_loss=loss))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = early_burst(steps=8000, start=math.log(10), noise=0.01)
    [finding] = found(cadence(make_run(train_loss=made.values, lr=constant_rate(steps=8000))))
    assert finding.classes == 10
    assert finding.peak_ratio is not None
    assert finding.peak_ratio > 10
    assert finding.flat_fraction >= 0.9
