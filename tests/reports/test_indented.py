"""Our writer of indented JSON, held against Python's."""

from __future__ import annotations

import json
import math
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.model import Role, Severity, Status, Verdict
from lrdoctor.reports._indented import indented
from lrdoctor.reports._strict import Alike, Inner, Record, strict


class Word(StrEnum):
    LOSS = "löss"


class Number(IntEnum):
    TWO = 2


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(alphabet='\ud800\udfff\u2028"\\\n\x7f#')
    | st.sampled_from([Word.LOSS, Number.TWO, np.float64("nan"), np.float32(0.1), np.int64(-3), np.bool_(True)])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.just(Word.LOSS), inner),
    max_leaves=30,
)


@given(VALUES)
def test_it_is_what_python_writes(value: Any) -> None:
    assert indented(value) == json.dumps(strict(value), indent=2, ensure_ascii=True, allow_nan=False)


@given(st.lists(LEAVES, min_size=5, max_size=5))
def test_a_record_is_an_object(values: list[Any]) -> None:
    record = Record(("a", "100 %s", Inner("b", ("c", "a")), Inner("none", ()), "d"), values)
    a, b, c, d, e = values
    plain = {"a": a, "100 %s": b, "b": {"c": c, "a": d}, "none": {}, "d": e}
    assert json.dumps(strict(record)) == json.dumps(strict(plain))
    assert indented([record]) == json.dumps(strict([plain]), indent=2, ensure_ascii=True, allow_nan=False)


def test_it_goes_on_at_a_depth() -> None:
    inner = {"a": [1, {"b": []}], "c": {}}
    assert '{\n  "x": ' + indented(inner, "\n  ") + "\n}" == json.dumps({"x": inner}, indent=2)


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {1, 2}}, b"bytes", {("a", ("b",)): 1}])
def test_what_json_has_no_word_for_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        indented(value)


def test_numbers_that_are_not_finite_are_unknown() -> None:
    assert indented([math.nan, math.inf, -math.inf, 1e308]) == "[\n  null,\n  null,\n  null,\n  1e+308\n]"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=3))
def test_a_list_that_many_have_in_common_is_a_list(rows: list[tuple[str, str]]) -> None:
    alike = Alike(("a", "b"), tuple(rows))
    plain = {"x": [{"a": a, "b": b} for a, b in rows]}
    assert json.dumps(strict({"x": alike})) == json.dumps(strict(plain))
    for _ in range(2):
        assert indented({"x": alike}) == json.dumps(strict(plain), indent=2)
    assert indented(alike, "\n  ") == json.dumps(strict(plain), indent=2)[len('{\n  "x": ') : -len("\n}")]


@pytest.mark.parametrize("one", [*Role, *Severity, *Status, *Verdict])
def test_a_word_of_ours_is_its_text(one: StrEnum) -> None:
    assert indented(one) == f'"{one.value}"'
