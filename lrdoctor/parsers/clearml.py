"""ClearML's offline sessions, as the folder `offline-<id>/` and as the zip that is made of it.

Schema: `clearml/backend_interface/metrics` and `clearml/task.py` of clearml 2.1 (2026). `metrics.jsonl` holds a JSON
list of events per line, `task.json` the task with its hyperparameters as text, `log.jsonl` what the training printed.

ClearML reports NaN and infinite values as 0 unless told otherwise, and says so in the log the first time. Where it has
said so, an exact 0 of a loss or a gradient norm that was not 0 before is taken for what it stands for.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lrdoctor import limits
from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Role, Run, Scalar, Status
from lrdoctor.parsers._beside import planned
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import LFS_POINTER, head, open_regular, reason
from lrdoctor.parsers._metrics import Metric, last_step, logged, metric_of
from lrdoctor.parsers._series import order
from lrdoctor.parsers._settings import flat, scalar
from lrdoctor.parsers._values import STATES, number, parsed
from lrdoctor.roles import RoleNames

METRICS, TASK, LOG = "metrics.jsonl", "task.json", "log.jsonl"
FREE = 1 << 20
"""Bytes for which it does not matter how far they were compressed."""
LARGEST_INDEX = 1 << 20
"""Bytes of a zip's directory that are looked at; a session with thousands of plots has less."""
PIECE = 1 << 16
EMPTY_ZIP = 22
_REPLACED = re.compile(r"(?:nan|inf) value encountered\. Reporting it as '([^']{1,30})'", re.IGNORECASE)


def claims(path: Path) -> bool:
    """`metrics.jsonl` beside a `task.json`, or a zip that holds both."""
    if path.name == METRICS:
        return head(path.parent / TASK, 1) is not None and (head(path, 1) or b"").strip() in (b"[", b"")
    return path.suffix == ".zip" and _is_session(path)


def _is_session(path: Path) -> bool:
    first = head(path, 4)
    if first != b"PK\x03\x04":
        return False
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LARGEST_INDEX - EMPTY_ZIP))
            # The names of all members stand uncompressed in the directory at the end.
            directory = file.read()
    except (LogError, OSError):
        return False
    return all(
        re.search(rb"PK\x01\x02.{42}" + re.escape(name.encode()), directory, re.DOTALL) for name in (METRICS, TASK)
    )


def home(path: Path) -> Path:
    """The session's folder, also for the zip that was made of it and lies beside it, or the zip."""
    if path.name == METRICS:
        return path.parent
    folder = path.with_suffix("")
    return folder if (folder / METRICS).is_file() else path


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The one run of a session. Raises `LogError` where no event can be read, `NotALog` where none is a scalar."""
    path = next((file for file in files if file.name == METRICS), files[0])
    damage = Damage(path)
    metrics: dict[str, Metric] = {}
    with _member(path, METRICS) as file:
        for place, event in _events(file, damage):
            _take(event, place, metrics, damage)
    series = logged(metrics)
    if not series:
        lost = damage.incidents()
        raise LogError(f"{lost[0].place}: {lost[0].message}") if lost else NotALog("no scalars were reported in it")
    _uncover(metrics, _replacements(path), names, damage)
    task = _task(path, damage)
    hparams = _hyperparameters(task)
    ordered = order(logged(metrics), path)
    yield Run(
        name=str(task.get("name") or home.stem),
        path=home,
        format="clearml",
        series=ordered.series,
        hparams=hparams,
        status=STATES.get(str(task.get("status")).lower(), Status.UNKNOWN),
        planned_steps=planned(hparams, False, last_step(ordered.series)),
        notes=ordered.notes,
        incidents=(*damage.incidents(), *ordered.incidents),
    )


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a session, open; for one in a zip, how many bytes it takes there."""

    content: IO[bytes]
    packed: int | None = None


@contextmanager
def _member(path: Path, name: str) -> Iterator[_File]:
    """One file of the session, from its folder or from within its zip. Raises `LogError` where there is none."""
    with ExitStack() as stack:
        if path.name == METRICS:
            yield _File(stack.enter_context(open_regular(path.parent / name)))
            return
        file = stack.enter_context(open_regular(path))
        try:
            archive = stack.enter_context(zipfile.ZipFile(file))
            about = archive.getinfo(name)
            if about.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # Of the other ways to compress, zipfile unpacks as much at once as there is.
                raise LogError("the zip is not compressed in the way that ClearML does it")
            member = stack.enter_context(archive.open(about))
        except (OSError, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, ValueError) as error:
            raise LogError(f"the zip is damaged: {reason(error)}") from error
        yield _File(member, about.compress_size)


