"""Points as they were logged -> `Series`, the same way for every format: restarts, repeats, order, impossible steps.

A training that is taken up again from a checkpoint logs some steps twice. What it logged later is what happened, so a
step that jumps back *and stays back* supersedes what was logged from there on; so does any jump back at the start of a
later file. A single late point is none: it is sorted into its place. Values are never looked at for that, and
non-finite ones are kept like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Incident, Ints, Series
from lrdoctor.parsers._damage import Damage

LAST_STEP = 10**15
"""Nothing that a training counts comes here, tokens included, and float64 still tells neighbours apart."""
POINTS_OF_RESTART = 2
"""So many points below the furthest step make a jump back a restart; one alone is a point that was written late."""
SHUFFLED = 5
"""Restarts less than so many points apart are none: two processes write the file, or its rows have no order."""
REPEATS = 2.0
"""Above so many points per step the step is not what counts the points: an epoch, mostly. Two per step are what two
processes write."""
CLOCKS = 8
"""No run has more clocks that need this: an epoch, an evaluation. Each costs a look at every other tag."""
NAMED_RESTARTS = 10
"""More are only counted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Logged:
    """One quantity in the order of writing."""

    steps: Ints
    values: Floats
    wall_times: Floats | None = None
    later_files: tuple[int, ...] = ()
    """Where the points of each file but the first begin."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ordered:
    """What became of it."""

    series: Mapping[str, Series]
    notes: tuple[str, ...]
    incidents: tuple[Incident, ...]


@dataclass(slots=True)
class _Told:
    """What must be said about a run, summed over its tags."""

    restarts: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """By their number within a tag, since each tag has its own steps: where, and how many points it superseded."""
    repeated: int = 0
    late: int = 0


def order(logged: Mapping[str, Logged], path: Path) -> Ordered:
    """Series with strictly increasing steps, by tag; what was superseded, merged or dropped on the way is told."""
    # Mostly they have their steps in common.
    if all(map(_in_order, {id(points.steps): points for points in logged.values()}.values())):
        return Ordered(series={tag: _as_it_is(tag, points) for tag, points in logged.items()}, notes=(), incidents=())
    damage = Damage(path)
    possible = {tag: _possible(tag, points, damage) for tag, points in logged.items()}
    counted, notes = _own_clocks(possible)
    told = _Told()
    series = {tag: _series(tag, points, told) for tag, points in counted.items() if len(points.steps)}
    return Ordered(series=series, notes=(*notes, *_notes(told)), incidents=damage.incidents())


def _in_order(points: Logged) -> bool:
    """Whether there are points, and nothing is to be done about them, as mostly."""
    steps = points.steps
    ascending = len(steps) > 0 and not np.count_nonzero(steps[1:] <= steps[:-1])
    return ascending and bool(steps[0] >= -LAST_STEP and steps[-1] <= LAST_STEP)


def _as_it_is(tag: str, points: Logged) -> Series:
    return Series(tag=tag, steps=points.steps, values=points.values, wall_times=points.wall_times)


def _possible(tag: str, points: Logged, damage: Damage) -> Logged:
    bad = (points.steps > LAST_STEP) | (points.steps < -LAST_STEP)
    if not bad.any():
        return points
    dropped = int(bad.sum())
    damage.add("", "impossible_step", f"{tag}: {dropped} points at steps beyond ±10^15", dropped)
    return _take(points, np.flatnonzero(~bad))


def _take(points: Logged, chosen: NDArray[np.intp]) -> Logged:
    """Some of the points, in their order; where files begin is carried along."""
    return Logged(
        steps=points.steps[chosen],
        values=points.values[chosen],
        wall_times=None if points.wall_times is None else points.wall_times[chosen],
        later_files=tuple(int(np.searchsorted(chosen, start)) for start in points.later_files),
    )


def _own_clocks(logged: Mapping[str, Logged]) -> tuple[dict[str, Logged], list[str]]:
    """Where many points share each step, a finer count: `step × most points per step + place among them`.

    Every tag that is logged on these steps only is counted so too, or rate and loss would lie on different clocks.
    """
    counted = dict(logged)
    notes: list[str] = []
    waiting = {tag: points for tag, points in logged.items() if len(points.steps)}
    crowded = [tag for tag, points in waiting.items() if _crowded(points)]
    for tag in sorted(crowded, key=lambda tag: -len(waiting[tag].steps)):
        if tag not in waiting or len(notes) == CLOCKS:
            continue
        clock = np.unique(waiting[tag].steps)
        same = [other for other, points in waiting.items() if np.isin(points.steps, clock).all()]
        most = max(int(np.diff(_groups(waiting[other].steps)).max()) for other in same)
        if most * (int(np.abs(clock).max()) + 1) > LAST_STEP:
            continue
        for other in same:
            counted[other] = _counted(waiting.pop(other), most)
        notes.append(f"up to {most} points of {tag!r} share a step: steps were multiplied by {most} to tell them apart")
    return counted, notes


def _crowded(points: Logged) -> bool:
    steps, values = points.steps, points.values
    again = steps[1:] == steps[:-1]
    if not again.any():
        return False
    # A value that is merely logged again says nothing of the clock.
    told_twice = again & ((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1])))
    distinct = len(steps) - int(told_twice.sum())
    return distinct > REPEATS * (len(steps) - int(again.sum()))


def _groups(steps: Ints) -> NDArray[np.intp]:
    """Where each stretch of equal steps begins, and the end."""
    return np.concatenate(([0], np.flatnonzero(np.diff(steps)) + 1, [len(steps)]))


def _counted(points: Logged, most: int) -> Logged:
    bounds = _groups(points.steps)
    sizes = np.diff(bounds)
    size = np.repeat(sizes, sizes)
    place = np.arange(len(points.steps)) - np.repeat(bounds[:-1], sizes)
    # The last point of a step stands at the step's end: a value logged once per epoch belongs there.
    finer = points.steps * most + ((place + 1) * most) // size - 1
    return Logged(
        steps=finer.astype(np.int64), values=points.values, wall_times=points.wall_times, later_files=points.later_files
    )


def _series(tag: str, points: Logged, told: _Told) -> Series:
    if (points.steps[1:] > points.steps[:-1]).all():
        return _as_it_is(tag, points)
    points = _take(points, np.flatnonzero(_outlived(points, told)))
    told.late += int((points.steps[1:] < points.steps[:-1]).sum())
    points = _take(points, np.argsort(points.steps, kind="stable"))
    last = np.append(points.steps[1:] != points.steps[:-1], True)
    values = points.values
    differs = ~last[:-1] & (values[1:] != values[:-1]) & ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
    told.repeated += int(differs.sum())
    return _as_it_is(tag, _take(points, np.flatnonzero(last)))


def _outlived(points: Logged, told: _Told) -> NDArray[np.bool_]:
    """Which points no later restart superseded: those below the step of every restart that comes after them."""
    starts = _restarts(points)
    alive = np.ones(len(points.steps), dtype=bool)
    if not starts:
        return alive
    lowest = np.full(len(points.steps) + 1, np.iinfo(np.int64).max)
    lowest[starts] = points.steps[starts]
    lowest = np.minimum.accumulate(lowest[::-1])[::-1]
    outlived = points.steps < lowest[1:]
    if len(starts) > NAMED_RESTARTS:
        first = int(points.steps[starts].min())
        told.restarts.setdefault(-1, []).append((first, int((~outlived).sum())))
        return outlived
    for number, start in enumerate(starts):
        gone = alive[:start] & (points.steps[:start] >= points.steps[start])
        alive[:start] &= ~gone
        told.restarts.setdefault(number, []).append((int(points.steps[start]), int(gone.sum())))
    return outlived


def _restarts(points: Logged) -> list[int]:
    """The points at which a training begins anew."""
    steps = points.steps
    files = {start for start in points.later_files if 0 < start < len(steps)}
    jumps = np.flatnonzero(steps[1:] < steps[:-1]) + 1
    inside = [int(at) for at in jumps if at not in files]
    if len(inside) > POINTS_OF_RESTART and len(steps) < SHUFFLED * len(inside):
        inside = []
    bounds = sorted({*inside, *files})
    found = []
    furthest = int(steps[: bounds[0]].max()) if bounds else 0
    for start, end in pairwise([*bounds, len(steps)]):
        stretch = steps[start:end]
        back = int((stretch <= furthest).sum())
        if (start in files and stretch[0] <= furthest) or (start not in files and back >= POINTS_OF_RESTART):
            found.append(start)
            furthest = int(stretch.max())
        else:
            furthest = max(furthest, int(stretch.max()))
    return found


def _notes(told: _Told) -> list[str]:
    notes = []
    for number, places in told.restarts.items():
        step, gone = min(step for step, _ in places), sum(gone for _, gone in places)
        if number < 0:
            notes.append(f"more than {NAMED_RESTARTS} restarts, the earliest at step {step}: {gone} points superseded")
        elif gone:
            notes.append(f"restart at step {step}: {gone} points superseded")
    if told.late:
        notes.append(f"{told.late} points were logged late and sorted into their place")
    if told.repeated:
        notes.append(f"{told.repeated} points were logged again at the same step: the later value counts")
    return notes
