"""What the logged learning rate did: an observation, not a complaint.

What it measures: peak, end, warm-up, mean height, how often the rate rose again, when it had fallen to a tenth for
good, and the law that explains it with the length that it was planned for and the largest misfit.
How: `lrdoctor.identify` names the law; everything else is read off the logged points. A rate that no known law
explains within its resolution is piecewise, which is no guess; its warm-up is the rise to the first point at the peak.
Blind spots: a rate that was set more often than it was logged; what was planned beyond the end of the log, where a law
does not show it (the floor of a straight line); a reaction to a plateau looks like milestones.
References: Loshchilov & Hutter, SGDR (2017); Goyal et al. (2017) for linear warm-up; Hu et al., MiniCPM (2024), for
warmup-stable-decay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from lrdoctor.identify import Identified, explained, identified, planned_length
from lrdoctor.model import Finding, Floats, Ints, Role, Run, Span
from lrdoctor.ordering import LISTED, diff
from lrdoctor.schedules import reduce_on_plateau
from lrdoctor.signal import finite_loss, finite_rate, fraction_of, peak_of, shares, troughs_of

NEEDS: frozenset[Role] = frozenset({Role.LR})
STAIRS = ("constant", "step", "multi_step", "reduce_on_plateau")
"""These never rise."""
RESOLUTION = 1e-6
"""Of the rate relative to its peak: float32, and six printed digits."""
LEAST_PATIENCE = 2
"""Evaluations without a best before a cut. A cut after one is what every noisy loss shows somewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What counts as a peak and as a rise."""

    at_peak: float = 0.995
    """A rate this close to its maximum is at its peak."""
    rise: float = 2.0
    """A rate that doubles from a trough rose again; GreedyLR and noise in printing stay below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LrSchedule(Finding):
    """The course of the learning rate."""

    kind: ClassVar[str] = "lr_schedule"
    shape: str
    """Name of a module in `lrdoctor.schedules`; zero, or piecewise where no law is known."""
    peak_lr: float
    final_lr: float
    final_ratio: float
    mean_ratio: float
    """Mean rate over the run relative to the peak: 1 constant, 0.5 linear or cosine to zero."""
    warmup_steps: int
    warmup_fraction: float
    warmup_shape: str | None
    """linear, constant or cosine; None without a warm-up, and for laws that rise by themselves."""
    still_rising: bool
    """The rate reached its peak in the last twentieth of the run, from less than half of it."""
    rises: int
    """How often the rate at least doubled from a trough after its first peak."""
    tenth_fraction: float | None
    """When the rate had fallen below a tenth of its peak for good; None where it never did."""
    residual: float
    """Largest misfit of the law relative to the peak; piecewise: of a constant."""
    period_steps: int | None
    """Steps from the end of the warm-up to the planned end; of a periodic law, of its first cycle."""
    decay_factor: float | None
    """Step and multi-step: factor of each cut. Exponential: factor per step."""
    planned_steps: int | None
    """Length that the law was planned for, from the first step of the run on; None for a law without an end."""
    interval_steps: int
    """The scheduler was stepped once in so many steps."""
    floor_ratio: float | None
    """Lowest rate after the peak that the law was planned to reach, relative to it; None for piecewise."""


FINDING = LrSchedule


def detect(run: Run, settings: Settings) -> Iterator[LrSchedule]:
    """One finding for a run with at least two finite rates."""
    rate, span = finite_rate(run), run.span
    if rate is None or len(rate) < 2 or span is None:
        return
    steps, values = rate.steps, rate.values
    peak = peak_of(rate)
    if peak <= 0:
        yield _zero(rate.tag, span)
        return
    u = values / peak
    found = identified(rate)
    law, length = ("piecewise", None) if found is None else (found.plan.schedule, planned_length(found))
    course = (
        _course(steps, u, settings.at_peak)
        if len(u) > LISTED
        else _shared(steps.tobytes(), u.tobytes(), settings.at_peak)
    )
    warm = _warm(found, steps, int(steps[course.top]) if course.top and u[0] < 0.9 else int(steps[0]), span)
    residual = float(np.ptp(u)) / 2 if found is None else found.residual
    # A constant rate was not cut by anything.
    adaptive = _by_metric(run, steps, u, warm) if found is None or law in STAIRS[1:] else None
    if adaptive is not None:
        law = "reduce_on_plateau"
        late = steps >= warm
        residual = float(np.abs(reduce_on_plateau.lr(steps[late] - warm, adaptive) - u[late]).max())
    yield LrSchedule(
        series=rate.tag,
        span=Span(int(steps[0]), int(steps[-1])),
        confidence=1.0 - min(1.0, residual),
        shape=law,
        peak_lr=peak,
        final_lr=float(values[-1]),
        final_ratio=float(u[-1]),
        mean_ratio=course.mean,
        warmup_steps=warm - span.first,
        warmup_fraction=fraction_of(span, float(warm)),
        warmup_shape=found.plan.warmup.shape if found is not None and found.plan.warmup.steps else None,
        still_rising=bool(u[0] < 0.5 and fraction_of(span, float(steps[course.top])) > 0.95),
        rises=0 if law in STAIRS else len(troughs_of(rate, settings.rise)),
        tenth_fraction=fraction_of(span, float(steps[course.gone])) if course.gone < len(u) else None,
        residual=residual,
        period_steps=None if found is None else _period(found, length),
        decay_factor=_factor(found) if adaptive is None else adaptive.factor,
        planned_steps=None if found is None or length is None else _planned(found, span),
        interval_steps=1 if found is None else found.interval_steps,
        floor_ratio=None if found is None else _floor(found, length, course.lowest),
    )


