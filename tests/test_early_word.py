"""A fault that has just begun is spoken of before the run is over, and one that hides is found: from run to rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lrdoctor import plugins
from lrdoctor.config import Config, settings
from lrdoctor.doctor import diagnose, known_rules
from lrdoctor.model import Run, Series, Severity
from lrdoctor.testing import (
    Points,
    constant_rate,
    cosine_rate,
    descent,
    early_burst,
    ends_in_nan,
    evaluated,
    late_divergence,
    logged,
    make_run,
    spiked,
)

DETECTORS = plugins.detectors()
CHOSEN = settings(Config(), {name: module.Settings for name, module in DETECTORS.items()})
RULES = known_rules(Config())


def alarms(run: Run) -> set[str]:
    """The rules that make the run unhealthy."""
    said = diagnose(run, DETECTORS, CHOSEN, RULES).advice
    return {a.rule.id for a in said if a.rule.severity is not Severity.INFO}


def cut(run: Run, step: float) -> Run:
    """The log as it was at this step."""
    kept = {
        tag: Series(tag=tag, steps=s.steps[s.steps <= step], values=s.values[s.steps <= step])
        for tag, s in run.series.items()
    }
    return replace(run, series=kept)


@pytest.mark.parametrize("every", [1, 5, 20])
@pytest.mark.parametrize("seed", range(3))
def test_nan_is_spoken_of_two_hundredths_of_the_run_after_it_began(seed: int, every: int) -> None:
    made = ends_in_nan(seed=seed)
    assert made.onset_step is not None
    run = logged(make_run(train_loss=made.values, lr=constant_rate()), every=every)
    assert alarms(cut(run, made.onset_step + 40)) & {"LRD101", "LRD118"}
    assert not alarms(cut(run, made.onset_step - 1)) & {"LRD101", "LRD118"}


@pytest.mark.parametrize("points", [1, 2, 3])
def test_a_single_nan_at_the_end_is_enough(points: int) -> None:
    loss = descent().values.copy()
    loss[-points:] = np.nan
    assert ("LRD118" if points < 3 else "LRD101") in alarms(make_run(train_loss=loss, lr=cosine_rate()))


def test_a_single_nan_in_the_middle_is_not() -> None:
    loss = descent().values.copy()
    loss[[700, 1998]] = np.nan
    assert not alarms(make_run(train_loss=loss, lr=cosine_rate()))


@pytest.mark.parametrize("seed", range(3))
def test_a_climb_is_spoken_of_two_hundredths_of_the_run_after_it_began(seed: int) -> None:
    made = late_divergence(seed=seed)
    assert made.onset_step is not None
    run = make_run(train_loss=made.values, lr=constant_rate())
    assert "LRD206" in alarms(cut(run, made.onset_step + 40))
    assert "LRD206" not in alarms(cut(run, made.onset_step))
    assert "LRD107" in alarms(run)


@pytest.mark.parametrize("norm", [True, False])
def test_zeros_that_hide_nan(norm: bool) -> None:
    made = ends_in_nan(onset=0.6)
    loss = np.nan_to_num(made.values, nan=0.0)
    run = make_run(train_loss=loss, lr=cosine_rate(), grad_norm=made.values if norm else None)
    assert ("LRD114" if norm else "LRD116") in alarms(run)


def test_zeros_that_were_learned() -> None:
    loss = np.maximum(0.0, 1 - np.arange(2000) / 1500)
    norms = np.where(loss > 0, 1.0, 0.0)
    for run in (
        make_run(train_loss=loss, lr=cosine_rate()),
        make_run(train_loss=loss, lr=cosine_rate(), grad_norm=norms),
    ):
        assert not alarms(run) & {"LRD114", "LRD115", "LRD116", "LRD117"}


def test_a_spike_that_leaves_the_loss_higher() -> None:
    lost = spiked(onset=0.5, height=1.0, width=20, recovers=False, noise=0.02)
    back = spiked(onset=0.5, height=1.0, width=20, noise=0.02)
    # Half of the height stays, and with that half of the progress is lost or nearly so.
    assert alarms(make_run(train_loss=lost.values, lr=cosine_rate())) & {"LRD204", "LRD107"}
    assert not alarms(make_run(train_loss=back.values, lr=cosine_rate()))


def test_a_network_that_died_at_chance() -> None:
    """The log begins with the mean of the first epoch, so the burst itself is nowhere to be seen."""
    loss = np.append([14.2], 2.3029 + 0.002 * np.random.default_rng(0).standard_normal(29))
    run = make_run(train_loss=loss, accuracy=np.full(30, 0.1), lr=constant_rate(steps=30))
    assert "LRD120" in alarms(run)
    assert "LRD120" not in alarms(make_run(train_loss=loss, accuracy=np.full(30, 0.5), lr=constant_rate(steps=30)))


@pytest.mark.parametrize("shift", [0.0, -100.0])
def test_a_gradient_that_vanished_with_its_task_or_without(shift: float) -> None:
    made = descent(floor=0.0, power=2.0)
    norms = made.values**2
    sound = make_run(train_loss=made.values + shift, grad_norm=norms, lr=cosine_rate())
    assert "LRD126" not in alarms(sound)
    still = 2.3 + shift + np.random.default_rng(0).normal(0, 0.02, 2000)
    assert "LRD126" in alarms(make_run(train_loss=still, grad_norm=norms, lr=cosine_rate()))
    assert "LRD126" not in alarms(make_run(train_loss=still, grad_norm=norms + 1, lr=cosine_rate()))


def test_a_sound_run_with_everything_logged_is_left_in_peace() -> None:
    made = descent()
    run = make_run(train_loss=made.values, val_loss=evaluated(made), lr=cosine_rate(warmup=50), grad_norm=made.values)
    assert not {rule for rule in alarms(run) if rule < "LRD300"}


def test_each_burst_has_one_voice() -> None:
    made = early_burst(start=float(np.log(10)))
    run = make_run(train_loss=made.values, val_loss=evaluated(made), lr=Points(np.arange(2000), constant_rate()))
    assert alarms(run) & {"LRD103", "LRD120", "LRD121"} == {"LRD103"}
