from __future__ import annotations

import re
import sys
from io import BytesIO, StringIO, TextIOWrapper

import pytest

from lrdoctor.reports._lines import UNBROKEN, line, prints, terminal, write_lines

LONG = line(2, ("word " * 40, "bold"), "end")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "150")


def test_a_terminal_is_as_wide_as_it_is_and_no_wider_than_wanted() -> None:
    wide, capped, narrow = (terminal(Terminal(), widest) for widest in (None, 120, 200))
    assert wide is not None
    assert capped is not None
    assert narrow is not None
    assert (wide.width, capped.width, narrow.width) == (150, 120, 150)
    assert terminal(StringIO()) is None


def test_lines_are_broken_between_words_and_indented_on_a_terminal_only() -> None:
    out = Terminal()
    write_lines([LONG], out, terminal(out, 60))
    rows = out.getvalue().splitlines()
    assert len(rows) > 3
    assert all(row.startswith("  ") for row in rows)
    plain = StringIO()
    write_lines([LONG], plain, terminal(plain))
    assert plain.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("force", "no", "coloured"), [("1", "", True), ("", "", False), ("1", "1", False), ("", "1", False)]
)
def test_force_color_colours_standard_output_and_breaks_no_line(
    force: str, no: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", force)
    monkeypatch.setenv("NO_COLOR", no)
    out, file = StringIO(), StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert terminal(file) is None
    console = terminal(out, 120)
    assert (console is not None) is coloured
    assert console is None or console.width == UNBROKEN
    write_lines([LONG], out, console)
    assert ("\x1b[1m" in out.getvalue()) is coloured
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize(("encoding", "has"), [("utf-8", True), ("utf-16", True), ("cp1252", False), ("ascii", False)])
def test_what_an_encoding_can_print(encoding: str, has: bool) -> None:
    assert prints(TextIOWrapper(BytesIO(), encoding=encoding), "⣿") is has
    assert prints(StringIO(), "⣿")


@pytest.mark.parametrize("out", [StringIO(), Terminal()])
def test_no_line_is_a_command_for_a_build_server(out: StringIO) -> None:
    write_lines([line(4, ("::error::x", "dim")), line(0, "a ##[error]x"), line(0, "a::b # [c]")], out, terminal(out))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert shown.split("\n") == [r"    \x3a:error::x", r"a \x23#[error]x", "a::b # [c]", ""]


def test_what_does_not_wrap_is_one_line_on_a_terminal_too() -> None:
    out = Terminal()
    write_lines([LONG._replace(wraps=False)], out, terminal(out, 60))
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().startswith("  ")
