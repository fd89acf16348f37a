"""A table that is read many rows at a time is the table that is read row by row, whatever stands between the rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.limits import Limits, in_force
from lrdoctor.model import Incident
from lrdoctor.parsers import _cells, _clean_table, _columns
from lrdoctor.parsers._clean_table import block
from lrdoctor.parsers._columns import Columns, columns
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._table import layout

PLAIN = ["1", "2", "3.25", "-3e-4", "7"]
NUMBERS = ["nan", "inf", "", "na", "NA", " 7 ", "9" * 25, "1_0", "+1", ".5", "5.", "1e", "1e400", "0x1A", "tensor(3.5)"]
WITH_COMMAS = ["1,5", "4,400", "0.1,0.2", "a, b", ",5"]
QUOTED = ['"a"', '"1"', '"', '""', '"a""b"', '"x\ny"', '"1,2"', ' "1"']
TEXTS = ["True", "x", "é", "\ufeff1", "a b", "-", "--", "---", "\0", "1\0", "loss", "step", " ", "|", "\t"]
SEPARATORS = [",", ",", ";", "\t", " ", "|"]
NO_ROWS = ["", " ", '"', "\0\0", "x y z", "-"]


@st.composite
def tables(draw: st.DrawFn) -> str:
    """Mostly plain rows, and a few kinds of trouble among them."""
    separator, width = draw(st.sampled_from(SEPARATORS)), draw(st.integers(1, 4))
    begin, end = draw(st.sampled_from([("", ""), ("", separator), ("|", "|") if separator == "|" else ("", "")]))
    names = ["step", "loss", "lr", "acc"][:width]
    kinds = st.sampled_from(PLAIN + NUMBERS + WITH_COMMAS + QUOTED + TEXTS)
    usual = draw(st.sampled_from([PLAIN, ["0,5", "1,25", "3"], ['"1"', '"2"', '"3"'], ["a", "b", "1"]]))
    cell = st.sampled_from(usual * 5 + draw(st.lists(kinds, max_size=3)))

    def line(cells: list[str]) -> str:
        return begin + separator.join(cells) + end

    def row(width: int) -> st.SearchStrategy[str]:
        return st.lists(cell, min_size=width, max_size=width).map(line)

    again = st.sampled_from([line(names), line([*names[:-1], "other"]), line(["---"] * width), line(["--"] * width)])
    odd = st.one_of(st.sampled_from([*NO_ROWS, separator * width]), row(max(0, width - 1)), row(width + 1), again)
    rows = draw(st.lists(st.one_of(*[row(width)] * 12, odd), min_size=1, max_size=40))
    return "\n".join([line(names), *rows, ""])


def told(found: Columns) -> object:
    """Everything in it, as what can be compared."""
    values = {
        name: (its[found.filled[name]].tolist(), found.filled[name].tolist()) for name, its in found.values.items()
    }
    return repr((list(found.lines), values, {name: list(its) for name, its in found.texts.items()}, list(found.anew)))


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Small tables are read as if they were large, and blocks of two rows are worth it."""
    monkeypatch.setattr(_columns, "SMALL", 0)
    monkeypatch.setattr(_clean_table, "ROWS_AT_ONCE", 2)
    return monkeypatch


def both_ways(text: str, size: int) -> Iterator[tuple[object, tuple[Incident, ...]]]:
    """What is read in blocks of so many bytes, and row by row."""
    table = layout(text.encode())
    for small in (0, 1 << 30):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_columns, "SMALL", small)
            patch.setattr(_columns, "BYTES_AT_ONCE", size)
            patch.setattr(_clean_table, "BYTES_AT_ONCE", size)
            patch.setattr(_clean_table, "ROWS_AT_ONCE", 2)
            damage = Damage(Path("x"))
            yield told(columns(table, damage)), damage.incidents()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=400)
@given(text=tables(), size=st.sampled_from([20, 60, 200, 1 << 22]))
def test_in_blocks_or_row_by_row_it_is_the_same(text: str, size: int) -> None:
    in_blocks, by_row = both_ways(text, size)
    assert in_blocks == by_row


@pytest.mark.parametrize("bad", ["9", "9,9,9,9", "", "\0", "9\0,8,7", "a b", "9,9,9,", "x" * 300, "9,8\0"])
@pytest.mark.parametrize("many", [1, 30])
def test_more_damage_than_is_named_is_counted_alike(bad: str, many: int) -> None:
    rows = [f"{n},{n / 4},0.1" for n in range(100)]
    rows[50:50] = [bad] * many
    in_blocks, by_row = both_ways("step,loss,lr\n" + "\n".join(rows) + "\n", 500)
    assert in_blocks == by_row


