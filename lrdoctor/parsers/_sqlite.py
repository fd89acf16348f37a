"""Tables of a SQLite file, read without leaving a trace and without trusting what the file says of itself.

A database that nobody writes is opened where it lies, as immutable: an ordinary read-only connection would leave a
`-wal` and a `-shm` file beside one in WAL mode, or fail where it may not. One with a journal beside it, which may hold
what the file itself does not hold yet, is copied with it to a temporary folder first; so is one that ends within a
page, but for that page.

Only plain tables are read, and only by scanning them: no view, no trigger, no index, no computed column, so that no
expression of the file is ever evaluated. (SQLite, "Defense Against The Dark Arts", 2023.)
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from lrdoctor import limits
from lrdoctor.errors import LogError
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import head, open_regular, reason

SUFFIXES = frozenset({".db", ".db3", ".sqlite", ".sqlite3"})
MAGIC = b"SQLite format 3\0"
JOURNALS = ("-wal", "-journal")
LARGEST_VALUE = (1 << 31) - 1
"""Bytes that SQLite can be told to take for one cell."""
SMALLEST_ROW = 2
"""Bytes that a row takes at least. A file whose pages refer to one another in circles shows more rows than it has
bytes for."""
TRIES = 3


def claimed(path: Path, wanted: Mapping[str, frozenset[str]]) -> bool:
    """Whether this is a SQLite file with these tables, each with at least these columns. Never raises."""
    if path.suffix.lower() not in SUFFIXES or head(path, len(MAGIC)) != MAGIC:
        return False
    try:
        told = _tables(path, _state(path))
    except (OSError, ValueError):
        return False
    return all(columns <= told.get(table, frozenset()) for table, columns in wanted.items())


def _state(path: Path) -> tuple[tuple[int, int, int, int], ...]:
    """What changes when the database does: of the file itself and of its journals."""
    stats: list[os.stat_result] = [path.stat()]
    for suffix in JOURNALS:
        try:
            stats.append(_beside(path, suffix).stat())
        except OSError:
            continue
    return tuple((s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns) for s in stats)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


@lru_cache(maxsize=256)
def _tables(path: Path, state: object) -> Mapping[str, frozenset[str]]:
    """The columns of every plain table; asked by several parsers, answered once. Empty where it cannot be read."""
    try:
        with opened(path) as database:
            return columns(database)
    except (LogError, sqlite3.Error):
        return {}


@contextmanager
def store(
    path: Path, wanted: Mapping[str, frozenset[str]], of: str
) -> Iterator[tuple[sqlite3.Connection, Mapping[str, frozenset[str]]]]:
    """A tracker's database with these tables, and the columns of all that it has; `of` is what messages call it.

    Raises `LogError` for one that has not these tables, or cannot be read.
    """
    try:
        with opened(path) as database:
            known = columns(database)
            if not all(its <= known.get(table, frozenset()) for table, its in wanted.items()):
                raise LogError(f"the tables of {of} are not in it, or not to be read")
            yield database, known
    except sqlite3.Error as error:
        raise LogError(f"the database cannot be read: {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read. Raises `LogError` for a file that cannot be opened, or is no database."""
    rest = _beyond_last_page(path)
    with ExitStack() as stack:
        where, immutable = path, True
        if rest or any(_holds_something(_beside(path, suffix)) for suffix in JOURNALS):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lrdoctor-"))
            where, immutable = _copied(path, Path(folder)), False
        yield stack.enter_context(closing(_connected(where, immutable)))


def _beyond_last_page(path: Path) -> int:
    """How many bytes of a page that is not there to its end: SQLite would fill it up with zeros and read them."""
    with open_regular(path) as file:
        try:
            first = file.read(18)
            size = file.seek(0, 2)
        except OSError as error:
            raise LogError(f"cannot be read: {reason(error)}") from error
    if first[:16] != MAGIC or len(first) < 18:
        raise LogError("not a SQLite database")
    page = int.from_bytes(first[16:18], "big")
    return size % (1 << 16 if page == 1 else max(page, 512))


