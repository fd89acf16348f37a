"""OpenMMLab's records: MMEngine's `vis_data/scalars.json` and its twin, and MMCV's `<stamp>.log.json` before it.

Schema: mmengine 0.10.7, `visualization/vis_backend.py` (`LocalVisBackend`) and `hooks/logger_hook.py`: one object per
line; on training lines `iter` and `step` count iterations, on validation lines `step` is the epoch. MMCV 1.7,
`runner/hooks/logger/text.py`: `mode` tells the two apart, and `iter` begins anew with every epoch. `vis_data/config.py`
is the configuration, written as Python that assigns constants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lrdoctor.errors import LogError
from lrdoctor.model import Run, Scalar, Status
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import content, head, reason
from lrdoctor.parsers._json import first_row, records, text
from lrdoctor.parsers._json_rows import Cell, Table, flat, whole
from lrdoctor.parsers._json_runs import Told, runs
from lrdoctor.parsers._settings import settings
from lrdoctor.parsers._values import hyperparameters
from lrdoctor.roles import RoleNames

FOLDER = "vis_data"
MMCV = ".log.json"
CONFIGURATION = "config.py"
TRAINING = frozenset({"lr", "iter", "mode"})
"""A line with one of these is of the training; one with none holds an evaluation."""
OF_THE_MACHINE = frozenset({"time", "data_time", "memory", "eta"})
"""On evaluation lines, under the same names as on training lines."""
COUNTS = frozenset({"step", "iter", "epoch", "mode"})
FIRST_BYTES = 1 << 18
"""Of the text log beside: its first training line says how many there will be."""
_STAMP = re.compile(r"[0-9]{8}_[0-9]{6}")
_ITERATIONS = re.compile(rb"Iter\(train\)\s*\[\s*[0-9]+/\s*([0-9]{1,15})\]")
_PER_EPOCH = re.compile(rb"Epoch\(train\)\s*\[\s*[0-9]+\]\[\s*[0-9]+/\s*([0-9]{1,15})\]")
_EPOCHS = re.compile(rb"max_epochs\s*=\s*([0-9]{1,9})")


def claims(path: Path) -> bool:
    """The files by their names, where the first line bears it out."""
    if path.name.endswith(MMCV):
        first = first_row(path)
        return "env_info" in first or {"mode", "iter"} <= first.keys()
    named = path.name == "scalars.json" or (path.suffix == ".json" and _STAMP.fullmatch(path.stem))
    if not named or path.parent.name != FOLDER:
        return False
    return bool(first_row(path).keys() & {"step", "iter"})


def home(path: Path) -> Path:
    """The folder named after the start of the run; MMCV's file itself, as several may lie side by side."""
    return path if path.name.endswith(MMCV) else path.parent.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The run of one record; of twins, the longer is read. Raises `LogError`."""
    path = max(sorted(files), key=lambda path: (_size(path), path.name == "scalars.json"))
    others = [other.name for other in files if other != path]
    notes: tuple[str, ...] = (
        (f"{path.name} was read, not {', '.join(others)}, which MMEngine writes alike",) if others else ()
    )
    damage, table, hparams = Damage(path), Table(), dict[str, Scalar]()
    for line, row in records(text(path), damage):
        if "env_info" in row:
            about = {key: value for key, value in row.items() if key not in ("env_info", "config")}
            hparams |= hyperparameters(about, damage, f"line {line}")
        elif row.get("mode") != "val" and row.keys() & TRAINING:
            cells = flat({key: value for key, value in row.items() if key != "mode"})
            if "iter" in cells:
                cells.pop("step", None)  # the same number
            table.add(cells, line)
        else:
            table.add(_evaluation(row, first=not table.rows), line)
    configuration = path.parent / CONFIGURATION
    if not path.name.endswith(MMCV) and configuration.is_file():
        try:
            hparams = settings(content(configuration, "a configuration", "settings"), ".py") | hparams
        except LogError as error:
            notes += (f"{CONFIGURATION}: not read for hyperparameters: {error}",)
    planned = _planned(path)
    last = max((int(value) for value in table.of("iter")[1] if value == value and abs(value) < 1e15), default=0)
    told = Told(
        format="mmengine",
        home=home,
        hparams=hparams,
        status=Status.FINISHED if planned and last >= planned else Status.UNKNOWN,
        planned_steps=planned,
        notes=notes,
    )
    yield from runs(table, names, damage, told)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise LogError(f"cannot be read: {reason(error)}") from error


def _evaluation(row: dict[str, Any], first: bool) -> dict[str, Cell]:
    """What was measured; without its own count, which may be of epochs, it stands where the training was."""
    left_out = OF_THE_MACHINE | ({"mode"} if first else COUNTS)
    kept = flat({key: value for key, value in row.items() if key not in left_out})
    return {f"val/{key}" if key.startswith("loss") else key: value for key, value in kept.items()}


def _planned(path: Path) -> int | None:
    """How many iterations were planned, by the text log beside and, for epochs, the configuration in `vis_data`."""
    folder = path.parent.parent
    if path.name.endswith(MMCV):
        return None
    said = head(folder / f"{folder.name}.log", FIRST_BYTES) or b""
    if total := _ITERATIONS.search(said):
        return whole(total[1].decode())
    per_epoch = _PER_EPOCH.search(said)
    epochs = _EPOCHS.search(head(path.parent / CONFIGURATION, FIRST_BYTES) or said)
    return int(per_epoch[1]) * int(epochs[1]) if per_epoch and epochs else None
