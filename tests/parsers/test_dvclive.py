from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Role, Run
from lrdoctor.parsers import dvclive
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "dvclive"
"""Written by DVCLive 3.49.1: eight steps, the last loss NaN."""
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and dvclive.claims(path)]


def read(folder: Path) -> Run:
    assert {dvclive.home(path) for path in files(folder)} == {folder}
    (run,) = dvclive.read(folder, files(folder), RoleNames())
    return run


def write(folder: Path, **metrics: str) -> Path:
    for name, text in metrics.items():
        path = folder / "plots" / "metrics" / f"{name.replace('__', '/')}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_all_metrics_of_a_folder_are_one_run() -> None:
    run = read(DATA)
    assert {tag: len(series) for tag, series in run.series.items()} == {"lr": 8, "train/loss": 8, "val/loss": 8}
    assert math.isnan(run.series["train/loss"].values[-1])
    assert run.hparams["optimizer.name"] == "adamw"
    assert (run.planned_steps, run.name, run.format) == (8, "dvclive", "dvclive")
    assert RoleNames().assign(run.series)[0] == {
        Role.TRAIN_LOSS: "train/loss",
        Role.VAL_LOSS: "val/loss",
        Role.LR: "lr",
    }


def test_a_timestamp_becomes_the_wall_time(tmp_path: Path) -> None:
    run = read(write(tmp_path, loss="timestamp\tstep\tloss\n1700000000500\t0\t3\n1700000001500\t1\t2\n"))
    times = run.series["loss"].wall_times
    assert times is not None
    assert times.tolist() == [1700000000.5, 1700000001.5]


@pytest.mark.parametrize(
    ("params", "metrics"), [("logging_steps: 50\nepochs: 9\n", {}), ("epochs: 9\n", {"epoch": "step\tepoch\n0\t0.1\n"})]
)
def test_a_step_that_is_no_epoch_has_no_plan(tmp_path: Path, params: str, metrics: dict[str, str]) -> None:
    write(tmp_path, loss="step\tloss\n0\t3\n1\t2\n", **metrics)
    (tmp_path / "params.yaml").write_text(params)
    assert read(tmp_path).planned_steps is None


def test_one_bad_metric_costs_no_other(tmp_path: Path) -> None:
    write(tmp_path, loss="step\tloss\n0\t3\n1\t2\n", bad="what\n", words="step\twords\n0\tx\n", empty="")
    run = read(tmp_path)
    assert list(run.series) == ["loss"]
    assert run.notes == (
        "left out: bad: no column 'step' before the value",
        "left out: empty: an empty file",
        "left out: words: no numbers",
    )


def test_a_row_without_a_step_is_counted(tmp_path: Path) -> None:
    run = read(write(tmp_path, loss="step\tloss\n0\t3\n\t9\n0.5\t8\n1\t2\n"))
    assert run.series["loss"].values.tolist() == [3.0, 2.0]
    assert [(i.kind, i.dropped) for i in run.incidents] == [("no_step", 2)]


def test_the_summary_alone_is_no_curve() -> None:
    with pytest.raises(NotALog, match="name the folder"):
        list(dvclive.read(DATA, [DATA / "metrics.json"], RoleNames()))


def test_a_folder_without_points_is_no_curve(tmp_path: Path) -> None:
    with pytest.raises(NotALog, match="no metric with a point"):
        read(write(tmp_path, loss="step\tloss\n"))


@pytest.mark.parametrize(
    "name", ["plots/metrics/a.csv", "metrics/a.tsv", "plots/a.tsv", "plots/images/a.tsv", "other/metrics.json", "a.tsv"]
)
def test_claims_nothing_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("step\ta\n0\t1\n")
    assert not dvclive.claims(path)


@fuzzed
@given(st.integers(0, 200))
def test_every_prefix_of_a_metric_gives_a_prefix_of_its_points(tmp_path: Path, cut: int) -> None:
    shutil.copytree(DATA, tmp_path / "run", dirs_exist_ok=True)
    path = tmp_path / "run" / "plots" / "metrics" / "val" / "loss.tsv"
    path.write_text((DATA / "plots" / "metrics" / "val" / "loss.tsv").read_text()[:cut])
    run = read(tmp_path / "run")
    told = run.series["val/loss"].values.tolist() if "val/loss" in run.series else []
    assert told == read(DATA).series["val/loss"].values.tolist()[: len(told)]
    assert len(run.series["train/loss"]) == 8


@fuzzed
@given(st.one_of(st.binary(max_size=100), st.text(alphabet="0123456789.\t\r\n-eEnaifstplo", max_size=100)))
def test_any_bytes_are_a_run_or_a_clear_error(tmp_path: Path, content: bytes | str) -> None:
    path = write(tmp_path, loss="") / "plots" / "metrics" / "loss.tsv"
    path.write_bytes(content if isinstance(content, bytes) else b"step\tloss\n" + content.encode())
    try:
        assert read(tmp_path).series
        said = "a run"
    except LogError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