def _by_metric(run: Run, steps: Ints, u: Floats, warm: int) -> reduce_on_plateau.Params | None:
    """The staircase where the validation loss made it: as many evaluations without a best lie before each cut.

    That is what ReduceLROnPlateau and its kin do, and what fixed milestones do by chance alone.
    """
    val = finite_loss(run, Role.VAL_LOSS)
    late = steps >= warm
    seen = (
        reduce_on_plateau.seen(steps[late] - warm, u[late], RESOLUTION) if val is not None and late.sum() > 5 else None
    )
    if val is None or seen is None or len(seen.milestones) < 2:
        return None
    waited, since = [], 0
    for cut in seen.milestones:
        upto = int(val.steps.searchsorted(warm + cut, side="right"))
        if upto == 0:
            return None
        last_best = int(val.values[:upto].argmin()) + 1
        waited.append(upto - max(last_best, since))
        since = upto
    return seen if min(waited) >= LEAST_PATIENCE and max(waited) - min(waited) <= 1 else None


class _Course(NamedTuple):
    """What a rate did, relative to its peak."""

    top: int
    """Index of the first point at the peak."""
    gone: int
    """Of the first from which on it stayed below a tenth of it; one behind the last where it did not."""
    lowest: float
    """From the peak on."""
    mean: float


def _course(steps: Ints, u: Floats, at_peak: float) -> _Course:
    t = shares(steps)
    return _Course(
        top=int((u >= at_peak).argmax()),
        gone=int((u >= 0.1).nonzero()[0][-1]) + 1,
        lowest=float(u[int(u.argmax()) :].min()),
        # As `np.trapezoid`, in a third of its time.
        mean=float((diff(t) * (u[1:] + u[:-1]) / 2.0).sum()),
    )


@lru_cache(maxsize=64)
def _shared(steps: bytes, u: bytes, at_peak: float) -> _Course:
    """The same of a few points: many runs of a sweep differ in nothing but the peak of their rate."""
    return _course(np.frombuffer(steps, dtype=np.int64), np.frombuffer(u, dtype=np.float64), at_peak)


def _warm(found: Identified | None, steps: Ints, seen: int, span: Span) -> int:
    """The step at which the warm-up ends, or the rise to the first peak of a law that rises by itself."""
    if found is None or not found.plan.warmup.steps:
        return seen
    return max(span.first, min(found.first_step + found.plan.warmup.steps, int(steps[-1])))


def _period(found: Identified, length: int | None) -> int | None:
    params = found.plan.params
    if hasattr(params, "first_period"):
        return int(params.first_period)
    if hasattr(params, "step_up"):
        return int(params.step_up + params.step_down)
    return length


def _factor(found: Identified | None) -> float | None:
    if found is None:
        return None
    params = found.plan.params
    if hasattr(params, "factor"):
        return float(params.factor)
    if hasattr(params, "decay_rate"):
        return float(params.decay_rate ** (1 / params.decay_steps))
    return None


def _planned(found: Identified, span: Span) -> int:
    """Counted from the run's first step, as `found` counts from its own."""
    return max(0, found.plan.total_steps + found.first_step - span.first)


def _floor(found: Identified, length: int | None, lowest: float) -> float:
    """The lowest of what was logged after the peak and of what was still to come."""
    if found.plan.peak_lr <= 0 or length is None:
        return lowest
    end = np.array([found.first_step + found.plan.total_steps], dtype=np.int64)
    return max(0.0, min(lowest, float(explained(found, end)[0]) / found.plan.peak_lr))


def _zero(tag: str, span: Span) -> LrSchedule:
    return LrSchedule(
        series=tag,
        span=span,
        confidence=1.0,
        shape="zero",
        peak_lr=0.0,
        final_lr=0.0,
        final_ratio=0.0,
        mean_ratio=0.0,
        warmup_steps=0,
        warmup_fraction=0.0,
        warmup_shape=None,
        still_rising=False,
        rises=0,
        tenth_fraction=None,
        residual=0.0,
        period_steps=None,
        decay_factor=None,
        planned_steps=None,
        interval_steps=1,
        floor_ratio=None,
    )
