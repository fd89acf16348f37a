"""Tables of a training: Keras' CSVLogger, Lightning's `metrics.csv`, and any other with one row per step or epoch.

One file is one run. A table that holds no curve, such as one row per run of a sweep, is told from one that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Floats, Ints, Role, Run, Scalar
from lrdoctor.parsers._columns import Columns, Flags, columns
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import LFS_POINTER, head, open_regular, reason
from lrdoctor.parsers._series import LAST_STEP, Logged, order
from lrdoctor.parsers._table import Layout, layout
from lrdoctor.roles import RoleNames

SUFFIXES = frozenset({".csv", ".tsv"})
PERHAPS = frozenset({".txt", ".log"})
"""Mostly prose. A table only if a header and a row of numbers come first."""
FIRST_BYTES = 1 << 14
LARGEST = 1 << 29
"""Bytes. The table is read whole, and a log of this size has millions of rows."""
PIECE = 1 << 24
COVERED = 0.9
"""A column that is empty in more than a tenth of the rows that matter does not count the steps."""
EXPLODED = 10.0
"""So far above its usual level, a loss that then falls silent has diverged; a noisy one does not rise so high."""
FEWEST = 5
"""Values that make a usual level."""
LAST_VALUES = 3
"""An infinite one among them is the end; a single one earlier was got over."""
SILENT_ROWS = 2
"""A last row alone may be a summary without a loss."""
BEYOND = 2 * LAST_STEP
"""Where a step that no integer holds is put, to be refused with the other impossible ones."""
RUN_COLUMNS = frozenset({"run", "run_name", "run_id", "experiment", "exp", "trial", "trial_id", "variant"})
SETTINGS = frozenset({"seed", "batch_size", "bs", "weight_decay", "momentum", "dropout", "warmup_steps", "max_steps"})
"""Columns of one repeated number that describe the run."""
LONGEST_SETTING = 200
_CLOCK = re.compile(r"[0-9]{4}-[0-9]{2}.*|[0-9]+:[0-9]{2}.*")


def claims(path: Path) -> bool:
    """Every `.csv` and `.tsv`, so that `read` can say why it is no curve; other text only where a table comes first."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        first = head(path, FIRST_BYTES)
        return first is not None and (b"\0" not in first.strip(b"\0") or first[:2] in (b"\xff\xfe", b"\xfe\xff"))
    if suffix not in PERHAPS:
        return False
    first = head(path, FIRST_BYTES)
    return bool(first) and _begins_as_table(first or b"")


def _begins_as_table(first: bytes) -> bool:
    try:
        table = layout(first)
        found = columns(table, Damage(Path()))
    except NotALog:
        return False
    names = RoleNames()
    return (
        len(table.names) > 1
        and found.rows > 1
        and any(names.of(name) in CURVES for name in found.values)
        and names.step_column(list(found.values)) is not None
    )


CURVES = frozenset({Role.TRAIN_LOSS, Role.VAL_LOSS, Role.LR, Role.GRAD_NORM, Role.ACCURACY})


