"""One over the square root of the time: falls for ever, ever more slowly, and asks for no planned length.

Formula: u(t) = √(s/(s + t)), with s = `timescale` in optimizer steps; after 3·s steps the rate has halved. Behind a
linear warm-up of s steps it is the schedule called Noam: 1/√(steps since the start) from the peak on.
Use it where the length of the run is open, best with a cooldown from any checkpoint one wants to keep. Not as the whole
schedule of a run with a planned length: it ends far above 0, and the model is left under-annealed.
Sources: Vaswani et al., Attention Is All You Need (2017), equation 3; Zhai et al., Scaling Vision Transformers (2022),
for the timescale apart from the warm-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._adjust import distinct, falls, half_way, solutions, whole
from lrdoctor.schedules._law_steps import law_steps

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How slowly."""

    timescale: int
    """Optimizer steps, at least 1."""

    def __post_init__(self) -> None:
        if not self.timescale >= 1:
            raise ValueError(f"timescale is {self.timescale}; it must be at least 1")


def lr(steps: Ints, params: Params) -> Floats:
    """The root of the hyperbola; shape as `steps`."""
    s = params.timescale
    return np.asarray(np.sqrt(s / (s + np.maximum(np.asarray(steps), 0))), dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Inverse square roots through these points."""
    if not falls(relative, noise):
        return
    t, _ = law_steps(steps, relative, noise)
    time, rate = half_way(t, relative)
    found = solutions(_curve, [(time / (1 / rate**2 - 1),)], t, relative, noise)
    yield from distinct(Params(timescale=whole(one, 0)) for one in found)


def _curve(steps: Floats, values: Floats) -> Floats:
    return np.asarray(np.sqrt(1.0 / (1.0 + steps / max(values[0], 1e-9))))


def planned_steps(params: Params) -> None:
    """None: it has no end."""


def expression(params: Params, xp: str) -> str:
    """Python for the relative rate at `step`."""
    return f"{xp}.sqrt({params.timescale} / ({params.timescale} + step))"


def _huggingface(params: Params) -> str:
    return f'lr_scheduler_type="inverse_sqrt", lr_scheduler_kwargs={{"timescale": {params.timescale}}}'


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"huggingface": _huggingface}
