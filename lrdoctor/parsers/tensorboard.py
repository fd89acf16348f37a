"""TensorBoard event files, of every writer: all points, none sampled away.

The files of one folder are one run, in the order of the number in their names. Three kinds of sub-folder are no run of
their own: Keras' `train/` and `validation/`, the `Loss_train/` that `add_scalars` makes, and the one in which
`add_hparams` keeps the configuration.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Floats, Run, Scalar, Series, Status
from lrdoctor.parsers._beside import beside, planned
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import LFS_POINTER, changed, folders_above, head, natural, opened, reason
from lrdoctor.parsers._scalar_events import Scalars
from lrdoctor.parsers._series import Logged, order
from lrdoctor.parsers._tfrecord import HEADER, length_of
from lrdoctor.roles import RoleNames

MARK = "tfevents"
TRAIN_FOLDERS = frozenset({"train", "training"})
OTHER_FOLDERS = frozenset({"validation", "val", "valid", "eval", "evaluation", "dev", "test"})
FIRST_BYTES = 1 << 16
"""Enough to meet every tag of a file that `add_scalars` wrote, and the whole of one of `add_hparams`."""
HUGGING_FACE_EPOCH = "train/epoch"
HUGGING_FACE_END = "train/train_runtime"
"""Logged once, when the training has come to its end."""
KERAS_EPOCHS = "epoch_loss"
"""What Keras logs per epoch is called so, and then its steps are epochs."""
MOST_EPOCHS = 1e6
_NAMED = re.compile(r"events\.out\.tfevents\.[0-9]+(\..*)?")
_SIDECAR = re.compile(r".*\.(csv|tsv|json|jsonl|txt|log|md|yaml|yml|toml|gz|zip|xz|bz2|zst|tmp|png|html|py)")


def claims(path: Path) -> bool:
    """Event files by their name; where the name is no sure sign, their first bytes must bear it out."""
    if MARK not in path.name:
        return False
    first = head(path, HEADER)
    if first is None:
        return False
    # A damaged, empty or unfetched event file is claimed too, so that what is wrong with it can be said.
    named = _NAMED.fullmatch(path.name) and not _SIDECAR.fullmatch(path.name.lower())
    return bool(named) or length_of(first) is not None


def home(path: Path) -> Path:
    """The run's folder: the file's own, or the one above where this is no run by itself."""
    folder = path.parent
    above = folder.parent
    if folder == above or not folder.name:
        return folder
    name = folder.name.lower()
    if name in TRAIN_FOLDERS | OTHER_FOLDERS:
        partners = OTHER_FOLDERS if name in TRAIN_FOLDERS else TRAIN_FOLDERS
        beside = any(_holds_events(above / partner) for partner in partners)
        return above if beside or _holds_events(above) else folder
    if _holds_events(above) and _configuration(path) is not None:
        return above
    return _home_of_add_scalars(path) or folder


def _home_of_add_scalars(path: Path) -> Path | None:
    """The folder above whose writer made this one for `add_scalars`: the file's only tag, spelt as a path, says so."""
    folder = path.parent
    if not any(map(_holds_events, folders_above(folder, 3))):
        return None
    tags = list(_beginning(path).columns())
    for outer in folders_above(folder, 3) if len(tags) == 1 else ():
        if _holds_events(outer) and _key(folder.relative_to(outer).as_posix(), tags[0]) is not None:
            return Path(outer)
    return None


def _key(folder: str, tag: str) -> str | None:
    """`train` for the folder `Loss_train` (torch) or `Loss/train` (tensorboardX) and the tag `Loss`, else None."""
    for spelt in (tag.replace("/", "_") + "_", tag + "/"):
        if folder.startswith(spelt) and len(folder) > len(spelt):
            return folder[len(spelt) :]
    return None


def _beginning(path: Path) -> Scalars:
    """What the first bytes of a file hold; nothing where it cannot be read."""
    scalars = Scalars()
    try:
        descriptor = opened(path)
        try:
            scalars.read(descriptor, Damage(path), FIRST_BYTES)
        finally:
            os.close(descriptor)
    except (LogError, OSError):
        return Scalars()
    return scalars


def _configuration(path: Path) -> tuple[Mapping[str, Scalar], Mapping[str, Logged]] | None:
    """What `add_hparams` wrote, if this is its file: hyperparameters, and one last point of some metrics, no curve."""
    try:
        if path.stat().st_size > FIRST_BYTES:
            return None
    except OSError:
        return None
    scalars = _beginning(path)
    columns = scalars.columns() if scalars.hparams else {}
    single = all(len(column.steps) == 1 for column in columns.values())
    return (scalars.hparams, columns) if scalars.hparams and single else None


def _holds_events(folder: Path | str) -> bool:
    try:
        return _holds_events_at(str(folder), changed(str(folder)))
    except OSError:
        return False


