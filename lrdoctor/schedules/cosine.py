"""Half a cosine from the peak to the final rate: long near the peak, gentle at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long, and where to."""

    total_steps: int
    """Optimizer steps from the peak to the end, warm-up not included. PyTorch's T_max, if it is stepped per batch."""
    final_fraction: float = 0.0
    """Rate at the end relative to the peak."""


def lr(steps: Ints, params: Params) -> Floats:
    """Rate relative to the peak: f + (1 − f)·(1 + cos πt/T)/2, held at f after T (PyTorch's rises again).

    Source: Loshchilov & Hutter, SGDR (2017), equation 5 without restarts.
    """
    t = np.clip(np.asarray(steps) / params.total_steps, 0.0, 1.0)
    f = params.final_fraction
    return np.asarray(f + (1.0 - f) * 0.5 * (1.0 + np.cos(np.pi * t)), dtype=np.float64)


def pytorch(params: Params) -> str:
    """The same as a line of PyTorch; `scheduler.step()` is called once per optimizer step."""
    floor = f", eta_min={params.final_fraction:g} * peak_lr" if params.final_fraction else ""
    return f"torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max={params.total_steps}{floor})"
