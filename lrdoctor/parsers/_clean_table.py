"""A clean table through pandas, in blocks of rows: as a whole it would hold every cell as text for a while."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lrdoctor import limits
from lrdoctor.model import Floats
from lrdoctor.parsers._table import MISSING, Layout

if TYPE_CHECKING:
    import pandas as pd

CELLS_AT_ONCE = 1 << 20
BYTES_AT_ONCE = 1 << 22


def full_rows(body: bytes, table: Layout) -> int:
    """How many rows there are if every one is full, else 0: pandas fills short rows up and cuts long ones, silently.

    So too where a line is too long to be read.
    """
    newline, separator, longest = ord("\n"), ord(table.separator), limits.current().line
    ends: list[NDArray[np.uint8]] = []
    begins = 0
    for start in range(0, len(body), BYTES_AT_ONCE):
        characters = np.frombuffer(body, dtype=np.uint8, count=min(BYTES_AT_ONCE, len(body) - start), offset=start)
        ends.append(characters[(characters == newline) | (characters == separator)])
        lines = np.flatnonzero(characters == newline) + start
        if len(lines) and np.diff(lines, prepend=begins - 1).max() > longest + 1:
            return 0
        begins = int(lines[-1]) + 1 if len(lines) else begins
    if not ends:
        return 0
    marks = np.concatenate(ends)
    width = len(table.names)
    if len(marks) % width:
        return 0
    rows = marks.reshape(-1, width)
    return len(rows) if (rows[:, -1] == newline).all() and (rows[:, :-1] == separator).all() else 0


def numbers(body: bytes, table: Layout, values: Mapping[str, Floats]) -> list[str] | None:
    """Fill the columns of numbers, and name the others; None where pandas sees other rows than we do."""
    odd: dict[str, None] = {}
    at = 0
    for frame in frames(body, table, keep_default_na=False, na_values=sorted(MISSING)):
        if at + len(frame) > len(values[table.names[0]]):
            return None
        for name in table.names:
            column = frame[name]
            # A cell that says nan makes a column of text; so in one of numbers, NaN is an empty cell.
            if column.dtype.kind in "fiu":
                values[name][at : at + len(frame)] = column.to_numpy(dtype=np.float64)
            else:
                odd[name] = None
        at += len(frame)
    return list(odd) if at == len(values[table.names[0]]) else None


def frames(body: bytes, table: Layout, **how: Any) -> Iterator[pd.DataFrame]:
    """The rows in blocks, read as `how` says to pandas."""
    import pandas as pd

    with pd.read_csv(
        io.BytesIO(body),
        sep=table.separator,
        header=None,
        names=list(table.names),
        index_col=False,
        skip_blank_lines=False,
        low_memory=False,
        encoding_errors="replace",
        chunksize=max(1, CELLS_AT_ONCE // len(table.names)),
        **how,
    ) as frames:
        yield from frames
