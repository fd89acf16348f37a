"""What the run achieved, and with how much evidence: the summary that stands for every run with a loss.

What it measures: the loss before training and at the end, how much of the first was lost, how many points there are,
and which other quantities were logged.
How: the untrained level is the first finite point; the end level is the median over the last tenth of the run.
Blind spots: a log that begins late knows no untrained level, so a small drop is no fault by itself.
References: Godbole et al., Deep Learning Tuning Playbook (2023), on plotting the training curve first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.signal import at, finite_loss, level

NEEDS: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the end of a run is measured."""

    tail: float = 0.1
    """The end level is the median over this fraction of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Finding):
    """What the loss did from the first point to the last."""

    kind: ClassVar[str] = "progress"
    points: int
    first_value: float
    end_value: float
    drop: float
    """(first − end) / |first|: 1 for a loss that went to zero, negative for one that rose."""
    rate_logged: bool
    validation_logged: bool


FINDING = Progress


def detect(run: Run, settings: Settings) -> Iterator[Progress]:
    """One finding for a run with at least two finite points of a loss, none otherwise."""
    span = run.span
    series = finite_loss(run, Role.TRAIN_LOSS) or finite_loss(run, Role.VAL_LOSS)
    if series is None or span is None:
        return
    first = float(series.values[0])
    end = level(series, at(span, 1 - settings.tail), span.last)
    end = float(series.values[-1]) if end is None else end
    rate = run[Role.LR]
    yield Progress(
        series=series.tag,
        span=Span(int(series.steps[0]), int(series.steps[-1])),
        confidence=1.0,
        points=len(series),
        first_value=first,
        end_value=end,
        drop=(first - end) / abs(first) if first else 0.0,
        rate_logged=rate is not None and len(rate) > 0,
        validation_logged=run[Role.VAL_LOSS] is not None,
    )
