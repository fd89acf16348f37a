from __future__ import annotations

import math

import pytest

from lrdoctor.parsers._values import number, numbers, parsed


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1, 1.0),
        (0.5, 0.5),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        ("Infinity", math.inf),
        (" -inf ", -math.inf),
        ("0.5", None),
        ("nano", None),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_a_number_is_told_from_what_is_none(value: object, told: float | None) -> None:
    assert number(value) == told


@pytest.mark.parametrize("text", ["NaN", "nan", " NaN"])
def test_a_text_may_be_nan(text: str) -> None:
    value = number(text)
    assert value is not None
    assert math.isnan(value)


def test_nesting_is_joined_and_bounded() -> None:
    assert dict(numbers({"a": {"b": 1, "c": {"d": 2}}, "e": 3, "f": [4]})) == {"a.b": 1, "a.c.d": 2, "e": 3}
    deep: dict[str, object] = {"loss": 1}
    for _ in range(500):
        deep = {"x": deep}
    assert list(numbers(deep)) == []


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "9" * 5000, "", "\udc80"])
def test_what_is_no_json_raises_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parsed(text)
