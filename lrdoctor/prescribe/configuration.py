"""The numbers of the next run: what the fixes ask for, resolved with the best evidence that there is.

The advice comes worst first, and the first fix of a kind decides: one report never says both "lower" and "raise". How
far the peak moves is then read, best evidence first, from

1. sibling runs at other rates, as far as they reach (`siblings.response`);
2. the rate at which this run broke away, where it rose to it (`divergence_rate`);
3. the run's own curve, by what such curves needed (`rate_distance`), if it points the same way as the fix;
4. the factor that the rule gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeVar

from lrdoctor.detectors.divergence_rate import DivergenceRate
from lrdoctor.detectors.rate_distance import RateDistance
from lrdoctor.model import (
    AddWarmup,
    Advice,
    ClipGrad,
    Finding,
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
from lrdoctor.siblings.response import RateResponse

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
BELOW_ONSET = 0.1
"""A tenth of the rate at which a run broke away was among the good peaks in half of the clinic's divergences, half of
it in three of ten (`benchmarks/finding.py`)."""
LEAST_STEP = 0.2
"""Decades. A curve that asks for less asks for nothing."""
FARTHEST = 2.0
"""Decades at once: beyond, what the curve shows is no matter of degree."""


def prescribe(
    run: Run,
    advice: Sequence[Advice],
    schedule: Schedule | None,
    findings: Sequence[Finding] = (),
    response: RateResponse | None = None,
) -> Prescription | None:
    """The configuration to try next, with a bolder one as alternative; None where no advice changes a number.

    `advice` comes worst first; mere information changes nothing. `schedule` is what the logged rate did, or None.
    `findings` are all of this run, `response` is what its sweep says of the rate, or None.
    """
    serious = [a for a in advice if a.rule.severity is not Severity.INFO]
    fixes = [fix for a in serious for fix in a.fixes]
    scale, law = _first(fixes, ScaleLr), _first(fixes, UseSchedule)
    warmup, clip = _first(fixes, AddWarmup), _first(fixes, ClipGrad)
    chosen = [fix for fix in (scale, law, warmup, clip) if fix is not None]
    deciding = [a for a in serious if any(fix in a.fixes for fix in chosen)]
    span, peak = run.span, _peak(run)
    if not deciding or span is None:
        return None
    total = run.planned_steps or _length(run, span)
    law = law or UseSchedule(schedule=schedule.kind if schedule and schedule.kind in ANNEALED else "cosine")
    factor, source = _factor(scale, peak, findings, response)
    reasons = [f"{a.rule.id} {a.rule.name}" for a in deciding] + ([f"peak from {source}"] if source else [])
    clipped = None if clip is None else _clip(run, clip, before=min(a.because[0].span.first for a in deciding))
    configured = partial(
        Prescription,
        schedule=law.schedule,
        warmup_steps=_warmup(warmup, schedule, total),
        total_steps=total,
        clip_grad_norm=clipped,
        confidence=min(a.confidence for a in deciding),
        reason="; ".join(reasons),
    )

    def scaled(by: float, alternatives: tuple[Prescription, ...] = ()) -> Prescription:
        peak_lr, lr_scale, final_lr = _rates(by, peak, law.final_fraction)
        return configured(peak_lr=peak_lr, lr_scale=lr_scale, final_lr=final_lr, alternatives=alternatives)

    return scaled(factor, tuple([scaled(other) for other in _otherwise(scale, factor, peak, response)]))


def _first(fixes: Sequence[Fix], kind: type[F]) -> F | None:
    for fix in fixes:
        if isinstance(fix, kind):
            return fix
    return None


def _factor(
    scale: ScaleLr | None, peak: float | None, findings: Sequence[Finding], response: RateResponse | None
) -> tuple[float, str]:
    """What the peak is multiplied by, and what says so; an empty string where the rule itself does."""
    if response is not None and peak is not None:
        # Beyond a border nothing is known but the way, and `next_rates` leads with how far that is worth trying.
        best = response.next_rates[0] if response.on_border else response.best_rate
        return best / peak, f"{response.runs} sibling runs at {response.rates} rates"
    if scale is None:
        return 1.0, ""
    onset = next((f.onset_factor for f in findings if isinstance(f, DivergenceRate)), None)
    if scale.factor < 1 and onset is not None and BELOW_ONSET * onset < scale.factor:
        return BELOW_ONSET * onset, "the rate at which it broke away"
    far = next((f.decades for f in findings if isinstance(f, RateDistance)), 0.0)
    if abs(far) >= LEAST_STEP and (far > 0) is (scale.factor > 1):
        return 10 ** max(-FARTHEST, min(far, FARTHEST)), "the run's own curve"
    return scale.factor, ""


def _otherwise(
    scale: ScaleLr | None, factor: float, peak: float | None, response: RateResponse | None
) -> Iterator[float]:
    """Factors of the alternatives, best first."""
    if response is not None and peak is not None:
        yield from (rate / peak for rate in response.next_rates if abs(rate / peak / factor - 1) > 0.02)
    elif scale is not None:
        yield factor * (BOLDER if scale.factor > 1 else 1 / BOLDER)


def _rates(factor: float, peak: float | None, final_fraction: float) -> tuple[float | None, float, float | None]:
    """Peak, its scale and the last rate where the peak is at `factor` times the run's own.

    In three digits: a person types it.
    """
    if peak is None:
        return None, _digits(factor), None
    peak_lr = _digits(peak * factor)
    return peak_lr, _digits(peak_lr / peak), _digits(peak_lr * final_fraction)


def _length(run: Run, span: Span) -> int:
    """Steps of the whole run. A log that begins within the first twentieth counts from the start of the training."""
    if span.first > 0.05 * span.last:
        return span.last - span.first + 1
    logged = next((s.steps for role in (Role.TRAIN_LOSS, Role.LR) if (s := run[role]) is not None and len(s) > 1), None)
    interval = 1 if logged is None else int(logged[1] - logged[0])
    # Every eighth step, beginning at step 7: the count begins at 0, as it does where step 0 is in the log.
    from_zero = span.first == 0 or (interval > 1 and span.first == interval - 1)
    return span.last + from_zero


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def _peak(run: Run) -> float | None:
    rate = run[Role.LR]
    if rate is None:
        return None
    values = rate.finite().values
    peak = float(values.max()) if len(values) else 0.0
    return peak if peak > 0 else None


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
