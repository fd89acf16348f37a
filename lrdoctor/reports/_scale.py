"""A vertical or horizontal axis: where a value stands on it, and the round numbers to write beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats

MARGIN = 0.05
"""Share of the axis that is left free at either end."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values between `low` and `high`, in proportion or by their logarithm."""

    low: float
    high: float
    """Larger than `low`."""
    log: bool = False
    """Then both are positive."""

    def at(self, values: Floats) -> Floats:
        """0 at `low`, 1 at `high`; shape as `values`. What a logarithm does not know stands at the lower end."""
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            shown = np.log10(np.maximum(values, self.low))
            return np.asarray((shown - low) / (high - low), dtype=np.float64)
        # The difference of two doubles may overflow, that of two numbers within ±1 does not.
        unit = max(abs(self.low), abs(self.high))
        low, high = self.low / unit, self.high / unit
        return np.asarray((values / unit - low) / (high - low), dtype=np.float64)

    def ticks(self, most: int) -> list[float]:
        """At most about `most` round values within the axis, ascending."""
        return _decades(self.low, self.high, most) if self.log else _round(self.low, self.high, most)


def around(values: Floats, *, log: bool = False, from_zero: bool = False) -> Scale:
    """An axis on which all the finite values stand, with a margin; 0 to 1 where there is none.

    `from_zero` starts it there if no value is negative. With `log`, values that are not positive do not count.
    """
    finite = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not len(finite):
        return Scale(0.1, 1.0, log=True) if log else Scale(0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    if log:
        pad = max(math.log10(high) - math.log10(low), 0.5) * MARGIN
        return Scale(max(10 ** (math.log10(low) - pad), 5e-324), _power(math.log10(high) + pad), log=True)
    # Halves first: the difference of two doubles may overflow.
    pad = (high / 2 - low / 2) * 2 * MARGIN if math.isfinite(high - low) else 0.0
    pad = pad or max(abs(high), abs(low)) * MARGIN or 1.0
    bottom = 0.0 if low >= 0 and (from_zero or low < pad) else max(low - pad, -_LARGEST)
    return Scale(bottom, min(high + pad, _LARGEST))


def over(first: int, last: int) -> Scale:
    """An axis from step to step, without a margin; wide enough to divide by, however few or large the steps are."""
    low = float(first)
    return Scale(low, max(float(last), low + max(abs(low) * 1e-9, 1.0)))


_LARGEST = float(np.finfo(np.float64).max)


def _power(exponent: float) -> float:
    return 10.0**exponent if exponent < 308 else _LARGEST


def _round(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    apart = high / most - low / most
    if not 0 < apart < math.inf:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(apart))
    apart = next((power * digit for digit in (1, 2, 5) if power * digit >= apart * 0.999), power * 10)
    if not 0 < apart < math.inf:
        return [low, high]
    first, last = math.ceil(low / apart - 1e-9), math.floor(high / apart + 1e-9)
    # A multiple of a tenth is rarely one of a double: 0.30000000000000004.
    return [float(f"{i * apart:.12g}") for i in range(first, last + 1)]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Powers of ten, every second or fifth of them if they are many, with 2 and 5 between them if they are few."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 2:
        apart = -(-(last - first + 1) // most)
        exponents = range(first + (-first) % apart, last + 1, apart)
        return [10.0**exponent for exponent in exponents if -308 <= exponent <= 308]
    between = [
        digit * 10.0**exponent for exponent in range(max(first - 1, -308), min(last + 1, 308)) for digit in (1, 2, 5)
    ]
    found = [float(f"{value:.12g}") for value in between if low <= value <= high]
    return found or [low, high]
