"""A baseline comes back as it was written, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.errors import LrdoctorError
from lrdoctor.gate.baseline import SCHEMA_VERSION, Known, dumps, loads, read

ONE = Known(rule="LRD103", run="runs/lr0.3", series="train/loss")
TWO = Known(rule="LRD103", run="runs/lr0.1", series="train/loss")
# File names on a disk may hold bytes that are no text; they reach us as lone surrogates.
names = st.text(st.characters(exclude_categories=())) | st.just("\udc80\udcff")
knowns = st.builds(Known, rule=names, run=names, series=names)


def test_it_is_sorted_and_each_finding_stands_once() -> None:
    assert json.loads(dumps([ONE, TWO, ONE])) == {
        "schema_version": SCHEMA_VERSION,
        "known": [
            {"rule": "LRD103", "run": "runs/lr0.1", "series": "train/loss"},
            {"rule": "LRD103", "run": "runs/lr0.3", "series": "train/loss"},
        ],
    }
    assert dumps([ONE, TWO]) == dumps([TWO, ONE])


@given(st.lists(knowns))
def test_it_comes_back(known: list[Known]) -> None:
    text = dumps(known)
    assert text.isascii()
    assert loads(text) == set(known)


foreign = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(1),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["schema_version", "known", "rule", "run", "series", "x"]), inner)
    ),
    max_leaves=12,
)


@given(foreign)
def test_foreign_json_is_refused(value: Any) -> None:
    try:
        known = loads(json.dumps(value))
    except ValueError:
        return
    # What passes says the same as what we would write.
    assert value == json.loads(dumps(known)) | {"known": value["known"]}
    assert {json.dumps(entry, sort_keys=True) for entry in value["known"]} == {
        json.dumps(one._asdict(), sort_keys=True) for one in known
    }


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_end_in_our_own_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "known.json"
    file.write_bytes(content)
    with pytest.raises(LrdoctorError) as caught:
        read(file)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{file}: ")
    assert "\n" not in caught.value.problems[0].removeprefix(str(file))


def entry(**changed: Any) -> str:
    return json.dumps({"schema_version": 1, "known": [ONE._asdict() | changed]})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON: Expecting value at line 1, column 1"),
        ('{"schema_version": 1,\n "known": [}', "is not JSON: Expecting value at line 2, column 12"),
        ("[]", "no schema_version"),
        ("{}", "no schema_version"),
        ('{"schema_version": 2, "known": []}', "another schema_version than 1"),
        ('{"schema_version": true, "known": []}', "another schema_version than 1"),
        ('{"schema_version": "1", "known": []}', "another schema_version than 1"),
        ('{"schema_version": ' + "9" * 10_000 + ', "known": []}', "another schema_version than 1"),
        ('{"schema_version": 1}', "a list `known`"),
        ('{"schema_version": 1, "known": {}}', "a list `known`"),
        ('{"schema_version": 1, "known": [], "runs": []}', "nothing else"),
        ('{"schema_version": 1, "known": [3]}', "known.0: should be a table of the texts rule, run, series"),
        (entry(value=3), "known.0: should be"),
        (entry(run=3), "known.0: should be"),
        (entry(series=None), "known.0: should be"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "known.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(LrdoctorError, match=r"known\.json: ") as caught:
        read(file)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(LrdoctorError, match=r"no\.json: cannot be read: No such file or directory; --write-baseline"):
        read(tmp_path / "no.json")
    with pytest.raises(LrdoctorError, match="cannot be read"):
        read(tmp_path)
    file = tmp_path / "known.json"
    file.write_bytes(b'{"\xff')
    with pytest.raises(LrdoctorError, match="is not UTF-8 at byte 2"):
        read(file)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text(dumps([ONE]), encoding="utf-8-sig")
    assert read(file) == {ONE}
