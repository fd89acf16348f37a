"""A table that is read in blocks is the table that is read at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.limits import Limits, in_force
from lrdoctor.parsers import _clean_table, _columns
from lrdoctor.parsers._clean_table import full_rows
from lrdoctor.parsers._columns import Columns, columns
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._table import layout

CELL = st.sampled_from(["1", "2.5", "-3e-4", "nan", "inf", "", "na", "NA", "True", "true", "x", " 7 ", "9" * 25, "1_0"])


def told(found: Columns) -> object:
    """Everything in it, as what can be compared."""
    values = {
        name: (its[found.filled[name]].tolist(), found.filled[name].tolist()) for name, its in found.values.items()
    }
    return repr((list(found.lines), values, {name: list(its) for name, its in found.texts.items()}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    cells=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=30),
    cells_at_once=st.sampled_from([1, 6, 15, 1 << 20]),
    bytes_at_once=st.sampled_from([1, 7, 50, 1 << 22]),
)
def test_in_blocks_or_row_by_row_it_is_the_same(
    cells: list[tuple[str, str, str]], cells_at_once: int, bytes_at_once: int
) -> None:
    text = "step,loss,lr\n" + "".join(",".join((str(at), *row[1:])) + "\n" for at, row in enumerate(cells))
    table = layout(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_clean_table, "CELLS_AT_ONCE", cells_at_once)
        patch.setattr(_clean_table, "BYTES_AT_ONCE", bytes_at_once)
        patch.setattr(_columns, "BYTES_AT_ONCE", bytes_at_once)
        damages = Damage(Path("x")), Damage(Path("x"))
        patch.setattr(_columns, "SMALL", 0)
        in_blocks = columns(table, damages[0])
        patch.setattr(_columns, "SMALL", 1 << 30)
        by_row = columns(table, damages[1])
    assert told(in_blocks) == told(by_row)
    assert damages[0].incidents() == damages[1].incidents()


def test_a_clean_table_needs_no_look_at_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_columns, "_row_by_row", None)
    monkeypatch.setattr(_clean_table, "CELLS_AT_ONCE", 100)
    table = layout(("step,loss,when\n" + "".join(f"{n},{n / 7},day {n}\n" for n in range(500))).encode())
    found = columns(table, Damage(Path("x")))
    assert found.values["step"].tolist() == list(range(500))
    np.testing.assert_allclose(found.values["loss"], np.arange(500) / 7, rtol=1e-14)
    assert list(found.texts["when"]) == [f"day {n}" for n in range(500)]


@pytest.mark.parametrize("size", [1, 3, 5, 1 << 20])
def test_only_full_rows_count(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_clean_table, "BYTES_AT_ONCE", size)
    table = layout(b"step,loss\n1,2\n")
    assert full_rows(b"1,2\n33,4\n", table) == 2
    assert full_rows(b"1,2\n33\n", table) == 0
    assert full_rows(b"1,2\n33,4,\n", table) == 0
    assert full_rows(b"1\n,2\n", table) == 0
    assert full_rows(b"", table) == 0
    with in_force(Limits(line=4)):
        assert full_rows(b"1,2\n33,4\n1,2\n", table) == 3
    with in_force(Limits(line=3)):
        assert full_rows(b"1,2\n1,2\n", table) == 2
        assert full_rows(b"1,2\n33,4\n1,2\n", table) == 0


def test_a_quoted_cell_over_several_lines_is_one_wherever_a_piece_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'step,loss,why\n0,1,"a\nb\nc"\n1,2,é\n2,3,"\n3,4,d\n' + "".join(f"{n},5,e\n" for n in range(4, 200))
    found = []
    for size in (1, 5, 20, 1 << 20):
        monkeypatch.setattr(_columns, "BYTES_AT_ONCE", size)
        damage = Damage(Path("x"))
        found.append((told(columns(layout(text.encode()), damage)), damage.incidents()))
    assert found.count(found[0]) == len(found)
    assert "'a\\nb\\nc'" in str(found[0][0])