@lru_cache(maxsize=1 << 14)
def _holds_events_at(folder: str, changed: int) -> bool:
    """Asked once per file, while the answer is one per folder: 10,000 runs side by side would mean 10^8 names."""
    try:
        return any(MARK in name for name in os.listdir(folder))  # noqa: PTH208
    except OSError:
        return False


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The one run of these files. Raises `LogError` where none of them holds a scalar."""
    folders: dict[str, Scalars] = {}
    damages: list[Damage] = []
    refused: dict[Path, str] = {}
    hparams: dict[str, Scalar] = {}
    last_points: dict[str, Logged] = {}
    for path in sorted(files, key=_age):
        if len(files) > 1 and (configuration := _configuration(path)) is not None:
            hparams |= configuration[0]
            if path.parent == home:
                last_points |= configuration[1]
            continue
        damage = Damage(path)
        damages.append(damage)
        try:
            _read_file(path, folders.setdefault(_relative(path.parent, home), Scalars()), damage)
        except LogError as error:
            refused[path] = str(error)
    columns = _by_tag({folder: scalars.columns() for folder, scalars in folders.items()})
    for tag, point in last_points.items():
        # At the curve's own last step, or at 0, it would look like a restart; beyond it goes on with the curve.
        if tag not in columns:
            columns[tag] = point
        elif point.steps[0] > columns[tag].steps[-1]:
            columns[tag] = _longer(columns[tag], point)
    for tag in [tag for tag, column in columns.items() if _is_noise(tag, column)]:
        del columns[tag]
    if not columns:
        raise _nothing(refused, damages, any(scalars.others or scalars.hparams for scalars in folders.values()))
    for path, why in refused.items():
        damage = Damage(path)
        damage.add("", "unreadable_file", why, 0)
        damages.append(damage)
    ordered = order(columns, home)
    found = beside(home, files)
    hparams = {**found.hparams, **hparams}
    for scalars in folders.values():
        hparams |= scalars.hparams
    purged = {step: gone for scalars in folders.values() for step, gone in scalars.purged.items()}
    restarts = [f"restart at step {step}: {gone} points superseded" for step, gone in purged.items()]
    yield Run(
        name=home.name,
        path=home,
        format="tensorboard",
        series=ordered.series,
        hparams=hparams,
        status=Status.FINISHED if HUGGING_FACE_END in ordered.series else Status.UNKNOWN,
        planned_steps=_planned(ordered.series, hparams),
        notes=(*restarts, *ordered.notes, *found.notes),
        incidents=(*(incident for damage in damages for incident in damage.incidents()), *ordered.incidents),
    )


def _is_noise(tag: str, column: Logged) -> bool:
    """Whether this is the metric that Lightning logs for the hparams tab where the user logs none: -1, once."""
    return tag.rpartition("/")[2] == "hp_metric" and bool((column.values == -1).all())


def _longer(column: Logged, point: Logged) -> Logged:
    """A curve and what comes after it."""
    return Logged(
        steps=np.append(column.steps, point.steps),
        values=np.append(column.values, point.values),
        wall_times=np.append(_times(column), _times(point)),
        later_files=column.later_files,
    )


def _times(column: Logged) -> Floats:
    return np.full(len(column.steps), np.nan) if column.wall_times is None else column.wall_times


def _planned(series: Mapping[str, Series], hparams: Mapping[str, Scalar]) -> int | None:
    """How many steps the training was meant to take: as told, or by epochs where Hugging Face's epoch is logged."""
    taken = max((int(one.steps[-1]) for one in series.values()), default=0)
    told = planned(hparams, KERAS_EPOCHS in {tag.rpartition("/")[2] for tag in series}, taken)
    epochs, epoch = hparams.get("num_train_epochs"), series.get(HUGGING_FACE_EPOCH)
    if told is not None or epoch is None or not isinstance(epochs, int | float):
        return told
    step, reached = int(epoch.steps[-1]), float(epoch.values[-1])
    if not (step > 0 and 0 < reached <= epochs < MOST_EPOCHS):
        return None
    # It prints the epoch rounded, so near its end the estimate is too; what was reached is then the plan.
    return max(taken, round(step * epochs / reached)) if reached < epochs else taken


def _age(path: Path) -> tuple[int, list[tuple[int, int, str]], str]:
    """The number in the name is when the file was begun; as text, 999 would come after 1000."""
    begun = re.search(MARK + r"\.([0-9]{1,300})", path.name)
    return (int(begun[1]) if begun else 0, natural(path.name), str(path))


def _relative(folder: Path, home: Path) -> str:
    if folder == home:
        return "."
    try:
        return folder.relative_to(home).as_posix()
    except ValueError:
        return "."


def _read_file(path: Path, scalars: Scalars, damage: Damage) -> None:
    descriptor = opened(path)
    try:
        first = os.read(descriptor, len(LFS_POINTER))
        if first == LFS_POINTER:
            raise LogError("a git-lfs pointer: the file itself was not fetched (git lfs pull)")
        if not first:
            raise LogError("an empty file")
        try:
            scalars.read(descriptor, damage)
        except OSError as error:
            damage.add("", "read_failed", f"the file could not be read to its end: {reason(error)}", 0)
    finally:
        os.close(descriptor)


def _by_tag(folders: Mapping[str, Mapping[str, Logged]]) -> dict[str, Logged]:
    """Every column under one name: with its folder, where it has one; as `Loss/train`, where `add_scalars` made it."""
    named: dict[str, Logged] = {}
    for folder in sorted(folders, key=lambda folder: (folder != ".", natural(folder))):
        for tag, column in folders[folder].items():
            key = None if folder == "." else _key(folder, tag)
            name = tag if folder == "." else f"{tag}/{key}" if key else f"{folder}/{tag}"
            named[f"{folder}/{tag}" if name in named else name] = column
    return named


def _nothing(refused: Mapping[Path, str], damages: Sequence[Damage], others: bool) -> LogError:
    """Why there is no run: a whole file without scalars is no log, a broken one is trouble."""
    broken = [incident for damage in damages for incident in damage.incidents()]
    if refused:
        return LogError(next(iter(refused.values())))
    if broken:
        return LogError(f"no scalars in it; {broken[0].place}: {broken[0].message}".replace("; :", ":"))
    return NotALog(f"no scalars in it ({'graph, text or images only' if others else 'nothing was logged'})")
