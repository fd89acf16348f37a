"""What the README promises is so."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lrdoctor.cli import main
from lrdoctor.config import load_config
from lrdoctor.model import Role

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_two_commands_stand_first_and_ci_runs_the_second() -> None:
    first, second = blocks("sh")[:2]
    assert "lrdoctor analyze sample_logs/" in first
    assert second.strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert README.index(second) < README.index("## ")


def test_the_main_job_runs() -> None:
    done = CliRunner().invoke(main, ["analyze", str(ROOT / "sample_logs")])
    assert done.exit_code == 0
    samples = sum(1 for p in (ROOT / "sample_logs").iterdir() if p.is_dir())
    assert f"{samples} runs: " in done.stdout


def test_the_configuration_is_one_that_we_take(tmp_path: Path) -> None:
    (block,) = (text for text in blocks("toml") if "[roles]" in text)
    (tmp_path / "lrdoctor.toml").write_text(block, encoding="utf-8")
    config = load_config(tmp_path)
    assert config.roles[Role.TRAIN_LOSS] == ("verlust/*",)
    assert not config.wants("LRD601")
    assert config.limits.runs == 100_000
    assert [waiver.rule for waiver in config.waive] == ["LRD103"]
    assert [table.run for table in config.per_run] == ["old/*"]
    assert [expected.metric for expected in config.expect] == ["val_loss", "accuracy"]


def test_the_python_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "sample_logs" / "healthy_cosine", tmp_path / "runs" / "last")
    monkeypatch.chdir(tmp_path)
    notebook, test = blocks("python")
    shown: dict[str, Any] = {}
    exec(notebook, shown)  # noqa: S102
    assert "<svg" in shown["report"]._repr_html_() + shown["report"].runs[0].run._repr_html_()
    exec(test, shown)  # noqa: S102
    shown["test_the_last_run_is_sound"]()


def test_every_link_and_file_named_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    for named in ("benchmarks/make_samples.py", "lrdoctor/plugins.py", "lrdoctor/testing.py"):
        assert (ROOT / named).exists()


def test_rule_families_are_all_listed() -> None:
    families = {p.name[3] for p in (ROOT / "rules").glob("LRD*.toml")}
    assert families == set(re.findall(r"^\| LRD(\d)xx", README, flags=re.MULTILINE))


def test_the_changelog_names_this_version_or_what_comes() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text or f"## [{version}]" in text
