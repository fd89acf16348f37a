"""Zeros and repeated values that stand for NaN, and those that are what they seem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import masked_nonfinite
from lrdoctor.model import Floats, Run
from lrdoctor.testing import Points, constant_rate, descent, logged, make_run, plateau

ONSET = 1200


def found(run: Run) -> list[masked_nonfinite.MaskedNonFinite]:
    return list(masked_nonfinite.detect(run, masked_nonfinite.Settings()))


def masked(values: Floats, value: float) -> Floats:
    return np.where(np.arange(len(values)) < ONSET, values, value)


def filtered(run: Run, every: int) -> Run:
    """What the Trainer of Hugging Face logs: a step that is NaN adds the mean of its window so far to the sum."""
    loss = run.series["train_loss"].values
    windows = []
    for window in loss[: len(loss) // every * every].reshape(-1, every):
        total = 0.0
        for count, value in enumerate(window):
            total += value if np.isfinite(value) else total / (1 + count)
        windows.append(total / every)
    steps = np.arange(every, len(windows) * every + 1, every)
    norms = run.series["grad_norm"].values[steps - 1]
    return make_run(train_loss=windows, grad_norm=norms, steps=steps)


@pytest.mark.parametrize("seed", range(5))
def test_zeros_with_a_norm_that_is_no_number(seed: int) -> None:
    loss = descent(seed=seed).values
    [finding] = found(make_run(train_loss=masked(loss, 0.0), grad_norm=masked(loss, np.nan), lr=constant_rate()))
    assert (finding.form, finding.gradient, finding.from_start) == ("zero", "nonfinite", False)
    assert finding.onset_step == ONSET
    assert finding.onset_fraction == pytest.approx(0.6, abs=0.001)
    assert finding.points == 800
    assert finding.last_before == loss[ONSET - 1]
    assert finding.leap is not None
    assert finding.leap > 10
    assert finding.rate_zero is False


@pytest.mark.parametrize("every", [1, 10, 50])
def test_the_filter_of_the_hugging_face_trainer(every: int) -> None:
    loss = descent().values
    dead = masked(loss, np.nan)
    [finding] = found(filtered(make_run(train_loss=dead, grad_norm=dead), every))
    assert (finding.form, finding.gradient, finding.falling) == ("zero", "nonfinite", False)
    assert ONSET <= finding.onset_step <= ONSET + 2 * every


@pytest.mark.parametrize("points", [1, 2, 40])
def test_zeros_that_have_just_begun(points: int) -> None:
    loss = descent().values[: ONSET + points]
    [finding] = found(make_run(train_loss=masked(loss, 0.0), grad_norm=masked(loss, np.nan)))
    assert (finding.form, finding.points, finding.onset_step) == ("zero", points, ONSET)


def test_zeros_without_a_norm_leap() -> None:
    [finding] = found(make_run(train_loss=masked(descent(noise=0.1).values, 0.0)))
    assert (finding.gradient, finding.seen_before) == ("absent", 0)
    assert finding.leap is not None
    assert finding.leap > 5


def test_zeros_after_a_run_up() -> None:
    loss = descent().values.copy()
    loss[ONSET - 12 : ONSET] = 2.0 ** np.arange(12)
    [finding] = found(make_run(train_loss=masked(loss, 0.0)))
    assert finding.leap is not None
    assert finding.leap > 10


def test_a_value_that_repeats_after_scatter() -> None:
    loss = descent().values
    [finding] = found(make_run(train_loss=masked(loss, float(loss[ONSET - 1])), grad_norm=masked(loss, np.nan)))
    # The last value that was computed is the first of the stretch.
    assert (finding.form, finding.onset_step, finding.points) == ("repeated", ONSET - 1, 801)
    assert finding.grain is not None
    assert finding.grain > 100
    assert finding.longest_before == 1


def test_a_plausible_loss_while_no_norm_is_a_number() -> None:
    loss = plateau(onset=0.2).values
    [finding] = found(make_run(train_loss=loss, grad_norm=masked(loss, np.nan)))
    assert (finding.form, finding.onset_step, finding.points) == ("finite", ONSET, 800)
    assert not finding.falling
    assert not finding.from_start


def test_a_loss_that_falls_on_while_no_norm_is_a_number() -> None:
    loss = descent(floor=0.0, noise=0.01).values
    [finding] = found(make_run(train_loss=loss, grad_norm=np.full(2000, np.nan)))
    assert finding.falling
    assert finding.from_start


def test_from_the_first_point_on() -> None:
    [finding] = found(make_run(train_loss=np.zeros(50), grad_norm=np.full(50, np.nan)))
    assert (finding.form, finding.from_start, finding.points) == ("zero", True, 50)
    assert finding.last_before is None
    assert finding.leap is None


@pytest.mark.parametrize(
    "loss",
    [
        2.0 * 0.97 ** np.arange(30000.0)[::8],
        np.round(descent(floor=0.0, power=3.0).values, 4),
        np.maximum(0.0, 1 - np.arange(2000) / 1500),
        np.where(np.random.default_rng(0).random(2000) < np.arange(2000) / 1500, 0.0, descent().values),
    ],
    ids=["over all decades", "four printed digits", "a hinge loss", "ever more batches without error"],
)
def test_a_loss_that_reached_zero_came_near_it_first(loss: Floats) -> None:
    for finding in found(make_run(train_loss=loss)):
        assert finding.form == "zero"
        assert finding.leap is not None
        assert finding.leap < 3 or finding.seen_before > 0


def test_a_slow_fall_below_the_smallest_number_leaps_but_reaches_nowhere() -> None:
    falling = 0.97 ** np.arange(8000.0)
    [finding] = found(make_run(train_loss=np.where(falling < 1e-38, 0.0, falling)))
    assert finding.leap is not None
    assert finding.leap > 3
    assert finding.reach is not None
    assert finding.reach < 1e-30
    assert finding.turns == 0


def test_a_small_loss_that_scatters_as_much_turns() -> None:
    small = 0.003 * np.exp(np.random.default_rng(0).normal(0, 0.7, 2000))
    [finding] = found(make_run(train_loss=masked(np.where(np.arange(2000) < 100, 2.0, small), 0.0)))
    assert finding.turns is not None
    assert finding.turns > 0.4
    assert finding.reach is not None
    assert finding.reach > 1e-4
    assert finding.grain is not None
    assert finding.grain > 30


def test_printed_digits_and_full_batches_have_no_scatter_to_lose() -> None:
    printed = np.round(descent(noise=0.003).values, 2)
    converged = (np.float32(0.3) + np.float32(2) * np.float32(0.98) ** np.arange(2000, dtype=np.float32)).astype(float)
    for loss in (printed, converged):
        for finding in found(make_run(train_loss=loss)):
            assert finding.form == "repeated"
            assert finding.grain is not None
            assert finding.grain < 5 or finding.longest_before > 5


@pytest.mark.parametrize(
    "run",
    [
        make_run(train_loss=descent().values, grad_norm=descent().values),
        make_run(train_loss=np.zeros(100), grad_norm=np.ones(100)),
        make_run(train_loss=descent().values, grad_norm=np.where(np.arange(2000) < 1996, 1.0, np.inf)),
        make_run(train_loss=descent(steps=30).values, grad_norm=np.full(30, np.inf)),
        make_run(train_loss=np.where(np.arange(2000) < ONSET, 1.0, np.nan), grad_norm=np.full(2000, np.nan)),
    ],
    ids=[
        "sound",
        "zero loss with a gradient, as in policy optimisation",
        "mixed precision skips some steps",
        "mixed precision looks for its scale",
        "NaN in plain sight",
    ],
)
def test_near_misses(run: Run) -> None:
    assert not found(run)


def test_a_rate_of_zero_is_told() -> None:
    loss = descent().values
    stopped = masked(constant_rate(), 0.0)
    [finding] = found(make_run(train_loss=masked(loss, 0.7), lr=stopped))
    assert finding.rate_zero is True
    [finding] = found(make_run(train_loss=masked(loss, 0.7), lr=Points(np.array([0, 500]), np.array([1e-3, 1e-3]))))
    assert finding.rate_zero is False


def test_a_loss_below_zero() -> None:
    loss = descent().values - 1.0
    [finding] = found(make_run(train_loss=masked(loss, -0.25), grad_norm=masked(loss + 1, np.nan)))
    assert (finding.form, finding.value) == ("repeated", -0.25)


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    loss = descent().values
    [finding] = found(cadence(make_run(train_loss=masked(loss, 0.0), grad_norm=masked(loss, np.nan))))
    assert finding.onset_step == pytest.approx(ONSET, abs=20)
    assert (finding.form, finding.gradient) == ("zero", "nonfinite")
    assert not found(cadence(make_run(train_loss=loss, grad_norm=loss)))
    assert not found(logged(make_run(train_loss=loss), every=7))
