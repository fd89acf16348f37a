"""Fit a law whose rates are a weighted sum of shapes: search the few numbers that bend the shapes, solve the weights.

Golub & Pereyra, The Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems (1973), with differences
for derivatives and the damping of Levenberg (1944) and Marquardt (1963).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats
from lrdoctor.schedules._adjust import solved

Shapes = Callable[[Floats], Floats]
"""The bending numbers -> the shapes at each point, shape (n, k)."""


LEAST_GAIN = 1e-5
"""A search ends where a step gains less of what is left over."""
HOPELESS, SLOW_GAIN = 0.04, 0.2
"""Or less of this, while the root mean square of what is left over is larger than in any law that may be meant: the
right law comes down in leaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The numbers, the weights, and what is left over."""

    bends: Floats
    weights: Floats
    misfit: float
    """Root mean square."""


def fitted(shapes: Shapes, start: tuple[float, ...], relative: Floats, rounds: int = 12) -> Fitted | None:
    """The best numbers near `start`, each of which sets the size of its own steps; None where none can be reckoned."""
    bends = np.array(start, dtype=np.float64)
    size = np.maximum(np.abs(bends), 1e-3)
    weights, left = _weights(shapes(bends), relative)
    cost, damping = float(left @ left), 1e-3
    for _ in range(rounds):
        if not np.isfinite(cost):
            return None
        slopes = np.empty((len(bends), len(left)))
        for i in range(len(bends)):
            moved = bends.copy()
            moved[i] += 1e-7 * size[i]
            slopes[i] = (_weights(shapes(moved), relative)[1] - left) / 1e-7
        square, pull = slopes @ slopes.T, slopes @ left
        diagonal = square.diagonal()
        diagonal = diagonal + 1e-12 * diagonal.sum() + 1e-300
        before = cost
        # A law that cannot be meant is left where it gains little; one that may be is followed to its end.
        least = LEAST_GAIN if cost <= HOPELESS**2 * len(left) else SLOW_GAIN
        while damping < 1e8:
            damped = square.copy()
            damped.flat[:: len(bends) + 1] += damping * diagonal
            move = solved(damped, pull)
            # What the slopes promise. Where that is next to nothing, a shorter step brings no more.
            if not float(move @ (2 * pull - square @ move)) > least * cost:
                break
            step = -move * size
            # A step of half the number itself leaves the neighbourhood in which the slopes mean anything.
            step *= min(1.0, 0.5 / max(float(np.abs(step / size).max()), 1e-300))
            new_weights, new_left = _weights(shapes(bends + step), relative)
            new_cost = float(new_left @ new_left)
            if new_cost < cost:
                bends, weights, left, cost = bends + step, new_weights, new_left, new_cost
                damping = max(damping / 10, 1e-9)
                break
            damping = max(10 * damping, 1e-6)
        if cost > (1 - least) * before or cost < 1e-26 * len(relative):
            break
    return Fitted(bends=bends, weights=weights, misfit=float(np.sqrt(cost / len(relative))))


def _weights(shapes: Floats, relative: Floats) -> tuple[Floats, Floats]:
    """The best weights, and the relative rates less the sum that they give."""
    square = shapes.T @ shapes
    # The ridge keeps a shape that no point shows at a weight of 0.
    square.flat[:: len(square) + 1] += 1e-14 * square.diagonal().sum() + 1e-300
    weights = solved(square, shapes.T @ relative)
    return weights, relative - shapes @ weights
