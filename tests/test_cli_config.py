"""`lrdoctor config` says what is in force and from where, as a file that says the same."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.cli import main
from lrdoctor.cli.config import _toml
from lrdoctor.config import load_config

CHANGED = """
    select = ["LRD1", "LRD2"]
    ignore = { LRD105 = "known; see \\"the\\" notebook" }
    fail_on = "warning"
    strict = true
    [roles]
    train_loss = ["train/*"]
    [limits]
    runs = 7
    [detectors.divergence]
    least_ratio = 3
    [[per_run]]
    run = "old/*"
    ignore = ["LRD5"]
    [[waive]]
    rule = "LRD103"
    run = "学习率/*"
    reason = "a hard start"
    expires = 2030-12-31
    [[expect]]
    metric = "val_loss"
    no_worse_than = "main"
"""
KEYS = [
    "select",
    "fail_on",
    "strict",
    "per_run",
    "waive",
    "expect",
    "ignore.LRD105",
    "roles.train_loss",
    "limits.runs",
    "detectors.divergence.least_ratio",
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # Whatever lies above the folder for temporary files does not count.
    (tmp_path / "lrdoctor.toml").touch()
    return tmp_path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["config", *map(str, words)])


def listed(*words: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--format", "json").stdout, parse_constant=pytest.fail)
    return found


def test_what_it_prints_is_a_configuration_that_says_the_same(elsewhere: Path) -> None:
    (elsewhere / "lrdoctor.toml").write_text(CHANGED, encoding="utf-8")
    done = run()
    assert done.exit_code == 0
    again = elsewhere / "again" / "lrdoctor.toml"
    again.parent.mkdir()
    again.write_text(done.stdout, encoding="utf-8")
    first, second = listed(), listed("--config", again)
    assert first["in_force"] == second["in_force"]
    assert load_config(elsewhere).waive == load_config(again.parent).waive


def test_what_is_changed_says_by_which_file_and_what_is_usual(elsewhere: Path) -> None:
    file = elsewhere / "lrdoctor.toml"
    file.write_text(CHANGED, encoding="utf-8")
    lines = run().stdout.splitlines()
    assert lines[0] == f"# {file}"
    told = [line for line in lines if f"# from {file}" in line]
    assert len(told) == len(KEYS)
    assert f"least_ratio = 3.0  # from {file}; default 1.1" in told
    assert f"runs = 7  # from {file}; default 50000" in told
    report = listed()
    assert report["file"] == str(file)
    assert sorted(change["key"] for change in report["changed"]) == sorted(KEYS)
    assert {change["from"] for change in report["changed"]} == {str(file)}
    (ratio,) = (change for change in report["changed"] if change["key"].endswith("least_ratio"))
    assert (ratio["value"], ratio["default"]) == (3.0, 1.1)


def test_without_a_word_all_is_as_usual_and_every_setting_is_there() -> None:
    told = tomllib.loads(run().stdout)
    assert told["fail_on"] == "error"
    assert told["limits"]["runs"] == 50_000
    assert told["detectors"]["divergence"]["least_ratio"] == 1.1
    assert "# from" not in run().stdout
    assert listed()["changed"] == []


def test_a_broken_file_is_a_line_for_each_mistake_and_exit_2(elsewhere: Path) -> None:
    (elsewhere / "lrdoctor.toml").write_text("slect = []\n[detectors.spke]\n[[waive]]\n", encoding="utf-8")
    done = run()
    assert done.exit_code == 2
    assert done.stdout == ""
    assert all(line.startswith(f"lrdoctor: {elsewhere / 'lrdoctor.toml'}: ") for line in done.stderr.splitlines())
    for word in ("'slect'", "'spke'", "missing key 'rule'"):
        assert word in done.stderr
    assert run("--config", "nowhere.toml").exit_code == 2


@given(
    st.recursive(st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(), st.lists)
)
def test_every_value_is_toml_that_a_terminal_does_not_obey(value: Any) -> None:
    written = _toml(value)
    assert written.isprintable()
    assert tomllib.loads(f"x = {written}") == {"x": value}
