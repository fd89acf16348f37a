"""The points of a logged rate that a law can be held against: each with the law's own step, as far as that is known."""

from __future__ import annotations

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.ordering import diff, median

MOST = 240
"""So many points show any law with a dozen corners; more only cost time."""


def law_points(steps: Ints, relative: Floats, noise: float) -> tuple[Floats, Floats, tuple[float, ...]]:
    """(steps, rates, lags): the points, and by how many steps all of them may be behind the law, likeliest first.

    Where the law was stepped once in many logged points, one point for each time. A lag of half an interval is that of
    a mean over the interval, and of a change that was seen at the next point.
    """
    half = (median(diff(steps)) - 1) / 2 if len(steps) > 1 else 0.0
    lags = (0.0, half) if half > 0 else (0.0,)
    t, u = steps.astype(np.float64), relative
    starts = _treads(relative, noise)
    if starts is not None:
        exact = _multiples(t[np.maximum(starts - 1, 0)], t[starts])
        if exact is not None:
            t, u, lags = exact, u[starts], (0.0,)
    if len(t) > MOST:
        chosen = np.linspace(0, len(t) - 1, MOST).astype(np.int64)
        t, u = t[chosen], u[chosen]
    return t, u, lags


def _treads(relative: Floats, noise: float) -> Ints | None:
    """The first point of each tread, or None for a curve without treads."""
    starts = np.append(True, relative[1:] != relative[:-1]).nonzero()[0]
    widths = diff(np.append(starts, len(relative)))
    # The last tread may be the end of the law, which stands still for as long as it likes.
    if len(starts) < 6 or starts[-1] < 1.15 * (len(starts) - 1):
        return None
    # The moves of a smooth curve that was rounded are one unit of its last digit, which is twice the rounding.
    if median(np.abs(diff(relative[starts]))) <= 3 * noise:
        return None
    # A mean over a window in which the law moved shows none of its levels.
    return starts[widths >= median(widths) / 2]


def _multiples(before: Floats, by: Floats) -> Floats | None:
    """The multiple of one whole number of steps in each (before, by], where there is such a number: the epoch's."""
    if len(by) < 4:
        return None  # Three multiples fit too many numbers.
    middle = (before + by) / 2
    for epoch in (float(by[-1] - by[0]) / (len(by) - 1), median(diff(by)), float(by[3] - by[0]) / 3):
        found = _epoch(before[1:], by[1:], epoch)
        if found is not None:
            return np.append(by[0], np.maximum(np.round(middle[1:] / found), 1.0) * found)
    return None


def _epoch(before: Floats, by: Floats, guess: float) -> float | None:
    """The number near `guess` that has a multiple in each (before, by]."""
    middle, epoch = (before + by) / 2, guess
    # The early ones number the later ones, whose bounds are narrower.
    for upto in (3, 6, 12, 24, len(by)):
        number = np.maximum(np.round(middle[:upto] / max(epoch, 1.0)), 1.0)
        low, high = float((before[:upto] / number).max()), float((by[:upto] / number).min())
        if low >= high:
            return None
        epoch = (low + high) / 2
    whole = float(np.floor(high))
    return whole if whole > low else epoch
