from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor import doctor
from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Status
from lrdoctor.parsers import clearml
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "clearml"
"""A session of clearml 2.1.12, offline, whose loss became infinite and then NaN; without the script and its place."""
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
REPLACED = "clearml - INFO - NaN value encountered. Reporting it as '0.0'. Use clearml.Logger.set_reporting_nan_value"


def read(path: Path) -> Run:
    (run,) = clearml.read(clearml.home(path), [path], RoleNames())
    return run


def points(run: Run, tag: str = "loss/train") -> list[tuple[int, str]]:
    series = run.series[tag]
    return [(int(step), repr(float(value))) for step, value in zip(series.steps, series.values, strict=True)]


def event(step: Any, value: Any, metric: str = "loss", variant: str = "train") -> dict[str, Any]:
    kind = "training_stats_scalar"
    return {
        "timestamp": 1_700_000_000_000,
        "type": kind,
        "iter": step,
        "metric": metric,
        "variant": variant,
        "value": value,
    }


def session(folder: Path, lines: Sequence[Any], task: Any = None, log: Sequence[str] = ()) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text)
    (folder / "task.json").write_text(task if isinstance(task, str) else json.dumps(task or {"name": "sweet"}))
    if log:
        (folder / "log.jsonl").write_text(json.dumps([{"type": "log", "msg": message} for message in log]) + "\n")
    return folder / "metrics.jsonl"


