from __future__ import annotations

import os
from pathlib import Path

import pytest

from lrdoctor.parsers._files import asked_once, changed, content, folders_above, head


def test_a_folder_is_asked_once_within_one_walk(tmp_path: Path) -> None:
    os.utime(tmp_path, ns=(1, 1_000_000_000))
    with asked_once():
        assert changed(str(tmp_path)) == 1_000_000_000
        os.utime(tmp_path, ns=(1, 2_000_000_000))
        assert changed(str(tmp_path)) == 1_000_000_000
        with asked_once():
            assert changed(str(tmp_path)) == 2_000_000_000
    assert changed(str(tmp_path)) == 2_000_000_000
    os.utime(tmp_path, ns=(1, 3_000_000_000))
    assert changed(str(tmp_path)) == 3_000_000_000


def test_where_there_is_no_folder_it_is_asked_again(tmp_path: Path) -> None:
    with asked_once():
        with pytest.raises(FileNotFoundError):
            changed(str(tmp_path / "later"))
        (tmp_path / "later").mkdir()
        assert changed(str(tmp_path / "later"))
    with pytest.raises(ValueError, match="null"):
        changed("a\0b")


@pytest.mark.parametrize(
    "path", ["a", "a/b/c/d", ".", "..", "../a/b", "/", "/a", "/a/b/c/d", "a//b/./c", "", "a/../b", "//a/b"]
)
@pytest.mark.parametrize("levels", [0, 1, 3, 9])
def test_folders_above_are_those_of_pathlib(path: str, levels: int) -> None:
    assert list(folders_above(Path(path), levels)) == [str(folder) for folder in Path(path).parents][:levels]


@pytest.mark.parametrize("size", [0, 1, 699, 700, 701])
def test_the_head_is_no_more_than_there_is(tmp_path: Path, size: int) -> None:
    (tmp_path / "log").write_bytes(b"x" * size)
    assert head(tmp_path / "log", 700) == b"x" * min(size, 700)


@pytest.mark.parametrize("size", [0, 1, 700, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_the_content_is_all_of_it(tmp_path: Path, size: int) -> None:
    (tmp_path / "log").write_bytes(b"x" * size)
    assert content(tmp_path / "log", "a table") == b"x" * size