def home(path: Path) -> Path:
    """The file itself."""
    return path


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The one run of a table. Raises `NotALog` for a table that holds no curve."""
    (path,) = files
    damage = Damage(path)
    table = layout(_content(path))
    if not names.speak_of_curves(table.names):
        raise NotALog(f"not a training curve: no column is known as a loss, a rate or an accuracy ({_some(table)})")
    found = columns(table, damage)
    if not found.rows:
        raise NotALog("not a training curve: no rows below the header")
    _refuse_sweep(found, names)
    steps, placed, axis, notes = _axis(found, names)
    if found.rows == 1 and not axis:
        raise NotALog("not a training curve: a single row, and no column counts steps")
    settings = _settings(found)
    logged: dict[str, Logged] = {}
    unplaced = 0
    for name, values in found.values.items():
        # An epoch that is the axis stays a series, to say so. W&B's own columns begin with an underscore.
        if name in settings or name.startswith("_") or (name == axis and names.of(name) is not Role.EPOCH):
            continue
        filled = _with_silence(name, found, damage) if _is_loss(name, names) else found.filled[name]
        unplaced += int((filled & ~placed).sum())
        rows = np.flatnonzero(filled & placed)
        if len(rows):
            logged[name] = Logged(steps=steps[rows], values=values[rows])
    if unplaced:
        damage.add("", "no_step", f"{unplaced} points in rows whose {axis!r} is empty or no number", unplaced)
    ordered = order(logged, path)
    if not CURVES.intersection(names.assign(ordered.series)[0]):
        raise NotALog("not a training curve: no column of numbers is a loss, a rate or an accuracy")
    yield Run(
        name=home.name,
        path=home,
        format="csv",
        series=ordered.series,
        hparams=settings,
        notes=(*notes, *ordered.notes),
        incidents=(*damage.incidents(), *ordered.incidents),
    )


def _content(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            parts, size = [], 0
            # Piece by piece: to read at most LARGEST at once would set that much memory aside for the smallest table.
            while size <= LARGEST and (part := file.read(PIECE)):
                parts.append(part)
                size += len(part)
    except OSError as error:
        raise LogError(f"cannot be read: {reason(error)}") from error
    if size > LARGEST:
        raise LogError(f"a table of more than {LARGEST >> 20} MiB")
    content = b"".join(parts)
    if content.startswith(LFS_POINTER):
        raise LogError("a git-lfs pointer: the file itself was not fetched (git lfs pull)")
    return content


def _some(table: Layout) -> str:
    return ", ".join(repr(name[:40]) for name in table.names[:4]) + (", …" if len(table.names) > 4 else "")


def _is_loss(name: str, names: RoleNames) -> bool:
    return names.of(name) in (None, Role.TRAIN_LOSS, Role.VAL_LOSS) and names.speak_of_curves([name])


def _refuse_sweep(found: Columns, names: RoleNames) -> None:
    """Raise where the rows are not the steps of one training: one row per run, or several runs below one another."""
    stepped = names.step_column([name for name in found.values if _moves(found, name)]) is not None
    for name, texts in found.texts.items():
        every_other = len(texts) > 1 and len(texts) == sum(texts.values()) and not any(map(_CLOCK.match, texts))
        if not stepped and (every_other or (len(texts) > 1 and name.lower() in RUN_COLUMNS)):
            raise NotALog(f"not a training curve: one row per {name!r}, and no column counts steps")
        if name.lower() in RUN_COLUMNS and len(texts) > 1:
            raise LogError(f"{len(texts)} runs in one table: split it by its column {name!r}")
    for name in found.values:
        if name.lower() in RUN_COLUMNS and _moves(found, name):
            if not stepped:
                raise NotALog(f"not a training curve: one row per {name!r}, and no column counts steps")
            raise LogError(f"several runs in one table: split it by its column {name!r}")


def _moves(found: Columns, name: str) -> bool:
    values = found.values[name][found.filled[name]]
    return len(values) > 1 and bool((values != values[0]).any())


def _axis(found: Columns, names: RoleNames) -> tuple[Ints, Flags, str, list[str]]:
    """The step of every row, which rows have one, the column that says so, and what there is to say about that."""
    told = np.zeros(found.rows, dtype=bool)
    for name, filled in found.filled.items():
        told |= filled if names.of(name) in CURVES else False
    told = told if told.any() else np.ones(found.rows, dtype=bool)
    notes: list[str] = []
    for name in names.step_columns(list(found.values)):
        values = found.values[name]
        placed = found.filled[name] & np.isfinite(values)
        if (found.rows > 1 and not _moves(found, name)) or (placed & told).sum() < COVERED * told.sum():
            continue
        if (values[placed] != np.round(values[placed])).any():
            notes.append(f"{name!r} is no whole number: rows are counted instead")
            continue
        bounded = np.clip(np.where(placed, values, 0), -BEYOND, BEYOND).astype(np.int64)
        return *_through(name, bounded, placed, found, names, notes), name, notes
    if not notes:
        notes.append("no column counts the steps: rows are counted instead")
    return np.arange(found.rows), np.ones(found.rows, dtype=bool), "", notes


def _through(
    name: str, steps: Ints, placed: Flags, found: Columns, names: RoleNames, notes: list[str]
) -> tuple[Ints, Flags]:
    """The steps; counted through the whole run where they begin anew with every epoch."""
    epochs = [other for other in found.values if names.of(other) is Role.EPOCH and other != name]
    if not epochs or names.of(name) is Role.EPOCH:
        return steps, placed
    both = placed & found.filled[epochs[0]]
    epoch = found.values[epochs[0]][both]
    if not np.isfinite(epoch).all() or (epoch != np.round(epoch)).any():
        return steps, placed
    within = steps[both]
    anew, next_epoch = within[1:] < within[:-1], epoch[1:] > epoch[:-1]
    if not anew.any() or (anew & ~next_epoch).any() or (epoch[1:] < epoch[:-1]).any():
        return steps, placed
    longest = int(within.max() - within.min()) + 1
    through = np.zeros_like(steps)
    through[both] = (np.clip(epoch - epoch[0], 0, BEYOND / longest)).astype(np.int64) * longest + within - within.min()
    notes.append(f"{name!r} begins anew with every epoch: steps are {epochs[0]!r} × {longest} + {name!r}")
    return through, both


def _settings(found: Columns) -> dict[str, Scalar]:
    """What the table repeats in every row, and is no curve."""
    settings: dict[str, Scalar] = {}
    for name, texts in found.texts.items():
        only, times = texts.most_common(1)[0] if texts else ("", 0)
        if times == found.rows and len(only) <= LONGEST_SETTING:
            settings[name] = only
    for name in found.values:
        values = found.values[name][found.filled[name]]
        repeated = len(values) == found.rows and not _moves(found, name)
        if name.lower() in SETTINGS and repeated and np.isfinite(values[0]):
            settings[name] = int(values[0]) if values[0] == np.round(values[0]) else float(values[0])
    return settings


def _with_silence(name: str, found: Columns, damage: Damage) -> Flags:
    """The rows in which a loss has a value, with the first of those in which it is blank because it had exploded.

    Some writers leave the cell of a NaN empty, which is also how a loss looks that was not due in that row. Only strong
    evidence tells the two apart: some other column was always filled together with the loss and goes on alone to the
    end of the file, and the last losses were infinite or far above the usual.
    """
    values, filled = found.values[name], found.filled[name]
    there = np.flatnonzero(filled)
    if not len(there) or found.rows - 1 - there[-1] < SILENT_ROWS or not _exploded(values[there]):
        return filled
    last = int(there[-1])
    silent = [
        rows
        for other, its in found.filled.items()
        if other != name
        and (its[: last + 1] == filled[: last + 1]).all()
        and len(rows := np.flatnonzero(its[last + 1 :])) >= SILENT_ROWS
    ]
    if not silent:
        return filled
    first = last + 1 + min(int(rows[0]) for rows in silent)
    damage.add(
        f"line {found.lines[first]}",
        "blank_after_explosion",
        f"{name!r} is blank from here to the end, after it had exploded: its first blank cell is taken for NaN",
        0,
    )
    with_silence = filled.copy()
    with_silence[first] = True
    return with_silence


def _exploded(values: Floats) -> bool:
    if not np.isfinite(values[-LAST_VALUES:]).all():
        return True
    finite = values[np.isfinite(values)]
    usual = float(np.median(np.abs(finite)))
    return len(finite) >= FEWEST and usual > 0 and bool(finite[-1] >= EXPLODED * usual)
