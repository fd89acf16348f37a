"""The loss blew up above its untrained level at the start of the run.

What it measures: how far the loss rose above the level of the untrained network within the first fifth of the run,
when, whether it came back, and at what level relative to the untrained one it ended.
How: an untrained network's loss is a natural reference: random weights know nothing, so a loss above it means that
updates made the network worse than ignorance. Three views, the strongest counts: the validation loss against its own
first point (a fixed set, hardly any noise); the training loss, as a running median of three points, against its own
first point; and the first validation loss against the first training loss, since the first validation often comes
after the first updates and already shows the blow-up, provided that the two agree later.
Blind spots: a log whose first point already averages over the burst shows only what follows it.
References: Godbole et al., Deep Learning Tuning Playbook (2023), "instability at initialization or early in training";
Gilmer et al., A Loss Curvature Perspective on Training Instability in Deep Learning (2021).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Role, Run, Series, Span
from lrdoctor.ordering import diff, median
from lrdoctor.signal import (
    at,
    best_level,
    between,
    bin_medians,
    finite_loss,
    fraction_of,
    high_rate,
    level,
    margin,
    robust_sigma,
    running_median,
    trend,
    trend_noise,
)

NEEDS: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where to look, and what counts as a rise at all."""

    early: float = 0.2
    """The rise must come within this fraction of the run: twice the longest warm-up that the Tuning Playbook
    advises."""
    first_point_by: float = 0.02
    """A series that begins later than this fraction of the run, or after its first epoch, knows no untrained level."""
    validation_excess: float = 0.1
    """A validation set is fixed, so its loss moves only with the weights. In 99 healthy and too slow runs of nine tasks
    it never rose above its first value at all."""
    train_excess: float = 0.5
    """Batches differ: in the same 99 runs three points in a row rose by 0.45 at most, in all but three by 0.1."""
    batch_sigmas: float = 5.0
    """A batch's loss may be off by so many of its standard deviations: the largest of a hundred is by 2.5, and batches
    of heavy-tailed targets by more."""
    mismatch: float = 2.0
    """First validation over first training loss: 1.4 at most in the same 99 runs, above 2 in most blown-up ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyInstability(Finding):
    """The loss rose above its untrained level early on."""

    kind: ClassVar[str] = "early_instability"
    onset_step: int
    peak_step: int
    peak_fraction: float
    peak_ratio: float
    """Highest loss over the untrained level."""
    end_ratio: float
    """Level at the end over the untrained level: near 1 for a run that never learned again."""
    end_level: float
    untrained_level: float
    recovered: bool
    """The run ended below half of the untrained level, or below 85 % of it and on its way down."""
    warmup_fraction: float | None
    """How far into the run the rate first stood at its peak; None where no rate was logged."""


FINDING = EarlyInstability

WILDEST = 10.0
"""Of the scatter between batches, in natural logarithms: a loss that wild shows no burst at all."""
LEARNED, DEAD = 0.5, 0.85
"""Below half of the untrained level a run has learned; above 85 % of it nothing. In between the trend decides.

