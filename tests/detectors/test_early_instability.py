"""A loss that rises above its untrained level early, by each of the three views, and early bumps that are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrdoctor.detectors import early_instability
from lrdoctor.model import Run, Series, Span
from lrdoctor.signal import best_level, running_median
from lrdoctor.testing import Points, constant_rate, cosine_rate, descent, early_burst, evaluated, make_run, spiked


def found(run: Run) -> list[early_instability.EarlyInstability]:
    return list(early_instability.detect(run, early_instability.Settings()))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("recovers", [False, True])
def test_measures_the_burst_in_the_training_loss(seed: int, recovers: bool) -> None:
    made = early_burst(height=20.0, recovers=recovers, seed=seed)
    assert made.onset_step is not None
    assert made.peak_step is not None
    [finding] = found(make_run(train_loss=made.values, lr=constant_rate()))
    assert finding.onset_step == pytest.approx(made.onset_step, abs=2)
    assert finding.peak_step == pytest.approx(made.peak_step, abs=3)
    assert finding.peak_fraction == pytest.approx(made.peak_step / 1999, abs=0.002)
    # The untrained level is one point, which scatters by 7 % like the peak, and a median of three flattens the tip.
    assert finding.peak_ratio == pytest.approx(20, rel=0.15)
    assert finding.end_ratio == pytest.approx(made.clean[-1] / 2.3, abs=0.08)
    assert finding.recovered is recovers


def test_sees_it_in_the_validation_loss_alone() -> None:
    made = early_burst(height=20.0)
    assert made.peak_step is not None
    [finding] = found(make_run(train_loss=descent().values, val_loss=evaluated(made, every=5)))
    assert finding.series == "val_loss"
    assert finding.peak_step == pytest.approx(made.peak_step, abs=5)
    assert finding.peak_ratio == pytest.approx(20, rel=0.15)


def test_a_fixed_set_shows_a_small_rise() -> None:
    values = evaluated(descent()).values.copy()
    values[1:3] *= 1.2 * values[0] / values[1:3]
    [finding] = found(make_run(val_loss=Points(np.arange(len(values)) * 25, values)))
    assert finding.peak_ratio == pytest.approx(1.2, rel=0.02)
    assert finding.recovered


def test_a_first_validation_far_above_the_first_training_loss() -> None:
    train = descent()
    val = evaluated(train).values.copy()
    val[0] = 5 * train.values[0]
    [finding] = found(make_run(train_loss=train.values, val_loss=Points(np.arange(len(val)) * 25, val)))
    assert finding.series == "val_loss"
    assert finding.onset_step == finding.peak_step == 0
    assert finding.peak_ratio == pytest.approx(5.0, rel=0.01)


def test_a_validation_loss_in_another_unit_is_no_burst() -> None:
    train = descent()
    val = evaluated(train)
    assert not found(make_run(train_loss=train.values, val_loss=Points(val.steps, 5 * val.values)))


def test_tells_where_the_warmup_ended() -> None:
    made = early_burst()
    [finding] = found(make_run(train_loss=made.values, lr=cosine_rate(warmup=100)))
    assert finding.warmup_fraction == pytest.approx(0.05, abs=0.002)
    [finding] = found(make_run(train_loss=made.values, lr=constant_rate()))
    assert finding.warmup_fraction == 0.0
    [finding] = found(make_run(train_loss=made.values))
    assert finding.warmup_fraction is None


@pytest.mark.parametrize(
    "loss",
    [
        descent().values,
        descent(noise=0.12).values,
        early_burst(height=1.3, recovers=True).values,
        spiked(onset=0.3, height=5.0).values,
        descent().values - 2.0,
    ],
    ids=["sound", "noisy batches", "a bump of a third", "a burst after the first fifth", "falls below zero"],
)
def test_near_misses(loss: np.ndarray) -> None:
    assert not found(make_run(train_loss=loss, lr=constant_rate()))


def test_a_log_that_begins_late_knows_no_untrained_level() -> None:
    made = early_burst(seed=1)
    late = np.arange(41, 2000)
    assert found(make_run(train_loss=made.values))
    assert not found(
        make_run(train_loss=made.values[late], steps=late + 1000, lr=Points(np.array([0]), np.array([1.0])))
    )


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = early_burst(steps=8000, height=20.0)
    assert made.peak_step is not None
    [finding] = found(cadence(make_run(train_loss=made.values, lr=constant_rate(steps=8000))))
    assert finding.peak_step == pytest.approx(made.peak_step, abs=40)
    assert finding.peak_ratio == pytest.approx(20, rel=0.35)
    assert not finding.recovered
    sound = descent(steps=8000)
    assert not found(cadence(make_run(train_loss=sound.values, lr=constant_rate(steps=8000))))


def test_a_log_that_was_taken_up_again_begins_with_a_trained_network() -> None:
    """The first logged point is low by chance; a burst above it is a burst above nothing in particular."""
    made = early_burst(height=20.0, recovers=True, seed=1)
    late = [*range(44, 44 + len(made.values))]
    [from_start] = found(make_run(train_loss=made.values))
    assert from_start.peak_ratio > 10
    assert not found(make_run(train_loss=made.values[:88], steps=late[:88]))
    assert found(make_run(train_loss=made.values, steps=[*range(1, 1 + len(made.values))]))


@pytest.mark.parametrize("seed", range(20))
def test_batches_of_heavy_tailed_targets_are_no_burst(seed: int) -> None:
    """The loss of one batch scatters by half of itself: a low first point, and three high ones in a row, are chance."""
    scatter = np.exp(np.random.default_rng(seed).normal(0, 0.5, 500))
    falling = np.asarray(1.2 * (0.2 + 0.8 * 0.995 ** np.arange(500)), dtype=np.float64)
    val = Points(np.arange(0, 500, 10), falling[::10])
    assert not found(make_run(train_loss=falling * scatter, val_loss=val))


LOSSES = st.sampled_from([-1.0, 0.0, 1.0, 1.5, 2.0]) | st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-6)


@given(st.lists(LOSSES, min_size=3, max_size=40), st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from([1, 3]))
@example([2.0, 3.0, 2.0, 1.0, 1.0], 0.5, 1)
def test_no_rise_is_overlooked(values: list[float], least: float, width: int) -> None:
    series, span = Series(tag="loss", steps=np.arange(len(values)), values=np.array(values)), Span(0, len(values) - 1)
    settings = early_instability.Settings(early=0.3)
    early = int(0.3 * span.last) + 1
    medians = running_median(series.values[: early + 1], width)[:early]
    scale = max(abs(values[0]), values[0] - best_level(series, span))
    risen = len(medians) > 1 and scale > 0 and (float(medians.max()) - values[0]) / scale >= least
    assert (early_instability._rise(series, span, settings, least, width) is not None) == risen
