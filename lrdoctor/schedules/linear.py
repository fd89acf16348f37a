"""A straight line from the peak to the final rate: the schedule that convex theory and large sweeps favour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long, and where to."""

    total_steps: int
    """Optimizer steps from the peak to the end, warm-up not included."""
    final_fraction: float = 0.0
    """Rate at the end relative to the peak."""


def lr(steps: Ints, params: Params) -> Floats:
    """Rate relative to the peak: 1 − (1 − f)·t/T, held at f after T.

    Sources: Defazio et al., When, Why and How Much? (2023); Bergsma et al., Straight to Zero (2025).
    """
    t = np.clip(np.asarray(steps) / params.total_steps, 0.0, 1.0)
    return np.asarray(1.0 - (1.0 - params.final_fraction) * t, dtype=np.float64)


def pytorch(params: Params) -> str:
    """The same as a line of PyTorch; `scheduler.step()` is called once per optimizer step."""
    return (
        "torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, "
        f"end_factor={params.final_fraction:g}, total_iters={params.total_steps})"
    )
