"""The laws with jumps, corners and cycles are recovered from what loggers leave of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules import cosine_restarts, cyclical, multi_step, one_cycle, range_test, reduce_on_plateau, step

LAWS = {m.__name__.rpartition(".")[2]: m for m in (step, multi_step, cosine_restarts, cyclical, one_cycle, range_test)}
DISTURBANCES = ("float32", "4 digits", "%.6f", "window means", "per epoch")
CADENCES = (1, 5, 20, 100)


def draw_params(law: str, rng: np.random.Generator, length: int, epoch: int) -> Any:
    """Params as somebody may choose them for a run of this length; whole epochs where those are longer than a step."""

    def whole(share: float) -> int:
        return max(1, round(share * length / epoch)) * epoch

    match law:
        case "step":
            return step.Params(every=whole(rng.uniform(0.1, 0.3)), factor=float(rng.choice([0.1, 0.2, 0.5, 0.9])))
        case "multi_step":
            milestones = tuple(whole(s) for s in np.cumsum(rng.uniform(0.12, 0.3, rng.integers(2, 4))))
            return multi_step.Params(milestones=milestones, factor=float(rng.choice([0.1, 0.2, 0.31, 0.5])))
        case "cosine_restarts":
            multiplier = int(rng.integers(1, 4))
            shares = {1: (0.1, 0.3), 2: (0.07, 0.25), 3: (0.06, 0.2)}[multiplier]
            final = float(rng.choice([0.0, 0.01, 0.1]))
            return cosine_restarts.Params(
                first_period=whole(rng.uniform(*shares)), multiplier=multiplier, final_fraction=final
            )
        case "cyclical":
            up = whole(rng.uniform(0.06, 0.18))
            down = up if rng.random() < 0.6 else whole(rng.uniform(0.06, 0.18))
            mode = get_args(cyclical.Mode)[rng.integers(3)]
            gamma = float(rng.uniform(0.5, 0.9) ** (1 / (up + down))) if mode == "exp_range" else 1.0
            base = float(rng.choice([0.01, 0.1, 0.25]))
            return cyclical.Params(step_up=up, step_down=down, base_fraction=base, mode=mode, gamma=gamma)
        case "one_cycle":
            three, anneal = bool(rng.random() < 0.3), get_args(one_cycle.Anneal)[rng.integers(2)]
            return one_cycle.Params(
                total_steps=length,
                rise_fraction=float(rng.choice([0.1, 0.2, 0.25, 0.3] if three else [0.1, 0.25, 0.3, 0.4])),
                start_fraction=float(rng.choice([0.04, 0.1])),
                # A line that was cut off shows one slope for all pairs of length and end: then the end is taken for 0.
                final_fraction=float(rng.choice([4e-6, 0.001, 0.0])) if anneal == "cosine" else 4e-6,
                three_phase=three,
                anneal=anneal,
            )
        case _:
            ramp = range_test.RAMPS[rng.integers(2)]
            return range_test.Params(total_steps=length, start_fraction=float(10 ** rng.uniform(-3, -1.5)), ramp=ramp)


def logged(
    law: Any, params: Any, length: int, every: int, disturbance: str, epoch: int, peak: float
) -> tuple[Ints, Floats, float]:
    """Steps, relative rates and their rounding, as a logger leaves them that writes once in `every` steps."""
    t = np.arange(length)
    rate = peak * law.lr(t // epoch * epoch if disturbance == "per epoch" else t, params)
    if disturbance == "window means" and every > 1:
        n = length // every
        steps, rate = np.arange(1, n + 1) * every - 1, rate[: n * every].reshape(n, every).mean(axis=1)
    else:
        steps, rate = t[::every], rate[::every]
    noise = 6e-8
    if disturbance == "4 digits":
        rate, noise = np.array([float(f"{r:.4g}") for r in rate]), 0.5 * 10 ** (np.floor(np.log10(peak)) - 3) / peak
    elif disturbance == "%.6f":
        rate, noise = np.round(rate, 6), 5e-7 / peak
    else:
        rate = rate.astype(np.float32).astype(np.float64)
    if disturbance == "window means":
        noise = 1e-3
    return steps, rate / rate.max(), max(noise, 6e-8)


def decay(params: cyclical.Params) -> float:
    return float(params.gamma ** (params.step_up + params.step_down))


def recovered(law: str, truth: Any, told: Any, steps: Ints) -> bool:
    """Whether fractions are within 0.01, lengths within 1 % or one interval, and kinds equal."""
    interval = int(np.diff(steps).max())

    def near(a: float, b: float) -> bool:
        return abs(a - b) <= max(0.01 * a, interval)

    match law:
        case "step":
            return near(truth.every, told.every) and abs(told.factor - truth.factor) <= 0.01 * truth.factor
        case "multi_step":
            # A cut in the window of the last point shows no new level.
            told_of = [m for m in truth.milestones if m <= steps[-2]], [m for m in truth.milestones if m <= steps[-1]]
            same = any(len(m) == len(told.milestones) and all(map(near, m, told.milestones)) for m in told_of)
            return same and abs(told.factor - truth.factor) <= 0.01 * truth.factor
        case "cosine_restarts":
            return (
                near(truth.first_period, told.first_period)
                and truth.multiplier == told.multiplier
                and abs(truth.final_fraction - told.final_fraction) <= 0.01
            )
        case "cyclical":
            return (
                near(truth.step_up, told.step_up)
                and near(truth.step_down, told.step_down)
                and truth.mode == told.mode
                and abs(truth.base_fraction - told.base_fraction)
                <= max(0.01, interval / min(truth.step_up, truth.step_down))
                and abs(decay(truth) - decay(told)) <= 0.02
            )
        case "one_cycle":
            return (
                near(truth.total_steps, told.total_steps)
                and near(truth.rise_fraction * truth.total_steps, told.rise_fraction * told.total_steps)
                # Where the rise is steep, an interval is more.
                and abs(truth.start_fraction - told.start_fraction)
                <= max(0.01, interval / (truth.rise_fraction * truth.total_steps))
                and abs(truth.final_fraction - told.final_fraction) <= 0.01
                and (truth.three_phase, truth.anneal) == (told.three_phase, told.anneal)
            )
        case _:
            # Only the growth per step can be seen in a ramp, so the ramps are compared, each relative to its last rate.
            if truth.ramp != told.ramp:
                return False
            if truth.ramp == "exponential":
                growth = [np.log(p.start_fraction) / p.total_steps for p in (truth, told)]
                return bool(abs(growth[0] / growth[1] - 1) <= 0.01)
            both = [range_test.lr(steps, p) / range_test.lr(steps[-1:], p) for p in (truth, told)]
            return bool(np.abs(both[0] - both[1]).max() <= max(0.01, interval / float(steps[-1])))


def rate_of_recovery(law: str, disturbance: str, cut: bool, seeds: range) -> tuple[float, float, list[Any]]:
    """Share of the grid's cells that are recovered, the slowest fit in seconds, and those that were missed."""
    hits, tried, slowest, missed = 0, 0, 0.0, []
    for seed in seeds:
        for every in CADENCES:
            rng = np.random.default_rng([seed, every, len(disturbance)])
            points = rng.integers(40, 80) * rng.integers(1, 5) if every > 1 else rng.integers(300, 3000)
            length = int(points) * every
            epoch = max(1, length // 40) if disturbance == "per epoch" else 1
            length = length // epoch * epoch
            truth = draw_params(law, rng, length, epoch)
            # A ramp that is cut off ends a decade lower.
            peak = float(10 ** rng.uniform(-2 if law == "range_test" else -3, -0.5))
            steps, relative, noise = logged(LAWS[law], truth, length, every, disturbance, epoch, peak)
            if cut:
                keep = steps < 0.7 * length
                steps, relative = steps[keep], relative[keep]
                noise, relative = noise / relative.max(), relative / relative.max()
            begun = time.process_time()
            told = list(LAWS[law].fit(steps, relative, noise))
            slowest = max(slowest, time.process_time() - begun)
            tried += 1
            if told and recovered(law, truth, told[0], steps):
                hits += 1
            else:
                missed.append((seed, every, epoch, length, len(steps), truth, told))
    return hits / tried, slowest, missed


EXPECTED = {("one_cycle", "window means", True): 0.85}
"""Of 80 seeds and 4 cadences 0.95 are recovered here, where a third phase has hardly begun, else 0.98 or more."""


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "last 30 % missing"])
@pytest.mark.parametrize("disturbance", DISTURBANCES)
@pytest.mark.parametrize("law", LAWS)
def test_recovers_the_parameters(law: str, disturbance: str, cut: bool) -> None:
    share, _, missed = rate_of_recovery(law, disturbance, cut, range(6))
    assert share >= EXPECTED.get((law, disturbance, cut), 0.95), missed


