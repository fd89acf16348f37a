"""The configuration that lies beside a log, and the plan that it tells: the same for every format.

Known are what Lightning (`hparams.yaml`), Hugging Face's Accelerate (`hparams.yml`), timm and Ultralytics
(`args.yaml`), YOLOv5 (`opt.yaml`, `hyp.yaml`), DVC (`params.yaml`), Spinning-Up and Sacred (`config.json`), W&B
(`config.yaml`) and Hydra (`.hydra/config.yaml`) write, and what people call theirs; beside `a.csv` also `a.yaml` and
`a_config.json`. Pickles, such as `training_args.bin`, are never opened.

A logger may file the log below the run's folder. So the folders above are looked at too, as long as the one below is
named after a kind of log and not after a run; Hydra's own folder, which is a sure sign, is looked for higher up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lrdoctor import limits
from lrdoctor.errors import LogError
from lrdoctor.model import Scalar
from lrdoctor.parsers._files import changed, content, folders_above
from lrdoctor.parsers._settings import settings

SUFFIXES = frozenset({".yaml", ".yml", ".json", ".txt"})
STEMS = (
    "training_args", "train_args", "args", "arguments", "hparams", "hyperparameters", "hyperparams", "opt", "hyp",
    "params", "train_config", "training_config", "config", "configuration", "cfg", "flags",
)  # fmt: skip
"""Those that were surely given to this training come before those that may describe the model; the first one counts."""
LISTED = frozenset({"training_args", "train_args", "args", "arguments", "opt", "hparams"})
"""As `.txt` only these: other text files of such a name are notes."""
HYDRA = Path(".hydra") / "config.yaml"
LEVELS = 5
"""Above the log's folder. `logs/csv_logs/version_0/` has three, Hydra's multi-runs with a sub-folder per kind four."""
SHARED = 4
"""So many logs side by side are several runs, and a configuration without their name may be of any of them."""
KINDS = frozenset({
    "logs", "log", "log_dir", "tb", "tensorboard", "tb_logs", "tensorboard_logs", "csv", "csv_logs", "csv_logger",
    "events", "metrics", "plots", "scalars", "vis_data", "train", "training", "val", "valid", "validation", "eval",
    "test", "files",
})  # fmt: skip
"""Folders of one run, by what they hold."""
_STAMP = re.compile(r"[0-9]{8}_[0-9]{6}")
"""MMEngine's folder of a run, below the one that the user named."""
COUNTS_OF_EPOCHS = (
    "epochs", "max_epochs", "num_epochs", "n_epochs", "num_train_epochs", "nb_epochs", "total_epochs", "train_epochs",
)  # fmt: skip
COUNTS_OF_STEPS = (
    "max_steps", "max_train_steps", "num_train_steps", "num_training_steps", "total_steps", "train_steps",
    "training_steps", "num_steps", "max_iters", "max_iter", "train_iters", "total_iters", "num_iterations",
    "total_timesteps",
)  # fmt: skip
MOST_PLANNED = 10**12
KEPT = 1 << 10
"""Parsed files that are remembered: runs side by side share them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What was found."""

    hparams: Mapping[str, Scalar]
    notes: tuple[str, ...]
    """A file that has the name of a configuration and cannot be read as one."""


_REMEMBERED: ContextVar[dict[tuple[Path, tuple[Path, ...]], Beside] | None] = ContextVar("beside", default=None)


def configuration(folder: Path, files: Sequence[Path]) -> dict[str, Scalar]:
    """The hyperparameters beside the files of one run that lie in or below `folder`; nothing where there are none.

    Nested names are joined by `.`; where two files name one setting, the nearer counts. Never raises.
    """
    return dict(beside(folder, files).hparams)


@contextmanager
def remembered() -> Iterator[None]:
    """While inside, nothing is looked for twice: a parser may have asked for what all runs are given."""
    before = _REMEMBERED.set({})
    try:
        yield
    finally:
        _REMEMBERED.reset(before)


def beside(folder: Path, files: Sequence[Path]) -> Beside:
    """The same, with what there is to say about it."""
    known, key = _REMEMBERED.get(), (folder, tuple(files))
    if known is None:
        return _beside(folder, files)
    found = known.get(key)
    if found is None:
        found = known[key] = _beside(folder, files)
    return found


