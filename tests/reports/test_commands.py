from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrdoctor.reports._commands import inert

from .runner import command


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("::error::x", r"\x3a:error::x"),
        ("  ::error::x", r"  \x3a:error::x"),
        ("\u3000- ::error::x", "\u3000- \\x3a:error::x"),
        (":\u200b:error::x", "\\x3a\u200b:error::x"),
        ("a ##[error]x", r"a \x23#[error]x"),
        ("a ##vso[task.complete]", r"a \x23#vso[task.complete]"),
        ("##VSO[x]", r"\x23#VSO[x]"),
        ("#\u200b#[group]", "\\x23\u200b#[group]"),
        ("###[group]", r"#\x23#[group]"),
    ],
)
def test_commands_are_broken(line: str, wanted: str) -> None:
    assert inert(line) == wanted
    assert command(wanted) is None


@pytest.mark.parametrize(
    "line", ["runs/a::b", "torch::nn", "a: b", "## heading", "run#1", "c##", "[x]", "lr=0.1: 50 %", "", "学习::率"]
)
def test_other_lines_stay(line: str) -> None:
    assert inert(line) == line


@given(st.text("#[]:ev so\u200b\u3000ar,=-_%0A"))
@example("::error::a ##[error]b")
def test_nothing_is_a_command_any_more(line: str) -> None:
    assert command(inert(line)) is None
    assert inert(inert(line)) == inert(line)


@given(st.sampled_from(["error", "group", "warning"]), st.text(":# \u200b/-", max_size=6))
def test_a_command_is_found_behind_any_signs(name: str, before: str) -> None:
    assert command(inert(f"{before}::{name}::x")) is None
    assert command(inert(f"{before}##[{name}]x")) is None
