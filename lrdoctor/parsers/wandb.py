"""W&B's `.wandb` files, of runs online and offline, without the wandb package.

Schema: `wandb/proto/wandb_internal.proto` and `core/internal/transactionlog` of wandb 0.31 (2026), the same since 0.12:
records (see `_leveldb`) of protobuf, in which every value is JSON; bare `NaN` and `Infinity` are among it.

One folder `run-<time>-<id>` is one run. One that was resumed has several folders with the same id, read as one. The
folder `latest-run` is a link to one of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Role, Run, Status
from lrdoctor.parsers._beside import planned
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import LFS_POINTER, head, natural, open_regular, reason
from lrdoctor.parsers._leveldb import records
from lrdoctor.parsers._metrics import last_step, tell_tags
from lrdoctor.parsers._protobuf import fields
from lrdoctor.parsers._rows import Rows
from lrdoctor.parsers._series import order
from lrdoctor.parsers._values import hyperparameters, numbers, parsed
from lrdoctor.roles import RoleNames

SUFFIX = ".wandb"
MAGIC = b":W&B"
HEADER = 7
HISTORY, CONFIG, ALERT, METRIC, RUN, EXIT = 2, 5, 10, 12, 17, 18
"""Which field of a record is set says what it is."""
ALERTS = 5
_FOLDER = re.compile(r"(?:offline-)?run-([0-9]{8}_[0-9]{6})-(.+)")


def claims(path: Path) -> bool:
    """By the name; a damaged, empty or unfetched file too, so that what is wrong with it can be said."""
    return path.suffix == SUFFIX and head(path, 1) is not None


def home(path: Path) -> Path:
    """The run's folder; of a resumed run the earliest."""
    folder = path.parent
    try:
        if folder.name == "latest-run" and folder.is_symlink():
            folder = folder.parent / folder.readlink().name
        known = _FOLDER.fullmatch(folder.name)
        if known is None or path.stem != f"run-{known[2]}":
            return folder
        above = folder.parent
        return above / _earliest(above, above.stat().st_mtime_ns).get(known[2], folder.name)
    except (OSError, ValueError):
        return folder


@lru_cache(maxsize=1 << 10)
def _earliest(above: Path, changed: int) -> Mapping[str, str]:
    """The first folder of every run id that holds its log. Asked once per run, answered once per folder of runs."""
    found: dict[str, tuple[str, str]] = {}
    for entry in above.iterdir():
        known = _FOLDER.fullmatch(entry.name)
        if known and (entry / f"run-{known[2]}{SUFFIX}").is_file():
            told = (known[1], entry.name)
            found[known[2]] = min(found.get(known[2], told), told)
    return {run: name for run, (_, name) in found.items()}


