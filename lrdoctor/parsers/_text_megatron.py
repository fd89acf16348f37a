"""Megatron-LM's lines: what they leave out is what matters.

An iteration whose loss was no number, or whose step mixed precision skipped, adds nothing to the loss of its interval,
and an interval without any prints no `lm loss` at all (`training_log` in `megatron/training/training.py`;
microsoft/Megatron-DeepSpeed#396). Such an iteration also prints a learning rate of 0 in some versions, which no
schedule ever gave. At its very start mixed precision looks for its scale by skipping steps: there nothing is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._text_tables import Table

NAN, SKIPPED = "number of nan iterations", "number of skipped iterations"
RATE = "learning rate"
LOSS = "lm loss"


def with_gaps(found: Sequence[Table], damage: Damage) -> list[Table]:
    """The tables, those of Megatron with NaN where a loss is missing, and without the rates of skipped steps."""
    mine = [at for at, table in enumerate(found) if {NAN, SKIPPED} & set(table.shape.names) and table.step]
    with_loss = [found[at] for at in mine if LOSS in found[at].shape.names]
    if not with_loss:
        return list(found)
    first = min(int(table.order[0]) for table in with_loss)
    return [_tidied(table, first, damage) if at in mine else table for at, table in enumerate(found)]


def _tidied(table: Table, first: int, damage: Damage) -> Table:
    names = table.shape.names
    zeros = np.zeros(len(table))
    nan = (table.column(NAN) if NAN in names else zeros) > 0
    skipped = (table.column(SKIPPED) if SKIPPED in names else zeros) > 0
    values, left_out = table.values.copy(), {}
    if RATE in names:
        at = names.index(RATE)
        left_out[names[at]] = (skipped | nan) & (values[:, at] == 0)
    if LOSS in names:
        hidden = nan
        values[nan, names.index(LOSS)] = np.nan
    else:
        hidden = nan | (table.order > first)
        table = replace(table.with_column(LOSS, np.full(len(table), np.nan)), curves=(*table.curves, LOSS))
        values = table.values
        left_out[LOSS] = ~hidden
    for row in np.flatnonzero(hidden):
        why = f"{int(table.column(NAN)[row])} iterations were NaN" if nan[row] else f"the line has no {LOSS!r}"
        damage.add(f"line {int(table.lines[row])}", "hidden_nonfinite", f"{why}: its loss is taken for NaN", 0)
    return replace(table, values=values, left_out=left_out)
