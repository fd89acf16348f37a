"""A ramp over the whole run, from a rate too small to learn to one that diverges, to see between which it learns.

Formula: u(t) = start_fraction ** (1 − t / T) (exponential) or start_fraction + (1 − start_fraction)·t / T (linear) up
to total_steps T, held after it. The law is all rise and is counted from step 0 of the run.
When: before the first real run: a few hundred steps, read where the loss falls fastest and where it turns up; the
exponential ramp for a first look over decades, the linear one between two known rates.
When not: as a training: its end is meant to diverge. A peak read from it holds for its batch size and warm-up.
Only the growth per step can be seen in a log: T and the rate at T are those of the last step that was logged.
Source: Smith, Cyclical Learning Rates for Training Neural Networks (2017), linear; Gugger, How Do You Find A Good
Learning Rate (2018), exponential.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.ordering import diff
from lrdoctor.schedules._points import law_points

WHOLE = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long, from where, and how."""

    total_steps: int
    """Optimizer steps from the start of the ramp to its top."""
    start_fraction: float
    """Rate at step 0 relative to the top; above 0 and below 1."""
    ramp: Literal["exponential", "linear"] = "exponential"
    """exponential: equal factors per step. linear: equal differences."""

    def __post_init__(self) -> None:
        if not self.total_steps >= 1:
            raise ValueError(f"total_steps is {self.total_steps}; a ramp has at least 1 step")
        if not 0 < self.start_fraction < 1:
            raise ValueError(f"start_fraction is {self.start_fraction}; it must lie between 0 and 1, both excluded")
        if self.ramp not in ("exponential", "linear"):
            raise ValueError(f"ramp is {self.ramp!r}; it must be exponential or linear")


def lr(steps: Ints | Floats, params: Params) -> Floats:
    """Rate relative to the top at each step."""
    left = 1 - np.minimum(np.asarray(steps) / params.total_steps, 1.0)
    start = params.start_fraction
    return np.asarray(start**left if params.ramp == "exponential" else 1 - (1 - start) * left, dtype=np.float64)


LEAST_RISE = 2.0
"""A range test at least doubles the rate; it usually spans decades."""


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """A ramp up to the last step, or to where the rate stands still: exponential and linear, the nearer one first."""
    t, u, _ = law_points(steps, relative, noise)
    if len(t) < 5 or (diff(u) < -2 * noise).any() or u[0] * LEAST_RISE > u[-1]:
        return
    top = float(u[-1])
    rising = u < top - max(3 * noise, 1e-6) * top
    rising[min(int(rising.sum()), len(t) - 1)] = True
    stands = len(t) - int(rising.sum()) > 2
    x, y = t[rising], u[rising]
    found: list[tuple[float, Params]] = []
    for ramp in RAMPS:
        begin, slope = _line(x, y, ramp, noise)
        if not slope > 0:
            continue
        # Where the rate stands still at last, the ramp ended when it got there.
        level = math.log(top) if ramp == "exponential" else top
        end = max(1, round((level - begin) / slope)) if stands else max(1, int(steps[-1]))
        start = math.exp(-slope * end) if ramp == "exponential" else begin / (begin + slope * end)
        if not 0 < start < 1:
            # From printed zeros, the start of a line from almost nothing.
            start = max(noise, 1e-9)
        params = Params(total_steps=end, start_fraction=start, ramp=ramp)
        drawn = lr(t, params)
        scale = float(drawn @ u) / float(drawn @ drawn)
        found.append((float(np.sqrt(np.mean((scale * drawn - u) ** 2))), params))
    yield from (params for misfit, params in sorted(found, key=lambda one: one[0]) if misfit <= MISFIT)


RAMPS: tuple[Literal["exponential", "linear"], ...] = ("exponential", "linear")
MISFIT = 0.03
"""Largest root mean square misfit of a ramp that may be meant; a cosine's rise is left with 0.04 of a line."""


def _line(t: Floats, u: Floats, ramp: str, noise: float) -> tuple[float, float]:
    """(a, b) of the best a + b·t through the rates, or through their logarithms where rounding left something."""
    weight = np.ones_like(u)
    if ramp == "exponential":
        seen = u > 2 * noise
        t, u, weight = t[seen], np.log(u[seen]), (u[seen] / np.maximum(noise, 1e-4 * u[seen])) ** 2
    if len(t) < 3:
        return 0.0, 0.0
    total = float(weight.sum())
    at, level = float(weight @ t) / total, float(weight @ u) / total
    slope = float(weight @ ((t - at) * (u - level))) / float(weight @ (t - at) ** 2)
    return level - slope * at, slope


def planned_steps(params: Params) -> int | None:
    """The length of the ramp."""
    return params.total_steps


def expression(params: Params, xp: str) -> str:
    """The relative rate as a Python expression of `step`."""
    left = f"(1 - {xp}.minimum(step / {params.total_steps}, 1.0))"
    start = params.start_fraction
    return f"{start!r} ** {left}" if params.ramp == "exponential" else f"1 - {1 - start!r} * {left}"


def _pytorch(params: Params) -> str | None:
    if params.ramp == "exponential":
        # ExponentialLR would have to begin at the start of the ramp, and the optimizer's rate is its top.
        return None
    return (
        f"torch.optim.lr_scheduler.LinearLR(optimizer, start_factor={params.start_fraction!r}, end_factor=1.0, "
        f"total_iters={params.total_steps})"
    )


def _optax(params: Params) -> str:
    start, steps = f"{params.start_fraction!r} * peak_lr", params.total_steps
    if params.ramp == "exponential":
        rate = f"decay_rate={1 / params.start_fraction!r}, end_value=peak_lr"
        return f"optax.exponential_decay(init_value={start}, transition_steps={steps}, {rate})"
    return f"optax.linear_schedule(init_value={start}, end_value=peak_lr, transition_steps={steps})"


def _keras(params: Params) -> str:
    start = f"{params.start_fraction!r} * peak_lr, decay_steps={params.total_steps}"
    if params.ramp == "exponential":
        return f"keras.optimizers.schedules.ExponentialDecay({start}, decay_rate={1 / params.start_fraction!r})"
    return f"keras.optimizers.schedules.PolynomialDecay({start}, end_learning_rate=peak_lr, power=1.0)"


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"pytorch": _pytorch, "optax": _optax, "keras": _keras}
"""Keras' ExponentialDecay goes on rising after the last step."""