def zipped(folder: Path, how: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", how) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path


CURVE = [[event(10 * n, 1 / (n + 1)), event(10 * n, 0.1, "lr", "lr")] for n in range(20)]


def test_the_zip_that_is_made_of_a_session_is_no_second_one(tmp_path: Path) -> None:
    zipped(session(tmp_path / "offline-1", CURVE).parent)
    runs, problems = doctor.read([tmp_path], RoleNames())
    assert ([run.name for run in runs], problems) == (["offline-1"], [])


@pytest.mark.parametrize("packed", [False, True])
def test_reads_what_clearml_wrote(tmp_path: Path, packed: bool) -> None:
    (path,) = DATA.glob("offline-*/metrics.jsonl")
    if packed:
        copy = tmp_path / path.parent.name
        copy.mkdir()
        for file in path.parent.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        path = zipped(copy)
        shutil.rmtree(copy)
    assert clearml.claims(path)
    run = read(path)
    assert (run.name, run.format, run.status) == ("sweet", "clearml", Status.UNKNOWN)
    assert run.path == (path if packed else path.parent)
    assert points(run)[:2] == [(0, "2.0"), (5, "1.95")]
    # ClearML wrote 0 for these, and in its log that it did.
    assert points(run)[8:] == [(40, "1.6"), (45, "nan"), (50, "nan"), (55, "nan")]
    assert [step for step, _ in points(run, "loss/val")] == [0, 20, 40]
    assert points(run, "lr")[-1][0] == 55
    assert run.hparams == {"batch_size": 32, "lr": 0.5, "opt/name": "adamw"}
    assert [incident.kind for incident in run.incidents] == ["hidden_nonfinite"]
    assert "3 values, the first at step 45" in run.incidents[0].message


def test_zeros_are_taken_at_their_word_unless_clearml_said_otherwise(tmp_path: Path) -> None:
    values = [2.0, 1.0, 0.0, 0.0]
    lines = [[event(n, value), event(n, value, "lr", "lr")] for n, value in enumerate(values)]
    silent = read(session(tmp_path / "silent", lines, log=["epoch 1", "nan is a word"]))
    told = read(session(tmp_path / "told", lines, log=["epoch 1", REPLACED]))
    assert [value for _, value in points(silent)] == ["2.0", "1.0", "0.0", "0.0"]
    assert silent.incidents == ()
    assert [value for _, value in points(told)] == ["2.0", "1.0", "nan", "nan"]
    # The rate ends at 0 because its schedule does.
    assert [value for _, value in points(told, "lr")] == ["2.0", "1.0", "0.0", "0.0"]


def test_a_loss_that_begins_at_zero_may_be_zero(tmp_path: Path) -> None:
    run = read(session(tmp_path / "s", [[event(n, value) for n, value in enumerate([0.0, 1.0, 0.0])]], log=[REPLACED]))
    assert [value for _, value in points(run)] == ["0.0", "1.0", "0.0"]


def test_the_replacement_may_be_another_value(tmp_path: Path) -> None:
    log = [REPLACED.replace("0.0", "-1.0")]
    run = read(session(tmp_path / "s", [[event(n, value) for n, value in enumerate([0.5, 0.0, -1.0])]], log=log))
    assert [value for _, value in points(run)] == ["0.5", "0.0", "nan"]


@pytest.mark.parametrize(
    ("told", "status"),
    [("completed", Status.FINISHED), ("failed", Status.CRASHED), ("in_progress", Status.RUNNING), (3, Status.UNKNOWN)],
)
def test_the_state_is_the_status(tmp_path: Path, told: Any, status: Status) -> None:
    assert read(session(tmp_path / "s", CURVE, {"status": told})).status is status


@pytest.mark.parametrize("task", ["", "{", "[]", "null", '{"hyperparams": {"a": 3, "b": {"c": 4}}, "name": null}'])
def test_a_damaged_description_costs_only_itself(tmp_path: Path, task: str) -> None:
    path = session(tmp_path / "s", CURVE, task or " ")
    assert clearml.claims(path)
    assert len(read(path).series["loss/train"]) == 20


def test_what_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    bad = ["{\n", "[" * 100_000 + "\n", [event(1, None)], [event("x", 1)], [event(1, 2) | {"metric": 3}], "[1, null]\n"]
    run = read(session(tmp_path / "s", [*CURVE, *bad, [event(1e300, 1)], json.dumps([event(999, 1)])[:-5]]))
    assert points(run) == [(10 * n, repr(1 / (n + 1))) for n in range(20)]
    told = [(incident.place, incident.kind) for incident in run.incidents]
    assert told[:5] == [(f"line {n}", "unreadable_row") for n in range(21, 26)]
    assert ("line 28", "truncated_tail") in told
    assert told[-1] == ("", "impossible_step")


def test_other_events_are_no_scalars(tmp_path: Path) -> None:
    other = event(0, 1) | {"type": "plot"}
    assert list(read(session(tmp_path / "s", [[other], *CURVE])).series) == ["loss/train", "lr"]
    with pytest.raises(NotALog, match="no scalars"):
        read(session(tmp_path / "t", [[other]]))


def test_claims_nothing_else(tmp_path: Path) -> None:
    lone = tmp_path / "lone" / "metrics.jsonl"
    lone.parent.mkdir()
    lone.write_text(json.dumps([event(0, 1)]))
    assert not clearml.claims(lone)
    rows = session(tmp_path / "rows", ['{"step": 1, "loss": 2}\n'])
    assert not clearml.claims(rows)
    for name, content in {"a.zip": b"", "b.zip": b"PK\3\4 metrics.jsonl task.json", "c.zip": b"text"}.items():
        (tmp_path / name).write_bytes(content)
        assert not clearml.claims(tmp_path / name)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "metrics.jsonl").write_text("[]")
    assert not clearml.claims(zipped(tmp_path / "other"))
    os.mkfifo(tmp_path / "pipe.zip")
    assert not clearml.claims(tmp_path / "pipe.zip")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = session(tmp_path / "s", [*CURVE, " " * (64 << 20)])
    packed = zipped(path.parent)
    assert packed.stat().st_size < 100_000
    run = read(packed)
    assert len(run.series["loss/train"]) == 20
    assert [incident.kind for incident in run.incidents] == ["ratio_limit"]


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_compress_are_refused(tmp_path: Path, how: int) -> None:
    path = zipped(session(tmp_path / "s", CURVE).parent, how)
    with pytest.raises(LogError, match="not compressed in the way"):
        read(path)


def test_nothing_is_left_beside_the_zip(tmp_path: Path) -> None:
    path = zipped(session(tmp_path / "s", CURVE).parent)
    read(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["s", "s.zip"]


@fuzzed
@given(cut=st.floats(0, 1))
def test_a_prefix_gives_a_prefix_of_the_points(tmp_path: Path, cut: float) -> None:
    path = session(tmp_path / "s", CURVE)
    whole = points(read(path))
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    clearml.claims(path)
    try:
        found = points(read(path))
    except (LogError, KeyError):
        found = []
    assert found == whole[: len(found)]


@fuzzed
@given(st.data(), st.booleans())
def test_damage_raises_nothing_but_log_errors(tmp_path: Path, data: st.DataObject, packed: bool) -> None:
    path = session(tmp_path / "s", CURVE, {"name": "x", "hyperparams": {"a": {"lr": {"value": "0.1"}}}}, [REPLACED])
    path = zipped(path.parent) if packed else path
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    path.write_bytes(content)
    clearml.claims(path)
    try:
        run = read(path)
    except LogError:
        return
    assert all(len(series) for series in run.series.values())
