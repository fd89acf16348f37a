from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Status
from lrdoctor.parsers import mlflow_files
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "mlflow" / "mlruns"
"""Two runs, one of which raised, written by MLflow 3.17.2; the places of its artifacts are shortened."""
ID = "0123456789abcdef0123456789abcdef"
META = "artifact_uri: x\nlifecycle_stage: active\nrun_id: {run}\nrun_name: sweet\nstatus: {status}\n"
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)


def read(run: Path) -> Run:
    files = [path for path in sorted(run.rglob("*")) if path.is_file() and mlflow_files.claims(path)]
    (home,) = {mlflow_files.home(path) for path in files}
    assert home == run
    (found,) = mlflow_files.read(home, files, RoleNames())
    return found


def points(run: Run, tag: str = "loss") -> list[tuple[int, str]]:
    series = run.series[tag]
    return [(int(step), repr(float(value))) for step, value in zip(series.steps, series.values, strict=True)]


def store(
    folder: Path, metrics: Mapping[str, str | bytes], run: str = ID, meta: str | None = META, status: int = 3
) -> Path:
    home = folder / "mlruns" / "0" / run
    for name, content in metrics.items():
        path = home / "metrics" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    if meta is not None:
        (home / "meta.yaml").write_text(meta.format(run=run, status=status))
    return home


LINES = "".join(f"{1_700_000_000_000 + n} {1 / (n + 1)!r} {10 * n}\n" for n in range(20))


def test_reads_what_mlflow_wrote() -> None:
    runs = sorted((read(path.parent) for path in DATA.glob("0/*/meta.yaml")), key=lambda run: run.name)
    assert [(run.name, run.format, run.status, run.planned_steps) for run in runs] == [
        ("sour", "mlflow_files", Status.CRASHED, 60),
        ("sweet", "mlflow_files", Status.FINISHED, 60),
    ]
    for run in runs:
        told = points(run, "train/loss")
        assert told[:2] == [(5, "1.95"), (10, "1.9")]
        assert told[8:] == [(45, "inf"), (50, "nan"), (55, "nan"), (60, "nan")]
        assert points(run, "eval/loss")[-1] == (60, "nan")
        assert points(run, "neg") == [(60, "-inf")]
        assert run.hparams == {"lr": 0.5, "batch_size": 32, "optimizer/name": "adamw", "flag": True, "max_steps": 60}
        assert (run.notes, run.incidents) == ((), ())


def test_reads_a_run_of_which_only_metrics_are_left(tmp_path: Path) -> None:
    run = read(store(tmp_path, {"train/loss": LINES, "a/metrics/b": LINES}, meta=None))
    assert (run.name, run.status, run.hparams) == (ID, Status.UNKNOWN, {})
    assert sorted(run.series) == ["a/metrics/b", "train/loss"]
    assert run.series["train/loss"].wall_times is not None
    assert run.series["train/loss"].wall_times[0] == 1_700_000_000


@pytest.mark.parametrize(
    ("code", "status"),
    [(1, Status.RUNNING), (2, Status.UNKNOWN), (3, Status.FINISHED), (4, Status.CRASHED), (5, Status.CRASHED)],
)
def test_the_state_is_the_status(tmp_path: Path, code: int, status: Status) -> None:
    assert read(store(tmp_path, {"loss": LINES}, status=code)).status is status


@pytest.mark.parametrize("meta", ["", "{", "- a", "status: [", "run_id: x\nstatus: never\n", "&a [*a]", "\0"])
def test_a_damaged_description_costs_only_itself(tmp_path: Path, meta: str) -> None:
    home = store(tmp_path, {"loss": LINES})
    (home / "meta.yaml").write_text(meta)
    run = read(home)
    assert len(run.series["loss"]) == 20
    assert run.status is Status.UNKNOWN


def test_a_run_that_the_user_has_deleted_is_left_out(tmp_path: Path) -> None:
    home = store(tmp_path, {"loss": LINES}, meta=META.replace("active", "deleted"))
    with pytest.raises(NotALog, match="deleted"):
        read(home)


def test_a_metric_of_a_data_set_is_read_with_its_step(tmp_path: Path) -> None:
    run = read(store(tmp_path, {"loss": LINES.replace("\n", " mnist 0a1b\n")}))
    assert [step for step, _ in points(run)] == [10 * n for n in range(20)]


