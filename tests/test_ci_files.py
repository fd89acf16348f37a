"""What we offer to other people's CI: the action, the hook, and the snippets in the README."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def said_by(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)


def valid(schema: str, file: Path) -> None:
    done = said_by("check_jsonschema", "--builtin-schema", schema, str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_action_is_one() -> None:
    valid("vendor.github-actions", ROOT / "action.yml")


def test_no_input_of_the_action_is_pasted_into_a_script() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert scripts
    assert not any("${{" in script for script in scripts)


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, Any]:
    """A working directory and the files that a runner offers to a step."""
    work, temporary = tmp_path / "work", tmp_path / "temp"
    (temporary / "lrdoctor" / "bin").mkdir(parents=True)
    (temporary / "lrdoctor" / "bin" / "lrdoctor").symlink_to(Path(sys.executable).parent / "lrdoctor")
    work.mkdir()
    for file in ("summary", "output"):
        (tmp_path / file).touch()
    return {"work": work, "temp": temporary, "summary": tmp_path / "summary", "output": tmp_path / "output"}


def check_step(runner: dict[str, Any], **inputs: str) -> subprocess.CompletedProcess[str]:
    """The step that checks, run as a runner runs it, with the defaults of the inputs that are not given."""
    (step,) = (step for step in ACTION["runs"]["steps"] if step.get("id") == "check")
    named = {variable: re.findall(r"inputs\.([\w-]+)", told)[0] for variable, told in step["env"].items()}
    told = {
        variable: inputs.get(name.replace("-", "_"), ACTION["inputs"][name]["default"])
        for variable, name in named.items()
    }
    files = {"RUNNER_TEMP": runner["temp"], "GITHUB_STEP_SUMMARY": runner["summary"], "GITHUB_OUTPUT": runner["output"]}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
        cwd=runner["work"],
        env={**os.environ, **{name: str(file) for name, file in files.items()}, **told},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_fails_and_says_why(runner: dict[str, Any]) -> None:
    shutil.copytree(ROOT / "sample_logs" / "diverged_to_nan", runner["work"] / "runs" / "bad")
    shutil.copytree(ROOT / "sample_logs" / "healthy_cosine", runner["work"] / "runs" / "good")
    done = check_step(runner)
    assert done.returncode == 1, done.stderr
    assert re.search(r"^::error .*title=LRD1", done.stdout, flags=re.MULTILINE)
    assert "LRD101" in runner["summary"].read_text(encoding="utf-8")
    (report,) = re.findall("report=(.+)", runner["output"].read_text(encoding="utf-8"))
    assert "bad/log.csv" in Path(report).read_text(encoding="utf-8")


def test_the_action_passes_what_is_healthy_and_takes_arguments_one_per_line(runner: dict[str, Any]) -> None:
    shutil.copytree(ROOT / "sample_logs" / "healthy_cosine", runner["work"] / "out" / "good")
    done = check_step(runner, paths="out/good\n\n", fail_on="info", arguments="--ignore\nLRD0\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert runner["summary"].read_text(encoding="utf-8")


def test_the_action_runs_nothing_that_stands_in_a_path(runner: dict[str, Any]) -> None:
    hostile = "$(touch pwned)`touch pwned`; touch pwned"
    done = check_step(runner, paths=hostile, arguments=hostile, baseline=hostile)
    assert done.returncode == 2
    assert not (runner["work"] / "pwned").exists()


def test_the_hook_is_one() -> None:
    done = said_by("pre_commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "taken"),
    [
        ("runs/a/metrics.csv", True),
        ("trainer_state.json", True),
        ("runs/events.out.tfevents.1700000000.host.1.0", True),
        ("dvclive/plots/metrics/train/loss.tsv", True),
        ("data/my_metrics.csv", False),
        ("package.json", False),
    ],
)
def test_the_hook_takes_logs(file: str, *, taken: bool) -> None:
    assert bool(re.search(HOOK["files"], file)) is taken


def test_the_hook_fails_on_a_file_that_diverged() -> None:
    for sample, status in (("cure_me", 1), ("healthy_step_decay", 0)):
        file = ROOT / "sample_logs" / sample / "metrics.csv"
        assert re.search(HOOK["files"], file.as_posix())
        command = [Path(sys.executable).parent / "lrdoctor", *HOOK["entry"].split()[1:], str(file)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == status


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("schema", "sign"),
    [("vendor.github-workflows", "jobs:"), ("vendor.gitlab-ci", "artifacts:"), ("vendor.pre-commit-config", "repos:")],
)
def test_the_snippets_in_the_readme_are_valid(tmp_path: Path, schema: str, sign: str) -> None:
    (snippet,) = (text for text in snippets("yaml") if sign in text)
    file = tmp_path / "snippet.yaml"
    file.write_text(snippet, encoding="utf-8")
    if schema == "vendor.pre-commit-config":
        done = said_by("pre_commit", "validate-config", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        valid(schema, file)
