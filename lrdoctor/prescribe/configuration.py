"""The numbers of the next run: what the fixes ask for, resolved with the run's own numbers.

The advice comes worst first, and the first fix of a kind decides: one report never says both "lower" and "raise".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from lrdoctor.model import (
    AddWarmup,
    Advice,
    ClipGrad,
    Fix,
    Prescription,
    Role,
    Run,
    ScaleLr,
    Schedule,
    Severity,
    Span,
    UseSchedule,
)
from lrdoctor.ordering import quantile

F = TypeVar("F", bound=Fix)

LONGEST_WARMUP = 0.1
"""Of the run: the upper end in the Tuning Playbook (Godbole et al., 2023)."""
USUAL_WARMUP = 0.05
"""Where the run had none and nothing asks for more: it costs little and makes a new peak safer."""
CLIP_PERCENTILE = 90
"""Of the gradient norms that were logged while training was sound (Tuning Playbook, 2023)."""
ANNEALED = ("cosine", "linear")
"""Schedules that are kept where nothing asks for another: they end where a run should end."""
BOLDER = 3.0
"""The alternative goes so many times further the same way: about half a decade."""


def prescribe(run: Run, advice: Sequence[Advice], schedule: Schedule | None) -> Prescription | None:
    """The configuration to try next, with a bolder one as alternative; None where no advice changes a number.

    `advice` comes worst first; mere information changes nothing. `schedule` is what the logged rate did, or None.
    """
    serious = [a for a in advice if a.rule.severity is not Severity.INFO]
    fixes = [fix for a in serious for fix in a.fixes]
    scale, law = _first(fixes, ScaleLr), _first(fixes, UseSchedule)
    warmup, clip = _first(fixes, AddWarmup), _first(fixes, ClipGrad)
    deciding = [a for a in serious if any(f in (scale, law, warmup, clip) for f in a.fixes)]
    span, peak = run.span, _peak(run)
    if not deciding or span is None:
        return None
    total = run.planned_steps or _length(span)
    law = law or UseSchedule(schedule=schedule.kind if schedule and schedule.kind in ANNEALED else "cosine")
    prescription = _scaled(
        Prescription(
            peak_lr=None,
            lr_scale=1.0,
            schedule=law.schedule,
            warmup_steps=_warmup(warmup, schedule, total),
            total_steps=total,
            final_lr=None,
            clip_grad_norm=None
            if clip is None
            else _clip(run, clip, before=min(a.because[0].span.first for a in deciding)),
            confidence=min(a.confidence for a in deciding),
            reason="; ".join(f"{a.rule.id} {a.rule.name}" for a in deciding),
        ),
        scale.factor if scale else 1.0,
        peak,
        law.final_fraction,
    )
    if scale is None:
        return prescription
    bolder = scale.factor * (BOLDER if scale.factor > 1 else 1 / BOLDER)
    return replace(prescription, alternatives=(_scaled(prescription, bolder, peak, law.final_fraction),))


def _first(fixes: Sequence[Fix], kind: type[F]) -> F | None:
    return next((fix for fix in fixes if isinstance(fix, kind)), None)


def _scaled(prescription: Prescription, factor: float, peak: float | None, final_fraction: float) -> Prescription:
    """The same configuration with the peak at `factor` times the run's own, in three digits: a person types it."""
    if peak is None:
        return replace(prescription, lr_scale=_digits(factor))
    peak_lr = _digits(peak * factor)
    return replace(
        prescription, peak_lr=peak_lr, lr_scale=_digits(peak_lr / peak), final_lr=_digits(peak_lr * final_fraction)
    )


def _length(span: Span) -> int:
    """Steps of the whole run. A log that begins within the first twentieth counts from the start of the training."""
    return span.last - span.first + 1 if span.first > 0.05 * span.last else span.last + (span.first == 0)


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def _peak(run: Run) -> float | None:
    rate = run[Role.LR]
    if rate is None:
        return None
    values = rate.finite().values
    return float(values.max()) if len(values) and values.max() > 0 else None


def _warmup(wanted: AddWarmup | None, schedule: Schedule | None, total: int) -> int:
    """Steps of linear warm-up: as wanted, never shorter than the run's own, never longer than a tenth."""
    fraction = wanted.fraction if wanted else USUAL_WARMUP
    own = schedule.warmup_steps if schedule else 0
    return min(max(round(fraction * total), own), round(LONGEST_WARMUP * total))


def _clip(run: Run, clip: ClipGrad, before: int) -> float:
    """The norm to clip at: the 90th percentile of what was logged before the trouble began, or the rule's own value."""
    norms = run[Role.GRAD_NORM]
    if norms is None:
        return clip.max_norm
    sound = norms.finite()
    values = sound.values[sound.steps < before]
    if len(values) < 10:
        return clip.max_norm
    return _digits(quantile(values, CLIP_PERCENTILE / 100))
