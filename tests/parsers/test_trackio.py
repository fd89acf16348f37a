from __future__ import annotations

import gzip
import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Status
from lrdoctor.parsers import trackio
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "trackio" / "demo.db.gz"
"""The database of a project with two runs, written by trackio 0.43.0."""
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


def read(path: Path) -> list[Run]:
    return list(trackio.read(trackio.home(path), [path], RoleNames()))


def points(run: Run, tag: str = "loss") -> list[tuple[int, str]]:
    series = run.series[tag]
    return [(int(step), repr(float(value))) for step, value in zip(series.steps, series.values, strict=True)]


def database(path: Path, rows: Sequence[tuple[str, Any, Any]], configs: Mapping[str, Any] | None = None) -> Path:
    """As trackio 0.20 made them: a run has no id but its name."""
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("PRAGMA synchronous = OFF")
        made.execute("BEGIN")
        made.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, "
            "run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL)"
        )
        made.execute(
            "CREATE TABLE configs (id INTEGER PRIMARY KEY AUTOINCREMENT, run_name TEXT NOT NULL, config TEXT NOT NULL)"
        )
        made.executemany(
            "INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES ('2026-01-01T00:00:00', ?, ?, ?)",
            [(run, step, told if isinstance(told, str | bytes) else json.dumps(told)) for run, step, told in rows],
        )
        made.executemany(
            "INSERT INTO configs (run_name, config) VALUES (?, ?)",
            [(run, told if isinstance(told, str) else json.dumps(told)) for run, told in (configs or {}).items()],
        )
        made.execute("COMMIT")
    return path


def test_reads_what_trackio_wrote(tmp_path: Path) -> None:
    path = tmp_path / "demo.db"
    path.write_bytes(gzip.decompress(DATA.read_bytes()))
    assert trackio.claims(path)
    runs = read(path)
    assert [(run.name, run.format, run.status, run.planned_steps) for run in runs] == [
        ("run-a", "trackio", Status.UNKNOWN, 60),
        ("run-b", "trackio", Status.UNKNOWN, 60),
    ]
    for run in runs:
        told = points(run, "train/loss")
        assert told[:2] == [(5, "1.95"), (10, "1.9")]
        assert told[8:] == [(45, "inf"), (50, "nan"), (55, "nan"), (60, "nan")]
        assert [step for step, _ in points(run, "eval/loss")] == [20, 40, 60]
        assert points(run, "nest.a") == [(20, "20.0"), (40, "40.0"), (60, "60.0")]
        assert run.hparams["lr"] == 0.5
        assert run.hparams["optimizer.name"] == "adamw"
        assert not [name for name in run.hparams if name.startswith("_")]
        assert run.incidents == ()
    assert [entry.name for entry in tmp_path.iterdir()] == ["demo.db"]


def test_reads_databases_of_before_there_were_ids(tmp_path: Path) -> None:
    rows = [(run, step, {"loss": step + at}) for step in range(5) for at, run in enumerate(("a", "b"))]
    path = database(tmp_path / "p.db", rows, {"b": {"lr": 0.1, "_Created": "now"}})
    assert trackio.claims(path)
    one, other = read(path)
    assert points(one) == [(n, f"{n}.0") for n in range(5)]
    assert points(other) == [(n, f"{n + 1}.0") for n in range(5)]
    assert (one.hparams, other.hparams) == ({}, {"lr": 0.1})
    assert one.series["loss"].wall_times is not None


def test_texts_that_stand_for_no_number_are_read(tmp_path: Path) -> None:
    values = ["NaN", "Infinity", "-Infinity", math.nan, 1.5, "1.5", True, None]
    (run,) = read(database(tmp_path / "p.db", [("a", n, {"loss": value}) for n, value in enumerate(values)]))
    assert points(run) == [(0, "nan"), (1, "inf"), (2, "-inf"), (3, "nan"), (4, "1.5")]


@pytest.mark.parametrize("bad", ["{", "[" * 100_000, b"\xff\xfe", '{"loss": ' + "9" * 5000 + "}", ""])
def test_a_row_that_cannot_be_read_is_left_out_and_told(tmp_path: Path, bad: str | bytes) -> None:
    rows = [("a", n, {"loss": n}) for n in range(3)]
    (run,) = read(database(tmp_path / "p.db", [*rows, ("a", 3, bad), ("a", 4, {"loss": 4})]))
    assert [step for step, _ in points(run)] == [0, 1, 2, 4]
    assert [(i.place, i.kind, i.dropped) for i in run.incidents] == [("table metrics, row 4", "unreadable_row", 1)]


def test_a_step_that_is_no_number_costs_its_row(tmp_path: Path) -> None:
    (run,) = read(
        database(tmp_path / "p.db", [("a", 0, {"loss": 1}), ("a", "later", {"loss": 2}), ("a", 1e300, {"loss": 3})])
    )
    assert points(run) == [(0, "1.0")]
    assert {incident.kind for incident in run.incidents} == {"unreadable_row", "impossible_step"}


def test_an_empty_project_is_no_log(tmp_path: Path) -> None:
    for at, rows in enumerate(([], [("a", 0, {"text": "hello"})])):
        with pytest.raises(NotALog):
            read(database(tmp_path / f"p{at}.db", rows))


def test_other_databases_are_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE metrics (key TEXT, value FLOAT, step INTEGER)")
        made.execute("CREATE TABLE configs (run_name TEXT, config TEXT)")
    assert not trackio.claims(path)


ROWS = [("ab"[n % 2], n // 2, {"loss": 1 / (n + 1), "pad": "x" * 50}) for n in range(300)]


@fuzzed
@given(share=st.floats(0, 1))
def test_a_prefix_gives_some_of_the_points(tmp_path: Path, share: float) -> None:
    path = tmp_path / "p.db"
    path.unlink(missing_ok=True)
    whole = {run.name: points(run) for run in read(database(path, ROWS))}
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    try:
        found = read(path)
    except LogError:
        return
    for run in found:
        told = points(run)
        assert told == [point for point in whole[run.name] if point in told]


@fuzzed
@given(st.data())
def test_damage_raises_nothing_but_log_errors(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "p.db"
    path.unlink(missing_ok=True)
    content = bytearray(database(path, ROWS[:60]).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        some = data.draw(st.binary(min_size=1, max_size=40))
        content[at : at + len(some)] = some
    path.write_bytes(content)
    trackio.claims(path)
    try:
        runs = read(path)
    except LogError:
        return
    assert all(len(series) for run in runs for series in run.series.values())
