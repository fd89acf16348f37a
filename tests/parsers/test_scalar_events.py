from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from lrdoctor.limits import Limits, in_force
from lrdoctor.parsers import _tfrecord
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._event import MalformedError, decode
from lrdoctor.parsers._scalar_events import Points, Scalars


def read(content: bytes, tmp_path: Path, scalars: Scalars | None = None) -> tuple[Scalars, Damage]:
    path, damage = tmp_path / "x.tfevents", Damage(tmp_path)
    path.write_bytes(content)
    scalars = scalars or Scalars()
    with path.open("rb") as file:
        scalars.read(file.fileno(), damage)
    return scalars, damage


@pytest.fixture(autouse=True, params=["accelerator", "plain Python"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain Python":
        monkeypatch.setattr(_tfrecord, "accelerator", lambda: None)


# --- one event --------------------------------------------------------------------------------------------------------


@given(
    st.floats(allow_nan=False),
    st.integers(-(2**63), 2**63 - 1),
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.floats(width=32, allow_nan=False)), max_size=4
    ),
)
def test_decodes_what_protobuf_encodes(wall_time: float, step: int, values: list[tuple[str, float]]) -> None:
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values])
    data = Event(wall_time=wall_time, step=step, summary=summary).SerializeToString()
    event = decode(data)
    assert (event.wall_time, event.step) == (wall_time, step)
    assert [value.tag.decode() for value in event.values] == [tag for tag, _ in values]
    assert all(value.simple_at > 0 for value in event.values)


@given(st.binary(max_size=60))
def test_decodes_any_bytes_or_says_that_they_are_none(data: bytes) -> None:
    try:
        event = decode(data)
    except MalformedError:
        return
    assert all(value.simple_at < len(data) for value in event.values)


@pytest.mark.parametrize("status", list(SessionLog.SessionStatus.values()))
def test_knows_the_start_of_a_session(status: int) -> None:
    data = Event(session_log=SessionLog(status=status)).SerializeToString()
    assert decode(data).session_starts is (status == SessionLog.START)


# --- many -------------------------------------------------------------------------------------------------------------


def test_tags_come_in_the_order_of_their_first_points(tmp_path: Path, made: Any) -> None:
    image = Summary.Value(tag="b", image=Summary.Image(height=1))
    records = [
        made.event(1, x=image),
        made.event(1, c=1.0),
        made.event(1, a=1.0),
        made.event(1, b=1.0),
        made.event(2, c=1.0),
    ]
    scalars, _ = read(b"".join(records), tmp_path)
    assert list(scalars.columns()) == ["c", "a", "b"]
    assert scalars.others == 1


def test_tags_that_are_no_text_stay_apart(tmp_path: Path, made: Any) -> None:
    records = []
    for tag in (b"loss\xff", b"loss\xfe", b"loss\\xff"):
        encoded = made.event(1, tag=1.0)[12:-4].replace(b"\x0a\x03tag", b"\x0a" + bytes([len(tag)]) + tag)
        longer = len(tag) - 3
        at = encoded.index(b"\x2a")
        changed = bytearray(encoded)
        changed[at + 1] += longer
        changed[at + 3] += longer
        records.append(made.record(bytes(changed)))
    scalars, damage = read(b"".join(records), tmp_path)
    assert list(scalars.columns()) == ["loss\\xff", "loss\\xfe", "loss\\xff'"]
    assert damage.incidents() == ()


def test_one_tag_too_many_is_left_out_and_told(tmp_path: Path, made: Any) -> None:
    with in_force(Limits(tags=2)):
        scalars, damage = read(b"".join(made.event(n, **{f"tag{n % 3}": 1.0}) for n in range(1, 10)), tmp_path)
    assert {tag: len(one.steps) for tag, one in scalars.columns().items()} == {"tag1": 3, "tag2": 3}
    assert [(i.kind, i.dropped) for i in damage.incidents()] == [("tags_limit", 3)]


def test_tells_where_each_file_begins(tmp_path: Path, made: Any) -> None:
    scalars = Scalars()
    for count in (3, 2, 4):
        read(b"".join(made.event(n, loss=1.0) for n in range(1, 1 + count)), tmp_path, scalars)
    column = scalars.columns()["loss"]
    assert (len(column.steps), column.later_files) == (9, (3, 5))


def test_what_a_session_discards_moves_where_files_begin(tmp_path: Path, made: Any) -> None:
    scalars = Scalars()
    read(b"".join(made.event(n, loss=1.0) for n in range(1, 11)), tmp_path, scalars)
    start = made.record(Event(step=5, session_log=SessionLog(status=SessionLog.START)).SerializeToString())
    read(start + made.event(5, loss=2.0), tmp_path, scalars)
    column = scalars.columns()["loss"]
    assert (column.steps.tolist(), column.later_files, scalars.purged) == ([1, 2, 3, 4, 5], (4,), {5: 6})


def test_points_that_wait_are_purged_too() -> None:
    points = Points()
    assert points.append(b"a", 1, 0.5, 0.0)
    assert points.append(b"a", 2, 0.5, 0.0)
    assert (points.purge(2), points.purge(2), points.sizes()) == (1, 0, [(b"a", 1)])


def test_reading_can_stop_early(tmp_path: Path, made: Any) -> None:
    path = tmp_path / "x"
    record = made.event(1, loss=1.0)
    path.write_bytes(record * 10)
    for stop, count in ((0, 1), (len(record) - 1, 1), (len(record), 2), (3 * len(record), 4), (1 << 40, 10)):
        scalars, damage = Scalars(), Damage(path)
        with path.open("rb") as file:
            scalars.read(file.fileno(), damage, stop)
        assert (len(scalars.columns()["loss"].steps), damage.incidents()) == (count, ())


def test_memory_is_a_small_multiple_of_the_points(tmp_path: Path, made: Any) -> None:
    content = b"".join(made.event(n, loss=1.0) for n in range(1, 40_001))
    tracemalloc.start()
    scalars, _ = read(content, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(scalars.columns()["loss"].steps) == 40_000
    assert peak < 40_000 * 24 + (16 << 20)


def test_a_checksum_can_be_computed_without_any_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "google_crc32c.cext", None)
    _tfrecord._crc32c_of.cache_clear()
    try:
        assert _tfrecord._crc32c_of(None) is _tfrecord.crc32c_by_table
        assert _tfrecord.crc32c_by_table(b"123456789") == 0xE3069283
    finally:
        _tfrecord._crc32c_of.cache_clear()
