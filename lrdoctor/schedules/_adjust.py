"""Fit the parameters of a law to points: damped least squares, with and without a delay or an unseen peak."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lrdoctor.model import Floats
from lrdoctor.schedules._logged_rate import spread

_P = TypeVar("_P")
Curve = Callable[[Floats, Floats], Floats]
"""(steps, parameters) -> relative rates; the steps need not be whole."""

MISFIT = 0.03
"""Largest root mean square misfit, relative to the peak, of a law that may be meant. Ten points per staircase leave
0.03 of a straight line; two unlike laws, such as a line and an exponential over two decades, differ by 0.1 and more."""


TIMES = np.geomspace(1.0, 40.0, 36)
FAR = 4 * MISFIT
"""With so much left over no small delay is at fault, nor a peak a little beyond the first point."""
ENOUGH = 512
"""Of more points than this a few are fitted first."""
LEAST_GAIN = 1e-9
"""A descent ends where a step gains less of what is left over."""
HOPELESS, SLOW_GAIN = 2 * MISFIT, 1e-2
"""Or less of this, while so much is left over that the law cannot be meant."""


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
    if len(relative) < 3 or not float(relative.max() - relative.min()) > max(4 * noise, 1e-6):
        return False
    return float((relative - np.minimum.accumulate(relative)).max()) <= MISFIT + 2 * noise


def half_way(steps: Floats, relative: Floats) -> tuple[float, float]:
    """The first step by which half of the fall that was seen is done, and the rate there, above 0 and below 1.

    It is the time scale of any law that only falls.
    """
    i = int((relative <= (1.0 + float(relative.min())) / 2).argmax())
    return max(float(steps[i]), 1.0), min(max(float(relative[i]), 1e-12), 1.0 - 1e-12)


def latest_end(steps: Floats) -> float:
    """Where a law must have ended for its end to have been seen: clearly before the last step."""
    before = (steps < steps[-1]).nonzero()[0]
    return float(steps[-1] - 0.1 * (steps[-1] - steps[before[-1]])) if len(before) else 0.0


def thinned(steps: Floats, relative: Floats, most: int = 128) -> tuple[Floats, Floats]:
    """At most `most` of the points, evenly, the ends included."""
    if len(steps) <= most:
        return steps, relative
    chosen = spread(len(steps), most)
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
        if settled(exact, noise):
            break
        if exact.misfit > FAR:
            continue
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


def settled(solution: Solution, noise: float) -> bool:
    """Whether nothing is left over but rounding, for which another parameter would have to be wasted.

    Rounding to the nearest leaves 0.58 of the largest error.
    """
    return solution.misfit <= 0.7 * noise


def profile(
    shape: Callable[[Floats], Floats], times: Floats, steps: Floats, relative: Floats
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Of these lengths the best for a fall to 0, with its misfit; and with any final fraction, and that and its misfit.

    `shape` runs from 0 at 0 to 1 at 1: the rate is 1 − (1 − f)·shape(t/T).
    """
    steps, relative = thinned(steps, relative, 64)
    fallen, seen = shape(np.minimum(steps / times[:, None], 1.0)), 1.0 - relative
    # The squares of the differences, multiplied out: each sum is taken once.
    both, own, all_seen = fallen @ seen, np.einsum("ij,ij->i", fallen, fallen), float(seen @ seen)
    depth = np.minimum(np.maximum(both / np.maximum(own, 1e-300), 0.0), 1.0)
    whole = np.sqrt(np.maximum(all_seen - 2 * both + own, 0.0) / len(seen))
    part = np.sqrt(np.maximum(all_seen - 2 * depth * both + depth**2 * own, 0.0) / len(seen))
    i, j = int(whole.argmin()), int(part.argmin())
    return (float(times[i]), float(whole[i])), (float(times[j]), 1.0 - float(depth[j]), float(part[j]))


