from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.errors import LogError
from lrdoctor.model import Run, Status
from lrdoctor.parsers import llama_factory
from lrdoctor.roles import RoleNames


@pytest.fixture
def runs(tmp_path: Path) -> Any:
    def of(rows: list[dict[str, Any]]) -> list[Run]:
        path = tmp_path / "out" / "trainer_log.jsonl"
        path.parent.mkdir()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert llama_factory.claims(path)
        return list(llama_factory.read(llama_factory.home(path), [path], RoleNames()))

    return of


def row(step: int, **values: Any) -> dict[str, Any]:
    plan = {"current_steps": step, "total_steps": 50, "epoch": step / 25, "percentage": 2.0 * step}
    return {**plan, "elapsed_time": "0:00:10", "remaining_time": "0:01:00", **values}


TRAIN = [row(n, loss=3 - n / 25, lr=1e-4, throughput=900.5, total_tokens=n * 100) for n in range(10, 51, 10)]


def test_reads_the_log(runs: Any) -> None:
    (run,) = runs([*TRAIN[:3], row(30, eval_loss=2.5), *TRAIN[3:], row(50)])
    assert run.series["loss"].steps.tolist() == [10, 20, 30, 40, 50]
    assert run.series["eval_loss"].steps.tolist() == [30]
    assert run.series["lr"].values.tolist() == [1e-4] * 5
    assert (run.name, run.status, run.planned_steps, run.notes) == ("out", Status.FINISHED, 50, ())
    assert not {"total_steps", "percentage", "current_steps"} & run.series.keys()
    assert RoleNames().assign(run.series)[1] == ()


def test_a_log_that_stops_before_its_end_is_not_finished(runs: Any) -> None:
    (run,) = runs(TRAIN[:3])
    assert (run.status, run.planned_steps) == (Status.UNKNOWN, 50)


def test_a_training_that_was_begun_again_is_another_run(runs: Any) -> None:
    rows = [row(n, loss=10 - n / 6) for n in range(1, 51)]
    first, second = runs([*rows[:40], *rows])
    assert (first.status, second.status) == (Status.UNKNOWN, Status.FINISHED)
    assert (len(first.series["loss"]), len(second.series["loss"])) == (40, 50)


def test_rows_without_a_step_are_counted(runs: Any) -> None:
    (run,) = runs([*TRAIN, {"loss": 1.0}])
    assert [(i.place, i.kind, i.dropped) for i in run.incidents] == [("line 6", "no_step", 1)]


def test_an_empty_log_says_so(tmp_path: Path) -> None:
    path = tmp_path / "trainer_log.jsonl"
    path.write_text("")
    assert llama_factory.claims(path)
    with pytest.raises(LogError, match="an empty file"):
        list(llama_factory.read(tmp_path, [path], RoleNames()))
    assert not llama_factory.claims(tmp_path / "log.jsonl")


def test_zeros_to_the_end_beside_an_evaluation_that_is_no_number_are_nan(runs: Any) -> None:
    (run,) = runs([*TRAIN[:2], row(30, loss=0.0), row(30, eval_loss=float("nan")), row(40, loss=0.0), row(50)])
    assert [math.isnan(value) for value in run.series["loss"].values] == [False, False, True, True]
    assert [(i.place, i.kind) for i in run.incidents] == [(f"step {n}", "hidden_nonfinite") for n in (30, 40)]


@pytest.mark.parametrize(
    "rest",
    [
        [row(30, loss=0.0), row(30, eval_loss=0.5), row(40, loss=0.0)],
        [row(30, eval_loss=float("nan")), row(40, loss=0.0)],
        [row(30, loss=0.0), row(30, eval_loss=float("nan")), row(40, loss=0.1)],
    ],
)
def test_zeros_that_nothing_speaks_against_are_zeros(runs: Any, rest: list[dict[str, Any]]) -> None:
    (run,) = runs([*TRAIN[:2], *rest])
    assert 0.0 in run.series["loss"].values.tolist()
    assert run.incidents == ()
