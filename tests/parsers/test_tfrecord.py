from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.limits import Limits, in_force
from lrdoctor.parsers import _tfrecord
from lrdoctor.parsers._damage import Damage


def read(content: bytes) -> tuple[list[bytes], list[str]]:
    damage = Damage(Path("x"))
    found = [data for batch in _tfrecord.batches(io.BytesIO(content), damage) for data in batch.datas]
    return found, [incident.kind for incident in damage.incidents()]


def test_reads_records_of_any_length(made: Any) -> None:
    datas = [b"", b"a", b"b" * 1000, b"c" * 3_000_000, b"d"]
    assert read(b"".join(map(made.record, datas))) == (datas, [])


def test_tells_where_each_record_begins(made: Any) -> None:
    content = made.record(b"one") + made.record(b"two")
    (batch,) = _tfrecord.batches(io.BytesIO(content), Damage(Path()))
    assert ([batch.place(0), batch.place(1)], batch.datas) == ([0, 19], [b"one", b"two"])
    assert (batch.starts.tolist(), batch.ends.tolist()) == ([12, 31], [15, 34])


def test_records_are_given_in_their_turn_with_the_damage_between(made: Any) -> None:
    records = [bytearray(made.record(bytes([n]) * 5)) for n in range(6)]
    records[2][14] ^= 1
    records[4][14] ^= 1
    damage = Damage(Path())
    read = _tfrecord.batches(io.BytesIO(b"".join(records)), damage)
    met = [(batch.datas, len(damage.incidents())) for batch in read]
    assert met == [([b"\0" * 5, b"\1" * 5], 0), ([b"\3" * 5], 1), ([b"\5" * 5], 2)]


def test_a_long_stretch_of_zeros_is_passed_over(made: Any) -> None:
    assert read(bytes(900_000) + made.record(b"b")) == ([b"b"], ["lost_record_boundary"])


@pytest.mark.parametrize("chunk", [1, 7, 16, 64])
def test_records_may_lie_across_reads(made: Any, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    datas = [bytes([n]) * n for n in range(50)]
    monkeypatch.setattr(_tfrecord, "CHUNK", chunk)
    assert read(b"".join(map(made.record, datas))) == (datas, [])


def test_a_record_that_is_too_long_is_skipped(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tfrecord, "CHUNK", 100)
    content = made.record(b"a") + made.record(b"b" * 5000) + made.record(b"c")
    with in_force(Limits(record=1000)):
        assert read(content) == ([b"a", b"c"], ["record_limit"])
        assert read(content[:-3000]) == ([b"a"], ["truncated_tail"])


def test_what_a_length_declares_is_not_set_aside(made: Any) -> None:
    length = struct.pack("<Q", 1 << 34)
    content = made.record(b"a") + length + made.record(length)[-4:]
    tracemalloc.start()
    assert read(content) == ([b"a"], ["truncated_tail"])
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_the_search_for_a_sound_header_has_an_end(made: Any) -> None:
    rubbish = bytes(range(1, 200)) * 6000
    assert len(rubbish) > _tfrecord.CHUNK
    assert read(made.record(b"a") + rubbish + made.record(b"b")) == ([b"a"], ["lost_record_boundary"])


def test_a_header_in_reach_is_found(made: Any) -> None:
    rubbish = bytes(range(1, 200)) * 1000
    assert read(rubbish + made.record(b"b")) == ([b"b"], ["lost_record_boundary"])


@given(st.lists(st.binary(max_size=30), max_size=8), st.data())
def test_one_flipped_bit_costs_at_most_its_record(made: Any, datas: list[bytes], data: st.DataObject) -> None:
    records = [made.record(one) for one in datas]
    content = bytearray(b"".join(records))
    if not content:
        return
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    ends = [sum(map(len, records[: n + 1])) for n in range(len(records))]
    hit = next(n for n, end in enumerate(ends) if at < end)
    found, kinds = read(bytes(content))
    assert found == datas[:hit] + datas[hit + 1 :]
    assert len(kinds) == 1
