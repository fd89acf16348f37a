"""The loss jumped far above its course for a moment.

What it measures: every stretch in which the training loss stands far above its running level: how high relative to
what had been learned, how long, what it cost in steps until the old level was back, whether that ever was, and whether
the gradient norm had jumped before. Also how many there were, and which share of the run they took.
How: a running median over 5 % of the run is the course; a point is a spike when it stands more than six robust
standard deviations above it and by a tenth of all that was learned. The second condition keeps a loss near zero,
where any batch is many sigmas away, from counting. Heights and shifts are differences over what had been learned, so a
loss may cross zero.
Blind spots: logs that average over many steps mute spikes; a spike shorter than the logging interval leaves no trace,
and one that the log ends in has no level after it, see `rise_at_end`. A lasting rise without an overshoot is a step of
the course and no spike: data that get harder look like that.
References: OLMo-core (2024), six sigma of the last 128 steps, and its share of steps that spike as a score; Chowdhery
et al., PaLM (2022); Marin 32B retrospective (2025), for spikes that do not return to their plateau.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.detectors._excursion import herald, in_sigmas, jitter, rate_ratio
from lrdoctor.model import Finding, Floats, Role, Run, Series, Span
from lrdoctor.ordering import diff
from lrdoctor.signal import (
    MAD_TO_SIGMA,
    at,
    best_level,
    bin_medians,
    finite_loss,
    fraction_of,
    level,
    margin,
    robust_sigma,
    running_median,
)

NEEDS: frozenset[Role] = frozenset({Role.TRAIN_LOSS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stands out."""

    sigmas: float = 6.0
    """OLMo-core's threshold."""
    height: float = 0.1
    """A spike throws back at least a tenth of what had been learned by then."""
    window: float = 0.05
    """The running level is a median over this fraction of the run."""
    after: float = 0.05
    """The level afterwards is taken over this fraction of the run."""
    back: float = 0.01
    """The old level is back when a median over this fraction of the run, and three points, is there."""
    points: int = 40
    """Fewer points give no course to stand out from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike(Finding):
    """A short excursion of the training loss."""

    kind: ClassVar[str] = "spike"
    peak_step: int
    peak_fraction: float
    height: float
    """Above the running level, relative to what had been learned by then."""
    sigmas: float
    learned_sigmas: float
    """What had been learned by then in standard deviations of the points before it, from their differences: where it is
    next to none, as in a log that was taken up again, a height says little."""
    steps: int
    """From the first point that stands out to the last."""
    recovered: bool
    """The old level was back soon after."""
    level_shift: float
    """Level after over level before; above 1 where the old level was not reached again. 1 for a loss that is not
    positive."""
    cost_steps: int | None
    """From the first point that stands out until the running level was back where it had been; None if never."""
    rest_fraction: float
    """How much of the run came after it."""
    lasting_shift: float
    """Lowest level that was ever held after it, less the level before it, over what had been learned by then: above 0
    where that was never reached again."""
    lasting_sigmas: float
    """The same in standard deviations of the points before it, from their differences."""
    trend_shift: float | None
    """Level soon after it, less what the trend before it led one to expect, over what had been learned by then."""
    rate_ratio: float | None
    """Highest rate since then over the rate shortly before: well above 1 where a rise of the rate explains it."""
    gradient_ratio: float | None
    """Highest gradient norm from shortly before it up to its peak, over the median norm before."""
    gradient_lead: int | None
    """Steps from that norm to the peak of the loss."""
    spikes: int
    """How many excursions this run had; any that touch count as one here."""
    spike_share: float
    """Share of all points that stand out."""
    cost_share: float
    """Share of the run that went into getting back to the level before each."""


FINDING = Spike


def detect(run: Run, settings: Settings) -> Iterator[Spike]:
    """One finding per spike, in order; excursions that touch are one."""
    span = run.span
    series = finite_loss(run, Role.TRAIN_LOSS)
    if span is None or series is None or len(series) < settings.points:
        return
    values = series.values
    width = max(5, int(np.ceil(settings.window * len(values))) | 1)
    course = running_median(values, width)
    residual = values - course
    learned = np.maximum(values[0] - np.minimum.accumulate(course), 0.0)
    # In terms of the range, not of the level: the zero of a loss that may be negative means nothing.
    learned = np.maximum(learned, 1e-3 * (float(values[0]) - best_level(series, span)))
    # A height is relative to what had been learned, so where that is nothing there is none.
    out = (residual > settings.height * learned) & (learned > 0) & (series.steps > at(span, settings.window))
    scatter = residual
    if out.any():
        # Scatter shrinks as the loss falls, so it is taken where the point is.
        scatter = MAD_TO_SIGMA * running_median(np.abs(residual), 4 * width + 1)
        out &= residual > settings.sigmas * scatter
    groups = _groups(out.nonzero()[0], gap=width)
    if not groups:
        return
    short = running_median(values, max(3, int(settings.back * len(values)) | 1))
    noises = [robust_sigma(residual[max(0, g[0] - 4 * width) : g[0]]) for g in groups]
    told = [_aftermath(series, span, g, short, noise, settings) for g, noise in zip(groups, noises, strict=True)]
    left = [span.last - int(series.steps[group[0]]) for group in groups]
    spent = sum(rest if told_of.cost is None else told_of.cost for rest, told_of in zip(left, told, strict=True))
    share, cost_share = float(out.mean()), min(1.0, spent / (span.last - span.first))
    for group, noise, rest in zip(groups, noises, told, strict=True):
        peak = group[int(residual[group].argmax())]
        first, last = int(series.steps[group[0]]), int(series.steps[group[-1]])
        if rest.before is None or rest.after is None or rest.best is None:
            continue
        had, scale = float(learned[peak]), jitter(values[max(0, group[0] - 4 * width) : group[0]])
        ratio, lead = herald(run, span, first, int(series.steps[peak]))
        yield Spike(
            series=series.tag,
            span=Span(first, last),
            confidence=margin(float(residual[peak]) / had, settings.height),
            peak_step=int(series.steps[peak]),
            peak_fraction=fraction_of(span, float(series.steps[peak])),
            height=float(residual[peak]) / had,
            sigmas=min(float(residual[peak] / scatter[peak]), 1e6) if scatter[peak] > 0 else 1e6,
            learned_sigmas=in_sigmas(had, scale),
            steps=last - first,
            recovered=bool(rest.after <= rest.before + 2 * noise),
            level_shift=rest.after / rest.before if rest.before > 0 else 1.0,
            cost_steps=rest.cost,
            rest_fraction=1 - fraction_of(span, last),
            lasting_shift=(rest.best - rest.before) / had,
            lasting_sigmas=in_sigmas(rest.best - rest.before, scale),
            trend_shift=None if rest.expected is None else (rest.after - rest.expected) / had,
            rate_ratio=rate_ratio(run, span, first),
            gradient_ratio=ratio,
            gradient_lead=lead,
            spikes=len(groups),
            spike_share=share,
            cost_share=cost_share,
        )


def _groups(indices: np.ndarray, gap: int) -> list[np.ndarray]:
    if not len(indices):
        return []
    ends = [0, *((diff(indices) > gap).nonzero()[0] + 1).tolist(), len(indices)]
    return [indices[a:b] for a, b in itertools.pairwise(ends)]


@dataclass(frozen=True, slots=True)
class _Aftermath:
    before: float | None
    after: float | None
    """The lower of the levels soon after."""
    best: float | None
    """The lowest level to the end of the run."""
    expected: float | None
    """Soon after, had the trend before it gone on."""
    cost: int | None


def _aftermath(
    series: Series, span: Span, group: np.ndarray, short: Floats, noise: float, settings: Settings
) -> _Aftermath:
    first, last = int(series.steps[group[0]]), int(series.steps[group[-1]])
    reach = settings.after * (span.last - span.first)
    before, earlier = level(series, first - reach, first - 1), level(series, first - 3 * reach, first - 2 * reach)
    after, later = level(series, last + 1, last + reach), level(series, last + 1, last + 4 * reach)
    if before is None or after is None or later is None:
        return _Aftermath(before, None, None, None, None)
    stretches = max(1, round((span.last - last) / reach))
    best = float(bin_medians(series, last + 1, span.last, stretches).min())
    back = (short[group[-1] + 1 :] <= before + noise).nonzero()[0]
    cost = int(series.steps[group[-1] + 1 + int(back[0])]) - first if len(back) else None
    # Two levels, 10 % of the run apart, and from the later one to the middle of what follows half as far again.
    expected = None if earlier is None else before - 0.5 * (earlier - before)
    return _Aftermath(before, min(after, later), best, expected, cost)
