"""Tables of a training: what CSV loggers, RL libraries and scripts write, one row per step or epoch.

Schemas, read in the loggers' sources or their files: Keras' CSVLogger and BackupAndRestore, Lightning's `metrics.csv`,
timm's `summary.csv`, Ultralytics' `results.csv`, fastai's `history.csv`, stable-baselines3's `progress.csv` and
`*.monitor.csv`, Spinning-Up's `progress.txt`, flair's `loss.tsv`, and what the pages of Weights & Biases and
TensorBoard let people download.
A table that holds no curve, such as one row per run of a sweep, is told from one that does.

One file is one run, unless its columns, or the trainings below one another in it, tell several apart. Those are named
`file#label`, and `file#2` the second of two that were appended; the first keeps the name of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Role, Run, Scalar, Status
from lrdoctor.parsers import _halves, _monitor, _scalar_card, dvclive, ray_tune
from lrdoctor.parsers._appended import Stretch, stretches
from lrdoctor.parsers._axis import CURVES, Axis, axis, moves
from lrdoctor.parsers._beside import beside, planned
from lrdoctor.parsers._columns import FURTHER, Columns, columns
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import content, head
from lrdoctor.parsers._keras import broken_off
from lrdoctor.parsers._parts import Part, parts, tells_apart
from lrdoctor.parsers._series import Logged, order
from lrdoctor.parsers._silence import with_silence
from lrdoctor.parsers._table import Layout, layout
from lrdoctor.roles import RoleNames

SUFFIXES = frozenset({".csv", ".tsv"})
PERHAPS = frozenset({".txt", ".log", ".dat", ".tab", ".out"})
"""Mostly prose. A table only if a header and rows of numbers come within the first bytes."""
FIRST_BYTES = 1 << 16
SETTINGS = frozenset({"seed", "batch_size", "bs", "weight_decay", "momentum", "dropout", "warmup_steps", "max_steps"})
"""Columns of one repeated number that describe the run."""
LONGEST_SETTING = 200
_CLOCK = re.compile(r"([0-9]+:)?[0-9]{1,2}:[0-9]{2}")
"""How long an epoch took, as fastai tells it."""
_PART_OF_A_LOSS = re.compile(r"(train|val)/(\w+_loss)")


def claims(path: Path) -> bool:
    """Every `.csv` and `.tsv`, so that `read` can say why it is no curve; other text only where it holds a table."""
    suffix = path.suffix.lower()
    if dvclive.claims(path) or ray_tune.claims(path):
        return False
    if suffix in SUFFIXES:
        first = head(path, FIRST_BYTES)
        return first is not None and (b"\0" not in first.strip(b"\0") or first[:2] in (b"\xff\xfe", b"\xfe\xff"))
    if suffix not in PERHAPS:
        return False
    first = head(path, FIRST_BYTES)
    return bool(first) and _holds_a_table(first or b"")


def _holds_a_table(first: bytes) -> bool:
    names = RoleNames()
    try:
        table = layout(first, names.speak_of_curves)
        found = columns(table, Damage(Path()))
    except LogError:
        return False
    return (
        len(table.names) > 1
        and found.rows > 1
        and names.speak_of_curves(list(found.values))
        and names.step_column(list(found.values)) is not None
    )


def home(path: Path) -> Path:
    """The file itself; what belongs to the files beside it has their run's file, or the folder."""
    if _monitor.claims(path):
        return _monitor.home(path)
    return path.parent if _scalar_card.claims(path) or _halves.claims(path) else path


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The runs of a table. Raises `NotALog` for a table that holds no curve."""
    monitors = [path for path in files if _monitor.claims(path)]
    cards = [path for path in files if _scalar_card.claims(path)]
    watched = _monitor.read(monitors)
    halves = [path for path in files if _halves.claims(path)]
    tables = [path for path in files if path not in (*monitors, *cards, *halves)]
    yield from _scalar_card.read(home, cards)
    yield from _of_halves(home, halves, names)
    for path in tables:
        for number, run in enumerate(_runs(path, names)):
            # stable-baselines3 writes both anew each time, so that there is one run that the environments belong to.
            yield run if number else _monitor.joined(run, watched)
    if monitors and not tables and not halves:
        yield _monitor.run(home, watched)


def _of_halves(home: Path, halves: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    runs: list[Run] = []
    refused: list[LogError] = []
    for path in halves:
        try:
            runs += _runs(path, names)
        except LogError as error:
            refused.append(error)
    if refused and not runs:
        raise refused[0]
    yield from _halves.joined(home, runs, names)


def _runs(path: Path, names: RoleNames) -> Iterator[Run]:
    damage = Damage(path)
    table = layout(content(path, "a table"), names.speak_of_curves)
    if not names.speak_of_curves(table.names) and not tells_apart(table.names, names):
        raise NotALog(f"not a training curve: no column is known as a loss, a rate or an accuracy ({_some(table)})")
    found = columns(table, damage)
    if not found.rows:
        raise NotALog("not a training curve: no rows below the header")
    del table  # half of the memory
    told = Told(path=path, settings=_settings(found), damage=damage)
    made = 0
    for part in parts(found, names):
        for number, run in enumerate(_trainings(part, told, names), 1):
            label = "#".join([text for text in (part.label, str(number) if number > 1 else "") if text])
            damaged = () if made else damage.incidents()
            if label or damaged:
                name = f"{path.name}#{label}" if label else path.name
                run = replace(run, name=name, incidents=(*damaged, *run.incidents))
            yield run
            made += 1
    if not made:
        raise NotALog("not a training curve: no column of numbers is a loss, a rate or an accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is the same for all runs of one file."""

    path: Path
    settings: Mapping[str, Scalar]
    damage: Damage


