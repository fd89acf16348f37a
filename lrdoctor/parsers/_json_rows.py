"""Rows of a JSON log -> columns of numbers.

Nested objects are flattened, words for NaN read, the data set or the metric that a row names joined to its names.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lrdoctor import limits
from lrdoctor.model import Floats, Ints, Role
from lrdoctor.parsers._columns import Columns
from lrdoctor.parsers._parts import METRIC_COLUMNS, RUN_COLUMNS, SPLIT_COLUMNS, VALUE_COLUMNS
from lrdoctor.parsers._table import number
from lrdoctor.roles import TEST, TRAIN, VALIDATION, RoleNames

NESTED = 8
"""Levels of an object within a row that are flattened; deeper ones are no measurements."""
GROUPS = 64
"""A list of so many rates has one per parameter group."""
TEXTS_KEPT = 100
SUMMARY = frozenset({"num", "count", "mean", "std", "min", "max"})
"""What an object says that stands for one measurement over a batch, as in StyleGAN's `stats.jsonl`."""
METRICS = frozenset(METRIC_COLUMNS)
SPLITS = TRAIN | VALIDATION | TEST

Cell = float | str | bool | None


def cell(value: object) -> Cell | object:
    """A number as a float, a word that means one likewise, a missing one as None; anything else as it is."""
    if type(value) is int:
        return float(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value)
    return number(value.strip()) if isinstance(value, str) else value


def flat(row: Mapping[str, Any]) -> dict[str, Cell]:
    """The row's measurements under one name each.

    `{"train": {"loss": 1}}` is `train/loss`, `"lr": [1, 2]` is `lr/0` and `lr/1`; `{"split": "val", "loss": 1}` is
    `val/loss`, and `{"tag": "loss", "value": 1}` is `loss`.
    """
    found: dict[str, Cell] = {}
    _flatten("", row, 0, found)
    return _by_metric(_by_split(found))


def _by_metric(row: dict[str, Cell]) -> dict[str, Cell]:
    if METRICS.isdisjoint(row):
        return row
    metric = next((name for name in METRIC_COLUMNS if isinstance(row.get(name), str)), None)
    value = next((name for name in VALUE_COLUMNS if isinstance(row.get(name), float)), None)
    if metric is None or value is None:
        return row
    return {str(row[metric]) if name == value else name: its for name, its in row.items() if name != metric}


def _by_split(row: dict[str, Cell]) -> dict[str, Cell]:
    for name, its in row.items():
        if isinstance(its, str) and name.lower() in SPLIT_COLUMNS and its.lower() in SPLITS:
            return {key if counts(key) else f"{its}/{key}": cell for key, cell in row.items() if key != name}
    return row


@lru_cache(maxsize=1 << 10)
def is_rate(name: str) -> bool:
    """Whether a list under this name has one number per parameter group; any other list is a vector."""
    return RoleNames().of(name) is Role.LR


@lru_cache(maxsize=1 << 10)
def counts(name: str) -> bool:
    """Whether a column belongs to the row, and not to the data set that it was measured on."""
    return RoleNames().of(name) in (Role.STEP, Role.EPOCH) or name.lower() in RUN_COLUMNS


def _flatten(prefix: str, row: Mapping[str, Any], depth: int, found: dict[str, Cell]) -> None:
    for key, value in row.items():
        name = f"{prefix}{key}"
        if type(value) is float:  # nearly always, in logs of millions of rows
            found[name] = value
            continue
        read = cell(value)
        if isinstance(read, dict) and depth < NESTED:
            if "mean" in read and read.keys() <= SUMMARY:
                read = cell(read["mean"])
            else:
                _flatten(f"{name}/", read, depth + 1, found)
                continue
        if isinstance(read, list):
            numbers = [cell(item) for item in read[: GROUPS + 1]]
            if not 0 < len(numbers) <= GROUPS or not all(isinstance(item, float) for item in numbers):
                continue
            if len(numbers) > 1 and is_rate(name):
                found |= {f"{name}/{at}": item for at, item in enumerate(numbers) if isinstance(item, float)}
                continue
            if len(numbers) > 1:
                continue
            read = numbers[0]
        if isinstance(read, float | str | bool) or read is None:
            found[name] = read


def whole(value: object) -> int | None:
    """The integer that a JSON number or its text is, or None."""
    read = cell(value)
    return int(read) if isinstance(read, float) and math.isfinite(read) and read == round(read) else None


class Table:
    """The columns of a log, each with the rows in which it has a number."""

    __slots__ = ("_filled", "_most", "_steps", "blanks", "labels", "left_out", "lines", "texts")

    def __init__(self) -> None:
        self.lines = array("q")
        """Of each row, the number of the line or list entry that it stands at."""
        self.blanks: dict[str, array[int]] = {}
        """Rows in which it is named and empty."""
        self.texts: dict[str, Counter[str]] = {}
        self.labels: dict[str, dict[int, str]] = {}
        """Row -> text, of the columns that may name the run."""
        self._filled: dict[str, tuple[array[int], array[float]]] = {}
        self._steps = array("q")
        self.left_out = 0
        """Numbers under names beyond as many as there may be columns."""
        self._most = limits.current().columns

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.lines)

    @property
    def names(self) -> Sequence[str]:
        """The columns of numbers, in the order in which the log introduced them."""
        return list(self._filled)

    @property
    def steps(self) -> Ints | None:
        """The step of each row, where its parser knows it."""
        return np.array(self._steps, dtype=np.int64) if len(self._steps) == self.rows else None

    def add(self, row: Mapping[str, Cell], line: int, step: int | None = None) -> None:
        """Take one more flat row; with its step either all of them or none."""
        at = len(self.lines)
        self.lines.append(line)
        if step is not None:
            self._steps.append(max(min(step, 2**62), -(2**62)))
        for name, value in row.items():
            if isinstance(value, float):
                column = self._filled.get(name)
                if column is None:
                    if len(self._filled) >= self._most:
                        self.left_out += 1
                        continue
                    column = self._filled[name] = (array("q"), array("d"))
                column[0].append(at)
                column[1].append(value)
            elif value is None:
                self.blanks.setdefault(name, array("q")).append(at)
            else:
                self._say(name, str(value), at)

    def _say(self, name: str, value: str, at: int) -> None:
        texts = self.texts.setdefault(name, Counter())
        if value in texts or len(texts) < TEXTS_KEPT:
            texts[value] += 1
        if name.lower() in RUN_COLUMNS:
            self.labels.setdefault(name, {})[at] = value

    def of(self, name: str) -> tuple[Ints, Floats]:
        """The rows in which a column has a number, and these numbers."""
        rows, values = self._filled.get(name) or (array("q"), array("d"))
        return np.array(rows, dtype=np.int64), np.array(values, dtype=np.float64)

    def dense(self, names: Sequence[str]) -> Columns:
        """Some of the columns with a place for every row. All of them could be a million times as large as the file."""
        values, filled = {}, {}
        for name in names:
            rows, numbers = self.of(name)
            values[name], filled[name] = np.full(self.rows, np.nan), np.zeros(self.rows, dtype=bool)
            values[name][rows], filled[name][rows] = numbers, True
        return Columns(lines=self.lines, values=values, filled=filled, texts={})
