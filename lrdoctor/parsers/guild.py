"""Runs of Guild AI: the event files below a run's folder, with the flags and the end that Guild noted beside them.

Schema: `guild/run.py` and `guild/op.py` of guildai 0.9 (2023). `.guild/attrs/` holds one YAML file per attribute;
`.guild/` also holds an event file with the scalars that Guild picked from the output, and that output. Whatever the
script wrote into event files of its own belongs to the same run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from lrdoctor.errors import LogError
from lrdoctor.model import Run, Scalar, Series, Status
from lrdoctor.parsers import tensorboard
from lrdoctor.parsers._beside import planned
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import changed, content, folders_above, head, open_regular
from lrdoctor.parsers._metrics import last_step
from lrdoctor.parsers._settings import flat, settings
from lrdoctor.roles import RoleNames

OWN, ATTRIBUTES = ".guild", "attrs"
OUTPUT = "output"
LONGEST_LINE = 1 << 16
_SCALAR = re.compile(rb"([^:\s][^:]{0,200}):\s+([0-9]{1,15}|-?[0-9.]{1,30}e\+[0-9]{1,3}|[+-]?(?i:nan|inf))")
LEVELS = 6
"""Folders between a run and an event file in it; deeper ones are read as runs by themselves."""


def claims(path: Path) -> bool:
    """Event files in a run's folder; and the output that Guild captured, where its scalars are in an event file too."""
    if path.name == OUTPUT and path.parent.name == OWN:
        return _is_run(str(path.parent.parent)) and any(tensorboard.MARK in file.name for file in _listed(path.parent))
    return tensorboard.MARK in path.name and _run_of(path) is not None and tensorboard.claims(path)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _run_of(path: Path) -> Path | None:
    found = (Path(folder) for folder in folders_above(path, LEVELS) if _is_run(folder))
    return next((folder for folder in found if folder.name), None)


def _is_run(folder: str) -> bool:
    try:
        return _is_run_at(folder, changed(folder))
    except (OSError, ValueError):
        return False


@lru_cache(maxsize=1 << 14)
def _is_run_at(folder: str, changed: int) -> bool:
    """Asked for every event file and every folder above it, while the answer is one per folder."""
    return Path(folder, OWN, ATTRIBUTES).is_dir()


def home(path: Path) -> Path:
    """The run's folder."""
    return _run_of(path) or path.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The one run of these files. Raises `LogError` where none of them holds a scalar."""
    run = _run_of(files[0]) or home
    events = [path for path in files if path.name != OUTPUT]
    captured = [path for path in events if path.parent == run / OWN]
    own = [path for path in events if path not in captured]
    read: list[Run] = []
    errors: list[LogError] = []
    folders = {tensorboard.home(path) for path in own}
    # Where the script wrote into one folder, its tags need not say into which.
    for folder, some in ((folders.pop() if len(folders) == 1 else home, own), (run / OWN, captured)):
        try:
            read += tensorboard.read(folder, some, names) if some else ()
        except LogError as error:
            errors.append(error)
    if not read:
        raise errors[0] if errors else LogError("no event file in it: name the run's folder instead")
    series: dict[str, Series] = {}
    for its in read:
        series |= {tag: points for tag, points in its.series.items() if tag not in series}
    hidden = Damage(run / OWN / OUTPUT)
    series = _with_hidden(series, run / OWN / OUTPUT, hidden)
    flags = _attribute(run, "flags")
    hparams = flat(flags) | {name: value for its in read for name, value in its.hparams.items()}
    label = _text(run, "label")
    yield replace(
        read[0],
        name=label or run.name,
        path=home,
        format="guild",
        series=series,
        hparams=hparams,
        status=_status(run),
        planned_steps=next((its.planned_steps for its in read if its.planned_steps), None)
        or planned(hparams, False, last_step(series)),
        notes=tuple(dict.fromkeys(note for its in read for note in its.notes)),
        incidents=tuple(incident for its in read for incident in its.incidents) + hidden.incidents(),
    )


def _with_hidden(series: Mapping[str, Series], output: Path, damage: Damage) -> dict[str, Series]:
    """The series with the values that Guild did not pick from the output, because it did not know them for numbers.

    Guild looks for lines `name: number`, and `step: 5` counts for those after it (`guild/summary.py`). Neither `nan`
    nor `1e+20` is a number to it, so that a training that explodes looks as if it had merely stopped.
    """
    found = _hidden(output, frozenset(series))
    with_hidden = dict(series)
    for tag, values in found.items():
        points = series[tag]
        steps = np.concatenate((points.steps, np.array(list(values), dtype=np.int64)))
        told = np.concatenate((points.values, np.array(list(values.values()))))
        # Of two at one step the one that Guild took stays.
        steps, first = np.unique(steps, return_index=True)
        if len(steps) > len(points):
            with_hidden[tag] = Series(tag=tag, steps=steps, values=told[first])
            message = f"{tag!r}: {len(steps) - len(points)} values, `nan` or huge, stand only in the output"
            damage.add("", "hidden_nonfinite", message, 0)
    return with_hidden


def _hidden(output: Path, tags: frozenset[str]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    step = 0
    try:
        with open_regular(output) as file:
            while line := file.readline(LONGEST_LINE):
                told = _SCALAR.fullmatch(line.strip())
                if told is None:
                    continue
                name = told[1].decode("utf-8", "replace")
                if name == "step" and told[2].isdigit():
                    step = int(told[2])
                elif name in tags and not told[2].isdigit():
                    found.setdefault(name, {})[step] = float(told[2])
    except (LogError, OSError, ValueError):
        pass
    return found


def _attribute(run: Path, name: str) -> dict[str, Scalar]:
    try:
        return settings(content(run / OWN / ATTRIBUTES / name, "an attribute", "settings"), ".yaml")
    except LogError:
        return {}


def _text(run: Path, name: str) -> str:
    content = head(run / OWN / ATTRIBUTES / name, 200)
    return content.decode("utf-8", "replace").strip().strip("'\"") if content else ""


def _status(run: Path) -> Status:
    code = _text(run, "exit_status")
    if code:
        return Status.FINISHED if code == "0" else Status.CRASHED
    # The lock is there as long as the process is; one that was killed leaves it behind.
    return Status.UNKNOWN
