"""Several trainings below one another in one table: where each begins.

Many scripts open their log to append. A training that was started again from nothing begins at the first step, with the
loss of an untrained model; one that went on with its counter set back begins there with the loss that it had reached. A
jump back to any later step is a restart from a checkpoint, which `_series` resolves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints, Role
from lrdoctor.parsers._axis import Axis
from lrdoctor.parsers._columns import Columns
from lrdoctor.parsers._parts import MOST_RUNS
from lrdoctor.parsers._series import POINTS_OF_RESTART, SHUFFLED
from lrdoctor.roles import RoleNames

RETURNED = 0.5
"""Of the way back to the first loss, measured in logarithms where the loss is positive. What was reached lies at 0, the
untrained level at 1, and both ends scatter; half-way is nearest to neither."""
PROGRESS = 0.3
"""In logarithms: a loss that fell by a quarter has left the untrained level for certain. Asked only of what may be a
counter that begins anew with every epoch."""
INNER = 3
"""So many stretches that end at the same step look like epochs."""
LEVEL = 3
"""Values whose median is the level that was reached."""
MOST_BEGINNINGS = 100_000
"""Of counters that are set back more often nobody knows what they count: the rows are one training, in no order.
Our own choice: to look at so many takes some two seconds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """Rows of one training."""

    rows: Ints
    shifts: Ints
    """What each row's step must be raised by, where a counter began anew while the training went on."""
    notes: tuple[str, ...]


def stretches(found: Columns, axis: Axis, names: RoleNames) -> list[Stretch]:
    """The trainings in this table, in their order; all rows as one where there is but one."""
    whole = [Stretch(rows=np.arange(found.rows), shifts=np.zeros(found.rows, dtype=np.int64), notes=())]
    if not found.anew and not np.count_nonzero(axis.steps[1:] < axis.steps[:-1]):
        return whole  # nothing is set back
    curve = _curve(found, names)
    if curve is None:
        return whole
    rows = np.flatnonzero(found.filled[curve] & axis.placed)
    steps, values = axis.steps[rows], found.values[curve][rows]
    begins = _begins(found, axis, rows, steps, names)
    if not 0 < len(begins) <= MOST_BEGINNINGS:
        return whole
    # The last step of each stretch: a counter of the batches of an epoch always ends at the same one.
    ends = [int(steps[at - 1]) for at in [*begins, len(steps)]]
    inner = names.of(axis.name) is not Role.EPOCH and len(begins) >= INNER - 1 and len(set(ends[:-1])) == 1
    parts: list[Stretch] = []
    finite = np.flatnonzero(np.isfinite(values))
    first_row, first, before = 0, 0, 0
    shifts = [(0, 0)]
    notes: list[str] = []
    for at in begins:
        row = int(rows[at])
        numbers = finite[np.searchsorted(finite, first) : np.searchsorted(finite, at)]
        if _goes_on(values, numbers, at, inner=inner):
            raised = int(steps[before:at].max()) + _interval(steps[before:at]) - int(steps[at])
            shifts.append((row, shifts[-1][1] + raised))
            notes.append(f"{axis.name!r} begins anew at line {found.lines[row]} while the training goes on")
        else:
            parts.append(_stretch(first_row, row, shifts, notes))
            if len(parts) > MOST_RUNS:
                return whole
            first_row, first, shifts, notes = row, at, [(row, 0)], []
        before = at
    parts.append(_stretch(first_row, found.rows, shifts, notes))
    return parts


def _stretch(start: int, end: int, shifts: list[tuple[int, int]], notes: list[str]) -> Stretch:
    """Rows from `start` on, raised by each shift from its row to that of the next one."""
    told = [*notes[:1], f"{len(notes) - 1} more times"] if len(notes) > 1 else notes
    said = (f"{'; '.join(told)}: steps are counted through",) if told else ()
    lengths = np.diff([*(row for row, _ in shifts), end])
    raised = np.repeat(np.array([shift for _, shift in shifts], dtype=np.int64), lengths)
    return Stretch(rows=np.arange(start, end), shifts=raised, notes=said)


def _curve(found: Columns, names: RoleNames) -> str | None:
    """The column that tells an untrained model from a trained one: the fullest loss, or else an accuracy."""
    for role in (Role.TRAIN_LOSS, Role.VAL_LOSS, None, Role.ACCURACY):
        named = [name for name in found.values if names.of(name) is role and (role or names.speak_of_curves([name]))]
        full = max(named, key=lambda name: np.count_nonzero(found.filled[name]), default=None)
        if full is not None and np.count_nonzero(found.filled[full]):
            return full
    return None


def _begins(found: Columns, axis: Axis, rows: Ints, steps: Ints, names: RoleNames) -> list[int]:
    """Where the count is back at its first step, or the header stands again, as places among the rows of the curve."""
    anew = {int(np.searchsorted(rows, row)) for row in found.anew} - {0, len(rows)}
    if not axis.name:
        return sorted(anew)
    jumps = np.flatnonzero(steps[1:] < steps[:-1]) + 1
    if not len(jumps):
        return []
    astray = int((steps[jumps] != steps[:1]).sum())
    if astray > POINTS_OF_RESTART and len(steps) < SHUFFLED * astray:
        return []  # rows in no order
    epoch = next((name for name in found.values if names.of(name) is Role.EPOCH and name != axis.name), None)
    begins: list[int] = []
    start = int(steps[0]) if len(steps) else 0
    furthest, seen = start, 0
    for at in map(int, jumps):
        furthest, seen = max(furthest, int(steps[seen:at].max())), at
        slack = _interval(steps[begins[-1] if begins else 0 : at]) if at in anew else 0
        if steps[at] > start + slack:
            continue
        # A point that was merely written late: the count goes on behind it, or nothing follows it.
        if steps[at] != start and at not in anew and (at + 1 == len(steps) or steps[at + 1] > furthest):
            continue
        if epoch is not None and found.values[epoch][rows[at]] > found.values[epoch][rows[at - 1]]:
            continue  # the epoch, which is not set back, says that the training goes on
        begins.append(at)
        start = furthest = int(steps[at])
    return begins


def _interval(steps: Ints) -> int:
    ahead = np.diff(steps)
    ahead = ahead[ahead > 0]
    return int(np.median(ahead)) if len(ahead) else 1


def _goes_on(values: Floats, numbers: Ints, at: int, *, inner: bool) -> bool:
    """Whether the loss at this place is still about where the same training had brought it; `numbers` are the places
    of that training where the loss is one.
    """
    now = float(values[at])
    if not len(numbers) or not math.isfinite(now) or not np.isfinite(values[at - 1]):
        return False
    first, reached = float(values[numbers[0]]), float(np.median(values[numbers[-LEVEL:]]))
    if min(first, reached, now) > 0:
        first, reached, now = math.log(first), math.log(reached), math.log(now)
        if inner and abs(first - reached) < PROGRESS:
            return True
    return abs(now - reached) < RETURNED * abs(first - reached)
