"""A straight line from the peak to the final rate: the schedule that convex theory and large sweeps favour.

Formula: u(t) = 1 − (1 − f)·min(t/T, 1), with T = `total_steps` and f = `final_fraction`.
Use it where the length of the run is known: down to 0 it is the best tested default for language models and for
fine-tuning. Not where the run may be prolonged, since every intermediate model is under-annealed.
Sources: Defazio et al., Optimal Linear Decay Learning Rate Schedules and Further Refinements (2023); Bergsma et al.,
Straight to Zero: Why Linearly Decaying the Learning Rate to Zero Works Best for LLMs (2025).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._adjust import (
    distinct,
    falls,
    fraction,
    latest_end,
    lengths,
    partial,
    profile,
    solutions,
    whole,
)
from lrdoctor.schedules._law_steps import law_steps

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long, and where to."""

    total_steps: int
    """Optimizer steps from the peak to the final rate, warm-up not included."""
    final_fraction: float = 0.0
    """Rate at the end relative to the peak, from 0 to 1; it is held from there on."""

    def __post_init__(self) -> None:
        if not self.total_steps >= 1:
            raise ValueError(f"total_steps is {self.total_steps}; it must be at least 1")
        if not 0 <= self.final_fraction <= 1:
            raise ValueError(f"final_fraction is {self.final_fraction}; it must lie between 0 and 1")


def lr(steps: Ints, params: Params) -> Floats:
    """The line, held at its end; shape as `steps`."""
    t = np.minimum(np.maximum(np.asarray(steps) / params.total_steps, 0.0), 1.0)
    return np.asarray(1.0 - (1.0 - params.final_fraction) * t, dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Lines through these points.

    While their end is not in sight, any floor will do: 0 first, then where the log ends.
    """
    if not falls(relative, noise):
        return
    t, every = law_steps(steps, relative, noise)
    (to_zero, _), (length, final, _) = profile(_shape, lengths(t, relative), t, relative)
    found = [
        one
        for one in solutions(_curve, [(to_zero,), (length, final)], t, relative, noise)
        if len(one.values) == 1 or one.values[0] < latest_end(t)
    ]
    lines = [Params(total_steps=whole(one, 0), final_fraction=fraction(one, 1)) for one in found]
    if found and found[0].values[0] > t[-1]:
        cut = Params(total_steps=max(int(steps[-1]), 1), final_fraction=min(max(float(relative[-1]), 0.0), 1.0))
        lines.insert(0 if every == 1 and partial(found[0], 0) else 1, cut)
    yield from distinct(lines)


def _shape(x: Floats) -> Floats:
    return x


def _curve(steps: Floats, values: Floats) -> Floats:
    depth = 1.0 - values[1] if len(values) > 1 else 1.0
    return np.asarray(1.0 - depth * np.minimum(np.maximum(steps / values[0], 0.0), 1.0))


def planned_steps(params: Params) -> int:
    """The steps to the final rate."""
    return params.total_steps


def expression(params: Params, xp: str) -> str:
    """Python for the relative rate at `step`."""
    part = f"{xp}.minimum(step / {params.total_steps}, 1.0)"
    return f"1.0 - {1.0 - params.final_fraction} * {part}" if params.final_fraction else f"1.0 - {part}"


def _pytorch(params: Params) -> str:
    return (
        "torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, "
        f"end_factor={params.final_fraction}, total_iters={params.total_steps})"
    )


def _optax(params: Params) -> str:
    end = f"{params.final_fraction} * peak_lr" if params.final_fraction else "0.0"
    return f"optax.linear_schedule(init_value=peak_lr, end_value={end}, transition_steps={params.total_steps})"


def _keras(params: Params) -> str:
    end = f"{params.final_fraction} * peak_lr" if params.final_fraction else "0.0"
    return (
        "keras.optimizers.schedules.PolynomialDecay(initial_learning_rate=peak_lr, "
        f"decay_steps={params.total_steps}, end_learning_rate={end}, power=1.0)"
    )


def _huggingface(params: Params) -> str | None:
    if params.final_fraction == 1:
        return None  # refused there: the end must lie below the peak
    if params.final_fraction:
        kwargs = f'{{"lr_end": {params.final_fraction} * peak_lr, "power": 1.0}}'
        return f'lr_scheduler_type="polynomial", lr_scheduler_kwargs={kwargs}'
    return 'lr_scheduler_type="linear"'


NATIVE: Mapping[str, Callable[[Params], str | None]] = {
    "pytorch": _pytorch,
    "optax": _optax,
    "keras": _keras,
    "huggingface": _huggingface,
}
