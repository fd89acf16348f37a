"""Up and down along straight lines."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import cyclical
from lrdoctor.schedules.cyclical import Mode


def test_tops_stay() -> None:
    params = cyclical.Params(step_up=10, step_down=20, base_fraction=0.1)
    assert cyclical.lr(np.array([0, 5, 10, 20, 30, 40]), params) == pytest.approx([0.1, 0.55, 1, 0.55, 0.1, 1])


def test_tops_halve() -> None:
    params = cyclical.Params(step_up=10, step_down=20, base_fraction=0.1, mode="triangular2")
    assert cyclical.lr(np.array([10, 40, 70, 60]), params) == pytest.approx([1, 0.55, 0.325, 0.1])


@pytest.mark.parametrize("gamma", [0.9, 0.99, 0.999, 1.0])
def test_tops_decay_from_one(gamma: float) -> None:
    params = cyclical.Params(step_up=50, step_down=70, base_fraction=0.1, mode="exp_range", gamma=gamma)
    rate = cyclical.lr(np.arange(1000), params)
    assert rate.max() == pytest.approx(1.0, abs=2e-3)
    if gamma > np.exp(-1 / 50):
        assert rate[50] == pytest.approx(1.0)
    assert (rate[170] - 0.1) / (rate[50] - 0.1) == pytest.approx(gamma**120)


@pytest.mark.parametrize(
    "bad", [{"step_up": 0}, {"step_down": 0}, {"base_fraction": 1.0}, {"mode": "saw"}, {"gamma": 0.0}, {"gamma": 0.5}]
)
def test_refuses(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        cyclical.Params(**{"step_up": 10, "step_down": 10, "base_fraction": 0.1, **bad})  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["triangular", "triangular2"])
def test_one_cycle_is_not_yet_cyclical(mode: Mode) -> None:
    t = np.arange(300)
    params = cyclical.Params(step_up=100, step_down=200, base_fraction=0.1, mode=mode)
    assert not list(cyclical.fit(t, cyclical.lr(t, params), 1e-7))


def test_native() -> None:
    params = cyclical.Params(step_up=10, step_down=20, base_fraction=0.1)
    assert cyclical.NATIVE["pytorch"](params) == (
        "torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.1 * peak_lr, max_lr=peak_lr, step_size_up=10, "
        "step_size_down=20, mode='triangular', cycle_momentum=False)"
    )
