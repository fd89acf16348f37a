"""The learning rate was gone long before the run was.

What it measures: how much of the run was trained at a rate worth the name, when the rate fell below a tenth of its
peak for good, and what the loss did from then on: stand still, or creep down without a stumble.
How: the mean rate over the peak is the share of the distance that the run was given. Both answers of the loss are
those of a training that is no longer driven: a frozen loss gains little after the fall, a creeping one keeps falling
steadily.
Blind spots: a run that had converged before the fall is frozen too; a second run with a slower decay tells.
References: Godbole et al., Deep Learning Tuning Playbook (2023), on steps spent at too small a learning rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.identify import never_moves
from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.signal import (
    at,
    bin_medians,
    finite_loss,
    finite_rate,
    fraction_of,
    level,
    margin,
    peak_of,
    shares,
    trend,
)

NEEDS: frozenset[Role] = frozenset({Role.LR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What counts as gone."""

    share: float = 0.1
    """A tenth of the peak."""
    left: float = 0.3
    """At least this fraction of the run must follow: schedules end with a tail, and 20 to 30 % is what they are
    given."""
    points: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PrematureDecay(Finding):
    """The rate fell to almost nothing early."""

    kind: ClassVar[str] = "premature_decay"
    decayed_step: int
    decayed_fraction: float
    mean_rate_ratio: float
    """Mean rate over the whole run relative to the peak: 1 constant, 0.5 linear or cosine, 0.37 three steps of ten."""
    gain_after: float
    """Share of the whole drop of the loss that came after the fall."""
    trend_after: float
    """Kendall's tau of the loss after the fall; −1 creeps down steadily."""
    smallest_rate_ratio: float


FINDING = PrematureDecay


def detect(run: Run, settings: Settings) -> Iterator[PrematureDecay]:
    """At most one finding."""
    span, rate = run.span, finite_rate(run)
    if span is None or rate is None or never_moves(rate):
        return
    losses = [s for s in (finite_loss(run, Role.VAL_LOSS), finite_loss(run, Role.TRAIN_LOSS)) if s is not None]
    series = next((s for s in losses if len(s) >= settings.points), None)
    if series is None or len(rate) < 3 or peak_of(rate) <= 0:
        return
    u = rate.values / peak_of(rate)
    below = int((u >= settings.share).nonzero()[0][-1]) + 1
    if below >= len(u):
        return
    fell = float(rate.steps[below])
    if 1 - fraction_of(span, fell) < settings.left:
        return
    first, end = float(series.values[0]), level(series, at(span, 0.9), span.last)
    reach = 0.02 * (span.last - span.first)
    then = level(series, fell - reach, fell + reach)
    tau = trend(bin_medians(series, fell, span.last, 20))
    if then is None or end is None or tau is None or first <= end:
        return
    mean = float(np.trapezoid(u, shares(rate.steps)))
    yield PrematureDecay(
        series=series.tag,
        span=Span(int(fell), span.last),
        confidence=1 - margin(mean, 0.15),
        decayed_step=int(fell),
        decayed_fraction=fraction_of(span, fell),
        mean_rate_ratio=mean,
        gain_after=max(0.0, (then - end) / (first - end)),
        trend_after=tau,
        smallest_rate_ratio=float(u.min()),
    )
