"""A loss that falls like a ruled line, and curves that jitter, level off or stand still."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import slow_convergence
from lrdoctor.model import Run
from lrdoctor.testing import (
    Made,
    Points,
    constant_rate,
    cosine_rate,
    descent,
    evaluated,
    exponential_rate,
    late_divergence,
    make_run,
    oscillation,
    plateau,
    ruled_line,
)


def found(run: Run) -> list[slow_convergence.SlowConvergence]:
    return list(slow_convergence.detect(run, slow_convergence.Settings()))


@pytest.mark.parametrize("seed", range(5))
def test_measures_the_ruled_line(seed: int) -> None:
    made = ruled_line(drop=0.3, seed=seed)
    val = evaluated(made, noise=0.0005, seed=seed)
    [finding] = found(make_run(train_loss=made.values, val_loss=val, lr=constant_rate()))
    assert finding.series == "val_loss"
    assert finding.smoothness is not None
    assert finding.smoothness > 0.98
    assert finding.wander == pytest.approx(1.0, abs=0.05)
    assert finding.train_smoothness > 0.9
    # From the middle of the line to its last tenth, over the whole way to there.
    assert finding.late_share == pytest.approx(0.45 / 0.95, abs=0.12)
    assert finding.end_ratio == pytest.approx(1 - 0.3 * 0.95, abs=0.07)
    assert finding.rate_end_ratio == 1.0
    assert finding.mean_rate_ratio == pytest.approx(1.0)


def test_a_sound_run_jitters_and_levels_off() -> None:
    made = descent()
    [finding] = found(make_run(train_loss=made.values, val_loss=evaluated(made, noise=0.05), lr=constant_rate()))
    assert finding.smoothness is not None
    assert finding.wander is not None
    assert finding.smoothness < 0.8
    assert finding.wander > 3
    assert finding.late_share < 0.1


def test_the_training_loss_alone_tells_only_what_came_late() -> None:
    [finding] = found(make_run(train_loss=ruled_line().values, lr=constant_rate()))
    assert (finding.series, finding.smoothness, finding.wander) == ("train_loss", None, None)
    assert finding.late_share == pytest.approx(0.47, abs=0.12)


def test_without_a_rate_there_is_no_high_rate_stretch() -> None:
    made = ruled_line()
    [finding] = found(make_run(train_loss=made.values, val_loss=evaluated(made)))
    assert (finding.smoothness, finding.rate_end_ratio, finding.mean_rate_ratio) == (None, None, None)


def test_a_short_stretch_of_high_rate_is_smooth_anyhow() -> None:
    made = ruled_line()
    run = make_run(train_loss=made.values, val_loss=evaluated(made), lr=exponential_rate(final_fraction=0.1))
    [finding] = found(run)
    assert finding.smoothness is None
    assert finding.rate_end_ratio == pytest.approx(0.1)


def test_tells_how_the_rate_ended() -> None:
    made = ruled_line()
    [finding] = found(make_run(train_loss=made.values, lr=cosine_rate(final_fraction=0.1)))
    assert finding.rate_end_ratio == pytest.approx(0.1)
    assert finding.mean_rate_ratio == pytest.approx(0.55, abs=0.005)


@pytest.mark.parametrize(
    "made",
    [plateau(), oscillation(), late_divergence(lost=1.2), plateau(level=2.3)],
    ids=["plateau", "oscillation", "divergence", "nothing learned"],
)
def test_near_misses(made: Made) -> None:
    assert not found(make_run(train_loss=made.values, val_loss=evaluated(made, noise=0.01), lr=constant_rate()))


def test_few_points_are_smooth_by_chance() -> None:
    assert found(make_run(train_loss=ruled_line(steps=20, noise=0.0).values))
    assert not found(make_run(train_loss=ruled_line(steps=19, noise=0.0).values))
    made = ruled_line()
    run = make_run(train_loss=made.values, val_loss=evaluated(made, every=200), lr=constant_rate())
    assert [finding.smoothness for finding in found(run)] == [None]


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    made = ruled_line()
    [finding] = found(cadence(make_run(train_loss=made.values, val_loss=evaluated(made), lr=constant_rate())))
    assert finding.smoothness is not None
    assert finding.smoothness > 0.95
    assert finding.late_share == pytest.approx(0.47, abs=0.12)
    assert not found(cadence(make_run(train_loss=plateau().values, lr=constant_rate())))


def test_a_ruled_line_arrives_late_and_a_pretraining_curve_early() -> None:
    """Both are smooth: what tells them apart is how soon most of the drop was made."""
    line = ruled_line(drop=0.3)
    [late] = found(make_run(train_loss=line.values, val_loss=evaluated(line, noise=0.0005), lr=constant_rate()))
    assert late.arrival_fraction == pytest.approx(0.9, abs=0.05)
    assert late.jitter is not None
    assert late.jitter < 0.0025
    steps = np.arange(2000)
    power = np.asarray(3.0 + 7.8 * (1 + steps / 10) ** -0.8, dtype=np.float64)
    pretraining = Made(values=power, clean=power)
    [early] = found(make_run(train_loss=power, val_loss=evaluated(pretraining, noise=1e-5), lr=constant_rate()))
    assert early.smoothness == pytest.approx(1.0, abs=0.02)
    assert early.wander == pytest.approx(1.0, abs=0.02)
    assert early.arrival_fraction is not None
    assert early.arrival_fraction < 0.15


def test_a_log_that_begins_late_does_not_know_when_it_arrived() -> None:
    line = ruled_line(drop=0.3)
    val = evaluated(line, noise=0.0005)
    late = Points(val.steps + 1000, val.values)
    run = make_run(train_loss=line.values, val_loss=late, lr=constant_rate(), steps=np.arange(1000, 3000))
    [finding] = found(run)
    assert finding.smoothness is not None
    assert finding.arrival_fraction is None
