"""DVCLive: one small table per metric below `plots/metrics/`, all of them one run.

`plots/metrics/train/loss.tsv` holds the columns timestamp (ms since 1970; not in older ones), step, and the metric,
whose name is the path (dvclive/plots/metric.py, 3.49; older: `plots/scalars/`). `metrics.json` beside it repeats the
last values, `params.yaml` is what `log_params` was given.

`step` counts calls of `next_step`. With the callback of Hugging Face's Trainer that is the calls of its logger, so the
plan, in steps of the optimizer, says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Floats, Incident, Run, Scalar, Series
from lrdoctor.parsers._axis import BEYOND
from lrdoctor.parsers._beside import beside, planned
from lrdoctor.parsers._columns import Columns, columns
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import content
from lrdoctor.parsers._series import Logged, order
from lrdoctor.parsers._table import layout, terminated
from lrdoctor.roles import RoleNames

PLOTS = "plots"
KINDS = ("metrics", "scalars")
SUMMARY = "metrics.json"
MILLISECONDS = 1e11
"""A timestamp above this is in milliseconds: as seconds it were in the year 5138."""
DEEPEST = 20


def claims(path: Path) -> bool:
    """Tables below `plots/metrics`, by their place; and the `metrics.json` beside such a folder."""
    if path.suffix == ".tsv":
        return _root(path) is not None
    return path.name == SUMMARY and any((path.parent / PLOTS / kind).is_dir() for kind in KINDS)


def _root(path: Path) -> Path | None:
    """The folder of the run that a table belongs to."""
    parents = list(path.parents)[:DEEPEST]
    for folder, above in pairwise(parents):
        if folder.name in KINDS and above.name == PLOTS:
            return above.parent
    return None


def home(path: Path) -> Path:
    """The run's folder, `dvclive` unless it was given another name."""
    return path.parent if path.name == SUMMARY else _root(path) or path.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The one run of a folder. Raises `NotALog` where none of its metrics is a curve."""
    logged: dict[str, Logged] = {}
    incidents: list[Incident] = []
    refused: list[str] = []
    for path in files:
        if path.name == SUMMARY:
            continue
        damage = Damage(path)
        tag = _tag(path)
        try:
            points = _metric(path, damage)
        except LogError as error:
            refused.append(f"{tag}: {error}")
            continue
        incidents += damage.incidents()
        if len(points.steps):
            logged[tag] = points
    if not logged:
        if all(path.name == SUMMARY for path in files):
            raise NotALog(f"only the last values; the curves are the tables below {PLOTS}/: name the folder")
        raise NotALog(f"not a training curve: no metric with a point ({refused[0] if refused else 'empty tables'})")
    ordered = order(logged, home)
    told = beside(home, files)
    yield Run(
        name=home.name,
        path=home,
        format="dvclive",
        series=ordered.series,
        hparams=told.hparams,
        planned_steps=_plan(ordered.series, told.hparams),
        notes=(*ordered.notes, *(f"left out: {why}" for why in refused), *told.notes),
        incidents=(*incidents, *ordered.incidents),
    )


def _tag(path: Path) -> str:
    folders = path.parts[:-1]
    at = max((place for place, part in enumerate(folders) if part in KINDS and folders[place - 1] == PLOTS), default=-1)
    return "/".join([*folders[at + 1 :], path.stem]) if at > 0 else path.stem


def _metric(path: Path, damage: Damage) -> Logged:
    """The points of one table. Raises `LogError` for one that is not DVCLive's."""
    table = layout(terminated(content(path, "a metric"), damage))
    value = table.names[-1]
    if "step" not in table.names[:-1]:
        raise NotALog("no column 'step' before the value")
    found = columns(table, damage)
    if "step" not in found.values or value not in found.values:
        if found.rows:
            raise NotALog("no numbers")
        return Logged(steps=np.zeros(0, dtype=np.int64), values=np.zeros(0))
    steps = found.values["step"]
    placed = found.filled["step"] & np.isfinite(steps) & (steps == np.round(steps))
    unplaced = int((found.filled[value] & ~placed).sum())
    if unplaced:
        damage.add("", "no_step", f"{unplaced} points in rows whose 'step' is empty or no whole number", unplaced)
    rows = np.flatnonzero(found.filled[value] & placed)
    # As float64, steps beyond an integer's range stay comparable, and `order` refuses them.
    whole = np.clip(steps[rows], -BEYOND, BEYOND).astype(np.int64)
    return Logged(steps=whole, values=found.values[value][rows], wall_times=_wall_times(found)[rows])


def _wall_times(found: Columns) -> Floats:
    """Seconds since 1970; NaN where the table does not say."""
    times = found.values.get("timestamp", np.full(found.rows, np.nan))
    return np.where(times > MILLISECONDS, times / 1000, times)


def _plan(series: Mapping[str, Series], hparams: Mapping[str, Scalar]) -> int | None:
    """The number of epochs, where nothing says that a step is something else."""
    if "logging_steps" in hparams or "epoch" in series:
        return None
    last = max(int(points.steps[-1]) for points in series.values())
    return planned(hparams, True, last - min(int(points.steps[0]) for points in series.values()) + 1)
