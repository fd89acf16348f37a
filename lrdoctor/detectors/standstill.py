"""Nearly all that the loss ever gained came early, and the rest of the run moved it no further.

What it measures: from when on the loss stayed within 2 % of its whole drop, how much it gained and how far it strayed
since then, and how the rate stood.
How: medians over forty stretches of the run, measured against the drop from the first level to the last; unlike a
trend, which is without scale, this calls a curve that creeps down by a thousandth of its drop what it is.
Blind spots: a run at the floor of its task stands still as well, and so does one that was annealed: whether there was
more to be had, the curve does not tell. A drop that is mostly the first step's makes everything after it small.
References: runmedic 0.1.1 (less than 2 % of the progress in the last 30 % at a constant rate); Zhang et al.,
AutoTrainer (2021), on slow convergence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.ordering import median
from lrdoctor.signal import at, between, finite_loss, finite_rate, levels, margin, peak_of

NEEDS: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What counts as standing still."""

    share: float = 0.02
    """Of the whole drop: runmedic's bound."""
    least: float = 0.5
    """Of the run must be left: less than half of it is the tail that every schedule has."""
    bins: int = 40
    points: int = 20
    """Fewer points than half of the stretches show no level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standstill(Finding):
    """The loss stood still for most of the run."""

    kind: ClassVar[str] = "standstill"
    onset_step: int
    onset_fraction: float
    level: float
    """Median loss since then."""
    gain: float
    """What was gained since then, as a share of the whole drop; negative where it was lost."""
    strayed: float
    """How far the levels since then lie apart, as a share of the whole drop."""
    rate_end_ratio: float | None
    """Rate at the end over the peak: near 1 for a run that stood still at its peak rate."""


FINDING = Standstill


def detect(run: Run, settings: Settings) -> Iterator[Standstill]:
    """At most one finding, from a loss that was logged often enough; the validation loss where there is one."""
    span = run.span
    if span is None or span.last == span.first:
        return
    losses = [s for s in (finite_loss(run, Role.VAL_LOSS), finite_loss(run, Role.TRAIN_LOSS)) if s is not None]
    series = next((s for s in losses if len(s) >= settings.points), None)
    if series is None:
        return
    known = levels(series, span.first, span.last, settings.bins)
    there = (known == known).nonzero()[0]
    if len(there) < 2:
        return
    told = known[there]
    first, end = float(series.values[0]), float(told[-1])
    drop = first - end
    if not drop > 1e-6 * abs(first):
        return
    away = (np.abs(told - end) > settings.share * drop).nonzero()[0]
    onset = int(away[-1]) + 1 if len(away) else 0
    share = int(there[onset]) / settings.bins if onset < len(there) else 1.0
    if 1 - share < settings.least:
        return
    since = told[onset:]
    step = int(at(span, share))
    rate = finite_rate(run)
    yield Standstill(
        series=series.tag,
        span=Span(step, span.last),
        confidence=margin(1 - share, 1 - settings.least),
        onset_step=step,
        onset_fraction=share,
        level=median(between(series, step, span.last)),
        gain=float(since[0] - end) / drop,
        strayed=float(since.max() - since.min()) / drop,
        rate_end_ratio=None if rate is None or peak_of(rate) <= 0 else float(rate.values[-1] / peak_of(rate)),
    )
