from __future__ import annotations

import json
from pathlib import Path

import pytest

from lrdoctor.errors import LogError
from lrdoctor.model import Role, Run
from lrdoctor.parsers import chainer
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "chainer" / "log"
"""Written by chainer 7.8.1 with `LogReport`, `Evaluator` and `observe_lr`: 6 epochs of 8 iterations."""


def read(path: Path) -> Run:
    (run,) = chainer.read(chainer.home(path), [path], RoleNames())
    return run


def test_reads_what_chainer_wrote() -> None:
    assert chainer.claims(DATA)
    run = read(DATA)
    assert run.series["main/loss"].steps.tolist() == [8, 16, 24, 32, 40, 48]
    assert run.series["lr"].values.tolist() == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]
    roles, _ = RoleNames().assign(run.series)
    assert (roles[Role.TRAIN_LOSS], roles[Role.VAL_LOSS]) == ("main/loss", "validation/main/loss")
    assert (run.name, run.format, run.incidents) == ("chainer", "chainer", ())


def test_of_a_torn_file_every_whole_entry_is_kept(tmp_path: Path) -> None:
    whole = DATA.read_text()
    path = tmp_path / "log"
    path.write_text(whole[: whole.index('"epoch": 4') + 5])
    assert chainer.claims(path)
    run = read(path)
    assert run.series["main/loss"].steps.tolist() == [8, 16, 24]
    assert [i.kind for i in run.incidents] == ["truncated_tail"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("log", "epoch 1 loss 2"), ("log", [{"epoch": 1, "loss": 2}]), ("log", []), ("other", None), ("x.json", None)],
)
def test_does_not_claim_others(tmp_path: Path, name: str, content: object) -> None:
    path = tmp_path / name
    path.write_text(
        DATA.read_text() if content is None else content if isinstance(content, str) else json.dumps(content)
    )
    assert not chainer.claims(path)


def test_entries_without_an_iteration_are_no_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('[{"main/loss": 1}, 3]')
    with pytest.raises(LogError, match="no entries"):
        read(path)
