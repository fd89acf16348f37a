"""The columns of a table while it is read: they grow by rows or by blocks of rows, and the result is the same.

What a column is, one of numbers or one of texts, is known only when its last cell is.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints
from lrdoctor.parsers._damage import PLACES
from lrdoctor.parsers._table import number

MOSTLY = 9
"""A column is one of numbers where it has so many of them for each text; the texts are then damage."""
TEXTS_KEPT = 10_000
"""Different texts of a column that are told apart; so many rows of a sweep are enough to see that it is one."""
LINES_KEPT = PLACES + 1
"""Of the cells that are damage: those that are told one by one, and the first of the others."""
FURTHER = "…"
"""Stands for all other texts."""

Said = tuple[NDArray[np.intp], Sequence[str]]
"""The cells of a column as indices, shape (rows,), into what is said in it, in the order of its first mention."""


class Cells:
    """The cells of one column."""

    __slots__ = ("_known", "filled", "numbers", "odd", "odd_lines", "said", "values")

    def __init__(self) -> None:
        self.values, self.filled = array("d"), bytearray()
        self.numbers = 0
        self.odd = 0
        """How many cells are text."""
        self.odd_lines: list[int] = []
        """The lines of the first of them."""
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
            self.odd += 1
            if self.odd <= LINES_KEPT:
                self.odd_lines.append(line)
            self.said += [""] * (len(self.values) - len(self.said))
            self.said.append(self._kept(said))
        self.values.append(np.nan)
        self.filled.append(0)

    def extend(self, values: Floats) -> None:
        """Take numbers, shape (rows,); NaN is an empty cell."""
        filled = ~np.isnan(values)
        self.values.frombytes(values.tobytes())
        self.filled += filled.tobytes()
        self.numbers += int(filled.sum())

    def extend_said(self, said: Said, lines: Ints) -> None:
        """Take cells of any kind, in the lines of shape (rows,)."""
        codes, cells = said
        meant = [number(cell) for cell in cells]
        are_numbers = np.array([isinstance(one, float) for one in meant], dtype=bool)
        are_texts = np.array([isinstance(one, str) for one in meant], dtype=bool)
        values = np.array([one if isinstance(one, float) else np.nan for one in meant], dtype=np.float64)
        before = len(self.values)
        self.values.frombytes(values[codes].tobytes())
        self.filled += are_numbers[codes].tobytes()
        self.numbers += int(are_numbers[codes].sum())
        if are_texts.any():
            odd = are_texts[codes]
            self.odd += int(odd.sum())
            self.odd_lines += lines[odd][: LINES_KEPT - len(self.odd_lines)].tolist()
            self.said += [""] * (before - len(self.said))
            kept = [self._kept(one) if isinstance(one, str) else "" for one in meant]
            self.said += [kept[code] for code in codes.tolist()]

    def _kept(self, said: str) -> str:
        """One object for all rows that say the same."""
        if said in self._known or len(self._known) < TEXTS_KEPT:
            return self._known.setdefault(said, said)
        return FURTHER

    def skip_to(self, rows: int) -> None:
        """Take empty cells up to this row."""
        missing = rows - len(self.values)
        if missing:
            self.values.extend([np.nan] * missing)
            self.filled.extend(bytes(missing))

    @property
    def of_numbers(self) -> bool:
        """Whether the texts among its cells, if any, are damage."""
        return not self.odd or self.numbers > MOSTLY * self.odd


class Growing:
    """All columns; a row or a block of them fills those that are named by the header above it."""

    __slots__ = ("anew", "found", "lines", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self.found = {name: Cells() for name in self.names}
        self.lines = array("q")
        """The line that each row stands in."""
        self.anew: list[int] = []
        """The rows above which a header stands once more."""

    def begin_anew(self, names: list[str]) -> None:
        """Take another header, perhaps with other columns."""
        self.anew.append(len(self.lines))
        if names != self.names:
            self.names = list(names)
            for name in self.names:
                self.found.setdefault(name, Cells())

    def add(self, row: Sequence[str], line: int) -> None:
        """Take one row, as long as the header."""
        rows = len(self.lines)
        for name, cell in zip(self.names, row, strict=True):
            column = self.found[name]
            if len(column.values) < rows:
                column.skip_to(rows)
            column.add(cell, line)
        self.lines.append(line)

    def extend(self, columns: Mapping[str, Floats | Said], lines: Ints) -> None:
        """Take many rows, which stand in the lines of shape (rows,)."""
        for name, cells in columns.items():
            column = self.found[name]
            column.skip_to(len(self.lines))
            if isinstance(cells, tuple):
                column.extend_said(cells, lines)
            else:
                column.extend(cells)
        self.lines.frombytes(lines.tobytes())

    def end(self) -> Iterable[Cells]:
        """All columns, filled up where no later header named them."""
        for column in self.found.values():
            column.skip_to(len(self.lines))
        return self.found.values()
