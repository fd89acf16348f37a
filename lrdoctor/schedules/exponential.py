"""The same factor over every stretch of the same length: a straight line on a logarithmic axis.

Formula: u(t) = r^(t/d), with r = `decay_rate` and d = `decay_steps`. Only r^(1/d) shapes the curve: 0.5 every 1,000
steps and 0.25 every 2,000 are the same law.
Use it where the run has no planned end and the rate shall fall gently throughout. Not as an annealing for a run of
known length: most of its fall comes early, and it never arrives; a line or a cosine ends lower for the same work.
Source: Szegedy et al., Rethinking the Inception Architecture for Computer Vision (2016), factor 0.94 every two epochs;
Li & Arora, An Exponential Learning Rate Schedule for Deep Learning (2020) for its relation to weight decay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._adjust import Solution, distinct, falls, half_way, plain, solutions
from lrdoctor.schedules._law_steps import law_steps

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Which factor, over how many steps."""

    decay_rate: float
    """Factor over `decay_steps`, between 0 and 1, both excluded."""
    decay_steps: int
    """Optimizer steps; with 1 the rate is PyTorch's gamma, where it is stepped per batch."""

    def __post_init__(self) -> None:
        if not 0 < self.decay_rate < 1:
            raise ValueError(f"decay_rate is {self.decay_rate}; it must lie between 0 and 1")
        if not self.decay_steps >= 1:
            raise ValueError(f"decay_steps is {self.decay_steps}; it must be at least 1")


def lr(steps: Ints, params: Params) -> Floats:
    """The falling exponential; shape as `steps`."""
    t = np.maximum(np.asarray(steps), 0) / params.decay_steps
    return np.asarray(params.decay_rate**t, dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Exponentials through these points, with the factor of one epoch where the rate was stepped once in each."""
    if not falls(relative, noise):
        return
    t, every = law_steps(steps, relative, noise)
    time, rate = half_way(t, relative)
    found = solutions(_curve, [(time / -math.log(rate),)], t, relative, noise)
    stretch = max(round(every), 1)
    yield from distinct(
        _params(one, stretch) for one in found if SHORTEST * stretch < one.values[0] < LONGEST * stretch
    )


SHORTEST, LONGEST = 1 / 700, 1e15
"""Scales in units of `decay_steps` whose factor is neither 0 nor 1 in a float."""


def _params(solution: Solution, stretch: int) -> Params:
    scale, error = float(solution.values[0]), float(solution.errors[0])
    rate = math.exp(-stretch / scale)
    short = plain(rate, 2 * rate * stretch * error / scale**2)
    return Params(decay_rate=short if short < 1 else rate, decay_steps=stretch)


def _curve(steps: Floats, values: Floats) -> Floats:
    return np.asarray(np.exp(-np.clip(steps / values[0], -1.0, 700.0)))


def planned_steps(params: Params) -> None:
    """None: it has no end."""


def expression(params: Params, xp: str) -> str:
    """Python for the relative rate at `step`."""
    # Not a power of the rate per step: near 1 that loses its digits in single precision, more with every step.
    return f"{xp}.exp({math.log(params.decay_rate) / params.decay_steps!r} * step)"


def _pytorch(params: Params) -> str:
    gamma = repr(params.decay_rate) if params.decay_steps == 1 else f"{params.decay_rate} ** (1 / {params.decay_steps})"
    return f"torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma={gamma})"


def _single(params: Params) -> tuple[float, float]:
    """(rate, steps) of the same law, whose rate survives single precision, which Keras and JAX compute in.

    The relative error of the rate grows with its power: t/d times it, and most of the peak is lost at u = 1/e.
    """
    rate = params.decay_rate
    lost = abs(float(np.float32(rate)) / rate - 1) / (math.e * abs(math.log(rate)))
    if lost <= 1e-7:
        return rate, params.decay_steps
    return 0.5, params.decay_steps * math.log(0.5) / math.log(rate)


def _optax(params: Params) -> str:
    rate, steps = _single(params)
    return f"optax.exponential_decay(init_value=peak_lr, transition_steps={steps}, decay_rate={rate})"


def _keras(params: Params) -> str:
    rate, steps = _single(params)
    return (
        "keras.optimizers.schedules.ExponentialDecay(initial_learning_rate=peak_lr, "
        f"decay_steps={steps}, decay_rate={rate})"
    )


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"pytorch": _pytorch, "optax": _optax, "keras": _keras}