@dataclass(slots=True)
class _Log:
    """What the records said."""

    rows: Rows = field(default_factory=Rows)
    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    axes: list[str] = field(default_factory=list)
    """What `define_metric` named as the step of others."""
    alerts: list[str] = field(default_factory=list)


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The one run of these files. Raises `LogError` where none can be read, and `NotALog` where nothing was logged."""
    log = _Log()
    damages = []
    refused: list[str] = []
    for path in sorted(files, key=lambda path: (_stamp(path), natural(path.name))):
        damage = Damage(path)
        damages.append(damage)
        try:
            _read_file(path, log, damage)
        except LogError as error:
            refused.append(str(error))
            damage.add("", "unreadable_file", str(error), 0)
    if log.rows.left_out:
        tell_tags(damages[0], log.rows.left_out)
    incidents = [incident for damage in damages for incident in damage.incidents()]
    if not log.rows.columns:
        if incidents:
            raise LogError(refused[0] if refused else f"no numbers in it; {incidents[0].place}: {incidents[0].message}")
        raise NotALog("no numbers in it: nothing was logged")
    logged, notes = log.rows.logged(names, [axis for axis in log.axes if names.of(axis) is not Role.EPOCH])
    ordered = order(logged, home)
    settings = Damage(home)
    hparams = hyperparameters({name: told for name, told in log.config.items() if name != "_wandb"}, settings, "")
    if log.exit_code is None:
        notes.append("its log has no end: the run goes on, or was killed")
    yield Run(
        name=log.name or home.name,
        path=home,
        format="wandb",
        series=ordered.series,
        hparams=hparams,
        status=Status.UNKNOWN if log.exit_code is None else Status.CRASHED if log.exit_code else Status.FINISHED,
        planned_steps=planned(hparams, False, last_step(ordered.series)) if log.rows.counted else None,
        notes=(*notes, *(f"the run raised an alert: {title}" for title in log.alerts), *ordered.notes),
        incidents=(*incidents, *settings.incidents(), *ordered.incidents),
    )


def _stamp(path: Path) -> str:
    known = _FOLDER.fullmatch(path.parent.name)
    return known[1] if known else ""


def _read_file(path: Path, log: _Log, damage: Damage) -> None:
    log.exit_code = None
    if log.rows.steps:
        log.rows.later_files.append(len(log.rows.steps))
    with open_regular(path) as file:
        try:
            first = file.read(len(LFS_POINTER))
            if not first:
                raise LogError("an empty file")
            if first == LFS_POINTER:
                raise LogError("a git-lfs pointer: the file itself was not fetched (git lfs pull)")
            if first[: len(MAGIC)] != MAGIC:
                raise LogError("not a W&B log, or its first bytes are damaged")
            for number, record in enumerate(records(file, HEADER, damage), 1):
                try:
                    _take(record, log)
                except (ValueError, TypeError) as error:
                    damage.add(f"record {number}", "unreadable_record", f"{error}: the record is left out")
        except OSError as error:
            damage.add("", "read_failed", f"the file could not be read to its end: {reason(error)}", 0)


def _take(record: bytes, log: _Log) -> None:
    for kind, content in fields(record):
        if not isinstance(content, bytes):
            continue
        if kind == HISTORY:
            _history(content, log.rows)
        elif kind == CONFIG:
            log.config |= _config(content)
        elif kind == RUN:
            told = dict(fields(content))
            log.name = _text(told.get(8, b"")) or log.name
            log.config |= _config(told.get(4, b""))
        elif kind == METRIC:
            axis = _text(dict(fields(content)).get(4, b""))
            if axis and axis not in log.axes:
                log.axes.append(axis)
        elif kind == EXIT:
            code = dict(fields(content)).get(1, 0)
            log.exit_code = code if isinstance(code, int) else 1
        elif kind == ALERT and len(log.alerts) < ALERTS:
            log.alerts.append(_text(dict(fields(content)).get(1, b""))[:80])


def _history(content: bytes, rows: Rows) -> None:
    values: dict[str, float] = {}
    media: list[str] = []
    step: float = len(rows.steps)
    for number, part in fields(content):
        if number == 1 and isinstance(part, bytes):
            name, text = _item(part)
            if name.endswith("._type"):
                media.append(name.removesuffix("_type"))
            elif text[:1] in (b"{", b'"'):
                values.update(numbers(parsed(text), name))
            elif text[:1] in b"-0123456789NI" and text:
                values[name] = float(text)
        elif number == 2 and isinstance(part, bytes):
            told = dict(fields(part)).get(1, 0)
            step = told if isinstance(told, int) else step
    step, time = values.get("_step", step), values.get("_timestamp", math.nan)
    own = {name: value for name, value in sorted(values.items()) if not name.startswith("_")}
    if media:
        # A histogram or an image is several items, sizes and bounds among them.
        own = {name: value for name, value in own.items() if not name.startswith(tuple(media))}
    if own:
        rows.add(step, time, own)


def _item(content: bytes) -> tuple[str, bytes]:
    """Name and JSON of one value; the parts of a nested name are joined by dots."""
    parts, text = [], b""
    for number, part in fields(content):
        if number in (1, 2) and isinstance(part, bytes):
            parts.append(_text(part))
        elif number == 16 and isinstance(part, bytes):
            text = part
    return ".".join(parts), text


def _config(content: int | bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, part in fields(content) if isinstance(content, bytes) else ():
        if number == 1 and isinstance(part, bytes):
            name, text = _item(part)
            try:
                found[name] = parsed(text)
            except ValueError:
                continue
    return found


def _text(content: int | bytes) -> str:
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
