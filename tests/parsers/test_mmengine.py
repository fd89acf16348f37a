from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.model import Run, Status
from lrdoctor.parsers import mmengine
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "mmengine"
"""Written by mmengine 0.10.7, `Runner.train`: 3 epochs of 8 iterations, logged every 2."""
STAMP = "20261125_214403"


def read(home: Path, files: list[Path]) -> Run:
    assert all(mmengine.claims(path) and mmengine.home(path) == home for path in files)
    (run,) = mmengine.read(home, files, RoleNames())
    return run


def test_reads_what_mmengine_wrote() -> None:
    home = DATA / STAMP
    run = read(home, sorted((home / "vis_data").iterdir()))
    assert run.series["loss"].steps.tolist() == list(range(2, 25, 2))
    assert run.series["lr"].values[-1] == 0.005000000000000001
    # An evaluation is logged at an epoch, and belongs to the iteration that it follows.
    assert run.series["mse"].steps.tolist() == [8, 16, 24]
    assert run.notes == (f"scalars.json was read, not {STAMP}.json, which MMEngine writes alike",)
    assert (run.name, run.status, run.planned_steps) == (STAMP, Status.UNKNOWN, None)


@pytest.fixture
def copied(tmp_path: Path) -> Any:
    """The same record with a text log and a configuration beside it."""

    def beside(said: str, config: str) -> Run:
        home = tmp_path / STAMP
        shutil.copytree(DATA / STAMP, home)
        (home / f"{STAMP}.log").write_text(said)
        (home / "vis_data" / "config.py").write_text(config)
        return read(home, [home / "vis_data" / "scalars.json"])

    return beside


def test_the_plan_in_epochs_is_found_beside(copied: Any) -> None:
    run = copied("INFO - Epoch(train)  [1][ 2/8]  lr: 5.0000e-02\n", "train_cfg = dict(by_epoch=True, max_epochs=3)\n")
    assert (run.planned_steps, run.status) == (24, Status.FINISHED)
    assert run.hparams == {"train_cfg.by_epoch": True, "train_cfg.max_epochs": 3}


def test_a_configuration_that_cannot_be_read_is_told(copied: Any) -> None:
    run = copied("", "train_cfg = dict(")
    assert run.hparams == {}
    assert run.notes[-1] == "config.py: not read for hyperparameters: no Python"


def test_the_plan_in_iterations_is_found_beside(copied: Any) -> None:
    run = copied("INFO - Iter(train) [   50/16000]  lr: 5.0000e-02\n", "")
    assert (run.planned_steps, run.status) == (16000, Status.UNKNOWN)


def test_of_twins_the_longer_is_read(tmp_path: Path) -> None:
    home = tmp_path / STAMP
    shutil.copytree(DATA / STAMP, home)
    scalars = home / "vis_data" / "scalars.json"
    scalars.write_text(scalars.read_text().splitlines()[0] + "\n")
    run = read(home, sorted((home / "vis_data").iterdir()))
    assert len(run.series["loss"]) == 12


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_reads_mmcv_whose_iterations_begin_anew(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"env_info": "sys.platform: linux\nPython: 3", "seed": 7, "exp_name": "a.py"}]
    for epoch in (1, 2):
        train = [{"mode": "train", "epoch": epoch, "iter": n, "lr": 0.1, "time": 1, "loss": 5 - n} for n in (1, 2, 3)]
        rows += [*train, {"mode": "val", "epoch": epoch, "iter": 40, "lr": 0.1, "bbox_mAP": 0.1 * epoch, "loss": 4.0}]
    path = write(tmp_path / "20210101_000000.log.json", rows)
    run = read(path, [path])
    assert run.series["loss"].steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert run.series["bbox_mAP"].steps.tolist() == [2, 5]
    assert run.series["val/loss"].values.tolist() == [4.0, 4.0]
    assert run.hparams == {"seed": 7, "exp_name": "a.py"}


def test_reads_mmcv_that_counts_iterations_through(tmp_path: Path) -> None:
    rows = [{"mode": "train", "epoch": 1, "iter": 50 * n, "lr": 0.1, "loss": 5 - n} for n in (1, 2, 3)]
    path = write(tmp_path / "20210101_000000.log.json", [*rows, {"mode": "val", "epoch": 1, "iter": 9, "mIoU": 0.5}])
    run = read(path, [path])
    assert run.series["loss"].steps.tolist() == [50, 100, 150]
    assert run.series["mIoU"].steps.tolist() == [150]


@pytest.mark.parametrize(
    "name", ["scalars.json", "vis_data/other.json", "logs/scalars.json", f"logs/{STAMP}.json", "vis_data/x.log.json"]
)
def test_does_not_claim_others(tmp_path: Path, name: str) -> None:
    assert not mmengine.claims(write(tmp_path / name, [{"step": 1, "loss": 2.0}]))
    assert not mmengine.claims(write(tmp_path / "vis_data" / "scalars.json", [{"a": 1}]))
