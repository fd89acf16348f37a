"""Ray Tune's `result.json`: one object per reported result, with the trial's whole configuration in each.

Schema: ray 2.x, `tune/logger/json.py` and `air/_internal/json.py`: counted by `training_iteration`; NaN in a numpy
scalar is written as the text "null", while a missing value is a bare null. One trial is one folder. `progress.csv` in
it (`tune/logger/csv.py`) repeats those columns that the first result had, and is read only where it stands alone. The
errors of a trial that was tried again stay in its folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lrdoctor.model import Run, Scalar, Status
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._json import first_row, records, text
from lrdoctor.parsers._json_rows import Table, flat, whole
from lrdoctor.parsers._json_runs import Told, runs
from lrdoctor.parsers._values import hyperparameters
from lrdoctor.roles import RoleNames

NAME = "result.json"
REPEATED = "progress.csv"
COUNT = "training_iteration"
NO_SERIES = frozenset({
    COUNT, "config", "done", "trial_id", "experiment_id", "experiment_tag", "date", "pid", "hostname", "node_ip",
    "iterations_since_restore", "timesteps_since_restore", "time_since_restore", "warmup_time", "episodes_total",
})  # fmt: skip


def claims(path: Path) -> bool:
    """The file by its name and the count in its first row; also the table that repeats it."""
    if path.name == REPEATED:
        path = path.with_name(NAME)
    return path.name == NAME and path.is_file() and COUNT in first_row(path)


def home(path: Path) -> Path:
    """The trial's folder."""
    return path.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The run of a trial. Raises `LogError`."""
    path = files[0].with_name(NAME)
    damage, table = Damage(path), Table()
    hparams: dict[str, Scalar] = {}
    done = False
    for line, row in records(text(path), damage):
        step = whole(row.get(COUNT))
        if step is None:
            damage.add(f"line {line}", "no_step", f"no {COUNT} in the row: it is left out")
            continue
        hparams = hparams or hyperparameters(row.get("config"), damage, f"line {line}")
        done = row.get("done") is True
        kept = {key: value for key, value in row.items() if key not in NO_SERIES}
        for key in [key for key, value in kept.items() if value == "null"]:
            kept[key] = float("nan")
            damage.add(f"line {line}", "hidden_nonfinite", f'{key!r} is the text "null", which Ray writes for NaN', 0)
        table.add(flat(kept), line, step)
    status = Status.FINISHED if done else Status.UNKNOWN
    if not done and any((path.parent / name).is_file() for name in ("error.txt", "error.pkl")):
        status = Status.CRASHED
    yield from runs(table, names, damage, Told(format="ray_tune", home=home, hparams=hparams, status=status))
