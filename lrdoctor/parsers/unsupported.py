"""What is known and not read: named as what it is, with the way out, instead of `no log that we can read`.

It counts only where the user named it, or where there is nothing else. Signs: the file names of Aim 3.29, VisualDL 2.5
(`vdlrecords.*`), SwanLab, Neptune and CatBoost, the members of an offline Comet experiment
(`comet_ml/offline_utils.py`), and the first line of a git-lfs pointer (git-lfs, `docs/spec.md`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run
from lrdoctor.parsers._files import LFS_POINTER, head, open_regular
from lrdoctor.roles import RoleNames

LARGEST_POINTER = 1024
"""Bytes; the specification allows no more."""
LARGEST_INDEX = 1 << 16
"""Bytes at the end of a zip, where the names of its members stand."""
FOLDERS = {
    ".aim": "an Aim repository, which only the aim package can read: export the run's metrics as CSV",
    ".neptune": "Neptune's offline queue, which is not read: export the run's metrics as CSV",
}
NAMES = {
    r"vdlrecords\..*\.log": "a VisualDL log, which is not read: log through TensorBoard's writer, or as CSV",
    r".*\.swanlab": "a SwanLab log, which is not read: export the run's metrics as CSV",
    r"catboost_training\.json": "CatBoost's summary, which is not read: learn_error.tsv and learn/ beside it hold the "
    "curve",
    r"wandb-summary\.json": "W&B's summary, which holds only the last values: the run's .wandb file holds the curves",
    r".*\.(pkl|pickle)": "a pickle, which is never opened, because it could run code: write it as JSON or CSV",
    r".*\.parquet": "a Parquet file, which is not read: write it as CSV",
}
COMET = "an offline Comet experiment, which is not read: upload it and export its metrics as CSV"
POINTER = "a git-lfs pointer: the file itself was not fetched (git lfs pull)"


def claims(path: Path) -> bool:
    """Whatever has one of the signs, and no other parser."""
    return _folder(path) is not None or _message(path) is not None


def _folder(path: Path) -> Path | None:
    return next((folder for folder in path.parents if folder.name in FOLDERS), None)


def _message(path: Path) -> str | None:
    for pattern, message in NAMES.items():
        if re.fullmatch(pattern, path.name, re.IGNORECASE):
            return message
    if path.suffix == ".zip":
        return COMET if _is_comet(path) else None
    try:
        small = path.stat().st_size <= LARGEST_POINTER
    except (OSError, ValueError):
        return None
    return POINTER if small and head(path, len(LFS_POINTER)) == LFS_POINTER else None


def _is_comet(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            if file.read(2) != b"PK":
                return False
            file.seek(max(0, file.seek(0, 2) - LARGEST_INDEX))
            directory = file.read()
    except (LogError, OSError):
        return False
    return b"experiment.json" in directory and b"messages.json" in directory


def home(path: Path) -> Path:
    """The repository's folder, or the file."""
    return _folder(path) or path


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """Nothing: raises `NotALog`, which says what it is."""
    folder = _folder(files[0])
    raise NotALog(FOLDERS[folder.name] if folder else _message(files[0]) or "not a log that is read")
