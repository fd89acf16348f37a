"""Which column of a table counts the steps, and the step of every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Ints, Role
from lrdoctor.parsers._columns import Columns, Flags
from lrdoctor.parsers._series import LAST_STEP
from lrdoctor.roles import RoleNames

CURVES = frozenset({Role.TRAIN_LOSS, Role.VAL_LOSS, Role.LR, Role.GRAD_NORM, Role.ACCURACY})
COVERED = 0.9
"""A column that is empty in more than a tenth of the rows that matter does not count the steps."""
BEYOND = 2 * LAST_STEP
"""Where a step that no integer holds is put, to be refused with the other impossible ones."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """Where the rows of a table stand."""

    name: str
    """The column that says so; empty where rows are counted."""
    steps: Ints
    """Of every row."""
    placed: Flags
    """Which rows have one."""
    notes: tuple[str, ...]


def axis(found: Columns, names: RoleNames) -> Axis:
    """The steps of all rows, from the best column that has one in nearly every row that matters."""
    notes: list[str] = []
    for name in names.step_columns(list(found.values)):
        values = found.values[name]
        placed = found.filled[name] & np.isfinite(values)
        everywhere = np.count_nonzero(placed) == found.rows
        if not (everywhere or _covers(placed, found, names)) or (found.rows > 1 and not moves(found, name)):
            continue
        values = values if everywhere else np.where(placed, values, 0)
        if np.count_nonzero(values != np.rint(values)):
            notes.append(f"{name!r} is no whole number: rows are counted instead")
            continue
        steps = np.minimum(np.maximum(values, -BEYOND), BEYOND).astype(np.int64)
        return _through(Axis(name=name, steps=steps, placed=placed, notes=tuple(notes)), found, names)
    if not notes:
        notes.append("no column counts the steps: rows are counted instead")
    return Axis(name="", steps=np.arange(found.rows), placed=np.ones(found.rows, dtype=bool), notes=tuple(notes))


def _covers(placed: Flags, found: Columns, names: RoleNames) -> bool:
    """Whether nearly all rows have a step that tell of a curve, or all where none does."""
    told = np.zeros(found.rows, dtype=bool)
    for name, filled in found.filled.items():
        if names.of(name) in CURVES:
            told |= filled
    told = told if np.count_nonzero(told) else np.ones(found.rows, dtype=bool)
    return bool(np.count_nonzero(placed & told) >= COVERED * np.count_nonzero(told))


def moves(found: Columns, name: str) -> bool:
    """Whether a column of numbers holds more than one."""
    values = found.values[name][found.filled[name]]
    return len(values) > 1 and bool(np.count_nonzero(values != values[0]))


def _through(counted: Axis, found: Columns, names: RoleNames) -> Axis:
    """The same, counted through the whole run where the steps begin anew with every epoch."""
    name, steps, placed = counted.name, counted.steps, counted.placed
    epochs = [other for other in found.values if names.of(other) is Role.EPOCH and other != name]
    if not epochs or names.of(name) is Role.EPOCH:
        return counted
    both = placed & found.filled[epochs[0]]
    epoch = found.values[epochs[0]][both]
    if not np.isfinite(epoch).all() or (epoch != np.rint(epoch)).any():
        return counted
    within = steps[both]
    anew, next_epoch = within[1:] < within[:-1], epoch[1:] > epoch[:-1]
    if not anew.any() or (anew & ~next_epoch).any() or (epoch[1:] < epoch[:-1]).any():
        return counted
    longest = int(within.max() - within.min()) + 1
    through = np.zeros_like(steps)
    through[both] = (np.clip(epoch - epoch[0], 0, BEYOND / longest)).astype(np.int64) * longest + within - within.min()
    note = f"{name!r} begins anew with every epoch: steps are {epochs[0]!r} × {longest} + {name!r}"
    return Axis(name=name, steps=through, placed=both, notes=(*counted.notes, note))
