"""A small table that is read at once is the table that is read row by row, whatever is in its cells."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.limits import Limits, in_force
from lrdoctor.parsers import _columns
from lrdoctor.parsers._columns import Columns, columns
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._few_numbers import few_numbers
from lrdoctor.parsers._table import Layout

CELLS = st.sampled_from(["1", "2.5", "-3e-4", "nan", "inf", " 7 ", "", " ", "\t", "1e400", "+1", "5.", "\x1c1", "\f"])
ODD = st.sampled_from(["1_0", "x", "--", "-", "na", "1,5", '"1"', "\0", "é", "٣", "0x1A", "step", "loss"])


@st.composite
def tables(draw: st.DrawFn) -> Layout:
    separator, width = draw(st.sampled_from(",;\t| ")), draw(st.integers(1, 4))
    cell = draw(st.sampled_from([CELLS, CELLS, CELLS | ODD]))
    row = st.lists(cell, min_size=width, max_size=width)
    odd = st.lists(cell, max_size=5)
    rows = draw(st.lists(row if draw(st.booleans()) else row | odd, min_size=1, max_size=8))
    end = draw(st.sampled_from(["\n", "\n", "", separator + "\n"]))
    return of("\n".join(map(separator.join, rows)) + end, separator, width)


def of(body: str, separator: str = ",", width: int = 2) -> Layout:
    names = ("step", "loss", "lr", "acc")[:width]
    return Layout(
        names=names, separator=separator, header=separator.join(names), first_row=2, body=body.encode("utf-8")
    )


def told(found: Columns, damage: Damage) -> str:
    values = {name: (its.dtype, its.tolist(), found.filled[name].tolist()) for name, its in found.values.items()}
    texts = {name: list(its) for name, its in found.texts.items()}
    return repr((list(found.lines), values, texts, list(found.anew), damage.incidents()))


def read(table: Layout) -> str:
    damage = Damage(Path("log.csv"))
    return told(columns(table, damage), damage)


@given(tables())
def test_it_is_what_is_read_row_by_row(table: Layout) -> None:
    with pytest.MonkeyPatch.context() as patch:
        at_once = read(table)
        patch.setattr(_columns, "few_numbers", lambda table: None)
        assert at_once == read(table)


def test_numbers_and_empty_cells_are_read_at_once() -> None:
    found = few_numbers(of("0,2.5\n10,\n20,nan\n"))
    assert found is not None
    (steps, _), (losses, filled) = found["step"], found["loss"]
    assert steps.tolist() == [0, 10, 20]
    assert losses[0] == 2.5
    assert math.isnan(losses[1])
    assert math.isnan(losses[2])
    assert filled.tolist() == [True, False, True]
    assert losses.dtype == np.float64
    assert filled.dtype == np.bool_


@pytest.mark.parametrize(
    "body",
    ["0,x\n", "0,1_0\n", '0,"1"\n', "0,1\0\n", "0\n1,2\n", "0,1,2\n", "0,1\n\n1,2\n", "0,1", "", "0,٣\n", "--,--\n"],
)
def test_anything_else_is_not(body: str) -> None:
    assert few_numbers(of(body)) is None


def test_a_comma_beside_another_separator_is_not() -> None:
    assert few_numbers(of("0;1.5\n", ";")) is not None
    assert few_numbers(of("0;1,5\n", ";")) is None


def test_a_line_that_is_too_long_is_not() -> None:
    with in_force(Limits(line=5)):
        assert few_numbers(of("0,1.5\n")) is not None
        assert few_numbers(of("0,1.25\n")) is None
