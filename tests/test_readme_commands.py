"""Every command line in the README runs, and prints what the README shows below it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import pytest

from lrdoctor.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(?P<commands>.*?)^```\n(?:\s*^```text\n(?P<shown>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
ELSEWHERE = {
    "python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/lrdoctor analyze sample_logs/": (
        "an environment of its own: `make check` makes one, and the command in it is run below"
    ),
    "make check": "it runs this test",
    "make test-frameworks": "the build runs it",
    "pip install .": "as above",
    "pip install '.[dev]'": "as above",
}
"""What is not run here, and why."""
LEFT_OUT = "…"
"""A line of the README that stands for any lines of the output."""


@dataclass(frozen=True)
class Shown:
    """One command, the exit status that the README states in a comment, and what it shows of the output."""

    command: str
    status: int
    output: str | None


def shown() -> Iterator[Shown]:
    for block in BLOCK.finditer(README):
        lines = block["commands"].replace("\\\n", " ").splitlines()
        commands = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        for at, line in enumerate(commands):
            stated = re.search(r"# exit status (\d)", line)
            last = at == len(commands) - 1
            yield Shown(
                command=re.sub(r"\s+# .*", "", line).strip(),
                status=int(stated[1]) if stated else 0,
                output=block["shown"] if last else None,
            )


SHOWN = list(shown())


@cache
def world() -> tuple[TemporaryDirectory[str], list[subprocess.CompletedProcess[str] | None]]:
    """What each command did, one after the other in one folder with the sample logs and the rule of the README."""
    folder = TemporaryDirectory(prefix="lrdoctor-readme-")
    shutil.copytree(ROOT / "sample_logs", Path(folder.name) / "sample_logs")
    file, rule = README.split("Save this as `", 1)[1].split("`:\n\n```toml\n", 1)
    (Path(folder.name) / file).parent.mkdir()
    (Path(folder.name) / file).write_text(rule.split("```", 1)[0], encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COLUMNS", "LRDOCTOR"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = [
        None
        if each.command in ELSEWHERE
        else subprocess.run(
            ["bash", "-c", each.command],
            cwd=folder.name,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        for each in SHOWN
    ]
    return folder, done


def without_times(text: str) -> str:
    """A training takes as long as it takes."""
    return "\n".join(re.sub(r"\b\d+(\.\d+)? s\b", "N s", line).rstrip() for line in text.strip().splitlines())


@pytest.mark.parametrize("at", range(len(SHOWN)), ids=[re.sub(r"\W+", " ", s.command)[:60].strip() for s in SHOWN])
def test_it_runs_and_prints_what_is_shown(at: int) -> None:
    said, done = SHOWN[at], world()[1][at]
    if done is None:
        assert said.output is None
        return
    assert done.returncode == said.status, done.stderr
    if said.output is None:
        return
    parts = without_times(said.output).split(f"\n{LEFT_OUT}\n")
    pattern = "\n(?:.*\n)*".join(re.escape(part) for part in parts)
    assert re.fullmatch(pattern, without_times(done.stdout)), done.stdout


def test_there_are_such_commands() -> None:
    told = [each.command for each in SHOWN]
    assert len(told) - sum(command in ELSEWHERE for command in told) >= 15
    assert sum(each.output is not None for each in SHOWN) >= 5


def test_every_command_of_lrdoctor_is_shown() -> None:
    words = {word for each in SHOWN for word in shlex.split(each.command)[:2]}
    commands = main.list_commands(click.Context(main))
    assert "analyze" in commands
    assert set(commands) <= words
