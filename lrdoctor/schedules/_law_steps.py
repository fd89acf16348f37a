"""Which step of its law each logged rate shows, where the scheduler was stepped once per epoch."""

from __future__ import annotations

import numpy as np

from lrdoctor.model import Floats, Ints


def law_steps(steps: Ints, relative: Floats, noise: float) -> tuple[Floats, float]:
    """The law's own step behind each point, and how many optimizer steps lie between two of them.

    The steps as they are, and 1, where no staircase shows: every point moves, or too few stand still between the jumps.
    A staircase finer than the logging cannot show.
    """
    as_they_are = steps.astype(np.float64), 1.0
    moved = np.abs(relative[1:] - relative[:-1])
    # A printed digit flips by twice its rounding; what jumps further moved.
    jumps = (moved > 4 * noise).nonzero()[0]
    if len(jumps) < 3:
        return as_they_are
    between = moved[jumps[0] : jumps[-1] + 1]
    if np.count_nonzero(between <= noise) < 0.1 * len(between):
        return as_they_are
    # Each jump happened after `before` and not later than `after`.
    before, after = steps[jumps].astype(np.float64), steps[jumps + 1].astype(np.float64)
    first, every = _regular(before, after)
    if every < 2:
        return as_they_are
    return np.maximum(first + np.floor((steps - first) / every + 1e-9) * every, 0.0), every


def _regular(before: Floats, after: Floats) -> tuple[float, float]:
    """(first, every) so that a multiple of `every` after `first` lies in each interval; `every` is 0 if there is none.

    An epoch boundary at step 0 is tried first, then any.
    """
    count = np.arange(len(before))
    every = (after[-1] + before[-1] - after[0] - before[0]) / (2 * count[-1])
    start = round((after[0] + before[0]) / (2 * every))
    for number in (start, start - 1, start + 1):
        if number < 1:
            continue
        low, high = (before / (number + count)).max(), (after / (number + count)).min()
        if low < high:
            whole = np.round((low + high) / 2)  # a number of batches
            return 0.0, float(whole if low < whole <= high else (low + high) / 2)
    fitted = float(np.polyfit(count, (before + after) / 2, 1)[0])
    for every in (round(fitted), fitted):
        low, high = (before - every * count).max(), (after - every * count).min()
        if low < high:
            return float((low + high) / 2), float(every)
    return 0.0, 0.0
