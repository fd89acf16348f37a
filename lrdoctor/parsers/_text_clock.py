"""Where the rows of a run stand on its one step axis.

A row has its own step, or its epoch and its place in it, or it stands below another row that has. Whatever a row says
counts for itself and for those after it, never for those before: so more of a log never moves what was read already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.parsers._text_shape import PLACE
from lrdoctor.parsers._text_tables import Table

HELD_OUT = frozenset({"val", "test"})
SLOWER = 5
"""Rows from the beginning within which two processes that write one log are told from a second training."""
NOWHERE = np.iinfo(np.int64).min
"""The step of a row that has none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clock:
    """The steps of a run."""

    steps: Sequence[Ints]
    """For each table, shape (rows,); `NOWHERE` where a row has no step."""
    carried: Sequence[bool]
    """For each table, whether its steps are those of other rows."""
    planned: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """Rows that say by one name where they stand, from all tables, in their order."""

    name: str
    table: Ints
    row: Ints
    order: Ints
    step: Ints
    total: Floats
    """NaN where the row tells none."""
    epoch: Floats
    """The epoch that the row tells, or the last one told before it; NaN where none was."""


def placed(table: Table) -> bool:
    """Whether the rows say for themselves where they stand. The place within an evaluation is none in the training."""
    if table.step == PLACE:
        return table.shape.split not in HELD_OUT
    return bool(table.step)


def epochs(tables: Sequence[Table]) -> tuple[Ints, Floats]:
    """Places and values of all epochs that rows tell, in their order."""
    told = [table for table in tables if table.epoch]
    if not told:
        return np.empty(0, dtype=np.int64), np.empty(0)
    order = np.concatenate([table.order for table in told])
    value = np.concatenate([table.column(table.epoch) for table in told])
    ascending = np.argsort(order, kind="stable")
    return order[ascending], value[ascending]


def before(order: Ints, told: Ints) -> Ints:
    """For each place the index of the last of `told` at or before it; -1 where none is."""
    return np.searchsorted(told, order, side="right") - 1


def line(tables: Sequence[Table], name: str, told: tuple[Ints, Floats]) -> Line:
    """All rows whose step has this name."""
    parts = []
    for at, table in enumerate(tables):
        if table.step != name or not placed(table):
            continue
        total = table.total(name)
        own = table.column(table.epoch) if table.epoch else None
        if own is None:
            last = before(table.order, told[0])
            own = np.where(last >= 0, told[1][np.maximum(last, 0)], np.nan) if len(told[0]) else None
        nothing = np.full(len(table), np.nan)
        parts.append(
            (
                np.full(len(table), at),
                np.arange(len(table)),
                table.order,
                table.column(name).astype(np.int64),
                nothing if total is None else total,
                nothing if own is None else own,
            )
        )
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    ascending = np.argsort(columns[2], kind="stable")
    table_, row, order, step, total_, epoch = (column[ascending] for column in columns)
    return Line(name=name, table=table_, row=row, order=order, step=step, total=total_, epoch=epoch)


def clock(tables: Sequence[Table], beside: Sequence[Table]) -> Clock:
    """The steps of all rows. `beside` are tables without curves that tell epochs or steps, such as headings."""
    told = epochs([*tables, *beside])
    steps = [np.full(len(table), NOWHERE, dtype=np.int64) for table in tables]
    carried = [True] * len(tables)
    orders, counts, planned, notes = [], [], [], []
    counting = tables if any(placed(table) for table in tables) else _heads(tables, beside)
    for name in dict.fromkeys(table.step for table in counting if placed(table)):
        its = line(counting, name, told)
        count, note = _through(its)
        notes += note
        for at in np.unique(its.table) if counting is tables else ():
            mine = its.table == at
            steps[at][its.row[mine]] = count[mine]
            carried[at] = False
        orders.append(its.order)
        counts.append(count)
        planned += _planned(its, tables, beside)
    if not orders:
        return _by_epoch(tables, beside, told)
    order, count = np.concatenate(orders), np.concatenate(counts)
    ascending = np.argsort(order, kind="stable")
    order, count = order[ascending], count[ascending]
    for at, table in enumerate(tables):
        if carried[at]:
            last = before(table.order, order)
            steps[at] = np.where(last >= 0, count[np.maximum(last, 0)], NOWHERE)
    return Clock(steps=steps, carried=carried, planned=max(planned, default=None), notes=tuple(notes))


def _heads(tables: Sequence[Table], beside: Sequence[Table]) -> list[Table]:
    """The headings that count steps, where these say more than the epochs do: those of one name."""
    heads = [table for table in beside if table.step and table.step != PLACE]
    _, epoch = epochs([*tables, *beside])
    if not heads or not (any(head.epoch for head in heads) or bool((epoch == epoch[:1]).all())):
        return []
    often = [head for head in heads if 2 * len(head) >= max(map(len, heads))]
    finest = max(often, key=lambda head: float(head.column(head.step)[-1]))
    return [head for head in heads if head.step == finest.step]


