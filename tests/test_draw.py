"""Plots show every jump, keep to their width, and survive strange names."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrdoctor.draw import Curve, number, plot, svg


def curve(values: list[float], label: str = "a") -> Curve:
    return Curve(label=label, steps=np.arange(len(values)), values=np.array(values, dtype=np.float64))


@settings(max_examples=50)
@given(
    st.lists(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), min_size=1, max_size=4),
    st.integers(40, 120),
    st.booleans(),
)
def test_any_curves_fit(values: list[list[float]], width: int, ascii_only: bool) -> None:
    curves = [curve(v) for v in values]
    lines = plot(curves, width=width, ascii_only=ascii_only)
    assert len(lines) == 15 + 2
    assert max(map(len, lines)) <= width
    if ascii_only:
        assert all(line.isascii() for line in lines)
    ElementTree.fromstring(svg(curves, title="t", description="d"))  # noqa: S314  it is our own


def test_a_single_high_point_among_a_million_is_seen() -> None:
    values = np.full(1_000_000, 0.1)
    values[654_321] = 1.0
    lines = plot([Curve(label="a", steps=np.arange(len(values)), values=values)], ascii_only=True)
    assert "*" in lines[0]
    assert sum("*" in line for line in lines[:14]) == 14


def test_a_line_has_no_gaps() -> None:
    for rows in (plot([curve([1.0, 0.0])], ascii_only=True), plot([curve([1.0, 0.0, 1.0, 0.0])], ascii_only=True)):
        assert all("*" in row for row in rows[:15])


def test_the_first_curve_lies_on_top() -> None:
    lines = plot([curve([1.0, 1.0]), curve([1.0, 1.0], "b"), curve([0.5, 0.5], "c")])
    assert "*" in lines[0]
    assert not any("o" in line for line in lines)
    assert "x" in lines[7]


def test_zero_throughout_is_a_line_at_the_bottom() -> None:
    lines = plot([curve([0.0, 0.0])], ascii_only=True)
    assert "*" in lines[14]


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", "a\x1b[31m\x00b", "\"&'", "學習率"])
def test_svg_is_well_formed_whatever_it_is_called(label: str) -> None:
    text = svg([curve([1.0, 0.5], label)], title=label, description=label)
    ElementTree.fromstring(text)  # noqa: S314
    assert "<script" not in text
    assert "\x1b" not in text


def test_numbers_are_short() -> None:
    assert [number(v) for v in (3e-4, 0.00015, 1e-5, 1.0, 123456.0)] == ["0.0003", "0.00015", "1e-5", "1", "1.23e+5"]
