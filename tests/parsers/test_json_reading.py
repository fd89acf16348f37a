"""What is read of JSON that is whole, odd or broken."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError, NotALog
from lrdoctor.limits import Limits, in_force
from lrdoctor.parsers import _json, _json_salvage
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._json import beginning, document, first_row, is_one_document, records, text
from lrdoctor.parsers._json_salvage import DECODER

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def salvaged(plain: str) -> tuple[Any, list[tuple[str, str, int]]]:
    damage = Damage(Path("x"))
    value = document(plain, damage)
    return value, [(i.place, i.kind, i.dropped) for i in damage.incidents()]


def rows(plain: str, *, among_text: bool = False) -> tuple[list[tuple[int, Any]], list[tuple[str, str, int]]]:
    damage = Damage(Path("x"))
    found = list(records(plain, damage, among_text=among_text))
    return found, [(i.place, i.kind, i.dropped) for i in damage.incidents()]


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_reads_every_encoding_that_loggers_write(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes('{"é": 1}'.encode(encoding))
    assert salvaged(text(path)) == ({"é": 1}, [])


def test_zeros_at_the_end_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"a": 1}\n' + bytes(5000))
    assert salvaged(text(path)) == ({"a": 1}, [])


@pytest.mark.parametrize("content", [b"", b"   \n", bytes(100), b"\xff\xfe"])
def test_an_empty_file_is_no_log(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(NotALog, match="an empty file"):
        text(path)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(LogError, match="not a regular file"):
        text(tmp_path / "pipe.json")
    assert beginning(tmp_path / "pipe.json") is None
    assert beginning(tmp_path / "gone.json") is None


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}' + " " * 100)
    with in_force(Limits(document=50)), pytest.raises(LogError, match="a JSON document of more than 50 bytes"):
        salvaged(text(path))
    with in_force(Limits(table=50)), pytest.raises(LogError, match="JSON of more than 50 bytes"):
        text(path)


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(LogError, match="git-lfs pointer"):
        text(path)


# --- documents --------------------------------------------------------------------------------------------------------


@given(JSON)
@settings(deadline=None)
def test_a_whole_document_is_what_the_standard_reader_says(value: Any) -> None:
    for indent in (None, 2):
        plain = json.dumps(value, indent=indent)
        assert salvaged(plain) == (json.loads(plain), [])


def test_the_words_for_nan_are_read() -> None:
    value, told = salvaged("[NaN, Infinity, -Infinity]")
    assert math.isnan(value[0])
    assert (value[1:], told) == ([math.inf, -math.inf], [])


def test_a_giant_integer_is_a_float() -> None:
    assert salvaged("[" + "9" * 5000 + ", 12]") == ([math.inf, 12], [])
    assert salvaged("[1" + "0" * 30 + "]") == ([1e30], [])


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_deep_nesting_is_damage_and_no_crash(opening: str) -> None:
    value, told = salvaged('{"loss": [3, 2], "x": ' + opening * 100_000)
    assert value["loss"] == [3, 2]
    assert told


DOCUMENT = '{"n": 3, "rows": [{"a": 1}, {"a": 2}, {"a": 3}], "x": {"y": [1.5, 2.5]}, "z": 7}'


@pytest.mark.parametrize(
    ("cut", "value"),
    [
        (DOCUMENT[:-1], {"n": 3, "rows": [{"a": 1}, {"a": 2}, {"a": 3}], "x": {"y": [1.5, 2.5]}}),
        (DOCUMENT[: DOCUMENT.index(".5]") + 2], {"n": 3, "rows": [{"a": 1}, {"a": 2}, {"a": 3}], "x": {"y": [1.5]}}),
        (DOCUMENT[: DOCUMENT.index("3}]") + 1], {"n": 3, "rows": [{"a": 1}, {"a": 2}]}),
        (DOCUMENT[: DOCUMENT.index('"rows"') + 3], {"n": 3}),
        (DOCUMENT[:7], {}),
        (DOCUMENT[:1], {}),
    ],
)
def test_of_a_cut_document_what_is_whole_is_kept(cut: str, value: Any) -> None:
    assert salvaged(cut) == (value, [("line 1", "truncated_tail", 1)])


@pytest.mark.parametrize("bad", ["{broken}", '{"a": }', '{"a": 2', "{'a': 2}", '{"a": {"b": tru}}'])
def test_one_bad_row_of_a_list_costs_no_other(bad: str) -> None:
    value, told = salvaged(f'[\n{{"a": 1}},\n{bad},\n{{"a": 3}},\n{{"a": 4}}\n]')
    assert value == [{"a": 1}, {"a": 3}, {"a": 4}]
    assert told == [("line 3", "unreadable_row", 1)]


def test_numbers_behind_damage_in_a_list_are_not_placed() -> None:
    # One of them may be missing, and then each stands a step too early.
    assert salvaged('{"loss": [3, 2, ?, 1], "lr": [1]}') == ({"loss": [3, 2]}, [("line 1", "unreadable_row", 1)])


@given(JSON, st.integers(0, 300))
@example([None, {"a": [None, {}, None]}], 38)
@settings(deadline=None)
def test_a_cut_document_holds_nothing_that_the_whole_does_not(value: Any, cut: int) -> None:
    def within(part: Any, whole: Any) -> bool:
        if isinstance(part, dict) and isinstance(whole, dict):
            return all(key in whole and within(its, whole[key]) for key, its in part.items())
        if isinstance(part, list) and isinstance(whole, list):
            return len(part) <= len(whole) and all(map(within, part, whole))
        return bool(part == whole)

    plain = json.dumps({"value": value})
    found, told = salvaged(plain[:cut] or " ")
    assert within(found, json.loads(plain)) or found is None
    assert bool(told) == (cut < len(plain))


# --- rows below one another -------------------------------------------------------------------------------------------

LINES = '{"a": 1}\n{"a": 2}\n{"a": 3}\n'
ALL = [(1, {"a": 1}), (2, {"a": 2}), (3, {"a": 3})]


@pytest.mark.parametrize(
    "plain",
    [LINES, LINES.rstrip(), LINES.replace("\n", "\r\n"), LINES.replace("}", "},"), "".join(LINES.split("\n"))],
)
def test_reads_objects_however_they_are_parted(plain: str) -> None:
    found, told = rows(plain)
    assert ([row for _, row in found], told) == ([row for _, row in ALL], [])


def test_objects_over_several_lines_are_rows_too() -> None:
    plain = "\n".join(json.dumps({"a": n, "b": {"c": n}}, indent=2) for n in (1, 2))
    assert not is_one_document(plain)
    assert rows(plain) == ([(1, {"a": 1, "b": {"c": 1}}), (7, {"a": 2, "b": {"c": 2}})], [])


@pytest.mark.parametrize("bad", ["{broken", "prose", '{"a": 1', '{"a": [1,', '{"a": "x', "[1, 2]", "null", "7", "\0{x"])
def test_one_bad_line_costs_no_other(bad: str) -> None:
    found, told = rows(f'{{"a": 1}}\n{bad}\n{{"a": 3}}\n')
    assert found == [ALL[0], ALL[2]]
    assert told == [("line 2", "unreadable_row", 1)]


def test_text_around_the_rows_of_a_log_is_no_damage() -> None:
    found, told = rows('starting\n{not json\n{"a": 2}\nand {"so": "on"}\n{"a": 5}\n{"a"', among_text=True)
    assert (found, told) == ([(3, {"a": 2}), (5, {"a": 5})], [])


@given(st.integers(0, len(LINES)))
def test_every_prefix_of_lines_gives_a_prefix_of_rows(cut: int) -> None:
    found, told = rows(LINES[:cut])
    assert found == ALL[: len(found)]
    assert len(found) == LINES[:cut].count("}")
    assert sum(dropped for *_, dropped in told) == (LINES[:cut].count("{") - len(found))


@pytest.mark.parametrize(
    ("plain", "one"),
    [
        ('{"a": 1}', True),
        (' [{"a": 1}]', True),
        ('{"a": 1}\n\0\0', True),
        ('{"a": 1}\n{"a": 2}', False),
        ('{"a": 1\n{"a": 2}\n', False),
        ('{\n  "a": [\n    {\n', True),
        ("prose", False),
        ("", False),
    ],
)
def test_a_document_is_told_from_rows(plain: str, one: bool) -> None:
    assert is_one_document(plain) is one


# --- the first bytes --------------------------------------------------------------------------------------------------


def test_the_beginning_of_a_large_file_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"kind": "x", "values": [' + "1.25, " * 100_000)
    found = beginning(path)
    assert found["kind"] == "x"
    assert 1_000 < len(found["values"]) < 20_000
    path.write_text(LINES * 10_000)
    assert first_row(path) == {"a": 1}
    path.write_text("[" + LINES.replace("\n", ",") * 10_000)
    assert first_row(path) == {"a": 1}


@given(st.binary(max_size=100))
@settings(deadline=None)
def test_any_bytes_have_a_beginning(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("x") / "x.json"
    path.write_bytes(content)
    beginning(path)
    assert isinstance(first_row(path), dict)


# --- how much work it is ----------------------------------------------------------------------------------------------


class Counting:
    """A decoder that counts the characters that it was shown, as far as it came."""

    def __init__(self) -> None:
        self.shown = 0

    def raw_decode(self, plain: str, start: int = 0) -> tuple[Any, int]:
        try:
            value, end = DECODER.raw_decode(plain, start)
        except json.JSONDecodeError as error:
            self.shown += error.pos - start
            raise
        self.shown += end - start
        return value, end


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    decoder = Counting()
    monkeypatch.setattr(_json, "DECODER", decoder)
    monkeypatch.setattr(_json_salvage, "DECODER", decoder)
    return decoder


@pytest.mark.parametrize("levels", [1, 4, 13, 50])
def test_a_cut_document_is_gone_through_a_few_times_however_deep_it_is(
    levels: int, counting: Counting, tmp_path: Path
) -> None:
    plain = '{"a": ' * levels + "[" + '{"loss": 1.0, "step": 1}, ' * 2000
    damage = Damage(tmp_path)
    is_one_document(plain)
    document(plain, damage)
    assert counting.shown < 9 * len(plain)
    assert [incident.kind for incident in damage.incidents()] == ["truncated_tail"]


@pytest.mark.parametrize("row", ["[]", "{}", '{"a": {}}', '{"a": [{}, {}]}', "[[], []]"])
@pytest.mark.parametrize("form", ["[%s, {}]", "[%s", '{"history": [%s]}', '{"history": [%s'])
def test_what_has_too_many_objects_is_not_decoded_at_all(
    row: str, form: str, counting: Counting, tmp_path: Path
) -> None:
    plain = form % ", ".join([row] * 1000)
    with in_force(Limits(objects=900)):
        assert is_one_document(plain)
        with pytest.raises(LogError, match=r"more than 900 objects and lists; `--limit objects=[0-9]+` or"):
            document(plain, Damage(tmp_path))
    assert counting.shown == 0
    with in_force(Limits(objects=5000)):
        assert is_one_document(plain)
        assert document(plain, Damage(tmp_path))
    assert 0 < counting.shown < 5 * len(plain)


@pytest.mark.parametrize("row", ["[]", "{}", '{"a": {}}', '{"a": [{}, {}]}', "[[], []]"])
def test_rows_that_tell_nothing_are_looked_at_once(row: str, counting: Counting, tmp_path: Path) -> None:
    plain = '{"loss": 1}\n' + f"{row}\n" * 1000
    assert not is_one_document(plain)
    damage = Damage(tmp_path)
    found = list(records(plain, damage))
    assert len(found) + sum(incident.dropped for incident in damage.incidents()) == 1001
    assert counting.shown < 1.5 * len(plain)


def test_rows_below_one_another_may_be_more_than_a_document_may_hold(tmp_path: Path) -> None:
    plain = '{"loss": 1}\n' * 100
    with in_force(Limits(objects=10, document=50)):
        assert not is_one_document(plain)
        assert len(list(records(plain, Damage(tmp_path)))) == 100
        with pytest.raises(LogError, match="more than 50 bytes"):
            records(plain.replace(":", ":\n"), Damage(tmp_path))
