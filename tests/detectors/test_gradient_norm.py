"""How often a norm was clipped, and whether it burst, grew or vanished."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.detectors import gradient_norm
from lrdoctor.model import Floats, Run, Scalar
from lrdoctor.testing import Points, descent, make_run


def found(run: Run) -> list[gradient_norm.GradientNorm]:
    return list(gradient_norm.detect(run, gradient_norm.Settings()))


def norms(*, steps: int = 2000, middle: float = 1.0, spread: float = 0.5, seed: int = 0) -> Floats:
    """Norms as they are before clipping: log-normal."""
    return np.asarray(middle * np.exp(np.random.default_rng(seed).normal(0, spread, steps)), dtype=np.float64)


def clipped(values: Floats, at: float) -> Floats:
    """What PyTorch leaves of a norm: the divisor has 1e-6 added to it."""
    return np.asarray(values * np.minimum(1.0, at / (values + 1e-6)), dtype=np.float64)


@pytest.mark.parametrize("middle", [0.5, 1.0, 3.0])
def test_a_norm_that_is_logged_after_clipping_piles_up(middle: float) -> None:
    before = norms(middle=middle)
    [finding] = found(make_run(train_loss=descent().values, grad_norm=clipped(before, 1.0)))
    assert finding.highest == pytest.approx(1.0, rel=1e-3)
    assert finding.pinned_share == pytest.approx((before >= 1).mean(), abs=0.01)
    assert finding.clip == finding.highest
    assert finding.clipped_share == finding.pinned_share


def test_a_norm_that_is_logged_before_clipping_does_not() -> None:
    before = norms(middle=3.0)
    [finding] = found(make_run(grad_norm=before, train_loss=descent().values, hparams={"trainer.max_grad_norm": 1.0}))
    assert finding.pinned_share == pytest.approx(1 / 2000)
    assert finding.clip == 1.0
    assert finding.clipped_share == pytest.approx((before >= 1).mean(), abs=0.01)


@pytest.mark.parametrize(
    ("hparams", "clip"),
    [
        ({"gradient_clip_val": "0.5"}, 0.5),
        ({"train/clip_grad": 5}, 5.0),
        ({"gradient_clip_val": 0.5, "gradient_clip_algorithm": "value"}, None),
        ({"max_grad_norm": 0.0}, None),
        ({"grad_clip": "none"}, None),
        ({"grad_clip": None, "lr": 1.0}, None),
        ({}, None),
    ],
)
def test_reads_the_clip(hparams: dict[str, Scalar], clip: float | None) -> None:
    [finding] = found(make_run(train_loss=descent().values, grad_norm=norms(), hparams=hparams))
    assert finding.clip == clip
    assert (finding.clipped_share is None) == (clip is None)


def test_printed_digits_pile_up_by_themselves() -> None:
    [finding] = found(make_run(train_loss=descent().values, grad_norm=np.round(norms(middle=0.1, spread=0.3), 1) + 0.1))
    assert finding.pinned_share is None or finding.pinned_share < 0.05
    flat = np.where(np.arange(2000) % 3 == 0, 0.1, 0.2)
    [finding] = found(make_run(train_loss=descent().values, grad_norm=flat))
    assert finding.pinned_share is None


def test_growth_is_held_against_a_baseline_that_is_frozen() -> None:
    values = norms(spread=0.1) * np.where(np.arange(2000) < 1000, 1.0, 12.0)
    [finding] = found(make_run(train_loss=descent().values, grad_norm=values))
    assert finding.growth == pytest.approx(12, rel=0.05)
    assert finding.trend is not None
    assert finding.trend > 0.3
    [finding] = found(make_run(train_loss=descent().values, grad_norm=norms(spread=0.1)))
    assert finding.growth == pytest.approx(1, rel=0.05)


def test_the_burst_of_the_first_steps() -> None:
    values = norms(spread=0.1)
    values[:50] *= 40
    [finding] = found(make_run(train_loss=descent().values, grad_norm=values))
    assert finding.burst_ratio == pytest.approx(40, rel=0.4)
    assert finding.growth == pytest.approx(1, rel=0.05)
    assert finding.fall == pytest.approx(1 / 40, rel=0.4)


def test_a_gradient_that_vanishes_or_was_never_there() -> None:
    [finding] = found(make_run(train_loss=np.ones(2000), grad_norm=norms() * 0.99 ** np.arange(2000)))
    assert finding.fall < 1e-6
    assert finding.zero_share == 0
    [finding] = found(make_run(train_loss=np.ones(2000), grad_norm=np.zeros(2000)))
    assert (finding.fall, finding.zero_share) == (0.0, 1.0)
    assert finding.growth is None
    assert finding.pinned_share is None


@pytest.mark.parametrize("shift", [0.0, -1.0, -100.0])
def test_what_was_learned_is_a_difference(shift: float) -> None:
    [finding] = found(make_run(train_loss=descent().values + shift, grad_norm=norms()))
    assert finding.learned_sigmas is not None
    assert finding.learned_sigmas > 50
    still = 2.3 + shift + np.random.default_rng(0).normal(0, 0.05, 2000)
    [finding] = found(make_run(train_loss=still, grad_norm=norms()))
    assert finding.learned_sigmas is not None
    assert abs(finding.learned_sigmas) < 4
    [finding] = found(make_run(val_loss=still, grad_norm=norms()))
    assert finding.learned_sigmas is None


def test_near_misses() -> None:
    assert not found(make_run(train_loss=descent().values, grad_norm=Points(np.arange(19), norms(steps=19))))
    assert not found(make_run(train_loss=descent().values, grad_norm=-norms()))
    assert not found(make_run(train_loss=descent().values, grad_norm=np.full(2000, np.nan)))


def test_does_not_depend_on_the_cadence(cadence: Callable[[Run], Run]) -> None:
    values = norms(spread=0.1) * np.linspace(1, 20, 2000)
    [finding] = found(cadence(make_run(train_loss=descent().values, grad_norm=values)))
    # From 5 to 15 % of the run it stands at 2.9 times its first value, over the last tenth at 19.
    assert finding.growth == pytest.approx(19.05 / 2.9, rel=0.07)
    assert finding.trend == pytest.approx(1, abs=0.1)
