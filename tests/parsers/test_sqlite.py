from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.errors import LogError
from lrdoctor.limits import Limits, in_force
from lrdoctor.parsers import _sqlite
from lrdoctor.parsers._damage import Damage

WANTED = {"points": frozenset({"step", "value"})}


def database(path: Path, count: int = 1000, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE points (step INTEGER, value FLOAT, UNIQUE (value, step))")
        made.executemany("INSERT INTO points VALUES (?, ?)", [(n, -float(n)) for n in range(count)])
        for statement in statements:
            made.execute(statement)
        made.commit()
    return path


def steps(path: Path, damage: Damage | None = None) -> list[Any]:
    with _sqlite.opened(path) as opened:
        return [step for step, _ in _sqlite.rows(opened, "points", ("step", "value"), path, damage or Damage(path))]


def test_reads_in_the_order_of_writing_whatever_index_there_is(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db")
    assert _sqlite.claimed(path, WANTED)
    assert steps(path) == list(range(1000))


@pytest.mark.parametrize("name", ["a.db", "spaces and #?%.db", "ünï.sqlite3", os.fsdecode(b"bad\xff.sqlite")])
def test_reads_under_any_name(tmp_path: Path, name: str) -> None:
    path = database(tmp_path / "plain.db").rename(tmp_path / name)
    assert _sqlite.claimed(path, WANTED)
    assert len(steps(path)) == 1000


@pytest.mark.parametrize("suffix", [".txt", ".csv", ""])
def test_other_names_are_not_looked_into(tmp_path: Path, suffix: str) -> None:
    assert not _sqlite.claimed(database(tmp_path / f"a{suffix}"), WANTED)


@pytest.mark.parametrize(
    "wanted", [{"other": frozenset({"step"})}, {"points": frozenset({"step", "loss"})}, {"shown": frozenset({"step"})}]
)
def test_what_is_not_there_is_not_claimed(tmp_path: Path, wanted: dict[str, frozenset[str]]) -> None:
    path = database(tmp_path / "a.db", 3, "CREATE VIEW shown AS SELECT * FROM points")
    assert not _sqlite.claimed(path, wanted)


def test_nothing_that_computes_is_taken_for_a_table(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS step, x AS value FROM n"
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"CREATE VIEW points AS {endless}")
        made.execute("CREATE TABLE computed (step INTEGER, value AS (hex(zeroblob(100000000))))")
        made.execute("CREATE VIRTUAL TABLE virtual USING fts5 (step, value)")
        made.commit()
    for name in ("points", "computed", "virtual"):
        assert not _sqlite.claimed(path, {name: frozenset({"step", "value"})})


@pytest.mark.parametrize("read_only", [False, True])
def test_a_database_in_wal_mode_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    path = database(tmp_path / "a.db", 10, "PRAGMA journal_mode = WAL")
    before = path.read_bytes()
    if read_only:
        path.chmod(stat.S_IRUSR)
        tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert steps(path) == list(range(10))
    finally:
        tmp_path.chmod(stat.S_IRWXU)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]
    assert path.read_bytes() == before


def test_what_is_not_yet_in_the_file_itself_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE points (step INTEGER, value FLOAT)")
        writer.executemany("INSERT INTO points VALUES (?, ?)", [(n, 0.0) for n in range(50)])
        writer.commit()
        beside = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()}
        assert set(beside) == {"a.db", "a.db-wal", "a.db-shm"}
        assert _sqlite.claimed(path, WANTED)
        assert steps(path) == list(range(50))
        # Nothing was changed, and nothing is left of the copy.
        assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()} == beside
        assert list(scratch.iterdir()) == []
        writer.execute("INSERT INTO points VALUES (50, 0.0)")
        writer.commit()
        assert len(steps(path)) == 51


def test_half_a_transaction_is_rolled_back(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", 2000)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN")
        writer.execute("UPDATE points SET step = step + 1000000")
        torn = tmp_path / "torn.db"
        shutil.copyfile(path, torn)
        shutil.copyfile(tmp_path / "a.db-journal", tmp_path / "torn.db-journal")
        writer.execute("ROLLBACK")
    assert steps(torn) == list(range(2000))


def test_a_copy_that_would_be_huge_is_refused(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db")
    (tmp_path / "a.db-wal").write_bytes(b"x")
    with in_force(Limits(database=100)), pytest.raises(LogError, match="in use"):
        steps(path)


def test_rows_on_both_sides_of_a_damaged_page_are_read(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", 5000)
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    # Leaf pages of the table begin with 13; one in the middle of them is overwritten.
    leaves = [at for at in range(page, len(content), page) if content[at] == 13]
    content[leaves[len(leaves) // 2] : leaves[len(leaves) // 2] + 100] = b"\xff" * 100
    path.write_bytes(content)
    damage = Damage(path)
    found = steps(path, damage)
    assert found[0] == 0
    assert found[-1] == 4999
    assert found == sorted(set(found))
    (incident,) = damage.incidents()
    assert incident.kind == "unreadable_rows"
    assert incident.dropped == 5000 - len(found)
    assert 0 < incident.dropped < 500


def test_a_file_that_is_shorter_than_it_says_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", 5000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    damage = Damage(path)
    found = steps(path, damage)
    assert found[:10] == list(range(10))
    assert len(found) > 500
    assert damage.incidents()


def test_pages_that_refer_to_one_another_do_not_make_rows_without_end(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", 5000)
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    for at in range(page, len(content), page):
        if content[at] == 5:  # an inner page of the table: let all its children be the first
            cells = int.from_bytes(content[at + 3 : at + 5], "big")
            pointers = [int.from_bytes(content[at + 12 + 2 * n : at + 14 + 2 * n], "big") for n in range(cells)]
            first = content[at + pointers[0] : at + pointers[0] + 4]
            for pointer in pointers:
                content[at + pointer : at + pointer + 4] = first
    path.write_bytes(content)
    damage = Damage(path)
    assert len(steps(path, damage)) < 5000
    assert damage.incidents()


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"SQLite format 3\0" + b"\xff" * 4096, b"text"])
def test_what_is_no_database_is_not_claimed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    assert not _sqlite.claimed(path, WANTED)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.db")
    (tmp_path / "folder.db").mkdir()
    for name in ("pipe.db", "folder.db", "missing.db"):
        assert not _sqlite.claimed(tmp_path / name, WANTED)
        with pytest.raises(LogError), _sqlite.opened(tmp_path / name):
            pass
