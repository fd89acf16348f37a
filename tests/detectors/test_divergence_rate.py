"""Losses that break away at a known step under a known rate, and those that do not break away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import divergence_rate
from lrdoctor.model import Floats, Run
from lrdoctor.testing import (
    Made,
    constant_rate,
    cosine_rate,
    descent,
    early_burst,
    ends_in_nan,
    evaluated,
    late_divergence,
    linear_rate,
    make_run,
    oscillation,
    plateau,
    spiked,
)

PEAK = 0.01


def found(run: Run) -> list[divergence_rate.DivergenceRate]:
    return list(divergence_rate.detect(run, divergence_rate.Settings()))


def under(made: Made, rate: Floats) -> Run:
    return make_run(train_loss=made.values, lr=rate)


@pytest.mark.parametrize("seed", range(4))
def test_a_late_rise(cadence: Callable[[Run], Run], seed: int) -> None:
    made = late_divergence(seed=seed)
    rate = linear_rate(peak=PEAK)
    [finding] = found(cadence(under(made, rate)))
    assert made.onset_step is not None
    assert finding.cause == "rise"
    assert not finding.recovered
    assert finding.onset_step == pytest.approx(made.onset_step, abs=100)
    assert finding.onset_lr == pytest.approx(rate[made.onset_step], rel=0.15)
    assert finding.onset_factor == pytest.approx(rate[made.onset_step] / PEAK, rel=0.15)
    assert finding.highest_before_lr == pytest.approx(PEAK, rel=0.02)
    assert finding.still_rising is False


@pytest.mark.parametrize("seed", range(3))
def test_a_loss_that_is_lost_for_good(seed: int) -> None:
    made = ends_in_nan(seed=seed)
    [finding] = found(under(made, cosine_rate(peak=PEAK)))
    assert finding.cause == "nonfinite"
    assert finding.onset_step == made.onset_step
    assert finding.onset_lr == pytest.approx(cosine_rate(peak=PEAK)[finding.onset_step])


@pytest.mark.parametrize("recovers", [True, False])
def test_a_burst_on_the_way_up(recovers: bool) -> None:
    made = early_burst(recovers=recovers)
    [finding] = found(under(made, cosine_rate(peak=PEAK, warmup=200)))
    assert finding.cause == "early_burst"
    assert finding.recovered is recovers
    assert finding.still_rising is True
    assert finding.onset_factor is not None
    assert made.onset_step is not None
    assert finding.onset_factor == pytest.approx(made.onset_step / 201, abs=0.05)


def test_a_constant_rate_has_no_factor() -> None:
    [finding] = found(under(late_divergence(), constant_rate(peak=PEAK)))
    assert finding.onset_factor is finding.still_rising is None
    assert finding.onset_lr == pytest.approx(PEAK)


@pytest.mark.parametrize(
    "made",
    [
        descent(),
        descent(noise=0.2),
        plateau(),
        spiked(width=4),
        oscillation(),
        late_divergence(lost=0.2),
    ],
    ids=["sound", "noisy batches", "plateau", "one short spike", "swings", "a fifth lost"],
)
def test_what_does_not_break_away(made: Made) -> None:
    assert not found(under(made, cosine_rate(peak=PEAK)))


def test_few_points_that_are_not_finite_are_a_mishap() -> None:
    values = descent().values.copy()
    values[1000:1010] = np.nan
    assert not found(make_run(train_loss=values, lr=cosine_rate()))


def test_the_validation_loss_is_asked_where_there_is_no_other() -> None:
    made = late_divergence(seed=1)
    [finding] = found(make_run(val_loss=evaluated(made), lr=linear_rate(peak=PEAK)))
    assert finding.onset_step == pytest.approx(made.onset_step, abs=120)