def _pieces(file: _File, damage: Damage) -> Iterator[bytes]:
    """What a file holds, as far as it can be unpacked and is no bomb: that is compressed a thousand times."""
    size, most = 0, limits.current()
    try:
        while piece := file.content.read(PIECE):
            size += len(piece)
            if file.packed is not None and size > FREE + most.ratio * file.packed:
                damage.over("ratio", f"unpacked it is more than {most.ratio} times as large: the rest is not read", 0)
                return
            if size > most.unpacked:
                damage.over("unpacked", f"more than {limits.shown('unpacked')}: the rest is not read", 0)
                return
            yield piece
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        damage.add(f"byte {size}", "read_failed", f"the file could not be read to its end: {reason(error)}", 0)


def _lines(file: _File, damage: Damage) -> Iterator[tuple[int, bytes, bool]]:
    """Number, content and completeness of every line."""
    at, rest, longest = 1, bytearray(), limits.current().record
    what = f"a line of more than {limits.shown('record')} is left out"
    for piece in _pieces(file, damage):
        *whole, after = piece.split(b"\n")
        for part in whole:
            line = bytes(rest) + part
            if len(line) > longest:
                damage.over("record", what, 1, f"line {at}")
            else:
                yield at, line, True
            at, rest = at + 1, bytearray()
        if len(rest) <= longest:  # else it is too long already, and need not be held
            rest += after
    if len(rest) > longest:
        damage.over("record", what, 1, f"line {at}")
    elif rest.strip(b"\0\r\n "):
        yield at, bytes(rest), False


def _events(file: _File, damage: Damage) -> Iterator[tuple[str, Any]]:
    """Place and content of every event."""
    for at, line, whole in _lines(file, damage):
        if at == 1 and line.startswith(LFS_POINTER):
            raise LogError("a git-lfs pointer: the file itself was not fetched (git lfs pull)")
        if not line.strip():
            continue
        try:
            told = parsed(line)
        except ValueError:
            kind = "unreadable_row" if whole else "truncated_tail"
            damage.add(f"line {at}", kind, "no JSON" if whole else "the last line is cut off: it is left out")
            continue
        for event in told if isinstance(told, list) else [told]:
            yield f"line {at}", event


def _take(event: Any, place: str, metrics: dict[str, Metric], damage: Damage) -> None:
    if not isinstance(event, dict) or event.get("type") != "training_stats_scalar":
        return
    value, step = number(event.get("value")), number(event.get("iter"))
    title, variant = event.get("metric"), event.get("variant")
    if value is None or step is None or not isinstance(title, str) or not isinstance(variant, str):
        damage.add(place, "unreadable_row", "a scalar without name, value or iteration: it is left out")
        return
    tag = title if title == variant or not variant else f"{title}/{variant}"
    metric = metric_of(tag, metrics, damage)
    if metric is not None:
        time = number(event.get("timestamp"))
        metric.add(step, value, math.nan if time is None else time)


def _replacements(path: Path) -> frozenset[float]:
    """What ClearML said that it reports in place of a value that is not finite."""
    said: set[float] = set()
    ignored = Damage(path)
    try:
        with _member(path, LOG) as file:
            for _, event in _events(file, ignored):
                text = event.get("msg") if isinstance(event, dict) else None
                for match in _REPLACED.finditer(text) if isinstance(text, str) else ():
                    instead = scalar(match[1])
                    if isinstance(instead, int | float):
                        said.add(float(instead))
    except LogError:
        pass
    return frozenset(said)


def _uncover(metrics: Mapping[str, Metric], replacements: frozenset[float], names: RoleNames, damage: Damage) -> None:
    if not replacements:
        return
    for tag, metric in metrics.items():
        role = names.of(tag)
        like_a_loss = role is None and names.speak_of_curves([tag])
        if role not in (Role.TRAIN_LOSS, Role.VAL_LOSS, Role.GRAD_NORM) and not like_a_loss:
            continue  # A rate of 0 is how a schedule ends.
        hidden = [at for at, value in enumerate(metric.values) if value in replacements]
        if not hidden or hidden[0] == 0:
            continue
        for at in hidden:
            metric.values[at] = math.nan
        first = metric.steps[hidden[0]]
        message = (
            f"{tag!r}: {len(hidden)} values, the first at step {first}, stand for NaN or infinity: ClearML said so"
        )
        damage.add("", "hidden_nonfinite", message, 0)


def _task(path: Path, damage: Damage) -> Mapping[str, Any]:
    try:
        with _member(path, TASK) as file:
            content = b"".join(_pieces(file, damage))
        told = parsed(content)
    except (LogError, ValueError) as error:
        damage.add("", "unreadable_configuration", f"{TASK}: {error}", 0)
        return {}
    return told if isinstance(told, dict) else {}


def _hyperparameters(task: Mapping[str, Any]) -> dict[str, Scalar]:
    """All sections as one; of two with one name in different sections, the later. `General` and `Args` are ours."""
    sections = task.get("hyperparams")
    found: dict[str, Scalar] = {}
    for section in sections.values() if isinstance(sections, dict) else ():
        for name, told in section.items() if isinstance(section, dict) else ():
            text = told.get("value") if isinstance(told, dict) else None
            if isinstance(text, str):
                found[str(name)] = scalar(text)
    try:
        return flat(found)
    except LogError:
        return {}
