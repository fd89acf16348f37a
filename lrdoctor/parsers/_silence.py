"""A loss that is blank to the end of a table because it had exploded.

Some writers leave the cell of a NaN empty, which is also how a loss looks that was not due in that row. Only strong
evidence tells the two apart: some other column was always filled together with the loss and goes on alone to the end of
the file, and the last losses were infinite or far above the usual.
"""

from __future__ import annotations

import numpy as np

from lrdoctor.model import Floats
from lrdoctor.parsers._columns import Columns, Flags
from lrdoctor.parsers._damage import Damage

EXPLODED = 10.0
"""So far above its usual level, a loss that then falls silent has diverged; a noisy one does not rise so high."""
FEWEST = 5
"""Values that make a usual level."""
LAST_VALUES = 3
"""An infinite one among them is the end; a single one earlier was got over."""
SILENT_ROWS = 2
"""A last row alone may be a summary without a loss."""


def with_silence(name: str, found: Columns, damage: Damage) -> Flags:
    """The rows in which a loss has a value, with the first of those in which it is blank because it had exploded."""
    values, filled = found.values[name], found.filled[name]
    if np.count_nonzero(filled[-SILENT_ROWS:]):
        return filled
    there = np.flatnonzero(filled)
    if not len(there) or not _exploded(values[there]):
        return filled
    last = int(there[-1])
    silent = [
        rows
        for other, its in found.filled.items()
        if other != name
        and (its[: last + 1] == filled[: last + 1]).all()
        and len(rows := np.flatnonzero(its[last + 1 :])) >= SILENT_ROWS
    ]
    if not silent:
        return filled
    first = last + 1 + min(int(rows[0]) for rows in silent)
    damage.add(
        f"line {found.lines[first]}",
        "blank_after_explosion",
        f"{name!r} is blank from here to the end, after it had exploded: its first blank cell is taken for NaN",
        0,
    )
    with_first = filled.copy()
    with_first[first] = True
    return with_first


def _exploded(values: Floats) -> bool:
    if not np.isfinite(values[-LAST_VALUES:]).all():
        return True
    finite = values[np.isfinite(values)]
    usual = float(np.median(np.abs(finite)))
    return len(finite) >= FEWEST and usual > 0 and bool(finite[-1] >= EXPLODED * usual)