def lengths(steps: Floats, relative: Floats) -> Floats:
    """Lengths to try for a law that ends: none is shorter than its half way, nor can 40 times as much be told apart."""
    return half_way(steps, relative)[0] * TIMES


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
    few = (steps, relative) if len(steps) <= ENOUGH else thinned(steps, relative)
    values, jacobian, residual = _descend(curve, start, scale, *few, rounds=60)
    if len(residual) < len(steps):
        if float(residual @ residual) <= HOPELESS**2 * len(residual):
            values, jacobian, residual = _descend(curve, values, scale, steps, relative, rounds=6)
        else:
            residual = curve(steps, values) - relative
    n = len(steps)
    square = float(residual @ residual)
    if not math.isfinite(square):
        return None
    misfit = math.sqrt(square / n)
    scatter = misfit * math.sqrt(n / max(n - len(values), 1))
    normal = jacobian.T @ jacobian
    # The ridge makes an error that the points leave open large instead of infinite.
    normal.flat[:: len(normal) + 1] += 1e-13 * np.trace(normal) + 1e-30
    variances = 1 / normal[0] if len(normal) == 1 else np.diag(np.linalg.inv(normal))
    errors = scatter * scale * np.sqrt(np.maximum(variances, 0.0))
    score = n * math.log(misfit**2 + noise**2 + 1e-18) + len(values) * math.log(n)
    return Solution(values=values[:own], errors=errors[:own], misfit=misfit, score=score)


def _descend(
    curve: Curve, start: Floats, scale: Floats, steps: Floats, relative: Floats, rounds: int
) -> tuple[Floats, Floats, Floats]:
    """Levenberg (1944) and Marquardt (1963): the values, the Jacobian in units of `scale`, and what is left over.

    scipy's does the same; for two to four unknowns its import alone takes longer than a whole diagnosis.
    """
    values, damping = start, 1e-3
    at = curve(steps, values)
    left = at - relative
    cost = float(left @ left)
    jacobian = _jacobian(curve, values, scale, steps, at)
    for _ in range(rounds):
        normal, slope = jacobian.T @ jacobian, jacobian.T @ left
        diagonal = normal.diagonal()
        diagonal = diagonal + 1e-12 * diagonal.sum() + 1e-30
        improved = False
        while damping < 1e9:
            damped = normal.copy()
            damped.flat[:: len(values) + 1] += damping * diagonal
            move = solved(damped, slope)
            # What the slopes promise. Where that is next to nothing, a shorter step brings no more.
            if not float(move @ (2 * slope - normal @ move)) > LEAST_GAIN * cost:
                break
            trial = values - scale * move
            there = curve(steps, trial)
            remains = there - relative
            miss = float(remains @ remains)
            if miss < cost:
                improved = True
                break
            damping *= 8
        if not improved:
            break
        gained, values, at, left, cost = cost - miss, trial, there, remains, miss
        damping = max(damping / 16, 1e-9)
        jacobian = _jacobian(curve, values, scale, steps, at)
        if gained <= (LEAST_GAIN if cost <= HOPELESS**2 * len(left) else SLOW_GAIN) * cost:
            break
    return values, jacobian, left


def solved(matrix: Floats, right: Floats) -> Floats:
    """The solution of few linear equations. Raises `np.linalg.LinAlgError` where there is none."""
    if len(right) == 1:
        return np.array([float(right[0]) / float(matrix[0, 0])])
    if len(right) > 2:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    # By hand, in a fifth of the time.
    a, b, c, d = (float(value) for value in matrix.flat)
    x, y = (float(value) for value in right)
    determinant = a * d - b * c
    if determinant == 0:
        raise np.linalg.LinAlgError("singular matrix")
    return np.array([(d * x - b * y) / determinant, (a * y - c * x) / determinant])


def _jacobian(curve: Curve, values: Floats, scale: Floats, steps: Floats, at: Floats) -> Floats:
    columns = np.empty((len(values), len(at)))
    for i, size in enumerate(scale):
        moved = values.copy()
        moved[i] += 1e-6 * size
        columns[i] = (curve(steps, moved) - at) / 1e-6
    return columns.T
