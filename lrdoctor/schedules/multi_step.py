"""The rate multiplied by one factor at chosen steps: a staircase with treads of any length.

Formula: u(t) = factor ** (number of milestones ≤ t); no end, the last rate is held.
When: a published recipe states its milestones (ResNet: at one half and three quarters of the run, by ten).
When not: the length of the run changes, for the milestones do not move with it; a new problem, as for `step`.
Source: He et al., Deep Residual Learning (2016). PyTorch's MultiStepLR.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._staircase import milestones, staircase

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """When, and by how much."""

    milestones: tuple[int, ...]
    """Optimizer steps at which the rate is first lower, from the end of the warm-up; at least one, ascending, ≥ 1."""
    factor: float
    """What each cut multiplies the rate by, between 0 and 1; the same for all."""

    def __post_init__(self) -> None:
        if not self.milestones or self.milestones[0] < 1:
            raise ValueError(f"milestones are {self.milestones}; the first of at least one must be 1 or later")
        if any(b <= a for a, b in itertools.pairwise(self.milestones)):
            raise ValueError(f"milestones are {self.milestones}; each must come after the one before")
        if not 0 < self.factor < 1:
            raise ValueError(f"factor is {self.factor}; it must lie between 0 and 1, both excluded")


def lr(steps: Ints, params: Params) -> Floats:
    """Rate relative to the peak at each step; the last level is held."""
    levels = np.asarray(params.factor ** np.arange(len(params.milestones) + 1), dtype=np.float64)
    return levels[np.searchsorted(params.milestones, np.asarray(steps), side="right")]


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """The cuts that were seen, if there are far fewer of them than points and one factor explains them all."""
    found = staircase(steps, relative, noise)
    if found is not None:
        yield Params(milestones=milestones(found), factor=found.factor)


def planned_steps(params: Params) -> int | None:
    """None: nothing says how long the last level was meant to last."""
    return None


def expression(params: Params, xp: str) -> str:
    """The relative rate as a Python expression of `step`."""
    return f'{params.factor!r} ** {xp}.searchsorted({xp}.array({list(params.milestones)}), step, side="right")'


def _pytorch(params: Params) -> str:
    milestones = list(params.milestones)
    return f"torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones={milestones}, gamma={params.factor!r})"


def _optax(params: Params) -> str:
    scales = dict.fromkeys(params.milestones, params.factor)
    return f"optax.piecewise_constant_schedule(init_value=peak_lr, boundaries_and_scales={scales})"


def _keras(params: Params) -> str:
    # Keras changes the value after its boundary, not at it.
    boundaries = [m - 1 for m in params.milestones]
    values = ", ".join(["peak_lr"] + [f"{params.factor**k!r} * peak_lr" for k in range(1, len(boundaries) + 1)])
    return f"keras.optimizers.schedules.PiecewiseConstantDecay({boundaries}, [{values}])"


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"pytorch": _pytorch, "optax": _optax, "keras": _keras}
