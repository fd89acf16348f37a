"""Which report is printed, in which encoding, and which goes into files."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import lrdoctor
from lrdoctor import plugins
from lrdoctor.cli._output import write_report
from lrdoctor.config import Config
from lrdoctor.model import Report
from lrdoctor.reports import full, text

SAMPLES = Path(__file__).parents[1] / "sample_logs"
NARROW = ["ascii", "cp1252", "latin-1", "cp437", "koi8-r"]


@pytest.fixture(scope="module")
def report() -> Report:
    """One faulty run with a name for which few encodings have the letters, and none has the last one; one healthy."""
    samples = (SAMPLES / "diverged_to_nan", SAMPLES / "healthy_constant")
    faulty, healthy = sorted(lrdoctor.analyze(*samples, config=Config()).runs, key=lambda d: d.verdict, reverse=True)
    named = replace(faulty, run=replace(faulty.run, name="runs/学习率\x1b[31m\udc80"))
    return Report(runs=(named, healthy), version="0")


class Stdout(io.TextIOWrapper):
    """Standard output of some encoding, and whether it is a terminal."""

    def __init__(self, encoding: str, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def written(self) -> bytes:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue()


def printed(report: Report, form: str, out: Stdout, monkeypatch: pytest.MonkeyPatch, **how: bool) -> bytes:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        write_report(report, form, (), **how)
    return out.written()


def as_text(module: object, report: Report) -> str:
    out = io.StringIO()
    module.write(report, out)  # type: ignore[attr-defined]
    return out.getvalue()


def test_verbose_prints_all_where_text_was_asked_for(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    verbose = printed(report, "text", Stdout("utf-8"), monkeypatch, verbose=True).decode()
    assert verbose == as_text(full, report)
    assert verbose != as_text(text, report)
    assert json.loads(printed(report, "json", Stdout("utf-8"), monkeypatch, verbose=True))["summary"]["runs"] == 2


@pytest.mark.parametrize("form", ["text", "full"])
def test_quiet_prints_what_is_wrong(form: str, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = printed(report, form, Stdout("utf-8"), monkeypatch, quiet=True).decode()
    assert quiet.startswith("unhealthy")
    assert "\nhealthy" not in quiet
    assert "2 runs" not in quiet


def test_quiet_leaves_what_programs_read_and_what_goes_into_files(
    report: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert json.loads(printed(report, "json", Stdout("utf-8"), monkeypatch, quiet=True))["summary"]["runs"] == 2
    out = Stdout("utf-8")
    monkeypatch.setattr(sys, "stdout", out)
    write_report(report, "text", [("text", tmp_path / "r.txt")], quiet=True)
    assert (tmp_path / "r.txt").read_text(encoding="utf-8") == as_text(text, report)
    assert len(out.written().decode()) < len(as_text(text, report))


@pytest.mark.parametrize("encoding", NARROW)
@pytest.mark.parametrize("terminal", [False, True], ids=["piped", "terminal"])
def test_no_encoding_ends_a_report_of_any_format(
    encoding: str, terminal: bool, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    for form in plugins.names("reports"):
        out = Stdout(encoding, terminal=terminal)
        assert printed(report, form, out, monkeypatch), form


def test_what_programs_read_is_utf_8_in_a_pipe_whatever_the_locale(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    for form in plugins.names("reports"):
        writer = plugins.writer(form)
        if writer.SUFFIX != ".txt":
            wanted = as_text(writer, report).encode()
            assert printed(report, form, Stdout("ascii"), monkeypatch) == wanted, form


@pytest.mark.parametrize("form", ["text", "full"])
def test_what_people_read_is_in_the_letters_that_there_are(
    form: str, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = printed(report, form, Stdout("ascii"), monkeypatch).decode("ascii")
    assert "xxxx" in narrow
    assert r"\u5b66" in narrow
    wide = printed(report, form, Stdout("utf-8"), monkeypatch).decode("utf-8")
    assert "⠒⠒⠒⠒" in wide
    assert "学" in wide
