"""The course of a noisy curve, for the eye: no judgement rests on it."""

from __future__ import annotations

import numpy as np

from lrdoctor.model import Series

FEWEST = 60
"""Points below which a curve is its own course."""
WINDOW = 40
"""The window is the run divided by this: about what TensorBoard's slider does to a run of some thousand points."""


def smoothed(series: Series, *, log: bool, points: int) -> Series | None:
    """A centred moving mean (of the logarithms, if `log`) at about `points` places; None for a short series.

    NaN where the series itself is not finite: a gap must stay one.
    """
    n = len(series)
    if n < FEWEST:
        return None
    values, good = series.values, np.isfinite(series.values)
    if log:
        good &= values > 0
    if not good.any():
        return None
    shown = np.where(good, values, 1.0)
    # Within ±1, or as logarithms, no sum overflows.
    unit = 1.0 if log else float(np.abs(shown[good]).max()) or 1.0
    shown = np.where(good, np.log10(shown) if log else shown / unit, 0.0)
    reach = max(n // WINDOW // 2, 1)
    total, counted = np.concatenate([[0.0], shown.cumsum()]), np.concatenate([[0], good.cumsum()])
    at = np.unique(np.linspace(0, n - 1, min(points, n)).round().astype(np.int64))
    left, right = np.maximum(at - reach, 0), np.minimum(at + reach + 1, n)
    mean = (total[right] - total[left]) / np.maximum(counted[right] - counted[left], 1)
    course = np.where(good[at], 10.0**mean if log else mean * unit, np.nan)
    return Series(tag=series.tag, steps=series.steps[at], values=course)
