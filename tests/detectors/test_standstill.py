"""Where the loss stopped, and that a slow fall, a short tail and a rise are none of it."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.detectors import standstill
from lrdoctor.detectors.standstill import Standstill
from lrdoctor.model import Run
from lrdoctor.testing import constant_rate, cosine_rate, descent, logged, make_run

STEPS = np.arange(2000)


def found(run: Run) -> list[Standstill]:
    return list(standstill.detect(run, standstill.Settings()))


def stopped(at: int, *, creep: float = 0.0) -> np.ndarray:
    """Straight down from 10 to 1 until this step, and creeping on by so much in all."""
    return np.where(at > STEPS, 10 - 9 * STEPS / at, 1 - creep * (STEPS - at) / (2000 - at))


@pytest.mark.parametrize("every", [1, 5, 20])
@pytest.mark.parametrize("averaged", [False, True])
def test_says_from_when_on_nothing_moved(every: int, averaged: bool) -> None:
    run = logged(make_run(train_loss=stopped(200), lr=constant_rate()), every=every, averaged=averaged)
    [it] = found(run)
    assert it.onset_fraction == pytest.approx(0.1, abs=0.03)
    assert it.level == pytest.approx(1.0)
    assert it.rate_end_ratio == pytest.approx(1.0)


def test_a_creep_of_a_hundredth_is_standing_still() -> None:
    [it] = found(make_run(train_loss=stopped(200, creep=0.09), lr=constant_rate()))
    assert 0 < it.gain < 0.02


def test_tells_that_the_rate_was_annealed_or_unknown() -> None:
    [annealed] = found(make_run(train_loss=stopped(200), lr=cosine_rate()))
    [unknown] = found(make_run(train_loss=stopped(200)))
    assert annealed.rate_end_ratio is not None
    assert annealed.rate_end_ratio < 0.05
    assert unknown.rate_end_ratio is None


@pytest.mark.parametrize(
    "loss",
    [stopped(200, creep=0.9), stopped(1200), descent(power=0.3).values, 1 + STEPS / 2000, np.full(2000, 3.0)],
    ids=["falls on by a tenth", "stopped late", "a slow descent", "rises", "never moved"],
)
def test_is_silent_about_what_moves(loss: np.ndarray) -> None:
    assert not found(make_run(train_loss=loss, lr=constant_rate()))
