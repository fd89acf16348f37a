"""The loss left its best level and did not come back.

What it measures: how much of what had been learned was lost again at the end, from which step on, how much higher the
loss ends than at its best, and whether a spike began it.
How: levels are medians over 1/25 of the run, so that a single bad point is none. The training loss is judged; the
validation loss must have risen too where there is one, since a validation loss that rises alone is over-fitting.
Blind spots: a rise that belongs to a rising rate is reported here as well; rules tell the two apart.
References: Zhang et al., AutoTrainer (2021); Wardat et al., DeepLocalize (2021); Braiek & Khomh, TheDeepChecker
(2023), loss at twice its minimum over five checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Role, Run, Series, Span
from lrdoctor.signal import (
    at,
    best_level,
    edge,
    finite_loss,
    finite_rate,
    fraction_of,
    level,
    levels,
    lowest,
    margin,
    robust_sigma,
)

NEEDS: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How levels are taken, and what counts as a rise at all."""

    bins: int = 25
    """Levels are medians over this share of the run."""
    least_lost: float = 0.02
    """Losing less than 2 % of what was learned is within the wobble of a memorised training set."""
    least_ratio: float = 1.1
    """Ending less than 10 % above the best level is within the difference between a best and a last stretch."""
    least_signal: float = 4.0
    """In standard deviations of the difference of two levels: the best of 25 levels lies two below the mean by chance,
    and where little was learned in the log, as after a resume, that is soon a share of it."""
    points: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence(Finding):
    """The loss ended above its best level."""

    kind: ClassVar[str] = "divergence"
    onset_step: int
    """The last step of the best stretch."""
    onset_fraction: float
    lost_fraction: float
    """What was lost again, of what had been learned: 1 is back at the start, more is worse than untrained."""
    end_ratio: float
    """End level over best level."""
    best_level: float
    end_level: float
    validation_ratio: float | None
    """The same ratio for the validation loss."""
    rate_at_onset: float | None
    rate_ratio: float | None
    """Rate at the end over the rate at the onset: well above 1 where a rising rate explains the rise."""


FINDING = Divergence


def detect(run: Run, settings: Settings) -> Iterator[Divergence]:
    """At most one finding."""
    span = run.span
    if span is None or span.last == span.first:
        return
    train, val = finite_loss(run, Role.TRAIN_LOSS), finite_loss(run, Role.VAL_LOSS)
    series = train or val
    if series is None or len(series) < settings.points:
        return
    best, end = best_level(series, span, settings.bins), level(series, at(span, 0.9), span.last)
    learned = float(series.values[0]) - best
    if learned <= 0 or end is None:
        return
    lost, ratio = (end - best) / learned, _ratio(end, best)
    if lost < settings.least_lost or ratio is None or ratio < settings.least_ratio:
        return
    best_step = _best_step(series, span, settings)
    if best_step > at(span, 0.9) or end - best < settings.least_signal * _level_noise(series, settings):
        return
    confirmed = None
    if train is not None and val is not None and len(val) >= settings.points:
        confirmed = _ratio(level(val, at(span, 0.9), span.last), best_level(val, span, settings.bins))
        if confirmed is None or confirmed < settings.least_ratio:
            return
    rate = finite_rate(run)
    then = now = None
    if rate is not None:
        then = float(rate.values[min(int(rate.steps.searchsorted(best_step)), len(rate) - 1)])
        now = float(rate.values[-1])
    yield Divergence(
        series=series.tag,
        span=Span(best_step, span.last),
        confidence=margin(lost, settings.least_lost),
        onset_step=best_step,
        onset_fraction=fraction_of(span, best_step),
        lost_fraction=lost,
        end_ratio=ratio,
        best_level=best,
        end_level=end,
        validation_ratio=confirmed,
        rate_at_onset=then,
        rate_ratio=now / then if then and now is not None else None,
    )


def _best_step(series: Series, span: Span, settings: Settings) -> int:
    """The last step of the best stretch."""
    best = lowest(levels(series, span.first, span.last, settings.bins))
    # Far from zero the nearest float lies beyond the last step.
    return min(int(edge(span.first, span.last, settings.bins, best + 1)), span.last)


def _level_noise(series: Series, settings: Settings) -> float:
    """Standard deviation of the difference between the level of a stretch and that of the last tenth, by scatter."""
    scatter = robust_sigma(series.values[1:] - series.values[:-1]) / np.sqrt(2)
    per_stretch, in_last_tenth = max(1.0, len(series) / settings.bins), max(1.0, len(series) / 10)
    return float(scatter * np.sqrt(1 / per_stretch + 1 / in_last_tenth))


def _ratio(end: float | None, best: float) -> float | None:
    return end / best if end is not None and best > 0 else None
