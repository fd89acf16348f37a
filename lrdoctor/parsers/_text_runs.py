"""Tables -> runs: several trainings that were written into one log are told apart, and each gets its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lrdoctor.errors import NotALog
from lrdoctor.model import Floats, Ints, Role
from lrdoctor.parsers._series import Logged
from lrdoctor.parsers._text_clock import HELD_OUT, NOWHERE, Clock, Line, beginnings, clock, epochs, line, placed
from lrdoctor.parsers._text_shape import PLACE
from lrdoctor.parsers._text_tables import FEW, FEWEST, NOT_VALUES, Table, is_repeated, varies
from lrdoctor.roles import RoleNames

LOSSES = (Role.TRAIN_LOSS, Role.VAL_LOSS)
APART = 3.0
"""A loss has left its first level when it is so many typical steps from point to point away from it; the median of
|differences| of noise alone is about one standard deviation."""
NAMES_OF_A_HEADING = 2
"""With numbers that change; a line with more of them is about something else."""
LOOKED_AT = 500
"""Rows at both ends of a training whose loss tells its first level and its last."""
AS_OFTEN = 2.0
"""Rows without a step of their own stand below rows that have one; more than two per step are something else."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """One training, as its lines tell it."""

    logged: Mapping[str, Logged]
    first: int
    """Place of its first row among all lines."""
    last: int
    lines: tuple[int, int]
    """The lines of the file in which its first and its last row stand."""
    steps: tuple[int, int]
    planned: int | None
    notes: tuple[str, ...]
    unplaced: int
    """Values of rows that no step could be found for."""


def chosen(found: Sequence[Table], names: RoleNames) -> tuple[list[Table], list[Table]]:
    """The tables that tell of the training, and those that only tell where they stand. Raises `NotALog` for none."""
    told = [table for table in found if table.curves]
    own = [table for table in told if placed(table) or table.epoch or table.part]
    main = [table for table in own if is_repeated(table) and varies(table)]
    if not main:
        main = [table for table in told if is_repeated(table) and _has_many_losses(table, names)]
    if not main:
        raise NotALog("not a training log: no line that tells a loss, a rate or an accuracy is repeated")
    begin = min(int(table.order[0]) for table in main)
    steps = {table.step for table in main if table.step}
    beside = [
        table
        for table in found
        if not table.curves and (table.epoch or table.step) and table.moving <= NAMES_OF_A_HEADING
    ]
    counted = sum(len(table) for table in main if placed(table) or table.epoch)
    counted = counted or sum(len(table) for table in beside) or max(map(len, main))
    most = max(map(len, main))
    standing = []
    for table in found:
        if table in main:
            standing.append(table)
        elif placed(table) or table.epoch or table.part:
            told_again = len(table) > 1 or table.order[0] > begin
            same_count = table.step in steps and table.step != PLACE and (is_repeated(table) or table in beside)
            if told_again and (table.curves or same_count):
                standing.append(table)
    begin = min(int(table.order[0]) for table in standing)
    kept = []
    for table in found:
        if table in standing:
            kept.append(table)
        elif table.curves:
            after = table.some(table.order > begin)
            often = is_repeated(after) or after.shape.split in HELD_OUT
            # What is set once is printed once: a rate that never changes stands below every loss.
            rate = len(after) >= most / AS_OFTEN and any(names.of(tag) is Role.LR for tag in after.curves)
            if len(after) and often and (rate or varies(after)) and len(after) <= AS_OFTEN * counted:
                kept.append(after)
    return kept, [table for table in beside if table not in kept]


def _has_many_losses(table: Table, names: RoleNames) -> bool:
    """Whether a loss takes many values: source code repeats a line, too, but not with ever other numbers."""
    few = FEW if table.shape.bar else FEWEST
    return any(
        len(np.unique(table.column(name))) >= few
        for name, tag in zip(table.shape.names, table.shape.tags, strict=True)
        if tag in table.curves and (names.of(tag) in LOSSES or names.speak_of_curves([tag]))
    )


def trainings(kept: Sequence[Table], beside: Sequence[Table], names: RoleNames) -> Iterator[Told]:
    """Each training of the log, in its order."""
    bounds = _bounds(kept, beside, names)
    for start, end in pairwise(bounds):
        mine = [table.between(start, end) for table in kept]
        mine = [table for table in mine if len(table)]
        if any(table.curves for table in mine):
            heads = [table for other in beside if len(table := other.between(start, end))]
            told = _training(mine, heads, names)
            if told is not None:
                yield told


def _bounds(kept: Sequence[Table], beside: Sequence[Table], names: RoleNames) -> list[int]:
    """Where each training begins, as places among all lines, and an end beyond the last."""
    end = np.iinfo(np.int64).max
    its = _main_line([*kept, *beside])
    if its is None:
        return [0, end]
    order, value = _main_loss(kept, names)
    found = [0]
    begin = 0
    for at in beginnings(its):
        place = int(its.order[at])
        # Within an epoch the count falls at its end only; where more was to come, the training was broken off.
        broken_off = its.step[at - 1] + its.step[at - 1] - its.step[max(at - 2, 0)] < its.total[at - 1]
        if _untrained(order, value, begin, place, bool(np.isfinite(its.epoch).all() or broken_off)):
            found.append(place)
            begin = place
    return [*found, end]


def _main_line(tables: Sequence[Table]) -> Line | None:
    """The rows that count the training: by steps, or by epochs."""
    told = epochs(tables)
    counted = [table for table in tables if placed(table) and table.curves]
    if counted:
        return line(tables, max(counted, key=len).step, told)
    parts = [table for table in tables if table.part]
    if parts and not any(table.epoch for table in tables):
        table = max(parts, key=len)
        told = table.order, table.column(table.part)
    if not len(told[0]):
        return None
    nothing = np.zeros(len(told[0]), dtype=np.int64)
    return Line(name="", table=nothing, row=nothing, order=told[0], step=nothing, total=told[1] * np.nan, epoch=told[1])


def _main_loss(tables: Sequence[Table], names: RoleNames) -> tuple[Ints, Floats]:
    """Places and values of the loss with the most rows."""
    best: tuple[Ints, Floats] = np.empty(0, dtype=np.int64), np.empty(0)
    tags = {tag for table in tables for tag in table.curves if names.of(tag) in LOSSES}
    for tag in sorted(tags or {tag for table in tables for tag in table.curves}):
        its = [table for table in tables if tag in table.shape.tags]
        if sum(map(len, its)) > len(best[0]):
            order = np.concatenate([table.order for table in its])
            value = np.concatenate([table.values[:, table.shape.tags.index(tag)] for table in its])
            ascending = np.argsort(order, kind="stable")
            best = order[ascending], value[ascending]
    return best


def _untrained(order: Ints, value: Floats, begin: int, place: int, told: bool) -> bool:
    """Whether the loss is back where this training began, rather than where it was: then another one begins here.

    Where the loss has not left its first level neither can be said; `told` is what the log says else. One that tells
    none of its epochs counts its steps within them, most likely.
    """
    start, here = np.searchsorted(order, [begin, place])
    past = value[start:here]
    past = np.concatenate((past[:LOOKED_AT], past[LOOKED_AT:][-LOOKED_AT:]))
    past = past[np.isfinite(past)]
    if not len(past):
        return True
    coming = value[here : here + 1]
    if not np.isfinite(coming).all() or not len(coming):
        return told
    step = float(np.median(np.abs(np.diff(past)))) if len(past) > 1 else 0.0
    first, last, new = float(past[0]), float(past[-1]), float(coming[0])
    if abs(first - last) <= APART * step:
        return told
    return abs(new - first) < abs(new - last)


def _training(mine: Sequence[Table], heads: Sequence[Table], names: RoleNames) -> Told | None:
    its = clock(mine, heads)
    collected: dict[str, list[tuple[Ints, Ints, Floats]]] = {}
    unplaced = 0
    # What rows tell at their own steps, a summary below them tells once more, as an average.
    own = {tag for at, table in enumerate(mine) if not its.carried[at] for tag in table.shape.tags}
    for at, table in enumerate(mine):
        steps, order = its.steps[at], table.order
        rows = np.flatnonzero(steps != NOWHERE)
        if its.carried[at] and len(rows):
            # An evaluation may print its progress: what it says last for a step is the result.
            rows = rows[np.append(steps[rows][1:] != steps[rows][:-1], True)]
        unplaced += int((steps == NOWHERE).sum())
        for number, (name, tag) in enumerate(zip(table.shape.names, table.shape.tags, strict=True)):
            if name in NOT_VALUES or name == table.step or (its.carried[at] and tag in own):
                continue
            value = _value(table, number, names)
            its_rows = rows if name not in table.left_out else rows[~table.left_out[name][rows]]
            collected.setdefault(tag, []).append((order[its_rows], steps[its_rows], value[its_rows]))
    logged = {}
    curves = {tag for table in mine for tag in table.curves}
    for tag, parts in collected.items():
        order = np.concatenate([part[0] for part in parts])
        if len(order):
            ascending = np.argsort(order, kind="stable")
            steps = np.concatenate([part[1] for part in parts])[ascending]
            values = np.concatenate([part[2] for part in parts])[ascending]
            if tag not in curves:
                # Times and the like stand in lines of the training and of the evaluation alike.
                first = np.append(True, steps[1:] != steps[:-1])
                steps, values = steps[first], values[first]
            logged[tag] = Logged(steps=steps, values=values)
    if not logged:
        return None
    return Told(
        logged=logged,
        first=min(int(table.order[0]) for table in mine),
        last=max(int(table.order[-1]) for table in mine),
        lines=(min(int(table.lines[0]) for table in mine), max(int(table.lines[-1]) for table in mine)),
        steps=_reach(its),
        planned=its.planned,
        notes=its.notes,
        unplaced=unplaced,
    )


def _reach(its: Clock) -> tuple[int, int]:
    told = np.concatenate([steps[steps != NOWHERE] for steps in its.steps])
    return int(told.min()), int(told.max())


def _value(table: Table, number: int, names: RoleNames) -> Floats:
    """What a column says: an average where an evaluation prints one, a share where an accuracy is `9812/10000`."""
    shape = table.shape
    if shape.averages[number] >= 0 and shape.split in HELD_OUT and table.step == PLACE:
        return np.asarray(table.values[:, shape.averages[number]])
    value = np.asarray(table.values[:, number])
    if shape.totals[number] >= 0 and names.of(shape.tags[number]) is Role.ACCURACY:
        total = table.values[:, shape.totals[number]]
        if (total != np.round(total)).any():
            return value  # `acc: 0.9/0.8` of training and validation
        return np.asarray(np.divide(value, total, out=np.full(len(value), np.nan), where=total != 0))
    return value
