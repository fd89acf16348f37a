"""A small table of nothing but numbers: all its rows at once, for there may be thousands of such tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lrdoctor import limits
from lrdoctor.model import Floats
from lrdoctor.parsers._table import NEWLINE, Layout

NOT_PLAIN = b'"\0_'
"""A quote joins cells, a NUL is damage, and 1_000 is a number to Python alone."""
_Column = tuple[Floats, NDArray[np.bool_]]


def few_numbers(table: Layout) -> Mapping[str, _Column] | None:
    """The values of each column, NaN where a cell is empty, and where it is not; both of shape (lines,).

    None unless each line is a row as long as the header, and each cell a number or empty: what anything else means is
    for `_one_by_one` to say, which says the same of these.
    """
    separator, body = table.separator, table.body
    if separator in "| " or (separator != "," and b"," in body) or not body.isascii() or not body.endswith(NEWLINE):
        return None
    if len(body.translate(None, NOT_PLAIN)) < len(body):
        return None
    lines, width = body[:-1].decode("ascii").split("\n"), len(table.names)
    if not all(map(str.strip, lines)) or {line.count(separator) for line in lines} != {width - 1}:
        return None
    if max(map(len, lines)) > limits.current().line:
        return None
    cells = separator.join(lines).split(separator)
    full = np.ones(len(lines), dtype=bool)
    full.flags.writeable = False
    try:
        # All columns at once, as mostly no cell is empty.
        values = np.array(list(map(float, cells))).reshape(-1, width).T.copy()
        return {name: (its, full) for name, its in zip(table.names, values, strict=True)}
    except ValueError:
        pass
    try:
        return {name: _numbers(cells[at::width], full) for at, name in enumerate(table.names)}
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
