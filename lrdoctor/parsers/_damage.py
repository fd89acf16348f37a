"""Collects what had to be dropped from one file, as `Incident`s: exact totals, and places for the first few."""

from __future__ import annotations

from pathlib import Path

from lrdoctor import limits
from lrdoctor.model import Incident

PLACES = 20
"""Of each kind, so many incidents carry their own place; the others are counted in one. Enough to see a pattern in a
file with few damages, and a file with a million does not fill the report."""


class Damage:
    """The incidents of one file, in the order in which they were met."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._named: list[Incident] = []
        self._met: dict[str, int] = {}
        self._further: dict[str, tuple[str, int]] = {}
        """Of each kind the first place, and what was dropped, of those that have no incident of their own."""
        self._over: dict[str, Incident] = {}

    def add(self, place: str, kind: str, message: str, dropped: int = 1) -> None:
        """Count one damage: where it is, what it is, and how many points or records it cost."""
        self._met[kind] = met = self._met.get(kind, 0) + 1
        if met <= PLACES:
            self._named.append(Incident(path=self.path, place=place, kind=kind, dropped=dropped, message=message))
        else:  # there may be millions
            first, before = self._further.get(kind, (place, 0))
            self._further[kind] = (first, before + dropped)

    def over(self, limit: str, what: str, dropped: int = 1, place: str = "") -> None:
        """Count what a limit leaves out: told once, with the first place, what it is, and how to raise the limit."""
        first = self._over.get(limit)
        self._over[limit] = Incident(
            path=self.path,
            place=first.place if first else place,
            kind=f"{limit}_limit",
            dropped=dropped + (first.dropped if first else 0),
            message=first.message if first else f"{what}; {limits.raised_by(limit)}",
        )

    def incidents(self) -> tuple[Incident, ...]:
        """All of them: those with their own place, then one per kind for the others, and one per limit."""
        if not self._named and not self._over:
            return ()
        further = [
            Incident(
                path=self.path,
                place=place,
                kind=kind,
                dropped=dropped,
                message=f"{self._met[kind] - PLACES} more of this kind from here on",
            )
            for kind, (place, dropped) in self._further.items()
        ]
        return (*self._named, *further, *self._over.values())
