"""Every law comes back from what was logged of it, however it was logged; what follows no law gets no name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrdoctor.identify import Identified, explained, identified, identify, identify_all, never_moves
from lrdoctor.model import Floats, Ints, Series
from lrdoctor.schedules._plan import Plan, Warmup, rates

LAWS: dict[str, dict[str, Any]] = {
    "constant": {},
    "linear": {"total_steps": 1800},
    "cosine": {"total_steps": 1800, "final_fraction": 0.1},
    "polynomial": {"total_steps": 1800, "power": 2.0},
    "exponential": {"decay_rate": 0.998, "decay_steps": 1},
    "time_based": {"k": 0.01},
    "inverse_sqrt": {"timescale": 200},
    "warmup_stable_decay": {"stable_steps": 800, "decay_steps": 1000, "cooldown": "1-sqrt"},
    "step": {"every": 250, "factor": 0.5},
    "multi_step": {"milestones": (500, 700), "factor": 0.1},
    "cosine_restarts": {"first_period": 300, "multiplier": 2},
    "cyclical": {"step_up": 150, "step_down": 200, "base_fraction": 0.1},
    "one_cycle": {"total_steps": 2000},
    "range_test": {"total_steps": 2000, "start_fraction": 1e-5, "ramp": "exponential"},
}
SMOOTH = ("linear", "cosine", "polynomial", "exponential", "time_based")
STEPS = 2000


def plan(kind: str, warmup: Warmup = Warmup(), peak: float = 0.03) -> Plan:  # noqa: B008
    law = import_module(f"lrdoctor.schedules.{kind}")
    return Plan(schedule=kind, params=law.Params(**LAWS[kind]), peak_lr=peak, warmup=warmup, total_steps=STEPS)


def named(found: Identified | None) -> str:
    return "piecewise" if found is None else found.plan.schedule


def float32(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


def printed(values: Floats, how: str = ".6f") -> Floats:
    return np.array([float(f"{value:{how}}") for value in values])


def seen(kind: str, steps: Ints, values: Floats) -> Identified:
    found = identify(steps, values)
    assert found is not None
    assert found.plan.schedule == kind
    return found


@pytest.mark.parametrize("kind", LAWS)
@pytest.mark.parametrize("every", [1, 10, 25])
@pytest.mark.parametrize("end", [STEPS, 1400])
def test_every_law_at_every_cadence(kind: str, every: int, end: int) -> None:
    steps = np.arange(0, end, every)
    made = plan(kind)
    found = seen(kind, steps, float32(rates(made, steps)))
    assert found.residual < 1e-3
    np.testing.assert_allclose(explained(found, steps), rates(made, steps), atol=1e-3 * made.peak_lr)


@pytest.mark.parametrize("kind", [kind for kind in LAWS if kind not in ("one_cycle", "cyclical", "range_test")])
@pytest.mark.parametrize(
    "warmup", [Warmup(steps=203), Warmup(steps=150, start=0.1), Warmup(steps=200, shape="constant", start=0.2)]
)
@pytest.mark.parametrize("every", [1, 20])
def test_every_law_behind_every_warmup(kind: str, warmup: Warmup, every: int) -> None:
    steps = np.arange(0, STEPS, every)
    found = seen(kind, steps, float32(rates(plan(kind, warmup), steps)))
    assert found.plan.warmup.shape == warmup.shape
    assert found.plan.warmup.steps == pytest.approx(warmup.steps, abs=every)
    assert found.plan.warmup.start == pytest.approx(warmup.start, abs=1e-3)


@pytest.mark.parametrize("kind", LAWS)
@pytest.mark.parametrize("how", [".6f", ".5g"])
def test_every_law_in_print(kind: str, how: str) -> None:
    steps = np.arange(0, STEPS, 5)
    seen(kind, steps, printed(rates(plan(kind), steps), how))


def test_a_cosine_warmup() -> None:
    steps = np.arange(0, STEPS, 4)
    found = seen("linear", steps, rates(plan("linear", Warmup(steps=160, shape="cosine")), steps))
    assert found.plan.warmup == Warmup(steps=160, shape="cosine")


@pytest.mark.parametrize("kind", SMOOTH)
@pytest.mark.parametrize("every", [1, 7])
def test_stepped_per_epoch(kind: str, every: int) -> None:
    steps = np.arange(0, STEPS, every)
    made = plan(kind)
    found = seen(kind, steps, float32(rates(made, steps // 60 * 60)))
    assert found.interval_steps == 60
    np.testing.assert_allclose(explained(found, steps), rates(made, steps // 60 * 60), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("kind", ["linear", "cosine", "one_cycle"])
def test_means_over_the_window(kind: str) -> None:
    every = np.arange(STEPS)
    means = rates(plan(kind), every).reshape(-1, 20).mean(axis=1)
    assert named(identify(every[19::20], means)) == kind


def test_the_length_it_was_planned_for() -> None:
    steps = np.arange(0, 900, 3)
    found = seen("cosine", steps, rates(plan("cosine", Warmup(steps=90)), steps))
    assert found.plan.total_steps == 1890
    assert found.plan.params.total_steps == 1800
    assert found.plan.params.final_fraction == pytest.approx(0.1, rel=0.01)


def test_counting_warmups_from_one_is_no_other_law() -> None:
    t = np.arange(STEPS)
    # (t + 1)/W up to the peak, and the law counted from W: what many training loops do.
    values = np.where(t < 64, (t + 1) / 64, 0.5 * (1 + np.cos(np.pi * (t - 64) / (STEPS - 64))))
    found = seen("cosine", t, values)
    assert found.plan.params.total_steps == STEPS - 64
    assert found.plan.warmup.steps == pytest.approx(64, abs=1)


def test_a_cosine_that_runs_back_after_t_max() -> None:
    t = np.arange(0, STEPS, 2)
    found = seen("cosine", t, 0.5 * (1 + np.cos(np.pi * t / 600)))
    assert found.mirrored
    assert found.plan.params.total_steps == 600
    np.testing.assert_allclose(explained(found, t), 0.5 * (1 + np.cos(np.pi * t / 600)), atol=1e-6)


def test_a_resume_that_began_the_law_anew() -> None:
    t = np.arange(STEPS)
    law = plan("cosine")
    found = seen("cosine", t, float32(np.where(t < 700, rates(law, t), rates(law, np.maximum(t - 700, 0)))))
    assert found.seams == (700,)
    assert found.lags == (700,)
    assert found.plan.params.total_steps == 1800


def test_a_log_that_begins_late_counts_from_its_first_step() -> None:
    t = np.arange(0, 1000, 5)
    values = np.linspace(1, 0.005, len(t), dtype=np.float64)
    found = seen("linear", t + 3000, values)
    assert found.first_step == 3000
    np.testing.assert_allclose(explained(found, t + 3000), values, atol=1e-6)


@pytest.mark.parametrize("points", [12, 500])
def test_a_rise_without_an_end_is_a_warmup(points: int) -> None:
    t = np.arange(points)
    found = seen("constant", t, np.linspace(1e-3, 1e-3 * points, points, dtype=np.float64))
    assert found.plan.warmup.steps == pytest.approx(points - 1, abs=1)
    assert found.plan.warmup.shape == "linear"


def test_nothing_to_tell() -> None:
    t = np.arange(4)
    zero = identify(t, np.zeros(4))
    assert zero is not None
    assert (zero.plan.schedule, zero.plan.peak_lr) == ("constant", 0.0)
    assert identify(t[:1], np.ones(1)) is None
    assert identify(t[:2], np.array([0.1, 0.05])) is None
    assert identify(t, np.full(4, np.nan)) is None
    assert identify(t, -np.ones(4)) is None
    assert named(identify(t[:2], np.ones(2))) == "constant"
    assert named(identify(t, np.array([0.1, np.nan, 0.1, 0.1]))) == "constant"


@pytest.mark.parametrize("seed", range(4))
def test_what_follows_no_law_gets_no_name(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 400
    t = np.linspace(0, 1, n)
    steps = np.arange(n) * 10
    cosine = (1 + np.cos(np.pi * t)) / 2
    for u in (
        np.exp(np.cumsum(rng.normal(0, 0.1, n))),
        0.5 * cosine + 0.5 * np.exp(-6 * t),
        np.abs(cosine + rng.normal(0, 0.02, n)),
        np.interp(t, np.linspace(0, 1, 5), rng.uniform(0.05, 1, 5)),
        rng.uniform(0.1, 1, 6)[np.minimum((6 * t).astype(int), 5)],
    ):
        assert named(identify(steps, u)) == "piecewise"


def test_a_hundred_thousand_points_lose_no_jump() -> None:
    t = np.arange(100_000)
    u = np.where(t < 31_007, 1.0, np.where(t < 77_003, 0.1, 0.01))
    found = seen("multi_step", t, u)
    assert found.plan.params.milestones == (31_007, 77_003)


@given(
    rate=st.floats(0.0, 1e100),
    first=st.integers(-1000, 1000) | st.integers(-(2**61), 2**61),
    gap=st.sampled_from([1, 100, 10**15]),
    count=st.integers(1, 12),
)
def test_a_rate_that_never_moves_is_identified_like_any_other(rate: float, first: int, gap: int, count: int) -> None:
    logged = Series(tag="lr", steps=first + gap * np.arange(count), values=np.full(count, rate))
    assert never_moves(logged)
    assert identified(logged) == identify(logged.steps, logged.values)


def test_runs_that_share_a_rate_share_its_law() -> None:
    steps = np.arange(0, STEPS, 25)
    one, same, other = (rates(plan("cosine", peak=peak), steps) for peak in (0.03, 0.03, 0.01))
    found = [identified(Series(tag="lr", steps=steps, values=values)) for values in (one, same, other)]
    assert found[0] is found[1]
    assert found[0] is not None
    assert found[2] is not None
    assert (found[0].plan.peak_lr, found[2].plan.peak_lr) == pytest.approx((0.03, 0.01))


def test_a_rate_that_moves_once_moves() -> None:
    values = np.full(30, 0.1)
    values[-1] = np.nextafter(0.1, 1)
    assert not never_moves(Series(tag="lr", steps=np.arange(30), values=values))


def test_cuts_that_begin_late_and_lie_anyhow_are_no_staircase() -> None:
    steps = np.array([27, 103, 144, 314, 364, 504, 736, 802, 814, 821, 835, 892, 908, 926, 970, 1248, 1539, 1584, 1862])
    values = np.full(len(steps), 0.1)
    values[[6, 12, 18]] = 0.02
    assert identify(np.append(steps, 1939), np.append(values, 0.1)) is None


def test_groups_of_one_schedule() -> None:
    t = np.arange(500)
    u, other = rates(plan("cosine"), t), rates(plan("linear"), t)
    one, two = identify_all({"head": (t, u), "body": (t, 0.1 * u), "bias": (t, other), "neck": (t, 3 * u)})
    assert one.tags == ("head", "body", "neck")
    assert one.scales == pytest.approx((1, 0.1, 3))
    assert (named(one.schedule), named(two.schedule)) == ("cosine", "linear")
    assert two.tags == ("bias",)


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=12),
    first=st.integers(-(2**62), 2**62),
    gap=st.sampled_from([1, 100, 10**15]),
)
def test_survives_everything(values: list[float], first: int, gap: int) -> None:
    steps = np.array([first + gap * i for i in range(len(values))], dtype=np.int64)
    found = identify(steps, np.array(values))
    if found is not None:
        assert np.isfinite(found.residual)
        assert found.plan.total_steps >= 1
        assert explained(found, steps).shape == steps.shape
