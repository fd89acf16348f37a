"""The same rate throughout: the baseline that every other schedule has to beat.

Formula: u(t) = 1. No parameters.
Use it for a first try, for a range of rates to compare, and before a cooldown whose time is still open. Not for a
final run: without annealing the last iterate keeps the noise of its rate, and the loss ends higher than it could.
Source: Robbins & Monro, A Stochastic Approximation Method (1951): with a constant rate the iterates stay in a ball
around the optimum; a rate that falls is what makes them converge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Nothing to set."""


def lr(steps: Ints, params: Params) -> Floats:
    """1 at every step; shape as `steps`."""
    return np.ones(np.shape(steps), dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """The one there is, if the rates are equal up to their rounding or nearly so."""
    # 1 % is far below the smallest cut anyone makes; the caller judges the misfit.
    if len(relative) and float(relative.max() - relative.min()) <= max(0.01, 4 * noise):
        yield Params()


def planned_steps(params: Params) -> None:
    """None: it has no end."""


def expression(params: Params, xp: str) -> str:
    """Python for the relative rate, the same at every `step`."""
    return "1.0"


NATIVE: Mapping[str, Callable[[Params], str | None]] = {
    "pytorch": lambda params: "torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)",
    "optax": lambda params: "optax.constant_schedule(peak_lr)",
    "huggingface": lambda params: 'lr_scheduler_type="constant"',
}
"""Keras takes a plain number as its learning rate and has no class for it."""
