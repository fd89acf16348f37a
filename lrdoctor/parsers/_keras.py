"""Keras' BackupAndRestore: what it leaves in its folder when a `fit` did not come to its end.

The callback removes its folder at the end of the training (keras/src/callbacks/backup_and_restore.py, Keras 3). So
where `training_metadata.json`, `{"epoch": 3, "batch": 0}`, is there, the training broke off, or still goes on.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

from lrdoctor.parsers._files import changed, head

METADATA = "training_metadata.json"
LARGEST = 1 << 12
FOLDERS = 20
"""Folders beside a log that are looked into."""


def broken_off(path: Path, epochs: int) -> str:
    """What the backup beside a log of so many epochs says; empty where there is none, or where it is another's."""
    for folder in _backups(path.parent):
        try:
            told = json.loads(head(folder / METADATA, LARGEST) or b"")
        except (ValueError, RecursionError):
            continue
        epoch = told.get("epoch") if isinstance(told, dict) and set(told) == {"epoch", "batch"} else None
        # It is written after the epoch's last batch, before or after the table's row.
        if isinstance(epoch, int) and epochs - 1 <= epoch <= epochs + 1:
            return f"{METADATA} is still there: the training broke off behind epoch {epoch}, or goes on"
    return ""


def _backups(folder: Path) -> tuple[Path, ...]:
    try:
        return _backups_at(folder, changed(str(folder)))
    except OSError:
        return ()


@lru_cache(maxsize=1 << 12)
def _backups_at(folder: Path, changed: int) -> tuple[Path, ...]:
    with os.scandir(folder) as listing:
        inner = [folder / entry.name for entry in listing if entry.is_dir(follow_symlinks=False)]
    places = [folder, *sorted(inner)[:FOLDERS]]
    return tuple(place for place in places if (place / METADATA).is_file())
