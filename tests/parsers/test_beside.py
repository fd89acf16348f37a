from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.parsers import _settings
from lrdoctor.parsers._beside import beside, configuration, planned


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hparams.yaml", "lr: 1e-1\n"), ("hparams.yml", "lr: 0.1\n"), ("args.yaml", "lr: .1\n"),
        ("ARGS.YAML", "lr: 0.1"),
        ("args.json", '{"lr": 0.1}'), ("config.json", '{"lr": 0.1}'), ("config.yaml", "lr: {desc: null, value: 0.1}"),
        ("training_args.json", '{"lr": 0.1}'), ("params.yaml", "lr: 0.1\n"), (".hydra/config.yaml", "lr: 0.1\n"),
        ("args.txt", "Namespace(lr=0.1)"), ("opt.yaml", "lr: 0.1"), ("log.yaml", "lr: 0.1"),
        ("log_config.json", '{"lr": 0.1}'), ("log.args.yaml", "lr: 0.1"),
    ],
)  # fmt: skip
def test_finds_what_lies_beside_a_log(tmp_path: Path, name: str, text: str) -> None:
    log = write(tmp_path / "log.csv")
    write(tmp_path / name, text)
    assert configuration(tmp_path, [log]) == {"lr": 0.1}
    assert configuration(log, [log]) == {"lr": 0.1}  # the file as its own home


@pytest.mark.parametrize(
    "name", ["config.txt", "other.yaml", "training_args.bin", "lr.json", "other_config.json", "log.json"]
)
def test_takes_nothing_else(tmp_path: Path, name: str) -> None:
    log = write(tmp_path / "log.csv")
    write(tmp_path / name, '{"lr": 0.1}')
    assert configuration(tmp_path, [log]) == {}


def test_the_nearer_and_the_surer_count(tmp_path: Path) -> None:
    log = write(tmp_path / "logs" / "log.csv")
    write(tmp_path / "config.json", '{"a": 1, "b": 1, "c": 1, "d": 1}')
    write(log.parent / "config.yaml", "a: 2\nb: 2\nc: 2\n")
    write(log.parent / "args.yaml", "a: 3\nb: 3\n")
    write(log.parent / "log.yaml", "a: 4\n")
    assert configuration(log.parent, [log]) == {"a": 4, "b": 3, "c": 2, "d": 1}


@pytest.mark.parametrize(
    ("below", "found"),
    [("logs", True), ("tensorboard/train", True), ("vis_data", True), ("20260101_120000/vis_data", True),
     ("version_0", False), ("seed1/logs", False), ("logs/seed1", False)],
)  # fmt: skip
def test_looks_above_where_a_folder_is_named_after_a_kind_of_log(tmp_path: Path, below: str, found: bool) -> None:
    log = write(tmp_path / "run" / below / "events")
    write(tmp_path / "run" / "args.yaml", "lr: 0.1\n")
    assert configuration(log.parent, [log]) == ({"lr": 0.1} if found else {})


def test_hydras_folder_is_found_higher_up(tmp_path: Path) -> None:
    log = write(tmp_path / "0" / "logs" / "csv_logs" / "version_0" / "metrics.csv")
    write(tmp_path / ".hydra" / "config.yaml", "far: 1\n")
    assert configuration(log.parent, [log]) == {"far": 1}
    write(tmp_path / "0" / ".hydra" / "config.yaml", "near: 1\n")
    assert configuration(log.parent, [log]) == {"near": 1}


def test_a_configuration_among_many_logs_is_of_any_of_them(tmp_path: Path) -> None:
    logs = [write(tmp_path / f"run{n}.csv") for n in range(4)]
    write(tmp_path / "config.yaml", "lr: 0.1\n")
    write(tmp_path / "run2.yaml", "lr: 0.2\n")
    assert [configuration(tmp_path, [log]) for log in logs] == [{}, {}, {"lr": 0.2}, {}]
    assert configuration(tmp_path, logs[:2]) == {"lr": 0.1}  # files of one run


def test_files_of_a_run_in_a_folder_below(tmp_path: Path) -> None:
    logs = [write(tmp_path / half / "events.1") for half in ("train", "validation")]
    write(tmp_path / "train" / "hparams.yml", "lr: 0.1\n")
    write(tmp_path / "params.yaml", "lr: 0.2\nwd: 0\n")
    assert configuration(tmp_path, logs) == {"lr": 0.1, "wd": 0}


def test_the_log_itself_is_no_configuration(tmp_path: Path) -> None:
    log = write(tmp_path / "config.json", '{"loss": 3}')
    assert configuration(tmp_path, [log]) == {}


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv")
    write(tmp_path / "args.yaml", "a: b: c")
    write(tmp_path / "config.json", '{"lr": 0.1}')
    os.mkfifo(tmp_path / "hparams.yaml")
    (tmp_path / "params.yaml").symlink_to(tmp_path / "gone")
    (tmp_path / "opt.yaml").mkdir()
    told = beside(tmp_path, [log])
    assert told.hparams == {"lr": 0.1}
    assert told.notes == (
        "args.yaml: not read for hyperparameters: no YAML at line 1",
        "hparams.yaml: not read for hyperparameters: not a regular file",
        "opt.yaml: not read for hyperparameters: not a regular file",
    )


def test_a_folder_that_is_gone_has_nothing(tmp_path: Path) -> None:
    assert configuration(tmp_path / "gone", [tmp_path / "gone" / "log.csv"]) == {}
    assert configuration(Path("\0"), []) == {}


def test_a_change_is_seen(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv")
    path = write(tmp_path / "args.yaml", "lr: 0.1\n")
    assert configuration(tmp_path, [log]) == {"lr": 0.1}
    write(path, "lr: 0.25\n")
    assert configuration(tmp_path, [log]) == {"lr": 0.25}


def test_runs_that_share_a_configuration_read_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = [write(tmp_path / "logs" / f"{n}.log") for n in range(3)]
    write(tmp_path / "args.yaml", "lr: 0.125\n")
    read: list[str] = []
    real = _settings.settings

    def counting(content: bytes, suffix: str) -> Any:
        read.append(suffix)
        return real(content, suffix)

    monkeypatch.setattr("lrdoctor.parsers._beside.settings", counting)
    assert [configuration(log.parent, [log]) for log in logs] == [{"lr": 0.125}] * 3
    assert read == [".yaml"]


@pytest.mark.parametrize(
    ("hparams", "epochs", "taken", "plan"),
    [
        ({"epochs": 100}, True, 40, 100),
        ({"trainer.max_epochs": 10.0}, True, 10, 10),
        ({"trainer/max_steps": 5000}, False, 4999, 5000),
        ({"max_steps": -1, "total_steps": 90}, False, 80, 90),
        ({"epochs": 100}, False, 40, None),
        ({"max_steps": 200}, False, 100_000, None),
        ({"epochs": "100"}, True, 40, None),
        ({"epochs": True}, True, 1, None),
        ({"epochs": 10**15}, True, 1, None),
        ({"epochs": float("nan")}, True, 1, None),
        ({}, True, 1, None),
    ],
)
def test_the_plan(hparams: dict[str, Any], epochs: bool, taken: int, plan: int | None) -> None:
    assert planned(hparams, epochs, taken) == plan
