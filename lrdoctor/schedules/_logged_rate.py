"""A logged learning rate made ready for fitting: cleaned, thinned to its informative points, with its resolution.

Nothing here knows a law. Rates are relative to their maximum throughout, and steps are counted from an origin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints
from lrdoctor.ordering import diff, median

FLOAT32 = 6e-8
"""Half of float32's spacing at 1: the finest that logs are written in, TensorBoard's included."""
COARSEST = 0.02
"""A rate printed more coarsely than this (`%.4f` of 1e-3) shows its printing rather than its law."""
UNKNOWN = 1e-6
"""Taken where there are too few values to tell how they were printed: six significant digits."""
FEW = 8
"""So many different values tell nothing about printing: 0.1 and 0.01 are short without having been rounded."""
SHORT = 32
"""So few values are asked about all places at once."""
LISTED = [10.0**-digits for digits in range(13)]
UNITS = np.array(LISTED)
NEARLY = 1e-9
"""Relative: a quotient is so near to a whole number where it is one but for rounding."""
LONGEST = 2**53
"""Spans beyond this are not exact in a float; no training is that long."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RateCurve:
    """What is known of a logged rate. At least two points; the highest rate is above 0."""

    steps: Ints
    """Shape (n,), strictly increasing, counted from `origin`."""
    relative: Floats
    """Shape (n,), between 0 and 1; 1 at the highest."""
    peak: float
    """Highest logged rate."""
    origin: int
    """The logged step that counts as 0."""
    resolution: float
    """Size of the rounding of the values relative to the peak."""
    every: int
    """Usual number of steps between two points."""
    regular: bool = False
    """Whether that is so between all points."""

    def take(self, chosen: Ints | slice) -> RateCurve:
        """The same curve at some of its points."""
        return RateCurve(
            steps=self.steps[chosen],
            relative=self.relative[chosen],
            peak=self.peak,
            origin=self.origin,
            resolution=self.resolution,
            every=self.every,
        )

    def thinned(self, most: int) -> RateCurve:
        """The curve itself, or at most so many of its points: the informative ones."""
        return self if len(self.steps) <= most else self.take(informative(self, most))


def rate_curve(steps: Ints, rates: Floats) -> RateCurve | None:
    """The finite points; None where fewer than two are left, a rate is negative, or none is above 0."""
    steps, rates = np.asarray(steps, dtype=np.int64), np.asarray(rates, dtype=np.float64)
    keep = np.isfinite(rates)
    if not keep.all():
        steps, rates = steps[keep], rates[keep]
    if len(rates) < 2 or int(steps[-1]) - int(steps[0]) > LONGEST:
        return None
    peak = float(rates.max())
    if peak <= 0 or rates.min() < 0:
        return None
    first = int(steps[0])
    every, regular = cadence(steps)
    origin = counted_from(first, every)
    with np.errstate(under="ignore"):
        relative = rates / peak
    return RateCurve(
        steps=steps - origin,
        relative=relative,
        peak=peak,
        origin=origin,
        resolution=resolution(rates[spread(len(rates), 256)], peak),
        every=every,
        regular=regular,
    )


def cadence(steps: Ints) -> tuple[int, bool]:
    """The usual number of steps between two points, and whether it is the same between all."""
    gaps = steps[1:] - steps[:-1]
    regular = gaps[0] == gaps[-1] and bool((gaps == gaps[0]).all())
    return max(1, int(gaps[0] if regular else median(gaps))), regular


def counted_from(first: int, every: int) -> int:
    """The step that counts as 0, for a log that begins at this one.

    A log that begins within a few intervals of step 0 counts from there; of one that begins later nobody knows what
    came before.
    """
    return 0 if 0 <= first <= 3 * every else first


def resolution(values: Floats, peak: float) -> float:
    """Half a unit of the last printed digit relative to the peak, or float32's rounding; at most `COARSEST`."""
    values = values[values > 0]
    if not 1e-290 < peak < 1e290 or not len(values):
        return UNKNOWN
    logged = values
    with np.errstate(under="ignore"):
        scale = 10.0 ** np.floor(np.log10(peak))
        values = values / scale
    unit = _unit(values, 13)
    if unit is None and values.min() < 1:
        # Significant digits: each value has a unit of its own, and the peak's is the coarsest.
        # Anything beyond float32's digits is float32.
        unit = _unit(values, 7, significant=True)
    if unit is None:
        return FLOAT32
    rounding = 0.5 * unit * scale / peak
    if len(set(logged.tolist())) <= FEW:
        return _of_few(rounding)
    return float(min(max(rounding, FLOAT32), COARSEST))


def resolution_of_one(value: float) -> float:
    """The same of a rate that has one value throughout, in a fraction of the time: most sweeps are of such rates."""
    if not 1e-290 < value < 1e290:
        return UNKNOWN
    scale = 10.0 ** math.floor(math.log10(value))
    # Ten digits are as good as all of them, so one of the units is found.
    for unit in LISTED:
        count = value / scale / unit
        if abs(count - round(count)) <= NEARLY * max(count, 1.0):
            break
    return _of_few(0.5 * unit * scale / value)


