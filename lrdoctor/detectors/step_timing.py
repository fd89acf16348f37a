"""Whether the rate was cut when the loss had stopped gaining by it: too soon, in time, or long after.

What it measures: for a rate that stands still between cuts, when the first cut came, since when the loss had had no
downward trend before it, what the cut itself gained, and whether the loss still crept down to the end afterwards.
How: within the stage before the first cut, Kendall's tau over equal stretches of steps, from a start that is moved back
as far as no trend shows. The gain is the level just before the cut against that after it.
Blind spots: only the first cut is timed. A loss with few points in the first stage has no onset there.
References: He et al., Deep Residual Learning for Image Recognition (2016), section 3.4: divided by ten when the error
plateaus; Ge et al., The Step Decay Schedule (2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.identify import never_moves
from lrdoctor.model import Finding, Floats, Ints, Role, Run, Series, Span
from lrdoctor.ordering import diff
from lrdoctor.signal import (
    at,
    between,
    bin_medians,
    bottom_of,
    finite_loss,
    finite_rate,
    fraction_of,
    level,
    peak_of,
    trend,
    trend_noise,
)

NEEDS: frozenset[Role] = frozenset({Role.LR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a cut is, and how the loss around it is looked at."""

    cut: float = 0.7
    """A cut leaves at most this share of the rate: smooth decays lose less from point to point."""
    still: float = 0.01
    """Within a stage the rate moves by less, relative to itself."""
    bins: int = 16
    deviations: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTiming(Finding):
    """The rate was cut at least once, and stood still before and after."""

    kind: ClassVar[str] = "step_timing"
    cuts: int
    first_cut_step: int
    first_cut_fraction: float
    factor: float
    """Of the first cut."""
    trend_before: float
    """Kendall's tau of the loss over the second half of the stage before the first cut."""
    onset_step: int | None
    """Since when, in that stage, the loss had had no downward trend; None where it still fell."""
    waited: float
    """From then to the cut, as a fraction of the run; 0 where the loss still fell."""
    gain_at_cut: float
    """Share of the whole drop that came within a twentieth of the run after the cut."""
    trend_after: float | None
    """Kendall's tau from the last cut to the end; −1 creeps down steadily. Of several losses, of the one that falls
    most."""
    end_ratio: float
    """Rate at the end over its peak."""
    mean_ratio: float
    """Mean rate over its peak."""


FINDING = StepTiming


def detect(run: Run, settings: Settings) -> Iterator[StepTiming]:
    """At most one finding."""
    rate, span = finite_rate(run), run.span
    if rate is None or span is None or len(rate) < 10 or never_moves(rate) or bottom_of(rate) <= 0:
        return
    u = rate.values / peak_of(rate)
    cuts = _cuts(u, settings)
    top = int((u >= 0.995).argmax())
    if not len(cuts) or cuts[0] <= top:
        return
    begin, cut = int(rate.steps[top]), int(rate.steps[cuts[0]])
    series = _looked_at(run, begin, cut, settings)
    if series is None:
        return
    first, end = float(series.values[0]), level(series, at(span, 0.95), span.last)
    reach = 0.05 * (span.last - span.first)
    # The interval of the log lies between the last point before the cut and the first after it.
    before = level(series, max(float(begin), cut - reach), float(rate.steps[cuts[0] - 1]))
    after = level(series, cut, cut + reach)
    middle = begin + (cut - begin) / 2
    trend_before = trend(bin_medians(series, middle, cut - 1, settings.bins // 2))
    if end is None or before is None or after is None or trend_before is None or first <= end:
        return
    onset = _onset(series, begin, cut - 1, settings)
    last = int(rate.steps[cuts[-1]])
    yield StepTiming(
        series=series.tag,
        span=Span(begin, span.last),
        confidence=0.8,
        cuts=len(cuts),
        first_cut_step=cut,
        first_cut_fraction=fraction_of(span, cut),
        factor=float(u[min(cuts[0] + 1, len(u) - 1)] / u[cuts[0] - 1]),
        trend_before=trend_before,
        onset_step=None if onset is None else int(onset),
        waited=0.0 if onset is None else fraction_of(span, cut) - fraction_of(span, onset),
        gain_at_cut=(before - after) / (first - end),
        trend_after=_trend_after(run, last, span, settings),
        end_ratio=float(u[-1]),
        mean_ratio=float(u.mean()),
    )


def _cuts(u: Floats, settings: Settings) -> Ints:
    """The first index behind each cut; none where the rate moves otherwise than by cuts after its peak."""
    top = int((u >= 0.995).argmax())
    down = (u[1:] <= settings.cut * u[:-1]).nonzero()[0] + 1
    # A window that averages over the cut leaves one point in between, so neighbouring cuts are one.
    cuts = down[np.insert(diff(down) > 1, 0, True)] if len(down) else down
    moves = (np.abs(diff(u[top:])) > settings.still * u[top:-1]).nonzero()[0] + 1 + top
    near = {int(c) + shift for c in cuts for shift in (-1, 0, 1)}
    return cuts[:0] if any(int(m) not in near for m in moves) or len(cuts) > len(u) // 5 else cuts


def _looked_at(run: Run, begin: int, cut: int, settings: Settings) -> Series | None:
    """The validation loss where the stage before the cut has enough of it, else the training loss."""
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        series = finite_loss(run, role)
        if series is not None and len(between(series, begin, cut - 1)) >= settings.bins:
            return series
    return None


def _trend_after(run: Run, cut: int, span: Span, settings: Settings) -> float | None:
    losses = [finite_loss(run, role) for role in (Role.TRAIN_LOSS, Role.VAL_LOSS)]
    trends = [
        trend(bin_medians(s, cut, span.last, settings.bins))
        for s in losses
        if s is not None and len(between(s, cut, span.last)) >= 10
    ]
    return min((tau for tau in trends if tau is not None), default=None)


def _onset(series: Series, begin: int, last: int, settings: Settings) -> float | None:
    found = None
    for share in np.arange(0.5, 0.0, -0.1):
        start = begin + float(share) * (last - begin)
        values = bin_medians(series, start, last, settings.bins)
        tau = trend(values)
        # A long flat stretch outvotes a short fall before it, so the first eighth may not lie above all the rest.
        falls = tau is None or tau <= -settings.deviations * trend_noise(len(values))
        if falls or values[:2].min() > values[2:].max():
            break
        found = start
    return found
