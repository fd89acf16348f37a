"""Fit a law whose rates are a weighted sum of shapes: search the few numbers that bend the shapes, solve the weights.

Golub & Pereyra, The Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems (1973), with differences
for derivatives and the damping of Levenberg (1944) and Marquardt (1963).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats

Shapes = Callable[[Floats], Floats]
"""The bending numbers -> the shapes at each point, shape (n, k)."""


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
        diagonal = np.diag(square.diagonal() + 1e-12 * square.trace() + 1e-300)
        before = cost
        while damping < 1e8:
            step = -np.linalg.solve(square + damping * diagonal, pull) * size
            # A step of half the number itself leaves the neighbourhood in which the slopes mean anything.
            step *= min(1.0, 0.5 / max(float(np.abs(step / size).max()), 1e-300))
            new_weights, new_left = _weights(shapes(bends + step), relative)
            new_cost = float(new_left @ new_left)
            if new_cost < cost:
                bends, weights, left, cost = bends + step, new_weights, new_left, new_cost
                damping = max(damping / 10, 1e-9)
                break
            damping = max(10 * damping, 1e-6)
        if cost > (1 - 1e-5) * before or cost < 1e-26 * len(relative):
            break
    return Fitted(bends=bends, weights=weights, misfit=float(np.sqrt(cost / len(relative))))


def _weights(shapes: Floats, relative: Floats) -> tuple[Floats, Floats]:
    """The best weights, and the relative rates less the sum that they give."""
    square = shapes.T @ shapes
    # The ridge keeps a shape that no point shows at a weight of 0.
    square.flat[:: len(square) + 1] += 1e-14 * square.trace() + 1e-300
    weights = np.asarray(np.linalg.solve(square, shapes.T @ relative), dtype=np.float64)
    return weights, relative - shapes @ weights
