"""The rows of a table -> columns of numbers; what cannot be a row or a cell of them is dropped and told.

A clean table goes through pandas' C engine, any other row by row, with the same result but for a number's last bits.
A row with too few or too many cells is dropped whole, since any of its cells may have slipped.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from lrdoctor import limits
from lrdoctor.model import Floats
from lrdoctor.parsers._clean_table import BYTES_AT_ONCE, frames, full_rows, numbers
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._table import JOINED_LINES, Layout, cells, fitted, is_rule, number, unfinished

MOSTLY = 9
"""A column is one of numbers where it has so many of them for each text; the texts are then damage."""
TEXTS_KEPT = 10_000
"""Different texts of a column that are told apart; so many rows of a sweep are enough to see that it is one."""
SMALL = 2_000
"""Bytes: of so few cells each is read sooner than pandas has begun, and there may be thousands of such tables."""
FURTHER = "…"
"""Stands for all other texts."""
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
    found = (_at_once(table, whole) if len(whole) > SMALL else None) or _row_by_row(table, whole, damage)
    return _with_last(found, table, whole, rest, damage) if rest.strip("\0 ") else found


def _at_once(table: Layout, body: bytes) -> Columns | None:
    """The columns of a clean table, or None where anything in it is not."""
    if len(table.names) < 2 or b'"' in body or b"\0" in body or table.header.encode() in body:
        return None
    if table.separator == " " or (table.separator != "," and b"," in body):
        return None
    rows = full_rows(body, table)
    if not rows:
        return None
    values = {name: np.empty(rows) for name in table.names}
    try:
        odd = numbers(body, table, values)
        texts = _texts(body, table, odd) if odd else {}
    except ValueError:  # pandas' own errors among them
        return None
    if odd is None or texts is None:
        return None
    lines = range(table.first_row, table.first_row + rows)
    return _collected(lines, {name: texts.get(name, values[name]) for name in table.names})


def _texts(body: bytes, table: Layout, odd: Sequence[str]) -> dict[str, _Cells] | None:
    """The other columns, read cell by cell; None where one has numbers as well, some of which may be damaged."""
    found = {name: _Cells() for name in odd}
    for frame in frames(body, table, usecols=odd, dtype=str, na_filter=False):
        for name, cells_ in found.items():
            for cell in frame[name]:
                cells_.add(cell.strip(), 0)
    return None if any(cells_.numbers and cells_.odd for cells_ in found.values()) else found


def _row_by_row(table: Layout, body: bytes, damage: Damage) -> Columns:
    """The columns of a table in which some rows are none."""
    found = {name: _Cells() for name in table.names}
    current = list(table.names)
    lines, anew = array("q"), []
    rows = _lines(body, table.first_row, damage)
    ahead = list(islice(rows, 2))
    begins_short = _begins_short(
        [fitted(cells(line, table.separator), len(current)) for _, line in ahead], len(current)
    )
    for line_number, line in chain(ahead, rows):
        row = fitted(cells(line, table.separator), len(current))
        if begins_short:
            begins_short = False
            message = (
                f"{len(row)} cells where the header has {len(current)}: the row before the first step lacks the others"
            )
            damage.add(f"line {line_number}", "short_row", message, 0)
            row += [""] * (len(current) - len(row))
        again = _header(row, table.names)
        if again is not None:
            # A logger that was started again wrote its header again, perhaps with other columns.
            current = again
            anew.append(len(lines))
            for name in again:
                found.setdefault(name, _Cells())
        elif len(row) != len(current):
            message = f"{len(row)} cells where the header has {len(current)}: the row is left out"
            damage.add(f"line {line_number}", "unreadable_row", message)
        elif not is_rule(row):
            for name, cell in zip(current, row, strict=True):
                column = found[name]
                if len(column.values) < len(lines):
                    column.skip_to(len(lines))
                column.add(cell, line_number)
            lines.append(line_number)
    for column in found.values():
        column.skip_to(len(lines))
        if column.of_numbers:
            for line_number in column.odd:
                damage.add(
                    f"line {line_number}", "unreadable_cell", "text in a column of numbers: the cell is left out"
                )
    return _collected(lines, found, anew)


def _begins_short(rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the first row only lacks its last columns: some writers log before the first step what they have by then.

    It must hold half of the columns, of the same kinds as the full row below, with a lower count in front. Further down
    a short row may as well be torn, or lack a column in its middle.
    """
    if len(rows) < 2 or not width / 2 <= len(rows[0]) < width == len(rows[1]):
        return False
    first, second = ([number(cell) for cell in row] for row in rows)
    if not (isinstance(first[0], float) and isinstance(second[0], float) and first[0] < second[0]):
        return False
    return all(one is not None and type(one) is type(other) for one, other in zip(first, second, strict=False))


