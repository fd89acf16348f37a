from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.model import Run, Status
from lrdoctor.parsers import ray_tune
from lrdoctor.roles import RoleNames


def rows(*losses: Any, done: bool = True) -> list[dict[str, Any]]:
    """Results as Ray's `JsonLoggerCallback` writes them."""
    return [
        {
            "loss": loss,
            "timestamp": 1_700_000_000 + n,
            "checkpoint_dir_name": None,
            "done": done and n == len(losses),
            "training_iteration": n,
            "trial_id": "a1b2c_00000",
            "date": "2023-11-14_22-13-20",
            "time_this_iter_s": 1.5,
            "pid": 77,
            "hostname": "node",
            "config": {"lr": 0.1, "model": {"depth": 3}},
        }
        for n, loss in enumerate(losses, 1)
    ]


@pytest.fixture
def trial(tmp_path: Path) -> Any:
    def of(content: list[dict[str, Any]], *beside: str) -> Run:
        path = tmp_path / "train_fn_a1b2c" / "result.json"
        path.parent.mkdir()
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
        for name in beside:
            (path.parent / name).write_text("Traceback")
        assert ray_tune.claims(path)
        (run,) = ray_tune.read(ray_tune.home(path), [path], RoleNames())
        return run

    return of


def test_reads_a_trial(trial: Any) -> None:
    run = trial(rows(3.0, 2.0, 1.0))
    assert run.series["loss"].steps.tolist() == [1, 2, 3]
    assert run.series["loss"].values.tolist() == [3.0, 2.0, 1.0]
    assert run.series["loss"].wall_times is not None
    assert run.hparams["lr"] == 0.1
    assert run.hparams["model.depth"] == 3
    assert (run.status, run.name, run.incidents) == (Status.FINISHED, "train_fn_a1b2c", ())
    assert set(run.series) == {"loss", "time_this_iter_s"}


def test_the_text_null_is_nan_and_the_word_is_not(trial: Any) -> None:
    run = trial(rows(3.0, "null", None, 1.0))
    assert run.series["loss"].steps.tolist() == [1, 2, 4]
    assert math.isnan(run.series["loss"].values[1])
    assert [(i.place, i.kind, i.dropped) for i in run.incidents] == [("line 2", "hidden_nonfinite", 0)]


def test_a_trial_that_goes_on_or_failed_is_not_finished(trial: Any) -> None:
    assert trial(rows(3.0, 2.0, done=False)).status is Status.UNKNOWN


def test_a_trial_with_an_error_crashed(trial: Any) -> None:
    assert trial(rows(3.0, 2.0), "error.txt").status is Status.CRASHED


def test_does_not_claim_others(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text('{"loss": 1, "step": 2}\n')
    assert not ray_tune.claims(path)
    other = tmp_path / "results.json"
    other.write_text(json.dumps(rows(1.0)[0]))
    assert not ray_tune.claims(other)
