"""One over the time: the classical decay whose sum of rates has no bound while the sum of their squares has.

Formula: u(t) = 1/(1 + k·t), with k = `k` per optimizer step; after 1/k steps the rate has halved.
Use it for convex problems and for runs without an end, where it is what stochastic approximation asks for. Not for
deep networks with a planned length: it is quick to leave the peak and slow ever after.
Sources: Robbins & Monro, A Stochastic Approximation Method (1951), for the two sums; Bottou, Stochastic Gradient
Descent Tricks (2012), for this form. Keras 1 called it `decay`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._adjust import distinct, falls, half_way, plain, solutions
from lrdoctor.schedules._law_steps import law_steps

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How fast."""

    k: float
    """Per optimizer step, above 0."""

    def __post_init__(self) -> None:
        if not 0 < self.k < float("inf"):
            raise ValueError(f"k is {self.k}; it must be finite and above 0")


def lr(steps: Ints, params: Params) -> Floats:
    """The hyperbola; shape as `steps`."""
    return np.asarray(1.0 / (1.0 + params.k * np.maximum(np.asarray(steps), 0)), dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Hyperbolas through these points."""
    if not falls(relative, noise):
        return
    t, _ = law_steps(steps, relative, noise)
    time, rate = half_way(t, relative)
    found = solutions(_curve, [(time / (1 / rate - 1),)], t, relative, noise)
    yield from distinct(
        Params(k=plain(1 / one.values[0], 2 * float(one.errors[0]) / one.values[0] ** 2))
        for one in found
        if one.values[0] > SHORTEST
    )


SHORTEST = 1e-6
"""Steps in which the rate halves; a rate that falls faster was cut, not decayed."""


def _curve(steps: Floats, values: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + steps / max(values[0], SHORTEST)))


def planned_steps(params: Params) -> None:
    """None: it has no end."""


def expression(params: Params, xp: str) -> str:
    """Python for the relative rate at `step`."""
    return f"1.0 / (1.0 + {params.k} * step)"


def _keras(params: Params) -> str:
    return (
        "keras.optimizers.schedules.InverseTimeDecay(initial_learning_rate=peak_lr, "
        f"decay_steps=1, decay_rate={params.k})"
    )


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"keras": _keras}
