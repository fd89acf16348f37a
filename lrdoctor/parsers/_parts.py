"""The runs within one table that its columns tell apart, and tables with one row per value.

Weights & Biases exports a chart with the columns `run - metric`, `run - metric__MIN` and `run - metric__MAX` for each
run (as seen in exports, e.g. wandb/wandb#5349). A column such as `run` or `seed` names the training of each row, one
such as `phase` the data set; long tables, as tbparse makes them, name the metric in one column and have its value in
another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Floats, Role, Scalar
from lrdoctor.parsers._axis import moves
from lrdoctor.parsers._columns import FURTHER, Columns, Flags
from lrdoctor.roles import TEST, TRAIN, VALIDATION, RoleNames

RUN_COLUMNS = frozenset({"run", "run_name", "run_id", "experiment", "exp", "trial", "trial_id", "variant", "dir_name"})
PERHAPS_RUNS = frozenset({"seed", "fold"})
"""Name a run only where several rows say the same: a seed may be drawn anew for every row."""
SPLIT_COLUMNS = frozenset({"phase", "split", "mode", "stage", "subset", "set", "dataset", "partition", "type"})
METRIC_COLUMNS = ("metric", "tag", "metric_name", "key", "name", "variable")
VALUE_COLUMNS = ("value", "val", "values")
MOST_RUNS = 1_000
"""In one table."""
MOST_METRICS = 1_000
FEWEST_ROWS = 2
"""Fewer per run, on average, are the results of a sweep."""
_EXPORTED = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<edge>__MIN|__MAX)?", re.DOTALL)
_CLOCK = re.compile(r"[0-9]{4}-[0-9]{2}.*|[0-9]+:[0-9]{2}.*")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One run of a table."""

    label: str
    """What tells it from the others; empty where it is the only one."""
    columns: Columns
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    """What its label says of it."""


def parts(found: Columns, names: RoleNames) -> Iterator[Part]:
    """The runs that the columns tell apart. Raises `NotALog` for a table of results, with one row per run."""
    exported = _exported(found)
    if exported:
        yield from exported
        return
    named = _run_column(found, names)
    if named is None:
        yield Part(label="", columns=_wide(found, names))
        return
    name, labels = named
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label:
            rows.setdefault(label, []).append(row)
    if len(rows) > MOST_RUNS:
        raise LogError(f"more than {MOST_RUNS} runs in one table: split it by its column {name!r}")
    others = [other for other in (*found.values, *found.texts) if other != name]
    for label, its in rows.items():
        yield Part(label=label, columns=_wide(found.take(np.array(its), others), names), settings={name: label})


def _exported(found: Columns) -> list[Part]:
    """The runs of a chart that Weights & Biases exported; none where the table is no such chart."""
    matched = {name: match for name in found.values if (match := _EXPORTED.fullmatch(name))}
    if not any(match["edge"] for match in matched.values()):
        return []
    shared = [name for name in found.values if name not in matched]
    runs: dict[str, list[str]] = {}
    for name, match in matched.items():
        if match["edge"] is None and not match["metric"].startswith("_"):
            runs.setdefault(match["run"], []).append(name)
    made = []
    for run, own in runs.items():
        # A row is there because some run has a point in it.
        there = np.flatnonzero(np.any([found.filled[name] for name in own], axis=0))
        columns = found.take(there, {*shared, *own})
        plain = {name: matched[name]["metric"] if name in own else name for name in columns.values}
        made.append(
            Part(
                label=run if len(runs) > 1 else "",
                columns=replace(
                    columns,
                    values={plain[name]: values for name, values in columns.values.items()},
                    filled={plain[name]: filled for name, filled in columns.filled.items()},
                ),
            )
        )
    return made


