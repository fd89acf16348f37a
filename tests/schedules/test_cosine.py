"""Half a cosine, held at its end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.schedules import cosine


@pytest.mark.parametrize("final", [0.0, 0.1, 1.0])
def test_start_middle_end_and_after(final: float) -> None:
    params = cosine.Params(total_steps=100, final_fraction=final)
    rate = cosine.lr(np.array([0, 50, 100, 101, 1000]), params)
    assert rate == pytest.approx([1.0, (1 + final) / 2, final, final, final])
    assert rate.dtype == np.float64
    assert cosine.planned_steps(params) == 100


def test_a_quarter_of_the_way() -> None:
    [rate] = cosine.lr(np.array([25]), cosine.Params(total_steps=100))
    assert rate == pytest.approx((1 + 2**-0.5) / 2)


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_only_falls_and_stays_between_peak_and_end(total: int, final: float) -> None:
    steps = np.unique(np.linspace(0, 1.2 * total, 50).astype(np.int64))
    rate = cosine.lr(steps, cosine.Params(total_steps=total, final_fraction=final))
    assert (np.diff(rate) <= 1e-12).all()
    assert rate.min() >= final - 1e-12
    assert rate.max() <= 1 + 1e-12


@pytest.mark.parametrize("final", [0.0, 0.1])
@pytest.mark.parametrize("share", [0.5, 0.7, 1.5])
def test_the_planned_length_is_found_wherever_the_log_ends(share: float, final: float) -> None:
    params = cosine.Params(total_steps=7919, final_fraction=final)
    steps = np.arange(0, round(share * 7919), 50)
    assert next(cosine.fit(steps, cosine.lr(steps, params), 1e-7)) == params


def test_pytorch() -> None:
    write = cosine.NATIVE["pytorch"]
    line = "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=1900"
    assert write(cosine.Params(total_steps=1900)) == line + ")"
    assert write(cosine.Params(total_steps=1900, final_fraction=0.1)) == line + ", eta_min=0.1 * peak_lr)"
