"""The rate multiplied by one factor whenever a metric stopped improving: the staircase that the metric drew.

Formula: u(t) = max(floor_fraction, factor ** (number of milestones ≤ t)). The milestones were not planned: each came
when the metric had not improved for as long as the scheduler was patient.
When: one long run, watched through a validation metric that is not noisy, whose length nobody can plan.
When not: small validation sets, whose noise decides when to cut; runs to be compared, for each gets its own schedule.
Told from `multi_step` only with the metric: from the rate alone both are the same staircase, so `fit` is silent and
`seen` is for a caller who knows that the metric stalled before each cut. It repeats what happened, not what will.
Source: PyTorch's and Keras' ReduceLROnPlateau; the practice is in Krizhevsky et al. (2012).
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
    """When it happened, by how much, and how far down."""

    milestones: tuple[int, ...]
    """Optimizer steps at which the rate was first lower, from the end of the warm-up; at least one, ascending, ≥ 1."""
    factor: float
    """What each cut multiplied the rate by, between 0 and 1."""
    floor_fraction: float = 0.0
    """Rate relative to the peak below which no cut goes; PyTorch's min_lr / peak."""

    def __post_init__(self) -> None:
        if not self.milestones or self.milestones[0] < 1:
            raise ValueError(f"milestones are {self.milestones}; the first of at least one must be 1 or later")
        if any(b <= a for a, b in itertools.pairwise(self.milestones)):
            raise ValueError(f"milestones are {self.milestones}; each must come after the one before")
        if not 0 < self.factor < 1:
            raise ValueError(f"factor is {self.factor}; it must lie between 0 and 1, both excluded")
        if not 0 <= self.floor_fraction < 1:
            raise ValueError(f"floor_fraction is {self.floor_fraction}; it must be at least 0 and below 1")


def lr(steps: Ints, params: Params) -> Floats:
    """Rate relative to the peak at each step; the last level is held."""
    cuts = np.searchsorted(params.milestones, np.asarray(steps), side="right")
    return np.asarray(np.maximum(params.factor**cuts, params.floor_fraction), dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Nothing: a rate alone is `multi_step`, which the metric may overrule."""
    yield from ()


def seen(steps: Ints, relative: Floats, noise: float) -> Params | None:
    """The cuts, for a caller who knows that a metric made them; None where the rate is no staircase of one factor.

    A last cut less deep than the others went down to the floor.
    """
    found = staircase(steps, relative, noise, floored=True)
    if found is None:
        return None
    return Params(milestones=milestones(found), factor=found.factor, floor_fraction=found.floor)


def planned_steps(params: Params) -> int | None:
    """None: the metric decides."""
    return None


def expression(params: Params, xp: str) -> str:
    """The relative rate as a Python expression of `step`."""
    cuts = f'{xp}.searchsorted({xp}.array({list(params.milestones)}), step, side="right")'
    return f"{xp}.maximum({params.factor!r} ** {cuts}, {params.floor_fraction!r})"


NATIVE: Mapping[str, Callable[[Params], str | None]] = {}
"""Empty: every framework's own class follows the metric, not the step."""
