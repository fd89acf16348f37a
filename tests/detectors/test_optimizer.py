"""The optimizer's family from what the log says of it, and names that say nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lrdoctor.detectors import optimizer
from lrdoctor.model import Role, Run, Scalar, Series
from lrdoctor.testing import make_run


def found(run: Run) -> list[optimizer.Optimizer]:
    return list(optimizer.detect(run, optimizer.Settings()))


@pytest.mark.parametrize(
    ("hparams", "family"),
    [
        ({"optimizer": "AdamW"}, "adaptive"),
        ({"optim": "adamw_torch_fused"}, "adaptive"),
        ({"training.optimizer": "torch.optim.SGD"}, "plain"),
        ({"optimizer": "ScheduleFreeAdamW"}, "tuning_free"),
        ({"args/opt": "schedule-free-sgd"}, "tuning_free"),
        ({"optimizer_name": "Prodigy"}, "tuning_free"),
        ({"optimizer": "RMSprop"}, "adaptive"),
    ],
)
def test_by_its_hyperparameter(hparams: dict[str, Scalar], family: str) -> None:
    [finding] = found(make_run(train_loss=np.ones(10), lr=np.ones(10), hparams=hparams))
    assert finding.family == family
    assert finding.name in hparams.values()


def test_by_the_name_of_the_rate() -> None:
    rate = Series(tag="lr-AdamW/pg1", steps=np.arange(10), values=np.ones(10))
    run = Run(name="r", path=Path("r"), format="csv", series={rate.tag: rate}, roles={Role.LR: rate.tag})
    [finding] = found(run)
    assert (finding.name, finding.family, finding.series) == ("AdamW", "adaptive", "lr-AdamW/pg1")


@pytest.mark.parametrize("hparams", [{}, {"optimizer": "mine"}, {"optimizer_steps": "adam"}, {"optimizer": None}])
def test_says_nothing_where_the_log_does_not(hparams: dict[str, Scalar]) -> None:
    assert not found(make_run(train_loss=np.ones(10), lr=np.ones(10), hparams=hparams))


def test_says_nothing_of_a_run_without_points() -> None:
    run = make_run(train_loss=np.ones(10), hparams={"optimizer": "sgd"})
    assert not found(replace(run, series={}, roles={}))
