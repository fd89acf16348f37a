"""Every law is recognised, raw, printed with six decimals, and averaged over logging windows; rises are counted."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.detectors import lr_schedule
from lrdoctor.model import Floats, Run
from lrdoctor.testing import (
    STEPS,
    Points,
    constant_rate,
    cosine_rate,
    exponential_rate,
    linear_rate,
    logged,
    make_run,
    restarted_rate,
    stable_rate,
    step_rate,
)

T = np.arange(STEPS)
SHAPES = {
    "constant": constant_rate(peak=0.1),
    "step": step_rate(peak=0.1),
    "linear": linear_rate(peak=0.1),
    "cosine": cosine_rate(peak=0.1),
    "exponential": exponential_rate(peak=0.1),
    "time_based": 0.1 / (1 + 10 * T / STEPS),
    "warmup_stable_decay": stable_rate(peak=0.1),
    "cyclical": restarted_rate(peak=0.1),
    "piecewise": np.interp(T, [0, 300, 1200, 1999], [0.1, 0.05, 0.045, 0.001]),
}


def ramp(rate: Floats, warmup: int) -> Floats:
    return np.concatenate([rate[0] * np.arange(1, warmup + 1) / (warmup + 1), rate])


def found(run: Run) -> lr_schedule.LrSchedule:
    [finding] = lr_schedule.detect(run, lr_schedule.Settings())
    return finding


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("warmup", [0, 20, 200])
def test_recognises_every_shape(shape: str, warmup: int) -> None:
    finding = found(make_run(lr=ramp(SHAPES[shape], warmup)))
    assert finding.shape == shape
    assert finding.peak_lr == pytest.approx(0.1, rel=0.001)
    assert finding.warmup_steps == pytest.approx(warmup, abs=0.01 * warmup)
    assert finding.warmup_fraction == pytest.approx(warmup / (1999 + warmup), abs=0.001)
    assert not finding.still_rising
    assert (finding.residual > 0.02) == (shape in ("piecewise", "cyclical"))


@pytest.mark.parametrize("shape", SHAPES)
def test_survives_printing(shape: str) -> None:
    printed = np.array([float(f"{0.01 * rate:.6f}") for rate in SHAPES[shape]])
    assert found(make_run(lr=printed)).shape == shape


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("every", [5, 20])
@pytest.mark.parametrize("averaged", [False, True])
def test_does_not_depend_on_the_cadence(shape: str, every: int, averaged: bool) -> None:
    finding = found(logged(make_run(lr=SHAPES[shape]), every=every, averaged=averaged))
    assert finding.shape == shape
    assert finding.peak_lr == pytest.approx(0.1, rel=0.06)


def test_a_rate_of_zero() -> None:
    finding = found(make_run(lr=np.zeros(100)))
    assert finding.shape == "zero"
    assert finding.peak_lr == finding.final_lr == 0.0


@pytest.mark.parametrize(
    ("rate", "mean", "final"),
    [
        (constant_rate(), 1.0, 1.0),
        (linear_rate(), 0.5, 0.0),
        (cosine_rate(), 0.5, 0.0),
        (cosine_rate(final_fraction=0.1), 0.55, 0.1),
        (step_rate(), 0.5275, 0.01),
        (exponential_rate(), 0.215, 0.01),
    ],
    ids=["constant", "linear", "cosine", "cosine to a tenth", "step", "exponential"],
)
def test_mean_and_end(rate: Floats, mean: float, final: float) -> None:
    finding = found(make_run(lr=rate))
    assert finding.mean_ratio == pytest.approx(mean, abs=0.005)
    assert finding.final_ratio == pytest.approx(final, abs=0.001)
    assert finding.final_lr == pytest.approx(0.001 * final, abs=1e-6)


def test_a_cosine_that_goes_on_beyond_the_run() -> None:
    finding = found(make_run(lr=cosine_rate(period=4000)))
    assert finding.shape == "cosine"
    assert finding.period_steps == pytest.approx(4000, rel=0.03)


def test_the_line_that_ends_beyond_the_run() -> None:
    finding = found(make_run(lr=linear_rate(final_fraction=0.5)))
    assert finding.shape == "linear"
    assert finding.period_steps == pytest.approx(4000, rel=0.01)


def test_factors() -> None:
    assert found(make_run(lr=step_rate(factor=0.3))).decay_factor == pytest.approx(0.3, rel=0.001)
    assert found(make_run(lr=exponential_rate())).decay_factor == pytest.approx(0.01 ** (1 / 1999), rel=1e-6)


def test_when_the_rate_fell_below_a_tenth() -> None:
    assert found(make_run(lr=exponential_rate())).tenth_fraction == pytest.approx(0.5, abs=0.001)
    assert found(make_run(lr=constant_rate())).tenth_fraction is None


@pytest.mark.parametrize("cycles", [2, 3, 5])
def test_counts_the_restarts(cycles: int) -> None:
    finding = found(make_run(lr=restarted_rate(cycles=cycles, warmup=50)))
    assert finding.rises == cycles - 1
    assert finding.shape == "cyclical"


def test_counts_the_rise_of_a_period_that_is_too_short() -> None:
    assert found(make_run(lr=cosine_rate(period=1200))).rises == 1


@pytest.mark.parametrize(
    "rate",
    [
        *(SHAPES[shape] for shape in SHAPES if shape != "cyclical"),
        np.where(T // 50 % 2 == 0, 1.0, 1.05) * cosine_rate(final_fraction=0.2),
        cosine_rate(warmup=200),
    ],
)
def test_what_creeps_or_warms_up_is_no_rise(rate: Floats) -> None:
    assert found(make_run(lr=rate)).rises == 0


def test_a_warmup_that_never_ends() -> None:
    finding = found(make_run(lr=np.linspace(0.0, 0.1, 500)))
    assert finding.still_rising
    assert finding.warmup_fraction > 0.95


@pytest.mark.parametrize("points", [2, 3, 4])
def test_few_points(points: int) -> None:
    assert found(make_run(lr=np.full(points, 0.1))).shape == "constant"
    assert found(make_run(lr=np.linspace(0.0, 0.1, points))).still_rising


def test_two_rates_that_differ_follow_no_law() -> None:
    assert found(make_run(lr=[0.1, 0.05])).shape == "piecewise"


def test_rates_that_are_no_numbers_are_left_out() -> None:
    rate = cosine_rate(peak=0.1)
    rate[::3] = np.nan
    finding = found(make_run(lr=rate))
    assert finding.shape == "cosine"
    assert finding.peak_lr == pytest.approx(0.1, rel=0.001)
    assert not list(lr_schedule.detect(make_run(lr=np.full(10, np.nan)), lr_schedule.Settings()))


def test_the_warmup_counts_from_the_first_step_of_the_run() -> None:
    late = Points(np.arange(100, 1000), cosine_rate(steps=900, warmup=100))
    finding = found(make_run(train_loss=np.ones(1000), lr=late))
    assert finding.warmup_steps == pytest.approx(200, abs=2)
