"""What a JSON document may hold as curves: lists of rows, rows by their step, lists of values, values by their step.

Nobody prescribes how a training script dumps its history. The shapes are those of Keras' `History.history` and
`History` itself, of pandas' `DataFrame.to_json` in each orientation, of TensorBoard's own download (triples of wall
time, step and value), and of what scripts write by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrdoctor.model import Role
from lrdoctor.parsers._json_rows import Table, cell, counts, flat, whole
from lrdoctor.roles import TEST, TRAIN, VALIDATION, RoleNames

LEVELS = 4
"""Of a document in which curves are looked for."""
SAMPLE = 50
"""Rows that show what a list is made of."""
FEWEST = 2
"""Values that make a curve."""
MOST_PARTS = 1_000
"""A document of more parts is a table of results, not the histories of some runs."""
CONTAINERS = frozenset({"history", "log_history", "logs", "log", "metrics", "records", "epochs", "data", "results"})
"""Keys that only say that there is a history in them."""
_NUMBERED = re.compile(r"[a-z_ -]{0,20}?([0-9]{1,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One run's curves, and what stood beside them."""

    label: str
    """What the document calls the run; empty where it holds one."""
    table: Table
    beside: Mapping[str, Any]


def shapes(value: Any, names: RoleNames, title: str) -> Iterator[Shape]:
    """The runs in a document; `title` names a curve that the document itself does not name."""
    beside = _without_curves(value) if isinstance(value, dict) else {}
    for label, table in _tables(value, names, title, 0):
        yield Shape(label=label, table=table, beside=beside)


def _without_curves(value: Mapping[str, Any]) -> dict[str, Any]:
    lists = {key for key, inner in value.items() if isinstance(inner, list) and len(inner) > 1}
    return {key: inner for key, inner in value.items() if key not in lists and key.lower() not in CONTAINERS}


def _tables(value: Any, names: RoleNames, title: str, level: int) -> Iterator[tuple[str, Table]]:
    if level > LEVELS:
        return
    if isinstance(value, list):
        table = _of_rows(value, names) or _of_triples(value, names, title)
        if table is not None:
            yield "", table
        elif len(value) <= MOST_PARTS:
            for number, inner in enumerate(value, 1):
                for label, found in _tables(inner, names, title, level + 1) if isinstance(inner, dict) else ():
                    yield f"#{number} {label}".rstrip(), found
        return
    if not isinstance(value, dict) or not value:
        return
    table = _of_numbered_rows(value, names) or _of_lists(value, names)
    if table is not None:
        yield "", table
        return
    yield from _of_parts(value, names, title, level)


def _of_parts(value: Mapping[str, Any], names: RoleNames, title: str, level: int) -> Iterator[tuple[str, Table]]:
    """Curves further inside: one run's training and validation rows apart, or one run per key."""
    parts = {key: inner for key, inner in value.items() if isinstance(inner, dict | list) and inner}
    if len(parts) > MOST_PARTS:
        return
    splits = [key for key in parts if key.lower() in TRAIN | VALIDATION | TEST]
    rows = {key: inner for key in splits if isinstance(inner := parts[key], list) and _speak(inner, names)}
    if rows:
        yield "", _merged(rows)
        return
    found = [(key, *each) for key, inner in parts.items() for each in _tables(inner, names, title, level + 1)]
    for key, label, table in found:
        yield (f"{key} {label}".strip() if len(found) > 1 else ""), table


def curve_like(name: str, names: RoleNames) -> bool:
    """Whether a name speaks of what a training reaches; a rate alone is mostly a setting."""
    return names.of(name) is not Role.LR and names.speak_of_curves([name])


# --- rows -------------------------------------------------------------------------------------------------------------


def _speak(rows: Sequence[Any], names: RoleNames) -> bool:
    """Whether most of these are objects, and some number in them is a curve."""
    sample = rows[:SAMPLE]
    objects = [row for row in sample if isinstance(row, dict)]
    if len(objects) * 2 < len(sample) or not objects:
        return False
    numbers = [name for row in objects for name, value in flat(row).items() if isinstance(value, float)]
    # A list of rates may be a rate per group, and as well the rate over a whole run.
    plain = [name for name in dict.fromkeys(numbers) if not name.rsplit("/", 1)[-1].isdigit()]
    return names.speak_of_curves(plain)


def _of_rows(rows: Sequence[Any], names: RoleNames) -> Table | None:
    if not _speak(rows, names):
        return None
    table = Table()
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            table.add(flat(row), number)
    return table


def _of_numbered_rows(value: Mapping[str, Any], names: RoleNames) -> Table | None:
    """`{"0": {"loss": …}, "1": {…}}` or `{"epoch_1": {…}}`."""
    keys = [(_NUMBERED.fullmatch(key), row) for key, row in value.items() if isinstance(row, dict)]
    rows = [(int(key[1]), row) for key, row in keys if key]
    if len(rows) < FEWEST or len(rows) < len(keys) or not _speak([row for _, row in rows], names):
        return None
    if len({step for step, _ in rows}) < len(rows):
        return None
    table = Table()
    for step, row in rows:
        table.add(flat(row), step, step)
    return table


