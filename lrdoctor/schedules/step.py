"""The rate multiplied by one factor every N steps: a staircase with equal treads.

Formula: u(t) = factor ** floor(t / every); no end, it falls for as long as the run lasts.
When: image classifiers trained with SGD and momentum for a known number of epochs, the cuts part of the recipe.
When not: a new problem, whose cuts would have to be searched for; a linear or cosine decay needs no search and ends
lower. After each cut the loss drops and then stalls, so a comparison shortly after a cut flatters.
Source: halving or tenthing by hand since Krizhevsky et al., ImageNet Classification with Deep CNNs (2012); Ge et al.,
The Step Decay Schedule (2019), for why it works. PyTorch's StepLR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._staircase import FLAT, Staircase, roundest, staircase

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How often, and by how much."""

    every: int
    """Optimizer steps from one cut to the next, and from the end of the warm-up to the first."""
    factor: float
    """What each cut multiplies the rate by, between 0 and 1."""

    def __post_init__(self) -> None:
        if not self.every >= 1:
            raise ValueError(f"every is {self.every}; a cut every 1 step is the most there can be")
        if not 0 < self.factor < 1:
            raise ValueError(f"factor is {self.factor}; it must lie between 0 and 1, both excluded")


def lr(steps: Ints, params: Params) -> Floats:
    """Rate relative to the peak at each step; it never stops falling."""
    cuts = np.asarray(steps) // params.every
    # A power by its logarithm is ten times as fast and differs in the last digit.
    return np.asarray(np.exp(cuts * math.log(params.factor)), dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """The one period that puts a cut where each was seen and none where none was."""
    found = staircase(steps, relative, noise)
    if found is None:
        return
    every = _every(found, slack=0.0)
    if every is None:
        # The log may count its steps from elsewhere, or show each rate one interval late.
        every = _every(found, slack=float(np.median(found.by - found.after)))
    if every is None:
        return
    unseen = float(found.levels[-1]) * (1 - found.factor) <= max(2 * noise, FLAT * float(found.levels[-1]))
    if unseen or (len(found.by) + 1) * every > steps[-1] - float(found.by[-1] - found.after[-1]):
        yield Params(every=every, factor=found.factor)


def _every(found: Staircase, slack: float) -> int | None:
    """The roundest period, or the one that the windows' means tell, that has a multiple within each cut's bounds."""
    count = np.arange(1, len(found.by) + 1)
    least = math.ceil(float(((found.after + 1 - slack) / count).max()) - 1e-9)
    most = math.floor(float(((found.by + slack) / count).min()) + 1e-9)
    if not 1 <= most >= least:
        return None
    told = np.isfinite(found.likely)
    if told.any():
        last = int(told.nonzero()[0][-1])
        return min(max(round(float(found.likely[last]) / (last + 1)), least, 1), most)
    return roundest(least, most)


def planned_steps(params: Params) -> int | None:
    """None: the law has no end."""
    return None


def expression(params: Params, xp: str) -> str:
    """The relative rate as a Python expression of `step`; `xp` is not needed."""
    return f"{params.factor!r} ** (step // {params.every})"


def _pytorch(params: Params) -> str:
    return f"torch.optim.lr_scheduler.StepLR(optimizer, step_size={params.every}, gamma={params.factor!r})"


def _optax(params: Params) -> str:
    return (
        f"optax.exponential_decay(init_value=peak_lr, transition_steps={params.every}, "
        f"decay_rate={params.factor!r}, staircase=True)"
    )


def _keras(params: Params) -> str:
    return (
        f"keras.optimizers.schedules.ExponentialDecay(peak_lr, decay_steps={params.every}, "
        f"decay_rate={params.factor!r}, staircase=True)"
    )


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"pytorch": _pytorch, "optax": _optax, "keras": _keras}