def _of_few(rounding: float) -> float:
    """Few values may be short without having been rounded."""
    return float(min(max(rounding, FLOAT32), UNKNOWN if rounding > 1e-3 else max(UNKNOWN, rounding)))


def _unit(values: Floats, digits: int, significant: bool = False) -> float | None:
    """The coarsest decimal place, of so many, of which all values are multiples; or that of the significant digits."""
    values, likely = _leading(values) if significant else values, UNITS[:digits]
    if len(values) > SHORT:
        # A few values rule out most places for the others, and usually all of them.
        likely = likely[_multiples(values[spread(len(values), 8)], likely)]
        if not len(likely):
            return None
    whole = _multiples(values, likely)
    return float(likely[whole.argmax()]) if whole.any() else None


def _leading(values: Floats) -> Floats:
    """The values with their first digit before the point."""
    return np.asarray(values / 10.0 ** np.floor(np.log10(np.maximum(values, 1e-290))))


def _multiples(values: Floats, units: Floats) -> NDArray[np.bool_]:
    """Of each unit, whether all values are multiples."""
    counts = values / units[:, None]
    return np.asarray((np.abs(counts - np.rint(counts)) <= NEARLY * np.maximum(counts, 1.0)).all(axis=1))


def spread(n: int, k: int) -> Ints:
    """Up to `k` of `n` indices, evenly, with the first and the last."""
    if n <= k:
        return np.arange(n)
    chosen = (np.arange(k) * ((n - 1) / (k - 1))).astype(np.int64)
    chosen[-1] = n - 1
    return chosen


def informative(curve: RateCurve, most: int) -> Ints:
    """Indices of at most `most` points: half of them spread evenly, half where the curve bends or jumps."""
    n = len(curve.steps)
    if n <= most:
        return np.arange(n)
    u, steps = curve.relative, curve.steps
    change = u[1:] - u[:-1]
    if not curve.regular:
        change = change * (curve.every / (steps[1:] - steps[:-1]))
    bend = np.abs(change[1:] - change[:-1])
    # Below the rounding there is no bend to see.
    sharp = (bend > 8 * curve.resolution).nonzero()[0]
    k = most // 8
    if len(sharp) > k:
        sharp = sharp[np.argpartition(bend[sharp], -k)[-k:]]
    kept = np.zeros(n, dtype=np.bool_)
    kept[spread(n, most // 2)] = True
    for side in (0, 1, 2):
        kept[sharp + side] = True
    return kept.nonzero()[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stairs:
    """A rate that was set once in `interval` steps."""

    interval: int
    curve: RateCurve
    """One point for each stair that was seen, at the step where it begins."""


def stairs(curve: RateCurve) -> Stairs | None:
    """The staircase that the rate is, if it stands still for equal stretches of steps; None for any other curve."""
    s, u = curve.steps, curve.relative
    still = 2 * curve.resolution + 1e-9
    change = (np.abs(u[1:] - u[:-1]) > still).nonzero()[0]
    if len(change) < 3 or len(change) > len(u) // 2:
        return None
    low, high = s[change], s[change + 1]
    interval = _interval(low, high)
    if interval is None:
        return None
    numbers = s // interval
    starts = np.unique(numbers, return_index=True)[1]
    middle = u[starts]
    if np.abs(u - np.repeat(middle, np.diff(starts, append=len(u)))).max() > still:
        return None
    return Stairs(
        interval=interval,
        curve=RateCurve(
            steps=numbers[starts] * interval,
            relative=middle,
            peak=curve.peak,
            origin=curve.origin,
            resolution=curve.resolution,
            every=interval,
        ),
    )


def _interval(low: Ints, high: Ints) -> int | None:
    """The whole number E of which a multiple lies in each (low, high], if there is one; the largest."""
    widths = diff(high)
    # Two stairs of one height look like one twice as long.
    guess = float(widths[widths <= 1.5 * median(widths)].mean())
    if guess <= 1:
        return None
    bounds = None
    for _ in range(3):
        # The number of stairs up to each change, by the spacing; then every change bounds the spacing.
        counts = np.maximum(1, np.round((low + high) / 2 / guess))
        least, most = float((low / counts).max()), float((high / counts).min())
        if least > most:
            # A change that was numbered wrongly spoils both bounds, so the early ones decide first.
            early = counts <= max(8, counts.max() / 8)
            if not early.any():
                return None
            least, most = float((low[early] / counts[early]).max()), float((high[early] / counts[early]).min())
        bounds = (least, most)
        guess = (least + most) / 2
    if bounds is None or not bounds[0] < bounds[1] + 1e-9:
        return None
    whole = np.arange(int(np.floor(bounds[0])) + 1, int(np.floor(bounds[1])) + 1)
    return int(whole[len(whole) // 2]) if len(whole) and whole[len(whole) // 2] > 1 else None
