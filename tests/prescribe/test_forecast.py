"""When the forecast speaks it is near the truth of made curves; in all other cases it says why it keeps silent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lrdoctor.model import Expected, Floats, Ints, Role, Run, Scalar, Series, Status
from lrdoctor.prescribe._law import course, grid, laws
from lrdoctor.prescribe._priors_of_law import is_language_model
from lrdoctor.prescribe.forecast import Choice, Forecast, Silence, best_schedule, forecast
from lrdoctor.schedules import constant, cosine, linear, warmup_stable_decay
from lrdoctor.schedules._plan import Plan, Warmup
from lrdoctor.testing import Points, _oddities, cosine_rate, linear_rate, make_run, restarted_rate, stable_rate

STEPS, WARMUP, PEAK, EVERY = 20_000, 300, 1e-3, 100
TRUTH = np.array([2.6, math.log(0.2), math.log(0.48), math.log(0.22), math.log(70.0), math.log(0.7)])
BEND = np.array([1.0])
ADAM: dict[str, Scalar] = {"optimizer": "adamw", "model": "gpt"}


def loss_under(rates: Floats, at: Floats | Ints, peak: float = PEAK) -> Floats:
    """Loss of a made language model at these steps of a schedule; untrained it has that of 50,000 words."""
    steps = grid(len(rates) - 1)
    reference = np.array([[0.6 * STEPS]])
    values, _ = laws(TRUTH[None], course(steps, rates[steps], peak), BEND, np.asarray(at, dtype=np.float64), reference)
    return np.asarray(np.minimum(values[0], 10.8))


def trained(
    rates: Floats, *, hparams: dict[str, Scalar] | None = None, logged: int | None = None, seed: int = 0, **more: Any
) -> Run:
    """A run under these rates, of which so many steps were logged."""
    until = logged or len(rates)
    steps = np.arange(0, until, EVERY)
    rng = np.random.default_rng(seed)
    clean = loss_under(rates, steps, float(rates.max()))
    return make_run(
        train_loss=Points(steps, clean * (1 + rng.normal(0, 0.01, len(steps)))),
        val_loss=Points(steps[::2], clean[::2] + rng.normal(0, 0.002, len(steps[::2]))),
        lr=Points(steps, rates[steps]),
        hparams=ADAM if hparams is None else hparams,
        **more,
    )


def cosine_run(**more: Any) -> Run:
    return trained(cosine_rate(steps=STEPS, peak=PEAK, warmup=WARMUP), **more)


def spoken(run: Run) -> Forecast:
    found = forecast(run)
    assert isinstance(found, Forecast), found
    return found


def told(found: Expected | Silence) -> Expected:
    assert isinstance(found, Expected), found
    return found


def plan(schedule: str, params: object, steps: int = STEPS, peak: float = PEAK) -> Plan:
    return Plan(schedule=schedule, params=params, peak_lr=peak, warmup=Warmup(steps=WARMUP), total_steps=steps)


LEFT = STEPS - WARMUP
OTHERS = {
    "linear": (plan("linear", linear.Params(total_steps=LEFT)), linear_rate(steps=STEPS, peak=PEAK, warmup=WARMUP)),
    "cooldown": (
        plan("warmup_stable_decay", warmup_stable_decay.Params(stable_steps=LEFT - 4000, decay_steps=4000)),
        stable_rate(steps=STEPS, peak=PEAK, warmup=WARMUP),
    ),
    "constant": (
        plan("constant", constant.Params()),
        linear_rate(steps=STEPS, peak=PEAK, warmup=WARMUP, final_fraction=1.0),
    ),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("seed", range(3))
def test_one_run_tells_what_another_schedule_would_have_reached(other: str, seed: int) -> None:
    candidate, rates = OTHERS[other]
    truth = float(loss_under(rates, np.array([STEPS - 1.0]))[0])
    found = spoken(cosine_run(seed=seed))
    expected = told(found.reach(candidate))
    assert expected.metric == "val_loss"
    assert expected.low < truth < expected.high
    assert expected.value == pytest.approx(truth, abs=0.02)
    assert told(found.reach_rates(rates)).value == pytest.approx(expected.value, abs=1e-3)


def test_its_own_schedule_reaches_its_own_end() -> None:
    run = cosine_run()
    found = spoken(run)
    val = run.series["val_loss"]
    assert found.own().value == pytest.approx(float(val.values[-3:].mean()), abs=0.004)
    same = told(found.reach(plan("cosine", cosine.Params(total_steps=LEFT))))
    assert same.value == pytest.approx(found.own().value, abs=1e-3)
    # Less is known of what is farther away.
    far = told(found.reach(OTHERS["constant"][0]))
    assert far.high - far.low > 1.5 * (same.high - same.low)


def test_the_training_loss_serves_where_there_is_no_other() -> None:
    run = cosine_run()
    found = spoken(replace(run, roles={r: t for r, t in run.roles.items() if r is not Role.VAL_LOSS}))
    candidate, rates = OTHERS["cooldown"]
    expected = told(found.reach(candidate))
    truth = float(loss_under(rates, np.array([STEPS - 1.0]))[0])
    assert expected.metric == "train_loss"
    assert expected.low < truth < expected.high


def test_a_rare_validation_loss_gives_way_to_the_training_loss() -> None:
    run = cosine_run()
    val = run.series["val_loss"]
    rare = Series(tag="val_loss", steps=val.steps[::10], values=val.values[::10])
    assert spoken(replace(run, series={**run.series, "val_loss": rare})).metric == "train_loss"


def test_a_constant_run_of_a_language_model_tells_what_annealing_gains() -> None:
    found = spoken(trained(OTHERS["constant"][1]))
    candidate, rates = OTHERS["cooldown"]
    expected = told(found.reach(candidate))
    assert expected.low < float(loss_under(rates, np.array([STEPS - 1.0]))[0]) < expected.high
    assert expected.high < found.own().value


# ---------------------------------------------------------------------------------------------------- runs in progress


@pytest.mark.parametrize("part", [0.5, 0.7, 0.9])
def test_a_run_in_progress_ends_where_it_was_foretold(part: float) -> None:
    rates = cosine_rate(steps=STEPS, peak=PEAK, warmup=WARMUP)
    end = told(spoken(trained(rates, logged=int(part * STEPS), planned_steps=STEPS)).end())
    truth = float(loss_under(rates, np.array([STEPS - 1.0]))[0])
    assert end.low < truth < end.high
    assert end.value == pytest.approx(truth, abs=0.05 * (1 - part) + 0.01)


def test_the_law_of_the_rate_tells_the_planned_length() -> None:
    rates = cosine_rate(steps=STEPS, peak=PEAK, warmup=WARMUP)
    assert isinstance(spoken(trained(rates, logged=STEPS // 2)).end(), Expected)


def test_a_finished_run_has_no_end_to_come() -> None:
    assert isinstance(spoken(cosine_run()).end(), Silence)
    rates = cosine_rate(steps=STEPS, peak=PEAK, warmup=WARMUP)
    assert isinstance(spoken(trained(rates, logged=STEPS // 2, status=Status.FINISHED)).end(), Silence)


def test_a_constant_rate_does_not_say_that_it_stays_so() -> None:
    rates = OTHERS["constant"][1]
    silent = spoken(trained(rates, logged=STEPS // 2, planned_steps=STEPS)).end()
    assert isinstance(silent, Silence)
    assert "cooldown" in silent.reason
    named = spoken(trained(rates, logged=STEPS // 2, planned_steps=STEPS, hparams={**ADAM, "lr_scheduler": "constant"}))
    assert isinstance(named.end(), Expected)


# -------------------------------------------------------------------------------------------------------------- choice


def test_the_best_schedule_of_a_constant_run_anneals() -> None:
    choice = best_schedule(trained(OTHERS["constant"][1]))
    assert isinstance(choice, Choice)
    assert choice.plan.schedule != "constant"
    assert choice.convincing
    assert choice.plan.total_steps == pytest.approx(STEPS, abs=EVERY)
    assert choice.plan.warmup.steps == pytest.approx(WARMUP, abs=EVERY)
    assert choice.expected.value < choice.expected.high == pytest.approx(choice.expected.value + choice.half_width)


def test_a_gain_within_its_band_does_not_convince() -> None:
    choice = best_schedule(trained(OTHERS["cooldown"][1]))
    assert isinstance(choice, Choice)
    assert choice.gain < choice.half_width
    assert not choice.convincing


def test_a_run_in_progress_is_judged_at_its_planned_length() -> None:
    rates = cosine_rate(steps=STEPS, peak=PEAK, warmup=WARMUP)
    choice = best_schedule(trained(rates, logged=int(0.7 * STEPS), planned_steps=STEPS))
    assert isinstance(choice, Choice)
    assert choice.plan.total_steps == STEPS


# ------------------------------------------------------------------------------------------------------------- silence


def changed(role: Role, change: Callable[[Floats], Floats]) -> Callable[[], Run]:
    """The cosine run with another course of one series."""

    def make() -> Run:
        run = cosine_run()
        series = run[role]
        assert series is not None
        other = Series(tag=series.tag, steps=series.steps, values=change(series.values.copy()))
        return replace(run, series={**run.series, series.tag: other})

    return make


def hole(values: Floats) -> Floats:
    values[len(values) // 2] = math.nan
    return values


def spike(values: Floats) -> Floats:
    values[len(values) // 2 : len(values) // 2 + 3] += 4.0
    return values


def overfit(values: Floats) -> Floats:
    n = len(values)
    return np.asarray(values * (1 + 0.3 * np.maximum(np.arange(n) / n - 0.5, 0.0)))


def memorised(values: Floats) -> Floats:
    return np.asarray(values * np.linspace(1.0, 0.1, len(values)))


def wavy(values: Floats) -> Floats:
    return np.asarray(values * (1 + 0.04 * np.sin(np.arange(len(values)) / 8)) * np.linspace(1.1, 1.0, len(values)))


def without(*roles: Role) -> Run:
    run = cosine_run()
    return replace(run, roles={r: t for r, t in run.roles.items() if r not in roles})


def late() -> Run:
    run = cosine_run()
    cut = {
        t: Series(tag=t, steps=s.steps[s.steps > 5000], values=s.values[s.steps > 5000]) for t, s in run.series.items()
    }
    return replace(run, series=cut)


def with_batch() -> Run:
    run = cosine_run()
    steps = np.arange(0, STEPS, EVERY)
    sizes = Series(tag="batch_size", steps=steps, values=np.where(steps < STEPS // 2, 64.0, 256.0))
    return replace(run, series={**run.series, "batch_size": sizes})


def rare() -> Run:
    run = cosine_run()
    return replace(
        run, series={t: Series(tag=t, steps=s.steps[::12], values=s.values[::12]) for t, s in run.series.items()}
    )


def restarted() -> Run:
    return trained(restarted_rate(steps=STEPS, peak=PEAK, warmup=WARMUP, cycles=3))


SILENT: dict[str, Callable[[], Run]] = {
    "no loss": lambda: without(Role.TRAIN_LOSS, Role.VAL_LOSS),
    "no learning rate": lambda: without(Role.LR),
    "fewer than 20": rare,
    "not finite": changed(Role.TRAIN_LOSS, hole),
    "spikes": changed(Role.TRAIN_LOSS, spike),
    "rose by more": changed(Role.VAL_LOSS, overfit),
    "off its law": changed(Role.VAL_LOSS, wavy),
    "by heart": changed(Role.TRAIN_LOSS, memorised),
    "its own step": lambda: cosine_run(hparams={**ADAM, "optimizer": "Prodigy"}),
    "the rate from the start": late,
    "epochs": lambda: cosine_run(hparams={**ADAM, "num_epochs": 12}),
    "rose again": restarted,
    "batch changed": with_batch,
    "constant rate tells little": lambda: trained(OTHERS["constant"][1], hparams={"optimizer": "sgd"}),
}


@pytest.mark.parametrize("reason", SILENT)
def test_it_keeps_silent_and_says_why(reason: str) -> None:
    found = forecast(SILENT[reason]())
    assert isinstance(found, Silence)
    assert reason in found.reason
    assert isinstance(best_schedule(SILENT[reason]()), Silence)


@pytest.mark.parametrize(
    "run",
    [
        cosine_run(hparams={**ADAM, "num_epochs": 3}),
        # The start is no part of the window.
        changed(Role.TRAIN_LOSS, lambda v: np.where(np.arange(len(v)) == 2, math.nan, v))(),
        changed(Role.VAL_LOSS, lambda v: v * np.linspace(1, 1.005, len(v)))(),
    ],
    ids=["few epochs", "not finite at the start", "rises less"],
)
def test_near_misses_are_spoken_of(run: Run) -> None:
    assert isinstance(forecast(run), Forecast)


@pytest.mark.parametrize(("factor", "speaks"), [(0.25, False), (0.5, True), (2.0, True), (4.0, False)])
def test_the_length_may_double(factor: float, speaks: bool) -> None:
    steps = int(factor * STEPS)
    other = plan("linear", linear.Params(total_steps=steps - WARMUP), steps)
    assert isinstance(spoken(cosine_run()).reach(other), Expected if speaks else Silence)


@pytest.mark.parametrize(("factor", "speaks"), [(0.3, False), (0.6, True), (1.9, True), (3.0, False)])
def test_the_level_may_double_with_a_wider_band(factor: float, speaks: bool) -> None:
    found = spoken(cosine_run())
    expected = found.reach(plan("linear", linear.Params(total_steps=LEFT), peak=factor * PEAK))
    if not speaks:
        assert isinstance(expected, Silence)
        return
    same = told(found.reach(OTHERS["linear"][0]))
    assert told(expected).high - told(expected).low > 1.3 * (same.high - same.low)


def untold(run: Run) -> Run:
    """The same without the beginning, at which a loss shows how many words it chooses from."""
    loss = {Role.TRAIN_LOSS, Role.VAL_LOSS}
    first = {tag: 5 if role in loss else 0 for role, tag in run.roles.items()}
    cut = {t: Series(tag=t, steps=s.steps[first[t] :], values=s.values[first[t] :]) for t, s in run.series.items()}
    return replace(run, series=cut)


def test_of_other_tasks_only_the_own_end_is_told() -> None:
    rates = cosine_rate(steps=STEPS, peak=0.1, warmup=WARMUP)
    run = untold(trained(rates, logged=int(0.7 * STEPS), planned_steps=STEPS, hparams={"optimizer": "sgd"}))
    assert not spoken(run).language_model
    assert isinstance(spoken(run).end(), Expected)
    assert isinstance(spoken(run).reach_rates(rates), Silence)
    assert isinstance(best_schedule(run), Silence)
    # A training loss alone may be of anything.
    alone = forecast(replace(run, roles={r: t for r, t in run.roles.items() if r is not Role.VAL_LOSS}))
    assert isinstance(alone, Silence)


@pytest.mark.parametrize(
    ("start", "end", "hparams", "tag", "known"),
    [
        (10.8, 3.2, {}, "loss", True),
        (4.2, 1.9, {"model": "gpt2-small"}, "loss", True),
        (4.2, 1.9, {}, "train/lm_loss", True),
        (4.2, 1.9, {"data.block_size": 256}, "loss", True),
        (4.2, 1.9, {}, "loss", False),
        (6.9, 2.2, {"model": "resnet50"}, "loss", False),
        (10.8, 0.4, {"model": "gpt2"}, "loss", False),
        (2.3, 1.8, {"film": "example"}, "loss", False),
    ],
)
def test_language_models_name_themselves_or_begin_at_a_vocabulary(
    start: float, end: float, hparams: dict[str, Scalar], tag: str, known: bool
) -> None:
    values = np.append(start, np.linspace(start, end, 10)), np.full(30, end)
    run = make_run(train_loss=np.concatenate(values), hparams=hparams)
    series = replace(run.series["train_loss"], tag=tag)
    run = replace(run, series={tag: series}, roles={Role.TRAIN_LOSS: tag})
    assert is_language_model(run) is known


def test_a_rate_that_follows_no_law_is_taken_as_logged() -> None:
    rng = np.random.default_rng(0)
    steps = np.arange(STEPS)
    wobble = 1 - 0.1 * np.abs(np.interp(steps, np.linspace(0, STEPS, 60), rng.uniform(-1, 1, 60)))
    run = trained(cosine_rate(steps=STEPS, peak=PEAK, warmup=WARMUP) * wobble, planned_steps=2 * STEPS)
    found = spoken(run)
    candidate, rates = OTHERS["cooldown"]
    assert told(found.reach(candidate)).value == pytest.approx(
        float(loss_under(rates, np.array([STEPS - 1.0]))[0]), abs=0.02
    )
    assert isinstance(found.end(), Silence)


def test_a_language_model_under_an_unknown_rate_has_a_wider_band() -> None:
    rates = cosine_rate(steps=STEPS, peak=PEAK, warmup=WARMUP)
    muon = trained(rates * 20)
    near, far = (spoken(run).own() for run in (cosine_run(), muon))
    assert far.high - far.low == pytest.approx(2 * (near.high - near.low), rel=0.2)
    assert isinstance(spoken(muon).reach_rates(rates * 20), Expected)
    flat = forecast(trained(OTHERS["constant"][1] * 20))
    assert isinstance(flat, Silence)


@pytest.mark.parametrize("what", _oddities())
@pytest.mark.parametrize("val", [False, True])
def test_odd_logs_are_survived(what: str, val: bool) -> None:
    steps, values, rate = _oddities()[what]
    run = make_run(train_loss=values, val_loss=values if val else None, lr=rate, steps=steps, hparams=ADAM)
    found = forecast(run)
    if isinstance(found, Forecast):
        own = found.own()
        assert math.isfinite(own.low)
        assert own.low <= own.value <= own.high
        assert isinstance(best_schedule(run, found), Choice | Silence)
        assert isinstance(found.end(), Expected | Silence)


def test_nothing_to_go_by() -> None:
    assert isinstance(forecast(make_run()), Silence)
    assert isinstance(forecast(make_run(train_loss=[1.0], lr=[0.1])), Silence)
