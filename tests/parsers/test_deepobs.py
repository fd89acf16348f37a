from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.model import Role, Run, Status
from lrdoctor.parsers import deepobs
from lrdoctor.roles import RoleNames

EPOCHS, BATCHES = 4, 10


def result(**told: Any) -> dict[str, Any]:
    """A result as DeepOBS 1.1 writes it."""
    return {
        "train_losses": [3.0, 2.0, 1.0, 0.5, 0.25],
        "test_losses": [3.1, 2.1, 1.1, 0.6, 0.35],
        "minibatch_train_losses": [3 - n / 20 for n in range(EPOCHS * BATCHES)],
        "train_accuracies": [0.1, 0.2, 0.3, 0.4, 0.5],
        "test_accuracies": [0.1, 0.2, 0.3, 0.4, 0.5],
        "optimizer": "MomentumOptimizer",
        "testproblem": "fmnist_2c2d",
        "weight_decay": None,
        "batch_size": 128,
        "num_epochs": EPOCHS,
        "learning_rate": 0.1,
        "lr_sched_epochs": [2, 3],
        "lr_sched_factors": [0.1, 0.01],
        "random_seed": 42,
        "train_log_interval": 1,
        "hyperparams": {"momentum": 0.99},
        **told,
    }


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def of(content: dict[str, Any] | str) -> Run:
        path = tmp_path / "random_seed__42.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        assert deepobs.claims(path)
        (run,) = deepobs.read(deepobs.home(path), [path], RoleNames())
        return run

    return of


def test_reads_a_result(read: Any) -> None:
    run = read(result())
    assert run.series["train_loss"].steps.tolist() == [0, 10, 20, 30, 40]
    assert run.series["test_loss"].values.tolist() == [3.1, 2.1, 1.1, 0.6, 0.35]
    assert run.series["minibatch_train_loss"].steps.tolist() == list(range(40))
    assert RoleNames().assign(run.series)[0][Role.TRAIN_LOSS] == "train_loss"
    assert (run.status, run.planned_steps, run.name) == (Status.FINISHED, 40, "random_seed__42.json")
    told = {key: run.hparams[key] for key in ("optimizer", "learning_rate", "batch_size", "hyperparams.momentum")}
    assert told == {
        "optimizer": "MomentumOptimizer",
        "learning_rate": 0.1,
        "batch_size": 128,
        "hyperparams.momentum": 0.99,
    }
    assert (run.notes, run.incidents) == ((), ())


def test_nan_is_kept(read: Any) -> None:
    run = read(result(train_losses=[3.0, 2.0, math.nan, math.nan, math.nan]))
    assert [math.isnan(value) for value in run.series["train_loss"].values] == [False, False, True, True, True]


def test_a_logging_interval_is_counted(read: Any) -> None:
    run = read(result(minibatch_train_losses=[3.0, 2.0, 1.0, 0.5, 0.4, 0.3, 0.2, 0.1], train_log_interval=5))
    assert run.series["minibatch_train_loss"].steps.tolist() == [0, 5, 10, 15, 20, 25, 30, 35]
    assert run.series["train_loss"].steps.tolist() == [0, 10, 20, 30, 40]


def test_epochs_are_counted_where_steps_cannot_be(read: Any) -> None:
    run = read(result(minibatch_train_losses=[3.0, 2.0, 1.0]))
    assert run.series["train_loss"].steps.tolist() == [0, 1, 2, 3, 4]
    assert "minibatch_train_loss" not in run.series
    assert len(run.notes) == 1


def test_of_a_cut_result_the_epochs_are_kept(read: Any) -> None:
    whole = json.dumps(result())
    run = read(whole[: whole.index("train_accuracies") - 50])
    assert run.series["train_loss"].values.tolist() == [3.0, 2.0, 1.0, 0.5, 0.25]
    assert run.series["train_loss"].steps.tolist() == [0, 1, 2, 3, 4]
    assert run.status is Status.UNKNOWN
    assert [i.kind for i in run.incidents] == ["truncated_tail"]


@pytest.mark.parametrize("content", [{"train_losses": [1, 2]}, {"train_losses": [1], "test_losses": [1]}, [1], {}])
def test_does_not_claim_others(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    assert not deepobs.claims(path)
