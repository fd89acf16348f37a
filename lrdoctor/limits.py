"""How much is read at most: what protects a laptop from a log, and what a person may raise.

Parsers ask `current()` where a limit applies, so that no signature has to carry it; whoever reads enters `in_force`, in
a worker process as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches

LARGEST = 1 << 40
"""Of any limit: one that no machine can use, and small enough for every counter that it is compared with."""
_BYTES = {"unit": "bytes"}
_AMOUNT = re.compile(r"([0-9]{1,15}) ?(?:([kmg]?)|([kmg]i?)?b)", re.IGNORECASE)
_TIMES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is read at most; what is left out is a problem or an incident that the report names.

    Sizes are in bytes. Raises `ValueError` for a limit below 1 or above `LARGEST`.
    """

    runs: int = 50_000
    """More runs than anybody logs and compares at once, and few enough for the memory of a laptop."""
    depth: int = 64
    """Levels of folders below a path that was given. Nobody nests runs so deep; a file system gone wrong does."""
    tags: int = 100_000
    """Series of one run."""
    columns: int = 20_000
    """Columns of a table, or different names in the rows of a JSON log."""
    line: int = field(default=4 << 20, metadata=_BYTES)
    """A line of a table or of a text log; 20,000 columns of 200 characters."""
    record: int = field(default=64 << 20, metadata=_BYTES)
    """A record of an event file, of a W&B file or of ClearML's events."""
    document: int = field(default=64 << 20, metadata=_BYTES)
    """A file that is one JSON document: it is held as objects, which take several times as much."""
    objects: int = 1_000_000
    """Objects and lists within such a document; each takes some hundred bytes of memory, however small it is."""
    table: int = field(default=512 << 20, metadata=_BYTES)
    """A table, or a file with one JSON object per line: it is read whole, and such a log has millions of rows."""
    settings: int = field(default=1 << 20, metadata=_BYTES)
    """A configuration beside a log, most of which is text that somebody wrote."""
    database: int = field(default=4 << 30, metadata=_BYTES)
    """A database that is copied because somebody writes it; a tracker's has some hundred megabytes at most."""
    cell: int = field(default=16 << 20, metadata=_BYTES)
    """A value in a database; SQLite refuses larger ones."""
    unpacked: int = field(default=256 << 20, metadata=_BYTES)
    """A file in an archive, once it is unpacked."""
    ratio: int = 200
    """How many times as large as its packed form a file in an archive may become."""

    def __post_init__(self) -> None:
        values = [getattr(self, name) for name in names()]
        if min(values) < 1:
            raise ValueError("limits are 1 or more")
        if max(values) > LARGEST:
            raise ValueError(f"limits are at most {LARGEST}")


def names() -> list[str]:
    """The names of all limits, in their order."""
    return [one.name for one in fields(Limits)]


_CURRENT: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039 - it is frozen


def current() -> Limits:
    """The limits that are in force; the defaults outside of `in_force`."""
    return _CURRENT.get()


@contextmanager
def in_force(limits: Limits) -> Iterator[None]:
    """While inside, `current` gives these limits; in this thread, and in no process that it starts."""
    before = _CURRENT.set(limits)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def parse(texts: Sequence[str], base: Limits | None = None) -> Limits:
    """The limits with what texts such as `runs=10k` or `line=8MiB` set; the last of two that set one holds.

    A number may end in k, M or G; one of bytes also in KiB, MiB or GiB, or in kB, MB or GB for powers of 1,000. Raises
    `ValueError` with one line.
    """
    limits = Limits() if base is None else base
    for text in texts:
        name, equals, said = (part.strip() for part in text.partition("="))
        if not equals:
            raise ValueError(f"{text[:80]!r} sets no limit; write it as line=8MiB")
        if name not in names():
            raise ValueError(f"unknown limit {name[:80]!r}; {_nearest(name)}")
        amount = _AMOUNT.fullmatch(said)
        if amount is None or (said[-1] in "bB" and not _of_bytes(name)):
            example = "8MiB" if _of_bytes(name) else "10k"
            raise ValueError(f"the limit {name} is a whole number such as {example}, not {said[:80]!r}")
        try:
            limits = replace(limits, **{name: int(amount[1]) * _TIMES[(amount[2] or amount[3] or "").lower()]})
        except ValueError as error:
            raise ValueError(f"{text[:80]!r}: {error}") from error
    return limits


def shown(name: str) -> str:
    """The limit as a message names it: `20,000`, `4 MiB`."""
    value = getattr(current(), name)
    return _size(value, " ") if _of_bytes(name) else f"{value:,}"


def raised_by(name: str, needed: int = 0) -> str:
    """How a person raises a limit that was met, to end a message with; `needed` is what would have been enough."""
    value = 2 * getattr(current(), name)
    while value < min(needed, LARGEST):
        value *= 2
    said = _size(value, "") if _of_bytes(name) else str(value)
    return f"`--limit {name}={said}` or `{name}` under [limits] raises it"


def _nearest(name: str) -> str:
    near = get_close_matches(name, names(), n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(names()))}"


def _of_bytes(name: str) -> bool:
    return any(one.metadata.get("unit") == "bytes" for one in fields(Limits) if one.name == name)


def _size(value: int, space: str) -> str:
    """With the largest unit of which it is a whole number."""
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if value >> shift and not value % (1 << shift):
            return f"{value >> shift}{space}{unit}"
    return f"{value}{space}{'bytes' if space else ''}"
