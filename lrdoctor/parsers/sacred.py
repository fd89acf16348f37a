"""Sacred's file store: `metrics.json` with `run.json` and `config.json` beside it, one numbered folder per run.

Schema: sacred 0.8.7, `observers/file_storage.py`: every metric has `steps`, `timestamps` and `values`; `run.json` tells
how the run ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Status
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import head
from lrdoctor.parsers._json import document, text
from lrdoctor.parsers._json_rows import Table, cell, whole
from lrdoctor.parsers._json_runs import Told, runs
from lrdoctor.parsers._values import hyperparameters
from lrdoctor.roles import RoleNames

NAME = "metrics.json"
STATUSES = {
    "COMPLETED": Status.FINISHED,
    "RUNNING": Status.RUNNING,
    "FAILED": Status.CRASHED,
    "DIED": Status.CRASHED,
    "TIMEOUT": Status.CRASHED,
}
"""A run that was interrupted, or only queued, is told as it is, in a note."""
BOOKKEEPING = frozenset({"seed"})
LONGEST_REASON = 200


def claims(path: Path) -> bool:
    """The metrics of a folder that holds a Sacred run's other files."""
    beside = (path.parent / name for name in ("run.json", "config.json"))
    return path.name == NAME and all(head(file, 1) is not None for file in (path, *beside))


def home(path: Path) -> Path:
    """The run's folder."""
    return path.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The run of a folder. Raises `LogError`."""
    path = files[0]
    damage, table = Damage(path), Table()
    metrics = document(text(path), damage)
    for name, metric in metrics.items() if isinstance(metrics, dict) else ():
        if isinstance(metric, dict):
            _take(str(name), metric, table, damage)
    if not table.rows:
        raise NotALog("no metric was logged (Run.log_scalar)")
    config, about = (_beside(path.parent / name) for name in ("config.json", "run.json"))
    said = str(about.get("status") or "").upper()
    trace = about.get("fail_trace")
    why = str(trace[-1]).strip() if isinstance(trace, list) and trace else ""
    notes = () if said in ("", "COMPLETED") else (f"Sacred says {said[:40]}{': ' * bool(why)}{why[:LONGEST_REASON]}",)
    told = Told(
        format="sacred",
        home=home,
        hparams=hyperparameters(config, damage, "config.json"),
        status=STATUSES.get(said, Status.UNKNOWN),
        notes=notes,
    )
    yield from runs(table, names, damage, told)


def _take(name: str, metric: dict[str, Any], table: Table, damage: Damage) -> None:
    steps, values, times = (
        its if isinstance(its := metric.get(key), list) else [] for key in ("steps", "values", "timestamps")
    )
    for at, (step, value) in enumerate(zip(steps, values, strict=False)):
        number, place = cell(value), whole(step)
        if not isinstance(number, float) or place is None:
            damage.add(f"{name}, entry {at + 1}", "unreadable_cell", "no number, or no step: the point is left out")
            continue
        row = {name: number}
        seconds = _seconds(times[at]) if at < len(times) else None
        if seconds is not None:
            row["wall_time"] = seconds
        table.add(row, at + 1, place)
    if len(steps) != len(values):
        lost = abs(len(steps) - len(values))
        damage.add(name, "truncated_tail", f"{len(values)} values for {len(steps)} steps: the rest is left out", lost)


def _seconds(said: object) -> float | None:
    """Sacred's clock is UTC and does not say so."""
    try:
        return datetime.fromisoformat(str(said)).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _beside(path: Path) -> dict[str, Any]:
    """What the other files say; nothing where they cannot be read."""
    try:
        found = document(text(path), Damage(path))
    except LogError:
        return {}
    return found if isinstance(found, dict) else {}
