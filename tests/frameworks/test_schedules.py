"""The line of PyTorch that we print draws the rate that we drew."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lrdoctor import plugins

pytestmark = pytest.mark.frameworks

TOTAL = 500
PEAK = 0.3


@pytest.mark.parametrize("final", [0.0, 0.1])
@pytest.mark.parametrize("name", plugins.names("schedules"))
def test_draws_the_same_rate(name: str, final: float) -> None:
    torch: Any = pytest.importorskip("torch")
    if name == "constant":
        final = 1.0
    module = plugins.schedules()[name]
    params = module.Params(total_steps=TOTAL, final_fraction=final)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    known = {"torch": torch, "optimizer": optimizer, "peak_lr": PEAK, "math": math}
    scheduler = eval(module.pytorch(params), known)  # noqa: S307  the line is our own
    drawn = []
    # Up to the end of the schedule: PyTorch's cosine rises again after it, and ours does not.
    for _ in range(TOTAL + 1):
        drawn.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert np.allclose(drawn, PEAK * module.lr(np.arange(TOTAL + 1), params), rtol=0, atol=1e-6 * PEAK)
