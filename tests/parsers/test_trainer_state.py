from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from lrdoctor import doctor
from lrdoctor.errors import LogError
from lrdoctor.model import Run, Status
from lrdoctor.parsers import trainer_state
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "trainer_state"
"""Written by transformers 5.24: a linear model, 40 steps, logged every 2; in `nan` the loss is NaN from step 21 on."""


def read(home: Path) -> list[Run]:
    files = [path for path in sorted(home.rglob("trainer_state.json")) if trainer_state.claims(path)]
    assert {trainer_state.home(path) for path in files} == {home}
    return list(trainer_state.read(home, files, RoleNames()))


def state(rows: list[dict[str, Any]], **told: Any) -> dict[str, Any]:
    last = max((row.get("step", 0) for row in rows), default=0)
    return {"global_step": last, "max_steps": 100, "log_history": rows, **told}


@pytest.fixture
def save(tmp_path: Path) -> Any:
    """Write a state into a folder of the run; an empty name is the run's own."""

    def at(folder: str, content: dict[str, Any] | str) -> Path:
        path = tmp_path / "run" / folder / "trainer_state.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
        return tmp_path / "run"

    return at


def rows(*steps: int, loss: float = 2.0) -> list[dict[str, Any]]:
    return [{"step": n, "loss": loss, "learning_rate": 0.1, "grad_norm": 1.0, "epoch": n / 10} for n in steps]


def test_reads_what_transformers_wrote() -> None:
    (run,) = read(DATA / "ok")
    assert run.series["loss"].steps.tolist() == list(range(2, 41, 2))
    assert run.series["eval_loss"].steps.tolist() == [10, 20, 30, 40]
    assert run.series["learning_rate"].values[0] == 0.0499229333433282
    assert (run.status, run.planned_steps, run.format) == (Status.FINISHED, 40, "trainer_state")
    assert run.hparams["train_batch_size"] == 8
    assert "train_loss" not in run.series
    assert run.incidents == ()
    assert run.notes == (
        "checkpoint-40 tells the beginning of the same training",
        "checkpoint-20 tells the beginning of the same training",
    )


def test_the_nan_that_the_trainer_hides_is_seen() -> None:
    (run,) = read(DATA / "nan")
    loss = run.series["loss"]
    assert [bool(math.isnan(value)) for value in loss.values] == [False] * 10 + [True] * 10
    assert loss.steps[10] == 22
    assert [(i.place, i.kind, i.dropped) for i in run.incidents] == [
        (f"step {n}", "hidden_nonfinite", 0) for n in range(22, 41, 2)
    ]
    assert math.isnan(run.series["eval_loss"].values[-1])


@pytest.mark.parametrize(
    "row",
    [
        {"loss": 0.0, "grad_norm": 1.0},
        {"loss": 0.0, "grad_norm": 0.0},
        {"loss": 0.0, "grad_norm": math.inf},
        {"loss": 0.0},
        {"loss": 1e-9, "grad_norm": math.nan},
        {"eval_loss": 0.0, "grad_norm": math.nan},
    ],
)
def test_a_loss_of_zero_may_be_one(save: Any, row: dict[str, Any]) -> None:
    (run,) = read(save("", state([*rows(1, 2), {"step": 3, **row}])))
    values = [value for tag in ("loss", "eval_loss") if tag in run.series for value in run.series[tag].values]
    assert all(map(math.isfinite, values))
    assert run.incidents == ()


def test_zeros_to_the_end_beside_an_evaluation_that_is_no_number_are_nan(save: Any) -> None:
    """transformers 4.57 with `max_grad_norm=0` logs no norm that could tell."""
    zeros = [{"step": n, "loss": 0.0} for n in (30, 40)]
    home = save("", state([*rows(10, 20), *zeros, {"step": 40, "eval_loss": float("nan")}]))
    (run,) = read(home)
    assert [math.isnan(value) for value in run.series["loss"].values] == [False, False, True, True]
    assert [i.kind for i in run.incidents] == ["hidden_nonfinite"] * 2


