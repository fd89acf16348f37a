"""A small table of nothing but numbers: all its rows at once, for there may be thousands of such tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lrdoctor import limits
from lrdoctor.model import Floats
from lrdoctor.parsers._table import NEWLINE, Layout

NOT_PLAIN = (b'"', b"\0", b"_")
"""A quote joins cells, a NUL is damage, and 1_000 is a number to Python alone."""
_Column = tuple[Floats, NDArray[np.bool_]]


def few_numbers(table: Layout) -> Mapping[str, _Column] | None:
    """The values of each column, NaN where a cell is empty, and where it is not; both of shape (lines,).

    None unless each line is a row as long as the header, and each cell a number or empty: what anything else means is
    for `_one_by_one` to say, which says the same of these.
    """
    separator, body = table.separator, table.body
    if separator in "| " or (separator != "," and b"," in body) or any(character in body for character in NOT_PLAIN):
        return None
    if not body.endswith(NEWLINE) or not body.isascii():
        return None
    lines = body[:-1].decode("ascii").split("\n")
    rows = [line.split(separator) for line in lines if line and not line.isspace()]
    if len(rows) < len(lines) or {len(row) for row in rows} != {len(table.names)}:
        return None
    if max(map(len, lines)) > limits.current().line:
        return None
    full = np.ones(len(lines), dtype=bool)
    full.flags.writeable = False
    try:
        return {name: _numbers(cells, full) for name, cells in zip(table.names, zip(*rows, strict=True), strict=True)}
    except ValueError:
        return None


def _numbers(cells: Sequence[str], full: NDArray[np.bool_]) -> _Column:
    """Raises `ValueError` where a cell is neither a number nor empty."""
    try:
        return np.array(list(map(float, cells))), full
    except ValueError:
        filled = [bool(cell) and not cell.isspace() for cell in cells]
        values = [float(cell) if there else np.nan for cell, there in zip(cells, filled, strict=True)]
        return np.array(values), np.array(filled)
