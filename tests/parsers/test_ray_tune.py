from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.doctor import read
from lrdoctor.model import Run, Status
from lrdoctor.parsers import ray_tune
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "ray_tune"


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
    assert trial(rows(3.0, 2.0, done=False), "error.txt").status is Status.CRASHED


def test_a_trial_that_was_tried_again_and_got_through_is_finished(trial: Any) -> None:
    assert trial(rows(3.0, 2.0), "error.txt", "error.pkl").status is Status.FINISHED


def test_the_table_that_repeats_the_results_is_no_second_run(tmp_path: Path) -> None:
    """Ray 2.60 writes both, and TensorBoard's events, into the trial's folder."""
    folder = tmp_path / "train_fn_a1b2c"
    folder.mkdir()
    (folder / "result.json").write_text("".join(json.dumps(row) + "\n" for row in rows(3.0, 2.0, 1.0)))
    (folder / "progress.csv").write_text(
        "loss,timestamp,done,training_iteration\n3,1,False,1\n2,2,False,2\n1,3,True,3\n"
    )
    for asked in (tmp_path, folder / "progress.csv"):
        (run,), problems = read([asked], RoleNames())
        assert (run.format, run.series["loss"].steps.tolist(), problems) == ("ray_tune", [1, 2, 3], [])


def test_a_table_without_the_results_is_counted_by_them(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    path.write_text("loss,timestamp,done,training_iteration\n3,1,False,1\n2,2,False,2\n1,3,True,3\n")
    (run,), problems = read([path], RoleNames())
    assert (run.format, run.series["loss"].steps.tolist(), problems) == ("csv", [1, 2, 3], [])


def test_does_not_claim_others(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text('{"loss": 1, "step": 2}\n')
    assert not ray_tune.claims(path)
    other = tmp_path / "results.json"
    other.write_text(json.dumps(rows(1.0)[0]))
    assert not ray_tune.claims(other)


def test_what_ray_wrote(tmp_path: Path) -> None:
    """Ray 2.60: a trial that failed after its 13th result, went on behind the 10th and was stopped after the 30th."""
    folder = shutil.copytree(DATA / "restored", tmp_path / "trial")
    (folder / "error.txt").write_text("Traceback (most recent call last):")
    (run,), problems = read([tmp_path], RoleNames())
    assert (run.name, run.format, run.status, problems) == ("trial", "ray_tune", Status.FINISHED, [])
    assert run.series["loss"].steps.tolist() == list(range(1, 31))
    assert run.hparams == {"lr": 0.05}
    assert run.incidents == ()
