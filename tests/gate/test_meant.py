from __future__ import annotations

from datetime import date

import pytest

from lrdoctor.config import Config, Expectation, PerRun, Waiver
from lrdoctor.gate.judge import judge
from lrdoctor.gate.meant import meant

from .conftest import FALLING, diagnosis, report, run

NAMES = ["warm1/log.csv", "main/log.csv", "lr0.3", "a/b/log.csv"]


@pytest.mark.parametrize(
    ("glob", "near"),
    [
        ("runs/warm*", "warm*"),
        ("./lr0.3", "lr0.3"),
        ("/data/runs/lr0.*", "lr0.*"),
        ("main", "main/*"),
        ("runs/main/", "main/*"),
        ("runs/a/b", "a/b/*"),
    ],
)
def test_what_was_meant(glob: str, near: str) -> None:
    assert meant(glob, NAMES) == f"; did you mean {near!r}?"


@pytest.mark.parametrize("glob", ["", "*/", "runs/*", "runs/**", "nothing", "x/nothing", "mai", "[", "/"])
def test_what_was_not(glob: str) -> None:
    assert meant(glob, NAMES) == ""
    assert meant(glob, []) == ""


def test_whatever_has_a_glob_says_it() -> None:
    day = date(2030, 1, 1)
    config = Config(
        waive=(Waiver(rule="LRD103", run="runs/warm*", reason="known", expires=day),),
        per_run=(PerRun(run="runs/warm?/*", strict=False),),
        expect=(
            Expectation(metric="val_loss", run="warm1", below=1),
            Expectation(metric="train_loss", no_worse_than="runs/warm1/*"),
        ),
    )
    gate = judge(report(diagnosis(run("warm1/log.csv", train=FALLING))), config, day=day)
    told = [*gate.gone, *(failure.message for failure in gate.failures)]
    assert [message.partition("did you mean ")[2] for message in told] == [
        "'warm*'?",
        "'warm?/*'?",
        "'warm1/*'?",
        "'warm1/*'?",
    ]
