"""The onset of a divergence is found where it was made, and the log is cut behind it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.clinic.answers import examiner
from benchmarks.clinic.early import control_cuts, diverged_cuts, main, onset_step, running_level, until
from benchmarks.clinic.standing import read_truth
from lrdoctor.model import Floats, Role, Series
from lrdoctor.testing import (
    constant_rate,
    cosine_rate,
    descent,
    early_burst,
    ends_in_nan,
    evaluated,
    late_divergence,
    make_run,
    spiked,
)

DIVERGED = {"final": "nan", "scenario": "constant_x100"}


def onset(values: Floats, *, every: int = 1) -> int | None:
    kept = values[::every]
    return onset_step(Series(tag="loss", steps=np.arange(len(values))[::every], values=kept), 2.3)


@pytest.mark.parametrize("every", [1, 10])
@pytest.mark.parametrize("seed", range(4))
def test_the_onset_is_where_it_was_made(seed: int, every: int) -> None:
    nan = ends_in_nan(seed=seed)
    assert nan.onset_step is not None
    assert onset(nan.values, every=every) == pytest.approx(nan.onset_step, abs=every)
    # Half of it is lost some half-way up the climb of 200 steps.
    late = late_divergence(seed=seed, lost=0.9)
    assert late.onset_step is not None
    found = onset(late.values, every=every)
    assert found is not None
    assert late.onset_step < found < late.onset_step + 200
    # Before the burst nothing is learned, so noise may pass for its beginning.
    burst = early_burst(seed=seed)
    found = onset(burst.values, every=every)
    assert burst.peak_step is not None
    assert found is not None
    assert found <= burst.peak_step


def test_a_loss_below_zero_is_counted_from_its_floor() -> None:
    late = late_divergence(seed=1).values
    loss = Series(tag="nll", steps=np.arange(len(late)), values=late - 3.0)
    assert onset_step(loss, 2.3, floor=-3.0) == onset(late)


def test_what_comes_back_has_no_onset() -> None:
    assert onset(descent(seed=1).values) is None
    assert onset(spiked(seed=1, width=200).values) is None
    assert onset(early_burst(seed=1, recovers=True).values) is None


def test_a_dip_in_noise_around_a_lost_level_is_no_return() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([[2.3, 2.2], np.full(20, 1e6), 2.3 * (1 + 0.1 * rng.standard_normal(2000))])
    assert onset(values) == 2


def test_a_level_needs_more_than_half_of_its_points() -> None:
    values = np.array([1.0, 1.0, np.nan, 1.0, 1.0, 1.0, np.nan, np.nan, np.nan, np.nan])
    assert running_level(values, 0.01).tolist() == [1.0] * 6 + [np.inf] * 4


def test_a_cut_log_holds_nothing_of_what_came_later() -> None:
    made = descent(seed=1)
    cut = until(make_run(train_loss=made.values, val_loss=evaluated(made)), 99.5)
    assert {role: int(cut.series[tag].steps[-1]) for role, tag in cut.roles.items()} == {
        Role.TRAIN_LOSS: 99,
        Role.VAL_LOSS: 75,
    }


def test_a_folder_is_cut_and_asked(folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    nan, sound = ends_in_nan(onset=0.6, seed=3), descent(seed=3)
    runs = {
        "nan": make_run(train_loss=nan.values, val_loss=evaluated(nan), lr=constant_rate(peak=10.0)),
        "sound": make_run(train_loss=sound.values, val_loss=evaluated(sound), lr=cosine_rate(peak=0.1)),
        # In truth only its validation loss diverged.
        "unseen": make_run(train_loss=sound.values, lr=cosine_rate(peak=0.1)),
    }
    home = folder({"nan": DIVERGED, "sound": {}, "unseen": DIVERGED, "absent": DIVERGED}, runs)
    truths, examine = read_truth(home), examiner()
    cut, unseen = diverged_cuts(home, truths, examine, after=0.02)
    assert unseen is None
    assert cut is not None
    assert cut.at == pytest.approx(0.62)
    assert (cut.onset, cut.points, cut.warned) == (1200, 1241, True)
    (control,) = control_cuts(home, truths, examine, [cut.at])
    assert (control.truth.run, control.points, control.warned) == ("sound", 1241, False)
    main([str(home)])
    printed = capsys.readouterr().out
    assert re.search(r"diverged, just after the onset +1/1 = 100.0 % +1/1 = 100.0 %\n", printed)
    assert re.search(r"healthy, cut at the same places +0/1 = 0.0 % ", printed)
    assert "Of 1 diverged runs" in printed
