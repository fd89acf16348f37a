"""A loss that leaves its best level for good, and losses that only look like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import divergence
from lrdoctor.model import Run
from lrdoctor.testing import (
    Made,
    Points,
    constant_rate,
    descent,
    early_burst,
    evaluated,
    late_divergence,
    linear_rate,
    make_run,
    plateau,
    spiked,
)


def found(run: Run) -> list[divergence.Divergence]:
    return list(divergence.detect(run, divergence.Settings()))


@pytest.mark.parametrize("seed", range(5))
def test_measures_when_and_how_much(seed: int) -> None:
    made = late_divergence(seed=seed, lost=0.9)
    assert made.onset_step is not None
    [finding] = found(make_run(train_loss=made.values, val_loss=evaluated(made), lr=constant_rate()))
    ratio = made.clean[-1] / made.clean.min()
    # The best stretch is one of 25, so its end lies within one of the onset.
    assert finding.onset_step == pytest.approx(made.onset_step, abs=80)
    assert finding.onset_fraction == pytest.approx(made.onset_step / 1999, abs=0.04)
    # What was learned counts from the first point, which scatters by 7 %.
    assert finding.lost_fraction == pytest.approx(0.9, abs=0.08)
    assert finding.end_ratio == pytest.approx(ratio, rel=0.05)
    assert finding.validation_ratio == pytest.approx(ratio, rel=0.05)
    assert finding.best_level == pytest.approx(made.clean.min(), rel=0.05)
    assert finding.rate_ratio == 1.0
    assert finding.confidence > 0.9


def test_a_lower_loss_of_ground_is_measured_too() -> None:
    made = late_divergence(onset=0.5, lost=0.2)
    [finding] = found(make_run(train_loss=made.values))
    assert finding.lost_fraction == pytest.approx(0.2, abs=0.02)
    assert finding.validation_ratio is None
    assert finding.rate_at_onset is None


def test_compares_the_rates_at_onset_and_end() -> None:
    made = late_divergence(onset=0.5)
    rising = linear_rate()[::-1]
    [finding] = found(make_run(train_loss=made.values, lr=rising))
    assert finding.rate_at_onset == pytest.approx(rising[1000], rel=0.1)
    assert finding.rate_ratio == pytest.approx(2.0, rel=0.1)


def test_a_rate_that_is_not_a_number_leaves_the_rate_unknown() -> None:
    made = late_divergence(onset=0.5)
    [finding] = found(make_run(train_loss=made.values, lr=np.full(2000, np.nan)))
    assert finding.rate_at_onset is None
    assert finding.rate_ratio is None


def test_judges_the_validation_loss_where_there_is_no_other() -> None:
    made = late_divergence(onset=0.5)
    [finding] = found(make_run(val_loss=evaluated(made)))
    assert finding.series == "val_loss"
    assert finding.onset_step == pytest.approx(1000, abs=80)


@pytest.mark.parametrize(
    "made",
    [
        descent(),
        descent(noise=0.15),
        plateau(noise=0.1),
        spiked(recovers=True),
        early_burst(recovers=True),
        late_divergence(lost=0.01),
    ],
    ids=["sound", "noisy batches", "plateau", "recovered spike", "recovered burst", "within the wobble"],
)
def test_near_misses(made: Made) -> None:
    assert not found(make_run(train_loss=made.values, val_loss=evaluated(made), lr=constant_rate()))


def test_over_fitting_is_no_divergence() -> None:
    assert not found(make_run(train_loss=descent().values, val_loss=evaluated(late_divergence())))


def test_a_training_loss_that_rises_alone_is_not_confirmed() -> None:
    assert not found(make_run(train_loss=late_divergence().values, val_loss=evaluated(descent())))


def test_too_few_validations_neither_confirm_nor_deny() -> None:
    sparse = evaluated(descent())
    run = make_run(train_loss=late_divergence().values, val_loss=Points(sparse.steps[::10], sparse.values[::10]))
    [finding] = found(run)
    assert finding.validation_ratio is None


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = late_divergence(onset=0.5)
    [finding] = found(cadence(make_run(train_loss=made.values, val_loss=evaluated(made), lr=constant_rate())))
    assert finding.onset_step == pytest.approx(1000, abs=80)
    # The mean of the first 20 steps is well below the untrained level.
    assert 0.85 < finding.lost_fraction < 1.25
    assert not found(cadence(make_run(train_loss=descent().values, lr=constant_rate())))


@pytest.mark.parametrize("seed", range(20))
def test_the_scatter_of_a_log_that_begins_near_its_floor_is_no_loss(seed: int) -> None:
    loss = 0.05 * 0.995 ** np.arange(44) + np.random.default_rng(seed).normal(0, 0.01, 44)
    assert not found(make_run(train_loss=np.abs(loss), steps=[*range(44, 88)]))
