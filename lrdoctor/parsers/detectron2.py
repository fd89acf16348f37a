"""Detectron2's `metrics.json`: one object per line, counted by `iteration`.

Schema: detectron2 0.6, `utils/events.py` (`JSONWriter`); its losses are medians over 20 iterations, so short spikes
are muted. `engine/train_loop.py` raises `FloatingPointError` at a loss that is no number *before* anything is written:
the record ends early and finite. The traceback in `log.txt` beside it says at which iteration, and that point is added.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lrdoctor.errors import LogError
from lrdoctor.model import Run, Status
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import head, open_regular
from lrdoctor.parsers._json import first_row, records, text
from lrdoctor.parsers._json_rows import Table, flat
from lrdoctor.parsers._json_runs import Told, runs
from lrdoctor.roles import RoleNames

NAME = "metrics.json"
LOG = "log.txt"
LOSS = "total_loss"
LAST_BYTES = 1 << 18
"""Of the text log: a traceback with the losses of a large model has some kilobytes."""
FIRST_BYTES = 1 << 20
_BEGAN = re.compile(rb"Starting training from iteration")
_NOT_FINITE = re.compile(rb"Loss became infinite or NaN at iteration=([0-9]{1,15})")
_DIED = re.compile(rb"Exception during training|^Traceback \(most recent call last\)", re.MULTILINE)
_PLANNED = re.compile(rb"^\s+MAX_ITER:\s*([0-9]{1,15})\s*$", re.MULTILINE)


def claims(path: Path) -> bool:
    """The file by its name and its first row, or, where the loss broke before there was one, by the log beside it."""
    if path.name != NAME:
        return False
    if head(path, 1) == b"":
        return _NOT_FINITE.search(_end_of(path.with_name(LOG))) is not None
    first = first_row(path)
    return "iteration" in first and bool(first.keys() & {LOSS, "data_time", "eta_seconds", "rank_data_time"})


def home(path: Path) -> Path:
    """The output folder."""
    return path.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The run of an output folder. Raises `LogError`."""
    path = files[0]
    damage, table, reached = Damage(path), Table(), -1
    for line, row in records(text(path), damage) if head(path, 1) else ():
        cells = flat(row)
        iteration = cells.get("iteration")
        reached = int(iteration) if isinstance(iteration, float) and abs(iteration) < 1e15 else reached
        table.add(cells, line)
    said = _end_of(path.with_name(LOG))
    status = Status.CRASHED if _DIED.search(said) else Status.UNKNOWN
    not_finite = _NOT_FINITE.search(said)
    if not_finite and int(not_finite[1]) > reached:
        step = int(not_finite[1])
        table.add({"iteration": float(step), LOSS: float("nan")}, 0)
        message = f"the loss was not finite at iteration {step}, as log.txt says: that point is added"
        damage.add("", "hidden_nonfinite", message, 0)
        status = Status.CRASHED
    found = _PLANNED.search(head(path.parent / "config.yaml", FIRST_BYTES) or b"")
    planned = int(found[1]) if found else None
    if planned and reached + 1 >= planned:
        status = Status.FINISHED
    told = Told(format="detectron2", home=home, status=status, planned_steps=planned)
    yield from runs(table, names, damage, told)


def _end_of(path: Path) -> bytes:
    """What the last training of a text log says at its end; nothing where there is no such file."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LAST_BYTES))
            said = file.read(LAST_BYTES)
    except (LogError, OSError):
        return b""
    begun = [found.end() for found in _BEGAN.finditer(said)]
    return said[begun[-1] :] if begun else said
