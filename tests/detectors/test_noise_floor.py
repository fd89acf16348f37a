"""Losses that a rate holds up, losses that have arrived, and losses that still fall."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import noise_floor
from lrdoctor.model import Floats, Run
from lrdoctor.testing import constant_rate, cosine_rate, descent, linear_rate, make_run, step_rate

STEPS = 4000
PEAK = 0.1


def found(run: Run) -> list[noise_floor.NoiseFloor]:
    return list(noise_floor.detect(run, noise_floor.Settings()))


def held_up(rate: Floats, *, power: float = 1.0, floor: float = 2.0, seed: int = 0) -> Floats:
    """A quick fall from 2.3 to 0.3, held up in proportion to the rate, with a scatter in proportion to its power."""
    t = np.arange(len(rate))
    clean = 0.3 + 2.0 * np.exp(-t / 100) + floor * rate
    noise = np.random.default_rng(seed).normal(0, 1, len(rate)) * 0.02 * (rate / rate.max()) ** power
    return np.asarray(clean + noise, dtype=np.float64)


@pytest.mark.parametrize("seed", range(3))
def test_a_loss_that_the_rate_holds_up(cadence: Callable[[Run], Run], seed: int) -> None:
    rate = step_rate(steps=STEPS, peak=PEAK, cuts=(0.5,))
    [finding] = found(cadence(make_run(train_loss=held_up(rate, seed=seed), lr=rate)))
    assert finding.stood
    assert finding.limited
    assert not finding.still_falling
    assert finding.rate_ratio == pytest.approx(10)
    assert finding.fall_step == pytest.approx(STEPS / 2, abs=25)
    assert finding.drop == pytest.approx(0.18 / 2.18, rel=0.2)
    assert finding.scatter_exponent == pytest.approx(1.0, abs=0.35)
    assert finding.scatter_ratio is not None
    assert finding.scatter_ratio < 0.3


def test_every_cut_is_told() -> None:
    rate = step_rate(steps=STEPS, peak=PEAK, cuts=(0.4, 0.6, 0.8))
    findings = found(make_run(train_loss=held_up(rate), lr=rate))
    assert [round(f.fall_fraction, 1) for f in findings] == [0.4, 0.6, 0.8]
    assert [f.high_lr for f in findings] == pytest.approx([0.1, 0.01, 0.001])
    # The first brings what there is to bring.
    assert findings[0].drop > 5 * findings[1].drop


def test_a_loss_that_has_arrived_is_not_limited() -> None:
    rate = step_rate(steps=STEPS, peak=PEAK, cuts=(0.5,))
    [finding] = found(make_run(train_loss=held_up(rate, floor=0.0, power=0.0), lr=rate))
    assert not finding.limited
    assert not finding.still_falling
    assert abs(finding.drop) < 0.01
    assert finding.scatter_exponent == pytest.approx(0.0, abs=0.35)


def test_a_loss_that_still_falls_is_not_limited() -> None:
    rate = step_rate(steps=STEPS, peak=PEAK, cuts=(0.5,))
    t = np.arange(STEPS) / STEPS
    values = (2.3 - 1.5 * t) * np.random.default_rng(0).normal(1, 0.02, STEPS)
    [finding] = found(make_run(train_loss=values, lr=rate))
    assert finding.still_falling
    assert not finding.limited
    assert finding.drop > 0


def test_a_smooth_descent_is_compared_from_end_to_end() -> None:
    rate = cosine_rate(steps=STEPS, peak=PEAK, final_fraction=0.01)
    [finding] = found(make_run(train_loss=held_up(rate), lr=rate))
    assert not finding.stood
    assert finding.high_lr > 0.08
    assert finding.low_lr < 0.02
    assert finding.scatter_exponent == pytest.approx(1.0, abs=0.4)


@pytest.mark.parametrize(
    "rate",
    [
        constant_rate(steps=STEPS),
        step_rate(steps=STEPS, factor=0.5, cuts=(0.5,)),
        step_rate(steps=STEPS, cuts=(0.97,)),
        linear_rate(steps=STEPS, final_fraction=0.3),
        linear_rate(steps=STEPS)[::-1].copy(),
    ],
    ids=["constant", "half", "just before the end", "never low", "rises"],
)
def test_one_rate_says_nothing(rate: Floats) -> None:
    assert not found(make_run(train_loss=descent(steps=STEPS).values, lr=rate))


def test_a_loss_that_fell_nowhere_says_nothing() -> None:
    rate = step_rate(steps=STEPS, peak=PEAK, cuts=(0.5,))
    rises = 1.0 + np.arange(STEPS) / STEPS
    assert not found(make_run(train_loss=rises, lr=rate))
