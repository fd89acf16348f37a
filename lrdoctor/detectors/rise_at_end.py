"""The log ends with the loss above its course: a spike that may pass, or the first steps of a divergence.

What it measures: for the last points of the training loss, how far they lie above the stretch before, in terms of what
had been learned and of the scatter between points, since which step, and what the rate and the gradient norm did there.
How: the last hundredth of the run, and three points at least, must all lie above every point of a stretch that ended a
little earlier, so that a climb may have begun in between. Heights are differences over what had been learned.
Blind spots: two points that rise are no evidence, so a coarse log shows a divergence only later. Whether the loss comes
back the log cannot say.
References: OLMo-core (2024), six sigma of the last 128 steps; Godbole et al., Deep Learning Tuning Playbook (2023), on
sudden instability in mid-training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.detectors._excursion import herald, in_sigmas, jitter, rate_ratio
from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.signal import at, best_level, between, finite_loss, fraction_of, margin

NEEDS: frozenset[Role] = frozenset({Role.TRAIN_LOSS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stands out."""

    sigmas: float = 6.0
    """OLMo-core's threshold."""
    height: float = 0.1
    """It throws back at least a tenth of what had been learned."""
    last: float = 0.01
    """The points that must stand out, as a fraction of the run."""
    base: tuple[float, float] = (0.8, 0.93)
    """The stretch that they must stand out from. A divergence that began two hundredths of a run ago has left it, even
    where the log holds but a third of that run."""
    points: int = 40
    """Fewer points give no course to stand out from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiseAtEnd(Finding):
    """The last points of the training loss stand above all before them."""

    kind: ClassVar[str] = "rise_at_end"
    onset_step: int
    """From here on every point does."""
    onset_fraction: float
    points: int
    height: float
    """Level of the last points above that before them, over what had been learned."""
    sigmas: float
    """The same in standard deviations of the points, from their differences."""
    learned_sigmas: float
    """What had been learned in the same: where it is next to none, as in a log that was taken up again, a height says
    little."""
    rate_ratio: float | None
    """Highest rate since then over the rate shortly before: well above 1 where a rise of the rate explains it."""
    gradient_ratio: float | None
    """Highest gradient norm from shortly before the onset on, over the median norm before."""


FINDING = RiseAtEnd


def detect(run: Run, settings: Settings) -> Iterator[RiseAtEnd]:
    """At most one finding."""
    span = run.span
    series = finite_loss(run, Role.TRAIN_LOSS)
    if span is None or series is None or len(series) < settings.points:
        return
    values = series.values
    start = min(int(series.steps.searchsorted(np.ceil(at(span, 1 - settings.last)))), len(values) - 3)
    base = between(series, at(span, settings.base[0]), at(span, settings.base[1]))
    if len(base) < 5 or values[start:].min() <= base.max():
        return
    before, end = float(np.median(base[-max(3, len(base) // 3) :])), float(np.median(values[start:]))
    learned, rise, scale = float(values[0]) - best_level(series, span), end - before, jitter(base)
    if learned <= 0 or rise < settings.height * learned or rise < settings.sigmas * scale:
        return
    onset = int((values <= base.max()).nonzero()[0][-1]) + 1
    first, last = int(series.steps[onset]), int(series.steps[-1])
    yield RiseAtEnd(
        series=series.tag,
        span=Span(first, last),
        confidence=margin(rise / learned, settings.height),
        onset_step=first,
        onset_fraction=fraction_of(span, first),
        points=len(values) - onset,
        height=rise / learned,
        sigmas=in_sigmas(rise, scale),
        learned_sigmas=in_sigmas(learned, scale),
        rate_ratio=rate_ratio(run, span, first),
        gradient_ratio=herald(run, span, first, last)[0],
    )
