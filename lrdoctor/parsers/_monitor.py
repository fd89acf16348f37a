"""`*.monitor.csv` of stable-baselines3: the episodes of each environment, beside the `progress.csv` of the training.

A line `#{"t_start": …, "env_id": …}`, then the columns r (return), l (length) and t (seconds since the start), one row
per episode (stable_baselines3/common/monitor.py, 2.9). The x axis is the sum of the lengths: steps of the environment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lrdoctor.errors import NotALog
from lrdoctor.model import Incident, Run, Scalar, Series
from lrdoctor.parsers._columns import columns
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import content, head
from lrdoctor.parsers._series import LAST_STEP, Logged, order
from lrdoctor.parsers._table import layout, terminated

SUFFIX = "monitor.csv"
PROGRESS = "progress.csv"
FIRST_BYTES = 1 << 12


def claims(path: Path) -> bool:
    """By the name, and the line with which it begins."""
    return path.name.endswith(SUFFIX) and (head(path, 2) or b"") == b"#{"


def home(path: Path) -> Path:
    """The progress of the training where it was written, else the folder."""
    progress = path.parent / PROGRESS
    return progress if progress.is_file() else path.parent


def read(paths: Sequence[Path]) -> Run | None:
    """The episodes of all environments as one run, or None where there are no monitors."""
    if not paths:
        return None
    series: dict[str, Series] = {}
    hparams: dict[str, Scalar] = {}
    notes: list[str] = []
    incidents: list[Incident] = []
    for path in paths:
        damage = Damage(path)
        prefix = path.name.removesuffix(".csv") if len(paths) > 1 else "monitor"
        logged = _episodes(path, damage)
        ordered = order({f"{prefix}/{name}": its for name, its in logged.items()}, path)
        series |= ordered.series
        notes += ordered.notes
        incidents += [*damage.incidents(), *ordered.incidents]
        hparams |= {name: value for name, value in _header(path).items() if name not in hparams}
    return Run(
        name=paths[0].parent.name,
        path=paths[0].parent,
        format="csv",
        series=series,
        hparams=hparams,
        notes=tuple(notes),
        incidents=tuple(incidents),
    )


def run(home: Path, watched: Run | None) -> Run:
    """The run of monitors without the training's progress. Raises `NotALog` where they hold no episode."""
    if watched is None or not watched.series:
        raise NotALog("not a training curve: a monitor without an episode")
    return replace(watched, name=home.name, path=home)


def joined(run: Run, watched: Run | None) -> Run:
    """A run together with what its environments saw."""
    if watched is None:
        return run
    return replace(
        run,
        series={**run.series, **watched.series},
        hparams={**watched.hparams, **run.hparams},
        notes=(*run.notes, *watched.notes),
        incidents=(*run.incidents, *watched.incidents),
    )


def _header(path: Path) -> Mapping[str, Scalar]:
    line = (head(path, FIRST_BYTES) or b"").split(b"\n", 1)[0].lstrip(b"#")
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    name = told.get("env_id") if isinstance(told, dict) else None
    return {"env_id": name} if isinstance(name, str) else {}


def _episodes(path: Path, damage: Damage) -> dict[str, Logged]:
    """The columns of one monitor by the steps of its environment; a row without a length has no place."""
    table = layout(terminated(content(path, "a monitor"), damage))
    if "r" not in table.names or "l" not in table.names:
        raise NotALog("not a training curve: a monitor without the columns r and l")
    found = columns(table, damage)
    if "l" not in found.values:
        return {}
    lengths = np.where(found.filled["l"] & np.isfinite(found.values["l"]), found.values["l"], 0.0)
    steps = np.cumsum(np.clip(lengths, 0, LAST_STEP / max(1, found.rows))).astype(np.int64)
    return {
        name: Logged(steps=steps[rows], values=values[rows])
        for name, values in found.values.items()
        if name != "l" and len(rows := np.flatnonzero(found.filled[name]))
    }
