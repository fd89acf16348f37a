"""No `##` is left in what we write as JSON, and it says the same."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.reports._ascii_json import unlike_commands


@given(st.text("#a", max_size=100))
def test_two_signs_are_escaped(text: str) -> None:
    escaped = unlike_commands(json.dumps(text))
    assert "##" not in escaped
    assert json.loads(escaped) == text