def test_a_nan_within_the_run_is_seen_too(save: Any) -> None:
    hidden = {"step": 3, "loss": 0.0, "grad_norm": math.nan}
    (run,) = read(save("", state([*rows(1, 2), hidden, *rows(4, 5)])))
    assert [str(value) for value in run.series["loss"].values] == ["2.0", "2.0", "nan", "2.0", "2.0"]


def test_the_furthest_checkpoint_counts_where_the_end_was_not_reached(save: Any) -> None:
    for last in (1, 2, 10):
        home = save(f"checkpoint-{last}", state(rows(*range(1, last + 1))))
    (run,) = read(home)
    assert len(run.series["loss"]) == 10
    assert (run.status, run.planned_steps, run.name) == (Status.UNKNOWN, 100, "run")
    assert len(run.notes) == 2


def test_a_checkpoint_of_another_training_is_a_run_of_its_own(save: Any) -> None:
    save("checkpoint-5", state(rows(1, 2, 3, 4, 5, loss=7.0)))
    home = save("checkpoint-8", state(rows(*range(1, 9))))
    first, second = read(home)
    assert (len(first.series["loss"]), len(second.series["loss"])) == (8, 5)
    assert (first.name, second.name) == ("run", "run (checkpoint-5)")


@pytest.mark.parametrize(
    "told",
    [
        {"max_steps": 5},
        {"stateful_callbacks": {"TrainerControl": {"args": {"should_training_stop": True}, "attributes": {}}}},
    ],
)
def test_a_run_that_was_to_stop_has_finished(save: Any, told: dict[str, Any]) -> None:
    (run,) = read(save("checkpoint-5", state(rows(1, 2, 3, 4, 5), **told)))
    assert run.status is Status.FINISHED


def test_a_broken_checkpoint_costs_no_other(save: Any) -> None:
    save("checkpoint-5", "")
    home = save("checkpoint-2", state(rows(1, 2)))
    (run,) = read(home)
    assert len(run.series["loss"]) == 2
    assert [(i.kind, i.message) for i in run.incidents] == [
        ("unreadable_file", "checkpoint-5/trainer_state.json: an empty file")
    ]


def test_of_a_torn_file_every_whole_row_is_kept(save: Any) -> None:
    whole = json.dumps(state(rows(*range(1, 9))), indent=2)
    (run,) = read(save("", whole[: whole.index('"step": 6') + 9]))
    assert run.series["loss"].steps.tolist() == [1, 2, 3, 4, 5]
    assert [i.kind for i in run.incidents] == ["truncated_tail"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "an empty file"),
        ("[1]", "no log_history"),
        ({"global_step": 3}, "no log_history"),
        (state([]), "nothing was logged yet"),
        (state([{"step": 3, "train_runtime": 1.0, "train_loss": 2.0}]), "set logging_steps"),
    ],
)
def test_what_cannot_be_used_says_why(save: Any, content: Any, why: str) -> None:
    with pytest.raises(LogError, match=why):
        read(save("", content))


def test_the_folder_of_a_checkpoint_alone_is_read(tmp_path: Path) -> None:
    shutil.copytree(DATA / "ok" / "checkpoint-20", tmp_path / "checkpoint-20")
    path = tmp_path / "checkpoint-20" / "trainer_state.json"
    (run,) = trainer_state.read(path.parent, [path], RoleNames())
    assert len(run.series["loss"]) == 10


def test_claims_by_name(tmp_path: Path, save: Any) -> None:
    save("", "")
    assert trainer_state.claims(tmp_path / "run" / "trainer_state.json")
    assert not trainer_state.claims(tmp_path / "trainer_state.json")
    assert not trainer_state.claims(tmp_path / "run" / "state.json")


def test_checkpoints_that_were_named_one_by_one_are_one_run(save: Any) -> None:
    home = save("checkpoint-20", state(rows(10, 20)))
    save("checkpoint-40", state(rows(10, 20, 30, 40)))
    paths = [home / f"checkpoint-{step}" / "trainer_state.json" for step in (20, 40)]
    (run,), problems = doctor.read(paths, RoleNames())
    assert problems == []
    assert (run.name, len(run.series["loss"])) == ("run", 4)
    assert "checkpoint-20 tells the beginning of the same training" in run.notes
