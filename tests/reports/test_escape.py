from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.reports._escape import plain


@pytest.mark.parametrize(
    ("given_text", "wanted"),
    [
        ("runs/学习率-µ/Ω é", "runs/学习率-µ/Ω é"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\tc\r", r"a\x0ab\x09c\x0d"),
        ("\x7f\x85\x9b", r"\x7f\x85\x9b"),
        ("\u202egpj\u2066\u200f\u061c", r"\u202egpj\u2066\u200f\u061c"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\udc80", r"\udc80"),
    ],
)
def test_escapes_what_a_terminal_would_obey_and_nothing_else(given_text: str, wanted: str) -> None:
    assert plain(given_text) == wanted


def test_cuts_at_the_limit() -> None:
    assert plain("a" * 200) == "a" * 200
    assert plain("a" * 201) == "a" * 199 + "…"
    assert plain("\x1b\x1b", limit=7) == r"\x1b\x…"


@given(st.text(st.characters(codec=None, exclude_categories=())), st.integers(1, 50))
def test_is_always_one_harmless_line(text: str, limit: int) -> None:
    safe = plain(text, limit)
    assert len(safe) <= limit
    assert len(f"<{safe}>".splitlines()) == 1
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in safe)
    assert not any(unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI") for c in safe)
    assert plain(safe, limit) == safe
