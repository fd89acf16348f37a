"""Kinds of lines -> tables: one per print statement, from one process, with the columns that say where a row stands.

Which tables tell of the training is decided here too: a statement that names a loss, a rate or an accuracy, and that
was printed again and again. Source code, prose and configuration name such things too, but once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints, Role
from lrdoctor.parsers._series import LAST_STEP
from lrdoctor.parsers._text_rows import Kind
from lrdoctor.parsers._text_shape import BRACKETED, OUTER_BRACKETED, OUTER_PLACE, PLACE, PROCESS, SHARE, Shape
from lrdoctor.roles import RoleNames, of_episodes

FEWEST = 5
"""So many lines of one kind are no accident of prose."""
FEW = 2
"""The same for a line that only a known logger writes."""
SIGNED = (
    frozenset({"loss", "learning_rate", "epoch"}),
    frozenset({"consumed samples", "learning rate"}),
    frozenset({"iter", "loss", "time", "mfu"}),
    frozenset({"trl"}),
    frozenset({"num_updates", "loss"}),
)
"""Names that stand together in the lines of Hugging Face, Megatron, nanoGPT, llm.c and fairseq, and nowhere else."""
CURVES = frozenset({Role.TRAIN_LOSS, Role.VAL_LOSS, Role.LR, Role.GRAD_NORM, Role.ACCURACY})
NUMBERED = "step"
"""What the number is called that stands without a name at the beginning of a line."""
NOT_VALUES = frozenset({PLACE, OUTER_PLACE, BRACKETED, OUTER_BRACKETED, PROCESS, SHARE})
MOSTLY = 0.9
"""A count rises from row to row but where a training begins anew."""
INTERLEAVED = 1 / 3
"""Where so many lines are another process's than the line before is, several write at once."""
UNIX_TIME = 1e9
"""No count of steps."""
_MODULE = re.compile(r"\w+(?:\.\w+)+")
"""What stands before the number of a line of source, as in `yolox.core.trainer:257`; but `train.loss` is no such thing
unless it never changes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """The rows of one statement."""

    shape: Shape
    values: Floats
    """Shape (rows, columns)."""
    order: Ints
    """Shape (rows,), ascending: the place of each among all lines of the log."""
    lines: Ints
    """Shape (rows,): the line of the file that each stands in."""
    step: str = ""
    """The name of the column that counts steps, or of the place in a bar; empty where none does."""
    epoch: str = ""
    """The name of the column that counts epochs in whole numbers."""
    part: str = ""
    """The name of one that counts them in fractions."""
    curves: tuple[str, ...] = ()
    """The tags that are worth a look."""
    moving: int = 0
    """How many names have numbers that are not always the same."""
    left_out: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """By name the rows, shape (rows,), in which what stands there is no point of the curve."""

    def __len__(self) -> int:
        return len(self.order)

    def column(self, name: str) -> Floats:
        """Shape (rows,): what stands after this name."""
        return np.asarray(self.values[:, self.shape.names.index(name)])

    def total(self, name: str) -> Floats | None:
        """Shape (rows,): the `M` of its `N/M`, or None where there is none."""
        at = self.shape.totals[self.shape.names.index(name)]
        return None if at < 0 else np.asarray(self.values[:, at])

    def some(self, chosen: NDArray[np.bool_]) -> Table:
        """Only these rows."""
        return replace(
            self,
            values=self.values[chosen],
            order=self.order[chosen],
            lines=self.lines[chosen],
            left_out={name: rows[chosen] for name, rows in self.left_out.items()},
        )

    def between(self, start: int, end: int) -> Table:
        """Only the rows whose places lie from `start` on and before `end`."""
        first, last = np.searchsorted(self.order, [start, end])
        return replace(
            self,
            values=self.values[first:last],
            order=self.order[first:last],
            lines=self.lines[first:last],
            left_out={name: rows[first:last] for name, rows in self.left_out.items()},
        )

    def with_column(self, name: str, values: Floats) -> Table:
        """The table with one more name, and what stands after it."""
        shape, at = self.shape, len(self.shape.names)
        return replace(
            self,
            shape=replace(
                shape,
                names=(*shape.names, name),
                tags=(*shape.tags, name),
                totals=(*(of + (of >= 0) for of in shape.totals), -1),
                averages=(*(of + (of >= 0) for of in shape.averages), -1),
                followers=(*(of + (of >= 0) for of in shape.followers), -1),
                width=shape.width + 1,
            ),
            values=np.insert(self.values, at, values, axis=1),
        )


def tables(kinds: Sequence[Kind], names: RoleNames) -> tuple[list[Table], list[str]]:
    """One table per statement, in the order of their first rows, and the notes on what other processes repeated."""
    numbered_rank = any(kind.shape.numbered and names.step_column(kind.shape.names) for kind in kinds)
    first: dict[tuple[tuple[str, ...], str], str] = {}
    found: list[Table] = []
    others: list[Table] = []
    for kind in sorted((kind for kind in kinds if len(kind)), key=lambda kind: kind.places[0]):
        table = Table(shape=kind.shape, values=kind.values(), order=kind.order(), lines=kind.physical())
        shape = kind.shape
        same = shape.names, shape.split
        if shape.rank and first.setdefault(same, shape.rank) != shape.rank:
            others.append(table)
            continue
        ranks = table.values[:, -1]
        if shape.numbered and numbered_rank and _is_rank(ranks):
            own = ranks == float(first.setdefault(same, str(ranks[0])))
            others.append(table.some(~own))
            table = table.some(own)
        elif shape.numbered and not numbered_rank and NUMBERED not in shape.names:
            table = table.with_column(NUMBERED, table.values[:, -1])
        own = _of_one_process(table, names)
        if not own.all():
            others.append(table.some(~own))
            table = table.some(own)
        found.append(_without_counts(table))
    moving = _moving([table for table in found if len(table)])
    found = [_with_position(table, names, moving) for table in found if len(table)]
    curves = {tag for table in found for tag in table.curves}
    left_out = sum(len(table) for table in others if curves.intersection(table.shape.tags))
    return found, [f"{left_out} lines of other processes say the same and were left out"] if left_out else []


def _is_rank(column: Floats) -> bool:
    """Whether numbers at the beginning of lines are those of processes, and no count, no time."""
    return _whole(column) and not (column >= UNIX_TIME).any() and not (np.diff(column) > 0).all()


def _of_one_process(table: Table, names: RoleNames) -> NDArray[np.bool_]:
    """Shape (rows,): which rows to read where several processes write at once what each of them says for all.

    A process that begins when the one before has ended is another training, not another process of the same.
    """
    shape = table.shape
    own = np.ones(len(table), dtype=bool)
    if PROCESS in shape.names:
        process = table.column(PROCESS)
    elif BRACKETED in shape.names and OUTER_BRACKETED not in shape.names and names.step_column(shape.names):
        process = table.column(BRACKETED)
        if is_count(process) or np.count_nonzero(np.diff(process)) < INTERLEAVED * len(process):
            return own
    else:
        return own
    seen: set[float] = set()
    at = 0
    while at < len(process):
        if process[at] in seen:
            own[at] = False
            at += 1
            continue
        last = int(np.flatnonzero(process == process[at])[-1]) + 1
        own[at:last] = process[at:last] == process[at]
        seen.update(process[at:last].tolist())
        at = last
    return own


def _moving(found: Sequence[Table]) -> frozenset[str]:
    """The names whose numbers are not always the same; those of a single row are given the benefit of the doubt."""
    seen: dict[str, set[float]] = {}
    rows = Counter[str]()
    for table in found:
        for name in table.shape.names:
            rows[name] += len(table)
            column = table.column(name)
            seen.setdefault(name, set()).update((float(column[0]), float(column.min()), float(column.max())))
    return frozenset(name for name, values in seen.items() if len(values) > 1 or rows[name] == 1)


def _without_counts(table: Table) -> Table:
    """The table with `2.3` as the loss of `loss 100 2.3`, and not the count of steps that is its name's own number."""
    shape = table.shape
    for at, (name, follower) in enumerate(zip(shape.names, shape.followers, strict=True)):
        count = table.column(name)
        if follower >= 0 and is_count(count) and not _whole(table.values[:, follower]):
            table = replace(table, values=table.values.copy())
            table.values[:, at] = table.values[:, follower]
            if NUMBERED not in table.shape.names:
                table = table.with_column(NUMBERED, count)
            return table
    return table