@pytest.mark.parametrize(
    "rows",
    [
        "".join(f"{n},{n / 7},day {n}\n" for n in range(500)),
        "".join(f'"{n}","{n / 7}","day {n}"\n' for n in range(500)),
        "".join(f'{n},{n / 7},"day\n{n}"\n' for n in range(500)).replace("day\n", "day "),
        "".join(f"{n},{n / 7},day {n},\n" for n in range(500)),
        "".join(f"{n};{n / 7};day {n}\n".replace(".", ",") for n in range(500)),
        "".join(f"{n}\t{n / 7}\tday {n}\n" for n in range(500)),
        "".join(f"| {n} | {n / 7} | day {n} |\n" for n in range(500)),
        "".join(f"{n},{n / 7},day {n}\n" for n in range(500)) + "torn,\n" * 30,
    ],
    ids=["plain", "quoted", "some quoted", "separator at the end", "decimal comma", "tabs", "bars", "torn"],
)
def test_good_rows_need_no_look_one_by_one(rows: str, few_rows: pytest.MonkeyPatch) -> None:
    few_rows.setattr(_cells.Growing, "add", None)
    separator = next(one for one in "\t;|," if one in rows)
    header = separator.join(["step", "loss", "when"])
    table = layout((f"|{header}|" if separator == "|" else header).encode() + b"\n" + rows.encode())
    found = columns(table, Damage(Path("x")))
    assert found.values["step"].tolist() == list(range(500))
    np.testing.assert_allclose(found.values["loss"], np.arange(500) / 7, rtol=1e-14)
    assert list(found.texts["when"]) == [f"day {n}" for n in range(500)]


@pytest.mark.parametrize(
    "rows",
    [
        '1,2"\n2,3\n',  # a lone quote
        '1,"2" \n2,3\n',
        '1, "2"\n2,3\n',
        '1,"a""b"\n2,3\n',
        "1,2\nloss,step\n2,3\n",  # perhaps a header
        "1,2\nloss,other,step\n2,3\n",
        "--,--\n",
        "1,2\n3,4,\n",
    ],
)
def test_what_may_be_something_else_is_left_to_the_slow_way(rows: str, few_rows: pytest.MonkeyPatch) -> None:
    table = layout(f"step,loss\n{rows}".encode())
    assert block(table, table.names, (0, 2)) is None
    both = list(both_ways(f"step,loss\n{rows}", 1 << 22))
    assert both[0] == both[1]


def test_only_whole_records_are_taken(few_rows: pytest.MonkeyPatch) -> None:
    table = layout(b'step,why\n1,"a"\n2,"b\nc"\n3,"d"\n')
    few_rows.setattr(_clean_table, "BYTES_AT_ONCE", 12)
    found = block(table, table.names, (0, 2))
    assert found is not None
    assert (found.following, found.lines.tolist()) == ((6, 3), [2])
    found = block(table, table.names, (6, 3))
    assert found is not None
    assert (found.following, found.lines.tolist()) == ((14, 5), [3])


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", "|"])
def test_where_no_record_is_whole_there_is_nothing_to_take(separator: str, few_rows: pytest.MonkeyPatch) -> None:
    line = separator.join(["1", '"2'])
    table = layout(f"step{separator}loss\n{line}\n{line}x\n".encode())
    few_rows.setattr(_clean_table, "BYTES_AT_ONCE", 6)
    assert block(table, table.names, (0, 2)) is None


def test_a_line_too_long_is_no_row(few_rows: pytest.MonkeyPatch) -> None:
    table = layout(b"step,loss\n1,2\n33,4\n1,2\n")
    for longest, taken in ((4, True), (3, False)):
        with in_force(Limits(line=longest)):
            assert (block(table, table.names, (0, 2)) is not None) is taken


def test_a_quoted_cell_over_several_lines_is_one_wherever_a_piece_ends(few_rows: pytest.MonkeyPatch) -> None:
    text = 'step,loss,why\n0,1,"a\nb\nc"\n1,2,é\n2,3,"\n3,4,d\n' + "".join(f"{n},5,e\n" for n in range(4, 200))
    found = [both for size in (1, 5, 20, 1 << 20) for both in both_ways(text, size)]
    assert found.count(found[0]) == len(found)
    assert "'a\\nb\\nc'" in str(found[0][0])


def test_of_many_texts_the_first_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cells, "TEXTS_KEPT", 3)
    in_blocks, by_row = both_ways("step,why\n" + "".join(f"{n},t{n % 7}\n" for n in range(50)), 60)
    assert in_blocks == by_row
    assert "…" in str(in_blocks)
