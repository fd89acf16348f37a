"""The length that the schedule was planned for, against the length of the run, and what the loss answered.

What it measures: how many steps the law of the rate would have taken to its floor, how many were taken, how often the
scheduler was called, whether its length is the number of epochs or of batches where the other was meant, what the loss
gained after the floor was reached, how it did at the end, and whether that was the end.
How: the law and its length are identified from the logged rate, however little of the schedule the run saw. A rate that
stands still between calls tells how often it was called. Epochs are counted where they are logged beside other steps,
or are among the hyperparameters.
Blind spots: a rate that follows no known law has no length. Without a count of epochs only one of the two mistaken
units shows.
References: PyTorch, torch.optim.lr_scheduler: T_max and total_steps count calls of scheduler.step(); Smith & Topin,
Super-Convergence (2018), for one cycle; Robbins & Monro (1951), for the sum of the rates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.detectors._hyperparameters import by_last_word
from lrdoctor.identify import Identified, identified, identify, never_moves, planned_length
from lrdoctor.model import Finding, Role, Run, Series, Span, Status
from lrdoctor.ordering import diff, median
from lrdoctor.signal import at, between, bin_medians, finite_loss, finite_rate, fraction_of, level, peak_of, trend

NEEDS: frozenset[Role] = frozenset({Role.LR})

EPOCHS = ("epochs", "max_epochs", "num_epochs", "n_epochs", "num_train_epochs")
"""What hyperparameters call the number of epochs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """When two lengths are one, and where the loss is asked."""

    same_count: float = 0.03
    """Two lengths are the same number: one call more or less in 36, and what log intervals do to the rest."""
    tail: float = 0.3
    """The end of the run, for the loss's last trend."""
    bins: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLength(Finding):
    """How much of its schedule the run used."""

    kind: ClassVar[str] = "schedule_length"
    law: str | None
    """Name of the schedule that the rate followed; None where no known one explains it."""
    run_steps: int
    planned_steps: int | None
    """Steps until the rate would have been at its floor, warm-up included; None for laws without an end."""
    used: float | None
    """Steps taken over steps planned: below 1 the run was cut short, above 1 the schedule was over before."""
    calls: int
    """How often the scheduler was called: once a step, or once in as many as the rate stands still for."""
    planned_calls: int | None
    """The same for the plan without its warm-up: PyTorch's T_max."""
    epochs: int | None
    counted_in: str | None
    """epochs: planned as many calls as there are epochs, called with every batch. batches: the reverse. None: neither
    shows."""
    returns: bool
    """Beyond its length the law ran backwards, as PyTorch's cosine does."""
    end_ratio: float
    """Rate at the end over its peak."""
    floor_step: int | None
    """Where the floor was reached for good; None where it was not, or where there is none."""
    floor_fraction: float | None
    gain_after_floor: float | None
    """Share of the whole drop of the loss that came after that."""
    end_trend: float | None
    """Kendall's tau of the loss over the last 30 % of the run; of several losses, of the one that falls most."""
    ended: bool | None
    """Whether the training had come to its end: True where the log says so, or as many steps were taken as it says were
    planned; False where it was in progress or died; None where the log says neither."""
    remaining_sum: float | None
    """All that a rate that shrinks by the same factor at each step can still add to the sum of the rates, however long
    it goes on, relative to the sum so far. None for other laws."""


FINDING = ScheduleLength


def detect(run: Run, settings: Settings) -> Iterator[ScheduleLength]:
    """One finding for a run with at least eight rates."""
    rate, span = finite_rate(run), run.span
    if rate is None or span is None or len(rate) < 8 or peak_of(rate) <= 0:
        return
    found, unit = _identified(rate)
    origin = _origin(rate)
    taken, epochs = _taken(rate, origin, span), _epochs(run, span)
    length = None if found is None else _length(found)
    planned = None if length is None else max(1, round(unit * length))
    calls = max(1, round(taken / (unit if found is None else unit * found.interval_steps)))
    planned_calls = (
        None if found is None or length is None else round((length - found.plan.warmup.steps) / found.interval_steps)
    )
    floor = None if found is None or found.mirrored or planned is None else origin + planned
    if planned is not None and _begins_late(run, origin, planned, settings):
        planned, taken = origin + planned, taken + origin - 1
    if floor is not None and not span.first < floor < span.last:
        floor = None
    yield ScheduleLength(
        series=rate.tag,
        span=Span(int(rate.steps[0]), int(rate.steps[-1])),
        confidence=0.8 if found is None else 1.0 - min(1.0, found.residual),
        law=None if found is None else found.plan.schedule,
        run_steps=taken,
        planned_steps=planned,
        used=None if planned is None else taken / planned,
        calls=calls,
        planned_calls=planned_calls,
        epochs=epochs,
        counted_in=_counted_in(planned_calls, calls, taken, epochs, settings),
        returns=found is not None and found.mirrored,
        end_ratio=float(rate.values[-1] / peak_of(rate)),
        floor_step=floor,
        floor_fraction=None if floor is None else fraction_of(span, floor),
        gain_after_floor=None if floor is None else _gain_after(run, span, floor),
        end_trend=_end_trend(run, span, settings),
        ended=_ended(run, taken, settings),
        remaining_sum=None if found is None else _remaining_sum(rate, found, unit),
    )


