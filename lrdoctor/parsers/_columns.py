"""The rows of a table -> columns of numbers; what cannot be a row or a cell of them is dropped and told.

A clean table goes through pandas' C engine, any other row by row, with the same result but for a number's last bits.
A row with too few or too many cells is dropped whole, since any of its cells may have slipped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats
from lrdoctor.parsers._cells import FURTHER, Growing
from lrdoctor.parsers._clean_table import BYTES_AT_ONCE, block
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._few_numbers import few_numbers
from lrdoctor.parsers._one_by_one import first_row, one_by_one
from lrdoctor.parsers._table import NEWLINE, Layout, cells, fitted, number, unfinished

__all__ = ["FURTHER", "Columns", "Flags", "columns"]
SMALL = 2_000
"""Bytes: of so few cells each is read sooner than pandas has begun, and there may be thousands of such tables."""
TAIL = 1 << 16
"""Bytes before the last line in which to see how long its last cell should be."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """The columns of a table, all equally long."""

    lines: Sequence[int]
    """Number of the line that each row stands in."""
    values: Mapping[str, Floats]
    """Those of numbers; NaN where a cell says so, and where it is not filled."""
    filled: Mapping[str, Flags]
    """Where the cells of these hold a number."""
    texts: Mapping[str, Sequence[str]]
    """The others: the text in each row, empty where there is none."""
    anew: Sequence[int] = ()
    """The rows above which the header stands once more."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.lines)

    def take(self, rows: NDArray[np.intp], names: Collection[str] | None = None) -> Columns:
        """The same with these rows only, in ascending order, and these columns."""
        kept = [name for name in (*self.values, *self.texts) if names is None or name in names]
        return Columns(
            lines=[self.lines[row] for row in rows],
            values={name: self.values[name][rows] for name in kept if name in self.values},
            filled={name: self.filled[name][rows] for name in kept if name in self.values},
            texts={name: [self.texts[name][row] for row in rows] for name in kept if name in self.texts},
            anew=[int(np.searchsorted(rows, row)) for row in self.anew if len(rows) and rows[0] < row <= rows[-1]],
        )


def columns(table: Layout, damage: Damage) -> Columns:
    """All columns of the table."""
    whole, rest = unfinished(table.body)
    found = _read(replace(table, body=whole) if rest else table, damage)
    return _with_last(found, table, whole, rest, damage) if rest.strip("\0 ") else found


def _read(table: Layout, damage: Damage) -> Columns:
    """The columns of a table whose last line is ended by a newline."""
    few = few_numbers(table) if len(table.body) <= SMALL else None
    if few is not None:
        return Columns(
            lines=range(table.first_row, table.first_row + table.body.count(NEWLINE)),
            values={name: values for name, (values, _) in few.items()},
            filled={name: filled for name, (_, filled) in few.items()},
            texts={},
        )
    growing, body = Growing(table.names), table.body
    place = first_row(growing, table, damage)
    while place[0] < len(body):
        found = block(table, growing.names, place) if len(body) > SMALL else None
        if found is None:
            end = min(len(body), place[0] + BYTES_AT_ONCE)
            place = one_by_one(growing, table, place, end, damage)
            continue
        growing.extend(found.columns, found.lines)
        for line, fault in found.first_bad:
            damage.add(f"line {line}", "unreadable_row", fault)
        for _ in range(found.bad - len(found.first_bad)):
            damage.add("", "unreadable_row", "")  # those beyond the first have no place of their own
        place = found.following
    for column in growing.end():
        if column.of_numbers:
            message = "text in a column of numbers: the cell is left out"
            for line in column.odd_lines:
                damage.add(f"line {line}", "unreadable_cell", message)
            for _ in range(column.odd - len(column.odd_lines)):
                damage.add("", "unreadable_cell", message)
    return _collected(growing)


def _with_last(found: Columns, table: Layout, whole: bytes, rest: str, damage: Damage) -> Columns:
    """The columns with the line that no newline ends, unless it is half a line."""
    line = table.first_row + whole.count(b"\n")
    row = fitted(cells(rest.strip("\0"), table.separator), len(table.names))
    lines = whole[-TAIL:].decode("utf-8", "replace").split("\n")[len(whole) > TAIL : -1]
    last_cells = [cells(above, table.separator)[-1] for above in lines]
    # A number that was cut is still a number. So the last cell must be as long as some number above it.
    lengths = [len(cell) for cell in last_cells if isinstance(number(cell), float)]
    as_long = not row[-1] or len(row[-1]) >= min(lengths, default=len(rest))
    if len(row) != len(table.names) or "\0" in rest or not as_long:
        damage.add(f"line {line}", "truncated_tail", "the last line is cut off: it is left out")
        return found
    values, filled, texts = dict(found.values), dict(found.filled), dict(found.texts)
    said = dict(zip(table.names, map(number, row), strict=True))
    for name in values:
        value = said.get(name)
        values[name] = np.append(values[name], value if isinstance(value, float) else np.nan)
        filled[name] = np.append(filled[name], isinstance(value, float))
    for name in texts:
        text = said.get(name)
        texts[name] = [*texts[name], text if isinstance(text, str) else ""]
    return Columns(lines=[*found.lines, line], values=values, filled=filled, texts=texts, anew=found.anew)


def _collected(growing: Growing) -> Columns:
    values: dict[str, Floats] = {}
    filled: dict[str, Flags] = {}
    texts: dict[str, Sequence[str]] = {}
    for name, cells_ in growing.found.items():
        if cells_.of_numbers:
            values[name] = np.frombuffer(cells_.values, dtype=np.float64)
            filled[name] = np.frombuffer(cells_.filled, dtype=bool)
        else:
            cells_.said += [""] * (len(cells_.values) - len(cells_.said))
            texts[name] = cells_.said
    lines: Sequence[int] = growing.lines
    if lines and lines[-1] - lines[0] == len(lines) - 1:
        lines = range(lines[0], lines[-1] + 1)  # which takes no room
    return Columns(lines=lines, values=values, filled=filled, texts=texts, anew=growing.anew)
