"""No `##` is left in what we write as JSON, and nothing else is changed."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from lrdoctor.reports._ascii_json import FEW, unlike_commands


@given(st.text("#a", max_size=100))
@example("#a" * FEW + "##")
@example("#a" * (FEW - 1) + "##")
@example("a##")
@example("###")
def test_two_signs_are_escaped(text: str) -> None:
    assert unlike_commands(text) == text.replace("##", r"\u0023\u0023")
