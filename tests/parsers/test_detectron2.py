from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.model import Run, Status
from lrdoctor.parsers import detectron2
from lrdoctor.roles import RoleNames

BEGAN = "[01/20 13:14:48 d2.engine.train_loop]: Starting training from iteration 0\n"
DIED = (
    "[01/20 13:15:00 d2.engine.train_loop]: ERROR: Exception during training:\n"
    "Traceback (most recent call last):\n"
    '  File "detectron2/engine/train_loop.py", line 155, in train\n'
    "FloatingPointError: Loss became infinite or NaN at iteration=87!\n"
    "loss_dict = {'loss_cls': nan, 'loss_box_reg': nan}\n"
)


@pytest.fixture
def output(tmp_path: Path) -> Any:
    """The run of an output folder with these iterations and, beside them, a log and a configuration."""

    def of(*iterations: int, log: str = "", config: str = "") -> Run:
        path = tmp_path / "output" / "metrics.json"
        path.parent.mkdir()
        rows = [{"data_time": 0.1, "iteration": n, "lr": 0.01, "total_loss": 5 - n / 50} for n in iterations]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        if log:
            (path.parent / "log.txt").write_text(log)
        if config:
            (path.parent / "config.yaml").write_text(config)
        assert detectron2.claims(path)
        (run,) = detectron2.read(detectron2.home(path), [path], RoleNames())
        return run

    return of


def test_reads_the_record(output: Any) -> None:
    run = output(19, 39, 59)
    assert run.series["total_loss"].steps.tolist() == [19, 39, 59]
    assert run.series["lr"].values.tolist() == [0.01] * 3
    assert (run.name, run.format, run.status, run.planned_steps) == ("output", "detectron2", Status.UNKNOWN, None)
    assert (run.notes, run.incidents) == ((), ())


def test_a_loss_that_killed_the_training_is_added(output: Any) -> None:
    run = output(19, 39, 59, 79, log=BEGAN + DIED)
    loss = run.series["total_loss"]
    assert loss.steps.tolist() == [19, 39, 59, 79, 87]
    assert math.isnan(loss.values[-1])
    assert run.status is Status.CRASHED
    assert [(i.kind, i.dropped) for i in run.incidents] == [("hidden_nonfinite", 0)]


def test_the_death_of_an_earlier_training_is_not_this_ones(output: Any) -> None:
    run = output(19, 39, log=BEGAN + DIED + BEGAN + "all is well\n")
    assert (len(run.series["total_loss"]), run.status, run.incidents) == (2, Status.UNKNOWN, ())


def test_another_death_is_no_nan(output: Any) -> None:
    died = BEGAN + "Traceback (most recent call last):\nRuntimeError: CUDA out of memory\n"
    run = output(19, 39, log=died)
    assert run.status is Status.CRASHED
    assert len(run.series["total_loss"]) == 2


def test_a_record_that_goes_on_beyond_it_survived(output: Any) -> None:
    run = output(19, 99, log=BEGAN + DIED)
    assert run.series["total_loss"].steps.tolist() == [19, 99]


def test_the_plan_is_found_beside(output: Any) -> None:
    run = output(19, 39, config="SOLVER:\n  BASE_LR: 0.01\n  MAX_ITER: 40\nTEST:\n  X: 1\n")
    assert (run.planned_steps, run.status) == (40, Status.FINISHED)


def test_a_resumed_training_supersedes(output: Any) -> None:
    run = output(19, 39, 59, 39, 59, 79)
    assert run.series["total_loss"].steps.tolist() == [19, 39, 59, 79]
    assert run.notes == ("restart at step 39: 6 points superseded",)


@pytest.mark.parametrize("row", [{"iteration": 3}, {"total_loss": 3.0}, {"step": 1, "loss": 2.0}, {}])
def test_does_not_claim_others(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(row))
    assert not detectron2.claims(path)
    other = tmp_path / "m.json"
    other.write_text(json.dumps({"iteration": 1, "total_loss": 2.0}))
    assert not detectron2.claims(other)


def test_a_loss_that_broke_before_anything_was_written(output: Any) -> None:
    run = output(log=BEGAN + DIED, config="SOLVER:\n  MAX_ITER: 400\n")
    assert [(i.kind, i.dropped) for i in run.incidents] == [("hidden_nonfinite", 0)]
    assert (run.series["total_loss"].steps.tolist(), run.status, run.planned_steps) == ([87], Status.CRASHED, 400)
    assert math.isnan(run.series["total_loss"].values[0])


def test_does_not_claim_an_empty_record_that_nothing_speaks_of(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.touch()
    assert not detectron2.claims(path)
    (tmp_path / "log.txt").write_text(BEGAN)
    assert not detectron2.claims(path)
