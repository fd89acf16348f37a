from __future__ import annotations

from pathlib import Path

import pytest

from lrdoctor.doctor import read
from lrdoctor.model import Role, Run
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data"


def table(path: Path, *losses: float, every: int = 1, columns: str = "step,loss,lr") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{every * n},{loss},0.1\n" for n, loss in enumerate(losses, 1))
    path.write_text(f"{columns}\n{rows}")
    return path


def runs(path: Path) -> list[Run]:
    found, problems = read([path], RoleNames())
    assert problems == []
    return found


@pytest.mark.parametrize(
    ("train", "other"),
    [("train.csv", "valid.csv"), ("train_log.csv", "val_log.csv"), ("Train.tsv", "test.tsv"), ("train-loss.csv",) * 2],
)
def test_both_halves_are_one_run(tmp_path: Path, train: str, other: str) -> None:
    other = other.replace("train", "eval")
    train = train.lower()
    table(tmp_path / "run" / train, 3.0, 2.0, 1.0)
    table(tmp_path / "run" / other, 3.5, 2.5, 1.5)
    (run,) = runs(tmp_path)
    assert run.name == "run"
    loss, val, rate = run[Role.TRAIN_LOSS], run[Role.VAL_LOSS], run[Role.LR]
    assert loss is not None
    assert val is not None
    assert rate is not None
    assert (loss.values.tolist(), val.values.tolist()) == ([3.0, 2.0, 1.0], [3.5, 2.5, 1.5])
    assert (loss.steps.tolist(), rate.tag) == ([1, 2, 3], "train/lr")


def test_names_that_say_it_themselves_are_kept(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", 3.0, 2.0, columns="epoch,train_loss,lr")
    table(tmp_path / "val.csv", 3.5, 2.5, columns="epoch,val_loss,time")
    (run,) = runs(tmp_path)
    assert set(run.series) == {"epoch", "train_loss", "train/lr", "val_loss", "val/time"}


def test_a_half_that_counts_otherwise_is_its_own_run(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", *[3.0, 2.0, 1.0] * 10)
    table(tmp_path / "val.csv", 3.5, 2.5, 1.5)
    assert [set(run.roles) & {Role.TRAIN_LOSS, Role.VAL_LOSS} for run in runs(tmp_path)] == [
        {Role.TRAIN_LOSS},
        {Role.VAL_LOSS},
    ]


def test_a_table_that_was_asked_for_alone_is_still_the_validation(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", 3.0, 2.0, 1.0)
    (run,) = runs(table(tmp_path / "val.csv", 3.5, 2.5, 1.5))
    assert (run[Role.TRAIN_LOSS], run.roles[Role.VAL_LOSS]) == (None, "val/loss")


def test_one_half_alone_is_read_as_it_is(tmp_path: Path) -> None:
    (run,) = runs(table(tmp_path / "val.csv", 3.5, 2.5, 1.5).parent)
    assert (run.name, set(run.series)) == ("val.csv", {"loss", "lr"})


def test_halves_of_a_data_set_are_no_logs(tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("id,age,income\n1,30,100\n2,40,200\n")
    found, problems = read([tmp_path], RoleNames())
    assert (found, len(problems)) == ([], 1)


def test_what_catalyst_wrote() -> None:
    """Catalyst 22.4, whose third table holds nothing but the count of epochs."""
    (run,) = runs(DATA / "catalyst")
    loss, val = run[Role.TRAIN_LOSS], run[Role.VAL_LOSS]
    assert loss is not None
    assert val is not None
    assert (loss.tag, val.tag, run.roles[Role.LR]) == ("train/loss", "valid/loss", "train/lr")
    assert loss.steps.tolist() == val.steps.tolist() == list(range(1, 13))
    assert (loss.values[0], val.values[0]) == (0.7847705632448195, 0.6488913595676422)
