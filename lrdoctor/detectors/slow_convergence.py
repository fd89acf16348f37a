"""The loss took its time, and fell without a single stumble: the rate leaves room.

What it measures: over the stretch where the rate is at its highest, how monotone the validation loss is, how long a
way it went for the distance gained and how much it jitters; how far into the run nine tenths of the whole drop were
reached; and which share of the drop came in the second half.
How: on a fixed validation set the loss moves only because the weights move, and near the largest stable rate it
jitters. But a large batch hides the jitter too, so a smooth curve alone says nothing: of 121 pretraining runs of
language models at sound rates most fell like ruled lines. They had nine tenths of their drop behind them after 3 to 8 %
of the run, though. Only a curve that is smooth and late as well belongs to steps too small.
Blind spots: a rate too low by less than ten, and tasks whose loss falls fast at first at any rate. Fewer than twenty
evaluations are smooth for want of looking closer; without a logged rate an annealed tail is as smooth.
References: Cohen et al. (2021) for the jitter at the edge of stability; Smith, A Disciplined Approach to Neural
Network Hyper-Parameters (2018), for under-fitting at rates too low; Godbole et al., Tuning Playbook (2023), on still
improving at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Floats, Role, Run, Series, Span
from lrdoctor.ordering import diff
from lrdoctor.signal import (
    at,
    between,
    bin_medians,
    finite_loss,
    finite_rate,
    fraction_of,
    high_rate,
    level,
    peak_of,
    robust_sigma,
    trend,
    wander,
)

NEEDS: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where to look."""

    settle: float = 0.1
    """The first tenth of the run falls fast in any case and is left out."""
    bins: int = 20
    points: int = 20
    """Few evaluations are far apart, so that each falls clearly below the last: smooth for want of looking closer. Two
    of 35 healthy runs passed for ruled lines at 13 evaluations, none at 20 or more."""
    begins_by: float = 0.05
    """A validation loss that begins later than this fraction of the run does not know where it came from."""
    arrived: float = 0.9
    """Of the whole drop."""
    least_width: float = 0.3
    """Every loss falls smoothly at first; a high-rate stretch shorter than a third of the run shows little else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowConvergence(Finding):
    """The loss was still falling, steadily."""

    kind: ClassVar[str] = "slow_convergence"
    smoothness: float | None
    """−Kendall's tau of the validation loss at the high rate: 1 never rose. None without enough validation points."""
    wander: float | None
    """Its path over its distance: 1 never turned."""
    jitter: float | None
    """Its scatter around its own course, as a share of the whole drop."""
    arrival_fraction: float | None
    """How far into the run, from the end of the warm-up on, nine tenths of its whole drop were reached. None for a log
    that begins late."""
    train_smoothness: float
    """−Kendall's tau of the training loss over the second half, in 20 stretches."""
    late_share: float
    """Share of the whole drop that came in the second half of the run."""
    end_ratio: float
    """End level over first level."""
    rate_end_ratio: float | None
    """Rate at the end over its peak."""
    mean_rate_ratio: float | None
    """Mean rate over its peak."""


FINDING = SlowConvergence


def detect(run: Run, settings: Settings) -> Iterator[SlowConvergence]:
    """At most one finding: for every run whose loss fell throughout, with the numbers for rules to judge."""
    span = run.span
    if span is None or span.last == span.first:
        return
    train, val = finite_loss(run, Role.TRAIN_LOSS), finite_loss(run, Role.VAL_LOSS)
    series = next((s for s in (train, val) if s is not None and len(s) >= settings.bins), None)
    if series is None:
        return
    first, end = float(series.values[0]), level(series, at(span, 0.9), span.last)
    if end is None or first <= end:
        return
    late = trend(bin_medians(series, at(span, 0.5), span.last, settings.bins))
    if late is None or late >= 0:
        return
    high = high_rate(run)
    values = None if val is None or high is None else _at_high_rate(val, span, high, settings)
    tau = None if values is None or len(values) < settings.points else trend(values)
    if late > -0.5 and (tau is None or tau > -0.5):
        return
    middle = level(series, at(span, 0.45), at(span, 0.55))
    if middle is None:
        return
    smoothness = path = jitter = arrival = None
    if val is not None and values is not None and tau is not None:
        smoothness, path, jitter = -tau, wander(values), _jitter(val, values)
        arrival = _arrival(run, val, span, settings)
    rate = finite_rate(run)
    peak = 0.0 if rate is None else peak_of(rate)
    yield SlowConvergence(
        series=series.tag if smoothness is None or val is None else val.tag,
        span=Span(int(at(span, settings.settle)), span.last),
        confidence=max(0.0, min(1.0, max(-late, smoothness or 0.0))),
        smoothness=smoothness,
        wander=path,
        jitter=jitter,
        arrival_fraction=arrival,
        train_smoothness=-late,
        late_share=max(0.0, (middle - end) / (first - end)),
        end_ratio=end / first if first else 1.0,
        rate_end_ratio=None if rate is None or peak <= 0 else float(rate.values[-1]) / peak,
        mean_rate_ratio=None if rate is None or peak <= 0 else float(rate.values.sum()) / len(rate) / peak,
    )


def _at_high_rate(val: Series, span: Span, high: Span, settings: Settings) -> Floats:
    first, last = max(at(span, settings.settle), high.first), float(high.last)
    if fraction_of(span, last) - fraction_of(span, first) < settings.least_width:
        return val.values[:0]
    return between(val, first, last)


def _jitter(val: Series, values: Floats) -> float | None:
    """Scatter of the values around a smooth course, over the drop of the whole series."""
    drop = float(val.values[0] - val.values.min())
    # Second differences of independent noise have six times its variance, and a smooth course has next to none.
    return robust_sigma(diff(diff(values))) / float(np.sqrt(6)) / drop if drop > 0 else None


def _arrival(run: Run, val: Series, span: Span, settings: Settings) -> float | None:
    at_peak = high_rate(run, share=0.99)
    first, best = float(val.values[0]), float(val.values.min())
    if at_peak is None or float(val.steps[0]) > max(1.0, settings.begins_by * span.last):
        return None
    arrived = int((val.values <= first - settings.arrived * (first - best)).argmax())
    return max(0.0, fraction_of(span, float(val.steps[arrived])) - fraction_of(span, at_peak.first))
