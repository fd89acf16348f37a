"""The run ended where it began: nothing was learned, and nothing is on its way.

What it measures: the level at the end against the untrained level, whether the second half has any trend, and how
many equally likely classes a loss of that height would stand for.
How: the drop from the first point to the median of the last tenth, held against the first level and against the
scatter of the curve itself. A steady fall, however small, is no standstill: Kendall's tau over the second half tells.
A somewhat larger drop is none either where it ends exactly at ln K for some K, and the curve has been flat since its
first fifth: that is a network that came down to guessing and stayed there.
Blind spots: a log that begins late, and fine-tuning that gains little by nature, look alike if they are also flat.
References: Humbatova et al., Taxonomy of Real Faults in Deep Learning Systems (2020); Karpathy, A Recipe for Training
Neural Networks (2019), on the loss of a network that knows nothing being ln K.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Floats, Role, Run, Series, Span
from lrdoctor.ordering import median
from lrdoctor.signal import (
    at,
    between,
    bin_medians,
    finite_loss,
    level,
    margin,
    robust_sigma,
    trend,
    trend_noise,
    wander,
)

NEEDS: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What counts as having gone nowhere."""

    least_drop: float = 0.05
    """A drop below 5 % of the first level is next to nothing: ln 10 falls by that when accuracy goes from 10 to 11
    %."""
    least_signal: float = 2.0
    """A drop below two standard deviations of the curve's own scatter cannot be told from none."""
    steady: float = -0.85
    """Kendall's tau of the second half below this is a steady fall: chance gives −0.33 in one of forty curves."""
    chance_drop: float = 0.25
    """An untrained network may begin this far above ln K: a bad initialisation is overconfident before it knows
    anything."""
    chance_gap: float = 0.0075
    """How close to ln K an annealed dead classifier ends: 0.4 to 0.5 % above it in all five that were measured."""
    points: int = 8
    """Fewer points show no standstill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoProgress(Finding):
    """The loss ended at its untrained level."""

    kind: ClassVar[str] = "no_progress"
    end_ratio: float
    """Level at the end over the level at the start."""
    trend: float
    """Kendall's tau over the second half."""
    wander: float | None
    """Path over distance in the second half: large for a curve that turns about."""
    swing: float
    """Scatter from one stretch to the next up to three fifths of the run, relative to the level: how far it is thrown,
    while the rate is high under most schedules."""
    nearest_classes: int | None
    """K for which ln K lies within 2 % of the end level, for K up to 20 (above, every level is near some ln K)."""


FINDING = NoProgress


def detect(run: Run, settings: Settings) -> Iterator[NoProgress]:
    """At most one finding; the validation loss speaks where there is enough of it, else the training loss."""
    span = run.span
    if span is None or span.last == span.first:
        return
    candidates = [finite_loss(run, role) for role in (Role.VAL_LOSS, Role.TRAIN_LOSS)]
    enough = [s for s in candidates if s is not None and len(s) >= settings.points]
    if not enough:
        return
    views = []
    for series in enough:
        view = _view(series, span, settings)
        if view is None:
            return  # Either loss that falls shows that something is being learned.
        views.append(view)
    view = views[0]
    yield NoProgress(
        series=view.series.tag,
        span=Span(int(view.series.steps[0]), int(view.series.steps[-1])),
        confidence=1 - margin(max(view.first - view.end, 0.0), settings.chance_drop * abs(view.first)),
        end_ratio=view.end / view.first,
        trend=view.trend,
        wander=wander(view.late),
        swing=_swing(view.series, span),
        nearest_classes=_classes(view.end, 0.02),
    )


@dataclass(frozen=True, slots=True)
class _View:
    series: Series
    first: float
    end: float
    trend: float
    late: Floats


def _view(series: Series, span: Span, settings: Settings) -> _View | None:
    """What one loss shows, or None where it fell."""
    first, end, half = float(series.values[0]), level(series, at(span, 0.9), span.last), at(span, 0.5)
    if end is None or first == 0:
        return None
    drop = first - end
    stayed = drop <= settings.least_drop * abs(first) or (
        drop <= settings.least_signal * robust_sigma(between(series, half, span.last))
    )
    if not stayed and (drop > settings.chance_drop * first or _classes(end, settings.chance_gap) is None):
        return None
    late = bin_medians(series, half, span.last, 20)
    tau = trend(late)
    if tau is None or tau < settings.steady:
        return None
    if not stayed:
        since = bin_medians(series, at(span, 0.2), span.last, 32)
        if abs(trend(since) or 0.0) > 3 * trend_noise(max(4, len(since))):
            return None
    return _View(series, first, end, tau, late)


def _swing(series: Series, span: Span) -> float:
    # Stretches average the batches out, which would otherwise pass for the optimizer's own restlessness.
    levels = bin_medians(series, at(span, 0.05), at(span, 0.6), 25)
    middle = median(np.abs(levels)) if len(levels) else 0.0
    return robust_sigma(levels[1:] - levels[:-1]) / math.sqrt(2) / middle if middle > 0 else 0.0


def _classes(loss: float, gap: float) -> int | None:
    """K from 2 to 20 with ln K within `gap` of the loss, relative; None where there is none."""
    if not 0 < loss < math.log(21):
        return None
    k = max(2, round(math.exp(loss)))
    return k if k <= 20 and abs(loss - math.log(k)) <= gap * math.log(k) else None
