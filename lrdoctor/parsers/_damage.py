"""Collects what had to be dropped from one file, as `Incident`s: exact totals, and places for the first few."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lrdoctor.model import Incident

PLACES = 20
"""Of each kind, so many incidents carry their own place; the others are counted in one. Enough to see a pattern in a
file with few damages, and a file with a million does not fill the report."""


class Damage:
    """The incidents of one file, in the order in which they were met."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._named: list[Incident] = []
        self._met: Counter[str] = Counter()
        self._further: dict[str, Incident] = {}

    def add(self, place: str, kind: str, message: str, dropped: int = 1) -> None:
        """Count one damage: where it is, what it is, and how many points or records it cost."""
        self._met[kind] += 1
        if self._met[kind] <= PLACES:
            self._named.append(Incident(path=self.path, place=place, kind=kind, dropped=dropped, message=message))
            return
        before = self._further.get(kind)
        number = self._met[kind] - PLACES
        self._further[kind] = Incident(
            path=self.path,
            place=before.place if before else place,
            kind=kind,
            dropped=dropped + (before.dropped if before else 0),
            message=f"{number} more of this kind from here on",
        )

    def incidents(self) -> tuple[Incident, ...]:
        """All of them: those with their own place, then one per kind for the others."""
        return (*self._named, *self._further.values())
