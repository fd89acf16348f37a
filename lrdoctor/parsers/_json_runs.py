"""A table of rows -> the runs in it: which runs share it, what counts the steps, where one was appended to another.

Rows are in the order of writing. A row that has no step of its own, such as an evaluation, stands at the step of the
row before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lrdoctor import limits
from lrdoctor.errors import NotALog
from lrdoctor.model import Floats, Ints, Role, Run, Scalar, Status
from lrdoctor.parsers._appended import stretches
from lrdoctor.parsers._axis import CURVES, Axis, axis
from lrdoctor.parsers._columns import Columns
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._json_rows import Table
from lrdoctor.parsers._parts import FEWEST_ROWS, MOST_RUNS, RUN_COLUMNS
from lrdoctor.parsers._series import Logged, order
from lrdoctor.parsers._silence import with_silence
from lrdoctor.roles import RoleNames

LOSSES = (Role.TRAIN_LOSS, Role.VAL_LOSS)
COLUMNS_COMPARED = 16
"""Counts, and curves, that are looked at to tell what counts the steps; nobody logs more under such names."""
NAMED = 0.9
"""A column that is missing in more than a tenth of the rows does not tell the runs apart."""
SETTINGS = frozenset({"seed", "batch_size", "bs", "weight_decay", "momentum", "dropout", "warmup_steps", "max_steps"})
"""Columns of one repeated number that describe the run."""
CLOCKS = ("timestamp", "wall_time", "_timestamp", "time")
SECONDS = (1e9, 1e10)
"""Seconds since 1970 lie here from 2001 on; nothing else that is called time does."""
_CLOCK = re.compile(r"[0-9]{4}-?[0-9]{2}.*|[0-9]+:[0-9]{2}.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a format says of a run beside its points."""

    format: str
    home: Path
    hparams: Mapping[str, Scalar] = field(default_factory=dict)
    status: Status = Status.UNKNOWN
    planned_steps: int | None = None
    notes: tuple[str, ...] = ()
    several: bool = False
    """The file may hold more runs than one; otherwise a step that jumps back is always a restart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """The rows of one run."""

    suffix: str
    rows: Ints
    steps: Ints
    axis: str
    notes: tuple[str, ...]


def runs(table: Table, names: RoleNames, damage: Damage, told: Told) -> Iterator[Run]:
    """The runs of a table, in the order of writing. Raises `NotALog` where no column is a curve."""
    if not names.speak_of_curves(table.names):
        raise NotALog(f"not a training curve: nothing is known as a loss, a rate or an accuracy ({_shown(table)})")
    if table.left_out:
        what = f"more than {limits.shown('columns')} different names: the numbers under the others are left out"
        damage.over("columns", what, table.left_out)
    parts = list(_parts(table, names, damage, told.several))
    constant = _constant(table)
    clocks = [name for name in CLOCKS if _absolute(table, name)]
    blank = {name: _silence(table, name, damage) for name in table.names if _is_loss(name, names)}
    found = []
    for part in parts:
        logged: dict[str, Logged] = {}
        for name in table.names:
            # An epoch that is the axis stays a series, to say so. W&B's own columns begin with an underscore.
            if name in constant or name in clocks or name.startswith("_"):
                continue
            if name != part.axis or names.of(name) is Role.EPOCH:
                points = _points(table, name, part, blank.get(name), clocks)
                logged |= {} if points is None else {name: points}
        ordered = order(logged, told.home)
        # Of several losses none may be the loss, as with an adversarial pair; the report then says so.
        curves = CURVES.intersection(names.assign(ordered.series)[0])
        if curves or any(_is_loss(tag, names) for tag in ordered.series):
            found.append((part, ordered))
    if not found:
        raise NotALog("not a training curve: no number in it is a loss, a rate or an accuracy")
    among = (f"one of {len(found)} runs in the same file",) if len(found) > 1 else ()
    for at, (part, ordered) in enumerate(found):
        yield Run(
            name=told.home.name + (part.suffix if len(found) > 1 else ""),
            path=told.home,
            format=told.format,
            series=ordered.series,
            hparams={**constant, **told.hparams},
            status=told.status if at == len(found) - 1 else Status.UNKNOWN,
            planned_steps=told.planned_steps,
            notes=(*told.notes, *among, *part.notes, *ordered.notes),
            # What is wrong with the file is said once.
            incidents=(*(damage.incidents() if at == 0 else ()), *ordered.incidents),
        )


def _shown(table: Table) -> str:
    listed = ", ".join(repr(name[:40]) for name in table.names[:4])
    return f"{listed}, …" if len(table.names) > 4 else listed or "no numbers"


def _points(table: Table, name: str, part: _Part, blank: int | None, clocks: Sequence[str]) -> Logged | None:
    rows, values = table.of(name)
    if blank is not None:
        at = int(np.searchsorted(rows, blank))
        rows, values = np.insert(rows, at, blank), np.insert(values, at, np.nan)
    mine = np.isin(rows, part.rows)
    rows, values = rows[mine], values[mine]
    if not len(rows):
        return None
    steps = part.steps[np.searchsorted(part.rows, rows)]
    return Logged(steps=steps, values=values, wall_times=_times(table, rows, clocks))


def _times(table: Table, rows: Ints, clocks: Sequence[str]) -> Floats | None:
    """Seconds since 1970 of these rows, where all of them have some."""
    for name in clocks:
        where, seconds = table.of(name)
        if np.isin(rows, where).all():
            return seconds[np.searchsorted(where, rows)]
    return None


def _absolute(table: Table, name: str) -> bool:
    values = table.of(name)[1]
    return len(values) > 0 and bool(((values > SECONDS[0]) & (values < SECONDS[1])).all())


def _is_loss(name: str, names: RoleNames) -> bool:
    return names.of(name) in (None, *LOSSES) and names.speak_of_curves([name])


def _silence(table: Table, name: str, damage: Damage) -> int | None:
    """The first of the rows in which a loss is null up to the end after it had exploded, or None.

    JSON has no NaN: what obeys the standard, such as JavaScript and pandas, writes null for it.
    """
    blanks = np.array(table.blanks.get(name, ()), dtype=np.int64)
    if not len(blanks):
        return None
    dense = table.dense([name])
    named = dense.filled[name].copy()
    named[blanks[blanks > np.flatnonzero(named).max(initial=-1)]] = True
    given = replace(dense, filled={**dense.filled, "": named})
    with_first = with_silence(name, given, damage)
    found = np.flatnonzero(with_first & ~dense.filled[name])
    return int(found[0]) if len(found) else None


def _constant(table: Table) -> dict[str, Scalar]:
    """What every row repeats, and is no curve."""
    found: dict[str, Scalar] = {}
    for name, texts in table.texts.items():
        only, times = texts.most_common(1)[0]
        # skorch marks the best epoch so far, of which in a steady training there is no other.
        if len(texts) == 1 and times == table.rows > 1 and name.removesuffix("_best") not in table.names:
            found[name] = only
    for name in table.names:
        values = table.of(name)[1]
        if name.rsplit("/")[-1].lower() in SETTINGS and len(values) == table.rows > 1 and (values == values[0]).all():
            found[name] = int(values[0]) if values[0] == np.round(values[0]) else float(values[0])
    return found


# --- which rows, at which steps ---------------------------------------------------------------------------------------


def _parts(table: Table, names: RoleNames, damage: Damage, several: bool) -> Iterator[_Part]:
    """The rows of each run with their steps, and what to add to the file's name for it."""
    counts, curves = list(names.step_columns(table.names))[:COLUMNS_COMPARED], _curves(table, names)
    dense = table.dense([*counts, *curves])
    for label, rows in _labelled(table) if several else [("", np.arange(table.rows))]:
        mine = dense.take(rows)
        its = _carried(table, mine, rows, names)
        if several and not its.name:
            _refuse_results(table)
        unplaced = int((~its.placed).sum())
        if unplaced:
            damage.add("", "no_step", f"{unplaced} rows before the first {its.name!r}: they are left out", unplaced)
        found = stretches(mine, its, names) if several else []
        found = found if len(found) <= MOST_RUNS else []
        for number, stretch in enumerate(found, 1):
            inside = stretch.rows[its.placed[stretch.rows]]
            shifts = stretch.shifts[its.placed[stretch.rows]]
            yield _Part(
                suffix=f" {label}" * bool(label) + f" #{number}" * (len(found) > 1),
                rows=rows[inside],
                steps=its.steps[inside] + shifts,
                axis=its.name,
                notes=(*its.notes, *stretch.notes),
            )
        if not found:
            placed = np.flatnonzero(its.placed)
            yield _Part(suffix=label, rows=rows[placed], steps=its.steps[placed], axis=its.name, notes=its.notes)


