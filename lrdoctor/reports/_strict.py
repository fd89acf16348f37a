"""Values that strict JSON readers accept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Inner(NamedTuple):
    """Name and names of an object within another."""

    name: str
    names: tuple[str, ...]


class Record(NamedTuple):
    """An object of which there are thousands: the names, which all of them have in common, and the values."""

    names: tuple[str | Inner, ...]
    values: Sequence[Any]
    """One after the other, also those of an object within it."""

    def mapping(self) -> dict[str, Any]:
        """The same as any other object."""
        values = iter(self.values)
        return {
            one.name if isinstance(one, Inner) else one: dict(zip(one.names, values, strict=False))
            if isinstance(one, Inner)
            else next(values)
            for one in self.names
        }


class Alike(NamedTuple):
    """A list of objects that hold nothing but texts, and that thousands of runs have in common."""

    names: tuple[str | Inner, ...]
    rows: tuple[tuple[str, ...], ...]

    def records(self) -> list[Record]:
        """The same as any other list."""
        return [Record(self.names, row) for row in self.rows]


def strict(value: Any) -> Any:
    """The same with null for what is no finite number, and no lone surrogate, which strict readers refuse."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case np.generic():
            return strict(value.item())
        case float():
            return value if math.isfinite(value) else None
        case Record():
            return strict(value.mapping())
        case Alike():
            return strict(value.records())
        case Mapping():
            return {strict(key): strict(item) for key, item in value.items()}
        case list() | tuple():
            return [strict(item) for item in value]
        case _:
            return value
