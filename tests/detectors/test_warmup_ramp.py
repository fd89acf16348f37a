"""A loss that turns up on its way through the rates, ramps that are borne, and what is no ramp."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import lr_schedule, warmup_ramp
from lrdoctor.model import Floats, Run
from lrdoctor.testing import Points, constant_rate, cosine_rate, descent, linear_rate, make_run, spiked, step_rate

STEPS = 8000
RAMP = 800


def found(run: Run) -> list[warmup_ramp.WarmupRamp]:
    return list(warmup_ramp.detect(run, warmup_ramp.Settings()))


def thrown_back(*, stable: float = 0.4, back: float = 0.5, noise: float = 0.03, seed: int = 0) -> Floats:
    """A loss that falls until the rate of the ramp is `stable`, climbs by 1.2 until the rate has stood at its peak for
    a while, and is back on its way after `back` of the run."""
    sound, t = descent(steps=STEPS, noise=0.0).clean, np.arange(STEPS)
    turn = round(stable * RAMP)
    climb = sound[turn] + np.interp(t, [turn, RAMP + 100], [0.0, 1.2])
    clean = np.where((t < turn) | (t >= back * STEPS), sound, climb)
    return np.asarray(clean * np.random.default_rng(seed).normal(1, noise, STEPS), dtype=np.float64)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("stable", [0.3, 0.6])
def test_finds_the_rate_that_was_borne(seed: int, stable: float) -> None:
    loss = thrown_back(stable=stable, seed=seed)
    [finding] = found(make_run(train_loss=loss, lr=cosine_rate(steps=STEPS, peak=0.01, warmup=RAMP)))
    assert finding.ramp_fraction == pytest.approx(0.1, abs=0.001)
    assert not finding.whole_run
    # To within a stretch and a half of sixteen.
    assert finding.stable_factor == pytest.approx(stable, abs=0.1)
    assert finding.stable_lr == pytest.approx(0.01 * finding.stable_factor, rel=0.001)
    assert finding.rise_factor is not None
    assert finding.stable_factor < finding.rise_factor < stable + 0.3
    assert finding.steepest_factor is not None
    assert finding.steepest_factor < stable + 0.1
    assert finding.rise_ratio is not None
    assert finding.rise_ratio > 1.5
    assert finding.thrown_back is not None
    assert finding.thrown_back > 0.5
    assert finding.recovered is True
    assert finding.lost_fraction == pytest.approx(0.5 - stable * 0.1, abs=0.08)


def test_a_loss_that_never_came_down_again() -> None:
    [finding] = found(make_run(train_loss=thrown_back(back=1.1), lr=cosine_rate(steps=STEPS, warmup=RAMP)))
    assert finding.recovered is False
    assert finding.lost_fraction == pytest.approx(0.96, abs=0.01)


@pytest.mark.parametrize(
    "loss",
    [
        descent(steps=STEPS).values,
        descent(steps=STEPS, noise=0.15).values,
        spiked(steps=STEPS, onset=0.07, width=20).values,
        thrown_back(stable=1.1),
    ],
    ids=["sound", "noisy batches", "a spike", "after the ramp"],
)
def test_a_ramp_that_was_borne(loss: Floats) -> None:
    [finding] = found(make_run(train_loss=loss, lr=cosine_rate(steps=STEPS, warmup=RAMP)))
    assert finding.stable_factor == 1.0
    assert finding.rise_factor is finding.thrown_back is finding.recovered is finding.lost_fraction is None


def test_a_burst_of_the_norm() -> None:
    norm = np.where((np.arange(STEPS) > 500) & (np.arange(STEPS) < 900), 30.0, 1.0)
    rate = cosine_rate(steps=STEPS, warmup=RAMP)
    [finding] = found(make_run(train_loss=descent(steps=STEPS).values, lr=rate, grad_norm=norm))
    assert finding.burst_factor == pytest.approx(500 / RAMP, abs=0.08)
    [finding] = found(make_run(train_loss=descent(steps=STEPS).values, lr=rate, grad_norm=np.minimum(norm, 6.0)))
    assert finding.burst_factor is None


def test_a_range_test_is_all_ramp() -> None:
    rate = np.geomspace(1e-5, 1.0, 400)
    t = np.arange(400)
    loss = 2.3 - 1.2 / (1 + np.exp(-(np.log10(rate) + 2.5) * 4)) + np.exp((np.log10(rate) + 0.7) * 8)
    run = make_run(train_loss=loss * np.random.default_rng(0).normal(1, 0.01, 400), lr=rate, steps=t)
    [finding] = found(run)
    assert finding.whole_run
    assert finding.steepest_lr == pytest.approx(10**-2.5, rel=1.0)
    assert 0.01 < finding.stable_lr < 0.15
    assert finding.rise_lr is not None
    [schedule] = lr_schedule.detect(run, lr_schedule.Settings())
    assert schedule.shape == "range_test"


@pytest.mark.parametrize(
    "rate",
    [
        constant_rate(steps=STEPS),
        cosine_rate(steps=STEPS),
        cosine_rate(steps=STEPS, warmup=50),
        linear_rate(steps=STEPS)[::-1] + 0.0005,
        np.concatenate([np.linspace(0.1, 0.6, 200), np.linspace(0.3, 1, 200), np.ones(STEPS - 400)]),
    ],
    ids=["constant", "cosine", "shorter than a hundredth", "by less than five", "two ramps"],
)
def test_near_misses(rate: Floats) -> None:
    assert not found(make_run(train_loss=descent(steps=STEPS).values, lr=rate))


def test_eight_points_are_needed() -> None:
    few = np.arange(0, STEPS, 160)
    rate = cosine_rate(steps=STEPS, warmup=RAMP)
    assert not found(make_run(train_loss=Points(few, thrown_back()[few]), lr=rate))
    assert not found(make_run(train_loss=thrown_back(), lr=Points(few, rate[few])))


def test_any_law_may_follow() -> None:
    rate = step_rate(steps=STEPS, warmup=RAMP)
    assert found(make_run(train_loss=thrown_back(), lr=rate))[0].rise_factor is not None


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    rate = cosine_rate(steps=STEPS, peak=0.01, warmup=RAMP)
    [finding] = found(cadence(make_run(train_loss=thrown_back(), lr=rate)))
    assert finding.stable_factor == pytest.approx(0.4, abs=0.12)
    assert finding.thrown_back is not None
    assert finding.thrown_back > 0.5
    assert finding.recovered is True
    assert finding.lost_fraction == pytest.approx(0.46, abs=0.08)
    [finding] = found(cadence(make_run(train_loss=descent(steps=STEPS, noise=0.1).values, lr=rate)))
    assert finding.stable_factor == 1.0