def test_an_old_metric_without_steps_is_counted(tmp_path: Path) -> None:
    run = read(store(tmp_path, {"loss": "1700000000000 2.5\n1700000000001 1.5\n1700000000002 nan\n"}))
    assert points(run) == [(0, "2.5"), (1, "1.5"), (2, "nan")]
    assert run.notes == ("'loss' has no steps: its points are counted",)


def test_a_line_that_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    bad = "1700000000000 x 5\nhello\n1700000000000 1.0 5.5\n" + "9" * 10_000 + " 1 1\n\0\0\0\n"
    run = read(store(tmp_path, {"loss": LINES + bad + "1700000000000 7.0 200\n1700000000000 7.5 21"}))
    assert points(run)[-1] == (200, "7.0")
    assert len(points(run)) == 21
    told = [(incident.place, incident.kind) for incident in run.incidents]
    assert told[:3] == [("line 21", "unreadable_row"), ("line 22", "unreadable_row"), ("line 23", "unreadable_row")]
    assert told[-1][1] == "truncated_tail"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0\0", b"version https://git-lfs.github.com/spec/v1\noid x\n"])
def test_a_metric_that_holds_nothing_costs_only_itself(tmp_path: Path, content: bytes) -> None:
    home = store(tmp_path, {"loss": LINES, "other": content})
    assert list(read(home).series) == ["loss"]


def test_a_run_without_points_says_why(tmp_path: Path) -> None:
    home = store(tmp_path, {"loss": "1700000000000 2.5 1"})
    with pytest.raises(LogError, match="line 1: the last line is cut off"):
        read(home)
    empty = store(tmp_path, {"loss": b""}, run="f" * 32)
    with pytest.raises(NotALog, match="no metric in it has a value"):
        read(empty)


def test_claims_only_the_metrics_of_a_run(tmp_path: Path) -> None:
    home = store(tmp_path, {"loss": LINES})
    model = tmp_path / "mlruns" / "0" / "models" / "m-0123"
    for path, content in {
        home / "params" / "lr": "0.1",
        home / "tags" / "user": "me",
        home / "artifacts" / "notes": LINES,
        model / "metrics" / "loss": LINES,
        tmp_path / "metrics" / "loss": LINES,
        home / "metrics" / "prose": "the metrics of this run\n",
        home / "metrics" / "table": "1,2,3\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        assert not mlflow_files.claims(path), path
    (model / "meta.yaml").write_text("model_id: m-0123\nsource_run_id: 0123\n")
    assert not mlflow_files.claims(model / "metrics" / "loss")
    os.mkfifo(home / "metrics" / "pipe")
    (home / "metrics" / "folder").mkdir()
    for name in ("pipe", "folder", "missing"):
        assert not mlflow_files.claims(home / "metrics" / name)


def test_parameters_are_read_within_limits(tmp_path: Path) -> None:
    home = store(tmp_path, {"loss": LINES})
    (home / "params" / "opt").mkdir(parents=True)
    for name, content in {"lr": "1e-3", "opt/name": "sgd", "prompt": "x" * 10_000, "none": "None", "b": "True"}.items():
        (home / "params" / name).write_text(content)
    os.mkfifo(home / "params" / "pipe")
    (home / "params" / "loop").symlink_to(home)
    assert read(home).hparams == {"b": True, "lr": 0.001, "none": None, "opt/name": "sgd"}


def test_nothing_is_left_beside_the_files(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "mlruns")
    before = sorted(path for path in tmp_path.rglob("*"))
    for meta in tmp_path.glob("mlruns/0/*/meta.yaml"):
        read(meta.parent)
    assert sorted(path for path in tmp_path.rglob("*")) == before


@fuzzed
@given(cut=st.integers(0, len(LINES)))
def test_a_prefix_gives_a_prefix_of_the_points(tmp_path: Path, cut: int) -> None:
    whole = points(read(store(tmp_path, {"loss": LINES})))
    home = store(tmp_path, {"loss": LINES[:cut]})
    try:
        found = points(read(home))
    except (LogError, ValueError):
        found = []
    assert found == whole[: len(found)]
    assert len(found) >= LINES[:cut].count("\n")


@fuzzed
@given(st.data())
def test_damage_raises_nothing_but_log_errors(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(LINES.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    home = store(tmp_path, {"loss": bytes(content)})
    path = home / "metrics" / "loss"
    mlflow_files.claims(path)
    try:
        (run,) = mlflow_files.read(home, [path], RoleNames())
    except LogError:
        return
    assert all(len(series) for series in run.series.values())