def _merged(parts: Mapping[str, Sequence[Any]]) -> Table:
    """`{"train": [rows], "val": [rows]}` as one table; the count keeps its name, so that all share it."""
    table = Table()
    for key, rows in parts.items():
        for number, row in enumerate(rows, 1):
            if isinstance(row, dict):
                named = flat(row)
                table.add({name if counts(name) else f"{key}/{name}": its for name, its in named.items()}, number)
    return table


# --- lists ------------------------------------------------------------------------------------------------------------


def _of_lists(value: Mapping[str, Any], names: RoleNames) -> Table | None:
    """`{"loss": [3, 2], "val_loss": [4, 3]}`, also one level down, and `{"loss": {"0": 3, "1": 2}}`."""
    lists = {name: its for name, its in _lists(value, "", 0) if _numeric(its)}
    if not any(curve_like(name, names) and len(its) >= FEWEST for name, its in lists.items()):
        return None
    if _repeated(value, names):
        return None
    if all(isinstance(item, tuple) for its in lists.values() for item in its):
        return _by_step({name: its for name, its in lists.items() if its})
    plain = {name: [item for item in its if not isinstance(item, tuple)] for name, its in lists.items()}
    longest = max(map(len, plain.values()))
    rows: list[dict[str, Any]] = [{} for _ in range(longest)]
    for name, its in plain.items():
        for at, item in enumerate(its):
            # A shorter list was filled less often: at the end of every few steps. One a little shorter began later.
            place = at if 2 * len(its) > longest else (at + 1) * longest // len(its) - 1
            read = cell(item)
            rows[place][name] = read if isinstance(read, float | str | bool) or read is None else None
    table = Table()
    for number, row in enumerate(rows, 1):
        table.add(row, number)
    return table


def _lists(value: Mapping[str, Any], prefix: str, level: int) -> Iterator[tuple[str, list[Any]]]:
    for key, inner in value.items():
        if isinstance(inner, list):
            pairs = inner and all(isinstance(item, list) and len(item) == 2 for item in inner)
            yield f"{prefix}{key}", [tuple(item) for item in inner] if pairs else inner
        elif isinstance(inner, dict) and level < LEVELS:
            steps = [whole(step) for step in inner]
            if len(inner) >= FEWEST and None not in steps and not any(isinstance(v, dict) for v in inner.values()):
                yield f"{prefix}{key}", list(zip(steps, inner.values(), strict=True))
            else:
                within = "" if key.lower() in CONTAINERS else f"{key}/"
                yield from _lists(inner, prefix + within, level + 1)


def _numeric(its: Sequence[Any]) -> bool:
    """Whether these are numbers, some of them perhaps missing."""
    read = [cell(item[1] if isinstance(item, tuple) else item) for item in its[:SAMPLE]]
    return any(isinstance(item, float) for item in read) and all(isinstance(i, float) or i is None for i in read)


def _repeated(value: Mapping[str, Any], names: RoleNames) -> bool:
    """Whether several parts have a history of their own: then they are as many runs."""
    histories = []
    for key, inner in value.items():
        if isinstance(inner, dict) and key.lower() not in TRAIN | VALIDATION | TEST | CONTAINERS:
            leaves = {n for n, its in _lists(inner, "", 1) if len(its) >= FEWEST and curve_like(n, names)}
            histories += [leaves] if leaves else []
    return len(histories) > 1 and bool(set.intersection(*histories))


def _by_step(lists: Mapping[str, Sequence[Any]]) -> Table | None:
    table = Table()
    for name, its in lists.items():
        for number, (step, item) in enumerate(its, 1):
            at, read = whole(step), cell(item)
            if at is not None and (isinstance(read, float) or read is None):
                table.add({name: read}, number, at)
    return table if table.rows else None


def _of_triples(rows: Sequence[Any], names: RoleNames, title: str) -> Table | None:
    """`[[wall time, step, value], …]`: TensorBoard's download of one tag, which the file's name ends in."""
    if len(rows) < FEWEST or not all(isinstance(row, list) and len(row) == 3 for row in rows):
        return None
    name = title.rsplit("tag-", 1)[-1]
    if not names.speak_of_curves([name]):
        return None
    table = Table()
    for number, (wall_time, step, item) in enumerate(rows, 1):
        at, read, seconds = whole(step), cell(item), cell(wall_time)
        if at is not None and isinstance(read, float):
            table.add({name: read} | ({"wall_time": seconds} if isinstance(seconds, float) else {}), number, at)
    return table if table.rows else None
