"""Databases of trackio: one per project, every run of it, with what each logged in JSON.

Schema: `trackio/sqlite_storage.py` of trackio 0.43 (2026). Its JSON is strict, so `NaN` and `Infinity` are texts in it.
Before 0.24 a run had no id but its name. The steps count the calls of `log`; see `_rows`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Scalar
from lrdoctor.parsers import _sqlite
from lrdoctor.parsers._beside import planned
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._metrics import last_step, tell_tags
from lrdoctor.parsers._rows import Rows
from lrdoctor.parsers._series import order
from lrdoctor.parsers._values import hyperparameters, numbers, parsed
from lrdoctor.roles import RoleNames

TABLES = {
    "metrics": frozenset({"timestamp", "run_name", "step", "metrics"}),
    "configs": frozenset({"run_name", "config"}),
}


def claims(path: Path) -> bool:
    """SQLite files with trackio's tables."""
    return _sqlite.claimed(path, TABLES)


def home(path: Path) -> Path:
    """The database itself."""
    return path


@dataclass(slots=True)
class _Run:
    name: str
    damage: Damage
    rows: Rows = field(default_factory=Rows)
    hparams: dict[str, Scalar] = field(default_factory=dict)


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """Every run of the project, in the order in which they began. Raises `NotALog` where nothing was logged."""
    (path,) = files
    damage = Damage(path)
    with _sqlite.store(path, TABLES, "trackio") as (database, known):
        runs = _runs(database, known, path, damage)
    runs = {key: run for key, run in runs.items() if run.rows.columns}
    if not runs:
        lost = damage.incidents()
        raise LogError(lost[0].message) if lost else NotALog("no run in it has logged a number")
    for key, run in runs.items():
        logged, notes = run.rows.logged(names)
        if run.rows.left_out:
            tell_tags(run.damage, run.rows.left_out)
        ordered = order(logged, path)
        shared = damage.incidents() if key == next(iter(runs)) else ()
        yield Run(
            name=run.name,
            path=path,
            format="trackio",
            series=ordered.series,
            hparams=run.hparams,
            planned_steps=planned(run.hparams, False, last_step(ordered.series)) if run.rows.counted else None,
            notes=(*notes, *ordered.notes),
            incidents=(*shared, *run.damage.incidents(), *ordered.incidents),
        )


def _runs(
    database: sqlite3.Connection, known: Mapping[str, frozenset[str]], path: Path, damage: Damage
) -> Mapping[str, _Run]:
    key = {table: "run_id" if "run_id" in known[table] else "run_name" for table in TABLES}
    runs: dict[str, _Run] = {}
    wanted = (key["metrics"], "run_name", "step", "timestamp", "metrics")
    for at, (run, name, step, time, content) in enumerate(_sqlite.rows(database, "metrics", wanted, path, damage), 1):
        its = runs.setdefault(str(run), _Run(str(name), Damage(path)))
        try:
            values = dict(numbers(parsed(content)))
            if not isinstance(step, int | float):
                raise ValueError("its step is no number")
        except (TypeError, ValueError) as error:
            its.damage.add(f"table metrics, row {at}", "unreadable_row", f"{error}: the row is left out")
            continue
        its.rows.add(step, _seconds(time), values)
    for run, content in _sqlite.rows(database, "configs", (key["configs"], "config"), path, damage):
        try:
            told = parsed(content)
        except (TypeError, ValueError):
            continue
        if str(run) in runs and isinstance(told, dict):
            own = {name: value for name, value in told.items() if name[:1] != "_"}
            runs[str(run)].hparams = hyperparameters(own, damage, f"table configs, run {run}")
    return runs


def _seconds(time: object) -> float:
    try:
        told = datetime.fromisoformat(str(time))
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return float("nan")