def _by_epoch(tables: Sequence[Table], beside: Sequence[Table], told: tuple[Ints, Floats]) -> Clock:
    """Nothing counts steps: the epochs are the axis, or the rows themselves."""
    order, value = told
    if len(order):
        steps, carried = [], []
        for table in tables:
            last = before(table.order, order)
            own = table.column(table.epoch) if table.epoch else np.where(last >= 0, value[np.maximum(last, 0)], np.nan)
            steps.append(np.where(np.isnan(own), NOWHERE, np.nan_to_num(own)).astype(np.int64))
            carried.append(not table.epoch)
        named = [table for table in [*tables, *beside] if table.epoch]
        totals = [total[-1] for table in named if (total := table.total(table.epoch)) is not None]
        planned = [int(total) for total in totals if np.isfinite(total)]
        return Clock(steps=steps, carried=carried, planned=max(planned, default=None))
    # The statement that was printed most often counts; the others stand where its rows stand.
    most = max(tables, key=len)
    steps = [np.maximum(before(table.order, most.order), NOWHERE).astype(np.int64) for table in tables]
    steps = [np.where(count < 0, NOWHERE, count) for count in steps]
    note = "nothing in the log counts steps: its lines are counted instead"
    return Clock(steps=steps, carried=[table is not most for table in tables], planned=None, notes=(note,))


def beginnings(its: Line) -> list[int]:
    """The rows at which the count falls back to where it began, or below: the epoch and the step in it.

    Of two processes that write one log the slower one falls back as well; but the next row is the faster one's.
    """
    epoch = its.epoch if np.isfinite(its.epoch).all() else np.zeros(len(its.step))
    counted = list(zip(epoch.tolist(), its.step.tolist(), strict=True))
    found: list[int] = []
    first = counted[0] if counted else (0.0, 0)
    for at in range(1, len(counted)):
        if counted[at] < counted[at - 1] and counted[at] <= first:
            if at + 1 < len(counted) and counted[at + 1] > counted[at - 1] and at + 1 - (found or [0])[-1] < SLOWER:
                continue
            found.append(at)
            first = counted[at]
    return found


def _through(its: Line) -> tuple[Ints, list[str]]:
    """The steps counted through the whole run, where the log begins anew with every epoch."""
    step, epoch = its.step, its.epoch
    falls = np.flatnonzero(step[1:] < step[:-1]) + 1
    known = np.isfinite(epoch).all()
    next_epoch = falls[epoch[falls] > epoch[falls - 1]] if known else falls[:0]
    totals = np.unique(its.total[np.isfinite(its.total)])
    nameless = its.name == PLACE
    if known and len(totals) == 1 and np.isfinite(its.total).all() and (nameless or len(next_epoch)):
        first = 1 if epoch[0] == 1 else 0
        through = (epoch - first).astype(np.int64) * int(totals[0]) + step
        return through, [f"steps are counted through: epoch × {int(totals[0])} + the step in it"]
    if not known:
        next_epoch = np.array(beginnings(its), dtype=np.int64)
    if not len(next_epoch):
        return step, []
    through = step.copy()
    offset = 0
    bounds = [*next_epoch.tolist(), len(step)]
    for start, end in pairwise(bounds):
        last = int(step[start - 1])
        interval = max(1, last - int(step[start - 2])) if start > 1 else max(1, last)
        offset += max(0, last + interval - int(step[start]))
        through[start:end] += offset
    when = "with every epoch" if known else "again and again"
    return through, [f"the steps in the log begin anew {when}: they are counted through"]


def _planned(its: Line, tables: Sequence[Table], beside: Sequence[Table]) -> list[int]:
    """How many steps were planned, where each row says of how many it is one."""
    total = its.total[np.isfinite(its.total)]
    if not len(total):
        return []
    whole = [
        int(of[-1])
        for table in [*tables, *beside]
        if table.epoch and (of := table.total(table.epoch)) is not None and np.isfinite(of[-1])
    ]
    known = np.isfinite(its.epoch).all()
    again = (its.step[1:] < its.step[:-1]).any()
    if again and not known:
        return []  # counted through, but nobody says how often
    if known and (again or its.name == PLACE):
        return [max(whole) * int(total[-1])] if whole else []
    if known and len(its.epoch) and its.epoch[0] == its.epoch[-1] and (max(whole, default=1) > 1 or _in_an_epoch(its)):
        return []  # the first epoch does not tell whether the total is that of the run
    return [int(total[-1])]


def _in_an_epoch(its: Line) -> bool:
    return "batch" in its.name.lower()
