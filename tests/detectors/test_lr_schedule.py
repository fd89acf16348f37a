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
    "multi_step": step_rate(peak=0.1),
    "linear": linear_rate(peak=0.1),
    "cosine": cosine_rate(peak=0.1),
    "exponential": exponential_rate(peak=0.1),
    "time_based": 0.1 / (1 + 10 * T / STEPS),
    "warmup_stable_decay": stable_rate(peak=0.1),
    "cosine_restarts": restarted_rate(peak=0.1),
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
    assert (finding.residual > 0.02) == (shape == "piecewise")


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
    assert finding.shape == "cosine_restarts"


def test_counts_the_rise_of_a_period_that_is_too_short() -> None:
    assert found(make_run(lr=cosine_rate(period=1200))).rises == 1


@pytest.mark.parametrize(
    "rate",
    [
        *(SHAPES[shape] for shape in SHAPES if shape != "cosine_restarts"),
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


def test_what_was_planned() -> None:
    cut = found(make_run(lr=cosine_rate(warmup=100, final_fraction=0.1)[:1400]))
    assert cut.planned_steps == pytest.approx(STEPS, abs=2)
    assert cut.floor_ratio == pytest.approx(0.1, abs=0.001)
    assert cut.warmup_shape == "linear"
    assert cut.interval_steps == 1
    endless = found(make_run(lr=constant_rate()))
    assert (endless.planned_steps, endless.warmup_shape, endless.floor_ratio) == (None, None, 1.0)


def test_a_scheduler_that_was_stepped_per_epoch() -> None:
    finding = found(make_run(lr=cosine_rate()[T // 50 * 50]))
    assert finding.shape == "cosine"
    assert finding.interval_steps == 50


def test_a_late_log_is_planned_from_the_first_step_of_the_run() -> None:
    late = Points(np.arange(500, 1000), linear_rate(steps=500))
    finding = found(make_run(train_loss=np.ones(1000), lr=late))
    assert finding.planned_steps == pytest.approx(1000, abs=2)


def on_plateau(val: Floats, patience: int, factor: float, floor: float) -> Floats:
    """The rate of each epoch where a scheduler watches the validation loss, as PyTorch's ReduceLROnPlateau does."""
    rate, best, bad, rates = 1.0, np.inf, 0, []
    for loss in val:
        rates.append(rate)
        best, bad = (float(loss), 0) if loss < best else (best, bad + 1)
        if bad > patience:
            rate, bad = max(rate * factor, floor), 0
    return np.array(rates)


@pytest.mark.parametrize("floor", [0.0, 0.05])
def test_a_staircase_that_the_validation_loss_made(floor: float) -> None:
    rng = np.random.default_rng(3)
    val = np.asarray(0.3 + 0.9 ** np.arange(80) + rng.normal(0, 0.01, 80), dtype=np.float64)
    rates = 0.1 * on_plateau(val, patience=5, factor=0.5, floor=floor)
    cuts = int((np.diff(rates) < 0).sum())
    assert cuts >= 3
    finding = found(make_run(train_loss=val, val_loss=val, lr=rates))
    assert finding.shape == "reduce_on_plateau"
    assert finding.decay_factor == pytest.approx(0.5, rel=0.01)
    assert finding.residual < 1e-3


def test_milestones_are_no_plateau() -> None:
    rng = np.random.default_rng(3)
    val = np.asarray(0.3 + 0.9 ** np.arange(80) + rng.normal(0, 0.01, 80), dtype=np.float64)
    rates = 0.1 * 0.1 ** np.searchsorted([20, 33, 60], np.arange(80), side="right")
    finding = found(make_run(train_loss=val, val_loss=val, lr=np.asarray(rates, dtype=np.float64)))
    assert finding.shape == "multi_step"
