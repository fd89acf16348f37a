"""The rows that Hugging Face's Trainer prints: dictionaries without a step, which only the progress bar tells.

`{'loss': 0.69, 'grad_norm': 1.2, 'learning_rate': 5e-05, 'epoch': 0.01}` up to version 4, with every number in quotes
from version 5 on (`ProgressCallback.on_log`). The bar is cleared for such a row and drawn again right after it, so that
drawing has its step; without a bar the plan that is printed first tells how many steps an epoch has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.parsers._text_shape import PLACE, Shape
from lrdoctor.parsers._text_tables import Table

STEP = "global_step"
SUMMARY = "train_runtime"
"""The last row; its `train_loss` is the mean of all steps, and no point of the curve."""
NEAR = 4
"""Lines below a row within which the bar is drawn again: an evaluation's bar comes between."""


def with_steps(found: Sequence[Table], plan: Mapping[str, int]) -> list[Table]:
    """The tables, those of the Trainer with a column for the step where the log tells it."""
    mine = {at for at, table in enumerate(found) if _is_row(table.shape)}
    if not any({"loss", "learning_rate"} <= set(found[at].shape.names) for at in mine):
        return list(found)
    parts = any(found[at].part for at in mine)
    bars = _bar([table for table in found if table.shape.names == (PLACE,)], found, mine)
    steps, epochs = plan.get("Total optimization steps", 0), plan.get("Num Epochs", 0)
    drawn = _steps_of_bar({at: found[at] for at in mine}, *bars[:2]) if bars is not None else {}
    tidied = []
    for at, table in enumerate(found):
        if SUMMARY in table.shape.names:
            continue
        if at not in mine:
            tidied.append(table)
            continue
        table = replace(table, epoch="", part="epoch") if parts else table
        if bars is not None:
            known = np.isfinite(drawn[at])
            table = replace(table.some(known).with_column(STEP, drawn[at][known]), step=STEP)
        elif steps and epochs:
            table = replace(table.with_column(STEP, np.round(table.column("epoch") * (steps / epochs))), step=STEP)
        tidied.append(table)
    return [table for table in tidied if len(table)]


def planned(found: Sequence[Table], plan: Mapping[str, int]) -> int | None:
    """How many steps were planned, as the head of the log or its bar says."""
    if not any(_is_row(table.shape) for table in found):
        return None
    if "Total optimization steps" in plan:
        return plan["Total optimization steps"]
    mine = {at for at, table in enumerate(found) if _is_row(table.shape)}
    bars = _bar([table for table in found if table.shape.names == (PLACE,)], found, mine)
    return None if bars is None else bars[2]


def _is_row(shape: Shape) -> bool:
    names = set(shape.names)
    return "epoch" in names and ({"loss", "learning_rate"} <= names or any(name.startswith("eval_") for name in names))


def _bar(drawn: Sequence[Table], found: Sequence[Table], mine: set[int]) -> tuple[Ints, Ints, int] | None:
    """Places and steps of the training's own bar, and its total: that of the last one before the first row."""
    if not drawn:
        return None
    order = np.concatenate([table.order for table in drawn])
    step = np.concatenate([table.column(PLACE) for table in drawn])
    total = np.concatenate([of for table in drawn if (of := table.total(PLACE)) is not None])
    if len(total) != len(order) or not (np.abs(step) < 1e15).all():
        return None
    ascending = np.argsort(order, kind="stable")
    order, step, total = order[ascending], step[ascending], total[ascending]
    first = min(int(found[at].order[0]) for at in mine if "loss" in found[at].shape.names)
    above = int(np.searchsorted(order, first)) - 1
    if above < 0:
        return None
    own = total == total[above]
    return order[own], step[own].astype(np.int64), int(total[above])


def _steps_of_bar(rows: Mapping[int, Table], order: Ints, step: Ints) -> dict[int, Floats]:
    """The steps of the rows of some tables: those of the bar's next drawings.

    A log may end before that drawing. Then the row of a training is as far from the one before as that one was from its
    own, an evaluation stands at the last row of the training, and where that cannot be said either the step is NaN.
    """
    steps = {at: np.full(len(table), np.nan) for at, table in rows.items()}
    told: list[float] = []
    for place, at, row in sorted((int(p), at, n) for at, table in rows.items() for n, p in enumerate(table.order)):
        following = int(np.searchsorted(order, place))
        trained = "loss" in rows[at].shape.names
        if following < len(order) and (order[following] - place <= NEAR or not following):
            steps[at][row] = step[following]
        elif following < len(order):
            steps[at][row] = step[following - 1]
        elif trained and len(told) > 1:
            steps[at][row] = told[-1] + (told[-1] - told[-2])
        elif not trained and told:
            steps[at][row] = told[-1]
        if trained and np.isfinite(steps[at][row]):
            told.append(steps[at][row])
    return steps
