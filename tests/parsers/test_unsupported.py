from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from lrdoctor.errors import NotALog
from lrdoctor.parsers import unsupported
from lrdoctor.roles import RoleNames

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def written(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def said(path: Path) -> str:
    assert unsupported.claims(path)
    with pytest.raises(NotALog) as caught:
        list(unsupported.read(unsupported.home(path), [path], RoleNames()))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".aim/meta/chunks/0123/000004.log", "an Aim repository"),
        (".aim/run_metadata.sqlite", "an Aim repository"),
        (".neptune/offline/run__0/data-1.log", "Neptune"),
        ("vdlrecords.1605533133.log", "a VisualDL log"),
        ("swanlog/run-1/backup.swanlab", "a SwanLab log"),
        ("catboost_info/catboost_training.json", "CatBoost"),
        ("wandb/run-20260101_000000-abc/files/wandb-summary.json", "W&B's summary"),
        ("history.pkl", "a pickle, which is never opened"),
        ("project.parquet", "a Parquet file"),
    ],
)
def test_what_is_known_is_named(tmp_path: Path, name: str, message: str) -> None:
    assert said(written(tmp_path / name)).startswith(message)


def test_a_repository_is_named_once(tmp_path: Path) -> None:
    files = [written(tmp_path / ".aim" / "seqs" / name) for name in ("CURRENT", "LOG", "000004.sst")]
    assert {unsupported.home(path) for path in files} == {tmp_path / ".aim"}


@pytest.mark.parametrize("name", ["model.safetensors", "log.txt", "run"])
def test_a_pointer_of_git_lfs_is_named(tmp_path: Path, name: str) -> None:
    assert "git lfs pull" in said(written(tmp_path / name, POINTER))


def test_an_offline_experiment_of_comet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0123.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("experiment.json", "{}")
        archive.writestr("messages.json", "{}")
    assert "Comet" in said(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.csv", b"step,loss\n1,2\n"),
        ("aim.log", b"x"),
        ("vdlrecords.txt", b"x"),
        ("a.zip", b"PK\3\4"),
        ("b.zip", b"messages.json experiment.json"),
        ("notes.txt", b"see " + POINTER),
        ("big.bin", POINTER + b"x" * 2000),
        ("empty", b""),
    ],
)
def test_nothing_else_is_claimed(tmp_path: Path, name: str, content: bytes) -> None:
    assert not unsupported.claims(written(tmp_path / name, content))


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.zip")
    for name in ("pipe", "pipe.zip", "missing", "missing.zip"):
        assert not unsupported.claims(tmp_path / name)
