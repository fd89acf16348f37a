"""Short excursions of the training loss, where, how high and how long, and scatter that is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import spike
from lrdoctor.model import Floats, Run
from lrdoctor.testing import descent, early_burst, late_divergence, logged, make_run, oscillation, plateau, spiked


def found(run: Run) -> list[spike.Spike]:
    return list(spike.detect(run, spike.Settings()))


@pytest.mark.parametrize("seed", range(5))
def test_measures_a_spike_that_is_recovered(seed: int) -> None:
    made = spiked(height=0.8, width=20, seed=seed)
    assert made.peak_step is not None
    [finding] = found(make_run(train_loss=made.values))
    assert finding.peak_step == pytest.approx(made.peak_step, abs=2)
    assert finding.peak_fraction == pytest.approx(made.peak_step / 1999, abs=0.001)
    assert finding.height == pytest.approx(0.8, rel=0.12)
    assert finding.sigmas > 6
    # Its foot is within the noise.
    assert 14 <= finding.steps <= 20
    assert finding.recovered
    assert finding.level_shift == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_measures_a_spike_that_is_not_recovered(seed: int) -> None:
    made = spiked(height=2.0, width=20, recovers=False, seed=seed)
    assert made.peak_step is not None
    [finding] = found(make_run(train_loss=made.values))
    assert finding.peak_step == pytest.approx(made.peak_step, abs=3)
    assert not finding.recovered
    after, before = made.clean[made.peak_step + 100], made.clean[made.peak_step - 50]
    assert finding.level_shift == pytest.approx(after / before, rel=0.1)


def test_spikes_come_in_order() -> None:
    loss = descent().values.copy()
    for step in (500, 1000, 1500):
        loss[step : step + 3] += 1.5
    assert [finding.span.first for finding in found(make_run(train_loss=loss))] == [500, 1000, 1500]


def test_excursions_that_touch_are_one() -> None:
    loss = descent().values.copy()
    for step in (1000, 1020, 1040):
        loss[step : step + 3] += 1.5
    [finding] = found(make_run(train_loss=loss))
    assert finding.span == (1000, 1042)
    assert finding.steps == 42


@pytest.mark.parametrize(
    "loss",
    [
        descent().values,
        descent(noise=0.3).values,
        descent(floor=1e-6, noise=0.5).values,
        plateau(noise=0.1).values,
        early_burst(recovers=True).values,
        late_divergence().values,
        oscillation(swing=0.1).values,
        spiked(height=0.08, noise=0.005).values,
        plateau(level=2.3, noise=0.02).values,
    ],
    ids=[
        "sound",
        "noisy batches",
        "a loss near zero",
        "plateau",
        "a burst at the start",
        "divergence",
        "swings",
        "below a tenth of what was learned",
        "nothing learned",
    ],
)
def test_near_misses(loss: Floats) -> None:
    assert not found(make_run(train_loss=loss))


def test_a_loss_that_began_at_zero_has_learned_nothing_to_be_thrown_back_from() -> None:
    loss = np.zeros(100)
    loss[50] = 1.0
    assert not found(make_run(train_loss=loss))


def test_few_points_give_no_course() -> None:
    loss = descent(steps=40).values.copy()
    loss[20] = 3.0
    assert found(make_run(train_loss=loss))
    assert not found(make_run(train_loss=loss[:39]))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = spiked(steps=4000, height=1.5, width=80)
    assert made.peak_step is not None
    [finding] = found(cadence(make_run(train_loss=made.values)))
    assert finding.peak_step == pytest.approx(made.peak_step, abs=20)
    assert finding.recovered
    assert not found(cadence(make_run(train_loss=descent(steps=4000).values)))


def test_averages_over_a_long_window_mute_a_short_spike() -> None:
    run = make_run(train_loss=spiked(height=0.8, width=2).values)
    assert found(run)
    assert not found(logged(run, every=50, averaged=True))
