"""A rate that is gone long before the run is, and decays that end where a run should end."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.detectors import premature_decay
from lrdoctor.model import Floats, Run
from lrdoctor.testing import (
    constant_rate,
    cosine_rate,
    descent,
    evaluated,
    exponential_rate,
    late_divergence,
    linear_rate,
    logged,
    make_run,
    plateau,
    stable_rate,
    step_rate,
)


def found(run: Run) -> list[premature_decay.PrematureDecay]:
    return list(premature_decay.detect(run, premature_decay.Settings()))


def gone_at(fraction: float) -> Floats:
    """A line from the peak to zero at this fraction of the run, and a thousandth of the peak from there on."""
    return np.maximum(1 - np.arange(2000) / (2000 * fraction), 0.001)


def test_measures_when_and_what_came_after() -> None:
    made = plateau(onset=0.4)
    [finding] = found(make_run(train_loss=made.values, lr=gone_at(0.4)))
    assert finding.decayed_step == pytest.approx(0.9 * 800, abs=2)
    assert finding.decayed_fraction == pytest.approx(0.36, abs=0.002)
    assert finding.mean_rate_ratio == pytest.approx(0.2, abs=0.005)
    assert finding.smallest_rate_ratio == pytest.approx(0.001)
    # A tenth of the fall was left when the rate fell below a tenth.
    assert finding.gain_after == pytest.approx(0.1, abs=0.03)
    assert abs(finding.trend_after) < 0.5


def test_a_loss_that_creeps_on() -> None:
    made = descent()
    [finding] = found(make_run(train_loss=made.values, val_loss=evaluated(made), lr=gone_at(0.2)))
    assert finding.series == "val_loss"
    assert finding.trend_after < -0.9
    at, end = made.clean[360], np.median(made.clean[1800:])
    assert finding.gain_after == pytest.approx((at - end) / (made.clean[0] - end), abs=0.02)


@pytest.mark.parametrize(
    "rate",
    [
        constant_rate(),
        cosine_rate(),
        linear_rate(),
        stable_rate(),
        step_rate(cuts=(0.5,)),
        step_rate(cuts=(0.5, 0.75)),
        exponential_rate(final_fraction=0.05),
        gone_at(0.8),
        np.zeros(2000),
    ],
    ids=["constant", "cosine", "linear", "stable", "to a tenth", "twice", "exponential", "in the last third", "zero"],
)
def test_near_misses(rate: Floats) -> None:
    assert not found(make_run(train_loss=plateau(onset=0.4).values, lr=rate))


def test_a_run_that_learned_nothing_says_nothing_of_the_rate() -> None:
    assert not found(make_run(train_loss=late_divergence(lost=1.2).values, lr=gone_at(0.2)))


@pytest.mark.parametrize("every", [5, 20])
@pytest.mark.parametrize("averaged", [False, True])
def test_does_not_depend_on_the_cadence(every: int, averaged: bool) -> None:
    made = descent()
    [finding] = found(logged(make_run(train_loss=made.values, lr=gone_at(0.2)), every=every, averaged=averaged))
    assert finding.decayed_step == pytest.approx(360, abs=every)
    assert finding.mean_rate_ratio == pytest.approx(0.1, abs=0.01)
    assert not found(logged(make_run(train_loss=made.values, lr=cosine_rate()), every=every, averaged=averaged))
