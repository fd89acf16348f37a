from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lrdoctor.model import Report
from lrdoctor.reports import concise

from .conftest import diverged, untellable
from .samples import gated, named, passed, written

QUICKFIX = re.compile(
    r"^(?P<path>.+?):(?P<step>\d+): (?P<severity>error|warning|info) (?P<rule>LRD\d{3}) (?P<message>.+)$"
)


def test_one_line_for_each_piece_of_advice_and_a_count(report: Report) -> None:
    lines = written("concise", report).splitlines()
    assert lines[0] == "runs/lr0.3:500: error LRD101 train/loss diverged from step 500, 17% into the run."
    assert lines[1] == "runs/empty.csv: info cannot tell: no series plays the role train_loss: log the loss"
    # It rests on no finding, so it has no step.
    assert "runs/runs/lr0.03: info LRD901 7 points." in lines
    assert lines[-2] == r"runs/core\x07: error: not a log: no parser knows it"
    assert lines[-1] == "4 runs: 1 unhealthy, 1 cannot tell, 2 healthy; 1 input not used"
    assert len(lines) == 5


def test_praise_is_nothing_that_an_editor_lists(report: Report) -> None:
    (advised, *_) = [d for d in report.runs if any(a.rule.id == "LRD901" for a in d.advice)]
    (advice,) = advised.advice
    praise = replace(advised, advice=(replace(advice, rule=replace(advice.rule, id="LRD001")),))
    assert len(written("concise", replace(report, runs=(advised,), errors=())).splitlines()) == 2
    assert len(written("concise", replace(report, runs=(praise,), errors=())).splitlines()) == 1


def test_editors_find_path_and_step() -> None:
    found = QUICKFIX.match(written("concise", Report(runs=(diverged(),), version="0")).splitlines()[0])
    assert found
    assert found.groupdict() == {
        "path": "runs/lr0.3",
        "step": "500",
        "severity": "error",
        "rule": "LRD101",
        "message": "train/loss diverged from step 500, 17% into the run.",
    }


def test_a_path_below_the_working_directory_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = diverged()
    here, there = tmp_path / "runs" / "a.csv", tmp_path.parent / "elsewhere.csv"
    monkeypatch.chdir(tmp_path)
    runs = tuple(replace(told, run=replace(told.run, path=path)) for path in (here, there))
    first, second, _ = written("concise", Report(runs=runs, version="0")).splitlines()
    assert first.startswith("runs/a.csv:500: ")
    assert second.startswith(f"{there.as_posix()}:500: ")


def test_a_run_that_is_one_of_several_in_its_file_is_named() -> None:
    told = diverged()
    inside = replace(told, run=replace(told.run, name="sweep.json#3", path=Path("sweep.json")))
    assert "LRD101 sweep.json#3: train/loss" in written("concise", Report(runs=(inside,), version="0"))


def test_a_long_message_is_not_cut() -> None:
    told = diverged()
    long = replace(told, advice=(replace(told.advice[0], message="word " * 300 + "end."),))
    assert written("concise", Report(runs=(long,), version="0")).splitlines()[0].endswith("word end.")


def test_the_gate_says_what_fails_is_pardoned_and_is_gone() -> None:
    lines = written("concise", gated()).splitlines()
    assert lines[0] == "runs/bad:500: error LRD101 LRD101 of bad."
    assert "runs/slow: error expectation final loss 0.5, not 0.2" in lines
    assert any(line.endswith("(pardoned by the baseline)") and line.startswith("runs/known:500:") for line in lines)
    assert any(line.endswith("(pardoned by the waiver: meant to)") for line in lines)
    assert sum("pardoned by" in line for line in lines) == 2
    assert "gate: error expired_waiver the waiver of x is over" in lines
    assert "gone: LRD301 of old on val/loss" in lines
    assert lines[-1].endswith("; failed for 3 reasons, 2 pardoned, 1 gone")
    assert written("concise", passed()).splitlines()[-1] == "1 run: 1 unhealthy; passed, 1 pardoned"


def test_a_console_without_unicode() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    concise.write(Report(runs=(named("学习"), untellable()), version="0"), out)
    out.flush()
    assert raw.getvalue().startswith(rb"runs/\u5b66\u4e60:500: error LRD101 ")


def test_colour_on_a_terminal_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    report = Report(runs=(diverged(),), version="0")
    concise.write(report, out)
    # In one line, however narrow the window is.
    assert re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()) == written("concise", report)
    assert "\x1b[1;31merror\x1b[0m" in out.getvalue()
    assert "\x1b" not in written("concise", report)
