"""Keras' progress bars: of each epoch the last drawing counts, since the numbers before are means of a part of it.

`Epoch 3/10` stands above, the bar below it is drawn over itself, and `val_loss` comes with its last drawing (Keras 2
and 3, `verbose=1` and 2; `keras/src/utils/progbar.py`). A bar of `evaluate`, after the training, has no heading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lrdoctor.parsers._text_shape import PLACE
from lrdoctor.parsers._text_tables import Table


def finished_epochs(found: Sequence[Table]) -> list[Table]:
    """The tables, those of bars with one row per epoch only."""
    heads = [table for table in found if table.epoch and not table.curves and len(table.shape.names) == 1]
    bars = [at for at, table in enumerate(found) if table.shape.bar and table.step == PLACE and table.curves]
    if not heads or not bars:
        return list(found)
    starts = np.sort(np.concatenate([table.order for table in heads]))
    keep = {at: np.zeros(len(found[at]), dtype=bool) for at in bars}
    # order, table, row, line, place, total
    drawn = sorted(
        (int(table.order[row]), at, row, int(table.lines[row]), float(place[row]), float(total[row]))
        for at in bars
        if (total := (table := found[at]).total(PLACE)) is not None and (place := table.column(PLACE)) is not None
        for row in range(len(table))
    )
    epoch, full, before = -1, (0, -1), (0.0, 0.0)
    for order, at, row, line, place_, total_ in drawn:
        own = int(np.searchsorted(starts, order, side="right")) - 1
        if own < 0:
            continue
        if own != epoch:
            epoch, full, before = own, (0, -1), (0.0, 0.0)
            last: tuple[int, int] | None = None
        done = place_ == total_
        if full[1] >= 0 and (before[0], before[1]) != (place_, total_) and not (done and line == full[0]):
            epoch_over = True
        else:
            epoch_over = full[1] >= 0 and line != full[0] and order != full[1] + 1
        if epoch_over:
            before = (-1.0, -1.0)  # another bar below the same heading: an evaluation
            continue
        if done:
            if last is not None:
                keep[last[0]][last[1]] = False
            keep[at][row] = True
            last, full = (at, row), (line, order)
        before = (place_, total_)
    return [
        replace(table.some(keep[at]), step="") if at in keep else table
        for at, table in enumerate(found)
        if at not in keep or keep[at].any()
    ]
