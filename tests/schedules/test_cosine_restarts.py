"""Cosines again and again."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import cosine_restarts


def test_restarts_at_the_peak() -> None:
    rate = cosine_restarts.lr(np.array([0, 50, 99, 100, 200, 250]), cosine_restarts.Params(first_period=100))
    assert rate == pytest.approx([1, 0.5, (1 + np.cos(0.99 * np.pi)) / 2, 1, 1, 0.5])


@pytest.mark.parametrize("multiplier", [2, 3, 5])
def test_no_cycle_begins_a_step_early_or_late(multiplier: int) -> None:
    params = cosine_restarts.Params(first_period=7, multiplier=multiplier, final_fraction=0.1)
    begins = np.array([7 * (multiplier**n - 1) // (multiplier - 1) for n in range(1, 20)])
    assert (cosine_restarts.lr(begins, params) == 1).all()
    assert (cosine_restarts.lr(begins - 1, params) < 0.2).all()


@pytest.mark.parametrize("bad", [{"first_period": 0}, {"multiplier": 0}, {"multiplier": 1.5}, {"final_fraction": 1.0}])
def test_refuses(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        cosine_restarts.Params(**{"first_period": 10, **bad})  # type: ignore[arg-type]


def test_without_a_restart_it_is_a_plain_cosine() -> None:
    t = np.arange(90)
    assert not list(cosine_restarts.fit(t, cosine_restarts.lr(t, cosine_restarts.Params(first_period=100)), 1e-7))


def test_native() -> None:
    params = cosine_restarts.Params(first_period=10, multiplier=2, final_fraction=0.1)
    assert cosine_restarts.NATIVE["pytorch"](params) == (
        "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=2, eta_min=0.1 * peak_lr)"
    )
