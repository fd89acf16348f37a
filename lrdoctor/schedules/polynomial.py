"""A power of the remaining time: from a straight line (power 1) to an ever longer tail.

Formula: u(t) = f + (1 − f)·(1 − min(t/T, 1))^p, with T = `total_steps`, p = `power` and f = `final_fraction`.
Use power 0.9 where segmentation code expects it, and power 2 to be sooner at low rates than a line. Not without a
reason for the power: 1 is the `linear` schedule, and powers much above 2 spend most of the run at rates that move
nothing.
Source: Chen et al., DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully
Connected CRFs (2017), the "poly" policy, after Liu et al., ParseNet (2015).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._adjust import distinct, falls, fraction, lengths, plain, profile, solutions, whole
from lrdoctor.schedules._law_steps import law_steps

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long, how bent, and where to."""

    total_steps: int
    """Optimizer steps from the peak to the final rate, warm-up not included."""
    power: float
    """No unit. 1 is a line; above it the curve falls early, below it late."""
    final_fraction: float = 0.0
    """Rate at the end relative to the peak, from 0 to 1; it is held from there on."""

    def __post_init__(self) -> None:
        if not self.total_steps >= 1:
            raise ValueError(f"total_steps is {self.total_steps}; it must be at least 1")
        if not 0 < self.power < float("inf"):
            raise ValueError(f"power is {self.power}; it must be finite and above 0")
        if not 0 <= self.final_fraction <= 1:
            raise ValueError(f"final_fraction is {self.final_fraction}; it must lie between 0 and 1")


def lr(steps: Ints, params: Params) -> Floats:
    """The power of the remaining time, held at its end; shape as `steps`."""
    left = 1.0 - np.clip(np.asarray(steps) / params.total_steps, 0.0, 1.0)
    f = params.final_fraction
    return np.asarray(f + (1.0 - f) * left**params.power, dtype=np.float64)


POWERS = (0.3, 0.6, 0.9, 1.5, 2.0, 3.0, 5.0, 8.0)
LARGEST_POWER = 20.0
"""Beyond it the curve is an exponential to within the misfit that is allowed."""


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Powers of the remaining time through these points, down to 0 first where that explains them as well."""
    if not falls(relative, noise):
        return
    t, _ = law_steps(steps, relative, noise)
    found = solutions(_curve, _starts(t, relative), t, relative, noise)
    yield from distinct(
        Params(
            total_steps=whole(one, 0), power=plain(one.values[1], 2 * one.errors[1]), final_fraction=fraction(one, 2)
        )
        for one in found
        if 1 / LARGEST_POWER < one.values[1] < LARGEST_POWER
    )


def _starts(t: Floats, relative: Floats) -> list[tuple[float, ...]]:
    """The best of a grid of lengths and powers, and for a floor, whose valley is long and narrow, of two finer ones."""
    times = lengths(t, relative)[::2]
    to_zero: list[tuple[float, ...]] = []
    to_floor: list[tuple[float, ...]] = []

    def look(times: Floats, powers: Iterable[float]) -> None:
        for power in powers:
            (length, misfit), (other, final, rest) = profile(partial(_shape, power), times, t, relative)
            to_zero.append((misfit, length, power))
            to_floor.append((rest, other, power, final))

    look(times, POWERS)
    for width in (1.3, 1.07):
        _, length, power, _ = min(to_floor)
        look(length * np.geomspace(1 / width, width, 18), power * np.geomspace(1 / width, width, 8))
    return [min(to_zero)[1:], min(to_floor)[1:]]


def _shape(power: float, x: Floats) -> Floats:
    return np.asarray(1.0 - (1.0 - x) ** power)


def _curve(steps: Floats, values: Floats) -> Floats:
    f = values[2] if len(values) > 2 else 0.0
    left = 1.0 - np.clip(steps / values[0], 0.0, 1.0)
    return np.asarray(f + (1.0 - f) * left ** min(max(values[1], 1e-3), 1e3))


def planned_steps(params: Params) -> int:
    """The steps to the final rate."""
    return params.total_steps


def expression(params: Params, xp: str) -> str:
    """Python for the relative rate at `step`."""
    f = params.final_fraction
    floor = f"{f} + {1.0 - f} * " if f else ""
    return f"{floor}(1.0 - {xp}.minimum(step / {params.total_steps}, 1.0)) ** {params.power}"


def _pytorch(params: Params) -> str | None:
    if params.final_fraction:
        return None  # its curve ends at 0
    return f"torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters={params.total_steps}, power={params.power})"


def _optax(params: Params) -> str:
    end = f"{params.final_fraction} * peak_lr" if params.final_fraction else "0.0"
    return (
        f"optax.polynomial_schedule(init_value=peak_lr, end_value={end}, power={params.power}, "
        f"transition_steps={params.total_steps})"
    )


def _keras(params: Params) -> str:
    end = f"{params.final_fraction} * peak_lr" if params.final_fraction else "0.0"
    return (
        "keras.optimizers.schedules.PolynomialDecay(initial_learning_rate=peak_lr, "
        f"decay_steps={params.total_steps}, end_learning_rate={end}, power={params.power})"
    )


def _huggingface(params: Params) -> str | None:
    if params.final_fraction == 1:
        return None  # refused there: the end must lie below the peak
    end = f"{params.final_fraction} * peak_lr" if params.final_fraction else "0.0"
    kwargs = f'{{"lr_end": {end}, "power": {params.power}}}'
    return f'lr_scheduler_type="polynomial", lr_scheduler_kwargs={kwargs}'


NATIVE: Mapping[str, Callable[[Params], str | None]] = {
    "pytorch": _pytorch,
    "optax": _optax,
    "keras": _keras,
    "huggingface": _huggingface,
}
