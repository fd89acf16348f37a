"""Chainer's `log`: a JSON list that `LogReport` writes anew after every epoch.

Schema: chainer 7.8.1, `training/extensions/log_report.py`: each entry has `iteration`, `epoch`, `elapsed_time` and the
means since the entry before, such as `main/loss` and `validation/main/loss`; `lr` where `observe_lr` is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lrdoctor.errors import NotALog
from lrdoctor.model import Run
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._json import document, first_row, text
from lrdoctor.parsers._json_rows import Table, flat, whole
from lrdoctor.parsers._json_runs import Told, runs
from lrdoctor.roles import RoleNames

SIGNS = frozenset({"iteration", "epoch", "elapsed_time"})


def claims(path: Path) -> bool:
    """A file named `log`, with or without `.json`, whose first entry counts as Chainer does."""
    return path.name in ("log", "log.json") and first_row(path).keys() >= SIGNS


def home(path: Path) -> Path:
    """The output folder."""
    return path.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The run of an output folder. Raises `LogError`."""
    path = files[0]
    damage, table = Damage(path), Table()
    entries = document(text(path), damage)
    for number, entry in enumerate(entries if isinstance(entries, list) else (), 1):
        step = whole(entry.get("iteration")) if isinstance(entry, dict) else None
        if step is None:
            damage.add(f"entry {number}", "no_step", "no iteration in the entry: it is left out")
            continue
        table.add({key: value for key, value in flat(entry).items() if key != "iteration"}, number, step)
    if not table.rows:
        raise NotALog("no entries in it")
    yield from runs(table, names, damage, Told(format="chainer", home=home))