def _trainings(part: Part, told: Told, names: RoleNames) -> Iterator[Run]:
    """The trainings of one part that were appended to one another."""
    found = part.columns
    counted = axis(found, names)
    if found.rows == 1 and not counted.name:
        raise NotALog("not a training curve: a single row, and no column counts steps")
    several: Sequence[Stretch | None] = stretches(found, counted, names)
    if len(several) == 1 and several[0] and not np.count_nonzero(several[0].shifts) and not several[0].notes:
        several = [None]  # all rows as they are; that need not be said for each of millions
    for stretch in several:
        run = _run(part, stretch, counted, told, names)
        if run is not None:
            yield run


def _run(part: Part, stretch: Stretch | None, counted: Axis, told: Told, names: RoleNames) -> Run | None:
    """The run of some rows, or of all as they are counted; None where none of its columns is of use."""
    found = part.columns
    if stretch is not None and len(stretch.rows) < found.rows:
        found = found.take(stretch.rows)
    found, sums = _with_sums(found)
    if stretch is not None or sums:
        counted = axis(found, names)
    steps = counted.steps if stretch is None else counted.steps + stretch.shifts
    placed, beginnings = counted.placed, () if stretch is None else stretch.notes
    everywhere = np.count_nonzero(placed) == found.rows
    damage = Damage(told.path)
    logged: dict[str, Logged] = {}
    unplaced = 0
    for name, values in found.values.items():
        # An epoch that is the axis stays a series, to say so. W&B's own columns begin with an underscore.
        role = names.of(name)
        counts = name == counted.name and role is not Role.EPOCH
        if name in told.settings or name.startswith("_") or counts:
            continue
        loss = names.speak_of_curves([name]) if role is None else role in (Role.TRAIN_LOSS, Role.VAL_LOSS)
        filled = with_silence(name, found, damage) if loss else found.filled[name]
        there = filled if everywhere else filled & placed
        points = int(np.count_nonzero(there))
        unplaced += 0 if everywhere else int(np.count_nonzero(filled)) - points
        if points == found.rows:
            logged[name] = Logged(steps=steps, values=values)
        elif points:
            rows = np.flatnonzero(there)
            logged[name] = Logged(steps=steps[rows], values=values[rows])
    if unplaced:
        message = f"{unplaced} points in rows whose {counted.name!r} is empty or no number"
        damage.add("", "no_step", message, unplaced)
    ordered = order(logged, told.path)
    if not CURVES.intersection(names.assign(ordered.series)[0]) and not names.speak_of_curves(list(ordered.series)):
        return None
    by_epoch = names.of(counted.name) is Role.EPOCH
    trouble = broken_off(told.path, found.rows) if by_epoch else ""
    around = beside(told.path.parent, [told.path])
    hparams = {**around.hparams, **told.settings, **part.settings}
    first = min([int(series.steps[0]) for series in ordered.series.values()])
    last = max([int(series.steps[-1]) for series in ordered.series.values()])
    taken = last - first + 1 if by_epoch else last
    plan = planned(hparams, by_epoch, taken)
    ended = by_epoch and plan == taken
    return Run(
        name=told.path.name,
        path=told.path,
        format="csv",
        series=ordered.series,
        hparams=hparams,
        status=Status.CRASHED if trouble else Status.FINISHED if ended else Status.UNKNOWN,
        planned_steps=plan,
        notes=(*counted.notes, *beginnings, *sums, *ordered.notes, *([trouble] if trouble else []), *around.notes),
        incidents=(*damage.incidents(), *ordered.incidents),
    )


def _some(table: Layout) -> str:
    return ", ".join(repr(name[:40]) for name in table.names[:4]) + (", …" if len(table.names) > 4 else "")


def _settings(found: Columns) -> dict[str, Scalar]:
    """What the table repeats in every row, and is no curve."""
    settings: dict[str, Scalar] = {}
    for name, texts in found.texts.items():
        only = set(texts)
        said = texts[0]
        if len(only) == 1 and FURTHER not in only and 0 < len(said) <= LONGEST_SETTING and not _CLOCK.fullmatch(said):
            settings[name] = said
    for name in found.values:
        if name.lower() not in SETTINGS or moves(found, name):
            continue
        values = found.values[name][found.filled[name]]
        if len(values) == found.rows and np.isfinite(values[0]):
            settings[name] = int(values[0]) if values[0] == np.round(values[0]) else float(values[0])
    return settings


def _with_sums(found: Columns) -> tuple[Columns, list[str]]:
    """The table with the sum of the parts of a detector's loss, which is what Ultralytics minimises and never logs."""
    values, filled, notes = dict(found.values), dict(found.filled), []
    for scope in ("train", "val"):
        if f"{scope}/box_loss" not in found.values:
            continue
        names = [name for name in found.values if (match := _PART_OF_A_LOSS.fullmatch(name)) and match[1] == scope]
        if len(names) < 2:
            continue
        total = "+".join([names[0], *(name.split("/", 1)[1] for name in names[1:])])
        values[total] = np.sum([found.values[name] for name in names], axis=0)
        filled[total] = np.all([found.filled[name] for name in names], axis=0)
        notes.append(f"{total!r} was summed up: the log has only the parts")
    return replace(found, values=values, filled=filled) if notes else found, notes
