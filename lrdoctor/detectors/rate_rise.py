"""The learning rate rose again after it had fallen, and what the loss answered.

What it measures: how often the rate rose, how far the loss was thrown back by it, whether the next low of the rate
found the loss lower than the one before, and how the run ended.
How: a rise within a run is a natural experiment: the same weights, the same data, another rate. Levels of the loss
just before each rise are compared with the highest level while the rate was up, and with one another.
Blind spots: with one rise there is no second low to compare, so a restart that would have paid off later is not seen.
References: Loshchilov & Hutter, SGDR (2017); PyTorch's CosineAnnealingLR, which is periodic and rises after T_max.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.identify import never_moves
from lrdoctor.model import Finding, Role, Run, Series, Span
from lrdoctor.ordering import median
from lrdoctor.signal import between, finite_loss, finite_rate, level, margin, peak_of, robust_sigma, troughs_of

NEEDS: frozenset[Role] = frozenset({Role.LR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a rise is."""

    rise: float = 2.0
    low: float = 0.5
    """A trough lies below half of the peak."""
    reach: float = 0.03
    """Levels of the loss are taken over this fraction of the run."""
    points: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRise(Finding):
    """The rate rose from a trough at least once."""

    kind: ClassVar[str] = "rate_rise"
    rises: int
    first_rise_step: int
    lowest_ratio: float
    """Rate in the deepest trough over the peak."""
    jump: float
    """Largest rise of the loss that followed, as a ratio to its level before."""
    thrown_back: float
    """The same rise as a share of all that had been learned by then."""
    gain: float | None
    """Loss in the last low of the rate over that in the first: below 1 where cycling paid. None with one low."""
    gain_sigmas: float | None
    """How many standard deviations of a level's scatter the last low lies above the first; None with one low."""
    ends_high: bool
    """The run ended at more than half of the peak rate."""
    end_ratio: float
    """Loss at the end over the lowest level before a rise."""


FINDING = RateRise


def detect(run: Run, settings: Settings) -> Iterator[RateRise]:
    """At most one finding."""
    span, rate = run.span, finite_rate(run)
    if span is None or rate is None or never_moves(rate):
        return
    losses = [s for s in (finite_loss(run, Role.VAL_LOSS), finite_loss(run, Role.TRAIN_LOSS)) if s is not None]
    series = next((s for s in losses if len(s) >= settings.points), None)
    if series is None or len(rate) < 5 or peak_of(rate) <= 0:
        return
    u = rate.values / peak_of(rate)
    troughs = [i for i in troughs_of(rate, settings.rise) if u[i] <= settings.low]
    if not troughs:
        return
    reach = settings.reach * (span.last - span.first)
    lows = [int(rate.steps[i]) for i in troughs]
    ends = [*lows[1:], span.last]
    before = [level(series, s - reach, s) for s in lows]
    after = [_highest(series, s, e, reach) for s, e in zip(lows, ends, strict=True)]
    pairs = [(b, a) for b, a in zip(before, after, strict=True) if b is not None and a is not None and b > 0]
    end = level(series, span.last - reach, span.last)
    if not pairs or end is None:
        return
    ends_high = bool(u[-1] > settings.low)
    levels = [b for b, _ in pairs] if ends_high else [*(b for b, _ in pairs), end]
    jump = max(a / b for b, a in pairs)
    first = float(series.values[0])
    thrown = max((a - b) / max(first - b, 1e-3 * b) for b, a in pairs)
    yield RateRise(
        series=series.tag,
        span=Span(lows[0], span.last),
        confidence=margin(max(jump - 1, 0.0), 0.05),
        rises=len(troughs),
        first_rise_step=lows[0],
        lowest_ratio=float(u[troughs].min()),
        jump=jump,
        thrown_back=max(0.0, thrown),
        gain=levels[-1] / levels[0] if len(levels) > 1 else None,
        gain_sigmas=_sigmas(series, levels, reach) if len(levels) > 1 else None,
        ends_high=ends_high,
        end_ratio=end / min(b for b, _ in pairs),
    )


def _sigmas(series: Series, levels: list[float], reach: float) -> float:
    """The last level above the first, by the scatter that the points of a level leave in it; at most a million."""
    points = max(1.0, len(series) * reach / max(1.0, float(series.steps[-1]) - float(series.steps[0])))
    scatter = robust_sigma(np.diff(series.values)) / np.sqrt(points)
    return float(np.clip((levels[-1] - levels[0]) / scatter, -1e6, 1e6)) if scatter > 0 else 1e6


def _highest(series: Series, first: int, last: int, reach: float) -> float | None:
    """The highest level, over `reach` steps, between two lows of the rate."""
    edges = np.arange(first, last, max(1.0, reach))
    levels = [median(v) for a in edges if len(v := between(series, a, min(last, a + reach)))]
    return max(levels, default=None)