def _run_column(found: Columns, names: RoleNames) -> tuple[str, Sequence[str]] | None:
    """The column whose values are runs, with the label of every row."""

    def stepped() -> bool:
        return names.step_column([name for name in found.values if moves(found, name)]) is not None

    for name, texts in found.texts.items():
        said = [text for text in texts if text and text != FURTHER]
        different = len(set(said))
        runs = name.lower() in RUN_COLUMNS and different > 1
        every_other = len(said) > 1 and different == len(said) and not any(map(_CLOCK.match, said))
        if ((every_other or runs) and not stepped()) or (runs and len(said) < FEWEST_ROWS * different):
            raise NotALog(f"not a training curve: one row per {name!r}, and no column counts steps")
        if runs or (name.lower() in PERHAPS_RUNS and 1 < different <= len(said) / FEWEST_ROWS):
            return name, texts
    for name, values in found.values.items():
        surely = name.lower() in RUN_COLUMNS
        if not (surely or name.lower() in PERHAPS_RUNS) or not moves(found, name):
            continue
        filled = found.filled[name]
        few = FEWEST_ROWS * len(np.unique(values[filled])) > filled.sum()
        if surely and (few or not stepped()):
            raise NotALog(f"not a training curve: one row per {name!r}, and no column counts steps")
        if not few:
            return name, [f"{value:g}" if there else "" for value, there in zip(values, filled, strict=True)]
    return None


def tells_apart(columns: Sequence[str], names: RoleNames) -> bool:
    """Whether these may be the columns of an exported chart, or of a table that has its metrics below one another."""
    if any((match := _EXPORTED.fullmatch(column)) and match["edge"] for column in columns):
        return True
    lower = {column.lower() for column in columns}
    counted = names.step_column(columns) is not None
    return counted and bool(lower.intersection(METRIC_COLUMNS)) and bool(lower.intersection(VALUE_COLUMNS))


def _wide(found: Columns, names: RoleNames) -> Columns:
    """The same with a column of its own for each metric that a row names, and for each data set."""
    return _by_split(_by_metric(found), names)


def _by_metric(found: Columns) -> Columns:
    """`step, tag, value` with one column per tag."""
    lower = {name.lower(): name for name in (*found.values, *found.texts)}
    metric = next((lower[name] for name in METRIC_COLUMNS if name in lower and lower[name] in found.texts), None)
    value = next((lower[name] for name in VALUE_COLUMNS if name in lower and lower[name] in found.values), None)
    if metric is None or value is None:
        return found
    labels = list(dict.fromkeys(text for text in found.texts[metric] if text))
    if FEWEST_ROWS * len(labels) > found.rows:
        return found  # a list of settings, not of curves
    if len(labels) > MOST_METRICS:
        raise LogError(f"more than {MOST_METRICS} metrics in the column {metric!r}")
    return _spread(found, metric, labels, {value: ""})


def _by_split(found: Columns, names: RoleNames) -> Columns:
    """`epoch, phase, loss` with one column for the loss of each phase."""
    known = TRAIN | VALIDATION | TEST
    for name, texts in found.texts.items():
        labels = list(dict.fromkeys(text for text in texts if text))
        if name.lower() in SPLIT_COLUMNS and labels and all(label.lower() in known for label in labels):
            shared = (Role.STEP, Role.EPOCH, Role.LR)
            measured = {other: f"/{other}" for other in found.values if names.of(other) not in shared}
            return _spread(found, name, labels, measured)
    return found


def _spread(found: Columns, by: str, labels: Sequence[str], columns: Mapping[str, str]) -> Columns:
    """Each of the columns once per label, filled where the row carries it; named by the label and what is given."""
    texts = np.array(found.texts[by], dtype=object)
    values: dict[str, Floats] = {}
    filled: dict[str, Flags] = {}
    for label in labels:
        here = np.asarray(texts == label, dtype=bool)
        for column, tail in columns.items():
            values[f"{label}{tail}"] = np.where(here, found.values[column], np.nan)
            filled[f"{label}{tail}"] = here & found.filled[column]
    return replace(
        found,
        values=values | {name: its for name, its in found.values.items() if name not in columns},
        filled=filled | {name: its for name, its in found.filled.items() if name not in columns},
        texts={name: its for name, its in found.texts.items() if name != by},
    )
