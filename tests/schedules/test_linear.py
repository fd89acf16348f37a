"""A straight line, held at its end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.schedules import linear


@pytest.mark.parametrize("final", [0.0, 0.1, 1.0])
def test_start_middle_end_and_after(final: float) -> None:
    params = linear.Params(total_steps=100, final_fraction=final)
    rate = linear.lr(np.array([0, 50, 100, 101, 1000]), params)
    assert rate == pytest.approx([1.0, (1 + final) / 2, final, final, final])
    assert rate.dtype == np.float64


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_only_falls_and_stays_between_peak_and_end(total: int, final: float) -> None:
    steps = np.unique(np.linspace(0, 1.2 * total, 50).astype(np.int64))
    rate = linear.lr(steps, linear.Params(total_steps=total, final_fraction=final))
    assert (np.diff(rate) <= 1e-12).all()
    assert rate.min() >= final - 1e-12
    assert rate.max() <= 1 + 1e-12


def test_pytorch() -> None:
    line = linear.pytorch(linear.Params(total_steps=1900, final_fraction=0.25))
    assert line.startswith("torch.optim.lr_scheduler.LinearLR(optimizer, ")
    for part in ("start_factor=1.0", "end_factor=0.25", "total_iters=1900"):
        assert part in line
