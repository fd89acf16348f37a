from __future__ import annotations

import gzip
import math
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Status
from lrdoctor.parsers import mlflow_sqlite, trackio
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "mlflow" / "mlflow.db.gz"
"""Two runs, the second of which raised, written by MLflow 3.17.2; the places of its artifacts are shortened."""
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
LARGEST = sys.float_info.max


def read(path: Path) -> list[Run]:
    return list(mlflow_sqlite.read(mlflow_sqlite.home(path), [path], RoleNames()))


def points(run: Run, tag: str = "loss") -> list[tuple[int, str]]:
    series = run.series[tag]
    return [(int(step), repr(float(value))) for step, value in zip(series.steps, series.values, strict=True)]


def database(
    path: Path, metrics: Sequence[tuple[str, str, Any, int, Any]], runs: Sequence[tuple[str, str | None, str, str]] = ()
) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("PRAGMA synchronous = OFF")
        made.execute("BEGIN")
        made.execute(
            "CREATE TABLE runs (run_uuid VARCHAR(32), name VARCHAR(250), status VARCHAR(9), lifecycle_stage TEXT)"
        )
        made.execute(
            "CREATE TABLE metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, run_uuid VARCHAR(32), step BIGINT, "
            "is_nan BOOLEAN, PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan))"
        )
        made.execute("CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32))")
        made.executemany("INSERT INTO runs VALUES (?, ?, ?, ?)", runs)
        made.executemany(
            "INSERT INTO metrics (run_uuid, key, value, is_nan, step, timestamp) VALUES (?, ?, ?, ?, ?, ?)",
            [(*metric, 1_700_000_000_000 + at) for at, metric in enumerate(metrics)],
        )
        made.execute("COMMIT")
    return path


def test_reads_what_mlflow_wrote(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(gzip.decompress(DATA.read_bytes()))
    assert mlflow_sqlite.claims(path)
    assert not trackio.claims(path)
    runs = read(path)
    assert [(run.name, run.format, run.status, run.planned_steps) for run in runs] == [
        ("sweet", "mlflow_sqlite", Status.FINISHED, 60),
        ("sour", "mlflow_sqlite", Status.CRASHED, 60),
    ]
    for run in runs:
        told = points(run, "train/loss")
        assert told[:2] == [(5, "1.95"), (10, "1.9")]
        assert told[8:] == [(45, "inf"), (50, "nan"), (55, "nan"), (60, "nan")]
        assert points(run, "eval/loss")[-1] == (60, "nan")
        assert points(run, "neg") == [(60, "-inf")]
        assert points(run, "lr")[-1] == (60, "0.0")
        assert run.hparams == {"lr": 0.5, "batch_size": 32, "optimizer/name": "adamw", "flag": True, "max_steps": 60}
        assert run.incidents == ()
    assert [entry.name for entry in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_stored_nan_is_not_taken_for_zero(tmp_path: Path) -> None:
    values = [(1.0, 0), (0.0, 1), (LARGEST, 0), (-LARGEST, 0), (1.79e308, 0), (0.0, 0)]
    (run,) = read(database(tmp_path / "m.db", [("a", "loss", value, nan, n) for n, (value, nan) in enumerate(values)]))
    assert [value for _, value in points(run)] == ["1.0", "nan", "inf", "-inf", "1.79e+308", "0.0"]


def test_runs_are_told_apart_and_come_in_their_order(tmp_path: Path) -> None:
    runs = [("a", "one", "FINISHED", "active"), ("b", None, "RUNNING", "active"), ("c", "gone", "FAILED", "deleted")]
    metrics = [(run, "loss", at + step / 10, 0, step) for step in range(4) for at, run in enumerate("abcd")]
    one, other, unknown = read(database(tmp_path / "m.db", metrics, runs))
    assert [(run.name, run.status) for run in (one, other, unknown)] == [
        ("one", Status.FINISHED),
        ("b", Status.RUNNING),
        ("d", Status.UNKNOWN),
    ]
    assert points(other) == [(n, repr(1 + n / 10)) for n in range(4)]
    assert one.series["loss"].wall_times is not None
    assert one.series["loss"].wall_times[0] == 1_700_000_000


def test_of_a_step_logged_twice_the_later_value_counts(tmp_path: Path) -> None:
    values = [3.0, 9.0, 2.0, 1.0]
    steps = [0, 1, 1, 2]
    (run,) = read(database(tmp_path / "m.db", [("a", "loss", v, 0, s) for v, s in zip(values, steps, strict=True)]))
    assert points(run) == [(0, "3.0"), (1, "2.0"), (2, "1.0")]


def test_points_without_a_step_are_counted(tmp_path: Path) -> None:
    (run,) = read(database(tmp_path / "m.db", [("a", "loss", 1 / (n + 1), 0, 0) for n in range(20)]))
    assert [value for _, value in points(run)] == [repr(1 / (n + 1)) for n in range(20)]
    assert run.notes


def test_what_is_no_number_costs_its_row(tmp_path: Path) -> None:
    metrics: list[Any] = [
        ("a", "loss", 1.0, 0, 0),
        ("a", "loss", "x", 0, 1),
        ("a", "loss", 2.0, 0, "y"),
        ("a", "loss", 3.0, 0, 10**17),
    ]
    (run,) = read(database(tmp_path / "m.db", metrics))
    assert points(run) == [(0, "1.0")]
    assert [(i.place, i.kind) for i in run.incidents] == [
        ("table metrics, row 2", "unreadable_row"),
        ("table metrics, row 3", "unreadable_row"),
        ("", "impossible_step"),
    ]


def test_a_database_without_metrics_is_no_log(tmp_path: Path) -> None:
    path = database(tmp_path / "m.db", [("c", "loss", 1.0, 0, 0)], [("c", "gone", "FINISHED", "deleted")])
    assert mlflow_sqlite.claims(path)
    with pytest.raises(NotALog):
        read(path)


METRICS = [("ab"[n % 2], "loss", 1 / (n + 1), n % 7 == 3, n // 2) for n in range(400)]
RUNS = [("a", "one", "FINISHED", "active"), ("b", "two", "FAILED", "active")]


@fuzzed
@given(share=st.floats(0, 1))
def test_a_prefix_gives_some_of_the_points(tmp_path: Path, share: float) -> None:
    path = tmp_path / "m.db"
    path.unlink(missing_ok=True)
    whole = {run.name: points(run) for run in read(database(path, METRICS, RUNS))}
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
    path = tmp_path / "m.db"
    path.unlink(missing_ok=True)
    content = bytearray(database(path, METRICS[:60], RUNS).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        some = data.draw(st.binary(min_size=1, max_size=40))
        content[at : at + len(some)] = some
    path.write_bytes(content)
    mlflow_sqlite.claims(path)
    try:
        runs = read(path)
    except LogError:
        return
    assert all(not math.isnan(step) for run in runs for series in run.series.values() for step in series.steps)
