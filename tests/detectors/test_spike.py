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


@pytest.mark.parametrize("width", [20, 100])
def test_counts_the_steps_that_it_cost(width: int) -> None:
    made = spiked(height=2.0, width=width)
    [finding] = found(make_run(train_loss=made.values))
    assert finding.cost_steps is not None
    assert finding.cost_steps == pytest.approx(width, abs=max(12, 0.2 * width))
    assert finding.cost_share == pytest.approx(finding.cost_steps / 1999)
    assert (finding.spikes, finding.gradient_ratio, finding.rate_ratio) == (1, None, None)
    assert finding.lasting_shift < 0
    assert finding.spike_share == pytest.approx(finding.steps / 2000, abs=0.005)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shift", [0.0, -1.0, -100.0])
def test_what_stays_of_a_spike_is_a_share_of_what_was_learned(seed: int, shift: float) -> None:
    """Whatever the zero of the loss is: a likelihood may be negative."""
    made = spiked(height=2.0, width=20, recovers=False, noise=0.02, seed=seed)
    assert made.peak_step is not None
    [finding] = found(make_run(train_loss=made.values + shift))
    assert finding.cost_steps is None
    # Half of the height stays, less what is learned after it.
    clean, peak = made.clean, made.peak_step
    best = (clean[-50] - clean[peak - 50]) / (clean[0] - clean[peak - 1])
    assert finding.lasting_shift == pytest.approx(best, abs=0.05)
    assert finding.lasting_sigmas > 20
    assert finding.learned_sigmas > 20
    assert finding.trend_shift is not None
    assert finding.trend_shift >= finding.lasting_shift - 0.05
    assert finding.rest_fraction == pytest.approx(1 - peak / 1999, abs=0.03)


def test_a_spike_that_comes_back_late_did_come_back() -> None:
    made = spiked(onset=0.3, height=1.0, width=500)
    for finding in found(make_run(train_loss=made.values)):
        assert finding.lasting_shift < 0.02


def test_the_gradient_norm_may_have_jumped_before() -> None:
    made = spiked(onset=0.5, height=1.5, width=20)
    norms = np.where((np.arange(2000) >= 992) & (np.arange(2000) < 996), 25.0, 1.0)
    [finding] = found(make_run(train_loss=made.values, grad_norm=norms, lr=np.ones(2000)))
    assert finding.gradient_ratio == 25
    assert finding.gradient_lead == pytest.approx(8, abs=2)
    assert finding.rate_ratio == 1
    [finding] = found(make_run(train_loss=made.values, grad_norm=np.ones(2000)))
    assert finding.gradient_ratio == 1


def test_a_rate_that_was_raised_is_told() -> None:
    made = spiked(onset=0.5, height=1.5, width=20)
    [finding] = found(make_run(train_loss=made.values, lr=np.where(np.arange(2000) < 1000, 1.0, 10.0)))
    assert finding.rate_ratio == 10


def test_many_spikes_and_what_they_cost_together() -> None:
    loss = descent().values.copy()
    for step in range(300, 2000, 300):
        loss[step : step + 50] += np.linspace(2.0, 0.5, 50)
    findings = found(make_run(train_loss=loss))
    assert [f.spikes for f in findings] == [6] * 6
    assert findings[0].cost_share == pytest.approx(6 * 50 / 2000, abs=0.03)


def test_a_step_of_the_course_is_no_spike() -> None:
    loss = plateau(onset=0.2, noise=0.02).values.copy()
    loss[1000:] += 0.5
    assert not found(make_run(train_loss=loss))


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
        descent(noise=0.3).values - 2.0,
        -descent().values,
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
        "crosses zero",
        "rises, as a reward does",
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
