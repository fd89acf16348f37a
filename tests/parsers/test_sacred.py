from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.errors import LogError
from lrdoctor.model import Run, Status
from lrdoctor.parsers import sacred
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "sacred"
"""Written by sacred 0.8.7, `FileStorageObserver`: 20 points each; run 2 logs NaN from step 160 on, then raises."""


def read(home: Path) -> Run:
    path = home / "metrics.json"
    assert sacred.claims(path)
    assert sacred.home(path) == home
    (run,) = sacred.read(home, [path], RoleNames())
    return run


def test_reads_what_sacred_wrote() -> None:
    run = read(DATA / "1")
    loss = run.series["training.loss"]
    assert loss.steps.tolist() == list(range(0, 200, 10))
    assert loss.values[1] == 1.5
    assert loss.wall_times is not None
    assert 1.7e9 < loss.wall_times[0] <= loss.wall_times[-1] < 2e9
    assert run.series["val.loss"].steps.tolist() == [40, 90, 140, 190]
    assert (run.status, run.notes, run.incidents, run.name) == (Status.FINISHED, (), (), "1")
    assert run.hparams["lr"] == 0.1
    assert run.hparams["optimizer.momentum"] == 0.9


def test_a_run_that_died_says_of_what() -> None:
    run = read(DATA / "2")
    assert [math.isnan(value) for value in run.series["training.loss"].values] == [False] * 16 + [True] * 4
    assert run.status is Status.CRASHED
    assert run.notes == ("Sacred says FAILED: RuntimeError: boom",)


@pytest.fixture
def copied(tmp_path: Path) -> Any:
    """The first run with another file in place of one of its own."""

    def of(name: str, content: Any) -> Path:
        home = tmp_path / "1"
        shutil.copytree(DATA / "1", home)
        (home / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return home

    return of


@pytest.mark.parametrize(
    ("said", "status"),
    [("RUNNING", Status.RUNNING), ("INTERRUPTED", Status.UNKNOWN), ("TIMEOUT", Status.CRASHED), (3, Status.UNKNOWN)],
)
def test_the_status_is_taken_over(copied: Any, said: Any, status: Status) -> None:
    run = read(copied("run.json", {"status": said}))
    assert run.status is status
    assert run.notes == (f"Sacred says {said}",)


@pytest.mark.parametrize("name", ["run.json", "config.json"])
def test_a_broken_file_beside_costs_no_point(copied: Any, name: str) -> None:
    run = read(copied(name, "{broken"))
    assert len(run.series["training.loss"]) == 20


def test_points_that_cannot_be_read_are_counted(copied: Any) -> None:
    metric = {"steps": [0, 1, 2, None], "values": [3.0, "x", 1.0, 0.5, 7], "timestamps": []}
    run = read(copied("metrics.json", {"loss": metric, "odd": 3}))
    assert run.series["loss"].values.tolist() == [3.0, 1.0]
    assert [(i.place, i.kind, i.dropped) for i in run.incidents] == [
        ("loss, entry 2", "unreadable_cell", 1),
        ("loss, entry 4", "unreadable_cell", 1),
        ("loss", "truncated_tail", 1),
    ]


def test_a_run_without_metrics_says_so(copied: Any) -> None:
    with pytest.raises(LogError, match="no metric was logged"):
        read(copied("metrics.json", {}))


@pytest.mark.parametrize("name", ["run.json", "config.json", "metrics.json"])
def test_does_not_claim_where_a_file_is_missing(copied: Any, name: str) -> None:
    home = copied("info.json", {})
    (home / name).unlink()
    assert not sacred.claims(home / "metrics.json")
    assert not sacred.claims(home / "info.json")
