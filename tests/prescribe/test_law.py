"""The law against its definition, step by step, and the fit against curves that follow it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lrdoctor.model import Floats
from lrdoctor.prescribe._law import BINS, Course, Priors, bin_points, course, grid, laws, sums
from lrdoctor.prescribe._law_fit import expected_nu, fit
from lrdoctor.testing import constant_rate, cosine_rate, linear_rate, stable_rate, step_rate

STEPS = 20_000
TRUTH = np.array([2.6, math.log(0.2), math.log(0.48), math.log(0.2), math.log(70.0), math.log(0.7)])
BENDS = np.array([0.0, 1.0, 3.0])
SHAPES = {
    "cosine": cosine_rate(steps=STEPS, peak=1.0, warmup=300),
    "linear": linear_rate(steps=STEPS, peak=1.0),
    "steps": step_rate(steps=STEPS, peak=1.0, warmup=300),
    "cooldown": stable_rate(steps=STEPS, peak=1.0, warmup=300),
    "constant": constant_rate(steps=STEPS, peak=1.0),
}


def whole(rates: Floats, peak: float = 1.0) -> Course:
    steps = grid(len(rates) - 1)
    return course(steps, rates[steps], peak)


def by_steps(rates: Floats, bend: float, reference: float) -> Floats:
    """The law as it is defined, one step after the other."""
    level, (scale, alpha, height, tau, nu) = float(TRUTH[0]), np.exp(TRUTH[1:]).tolist()
    floor, floors = 0.0, []
    for rate in rates:
        target = rate**nu
        floor = target + (floor - target) * math.exp(-rate / tau)
        floors.append(floor)
    taught = np.cumsum(rates * (1 + bend) / (1 + bend * rates))
    return np.asarray(level + scale * (taught / reference) ** -alpha + height * np.array(floors))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_closed_form_is_the_law_step_by_step(shape: str) -> None:
    rates = SHAPES[shape]
    of = whole(rates)
    at = np.array([2000.0, 9950.0, 12_000.0, 15000.0, 18000.0, STEPS - 1.0])
    reference = sums(of, BENDS, of.steps[-1:])
    values, _ = laws(np.tile(TRUTH, (3, 1)), of, BENDS, at, reference)
    for bend, row, ref in zip(BENDS, values, reference[:, 0], strict=True):
        assert row == pytest.approx(by_steps(rates, bend, ref)[at.astype(int)], abs=2e-3)


def test_the_jacobian_is_that_of_the_law() -> None:
    of = whole(SHAPES["cooldown"])
    at, theta = np.linspace(1000, STEPS - 1, 30), np.tile(TRUTH, (3, 1))
    reference = sums(of, BENDS, of.steps[-1:])
    _, slopes = laws(theta, of, BENDS, at, reference)
    for i in range(6):
        step = 1e-5 * (np.arange(6) == i)
        above, below = (laws(theta + sign * step, of, BENDS, at, reference)[0] for sign in (1, -1))
        assert slopes[:, :, i] == pytest.approx((above - below) / 2e-5, abs=1e-7)


def test_without_a_bend_steps_teach_in_proportion_to_their_rate() -> None:
    of = whole(SHAPES["linear"])
    plain, bent = sums(of, np.array([0.0, 3.0]), np.array([10_000.0, STEPS - 1.0]))
    assert plain == pytest.approx(np.interp([10_000, STEPS - 1], of.steps, of.clock))
    # Low rates come last, and with a bend they teach more than their height says.
    assert bent[0] / bent[1] < plain[0] / plain[1]


def test_a_cut_lies_between_two_knots() -> None:
    rates = step_rate(steps=STEPS, peak=1.0, cuts=(0.5,))
    of = whole(rates)
    after = int((of.relative < 1).argmax())
    assert {after - 1, after} <= set(of.knots.tolist())


@pytest.mark.parametrize("every", [1, 25, 200])
def test_bins_keep_the_mean_and_tell_the_noise(every: int) -> None:
    rng = np.random.default_rng(5)
    steps = np.arange(0, STEPS, every)
    noise = 0.05
    points = bin_points(steps, 3.0 + rng.normal(0, noise, len(steps)), 1000.0)
    assert 15 < len(points.values) <= BINS
    assert points.steps[0] >= 1000
    counts = (noise / points.noise) ** 2
    assert counts.sum() == pytest.approx((steps >= 1000).sum(), rel=0.5)
    assert abs(points.values - 3.0).max() < 5 * points.noise.max()


def seen(rates: Floats, noise: float, seed: int) -> Floats:
    of = whole(rates)
    reference = sums(of, BENDS[1:2], of.steps[-1:])
    steps = np.arange(800, len(rates), 100)
    values, _ = laws(TRUTH[None], of, BENDS[1:2], steps.astype(np.float64), reference)
    return np.asarray(values[0] + np.random.default_rng(seed).normal(0, noise, len(steps)))


@pytest.mark.parametrize("other", ["linear", "cooldown"])
@pytest.mark.parametrize("seed", range(5))
def test_a_fit_to_one_schedule_foretells_another(other: str, seed: int) -> None:
    rates = SHAPES["cosine"]
    of = whole(rates)
    points = bin_points(np.arange(800, STEPS, 100), seen(rates, 0.002, seed), 800.0)
    law = fit(points, of, Priors(), (0.3, 1.0, 3.0))
    reference = sums(of, BENDS[1:2], of.steps[-1:])
    candidate = whole(SHAPES[other])
    ends = [float(laws(TRUTH[None], c, BENDS[1:2], c.steps[-1:], reference)[0][0, 0]) for c in (of, candidate)]
    change, sd, spread = law.change(candidate, STEPS - 1, STEPS - 1)
    assert change == pytest.approx(ends[1] - ends[0], abs=2 * sd + spread)
    assert sd < 0.02
    assert law.misfit < 0.003
    assert law.weights.sum() == pytest.approx(1)


def test_a_run_does_not_differ_from_itself() -> None:
    of = whole(SHAPES["cosine"])
    law = fit(bin_points(np.arange(800, STEPS, 100), seen(SHAPES["cosine"], 0.002, 0), 800.0), of, Priors(), (1.0,))
    change, sd, spread = law.change(of, STEPS - 1, STEPS - 1)
    assert (change, sd, spread) == pytest.approx((0, 0, 0), abs=1e-12)


def test_outliers_do_not_bend_the_fit() -> None:
    values = seen(SHAPES["cosine"], 0.002, 1)
    steps = np.arange(800, STEPS, 100)
    of, candidate = whole(SHAPES["cosine"]), whole(SHAPES["cooldown"])
    clean = fit(bin_points(steps, values, 800.0), of, Priors(), (1.0,))
    values[[60, 120]] += 0.2
    thrown = fit(bin_points(steps, values, 800.0), of, Priors(), (1.0,))
    ends = [law.change(candidate, STEPS - 1, STEPS - 1)[0] for law in (clean, thrown)]
    assert ends[0] == pytest.approx(ends[1], abs=0.01)


def test_a_curve_that_is_no_power_law_has_a_misfit() -> None:
    steps = np.arange(800, STEPS, 100)
    hump = 3.0 - steps / STEPS + 0.3 * np.sin(steps / 1500)
    of = whole(SHAPES["cosine"])
    assert fit(bin_points(steps, hump, 800.0), of, Priors(), (1.0,)).misfit > 0.05


def test_nu_is_that_of_a_small_floor_and_falls_with_a_large_one() -> None:
    priors = Priors()
    small, large = np.exp(expected_nu(np.log(np.array([0.005, 0.2])), priors)[0])
    assert small == pytest.approx(priors.nu, rel=0.01)
    assert large == pytest.approx(priors.nu * (0.2 / priors.nu_knee) ** -priors.nu_slope, rel=0.01)
