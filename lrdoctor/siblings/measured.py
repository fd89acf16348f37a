"""What a run reached, counted in the same way for all that are compared: first, final and best loss, speed, calm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Role, Run, Series, Span
from lrdoctor.ordering import diff, median
from lrdoctor.signal import at, best_level, bin_medians, bounded, edge, finite_loss, level, levels

TAIL = 0.05
"""The final loss is the level of so much of the run, or the last value where nothing was logged there."""
DIVERGED = 0.02
"""A run that ends so much above the untrained net, as a share of its loss, has no final loss: `benchmarks/clinic`."""
BINS = 50
"""Levels over so many stretches tell when a loss had come down, and how often it turned back."""
ARRIVED = 0.9
"""Of the way down of the best of all: from there on curves flatten, and when they arrive is chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What one run made of the metric that its siblings are compared by."""

    run: Run
    role: Role
    series: str
    """Tag of the loss."""
    span: Span
    final: float | None
    """None for a run that diverged: it ended in no number, or above the untrained net."""

    @property
    def best(self) -> float | None:
        """The lowest level that it held; None where no value was finite."""
        series, span = finite_loss(self.run, self.role), self.run.span
        return None if series is None or span is None else best_level(series, span)

    @property
    def restlessness(self) -> float | None:
        """Share of its way that the loss went up again: 0 only falls, 0.5 gets nowhere."""
        series, span = finite_loss(self.run, self.role), self.run.span
        held = np.empty(0) if series is None or span is None else bin_medians(series, span.first, span.last, BINS)
        moves = diff(held)
        walked = float(np.abs(moves).sum())
        return float(np.maximum(moves, 0.0).sum()) / walked if walked > 0 else None


def first_loss(run: Run, role: Role) -> float | None:
    """The first finite value of this loss."""
    series = finite_loss(run, role)
    return None if series is None else float(series.values[0])


def start_of(runs: list[Run], role: Role) -> float | None:
    """Loss of the untrained net: the median of what the runs logged first, of the training loss where that is higher.

    A validation that comes after the first epoch finds a net that has learned. None where no run logged anything.
    """
    medians = [
        median(np.array(firsts))
        for each in {role, Role.TRAIN_LOSS}
        if (firsts := [first for run in runs if (first := first_loss(run, each)) is not None])
    ]
    return max(medians, default=None)


def reached(run: Run, role: Role, start: float) -> Reached | None:
    """What the run reached; None where it has no such loss at all."""
    series, span = run[role], run.span
    if series is None or span is None or not len(series):
        return None
    return Reached(
        run=run,
        role=role,
        series=series.tag,
        span=Span(int(series.steps[0]), int(series.steps[-1])),
        final=None if ended_badly(run) else _final(series, span, start),
    )


def ended_badly(run: Run) -> bool:
    """Whether its loss ended in no number."""
    series = run[Role.TRAIN_LOSS] or run[Role.VAL_LOSS]
    return series is not None and len(series) > 0 and not math.isfinite(series.values[-1])


def _final(series: Series, span: Span, start: float) -> float | None:
    if not math.isfinite(series.values[-1]):
        return None
    finite = bounded(series)
    final = level(finite, at(span, 1 - TAIL), span.last)
    final = float(finite.values[-1]) if final is None else final
    return None if final > start + DIVERGED * abs(start) else final


def arrival(run: Run, role: Role, start: float, best: float) -> int | None:
    """Steps until the loss had come nine tenths of the way from `start` to `best`, the best final loss of all runs.

    None where it never came so far. Counted in fiftieths of the run.
    """
    series, span = finite_loss(run, role), run.span
    if series is None or span is None:
        return None
    held = levels(series, span.first, span.last, BINS)
    there = held <= start - ARRIVED * (start - best)
    return round(edge(span.first, span.last, BINS, int(there.argmax()) + 1)) - span.first if there.any() else None
