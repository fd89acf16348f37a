"""The same rate throughout: the baseline, and what a first try should be compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Nothing to set."""

    total_steps: int
    """Optimizer steps; taken so that all schedules can be called alike."""
    final_fraction: float = 1.0


def lr(steps: Ints, params: Params) -> Floats:
    """Rate relative to the peak at each step: 1 everywhere. Robbins & Monro (1951) ask for a decay; practice
    starts here."""
    return np.ones(np.shape(steps), dtype=np.float64)


def pytorch(params: Params) -> str:
    """The same as a line of PyTorch."""
    return "torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)"