def is_count(column: Floats) -> bool:
    """Whether whole numbers rise from row to row, mostly by the same; a single one may be a count."""
    if not _whole(column) or (np.abs(column) >= UNIX_TIME).any():
        return False
    by = np.diff(column)
    return not len(by) or bool((by > 0).mean() >= MOSTLY and (by == np.median(by)).mean() >= 1 / 2)


def _counted_in_brackets(table: Table) -> tuple[str, str]:
    """The names of the numbers in brackets that count steps and epochs, or nothing."""
    names = table.shape.names
    if BRACKETED not in names:
        return "", ""
    step = table.column(BRACKETED)
    if OUTER_BRACKETED in names and _whole(outer := table.column(OUTER_BRACKETED)):
        by = np.diff(outer)
        rises = (by > 0) | ((by == 0) & (np.diff(step) > 0))
        if _whole(step) and len(by) and rises.mean() >= MOSTLY:
            return BRACKETED, OUTER_BRACKETED
    return (BRACKETED if len(step) > 1 and is_count(step) else ""), ""


def _with_position(table: Table, names: RoleNames, moving: frozenset[str]) -> Table:
    """The table with the columns that say where its rows stand, and those that are curves."""
    shape = table.shape
    whole = [name for name in shape.names if name in moving and _whole(table.column(name))]
    axes = names.step_columns([name for name in whole if name not in NOT_VALUES])
    step = next((name for name in axes if names.of(name) is not Role.EPOCH), "")
    epochs = [name for name in shape.names if names.of(name) is Role.EPOCH]
    epoch = next((name for name in epochs if _whole(table.column(name))), "")
    part = next((name for name in epochs if name != epoch), "") if not epoch else ""
    if not step and PLACE in shape.names and _whole(table.column(PLACE)):
        step = PLACE
    if not epoch and OUTER_PLACE in shape.names and _whole(table.column(OUTER_PLACE)):
        epoch = OUTER_PLACE
    if not step:
        step, outer = _counted_in_brackets(table)
        epoch = epoch or outer
    curves = tuple(
        tag
        for name, tag in zip(shape.names, shape.tags, strict=True)
        if name not in (*NOT_VALUES, step, epoch, part)
        and (names.of(tag) in CURVES or (names.of(tag) is None and names.speak_of_curves([tag])) or of_episodes(tag))
        and (len(table) < FEWEST or not is_count(table.column(name)))
    )
    still = [name for name in shape.names if name not in moving]
    nothing = {name: np.ones(len(table), dtype=bool) for name in still if _MODULE.fullmatch(name)}
    return replace(
        table,
        step=step,
        epoch=epoch,
        part=part,
        curves=curves,
        moving=len(shape.names) - len(still),
        left_out={**table.left_out, **nothing},
    )


def _whole(column: Floats) -> bool:
    return bool((np.isfinite(column) & (column == np.round(column)) & (np.abs(column) <= LAST_STEP)).all())


def is_repeated(table: Table) -> bool:
    """Whether this statement was printed so often that it is no accident."""
    few = table.shape.bar or any(sign.issubset(table.shape.names) for sign in SIGNED)
    return len(table) >= (FEW if few else FEWEST)


def varies(table: Table) -> bool:
    """Whether anything in it moves: a configuration that is printed again and again tells the same every time."""
    told = [name for name, tag in zip(table.shape.names, table.shape.tags, strict=True) if tag in table.curves]
    columns = [table.column(name) for name in (*told, table.step, table.epoch) if name]
    return any(not np.isfinite(column).all() or bool((column != column[0]).any()) for column in columns)
