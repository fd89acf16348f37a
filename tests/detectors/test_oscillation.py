"""A loss that swings while the rate is high, gaining nothing or on its way down, and swings that are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import oscillation as detector
from lrdoctor.model import Floats, Run
from lrdoctor.testing import (
    Points,
    constant_rate,
    cosine_rate,
    descent,
    evaluated,
    exponential_rate,
    make_run,
    oscillation,
    ruled_line,
)

PERIOD = 72
"""One of the 25 stretches of the last nine tenths of the run, so that a stretch holds most of one swing."""


def found(run: Run) -> list[detector.Oscillation]:
    return list(detector.detect(run, detector.Settings()))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("validated", [False, True])
def test_measures_the_swing(seed: int, validated: bool) -> None:
    made = oscillation(swing=0.2, period=PERIOD, seed=seed)
    run = make_run(train_loss=made.values, val_loss=evaluated(made) if validated else None, lr=constant_rate())
    [finding] = found(run)
    assert finding.series == ("val_loss" if validated else "train_loss")
    # Up or down by 20 % of the level: that is their median deviation, and 1.48 times it the deviation of a normal law.
    assert finding.swing == pytest.approx(1.48 * 0.2, rel=0.3)
    assert not finding.gains
    assert abs(finding.trend) < 0.3
    assert finding.wander is not None
    assert finding.wander > 10
    assert finding.turns > 0.8
    assert finding.train_end_ratio == pytest.approx(np.median(made.clean[1800:]) / 2.3, abs=0.06)
    assert finding.rate_constant is True


def test_without_a_rate_the_second_half_is_looked_at() -> None:
    made = oscillation(period=PERIOD)
    [finding] = found(make_run(train_loss=made.values))
    assert finding.rate_constant is None
    assert finding.span.first == pytest.approx(1000, abs=1)


def test_tells_that_the_rate_fell() -> None:
    made = oscillation(period=PERIOD // 2)
    [finding] = found(make_run(train_loss=made.values, lr=cosine_rate()))
    assert finding.rate_constant is False
    assert finding.span.last == pytest.approx(1000, abs=5)


@pytest.mark.parametrize(
    "loss",
    [
        descent().values,
        descent(noise=0.1).values,
        oscillation(swing=0.003, noise=0.01).values,
    ],
    ids=["sound", "noisy batches", "swings below a fiftieth"],
)
def test_near_misses(loss: Floats) -> None:
    assert not found(make_run(train_loss=loss, lr=constant_rate()))


def falling(*, swing: float = 0.15, noise: float = 0.03, seed: int = 0) -> Floats:
    """A straight fall by half, with swings of one stretch each, up and down."""
    swings = 1 + swing * (-1.0) ** (np.arange(2000) // PERIOD)
    return ruled_line(drop=0.5, noise=noise, seed=seed).values * swings


@pytest.mark.parametrize("seed", range(5))
def test_swings_on_the_way_down_gain(seed: int) -> None:
    [finding] = found(make_run(train_loss=falling(seed=seed), lr=constant_rate()))
    assert finding.gains
    assert finding.swing == pytest.approx(1.48 * 0.15 * 2 / np.sqrt(1.5) / 2, rel=0.25)
    assert finding.trend < -0.5
    assert finding.wander is None
    assert finding.turns > 0.8


@pytest.mark.parametrize("noise", [0.03, 0.1, 0.2])
def test_a_bend_does_not_swing_and_batches_do_not(noise: float) -> None:
    for seed in range(5):
        assert not [f for f in found(make_run(train_loss=descent(noise=noise, seed=seed).values)) if f.swing > 0.04]


def test_a_short_stretch_of_high_rate_shows_no_steady_state() -> None:
    made = oscillation(period=PERIOD)
    assert not found(make_run(train_loss=made.values, lr=exponential_rate(final_fraction=1e-4)))


def test_a_dozen_points_are_needed() -> None:
    made = oscillation(period=PERIOD)
    few = np.arange(0, 2000, 250)
    assert not found(make_run(train_loss=Points(few, made.values[few]), lr=constant_rate()))


def test_a_rate_of_nothing_but_nan_has_no_high_stretch() -> None:
    assert not found(make_run(train_loss=oscillation().values, lr=np.full(2000, np.nan)))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = oscillation(period=PERIOD)
    [finding] = found(cadence(make_run(train_loss=made.values, lr=constant_rate())))
    # Once in 20 steps a stretch holds four points, and their median mixes two swings.
    assert 0.15 < finding.swing < 0.4
    assert not finding.gains
    [finding] = found(cadence(make_run(train_loss=falling(), lr=constant_rate())))
    assert finding.gains
    assert finding.swing > 0.15
    assert not found(cadence(make_run(train_loss=descent().values, lr=constant_rate())))
