"""The peak at every step."""

from __future__ import annotations

import numpy as np

from lrdoctor.schedules import constant


def test_is_one_everywhere() -> None:
    params = constant.Params(total_steps=100)
    rate = constant.lr(np.array([0, 50, 100, 1000]), params)
    assert rate.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert rate.dtype == np.float64


def test_shape_follows_the_steps() -> None:
    assert constant.lr(np.array([], dtype=np.int64), constant.Params(total_steps=1)).shape == (0,)


def test_pytorch() -> None:
    line = constant.pytorch(constant.Params(total_steps=100))
    assert line.startswith("torch.optim.lr_scheduler.ConstantLR(optimizer, ")
    assert "factor=1.0" in line