@pytest.mark.parametrize("law", LAWS)
def test_the_expression_draws_the_law(law: str) -> None:
    for seed in range(6):
        params = draw_params(law, np.random.default_rng(seed), 1200, 1)
        t = np.arange(5000)
        text = LAWS[law].expression(params, "np")
        drawn = LAWS[law].lr(t, params)
        assert eval(text, {"np": np, "step": t}) == pytest.approx(drawn, rel=1e-9, abs=1e-30)  # noqa: S307  our own
        for at in (0, 1, 599, 1199):
            one = eval(text, {"np": np, "step": at})  # noqa: S307  our own
            assert float(one) == pytest.approx(float(drawn[at]), rel=1e-9, abs=1e-30)


@pytest.mark.parametrize("law", LAWS)
def test_a_million_steps_take_no_time_and_stay_between_nothing_and_the_peak(law: str) -> None:
    params = draw_params(law, np.random.default_rng(1), 300_000, 1)
    begun = time.process_time()
    drawn = LAWS[law].lr(np.arange(1_000_000), params)
    assert time.process_time() - begun < 0.3
    assert drawn.dtype == np.float64
    assert drawn.min() >= 0
    assert drawn.max() == pytest.approx(1.0, abs=1e-4)


def noisy_walk(rng: np.random.Generator) -> Floats:
    return np.asarray(np.clip(np.cumsum(rng.normal(0, 0.02, 400)) + 1, 0.01, None))


