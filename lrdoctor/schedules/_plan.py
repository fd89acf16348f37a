"""A whole schedule, warm-up, law and peak together, and the rate that it gives at every step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

import numpy as np

from lrdoctor.model import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmup:
    """The rise to the peak before the law begins. The peak is reached at step `steps`, which is the law's step 0."""

    steps: int = 0
    """Optimizer steps; 0 for none."""
    shape: Literal["linear", "constant", "cosine"] = "linear"
    """linear: straight up. constant: `start` throughout, then a jump. cosine: half a cosine up."""
    start: float = 0.0
    """Rate at step 0 relative to the peak, between 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One complete schedule, in optimizer steps."""

    schedule: str
    """Name of a module in `lrdoctor.schedules`."""
    params: Any
    """Its `Params`; steps in them are counted from the end of the warm-up."""
    peak_lr: float
    warmup: Warmup = Warmup()
    total_steps: int
    """Of the whole run, warm-up included."""


def rates(plan: Plan, steps: Ints) -> Floats:
    """The learning rate at each optimizer step, counted from 0; shape as `steps`.

    Warm-up: Goyal et al., Accurate, Large Minibatch SGD (2017), who call the linear one gradual.
    """
    steps = np.asarray(steps)
    law = _law(plan.schedule)
    warmup = plan.warmup
    after = law.lr(np.maximum(steps - warmup.steps, 0), plan.params)
    if not warmup.steps:
        return np.asarray(plan.peak_lr * after, dtype=np.float64)
    part = np.minimum(np.maximum(steps / warmup.steps, 0.0), 1.0)
    if warmup.shape == "cosine":
        part = (1 - np.cos(np.pi * part)) / 2
    elif warmup.shape == "constant":
        part = np.zeros_like(part)
    before = warmup.start + (1 - warmup.start) * part
    return np.asarray(plan.peak_lr * np.where(steps < warmup.steps, before, after), dtype=np.float64)


@cache
def _law(name: str) -> ModuleType:
    return import_module(f"lrdoctor.schedules.{name}")