def _identified(rate: Series) -> tuple[Identified | None, float]:
    """The schedule, and how many steps there are to a unit of its clock.

    A rate that stands still over several points is read once for each call, on a clock of calls: a law that hardly
    moved fits its own staircase within rounding, and so do others.
    """
    if never_moves(rate):
        return identified(rate), 1.0
    moved = diff(rate.values).nonzero()[0] + 1
    gaps = diff(moved)
    # Regular, and clearly longer than the interval of the log: two points of one rate come of rounding too.
    if len(moved) < 8 or median(gaps) < 3 or np.quantile(np.abs(gaps - median(gaps)), 0.9) > 1:
        return identified(rate), 1.0
    jumps = np.insert(moved, 0, 0)
    first, last = float(rate.steps[moved[0]]), float(rate.steps[moved[-1]])
    return identify(np.arange(len(jumps)), rate.values[jumps]), max(1.0, (last - first) / (len(moved) - 1))


def _origin(rate: Series) -> int:
    """The step from which the schedule counts: not 0 only for a log that begins late."""
    first, last = int(rate.steps[0]), int(rate.steps[-1])
    return 0 if 0 <= first <= 0.05 * last else first


def _taken(rate: Series, origin: int, span: Span) -> int:
    """Steps of the run. A log whose steps are multiples of its interval, 0 left out, counts from 1."""
    interval = int(rate.steps[-1]) - int(rate.steps[-2])
    from_one = origin == 0 < int(rate.steps[0]) and span.last % interval == 0
    return max(1, span.last - origin + (0 if from_one else 1))


def _begins_late(run: Run, origin: int, planned: int, settings: Settings) -> bool:
    """Whether only the log begins late: the schedule ends where a plan that counts from 0 says."""
    told, end = run.planned_steps, origin + planned
    return told is not None and origin > 0 and abs(end - told) <= max(1, settings.same_count * told)


def _epochs(run: Run, span: Span) -> int | None:
    """How many epochs the run has: from the epoch that was logged beside other steps, or from the hyperparameters."""
    logged = run[Role.EPOCH]
    if logged is not None:
        counted = logged.finite()
        if len(counted) > 1 and 0 <= counted.values[0] <= 1 and 2 <= counted.values[-1] < 1e6:
            number = int(counted.values[-1] - counted.values[0]) + 1
            # Where an epoch is the step, nothing finer is known.
            return number if number < 0.5 * (span.last - span.first) else None
    told = by_last_word(run) if run.hparams else {}
    for name in EPOCHS:
        value = told.get(name)
        if isinstance(value, int | float) and 2 <= value < 1e6:
            return int(value)
    return None


def _length(found: Identified) -> int | None:
    """From the start of the run to the floor, warm-up included; None for a law without an end, and behind a seam."""
    length = planned_length(found)
    return None if length is None or found.seams else found.plan.warmup.steps + length


def _counted_in(planned: int | None, calls: int, taken: int, epochs: int | None, settings: Settings) -> str | None:
    if planned is None:
        return None

    def same(a: int, b: int) -> bool:
        return abs(a - b) <= max(1, settings.same_count * b)

    if epochs is not None and epochs >= 5 and same(planned, epochs) and calls == taken and 2 * planned <= calls:
        return "epochs"
    return "batches" if 2 * calls < taken and same(planned, taken) else None


def _gain_after(run: Run, span: Span, step: int) -> float | None:
    """Of the validation loss, or of the training loss where that alone was looked at before this step."""
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        series = finite_loss(run, role)
        if series is None or len(series) < 10 or series.steps[0] > step:
            continue
        first, end = float(series.values[0]), level(series, at(span, 0.9), span.last)
        reach = 0.02 * (span.last - span.first)
        then = level(series, step - reach, step + reach)
        if then is not None and end is not None and first > end:
            return max(0.0, (then - end) / (first - end))
    return None


def _end_trend(run: Run, span: Span, settings: Settings) -> float | None:
    begin = at(span, 1 - settings.tail)
    trends = []
    for role in (Role.TRAIN_LOSS, Role.VAL_LOSS):
        series = finite_loss(run, role)
        if series is not None and len(between(series, begin, span.last)) >= settings.bins:
            trends.append(trend(bin_medians(series, begin, span.last, settings.bins)))
    return min((tau for tau in trends if tau is not None), default=None)


def _ended(run: Run, taken: int, settings: Settings) -> bool | None:
    if run.status is not Status.UNKNOWN:
        return run.status is Status.FINISHED
    return None if run.planned_steps is None else taken >= (1 - settings.same_count) * run.planned_steps


def _remaining_sum(rate: Series, found: Identified, unit: float) -> float | None:
    """The geometric tail to infinity over the sum so far."""
    if found.plan.schedule != "exponential" or found.seams:
        return None
    shrinks = -float(np.log(found.plan.params.decay_rate)) / (found.plan.params.decay_steps * unit)
    so_far = float(np.trapezoid(rate.values, rate.steps.astype(np.float64)))
    return float(rate.values[-1]) / shrinks / so_far if shrinks > 0 and so_far > 0 else None