def random_stairs(rng: np.random.Generator) -> Floats:
    levels = np.sort(rng.uniform(0.05, 1, 6))[::-1]
    return np.asarray(np.repeat(levels, rng.integers(20, 90, 6)))


def up_and_down_stairs(rng: np.random.Generator) -> Floats:
    return np.asarray(np.repeat(rng.uniform(0.05, 1, 8), 50))


FOREIGN: dict[str, Callable[[np.random.Generator], Floats]] = {
    "constant": lambda rng: np.ones(300),
    "line": lambda rng: np.linspace(1, 0, 300),
    "cosine": lambda rng: np.asarray(0.5 + 0.5 * np.cos(np.linspace(0, np.pi, 300))),
    "exponential": lambda rng: np.asarray(0.99 ** np.arange(300)),
    "printed line": lambda rng: np.round(np.linspace(1, 0.5, 300), 1),
    "noisy walk": noisy_walk,
    "noise": lambda rng: rng.uniform(0.1, 1, 300),
    "random stairs": random_stairs,
    "up and down stairs": up_and_down_stairs,
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("law", LAWS)
def test_says_nothing_of_other_curves(law: str, name: str) -> None:
    for seed in range(4):
        u = FOREIGN[name](np.random.default_rng(seed))
        noise = 0.05 if name == "printed line" else 6e-8
        assert not list(LAWS[law].fit(np.arange(len(u)), u / u.max(), noise))


@pytest.mark.parametrize("law", [*LAWS.values(), reduce_on_plateau])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_says_nothing_of_a_few_points(law: Any, n: int) -> None:
    assert not list(law.fit(np.arange(n), np.linspace(1, 0.5, n), 1e-7))
    assert not list(law.fit(np.arange(n), np.zeros(n), 1e-7))
