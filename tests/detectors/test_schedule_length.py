"""Schedules that fit their run, are over before it, outlast it, or are counted in another unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lrdoctor.detectors import schedule_length
from lrdoctor.model import Floats, Role, Run, Series, Status
from lrdoctor.testing import (
    constant_rate,
    cosine_rate,
    descent,
    evaluated,
    exponential_rate,
    linear_rate,
    logged,
    make_run,
    plateau,
    step_rate,
)

T = np.arange(2000)


def found(run: Run) -> schedule_length.ScheduleLength:
    [finding] = schedule_length.detect(run, schedule_length.Settings())
    return finding


def made(rate: Floats) -> Run:
    loss = descent()
    return make_run(train_loss=loss.values, val_loss=evaluated(loss), lr=rate)


def with_epochs(run: Run, batches: int) -> Run:
    steps = np.arange(9, 2000, 10)
    epoch = Series(tag="epoch", steps=steps, values=(steps // batches).astype(np.float64))
    return replace(run, series={**run.series, "epoch": epoch}, roles={**run.roles, Role.EPOCH: "epoch"})


@pytest.mark.parametrize(
    ("rate", "law"),
    [(cosine_rate(warmup=100), "cosine"), (linear_rate(), "linear")],
    ids=["cosine", "linear"],
)
def test_a_schedule_that_fits_its_run(rate: Floats, law: str) -> None:
    finding = found(made(rate))
    assert finding.law == law
    assert finding.used == pytest.approx(1.0, abs=0.005)
    assert finding.counted_in is None
    assert not finding.returns
    assert finding.end_ratio == pytest.approx(0.0, abs=0.001)


@pytest.mark.parametrize("every", [1, 20])
def test_over_before_half_of_the_run(every: int) -> None:
    rate = np.where(T < 900, cosine_rate(period=900, final_fraction=0.01), 1e-5)
    finding = found(logged(made(rate), every=every))
    assert finding.planned_calls == pytest.approx(900, abs=3)
    assert finding.calls == pytest.approx(2000, abs=20)
    assert finding.floor_fraction == pytest.approx(0.45, abs=0.01)
    assert finding.gain_after_floor is not None
    assert 0 < finding.gain_after_floor < 0.2


@pytest.mark.parametrize("seen", [0.2, 0.5, 0.7])
def test_cut_short(seen: float) -> None:
    finding = found(made(cosine_rate(period=round(2000 / seen))))
    assert finding.used == pytest.approx(seen, rel=0.01)
    assert finding.floor_step is None


@pytest.mark.parametrize(
    ("status", "planned", "ended"),
    [
        (Status.UNKNOWN, None, None),
        (Status.UNKNOWN, 2000, True),
        (Status.UNKNOWN, 2040, True),
        (Status.UNKNOWN, 2200, False),
        (Status.FINISHED, 4000, True),
        (Status.RUNNING, None, False),
        (Status.CRASHED, 2000, False),
    ],
)
@pytest.mark.parametrize("every", [1, 20])
def test_whether_it_had_ended(status: Status, planned: int | None, ended: bool | None, every: int) -> None:
    run = logged(made(cosine_rate(period=4000)), every=every)
    assert found(replace(run, status=status, planned_steps=planned)).ended is ended


def test_a_period_that_is_too_short_returns() -> None:
    finding = found(made(cosine_rate(period=800)))
    assert finding.returns
    assert finding.planned_calls == pytest.approx(800, abs=2)
    assert finding.floor_step is None


def test_epochs_for_batches() -> None:
    rate = np.where(T < 50, cosine_rate(period=50), 0.0)
    finding = found(with_epochs(logged(made(rate), every=5), batches=40))
    assert (finding.epochs, finding.counted_in) == (50, "epochs")
    assert finding.planned_calls == pytest.approx(50, abs=1)
    # The same without a count of epochs: over early, and that is all that can be said.
    assert found(logged(made(rate), every=5)).counted_in is None


def test_epochs_from_the_hyperparameters() -> None:
    rate = np.where(T < 50, cosine_rate(period=50), 0.0)
    finding = found(replace(made(rate), hparams={"trainer/max_epochs": 50}))
    assert finding.counted_in == "epochs"


def test_batches_for_epochs() -> None:
    rate = cosine_rate(steps=2000, period=2000)[T // 40]
    finding = found(logged(made(rate), every=5))
    assert finding.counted_in == "batches"
    assert finding.calls == 50
    assert finding.planned_calls == pytest.approx(2000, rel=0.03)
    assert finding.end_ratio > 0.99


def test_a_cosine_that_is_stepped_per_epoch_and_counted_in_epochs() -> None:
    rate = cosine_rate(period=2000)[T // 40 * 40]
    finding = found(with_epochs(logged(made(rate), every=5), batches=40))
    assert (finding.calls, finding.planned_calls, finding.counted_in) == (50, 50, None)


def test_what_a_geometric_decay_can_still_add() -> None:
    finding = found(made(exponential_rate(final_fraction=0.01)))
    # From peak p to p/100: the tail is a hundredth of the whole sum to infinity, and 99 hundredths are spent.
    assert finding.remaining_sum == pytest.approx(1 / 99, rel=0.05)
    assert found(made(cosine_rate())).remaining_sum is None


def test_the_trend_at_the_end() -> None:
    flat, falling = plateau(level=0.8), descent(noise=0.0)
    trend = found(make_run(train_loss=flat.values, lr=constant_rate())).end_trend
    assert trend is not None
    assert trend > -0.5
    assert found(make_run(train_loss=falling.values, lr=constant_rate())).end_trend == pytest.approx(-1.0)
    # The loss that still falls speaks.
    both = make_run(train_loss=flat.values, val_loss=evaluated(falling, noise=0.0), lr=constant_rate())
    assert found(both).end_trend == pytest.approx(-1.0)


@pytest.mark.parametrize("rate", [constant_rate(), step_rate()], ids=["constant", "step"])
def test_laws_without_an_end(rate: Floats) -> None:
    finding = found(made(rate))
    assert finding.planned_steps is None
    assert finding.used is None
    assert finding.floor_step is None
    assert finding.run_steps == 2000


def test_says_nothing_of_a_handful_of_rates() -> None:
    run = make_run(train_loss=descent(steps=7).values, lr=cosine_rate(steps=7))
    assert not list(schedule_length.detect(run, schedule_length.Settings()))
