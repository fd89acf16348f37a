"""What detectors of a loss that leaves its course look at alike: its scatter, the rate, and the gradient norm."""

from __future__ import annotations

import numpy as np

from lrdoctor.model import Floats, Role, Run, Span
from lrdoctor.ordering import diff
from lrdoctor.signal import LARGEST, bounded, finite_rate, level, robust_sigma

LEAD = 0.01
"""How far before an excursion its cause in the rate, or its herald in the gradient norm, may lie: a fraction of the
run."""
BEFORE = 0.05
"""The usual norm is taken over this fraction of the run, up to there."""


def jitter(values: Floats) -> float:
    """Scatter from point to point. A short running median follows the points and would hide it."""
    return robust_sigma(diff(values)) / float(np.sqrt(2))


def in_sigmas(difference: float, sigma: float) -> float:
    """At most a million either way, which also stands for a curve without scatter."""
    if sigma <= abs(difference) * 1e-6:
        return float(np.sign(difference)) * 1e6
    return difference / sigma


def rate_ratio(run: Run, span: Span, first: int) -> float | None:
    """Highest rate from this step on over the rate shortly before; None where no rate was logged there."""
    rate = finite_rate(run)
    if rate is None:
        return None
    before = int(rate.steps.searchsorted(first - LEAD * (span.last - span.first), side="right")) - 1
    if before < 0 or rate.values[before] <= 0:
        return None
    return min(float(rate.values[before:].max() / rate.values[before]), LARGEST)


def herald(run: Run, span: Span, first: int, peak: int) -> tuple[float | None, int | None]:
    """How far the gradient norm jumped before the loss did, and how many steps before its peak."""
    logged = run[Role.GRAD_NORM]
    norms = None if logged is None else bounded(logged)
    if norms is None or not len(norms):
        return None, None
    length = span.last - span.first
    usual = level(norms, first - BEFORE * length, first - LEAD * length)
    begin = int(norms.steps.searchsorted(first - LEAD * length))
    end = int(norms.steps.searchsorted(peak, side="right"))
    if usual is None or usual <= 0 or begin >= end:
        return None, None
    highest = begin + int(norms.values[begin:end].argmax())
    return min(float(norms.values[highest]) / usual, LARGEST), peak - int(norms.steps[highest])
