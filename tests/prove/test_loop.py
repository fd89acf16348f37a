from __future__ import annotations

from pathlib import Path

import pytest

from lrdoctor.config import Config
from lrdoctor.errors import LrdoctorError
from lrdoctor.model import Scalar
from lrdoctor.prove.loop import _folder, _seeds, default_folder, diagnosed
from lrdoctor.prove.trial import Options
from lrdoctor.testing import make_run

SAMPLES = Path(__file__).parents[2] / "sample_logs"


def options(folder: Path) -> Options:
    return Options(command=("true",), folder=folder, config=Config())


@pytest.mark.parametrize(
    ("hparams", "seeds"),
    [
        ({}, [0, 1, 2]),
        ({"seed": 42}, [42, 43, 44]),
        ({"train/seed": "7"}, [7, 8, 9]),
        ({"seed": "many"}, [0, 1, 2]),
        ({"seed": 1e20}, [0, 1, 2]),
        ({"seed": 0.5}, [0, 1, 2]),
    ],
)
def test_the_runs_own_seed_comes_first(hparams: dict[str, Scalar], seeds: list[int]) -> None:
    assert list(_seeds(make_run(train_loss=[1.0, 2.0], hparams=hparams), 3)) == seeds


def test_no_folder_is_used_twice(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert [_folder(folder, []) for _ in range(2)] == [1, 2]
    assert _folder(folder, [{"trial": 7}, {"trial": "x"}, {}]) == 8
    (tmp_path / "file").touch()
    with pytest.raises(LrdoctorError, match="cannot be written"):
        _folder(tmp_path / "file", [])


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("runs/lr0.3", "lr0.3"),
        ("runs/a/metrics.csv", "a-metrics"),
        ("runs/.. x/$(rm)", "rm"),
        ("runs/学习率", "学习率"),
    ],
)
def test_where_the_trials_go(path: str, folder: str, tmp_path: Path) -> None:
    whole = tmp_path / path
    whole.parent.mkdir(parents=True)
    if whole.suffix == ".csv":
        whole.touch()
    else:
        whole.mkdir()
    assert default_folder(whole) == Path("lrdoctor-prove") / folder


def test_the_run_is_found_among_its_siblings_however_it_is_named(tmp_path: Path) -> None:
    event_file = next((SAMPLES / "early_blowup_to_chance").glob("events*"))
    for path in (event_file, event_file.parent):
        own, prescription = diagnosed(path, [SAMPLES / "cure_me"], options(tmp_path))
        assert own.run.path == event_file.parent
        assert prescription.lr_scale < 1


def test_trials_below_the_run_are_not_the_run(tmp_path: Path) -> None:
    log = (SAMPLES / "cure_me" / "metrics.csv").read_text(encoding="utf-8")
    for folder in (tmp_path, tmp_path / "proved" / "trial-001" / "out"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.csv").write_text(log, encoding="utf-8")
    own, _ = diagnosed(tmp_path, [], options(tmp_path / "proved"))
    assert own.run.path == tmp_path / "metrics.csv"
    with pytest.raises(LrdoctorError, match="holds 2 runs"):
        diagnosed(tmp_path, [], options(tmp_path / "elsewhere"))


def test_what_no_number_cures(tmp_path: Path) -> None:
    rows = "".join(f"{step},nan,0.1\n" for step in range(100))
    (tmp_path / "a.csv").write_text("step,train_loss,lr\n" + rows, encoding="utf-8")
    with pytest.raises(LrdoctorError, match=r"unhealthy \(LRD102 .*no number of the schedule would cure that"):
        diagnosed(tmp_path, [], options(tmp_path / "p"))


def test_what_cannot_be_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("step,train_loss\n1,1\n2,0.9\n", encoding="utf-8")
    with pytest.raises(LrdoctorError, match="cannot tell what is wrong"):
        diagnosed(tmp_path, [], options(tmp_path / "p"))
