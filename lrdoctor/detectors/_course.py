"""The loss and the rate of a run as they went, on one axis: fractions of the run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lrdoctor.model import Floats, Ints, Span
from lrdoctor.ordering import LISTED, median, middle

GRID: Floats = np.linspace(0.0, 1.0, 201)
"""Where the rate and its sum are tabulated, as fractions of the run."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The loss as it went: at these fractions of the run it stood at these levels."""

    x: Floats
    y: Floats
    places: list[float] | Floats
    """The same as `x`; a list of a short course, in which Python finds its way sooner than in an array."""
    heights: list[float] | None
    """The same as `y`, of a short course."""
    first: float
    best: float
    end: float
    drop: float
    """From the untrained level to the best: what every share is a share of."""

    def at(self, x: float) -> float:
        """The level around this fraction of the run."""
        lo, hi = bisect_left(self.places, x - 0.03), bisect_left(self.places, x + 0.03)
        if hi <= lo:
            return float(np.interp(x, self.x, self.y))
        return median(self.y[lo:hi]) if self.heights is None else middle(self.heights[lo:hi])


def fractions(steps: Ints, span: Span) -> Floats:
    """How far into the run each of these steps lies; shape as `steps`. What lies before it is at 0."""
    # Differences of 64-bit steps may need all 64 bits, so they are read without a sign.
    steps = steps if steps[0] >= span.first else np.maximum(steps, span.first)
    since: Floats = (steps - span.first).view(np.uint64) / (span.last - span.first)
    return since


def placed(steps: Ints, span: Span) -> tuple[Floats, list[float] | Floats]:
    """The `x` and `places` of a course that was looked at at these steps."""
    if len(steps) <= LISTED:
        return _short_placed(steps.tobytes(), span)
    x = fractions(steps, span)
    return x, x


@lru_cache(maxsize=64)
def _short_placed(steps: bytes, span: Span) -> tuple[Floats, list[float]]:
    """The same of a short course; the runs of a sweep are looked at at the same steps."""
    x = fractions(np.frombuffer(steps, dtype=np.int64), span)
    return x, x.tolist()


def course_through(x: Floats, places: list[float] | Floats, y: Floats, first: float) -> Course:
    """The course that stands at these places at these levels, from an untrained level on."""
    late = y[bisect_left(places, 0.93) :]
    end = median(late) if len(late) else float(y[-1])
    # The third lowest: a single low value is chance.
    third = min(2, len(y) - 1)
    lows = y.copy()
    lows.partition(third)
    best = float(lows[third])
    return Course(
        x=x,
        y=y,
        places=places,
        heights=y.tolist() if len(y) <= LISTED else None,
        first=first,
        best=best,
        end=end,
        drop=first - best,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """The rate as it went, whatever its peak."""

    high: tuple[float, float]
    """From where to where it stands above half of its peak, from the peak on."""
    spent: Floats
    """The share of the sum of rates at the places of `GRID`."""
    tenth: float
    third: float
    """Where so much of that sum is spent."""
    told: Mapping[str, float]


def tabulated(steps: Ints, span: Span, relative: Floats) -> Rate | None:
    """The rate that stands at these steps of the run at these shares of its peak; None where it has no course."""
    if len(steps) <= LISTED:
        return _short_rate(steps.tobytes(), span, relative.tobytes())
    return _rate(fractions(steps, span), relative)


@lru_cache(maxsize=64)
def _short_rate(steps: bytes, span: Span, relative: bytes) -> Rate | None:
    """The same for a few points: many runs of a sweep differ in nothing but their peak."""
    return _rate(fractions(np.frombuffer(steps, dtype=np.int64), span), np.frombuffer(relative))


def _rate(x: Floats, relative: Floats) -> Rate | None:
    u = np.interp(GRID, x, relative)
    peak = u.max()
    # A rate that is high for a moment only, between two places of the grid, has no course.
    if not peak > 0.5:
        return None
    u = u / peak
    top = int((u >= 0.995).argmax())
    below = u[top:] < 0.5
    last = top + int(below.argmax()) - 1 if below.any() else len(u) - 1
    high = float(GRID[top]), float(GRID[last])
    spent = np.zeros(len(u))
    ((u[1:] + u[:-1]) / 2).cumsum(out=spent[1:])
    spent /= spent[-1]
    tenth, third = np.interp((0.1, 1 / 3), spent, GRID).tolist()
    told = {
        "mean_rate": float(u.mean()),
        "high_width": high[1] - high[0],
        "end_rate": float(u[-1]),
        "peak_at": high[0],
    }
    return Rate(high=high, spent=spent, tenth=tenth, third=third, told=told)
