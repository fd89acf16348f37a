"""One over the time."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import time_based


def test_has_halved_after_one_over_k() -> None:
    params = time_based.Params(k=0.01)
    assert time_based.lr(np.array([-5, 0, 100, 900]), params) == pytest.approx([1.0, 1.0, 0.5, 0.1])
    time_based.planned_steps(params)


@pytest.mark.parametrize("k", [1e-6, 3e-4, 0.5])
def test_k_is_found(k: float) -> None:
    steps = np.arange(0, 20_000, 20)
    told = next(time_based.fit(steps, time_based.lr(steps, time_based.Params(k=k)), 1e-7))
    assert told.k == pytest.approx(k, rel=1e-3)
