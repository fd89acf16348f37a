"""DeepOBS' result files: one JSON document per run, with a loss per epoch and one per logged mini-batch.

Schema: DeepOBS 1.1 (TensorFlow) and 1.2 (PyTorch), `runners/runner.py`: `train_losses` begins before the first epoch,
`minibatch_train_losses` has one value per `train_log_interval` steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lrdoctor.errors import NotALog
from lrdoctor.model import Run, Status
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._json import beginning, document, text
from lrdoctor.parsers._json_rows import Table, cell, whole
from lrdoctor.parsers._json_runs import Told, runs
from lrdoctor.parsers._values import hyperparameters
from lrdoctor.roles import RoleNames

PER_EPOCH = {
    "train_losses": "train_loss",
    "valid_losses": "valid_loss",
    "test_losses": "test_loss",
    "train_accuracies": "train_accuracy",
    "valid_accuracies": "valid_accuracy",
    "test_accuracies": "test_accuracy",
}
NEEDED = frozenset({"train_losses", "test_losses"})


def claims(path: Path) -> bool:
    """A JSON document that begins with these lists."""
    found = beginning(path) if path.suffix == ".json" else None
    if not isinstance(found, dict) or not found.keys() >= NEEDED:
        return False
    return bool(found.keys() & {"minibatch_train_losses", "testproblem", "optimizer_name"})


def home(path: Path) -> Path:
    """The file itself: each random seed of a setting has its own in the same folder."""
    return path


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The run of one file. Raises `LogError`."""
    path = files[0]
    damage, table = Damage(path), Table()
    told = document(text(path), damage)
    if not isinstance(told, dict):
        raise NotALog("no results in it")
    losses = told.get("train_losses")
    epochs, interval = whole(told.get("num_epochs")), whole(told.get("train_log_interval")) or 1
    batches = told.get("minibatch_train_losses")
    # Of a list that was cut off nobody knows how long it was.
    per_epoch = None if damage.incidents() else _steps_per_epoch(batches, epochs, interval)
    notes = []
    if per_epoch is None:
        notes.append("how many steps an epoch has is not told: epochs are counted, and mini-batches left out")
    for key, name in PER_EPOCH.items():
        _take(name, told.get(key), per_epoch or 1, table)
    if per_epoch is not None:
        _take("minibatch_train_loss", batches, interval, table)
    finished = isinstance(losses, list) and epochs is not None and len(losses) > epochs
    about = Told(
        format="deepobs",
        home=home,
        hparams=hyperparameters(_settings(told), damage, ""),
        status=Status.FINISHED if finished else Status.UNKNOWN,
        planned_steps=epochs * (per_epoch or 1) if epochs else None,
        notes=tuple(notes),
    )
    yield from runs(table, names, damage, about)


def _steps_per_epoch(batches: object, epochs: int | None, interval: int) -> int | None:
    """How many optimizer steps an epoch has, by the mini-batches of a run that is whole."""
    if not isinstance(batches, list) or not epochs or epochs < 1 or interval < 1:
        return None
    steps = len(batches) * interval
    # With an interval that does not divide the epoch, the last entry may stand for fewer steps.
    return round(steps / epochs) if steps >= epochs and (interval > 1 or steps % epochs == 0) else None


def _take(name: str, values: object, every: int, table: Table) -> None:
    for at, value in enumerate(values if isinstance(values, list) else ()):
        read = cell(value)
        if isinstance(read, float):
            table.add({name: read}, at + 1, at * every)


def _settings(told: Mapping[str, Any]) -> dict[str, Any]:
    """All that is no curve; a schedule's epochs and factors are lists, too."""
    curves = {*PER_EPOCH, "minibatch_train_losses"}
    return {key: value for key, value in told.items() if key not in curves and value is not None}
