"""A loss that is no longer a number, though the log shows one.

What it measures: whether the training loss ends in a stretch of one and the same value, zero or another, to the last
bit, or goes on as a number while every gradient norm is none; since when, for how many points, what the gradient norm
was meanwhile, and how far the value stands apart from what came before.
How: batches differ, so a loss that scattered and then repeats exactly is not computed from them any more. The value of
the stretch is held against the last three points before it, in units of the typical step from point to point: a loss
that reached zero honestly came near it first. The same step in units of the smallest one that the log shows,
and how often the curve turned, tell scatter from printed digits and from a curve that had converged to its last bit.
Blind spots: where neither the gradient norm nor a leap tells, a plausible number is taken at its word, such as the mean
of a window whose last batches were NaN. Stretches that the log does not end in are not looked at.
References: Hugging Face Transformers, `Trainer`, `logging_nan_inf_filter`: on by default, a step's NaN adds the
mean of the window to the logged sum, which is 0 where the whole window was NaN; huggingface/trl#1473, a loss of 0
with a gradient norm of NaN; PyTorch, `GradScaler`, on steps that mixed precision skips.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Floats, Role, Run, Series, Span
from lrdoctor.ordering import diff
from lrdoctor.signal import LARGEST, bin_medians, bounded, finite_rate, fraction_of, trend

NEEDS: frozenset[Role] = frozenset({Role.TRAIN_LOSS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long a stretch must be to be one."""

    points: int = 5
    """So many gradient norms in a row that are no numbers, while the loss is one: mixed precision skips one step, or
    two, when its scale has grown too far."""
    scaling: int = 33
    """At the start of a run it looks for its scale: from 2³² at most, by halves, each attempt a skipped step."""
    near: int = 20
    """Over so many points before the stretch its steps from point to point are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedNonFinite(Finding):
    """The log ends in a loss that may stand for something else."""

    kind: ClassVar[str] = "masked_nonfinite"
    form: str
    """`zero`, `repeated` (another value, again and again) or `finite` (changing, while no gradient norm is a
    number)."""
    onset_step: int
    onset_fraction: float
    value: float
    """The last value of the loss."""
    points: int
    """How many points of the loss (of the gradient norm for `finite`) the stretch has."""
    from_start: bool
    """Nothing else was logged before."""
    gradient: str
    """The norm in that stretch: `nonfinite` throughout, `zero` throughout, `absent` or `finite`."""
    leap: float | None
    """Distance from the value to the nearest of the last three points before, in typical steps from point to point;
    None where too few points precede."""
    reach: float | None
    """The same distance over the range of all that came before: tiny for a loss that was as good as zero already."""
    turns: float | None
    """Share of the last points before at which the curve turned: 2/3 for scatter, 0 for a curve computed from all data
    at once."""
    grain: float | None
    """The typical step in units of the smallest that the log shows: near 1 for printed digits, large for scatter."""
    seen_before: int
    """How often the same value was logged before the stretch."""
    longest_before: int
    """Points of the longest stretch of any one value before it."""
    falling: bool
    """The loss still has a downward trend in the stretch: then the weights are numbers."""
    rate_zero: bool | None
    """The rate is zero in the stretch, so that nothing should move; None where none was logged."""
    last_before: float | None


FINDING = MaskedNonFinite


def detect(run: Run, settings: Settings) -> Iterator[MaskedNonFinite]:
    """At most one finding, for what the log ends in."""
    span, logged = run.span, run[Role.TRAIN_LOSS]
    if span is None or logged is None or len(logged) < 2 or not math.isfinite(logged.values[-1]):
        return
    series, norms = bounded(logged), run[Role.GRAD_NORM]
    values, last = series.values, float(series.values[-1])
    others = (values != last).nonzero()[0]
    start = int(others[-1]) + 1 if len(others) else 0
    form, points, falling = "zero" if last == 0 else "repeated", len(values) - start, False
    if norms is None and form == "repeated" and points < 2:
        return
    # A value that repeats was computed once, with the norm that stands beside it.
    gradient = _gradient(norms, int(series.steps[start if form == "zero" or points < 2 else start + 1]))
    if gradient == "finite" or points < (1 if form == "zero" else 2):
        bad = 0 if norms is None else _trailing(~np.isfinite(norms.values))
        if norms is None or bad < (settings.scaling if bad == len(norms) else settings.points):
            return
        form, points, gradient = "finite", bad, "nonfinite"
        start = min(int(series.steps.searchsorted(norms.steps[-bad])), len(values) - 1)
        falling = (trend(bin_medians(series, float(series.steps[start]), span.last, 16)) or 0.0) < -0.3
    before = values[:start]
    step, smallest = _steps(before, settings)
    near = float(np.abs(before[-3:] - last).min()) if step is not None else 0.0
    yield MaskedNonFinite(
        series=series.tag,
        span=Span(int(series.steps[start]), int(series.steps[-1])),
        confidence=1.0 if gradient == "nonfinite" else points / (points + 3.0),
        form=form,
        onset_step=int(series.steps[start]),
        onset_fraction=fraction_of(span, float(series.steps[start])),
        value=last,
        points=points,
        from_start=start == 0,
        gradient=gradient,
        leap=None if step is None else min(near / step, LARGEST),
        reach=None if step is None else near / float(np.ptp(before)),
        turns=None if step is None else _turns(before[-settings.near :]),
        grain=None if step is None or smallest is None else min(step / smallest, LARGEST),
        seen_before=int((before == last).sum()),
        longest_before=_longest(before),
        falling=falling,
        rate_zero=_rate_zero(run, int(series.steps[start])),
        last_before=float(before[-1]) if len(before) else None,
    )


def _trailing(true: np.ndarray) -> int:
    """How many of the last are true, without a break."""
    return len(true) if true.all() else int(true[::-1].argmin())


def _gradient(norms: Series | None, first: int) -> str:
    late = np.empty(0) if norms is None else norms.values[norms.steps.searchsorted(first) :]
    if not len(late):
        return "absent"
    if not np.isfinite(late).any():
        return "nonfinite"
    return "finite" if ((late != 0) & (late == late)).any() else "zero"


def _steps(before: Floats, settings: Settings) -> tuple[float | None, float | None]:
    """The typical step from point to point before the stretch, and the smallest that is not zero."""
    moves = np.abs(diff(before))
    real = moves[moves > 0]
    if len(before) < settings.points or not len(real):
        return None, None
    smallest = float(real.min())
    return max(float(np.median(moves[-settings.near :])), smallest), smallest


def _turns(values: Floats) -> float:
    return float((diff(np.sign(diff(values))) != 0).mean())


def _longest(values: Floats) -> int:
    if not len(values):
        return 0
    changes = diff(values).nonzero()[0]
    return int(diff(np.concatenate([[-1], changes, [len(values) - 1]])).max())


def _rate_zero(run: Run, first: int) -> bool | None:
    rate = finite_rate(run)
    if rate is None:
        return None
    # The rate that holds at a step was logged there or before.
    return not rate.values[max(0, int(rate.steps.searchsorted(first, side="right")) - 1) :].any()
