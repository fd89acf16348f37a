"""Cuts of the rate that come too soon, in time, or late, and rates without cuts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import step_timing
from lrdoctor.model import Floats, Run
from lrdoctor.testing import constant_rate, cosine_rate, exponential_rate, make_run, restarted_rate, step_rate

T = np.arange(2000)


def found(run: Run) -> list[step_timing.StepTiming]:
    return list(step_timing.detect(run, step_timing.Settings()))


def levelling(onset: int, cut: int, *, noise: float = 0.02) -> Floats:
    """Falls to 1 until `onset`, stands there until `cut`, and then at 0.6."""
    clean = np.where(onset > T, 1 + 1.3 * (1 - T / onset), 1.0) - np.where(cut <= T, 0.4, 0.0)
    rng = np.random.default_rng(0)
    return np.asarray(clean * (1 + noise * np.clip(rng.standard_normal(len(T)), -2.5, 2.5)), dtype=np.float64)


def test_a_cut_long_after_the_levelling(cadence: Callable[[Run], Run]) -> None:
    run = make_run(train_loss=levelling(400, 1600), lr=step_rate(cuts=(0.8,)))
    [finding] = found(cadence(run))
    assert finding.cuts == 1
    assert finding.first_cut_step == pytest.approx(1600, abs=20)
    assert finding.onset_step == pytest.approx(400, abs=200)
    assert finding.waited == pytest.approx(0.6, abs=0.1)
    assert finding.gain_at_cut == pytest.approx(0.4 / 1.7, rel=0.1)


def test_a_cut_while_the_loss_falls() -> None:
    loss = np.where(T < 400, 2.3 - T / 400, 1.3 - 0.1 * (T - 400) / 1600)
    [finding] = found(make_run(train_loss=loss, lr=step_rate(cuts=(0.2, 0.4))))
    assert finding.cuts == 2
    assert finding.factor == pytest.approx(0.1)
    assert finding.trend_before == pytest.approx(-1.0)
    assert finding.onset_step is None
    assert finding.waited == 0.0
    assert finding.trend_after == pytest.approx(-1.0)


@pytest.mark.parametrize(
    "rate",
    [constant_rate(), cosine_rate(warmup=100), exponential_rate(), restarted_rate(), np.linspace(0.1, 1.0, 2000)],
    ids=["constant", "cosine", "exponential", "restarts", "rising"],
)
def test_rates_without_cuts(rate: Floats) -> None:
    assert not found(make_run(train_loss=levelling(400, 1600), lr=rate))
