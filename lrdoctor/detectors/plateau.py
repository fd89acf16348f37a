"""The loss stopped falling while there was still training to come.

What it measures: from which step on neither the validation nor the training loss has any downward trend, how long
that lasts to the end, how the rate stood during it, and how restless the curve is.
How: Kendall's tau over equal stretches of steps, from a start that is moved back as far as the curve stays without a
trend. Without a trend means that a coin could have produced the order: tau above minus two standard deviations.
Blind spots: a plateau in the middle that is left again is not reported. Converged and stuck look alike; the rate,
which is a field, tells rules which it may be.
References: Kendall (1938); Godbole et al., Deep Learning Tuning Playbook (2023), on step-to-step variance late in
training.
"""

from __future__ import annotations

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
    finite_rate,
    fraction_of,
    level,
    margin,
    peak_of,
    robust_sigma,
    stretch_medians,
    trend,
    trend_noise,
    wander,
)

NEEDS: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How trend and restlessness are measured."""

    bins: int = 40
    """Stretches over the whole run; the second half then has 20, for which chance gives |tau| > 0.33 in one of
    twenty."""
    deviations: float = 2.0
    points: int = 16
    """Fewer points over the second half cannot show the absence of a trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau(Finding):
    """No downward trend to the end of the run."""

    kind: ClassVar[str] = "plateau"
    onset_step: int
    onset_fraction: float
    level: float
    """Median loss on the plateau."""
    end_ratio: float
    """That level over the first one."""
    trend: float
    """Kendall's tau on the plateau, of the loss that comes closer to falling."""
    swing: float
    """Scatter of the loss on the plateau, relative to its level."""
    wander: float | None
    """Path over distance on the plateau."""
    losses: int
    """How many losses were logged often enough to agree on it: 1 or 2."""
    rate_ratio: float | None
    """Median rate on the plateau over the peak rate; None where no rate was logged."""
    rate_constant: bool | None
    """The rate stayed within 10 % of itself on the plateau."""


FINDING = Plateau

ONSETS = tuple(round(0.05 * part, 2) for part in range(10, 0, -1))
"""Fractions of the run from which on a plateau may be seen, the latest first."""


def detect(run: Run, settings: Settings) -> Iterator[Plateau]:
    """At most one finding, of at least the second half of the run; every loss that is logged must be flat."""
    span = run.span
    if span is None or span.last == span.first:
        return
    losses = [s for s in (finite_loss(run, Role.VAL_LOSS), finite_loss(run, Role.TRAIN_LOSS)) if s is not None]
    losses = [s for s in losses if len(between(s, at(span, 0.5), span.last)) >= settings.points]
    if not losses:
        return
    onsets = [_onset(s, span, settings) for s in losses]
    known = [o for o in onsets if o is not None]
    if len(known) < len(losses):
        return
    onset = max(known)
    series = losses[0]
    bins = max(4, round((1 - onset) * settings.bins))
    trends = [trend(bin_medians(s, at(span, onset), span.last, bins)) for s in losses]
    values = between(series, at(span, onset), span.last)
    flat = level(series, at(span, onset), span.last)
    if flat is None or not len(values):
        return
    ratio, constant = _rate(run, at(span, onset), span.last)
    yield Plateau(
        series=series.tag,
        span=Span(int(at(span, onset)), span.last),
        confidence=margin(1 - onset, 0.25),
        onset_step=int(at(span, onset)),
        onset_fraction=fraction_of(span, at(span, onset)),
        level=flat,
        end_ratio=flat / float(series.values[0]) if series.values[0] else 1.0,
        trend=min(t for t in trends if t is not None),
        swing=robust_sigma(values) / abs(flat) if flat else 0.0,
        wander=wander(bin_medians(series, at(span, onset), span.last, bins)),
        losses=len(losses),
        rate_ratio=ratio,
        rate_constant=constant,
    )


def _onset(series: Series, span: Span, settings: Settings) -> float | None:
    """The earliest fraction of the run from which the series has no downward trend, at the latest one half; or None."""
    stretches = stretch_medians(series, span.first, span.last, settings.bins)
    onset = None
    for fraction in ONSETS:
        later = stretches[round(fraction * settings.bins) :]
        if not _flat(later[np.isfinite(later)], settings):
            break
        onset = fraction
    return onset


def _flat(values: Floats, settings: Settings) -> bool:
    tau = trend(values)
    return tau is not None and tau > -settings.deviations * trend_noise(len(values))


def _rate(run: Run, first: float, last: float) -> tuple[float | None, bool | None]:
    rate = finite_rate(run)
    if rate is None or peak_of(rate) <= 0:
        return None, None
    values = between(rate, first, last)
    if not len(values):
        return None, None
    middle = median(values)
    return middle / peak_of(rate), bool(np.abs(values - middle).max() <= 0.1 * abs(middle))
