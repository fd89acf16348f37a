"""A loss that falls at a cut beyond its course, one that does not, and what is no cut at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import rate_cut
from lrdoctor.model import Floats, Run
from lrdoctor.testing import (
    Points,
    constant_rate,
    cosine_rate,
    descent,
    exponential_rate,
    linear_rate,
    make_run,
    restarted_rate,
    stable_rate,
    step_rate,
)

STEPS = 8000
T = np.arange(STEPS)


def found(run: Run) -> list[rate_cut.RateCut]:
    return list(rate_cut.detect(run, rate_cut.Settings()))


def driven(rate: Floats, *, noise: float = 0.03, held: float = 0.4, seed: int = 0) -> Floats:
    """A descent that the noise of the steps holds above its floor, by `held` at the peak rate, soon after each cut."""
    falling = 0.5 + 1.5 * (1 + 200 * T / STEPS) ** -0.8
    above, level, lag = np.empty(STEPS), held, 1 / 60
    for i, u in enumerate(rate / rate.max()):
        level += lag * (held * u - level)
        above[i] = level
    scatter = np.random.default_rng(seed).normal(0, noise, STEPS)
    return np.asarray((falling + above) * (1 + scatter), dtype=np.float64)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("factor", [0.5, 0.1])
def test_measures_the_fall_at_a_step(seed: int, factor: float) -> None:
    rate = step_rate(steps=STEPS, cuts=(0.5,), factor=factor)
    [finding] = found(make_run(train_loss=driven(rate, seed=seed), lr=rate))
    assert (finding.cuts, finding.smooth, finding.stood) == (1, False, True)
    assert finding.cut_step == STEPS // 2 - 1
    assert finding.stood_fraction == pytest.approx(0.5, abs=0.001)
    assert finding.rate_before_ratio == pytest.approx(1 / factor, rel=0.001)
    whole = 2.4 - (0.5 + 1.5 * 201**-0.8 + 0.4 * factor)
    # The line is carried on from stretches that scatter by half a percent of 0.95.
    assert finding.gain == pytest.approx(0.4 * (1 - factor) / whole, abs=0.02)
    assert finding.gain_ratio == pytest.approx(0.4 * (1 - factor) / 0.94, abs=0.04)
    assert finding.gain_sigmas > 10
    assert finding.last_gain == finding.gain
    assert finding.end_ratio == pytest.approx(factor)


def test_tells_the_first_cut_and_the_last() -> None:
    rate = step_rate(steps=STEPS, cuts=(0.4, 0.7))
    [finding] = found(make_run(train_loss=driven(rate), lr=rate))
    assert finding.cuts == 2
    assert finding.cut_fraction == pytest.approx(0.4, abs=0.001)
    assert 0.15 < finding.gain < 0.25
    assert 0.005 < finding.last_gain < 0.05


def test_a_descent_from_a_rate_that_stood() -> None:
    rate = stable_rate(steps=STEPS, warmup=200)
    [finding] = found(make_run(train_loss=driven(rate), lr=rate))
    assert (finding.smooth, finding.stood) == (True, True)
    assert finding.cut_fraction == pytest.approx(0.82, abs=0.01)
    assert 0.1 < finding.gain < 0.25
    assert finding.gain_sigmas > 5


def test_a_cosine_has_no_rate_that_stood() -> None:
    rate = cosine_rate(steps=STEPS, warmup=200)
    [finding] = found(make_run(train_loss=driven(rate), lr=rate))
    assert (finding.smooth, finding.stood, finding.scatter_ratio) == (True, False, None)
    assert finding.cut_fraction == pytest.approx(0.51, abs=0.01)


def test_each_cycle_has_a_descent() -> None:
    rate = restarted_rate(steps=STEPS, cycles=3)
    [finding] = found(make_run(train_loss=driven(rate), lr=rate))
    assert finding.cuts == 3
    assert finding.end_ratio < 0.01


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_that_nothing_held_up_keeps_its_course(seed: int) -> None:
    rate = step_rate(steps=STEPS, cuts=(0.5,))
    [finding] = found(make_run(train_loss=driven(rate, held=0.0, seed=seed), lr=rate))
    assert abs(finding.gain) < 0.01
    # A fall that slows down ends above a straight course, never below.
    assert finding.gain_sigmas < 3


def test_a_cut_that_comes_too_soon_leaves_the_loss_above_its_course() -> None:
    rate = step_rate(steps=STEPS, cuts=(0.1,))
    slow = np.interp(np.cumsum(rate / rate.max()), T, descent(steps=STEPS, noise=0.0, power=2.0).clean)
    [finding] = found(make_run(train_loss=slow * np.random.default_rng(0).normal(1, 0.01, STEPS), lr=rate))
    assert finding.gain < -0.02
    assert finding.trend_before < -0.9
    assert finding.expected_drop > 0.02


def test_a_course_that_rises_is_not_carried_on() -> None:
    rate = step_rate(steps=STEPS, cuts=(0.5,))
    loss = np.where(T < STEPS // 2, 1 + 0.1 * T / STEPS, 1.05) * np.random.default_rng(0).normal(1, 0.01, STEPS)
    loss[:50] = 2.3
    [finding] = found(make_run(train_loss=loss, lr=rate))
    assert finding.expected_drop == 0.0
    assert abs(finding.gain) < 0.02


@pytest.mark.parametrize("seed", range(5))
def test_the_scatter_of_the_weights_falls_with_the_rate(seed: int) -> None:
    rate = step_rate(steps=STEPS, cuts=(0.5,))
    rng, every = np.random.default_rng(seed), 25
    swings = rng.normal(0, 0.1, STEPS // every) * (rate / rate.max())[::every]
    val = Points(T[::every], 0.5 + 1.5 * (1 + 200 * T[::every] / STEPS) ** -0.8 + swings)
    [finding] = found(make_run(train_loss=driven(rate), val_loss=val, lr=rate))
    assert finding.series == "val_loss"
    assert finding.scatter_ratio is not None
    # A tenth, and up to three times that by chance: two medians of 18 departures each.
    assert 0.03 < finding.scatter_ratio < 0.3


@pytest.mark.parametrize(
    "rate",
    [
        constant_rate(steps=STEPS),
        linear_rate(steps=STEPS, final_fraction=0.3),
        exponential_rate(steps=STEPS, final_fraction=0.2),
        cosine_rate(steps=STEPS, final_fraction=0.2),
        step_rate(steps=STEPS, cuts=(0.5,), factor=0.6),
        step_rate(steps=STEPS, cuts=(0.02,), factor=0.2),
        cosine_rate(steps=STEPS, final_fraction=0.2)[T // 400 * 400],
        np.where(T == STEPS - 1, 0.0, 1.0),
    ],
    ids=["constant", "linear", "exponential", "cosine", "a small step", "at once", "stairs", "zero at the last step"],
)
def test_near_misses(rate: Floats) -> None:
    assert not found(make_run(train_loss=driven(rate), lr=rate))


def test_a_loss_that_never_fell_has_no_share_to_gain() -> None:
    rate = step_rate(steps=STEPS, cuts=(0.5,))
    assert not found(make_run(train_loss=np.linspace(1.0, 2.0, STEPS), lr=rate))


def test_a_loss_that_was_logged_rarely_has_no_course() -> None:
    rate = step_rate(steps=STEPS, cuts=(0.5,))
    assert not found(make_run(train_loss=Points(T[::400], driven(rate)[::400]), lr=rate))


def test_a_loss_below_zero_has_a_straight_course() -> None:
    rate = step_rate(steps=STEPS, cuts=(0.5,))
    [finding] = found(make_run(train_loss=driven(rate) - 1.0, lr=rate))
    assert finding.gain == pytest.approx(0.2, abs=0.03)


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    rate = step_rate(steps=STEPS, cuts=(0.5, 0.75))
    [finding] = found(cadence(make_run(train_loss=driven(rate), lr=rate)))
    assert finding.cuts == 2
    assert not finding.smooth
    assert finding.cut_step == pytest.approx(STEPS // 2, abs=20)
    assert finding.gain == pytest.approx(0.2, abs=0.03)
    assert finding.gain_sigmas > 3
    smooth = stable_rate(steps=STEPS, warmup=200)
    [finding] = found(cadence(make_run(train_loss=driven(smooth), lr=smooth)))
    assert finding.stood
    # An average over the first steps is lower than the first of them, and a share of less is a larger one.
    assert finding.gain == pytest.approx(0.2, abs=0.05)
    [finding] = found(cadence(make_run(train_loss=driven(rate, held=0.0), lr=rate)))
    assert abs(finding.gain) < 0.015