Blown-up runs that stayed dead ended at 0.86 or more where the untrained level was logged (106 faulty runs of nine
tasks); where the first logged point had already risen they end lower, and flat.
"""


def detect(run: Run, settings: Settings) -> Iterator[EarlyInstability]:
    """At most one finding: the view in which the rise is the largest relative to what counts there."""
    # Only once, since `divergence_rate` asks for it as well.
    try:
        found: EarlyInstability | None = run.memo[settings]
    except KeyError:
        found = run.memo[settings] = next(_detect(run, settings), None)
    if found is not None:
        yield found


def _detect(run: Run, settings: Settings) -> Iterator[EarlyInstability]:
    span = run.span
    if span is None or span.last == span.first:
        return
    train, val = finite_loss(run, Role.TRAIN_LOSS), finite_loss(run, Role.VAL_LOSS)
    held = _rise(val, span, settings, settings.validation_excess, width=1)
    rose = _rise(train, span, settings, settings.train_excess, width=3)
    apart = _mismatch(train, val, span, settings, settings.mismatch)
    if rose is not None or apart is not None:
        # By how much a single batch may be off: its loss is no measure of anything smaller than that.
        chance = math.exp(settings.batch_sigmas * _scatter(train, span, settings))
        rose = _rise(train, span, settings, max(settings.train_excess, chance - 1), width=3)
        apart = _mismatch(train, val, span, settings, max(settings.mismatch, chance))
    seen = [rise for rise in (held, rose, apart) if rise is not None]
    if not seen:
        return
    strongest = max(seen, key=lambda rise: rise.strength)
    series = strongest.series
    end = level(series, at(span, 0.9), span.last)
    end = float(series.values[-1]) if end is None else end
    high = high_rate(run, share=0.99)
    scale = abs(strongest.base) or 1.0
    yield EarlyInstability(
        series=series.tag,
        span=Span(strongest.onset, strongest.peak),
        confidence=margin(strongest.strength, 1.0),
        onset_step=strongest.onset,
        peak_step=strongest.peak,
        peak_fraction=fraction_of(span, strongest.peak),
        peak_ratio=strongest.height / scale,
        end_ratio=end / scale,
        end_level=end,
        untrained_level=strongest.base,
        recovered=_recovered(series, span, end / scale),
        warmup_fraction=None if high is None else fraction_of(span, high.first),
    )


def _recovered(series: Series, span: Span, end_ratio: float) -> bool:
    if not LEARNED <= end_ratio < DEAD:
        return end_ratio < LEARNED
    later = bin_medians(series, at(span, 0.2), span.last, 32)
    return (trend(later) or 0.0) < -3 * trend_noise(max(4, len(later)))


@dataclass(frozen=True, slots=True)
class _Rise:
    series: Series
    base: float
    """The untrained level."""
    onset: int
    peak: int
    height: float
    strength: float
    """Excess over what counts as a rise: at least 1."""


def _begins_early(series: Series, span: Span, settings: Settings) -> bool:
    # Counted from step 0, not from the first logged step: a log that was taken up again begins with a trained network.
    return float(series.steps[0]) <= max(1.0, settings.first_point_by * span.last)


def _rise(series: Series | None, span: Span, settings: Settings, least: float, width: int) -> _Rise | None:
    if series is None or not _begins_early(series, span, settings):
        return None
    early = len(between(series, span.first, at(span, settings.early)))
    # One point more than is looked at, since the ends are mirrored.
    values = series.values[: early + 1]
    base = float(series.values[0])
    # No median lies above the highest value, and the scale is no smaller than the level: few losses need a closer look.
    if base and (float(values.max()) - base) / abs(base) < least:
        return None
    values = running_median(values, width)[:early]
    if len(values) < 2:
        return None
    # The scale of the curve: what there was to lose. For a loss that goes negative the level alone says little.
    scale = max(abs(base), base - best_level(series, span))
    top = int(values.argmax())
    excess = (float(values[top]) - base) / scale if scale > 0 else 0.0
    if excess < least:
        return None
    first = int((values - base >= least * scale).nonzero()[0][0])
    untrained = median(series.values[:width]) if first >= width else base
    onset, peak = int(series.steps[first]), int(series.steps[top])
    return _Rise(series, untrained, onset, peak, float(values[top]), excess / least)


def _scatter(train: Series | None, span: Span, settings: Settings) -> float:
    """Standard deviation from batch to batch early in the run, relative to the loss; 0 for a loss that is not positive.

    In logarithms, where a burst is a slope and not scatter.
    """
    if train is None:
        return 0.0
    early = between(train, span.first, at(span, settings.early))
    if len(early) < 3 or early.min() <= 0:
        return 0.0
    return min(robust_sigma(diff(np.log(early))) / math.sqrt(2), WILDEST)


def _mismatch(train: Series | None, val: Series | None, span: Span, settings: Settings, least: float) -> _Rise | None:
    if (
        train is None
        or val is None
        or not (_begins_early(train, span, settings) and _begins_early(val, span, settings))
    ):
        return None
    if train.steps[0] > val.steps[0]:
        return None  # The training loss had time to fall before it was logged.
    first_train, first_val = float(train.values[0]), float(val.values[0])
    if first_train <= 0 or first_val < least * first_train:
        return None
    # A validation loss that is summed where the training loss is averaged stays larger by its factor for good.
    later = [level(s, at(span, 0.02), at(span, settings.early)) for s in (train, val)]
    if later[0] is None or later[1] is None or later[0] <= 0:
        return None
    if later[1] / later[0] > 0.5 * first_val / first_train:
        return None
    step = int(val.steps[0])
    return _Rise(val, first_train, step, step, first_val, first_val / first_train / least)
