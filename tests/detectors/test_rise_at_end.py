"""A climb that the log ends in, and ends that only look like one."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.detectors import rise_at_end
from lrdoctor.model import Floats, Run
from lrdoctor.testing import constant_rate, descent, late_divergence, logged, make_run, oscillation, plateau, spiked


def found(run: Run) -> list[rise_at_end.RiseAtEnd]:
    return list(rise_at_end.detect(run, rise_at_end.Settings()))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize("averaged", [False, True])
def test_is_there_two_hundredths_of_the_run_after_the_onset(seed: int, every: int, averaged: bool) -> None:
    made = late_divergence(seed=seed)
    assert made.onset_step is not None
    run = make_run(train_loss=made.values[: made.onset_step + 40], lr=constant_rate(steps=made.onset_step + 40))
    [finding] = found(logged(run, every=every, averaged=averaged))
    assert made.onset_step <= finding.onset_step <= made.onset_step + 30
    assert finding.sigmas > 6
    assert finding.learned_sigmas > 10
    assert finding.rate_ratio == 1
    # At its end the climb has lost 0.2 × 0.9 of what was learned.
    assert 0.1 <= finding.height <= 0.2


def test_a_loss_below_zero_shows_the_same() -> None:
    made = late_divergence(seed=1)
    assert made.onset_step is not None
    loss = made.values[: made.onset_step + 40]
    [plain], [shifted] = found(make_run(train_loss=loss)), found(make_run(train_loss=loss - 5))
    assert shifted.height == pytest.approx(plain.height)
    assert shifted.sigmas == pytest.approx(plain.sigmas)


def test_tells_what_the_rate_and_the_gradient_did() -> None:
    made = late_divergence(onset=0.5)
    rate = np.where(np.arange(1040) < 1000, 1e-3, 5e-3)
    norms = np.where(np.arange(1040) < 1003, 1.0, 30.0)
    [finding] = found(make_run(train_loss=made.values[:1040], lr=rate, grad_norm=norms))
    assert finding.rate_ratio == pytest.approx(5)
    assert finding.gradient_ratio == pytest.approx(30)


@pytest.mark.parametrize(
    "loss",
    [
        descent().values,
        descent(noise=0.3).values,
        plateau(level=2.3, noise=0.02).values,
        oscillation().values,
        spiked(onset=0.5).values,
        late_divergence(onset=0.4).values,
        np.append(descent().values, [3.0, 3.0]),
        descent(steps=39).values,
    ],
    ids=["sound", "noisy", "nothing learned", "swings", "a spike", "long over", "two points", "short"],
)
def test_near_misses(loss: Floats) -> None:
    assert not found(make_run(train_loss=loss))


def test_no_end_of_a_noisy_descent_is_one() -> None:
    made = descent(noise=0.1, seed=3)
    for end in range(100, 2000, 19):
        assert not found(make_run(train_loss=made.values[:end]))
