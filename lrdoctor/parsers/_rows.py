"""Rows of values that were logged together -> points on the axis that counts the training's steps.

W&B and trackio number the calls of their logger, and a training that logs every fifty steps, or its evaluations in
calls of their own, then has steps that mean nothing. Most trainers log their own count beside the values, such as
`train/global_step` (Hugging Face) or `trainer/global_step` (Lightning), and that is the axis.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lrdoctor import limits
from lrdoctor.model import Floats, Ints, Role
from lrdoctor.parsers._series import LAST_STEP, Logged
from lrdoctor.roles import RoleNames

COVERED = 0.9
"""A count that is missing in more than a tenth of a tag's rows does not place them."""
OWN = "global_step"
"""Under `<group>/global_step` W&B keeps the steps of each TensorBoard writer that it copies from."""
MOST_COUNTS = 16
"""Each is worked out for every row; nobody has more."""
BEYOND = 2 * LAST_STEP
"""Where a step that no integer holds is put, to be refused with the other impossible ones."""


@dataclass(slots=True)
class _Column:
    rows: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))


class Rows:
    """What one run logged, in the order of writing."""

    def __init__(self) -> None:
        self.steps, self.times = array("q"), array("d")
        self.columns: dict[str, _Column] = {}
        self.later_files: list[int] = []
        """The rows with which each file but the first begins."""
        self.counted = False
        """Whether `logged` found a count of the training's steps."""
        self._most = limits.current().tags
        self.left_out = 0
        """Values under tags beyond as many as a run may have."""

    def add(self, step: float, time: float, values: Mapping[str, float]) -> None:
        """Take one row: the logger's own step, seconds since 1970, and the numbers by tag."""
        row = len(self.steps)
        self.steps.append(int(max(-BEYOND, min(BEYOND, step))) if step == step else BEYOND)
        self.times.append(time)
        for tag, value in values.items():
            column = self.columns.get(tag)
            if column is None:
                if len(self.columns) >= self._most:
                    self.left_out += 1
                    continue
                column = self.columns[tag] = _Column()
            column.rows.append(row)
            column.values.append(value)

    def logged(self, names: RoleNames, told: Sequence[str] = ()) -> tuple[dict[str, Logged], list[str]]:
        """Every tag on its axis, and a note that names the axis where it is not the logger's own step.

        `told` are tags of which the log itself says that they count the steps.
        """
        counting = [tag for tag in told if tag in self.columns]
        counting += [tag for tag in names.step_columns(list(self.columns)) if _may_count(tag, names)]
        counting += [tag for tag in self.columns if tag.endswith("/" + OWN)]
        counts = {tag: self._count(tag) for tag in list(dict.fromkeys(counting))[:MOST_COUNTS]}
        usable = {tag: count for tag, count in counts.items() if count is not None}
        times = np.frombuffer(self.times, dtype=np.float64)
        logged, axes = {}, dict[str, int]()
        for tag, column in self.columns.items():
            rows = np.frombuffer(column.rows, dtype=np.int64)
            axis = None if tag in usable else self._axis(tag, rows, usable)
            if tag in usable:
                steps = usable[tag][rows]
            elif axis is None:
                steps = np.frombuffer(self.steps, dtype=np.int64)[rows]
            else:
                steps = usable[axis][rows]
                axes[axis] = axes.get(axis, 0) + 1
            logged[tag] = Logged(
                steps=steps,
                values=np.frombuffer(column.values, dtype=np.float64),
                wall_times=times[rows] if np.isfinite(times[rows]).all() else None,
                later_files=tuple(int(np.searchsorted(rows, row)) for row in self.later_files),
            )
        self.counted = bool(axes)
        return logged, [f"the steps are those of {axis!r}, not the logger's own count of its calls" for axis in axes]

    def _count(self, tag: str) -> Ints | None:
        """The count at every row, the last known one where a row has none; None where this counts no steps."""
        column = self.columns[tag]
        rows, values = np.frombuffer(column.rows, dtype=np.int64), np.frombuffer(column.values, dtype=np.float64)
        whole = np.isfinite(values) & (values == np.round(values)) & (np.abs(values) <= LAST_STEP)
        if whole.mean() < COVERED:
            return None
        rows, values = rows[whole], values[whole]
        if len(values) > 1 and ((values == values[0]).all() or _begins_anew(values)):
            return None
        last = np.clip(np.searchsorted(rows, np.arange(len(self.steps)), side="right") - 1, 0, None)
        counted: Ints = values.astype(np.int64)[last]
        return counted

    def _axis(self, tag: str, rows: NDArray[np.int64], usable: Mapping[str, Ints]) -> str | None:
        own = tag.rsplit("/", 1)[0] + "/" + OWN
        for axis in sorted(usable, key=lambda axis: axis != own):
            beside = np.frombuffer(self.columns[axis].rows, dtype=np.int64)
            if np.isin(rows, beside).mean() >= COVERED:
                return axis
        # A value that was logged in a call of its own belongs to the step that was last counted.
        general = [axis for axis in usable if not axis.endswith("/" + OWN) or axis.count("/") == 1]
        most = max(general, key=lambda axis: len(self.columns[axis].rows), default=None)
        return most if most is not None and len(self.columns[most].rows) >= COVERED * len(rows) else None


def _may_count(tag: str, names: RoleNames) -> bool:
    return not tag.startswith("_") and names.of(tag) is Role.STEP


def _begins_anew(values: Floats) -> bool:
    """Whether a count falls back to its start, as one does that counts the batches of an epoch."""
    falls = np.flatnonzero(values[1:] < values[:-1]) + 1
    start = values.min()
    interval = float(np.median(np.abs(np.diff(values))))
    return bool((values[falls] <= start + interval).any())
