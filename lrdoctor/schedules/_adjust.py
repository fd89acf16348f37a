"""Fit the parameters of a law to points: damped least squares, with and without a delay or an unseen peak."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lrdoctor.model import Floats

_P = TypeVar("_P")
Curve = Callable[[Floats, Floats], Floats]
"""(steps, parameters) -> relative rates; the steps need not be whole."""

MISFIT = 0.03
"""Largest root mean square misfit, relative to the peak, of a law that may be meant. Ten points per staircase leave
0.03 of a straight line; two unlike laws, such as a line and an exponential over two decades, differ by 0.1 and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """One set of parameters and how well it does."""

    values: Floats
    errors: Floats
    """Standard errors of the values."""
    misfit: float
    """Root mean square."""
    score: float
    """Bayesian information criterion: lower is better, a parameter must earn its place."""


def falls(relative: Floats, noise: float) -> bool:
    """Whether these are the rates of a law that never rises, and there is something to fit."""
    if len(relative) < 3 or not float(np.ptp(relative)) > max(4 * noise, 1e-6):
        return False
    return float((relative - np.minimum.accumulate(relative)).max()) <= MISFIT + 2 * noise


def half_way(steps: Floats, relative: Floats) -> tuple[float, float]:
    """The first step by which half of the fall that was seen is done, and the rate there, above 0 and below 1.

    It is the time scale of any law that only falls.
    """
    i = int(np.argmax(relative <= (1.0 + float(relative.min())) / 2))
    return max(float(steps[i]), 1.0), min(max(float(relative[i]), 1e-12), 1.0 - 1e-12)


def latest_end(steps: Floats) -> float:
    """Where a law must have ended for its end to have been seen: clearly before the last step."""
    before = np.flatnonzero(steps < steps[-1])
    return float(steps[-1] - 0.1 * (steps[-1] - steps[before[-1]])) if len(before) else 0.0


def thinned(steps: Floats, relative: Floats, most: int = 128) -> tuple[Floats, Floats]:
    """At most `most` of the points, evenly, the ends included."""
    if len(steps) <= most:
        return steps, relative
    chosen = np.linspace(0, len(steps) - 1, most).astype(np.int64)
    return steps[chosen], relative[chosen]


def solutions(
    curve: Curve,
    starts: Sequence[Sequence[float]],
    steps: Floats,
    relative: Floats,
    noise: float,
    *,
    delays: bool = True,
) -> list[Solution]:
    """The best fits from each start, and of each again with a delay or an unseen peak; the best score first.

    Without `delays` for a curve that has one of its own.
    """
    time, _ = half_way(steps, relative)
    # A log that begins later was divided by its first value, unless the law stood still until then.
    unseen = steps[0] > 0 and relative[0] >= 1 - noise
    found: list[Solution] = []
    for start in starts:
        given = np.array(start, dtype=np.float64)
        scale = np.where(given == 0, 1.0, np.abs(given))
        exact = _solve(curve, given, scale, steps, relative, noise, len(given))
        if exact is None:
            continue
        found.append(exact)
        if unseen and exact.misfit > noise:
            more = np.append(exact.values, 1.0), np.append(scale, 1.0)
            scaled = _solve(_scaled(curve), *more, steps, relative, noise, len(given))
            if scaled is not None:
                found.append(scaled)
                if scaled.misfit <= noise:
                    continue
        if delays and exact.misfit > noise:
            more = np.append(exact.values, 0.0), np.append(scale, time)
            delayed = _solve(_delayed(curve), *more, steps, relative, noise, len(given))
            if delayed is not None:
                found.append(delayed)
    return sorted((one for one in found if one.misfit <= MISFIT), key=lambda one: one.score)


