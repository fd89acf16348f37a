"""Whether a stated confidence is the share of cases in which it is right.

Only runs that were called unhealthy count, with the confidence of the advice that decided. Such a call is right if the
training is in truth faulty or diverged and wrong if it is healthy; a grey one is neither, and is only counted.

- Brier score: mean squared distance of the confidence from 1 (right) or 0 (wrong).
- Expected calibration error: distance of the mean confidence of a bin from its share of right calls, averaged over the
  calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from benchmarks.clinic.standing import Standing

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One run that was called unhealthy."""

    confidence: float
    truth: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The calls whose confidence lies from `low` to below `high`; in the last bin, up to 1."""

    low: float
    high: float
    calls: tuple[Call, ...]

    @property
    def scored(self) -> list[Call]:
        """The calls that are right or wrong."""
        return [call for call in self.calls if call.truth is not Standing.GREY]

    @property
    def right(self) -> int:
        """How many of them are right."""
        return sum(call.truth.is_fault for call in self.scored)

    @property
    def mean_confidence(self) -> float:
        """Of the scored calls; 0 without any."""
        return fmean(call.confidence for call in self.scored) if self.scored else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """All calls of one tool, by confidence."""

    bins: tuple[Bin, ...]

    @property
    def scored(self) -> list[Call]:
        """The calls that are right or wrong, of all bins."""
        return [call for held in self.bins for call in held.scored]

    @property
    def brier(self) -> float | None:
        """The Brier score; None without a scored call."""
        scored = self.scored
        return fmean((call.confidence - call.truth.is_fault) ** 2 for call in scored) if scored else None

    @property
    def expected_error(self) -> float | None:
        """The expected calibration error; None without a scored call."""
        scored = len(self.scored)
        if not scored:
            return None
        return sum(abs(len(held.scored) * held.mean_confidence - held.right) for held in self.bins) / scored


def calibrate(calls: Sequence[Call]) -> Calibration:
    """The calls sorted into bins; the lowest one, below any confidence worth stating, only where it has calls."""
    bins = []
    for low, high in pairwise(EDGES):
        inside = tuple(c for c in calls if low <= c.confidence and (c.confidence < high or high == EDGES[-1]))
        if inside or low > 0:
            bins.append(Bin(low=low, high=high, calls=inside))
    return Calibration(bins=tuple(bins))
