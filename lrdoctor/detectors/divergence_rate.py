"""What the rate was when the loss broke away.

What it measures: the first step from which on the loss rose above its untrained level, rose by half of all that it had
learned, or was no longer finite; the rate at that step, what it is of the peak, and whether the loss came down again.
How: the burst at the start is that of `early_instability`. Later, levels over 1/25 of the run are set against the
lowest before; a rise must hold for two of them, or to the end, and stand above what batches scatter. Before a tenth of
the first loss has been learned, half of that loss counts. The onset is then sought point by point: behind the last at
which the running median of three lies below a quarter of the rise. A loss that is lost for good has its onset at the
first point that is not finite. What the rate was is an upper bound of what it should have been: in 184 runs of the
clinic's training tasks it lay above the good peaks in seven of ten, by half a decade in the median; half of it was good
in three of ten, a tenth of it in five (`benchmarks/finding.py`).
Blind spots: the loss of a diverging run may have been logged too rarely to tell the onset to better than 1/25 of it. A
broken batch looks the same. Only the first rise is told.
References: Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3, on the rate at which the
loss turns up; Gilmer et al., A Loss Curvature Perspective on Training Instability in Deep Learning (2021), on the rate
that a curvature bears. The half of what was learned, of the first loss, and the tenth: our own choice, as in
`divergence` and `early_instability`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from lrdoctor.detectors import early_instability
from lrdoctor.model import Finding, Floats, Role, Run, Series, Span
from lrdoctor.ordering import diff
from lrdoctor.signal import (
    LARGEST,
    bounded,
    edge,
    finite_loss,
    finite_rate,
    fraction_of,
    levels,
    margin,
    peak_of,
    robust_sigma,
    running_median,
)

NEEDS: frozenset[Role] = frozenset({Role.LR})
BURST = early_instability.Settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What breaking away is."""

    bins: int = 25
    points: int = 10
    lost: float = 0.5
    """Of what had been learned, or of the first loss where next to nothing had been."""
    next_to_nothing: float = 0.1
    """Of the first loss."""
    deviations: float = 4.0
    """Of a level, from the scatter of batches."""
    onset: float = 0.25
    """Of the rise."""
    still: float = 0.01
    """Relative to the peak: a rate that stays so near to it stands."""
    at_peak: float = 0.995
    for_good: float = 0.5
    """Of the points behind the first that is not finite: where fewer are not finite, it was a mishap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergenceRate(Finding):
    """The loss broke away, and a rate was logged meanwhile."""

    kind: ClassVar[str] = "divergence_rate"
    onset_step: int
    onset_fraction: float
    cause: str
    """nonfinite: it was lost for good; early_burst: it rose above its untrained level at the start; rise: it rose
    later."""
    recovered: bool
    """It came down again."""
    onset_lr: float | None
    """The rate at the onset; None for a rate of zero."""
    onset_factor: float | None
    """The same over the peak; None for a rate that stood still throughout, whose onset tells nothing of others."""
    highest_before_lr: float | None
    """The highest rate up to the onset: what the training may have borne for a while."""
    still_rising: bool | None
    """The rate had not reached its peak; None for one that stood still."""


FINDING = DivergenceRate


class _Onset(NamedTuple):
    step: int
    cause: str
    recovered: bool
    confidence: float


def detect(run: Run, settings: Settings) -> Iterator[DivergenceRate]:
    """At most one finding."""
    rate, span = finite_rate(run), run.span
    if rate is None or span is None or span.first == span.last:
        return
    for role in (Role.TRAIN_LOSS, Role.VAL_LOSS):
        told = run[role]
        if told is not None and len(told) >= settings.points:
            break
    else:
        return
    risen, lost = _risen(finite_loss(run, role), span, settings), _lost(told, settings)
    onset = min((o for o in (_burst(run), risen, lost) if o is not None), default=None)
    if onset is None:
        return
    values = rate.values
    peak = peak_of(rate)
    here = float(np.interp(float(onset.step), rate.steps.astype(np.float64), values))
    before = values[: max(1, int(rate.steps.searchsorted(onset.step, side="right")))]
    still = peak <= 0 or float(values.min()) >= (1 - settings.still) * peak
    yield DivergenceRate(
        series=told.tag,
        span=Span(onset.step, span.last),
        confidence=onset.confidence,
        onset_step=onset.step,
        onset_fraction=fraction_of(span, onset.step),
        cause=onset.cause,
        recovered=onset.recovered,
        onset_lr=here if here > 0 else None,
        onset_factor=None if still else max(0.0, here) / peak,
        highest_before_lr=float(before.max()) if before.max() > 0 else None,
        still_rising=None if still else float(before.max()) < settings.at_peak * peak,
    )


def _burst(run: Run) -> _Onset | None:
    """The burst at the start of the run."""
    for burst in early_instability.detect(run, BURST):
        return _Onset(burst.onset_step, "early_burst", burst.recovered, burst.confidence)
    return None


def _risen(series: Series | None, span: Span, settings: Settings) -> _Onset | None:
    """The first rise that holds."""
    if series is None or len(series) < settings.points:
        return None
    # The untrained level stands before them all.
    first = bottom = float(series.values[0])
    begin = top = None
    had = rise = 0.0
    found = levels(series, span.first, span.last, settings.bins).tolist()
    known = [(i, now) for i, now in enumerate(found) if now == now]
    for i, now in known:
        if now < bottom:
            bottom, begin, top = now, i, None
            continue
        learned = first - bottom
        had = learned if learned >= settings.next_to_nothing * abs(first) else abs(first)
        if now - bottom < max(settings.lost * had, 1 / LARGEST):
            top = None
        elif top is None:
            top, rise = i, now - bottom
        else:
            break
    if top is None:
        return None
    since = float(span.first) if begin is None else edge(span.first, span.last, settings.bins, begin)
    until = edge(span.first, span.last, settings.bins, top + 1)
    lo, hi = (int(series.steps.searchsorted(step)) for step in (math.floor(since), math.ceil(until)))
    values = series.values[lo : max(hi, lo + 1)]
    chance = settings.deviations * _noise(series.values[: max(hi, 2)], settings)
    if rise < chance:
        return None
    below = (running_median(values, 3) <= bottom + settings.onset * rise).nonzero()[0]
    at = min(lo + (int(below[-1]) + 1 if len(below) else 0), len(series) - 1)
    back = known[-1][1] <= bottom + settings.onset * rise
    confidence = margin(rise / max(had, 1 / LARGEST), settings.lost)
    return _Onset(int(series.steps[at]), "rise", back, confidence)


def _noise(values: Floats, settings: Settings) -> float:
    """Standard deviation of a level that the scatter of batches makes by itself."""
    return 1.25 * robust_sigma(diff(values)) / math.sqrt(2 * max(1.0, len(values) / settings.bins))


def _lost(told: Series, settings: Settings) -> _Onset | None:
    """The first point that is not finite, where the most behind it are not either."""
    if len(bounded(told)) == len(told):
        return None
    bad = ~np.isfinite(told.values)
    first = int(bad.argmax())
    if first == 0 or int(np.count_nonzero(bad[first:])) < settings.for_good * (len(bad) - first):
        return None
    return _Onset(int(told.steps[first]), "nonfinite", False, 0.9)