def _texts_of_lines(body: bytes) -> Iterator[str]:
    """What every line says; decoded in pieces, since each line that is held takes more room than its text."""
    start = 0
    while start < len(body):
        end = body.find(b"\n", start + BYTES_AT_ONCE)
        end = len(body) if end < 0 else end
        yield from body[start:end].decode("utf-8", "replace").split("\n")
        start = end + 1


def _lines(body: bytes, first: int, damage: Damage) -> Iterator[tuple[int, str]]:
    """Number and text of every line that may be a row; one whose quoted cell runs over several is joined."""
    lines, longest = _texts_of_lines(body), limits.current().line
    ahead: deque[str] = deque()
    at = 0
    while True:
        following = ahead.popleft() if ahead else next(lines, None)
        if following is None:
            return
        start, line = at, following.strip("\0")
        at += 1
        if line.count('"') % 2:
            ahead.extend(islice(lines, JOINED_LINES - len(ahead)))
            end = next((k for k, text in enumerate(ahead) if text.count('"') % 2), None)
            if end is not None:
                line, at = "\n".join([line, *(ahead.popleft() for _ in range(end + 1))]), at + end + 1
        if not line.strip():
            continue
        if "\0" in line:
            damage.add(f"line {first + start}", "unreadable_row", "NUL bytes in the line: it is left out")
            continue
        if len(line) > longest:
            damage.over("line", f"a line of more than {limits.shown('line')} is left out", 1, f"line {first + start}")
            continue
        yield first + start, line


def _header(row: Sequence[str], names: Sequence[str]) -> list[str] | None:
    """The names in a row that is a header: only different texts, half of them known."""
    if row[:1] != names[:1] and len(set(row) & set(names)) * 2 < len(row):
        return None
    if len(set(row)) != len(row) or not all(isinstance(number(cell), str) for cell in row):
        return None
    return list(row) if len(set(row) & set(names)) * 2 >= len(row) else None


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


class _Cells:
    """The cells of one column while they are read."""

    __slots__ = ("_known", "filled", "numbers", "odd", "said", "values")

    def __init__(self) -> None:
        self.values, self.filled = array("d"), bytearray()
        self.numbers = 0
        self.odd = array("q")
        """Lines whose cell is text."""
        self.said: list[str] = []
        """The text in each row up to the last that has one; empty where there is none."""
        self._known: dict[str, str] = {}

    def add(self, cell: str, line: int) -> None:
        """Take one more cell."""
        said = number(cell)
        if isinstance(said, float):
            self.values.append(said)
            self.filled.append(1)
            self.numbers += 1
            return
        if said is not None:
            self.odd.append(line)
            if said in self._known or len(self._known) < TEXTS_KEPT:
                # One object for all rows that say the same.
                said = self._known.setdefault(said, said)
            else:
                said = FURTHER
            self.said += [""] * (len(self.values) - len(self.said))
            self.said.append(said)
        self.values.append(np.nan)
        self.filled.append(0)

    def skip_to(self, rows: int) -> None:
        """Take empty cells up to this row."""
        missing = rows - len(self.values)
        self.values.extend([np.nan] * missing)
        self.filled.extend(bytes(missing))

    @property
    def of_numbers(self) -> bool:
        """Whether the texts among its cells, if any, are damage."""
        return not self.odd or self.numbers > MOSTLY * len(self.odd)


def _collected(lines: Sequence[int], found: Mapping[str, _Cells | Floats], anew: Sequence[int] = ()) -> Columns:
    values: dict[str, Floats] = {}
    filled: dict[str, Flags] = {}
    texts: dict[str, Sequence[str]] = {}
    for name, cells_ in found.items():
        if not isinstance(cells_, _Cells):
            values[name], filled[name] = cells_, ~np.isnan(cells_)
        elif cells_.of_numbers:
            values[name] = np.array(cells_.values, dtype=np.float64)
            filled[name] = np.array(cells_.filled, dtype=bool)
        else:
            texts[name] = cells_.said + [""] * (len(cells_.values) - len(cells_.said))
    return Columns(lines=lines, values=values, filled=filled, texts=texts, anew=anew)
