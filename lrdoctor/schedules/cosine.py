"""Half a cosine from the peak to the final rate: long near the peak, gentle at the end.

Formula: u(t) = f + (1 − f)·(1 + cos(π·min(t/T, 1)))/2, with T = `total_steps` and f = `final_fraction`.
Use it where the length of the run is known and nothing is known to be better; final fractions from 0 to 0.1 are usual.
Not where the run may be cut short or prolonged: three quarters of the way it is still at 15 % of the peak, and beyond
T it either stands still or, in PyTorch and Hugging Face, rises again. This law is held.
Source: Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts (2017), equation 5 without restarts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._adjust import distinct, falls, fraction, lengths, profile, solutions, whole
from lrdoctor.schedules._law_steps import law_steps

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long, and where to."""

    total_steps: int
    """Optimizer steps from the peak to the final rate, warm-up not included. PyTorch's T_max, where it is stepped per
    batch."""
    final_fraction: float = 0.0
    """Rate at the end relative to the peak, from 0 to 1; it is held from there on."""

    def __post_init__(self) -> None:
        if not self.total_steps >= 1:
            raise ValueError(f"total_steps is {self.total_steps}; it must be at least 1")
        if not 0 <= self.final_fraction <= 1:
            raise ValueError(f"final_fraction is {self.final_fraction}; it must lie between 0 and 1")


def lr(steps: Ints, params: Params) -> Floats:
    """The half wave, held at its end; shape as `steps`."""
    t = np.minimum(np.maximum(np.asarray(steps) / params.total_steps, 0.0), 1.0)
    f = params.final_fraction
    return np.asarray(f + (1.0 - f) * 0.5 * (1.0 + np.cos(np.pi * t)), dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Half waves through these points, down to 0 first where that explains them as well."""
    if not falls(relative, noise):
        return
    t, _ = law_steps(steps, relative, noise)
    (to_zero, _), (length, final, _) = profile(_shape, lengths(t, relative), t, relative)
    found = solutions(_curve, [(to_zero,), (length, final)], t, relative, noise)
    yield from distinct(Params(total_steps=whole(one, 0), final_fraction=fraction(one, 1)) for one in found)


def _shape(x: Floats) -> Floats:
    return 0.5 - 0.5 * np.cos(np.pi * x)


def _curve(steps: Floats, values: Floats) -> Floats:
    depth = 1.0 - values[1] if len(values) > 1 else 1.0
    return np.asarray(1.0 - depth * _shape(np.minimum(np.maximum(steps / values[0], 0.0), 1.0)))


def planned_steps(params: Params) -> int:
    """The steps to the final rate."""
    return params.total_steps


def expression(params: Params, xp: str) -> str:
    """Python for the relative rate at `step`."""
    f = params.final_fraction
    floor, height = (f"{f} + ", repr(0.5 * (1.0 - f))) if f else ("", "0.5")
    return f"{floor}{height} * (1.0 + {xp}.cos({xp}.pi * {xp}.minimum(step / {params.total_steps}, 1.0)))"


def _pytorch(params: Params) -> str:
    floor = f", eta_min={params.final_fraction} * peak_lr" if params.final_fraction else ""
    return f"torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max={params.total_steps}{floor})"


def _optax(params: Params) -> str:
    floor = f", alpha={params.final_fraction}" if params.final_fraction else ""
    return f"optax.cosine_decay_schedule(init_value=peak_lr, decay_steps={params.total_steps}{floor})"


def _keras(params: Params) -> str:
    floor = f", alpha={params.final_fraction}" if params.final_fraction else ""
    return (
        "keras.optimizers.schedules.CosineDecay(initial_learning_rate=peak_lr, "
        f"decay_steps={params.total_steps}{floor})"
    )


def _huggingface(params: Params) -> str:
    if params.final_fraction:
        kwargs = f'{{"min_lr_rate": {params.final_fraction}}}'
        return f'lr_scheduler_type="cosine_with_min_lr", lr_scheduler_kwargs={kwargs}'
    return 'lr_scheduler_type="cosine"'


NATIVE: Mapping[str, Callable[[Params], str | None]] = {
    "pytorch": _pytorch,
    "optax": _optax,
    "keras": _keras,
    "huggingface": _huggingface,
}
"""PyTorch's and Hugging Face's follow the law up to T and rise again after it."""
