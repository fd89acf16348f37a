"""The peak at every step."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.model import Floats
from lrdoctor.schedules import constant

PARAMS = constant.Params()


def test_is_one_everywhere() -> None:
    rate = constant.lr(np.array([0, 50, 100, 1000]), PARAMS)
    assert rate.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert rate.dtype == np.float64
    assert constant.lr(np.array([], dtype=np.int64), PARAMS).shape == (0,)


def test_has_no_end() -> None:
    constant.planned_steps(PARAMS)
    assert constant.expression(PARAMS, "np") == "1.0"


@pytest.mark.parametrize("relative", [np.ones(50), np.where(np.arange(50) % 2, 1.0, 0.9996)])
def test_recognises_what_stands_still(relative: Floats) -> None:
    assert list(constant.fit(np.arange(50), relative, 2e-4)) == [PARAMS]


@pytest.mark.parametrize("relative", [np.linspace(1, 0.9, 50), np.linspace(0.1, 1, 50), np.array([])])
def test_is_not_claimed_for_what_moves(relative: Floats) -> None:
    assert list(constant.fit(np.arange(len(relative)), relative, 1e-7)) == []