def _holds_something(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _copied(path: Path, folder: Path) -> Path:
    """A copy of a database and its journals, taken at a moment when none of them changed."""
    try:
        for _ in range(TRIES):
            before = _state(path)
            size = sum(size for _, _, size, _ in before)
            if size > limits.current().database:
                said = f"a database in use of more than {limits.shown('database')}"
                raise LogError(f"{said}; {limits.raised_by('database', size)}")
            for suffix in ("", *JOURNALS):
                there = folder / f"copy.db{suffix}"
                there.unlink(missing_ok=True)
                if not suffix or _holds_something(_beside(path, suffix)):
                    with open_regular(_beside(path, suffix)) as source, there.open("wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
            if _state(path) == before:
                break
        rest = _beyond_last_page(folder / "copy.db")
        os.truncate(folder / "copy.db", (folder / "copy.db").stat().st_size - rest)
    except OSError as error:
        raise LogError(f"cannot be copied: {reason(error)}") from error
    return folder / "copy.db"


def _connected(path: Path, immutable: bool) -> sqlite3.Connection:
    address = "file:" + urllib.parse.quote(os.fsencode(path.absolute()))
    try:
        database = sqlite3.connect(address + ("?mode=ro&immutable=1" if immutable else "?mode=rw"), uri=True)
    except sqlite3.Error as error:
        raise LogError(f"cannot be opened: {error}") from error
    database.text_factory = lambda text: text.decode("utf-8", "replace")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(limits.current().cell, LARGEST_VALUE))
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    # With a writable schema SQLite reads on where the file is shorter than its header says, as while it is copied.
    for pragma in ("trusted_schema=OFF", "query_only=ON", "mmap_size=0", "writable_schema=ON"):
        database.execute(f"PRAGMA {pragma}")
    return database


def columns(database: sqlite3.Connection) -> dict[str, frozenset[str]]:
    """The columns of every table that only stores: virtual ones and views are left out, and computed columns."""
    tables = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        name: frozenset(
            column
            for column, hidden in database.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (name,))
            if not hidden
        )
        for name, sql in tables
        if isinstance(name, str) and isinstance(sql, str) and sql.lstrip()[:12].upper() == "CREATE TABLE"
    }


def rows(
    database: sqlite3.Connection, table: str, wanted: Sequence[str], path: Path, damage: Damage
) -> Iterator[tuple[Any, ...]]:
    """These columns of every row, in the order of writing. Around damaged pages the others are read, from both ends."""
    listed = ", ".join(f'"{name}"' for name in wanted)
    # Without NOT INDEXED, an index that holds all columns would give their order, not that of writing.
    query = f'SELECT rowid, {listed} FROM "{table}" NOT INDEXED'  # noqa: S608 - names of ours
    left = path.stat().st_size // SMALLEST_ROW
    last, broken = -(1 << 63), ""
    try:
        for row in database.execute(query + " ORDER BY rowid"):
            left -= 1
            if left < 0 or row[0] <= last:
                raise sqlite3.DatabaseError("its pages refer to one another in circles")
            last = row[0]
            yield row[1:]
        return
    except sqlite3.Error as error:
        broken = str(error)
        if isinstance(error, sqlite3.DataError):
            broken = f"a value of more than {limits.shown('cell')}; {limits.raised_by('cell')}"
    found: list[tuple[Any, ...]] = []
    first = 1 << 62
    try:
        for row in database.execute(query + " WHERE rowid > ? ORDER BY rowid DESC", (last,)):
            left -= 1
            if left < 0 or row[0] >= first:
                break
            first = row[0]
            found.append(row[1:])
    except sqlite3.Error:
        pass
    where = f"table {table}, after row {last}" if last >= 0 else f"table {table}"
    lost = first - last - 1 if found and last >= 0 else 1
    damage.add(where, "unreadable_rows", f"{broken}: the rows up to the next that can be read are lost", max(lost, 1))
    yield from reversed(found)