def profile(
    shape: Callable[[Floats], Floats], times: Floats, steps: Floats, relative: Floats
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Of these lengths the best for a fall to 0, with its misfit; and with any final fraction, and that and its misfit.

    `shape` runs from 0 at 0 to 1 at 1: the rate is 1 − (1 − f)·shape(t/T).
    """
    steps, relative = thinned(steps, relative, 64)
    fallen = shape(np.minimum(steps / times[:, None], 1.0))
    whole = np.sqrt(np.mean((1.0 - relative - fallen) ** 2, axis=1))
    depth = np.clip(fallen @ (1.0 - relative) / np.maximum((fallen**2).sum(axis=1), 1e-300), 0.0, 1.0)
    part = np.sqrt(np.mean((1.0 - relative - depth[:, None] * fallen) ** 2, axis=1))
    i, j = int(np.argmin(whole)), int(np.argmin(part))
    return (float(times[i]), float(whole[i])), (float(times[j]), 1.0 - float(depth[j]), float(part[j]))


def lengths(steps: Floats, relative: Floats) -> Floats:
    """Lengths to try for a law that ends: none is shorter than its half way, nor can 40 times as much be told apart."""
    return half_way(steps, relative)[0] * np.geomspace(1.0, 40.0, 36)


def whole(solution: Solution, index: int) -> int:
    """A number of steps, at least 1; at most what a float counts exactly."""
    return min(max(round(float(solution.values[index])), 1), 2**53)


def partial(solution: Solution, index: int) -> bool:
    """Whether a number of steps is known so well that it is known not to be whole."""
    value, error = float(solution.values[index]), float(solution.errors[index])
    # Printed digits err together, not independently, so the standard error of many points is too small for them.
    return solution.misfit < 1e-6 and abs(value - round(value)) > 4 * error + 0.01


def fraction(solution: Solution, index: int) -> float:
    """A final fraction in as few digits as its error allows; 0 where it was not fitted."""
    if len(solution.values) <= index:
        return 0.0
    value, error = float(solution.values[index]), max(2 * float(solution.errors[index]), 1e-9)
    return 0.0 if value <= error else min(plain(value, error), 1.0)


def distinct(candidates: Iterable[_P]) -> Iterator[_P]:
    """The first few, each once."""
    seen: list[_P] = []
    for one in candidates:
        if one not in seen:
            seen.append(one)
            yield one
        if len(seen) == 3:
            return


def plain(value: float, error: float) -> float:
    """The number with the fewest digits within the error: what somebody may have typed."""
    value = float(value)
    if not math.isfinite(error) or value == 0:
        return value
    for digits in range(1, 16):
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded - value) <= error:
            return rounded
    return value


def _delayed(curve: Curve) -> Curve:
    """The same some steps late: by half a window, or by half an epoch that is too short for the logging to show."""
    return lambda steps, values: curve(np.maximum(steps - values[-1], 0.0), values[:-1])


def _scaled(curve: Curve) -> Curve:
    """The same with a peak of its own."""
    return lambda steps, values: values[-1] * curve(steps, values[:-1])


def _solve(
    curve: Curve, start: Floats, scale: Floats, steps: Floats, relative: Floats, noise: float, own: int
) -> Solution | None:
    """The first `own` of the parameters; the others are fitted and forgotten."""
    rough, _ = _descend(curve, start, scale, *thinned(steps, relative), rounds=60)
    values, jacobian = _descend(curve, rough, scale, steps, relative, rounds=6)
    residual = curve(steps, values) - relative
    n = len(steps)
    square = float(residual @ residual)
    if not math.isfinite(square):
        return None
    misfit = math.sqrt(square / n)
    spread = misfit * math.sqrt(n / max(n - len(values), 1))
    normal = jacobian.T @ jacobian
    # The ridge makes an error that the points leave open large instead of infinite.
    covariance = np.linalg.inv(normal + (1e-13 * np.trace(normal) + 1e-30) * np.eye(len(normal)))
    errors = spread * scale * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    score = n * math.log(misfit**2 + noise**2 + 1e-18) + len(values) * math.log(n)
    return Solution(values=values[:own], errors=errors[:own], misfit=misfit, score=score)


def _descend(
    curve: Curve, start: Floats, scale: Floats, steps: Floats, relative: Floats, rounds: int
) -> tuple[Floats, Floats]:
    """Levenberg (1944) and Marquardt (1963): the values, and the Jacobian in units of `scale`.

    scipy's does the same; for two to four unknowns its import alone takes longer than a whole diagnosis.
    """
    values, damping = start, 1e-3
    at = curve(steps, values)
    cost = float((at - relative) @ (at - relative))
    jacobian = _jacobian(curve, values, scale, steps, at)
    for _ in range(rounds):
        normal, slope = jacobian.T @ jacobian, jacobian.T @ (at - relative)
        diagonal = normal.diagonal()
        diagonal = diagonal + 1e-12 * diagonal.sum() + 1e-30
        improved = False
        while damping < 1e9:
            damped = normal.copy()
            damped.flat[:: len(values) + 1] += damping * diagonal
            trial = values - scale * np.linalg.solve(damped, slope)
            there = curve(steps, trial)
            left = there - relative
            miss = float(left @ left)
            if miss < cost:
                improved = True
                break
            damping *= 8
        if not improved:
            break
        gained, values, at, cost = cost - miss, trial, there, miss
        damping = max(damping / 16, 1e-9)
        jacobian = _jacobian(curve, values, scale, steps, at)
        if gained <= 1e-9 * cost:
            break
    return values, jacobian


def _jacobian(curve: Curve, values: Floats, scale: Floats, steps: Floats, at: Floats) -> Floats:
    columns = np.empty((len(values), len(at)))
    for i, size in enumerate(scale):
        moved = values.copy()
        moved[i] += 1e-6 * size
        columns[i] = (curve(steps, moved) - at) / 1e-6
    return columns.T
