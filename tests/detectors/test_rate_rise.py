"""A rate that rises again and a loss that answers, and rates that never rose from a trough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import rate_rise
from lrdoctor.model import Floats, Run
from lrdoctor.testing import (
    constant_rate,
    cosine_rate,
    descent,
    evaluated,
    linear_rate,
    make_run,
    restarted_rate,
    stable_rate,
    step_rate,
)

T = np.arange(2000)


def answering(rate: Floats, *, floor: float = 0.5, height: float = 0.4) -> Floats:
    """A loss that falls over the first fifth, and then stands `height` times the relative rate above its floor."""
    return np.asarray(floor + height * rate / rate.max() + np.clip(1.4 * (1 - T / 400), 0.0, None), dtype=np.float64)


def found(run: Run) -> list[rate_rise.RateRise]:
    return list(rate_rise.detect(run, rate_rise.Settings()))


@pytest.mark.parametrize("cycles", [2, 4])
def test_measures_the_jumps(cycles: int) -> None:
    rate = restarted_rate(cycles=cycles)
    [finding] = found(make_run(train_loss=answering(rate), lr=rate))
    assert finding.rises == cycles - 1
    assert finding.first_rise_step == pytest.approx(2000 / cycles, abs=2)
    assert finding.lowest_ratio == pytest.approx(0.0, abs=0.001)
    # Levels are taken over 3 % of the run, in which the rate comes some way from its low.
    assert finding.jump == pytest.approx(0.9 / 0.5, rel=0.05)
    assert finding.thrown_back == pytest.approx(0.4 / 1.8, rel=0.08)
    assert finding.gain == pytest.approx(1.0, abs=0.03)
    assert not finding.ends_high
    assert finding.end_ratio == pytest.approx(1.0, abs=0.03)


def test_cycles_that_pay() -> None:
    rate = restarted_rate(cycles=3)
    loss = answering(rate) * np.linspace(1.0, 0.4, 2000)
    [finding] = found(make_run(train_loss=loss, lr=rate))
    assert finding.gain == pytest.approx(0.4 / (1 - 0.6 / 3), rel=0.1)


def test_a_period_that_is_too_short_ends_on_the_way_up() -> None:
    rate = cosine_rate(period=1200)
    [finding] = found(make_run(train_loss=answering(rate), lr=rate))
    assert finding.rises == 1
    assert finding.first_rise_step == pytest.approx(1200, abs=2)
    assert finding.ends_high
    assert finding.gain is None
    assert finding.end_ratio == pytest.approx((0.5 + 0.4 * rate[-1] / rate.max()) / 0.5, rel=0.05)


def test_a_loss_that_takes_no_notice_does_not_jump() -> None:
    rate = restarted_rate()
    [finding] = found(make_run(train_loss=descent(noise=0.0).values, lr=rate))
    assert finding.jump <= 1.0
    assert finding.thrown_back == 0.0


@pytest.mark.parametrize(
    "rate",
    [
        constant_rate(),
        cosine_rate(warmup=200),
        linear_rate(warmup=200),
        step_rate(),
        stable_rate(warmup=200),
        np.linspace(0.1, 1.0, 2000),
        np.where(T // 100 % 2 == 0, 1.0, 1.08) * cosine_rate(final_fraction=0.2),
        np.where((T > 1000) & (T < 1100), 0.7, 1.0),
    ],
    ids=["constant", "cosine", "linear", "step", "stable", "warm-up without end", "creeps up", "a shallow dent"],
)
def test_near_misses(rate: Floats) -> None:
    assert not found(make_run(train_loss=answering(rate), lr=rate))


def test_the_validation_loss_speaks_where_there_is_enough_of_it() -> None:
    rate, made = restarted_rate(), descent()
    assert found(make_run(train_loss=made.values, val_loss=evaluated(made), lr=rate))[0].series == "val_loss"
    assert (
        found(make_run(train_loss=made.values, val_loss=evaluated(made, every=150), lr=rate))[0].series == "train_loss"
    )
    assert not found(make_run(val_loss=evaluated(made, every=150), lr=rate))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    rate = restarted_rate()
    [finding] = found(cadence(make_run(train_loss=answering(rate), lr=rate)))
    assert finding.rises == 3
    assert finding.jump == pytest.approx(1.8, rel=0.08)
    assert not found(cadence(make_run(train_loss=answering(cosine_rate()), lr=cosine_rate())))