def _beside(folder: Path, files: Sequence[Path]) -> Beside:
    folder = folder.parent if folder in files else folder
    hparams: dict[str, Scalar] = {}
    notes: list[str] = []
    for path in _candidates(folder, files):
        try:
            about = path.stat()
            found, trouble = _parsed(path, about.st_mtime_ns, about.st_size, limits.current().settings)
        except (OSError, ValueError):
            continue  # it vanished, or its link leads nowhere
        if trouble:
            notes.append(f"{path.name}: not read for hyperparameters: {trouble}")
        for name, value in found.items():
            hparams.setdefault(name, value)
    return Beside(hparams=hparams, notes=tuple(notes))


def planned(hparams: Mapping[str, Scalar], epochs: bool, taken: int) -> int | None:
    """How many steps were meant to be taken, or epochs where the axis counts them; `taken` says how many were.

    A number below that is none of the plan: an environment's `max_steps` per episode, or a budget in another unit.
    """
    told = {re.split(r"[./]", name)[-1].lower(): value for name, value in hparams.items()}
    for name in () if not told else COUNTS_OF_EPOCHS if epochs else COUNTS_OF_STEPS:
        value = told.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < taken <= value < MOST_PLANNED:
            return int(value)
    return None


def _candidates(folder: Path, files: Sequence[Path]) -> list[Path]:
    """The files that may hold the configuration, the nearest first."""
    found: list[Path] = []
    # As text, like the folders above: there may be ten thousand runs side by side.
    below = {os.path.dirname(str(file)) or "." for file in files} if len(files) <= SHARED else set()  # noqa: PTH120
    inside = str(folder) not in below and all(folder in Path(inner).parents for inner in below)
    for path in sorted(map(Path, below)) if inside else ():
        found += _known(path, _names(str(path)))
    own = _names(str(folder))
    suffix = files[0].suffix.lower() if len(files) == 1 else ""
    if own.settings and len(files) == 1 and str(folder) in below:
        found += _own(files[0], own)
    shared = suffix and own.logs.get(suffix, 0) >= SHARED
    near = not shared
    for place in (str(folder), *folders_above(folder, LEVELS)):
        names = _names(place) if place != str(folder) else own
        if near and names.settings:
            found += _known(Path(place), names)
        if names.hydra:
            found.append(Path(place) / HYDRA)
            break
        near = near and _of_one_run(os.path.basename(place))  # noqa: PTH119
    return [path for path in dict.fromkeys(found) if path not in files] if found else found


def _of_one_run(folder: str) -> bool:
    return folder.lower() in KINDS or _STAMP.fullmatch(folder) is not None


def _known(folder: Path, names: _Names) -> list[Path]:
    lower = {name.lower(): name for name in names.settings}
    told = [f"{stem}{suffix}" for stem in STEMS for suffix in (".yaml", ".yml", ".json", ".txt")]
    return [folder / lower[name] for name in told if name in lower and (name[-4:] != ".txt" or name[:-4] in LISTED)]


def _own(file: Path, names: _Names) -> list[Path]:
    """Those that carry the name of this one log."""
    stem = file.name.removesuffix(file.suffix) or file.name
    told = [f"{stem}.yaml", f"{stem}.yml"]
    told += [f"{stem}{join}{known}{end}" for known in STEMS for join in "._-" for end in (".yaml", ".yml", ".json")]
    return [file.parent / name for name in told if name in names.settings and name != file.name]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Names:
    """What matters of a folder's listing."""

    settings: frozenset[str]
    """Files that may be a configuration by their suffix."""
    logs: Mapping[str, int]
    """How many files there are of each suffix."""
    hydra: bool


def _names(folder: str) -> _Names:
    try:
        return _names_at(folder, changed(folder))
    except (OSError, ValueError):
        return _Names(settings=frozenset(), logs={}, hydra=False)


@lru_cache(maxsize=1 << 12)
def _names_at(folder: str, changed: int) -> _Names:
    """Asked once per run, while the answer is one per folder."""
    names = os.listdir(folder)  # noqa: PTH208
    kept, logs = list[str](), dict[str, int]()
    for name in names:
        # The last suffix alone, by hand: a Path for each of 10,000 names would be most of the time.
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
        logs[suffix] = logs.get(suffix, 0) + 1
        if suffix in SUFFIXES:
            kept.append(name)
    return _Names(settings=frozenset(kept), logs=logs, hydra=".hydra" in names)


@lru_cache(maxsize=KEPT)
def _parsed(path: Path, changed: int, size: int, most: int) -> tuple[Mapping[str, Scalar], str]:
    """The settings of one file, and why there are none."""
    try:
        return settings(content(path, "a configuration", "settings"), path.suffix.lower()), ""
    except LogError as error:
        return {}, str(error)
