"""Where a rate that only ever stands still or falls was cut, how deep, and how surely that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.ordering import median, quantile

FLAT = 1e-3
"""A tread is flat to this share of its level: four printed digits leave 5e-4, float32 sums in a mean 1e-6."""
POINTS_PER_CUT = 5
"""With fewer logged points to a cut, a staircase explains any curve that falls."""
SAME_FACTOR = 0.01
"""Levels this close (relative) to the powers of one factor are cut by that one, beyond what rounding did to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staircase:
    """At least one cut, all by one factor."""

    after: Ints
    """The last logged step before each cut."""
    by: Ints
    """The first logged step that shows the cut."""
    likely: Floats
    """When the cut was: to the step where a window's mean tells it, NaN where all of `after` to `by` are as likely."""
    levels: Floats
    """The relative rate before the first cut and after each; one more than there are cuts."""
    factor: float
    floor: float
    """The last level, where the last cut is less deep than the others, as a floor would have it; else 0."""


def cuts(steps: Ints, relative: Floats, noise: float) -> tuple[int, ...]:
    """The steps at which the rate was cut, where all it does is to be cut by one factor; else none."""
    found = staircase(steps, relative, noise)
    return () if found is None else milestones(found)


def staircase(steps: Ints, relative: Floats, noise: float, floored: bool = False) -> Staircase | None:
    """The staircase that these points are, or None for any other curve, or one too sparse to tell.

    With `floored`, the last cut may be less deep than the others.
    """
    # More than one law asks about the same points.
    read = np.asarray(steps, dtype=np.int64).tobytes(), np.asarray(relative, dtype=np.float64).tobytes()
    return _read(*read, noise, floored)


@lru_cache(maxsize=4)
def _read(steps_read: bytes, relative_read: bytes, noise: float, floored: bool) -> Staircase | None:
    steps, relative = np.frombuffer(steps_read, dtype=np.int64), np.frombuffer(relative_read, dtype=np.float64)
    found = _staircase(steps, relative, noise, floored)
    # The last point may be the mean over a window with a cut in it, which shows no level.
    return found if found is not None else _staircase(steps[:-1], relative[:-1], noise, floored)


def _staircase(steps: Ints, relative: Floats, noise: float, floored: bool) -> Staircase | None:
    if len(steps) < POINTS_PER_CUT:
        return None
    moves = relative[1:] - relative[:-1]
    # Within a tread nothing moves, however the values were rounded, so the size of the rounding is no matter here.
    moved = (np.abs(moves) > FLAT * np.maximum(relative[:-1], relative[1:])).nonzero()[0]
    if not len(moved) or moves[moved].max() > 0 or relative[-1] < 0:
        return None
    # A mean over a window with the cut in it lies between two levels, so two moves in a row are one cut.
    apart = (moved[1:] - moved[:-1] > 1).nonzero()[0]
    firsts, lasts = np.concatenate([[0], apart + 1]), np.concatenate([apart, [len(moved) - 1]])
    if (lasts - firsts).max() > 1 or len(firsts) * POINTS_PER_CUT > _logged(steps):
        return None
    old, new = moved[firsts], moved[lasts] + 1
    seen = old + 1
    flat = [relative[a:b] for a, b in zip([0, *new.tolist()], [*seen.tolist(), len(relative)], strict=True)]
    levels = np.array([median(tread) for tread in flat])
    if any(tread.max() - tread.min() > 2 * FLAT * level for tread, level in zip(flat, levels.tolist(), strict=True)):
        return None
    # Rounding makes a staircase of any curve; its steps are one unit high, which is twice the rounding.
    if levels[0] - levels[1] <= 2.5 * noise:
        return None
    drops = levels[:-1] - levels[1:]
    share = (levels[:-1] - relative[seen]) / drops
    window = (steps[seen] - steps[old]).astype(np.float64)
    likely = np.where(new > seen, steps[seen] + 1 - share * window, np.nan)
    factor = _factor(levels, noise)
    floor = 0.0
    if factor is None and floored and len(levels) > 2 and levels[-1] > 0:
        factor, floor = _factor(levels[:-1], noise), float(levels[-1])
        if factor is not None and levels[-1] < levels[-2] * factor:
            factor = None
    if factor is None:
        return None
    return Staircase(after=steps[old], by=steps[seen], likely=likely, levels=levels, factor=factor, floor=floor)


def milestones(found: Staircase) -> tuple[int, ...]:
    """The first step of each new level: as the means tell, or the roundest of those that it can have been."""
    told = np.isfinite(found.likely)
    exact = np.clip(np.round(np.where(told, found.likely, found.by)), found.after + 1, found.by).astype(np.int64)
    return tuple(
        int(step) if known else roundest(int(after) + 1, int(by))
        for step, known, after, by in zip(exact, told, found.after, found.by, strict=True)
    )


def roundest(least: int, most: int) -> int:
    """The whole number in this closed range that somebody is likeliest to have typed: the last of the roundest."""
    for digits in range(len(str(most)), 0, -1):
        for unit in (int(f"1{'0' * digits}"), int(f"5{'0' * (digits - 1)}")):
            if most // unit * unit >= max(least, 1):
                return most // unit * unit
    return most


def _logged(steps: Ints) -> float:
    """How many points were logged, if only the informative ones of them are here."""
    usual = quantile(steps[1:] - steps[:-1], 0.25)
    return max(float(len(steps)), float(steps[-1] - steps[0]) / max(usual, 1.0))


def _factor(levels: Floats, noise: float) -> float | None:
    """The one factor of all cuts, or None where they differ by more than rounding explains."""
    count = np.arange(len(levels))
    seen = levels > 2 * noise
    if seen.sum() < 2 or not seen[0]:
        return None
    # Least squares of the logarithms; what rounding does to a logarithm is inverse to the level.
    weight = (levels[seen] / np.maximum(noise, 1e-4 * levels[seen])) ** 2
    k, y = count[seen], np.log(levels[seen] / levels[0])
    slope = float((weight * k * y).sum() / (weight * k * k).sum())
    factor = math.exp(slope)
    drawn = levels[0] * factor**count
    if not factor < 1 or (np.abs(levels - drawn) > 1.5 * noise + SAME_FACTOR * drawn).any():
        return None
    return factor
