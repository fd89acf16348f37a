"""How much is read at most: what protects a laptop from a log, and what a person may raise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is read at most; what is left out is a problem that the report names. Raises `ValueError` below 1."""

    runs: int = 50_000
    """More runs than anybody logs and compares at once, and few enough for the memory of a laptop."""
    depth: int = 64
    """Levels of folders below a path that was given."""

    def __post_init__(self) -> None:
        if min(self.runs, self.depth) < 1:
            raise ValueError("limits are 1 or more")