def _curves(table: Table, names: RoleNames) -> list[str]:
    """The columns whose rows must have a step: the training loss; where there is none, whatever is a curve."""
    for wanted in ({Role.TRAIN_LOSS}, CURVES):
        found = [name for name in table.names if names.of(name) in wanted]
        if found:
            return found[:COLUMNS_COMPARED]
    return [name for name in table.names if _is_loss(name, names)][:COLUMNS_COMPARED]


def _carried(table: Table, mine: Columns, rows: Ints, names: RoleNames) -> Axis:
    """The axis of these rows; one without a step takes over that of the last row before it that has one."""
    if table.steps is not None:
        return Axis(name="step", steps=table.steps[rows], placed=np.ones(len(rows), dtype=bool), notes=())
    its = axis(mine, names)
    if not its.name:
        return its
    last = np.maximum.accumulate(np.where(its.placed, np.arange(len(rows)), -1))
    return replace(its, steps=its.steps[np.maximum(last, 0)], placed=last >= 0)


def _refuse_results(table: Table) -> None:
    """Raise `NotALog` where every row has a name of its own: results of several trainings, not steps of one."""
    if table.rows == 1:
        raise NotALog("not a training curve: a single row, and nothing counts the steps")
    for name, texts in table.texts.items():
        if len(texts) == texts.total() == table.rows > 1 and not any(map(_CLOCK.match, texts)):
            raise NotALog(f"not a training curve: one row per {name!r}, and nothing counts the steps")


def _labelled(table: Table) -> Iterator[tuple[str, Ints]]:
    """The rows of every run that a column names, where it names several; else all rows."""
    for name in [*table.labels, *table.names]:
        if name.lower() not in RUN_COLUMNS:
            continue
        labels = table.labels.get(name) or {int(row): f"{value:g}" for row, value in zip(*table.of(name), strict=True)}
        rows: dict[str, list[int]] = {}
        for row, label in labels.items():
            rows.setdefault(label, []).append(row)
        if len(rows) < 2 or len(labels) < NAMED * table.rows:
            continue
        if len(rows) * FEWEST_ROWS > len(labels) or len(rows) > MOST_RUNS:
            raise NotALog(f"not a training curve: hardly more than one row per {name!r}")
        yield from ((f"{name}={label[:40]}", np.array(its, dtype=np.int64)) for label, its in rows.items())
        return
    yield "", np.arange(table.rows)
