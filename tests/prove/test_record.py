from __future__ import annotations

from pathlib import Path

import pytest

from lrdoctor.errors import LrdoctorError
from lrdoctor.prove.record import append, key, read


def test_what_was_appended_is_read(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    assert read(file) == []
    append(file, {"trial": 1, "name": "a\nb\u2028"})
    append(file, {"trial": 2})
    assert [(e["trial"], e.get("name")) for e in read(file)] == [(1, "a\nb\u2028"), (2, None)]
    assert file.read_bytes().count(b"\n") == 2


def test_half_a_line_costs_itself_alone(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    append(file, {"trial": 1})
    append(file, {"trial": 2})
    file.write_bytes(file.read_bytes()[:-5])
    append(file, {"trial": 3})
    assert [e["trial"] for e in read(file)] == [1, 3]


def test_what_is_no_entry_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_bytes(b'[]\n\xff\n{"version": 99, "trial": 1}\nnull\n' + b"[" * 100_000)
    assert read(file) == []


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(LrdoctorError, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(LrdoctorError, match="cannot be written"):
        append(tmp_path / "none" / "r", {})


def test_the_key_is_that_of_command_and_values() -> None:
    known = {"peak_lr": "0.1", "seed": "1"}
    assert key(["a", "b"], known) == key(["a", "b"], dict(reversed(known.items())))
    assert len({key(["a", "b"], known), key(["a b"], known), key(["a", "b"], {**known, "seed": "2"})}) == 3
