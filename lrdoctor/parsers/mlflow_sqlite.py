"""MLflow's databases: every run of every experiment in one SQLite file, by default `mlflow.db`.

Schema: `mlflow/store/tracking/dbmodels/models.py` of MLflow 3.17 (2026), the same in these columns since 1.0. NaN is
stored as 0 with `is_nan` set, and an infinite value as the largest float. Runs that the user has deleted are left out.
"""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Scalar, Status
from lrdoctor.parsers import _sqlite
from lrdoctor.parsers._beside import planned
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._metrics import Metric, last_step, logged, metric_of
from lrdoctor.parsers._series import order
from lrdoctor.parsers._settings import scalar
from lrdoctor.parsers._values import STATES
from lrdoctor.roles import RoleNames

METRICS = ("run_uuid", "key", "value", "is_nan", "step", "timestamp")
RUNS = ("run_uuid", "name", "status", "lifecycle_stage")
PARAMS = ("run_uuid", "key", "value")
TABLES = {"metrics": frozenset(METRICS), "runs": frozenset(RUNS), "params": frozenset(PARAMS)}


def claims(path: Path) -> bool:
    """SQLite files with MLflow's tables."""
    return _sqlite.claimed(path, TABLES)


def home(path: Path) -> Path:
    """The database itself."""
    return path


@dataclass(slots=True)
class _Run:
    name: str
    metrics: dict[str, Metric] = field(default_factory=dict)
    hparams: dict[str, Scalar] = field(default_factory=dict)
    status: Status = Status.UNKNOWN
    deleted: bool = False


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """Every run with a metric, in the order in which they began. Raises `NotALog` where there is none."""
    (path,) = files
    damage = Damage(path)
    with _sqlite.store(path, TABLES, "MLflow") as (database, _):
        runs = _runs(database, path, damage)
    shown = [run for run in runs.values() if run.metrics and not run.deleted]
    if not shown:
        lost = damage.incidents()
        raise LogError(lost[0].message) if lost else NotALog("no run in it has logged a metric")
    for at, run in enumerate(shown):
        ordered = order(logged(run.metrics), path)
        yield Run(
            name=run.name,
            path=path,
            format="mlflow_sqlite",
            series=ordered.series,
            hparams=run.hparams,
            status=run.status,
            planned_steps=planned(run.hparams, False, last_step(ordered.series)),
            notes=ordered.notes,
            # What the file lost may be of any of its runs; it is told once.
            incidents=(*(damage.incidents() if at == 0 else ()), *ordered.incidents),
        )


def _runs(database: sqlite3.Connection, path: Path, damage: Damage) -> Mapping[str, _Run]:
    runs: dict[str, _Run] = {}
    for run, name, status, stage in _sqlite.rows(database, "runs", RUNS, path, damage):
        state = STATES.get(str(status).lower(), Status.UNKNOWN)
        runs[str(run)] = _Run(str(name or run), status=state, deleted=stage == "deleted")
    for at, (run, key, value, is_nan, step, time) in enumerate(
        _sqlite.rows(database, "metrics", METRICS, path, damage), 1
    ):
        its = runs.setdefault(str(run), _Run(str(run)))
        if not isinstance(value, int | float) or not isinstance(step, int | float) or not isinstance(key, str):
            damage.add(f"table metrics, row {at}", "unreadable_row", "no number: the row is left out")
        elif (metric := metric_of(key, its.metrics, damage)) is not None:
            milliseconds = float(time) if isinstance(time, int | float) else math.nan
            metric.add(step, _value(value, is_nan), milliseconds)
    for run, key, text in _sqlite.rows(database, "params", PARAMS, path, damage):
        if str(run) in runs and isinstance(key, str) and isinstance(text, str):
            runs[str(run)].hparams[key] = scalar(text)
    return runs


def _value(stored: float, is_nan: object) -> float:
    if is_nan not in (0, False, None):
        return math.nan
    return math.copysign(math.inf, stored) if abs(stored) >= sys.float_info.max else float(stored)
