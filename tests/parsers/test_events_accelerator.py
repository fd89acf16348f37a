from __future__ import annotations

import os
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google_crc32c import value as google_crc32c
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tensorboard.plugins.hparams import summary_v2 as hparams

from lrdoctor.limits import Limits, in_force
from lrdoctor.parsers import _scalar_events, _tfrecord
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._scalar_events import Scalars

events = pytest.importorskip("lrdoctor.parsers._events", reason="it was installed without a compiler")
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)


def read(files: Sequence[bytes], folder: Path, stop: int, pure: bool, limits: dict[str, int]) -> Any:
    """Everything that a reader makes of these files, in a form that can be compared bit by bit."""
    chosen = Limits(**{name: limit for name, limit in limits.items() if name.islower()})
    with pytest.MonkeyPatch.context() as patch, in_force(chosen):
        patch.setattr(_tfrecord, "accelerator", lambda: None if pure else events)
        for name in filter(str.isupper, limits):
            patch.setattr(_tfrecord if name == "CHUNK" else _scalar_events, name, limits[name])
        scalars = Scalars()
        incidents = []
        for number, content in enumerate(files):
            path = folder / f"{number}.tfevents"
            path.write_bytes(content)
            damage = Damage(path)
            with path.open("rb") as file:
                scalars.read(file.fileno(), damage, stop)
            incidents.append(damage.incidents())
        columns = {
            tag: (one.steps.tobytes(), one.values.tobytes(), one.wall_times.tobytes(), one.later_files)  # type: ignore[union-attr]
            for tag, one in scalars.columns().items()
        }
    return list(columns.items()), incidents, scalars.others, scalars.hparams, scalars.purged


def same(files: Sequence[bytes], folder: Path, stop: int = _tfrecord.NO_STOP, **limits: int) -> Any:
    by_c = read(files, folder, stop, False, limits)
    assert by_c == read(files, folder, stop, True, limits)
    return by_c


# ------------------------------------------------------------------------------------------------- records of all kinds


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(key: int, content: bytes) -> bytes:
    return bytes([key]) + varint(len(content)) + content


def metadata(plugin: bytes, content: bytes = b"") -> bytes:
    return field(0x4A, field(0x0A, field(0x0A, plugin) + (field(0x12, content) if content else b"")))


HPARAMS = hparams.hparams_pb({"lr": 0.1, "layers": 4}).value[0].SerializeToString()
ARGUMENTS = b"\x08\x07\x12\x04\x12\x02\x08\x01" + field(0x42, b'{"max_steps": 10, "optim": "adamw"}')
floats = st.floats(width=32).map(lambda x: struct.pack("<f", x))
tags = st.sampled_from(
    [
        b"loss",
        b"lr",
        b"train/a_rather_long_name",
        b"Verlust/\xc3\xa4",
        b"\xff\xfe",
        b"\\xff\\xfe",
        b"",
        b"args/text_summary",
    ]
)
simple = floats.map(lambda x: b"\x15" + x)
tensors = st.one_of(
    st.builds(
        lambda shape, key, x: field(0x42, b"\x08\x01" + shape + key + x),
        st.sampled_from([b"", b"\x12\x00", b"\x12\x04\x12\x02\x08\x01", b"\x12\x00\x12\x00"]),
        st.sampled_from([b"\x22\x04", b"\x2a\x04", b"\x2d", b"\x2d\x2d"]),
        floats,
    ),
    st.floats().map(lambda x: field(0x42, b"\x08\x02\x12\x00\x31" + struct.pack("<d", x))),
    st.sampled_from([field(0x42, ARGUMENTS), field(0x42, b""), field(0x42, b"\x08\x01" + bytes(600))]),
    st.binary(max_size=12).map(lambda x: field(0x42, x)),
)
plugins = st.sampled_from(
    [
        metadata(b"scalars"),
        metadata(b"scalars", b"\x08\x01"),
        metadata(b"images"),
        metadata(b"text"),
        metadata(b""),
        field(0x4A, b"\x0a\x05x"),
    ]
)
others = st.builds(field, st.sampled_from([0x1A, 0x22, 0x2A, 0x32, 0x3A, 0x7A]), st.binary(max_size=20))
usual = st.builds(
    lambda tag, number, plugin: field(0x0A, tag) + number + plugin,
    tags,
    st.one_of(simple, tensors, others),
    st.one_of(st.just(b""), plugins),
)
odd = st.lists(
    st.one_of(tags.map(lambda tag: field(0x0A, tag)), simple, tensors, plugins, others, st.binary(max_size=3)),
    max_size=5,
).map(b"".join)
values = st.one_of(usual, usual, usual, odd, st.just(HPARAMS))
summaries = st.lists(values, min_size=1, max_size=3).map(
    lambda found: field(0x2A, b"".join(field(0x0A, value) for value in found))
)
walls = st.floats().map(lambda x: b"\x09" + struct.pack("<d", x))
steps = st.one_of(
    st.integers(0, 300), st.integers(0, 2**64 - 1), st.sampled_from([2**14, 2**21, 2**63 - 1, 2**63])
).map(lambda n: b"\x10" + varint(n))
padded = st.sampled_from(
    [b"\x10\x85\x80\x00", b"\x10" + b"\xff" * 9 + b"\x01", b"\x10" + b"\xff" * 10 + b"\x01", b"\x90\x00\x05"]
)
starts = st.sampled_from([b"\x3a\x02\x08\x01", b"\x3a\x02\x08\x02", b"\x3a\x00"])
strange = st.one_of(
    padded,
    starts,
    others.map(lambda x: b"\x72" + x[1:]),
    st.builds(field, st.sampled_from([0x1A, 0x22, 0x42, 0x52]), st.binary(max_size=30)),
)
payloads = st.one_of(
    st.builds(lambda *parts: b"".join(parts), walls, st.one_of(st.just(b""), steps), summaries),
    st.builds(lambda *parts: b"".join(parts), walls, st.one_of(st.just(b""), steps), summaries),
    st.lists(st.one_of(walls, steps, summaries, strange), max_size=5).map(b"".join),
    st.binary(max_size=40),
)


@st.composite
def series(draw: st.DrawFn) -> list[bytes]:
    """Records that differ in step and value only, as nearly all of a real file do, with a change here and there."""
    kind = draw(st.sampled_from([b"\x15", b"tensor", b"tensor+"]))
    tag, first, count = draw(tags), draw(st.sampled_from([0, 1, 120, 16380, 2**21 - 3])), draw(st.integers(1, 8))
    found = []
    for step in range(first, first + count):
        number = draw(floats)
        content = b"\x15" + number if kind == b"\x15" else field(0x42, b"\x08\x01\x12\x00\x22\x04" + number)
        value = field(0x0A, tag) + content + (metadata(b"scalars") if kind == b"tensor+" else b"")
        found.append(b"\x09" + bytes(8) + (b"\x10" + varint(step) if step else b"") + field(0x2A, field(0x0A, value)))
    return found


@st.composite
def contents(draw: st.DrawFn, made: Any) -> bytes:
    """An event file; sound, or cut off, bitten, interrupted by other bytes, or with a payload that was changed."""
    parts = draw(st.lists(st.one_of(payloads.map(lambda one: [one]), series()), max_size=6))
    found = [one for part in parts for one in part]
    if draw(st.booleans()):
        found = draw(st.permutations(found))
    if draw(st.booleans()) and found:
        at = draw(st.integers(0, len(found) - 1))
        bites = draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3))
        changed = bytearray(found[at])
        for place, byte in bites:
            if changed:
                changed[place % len(changed)] = byte
        found[at] = bytes(changed)
    records = [made.record(one) for one in found]
    for junk in draw(st.lists(st.one_of(st.binary(max_size=30), st.integers(1, 40).map(bytes)), max_size=1)):
        records.insert(draw(st.integers(0, len(records))), junk)
    whole = bytearray(b"".join(records))
    if draw(st.booleans()) and whole:
        whole[draw(st.integers(0, len(whole) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole)


@fuzzed
@given(data=st.data())
def test_both_ways_read_the_same(tmp_path: Path, made: Any, data: st.DataObject) -> None:
    files = data.draw(st.lists(contents(made), min_size=1, max_size=3))
    limits = {
        "WINDOW": data.draw(st.sampled_from([16, 61, 200, 1 << 18])),
        "tags": data.draw(st.sampled_from([1, 3, 100_000])),
        "record": data.draw(st.sampled_from([64, 300, 64 << 20])),
    }
    same(files, tmp_path, data.draw(st.sampled_from([_tfrecord.NO_STOP, 0, 40, 300])), **limits)


@fuzzed
@given(content=st.binary(max_size=300))
def test_both_ways_take_any_bytes(tmp_path: Path, content: bytes) -> None:
    same([content], tmp_path)


def at(step: int, *parts: bytes, key: bytes = b"\x10") -> bytes:
    return b"\x09" + bytes(8) + key + varint(step) + field(0x2A, field(0x0A, field(0x0A, b"loss") + b"".join(parts)))


NUMBER, OTHER = b"\x15\0\0\x80\x3f", b"\x15\0\0\0\x40"
TENSOR = field(0x42, b"\x08\x01\x12\x00\x22\x04\0\0\x80\x3f")
INTEGER = field(0x42, b"\x08\x03\x12\x00\x22\x04\x07\0\0\0")


@pytest.mark.parametrize(
    ("payloads", "steps"),
    [
        # Of another plugin from the third one on, also where no metadata says so again.
        ([at(1, TENSOR), at(2, TENSOR), at(3, TENSOR, metadata(b"images")), at(4, TENSOR), at(5, NUMBER)], [1, 2, 5]),
        ([at(n, TENSOR, metadata(b"scalars" if n < 3 else b"scalarz")) for n in range(1, 6)], [1, 2, 3, 4, 5]),
        ([at(n, TENSOR, metadata(b"images" if n < 3 else b"scalars")) for n in range(1, 6)], []),
        ([at(1, NUMBER), at(2, INTEGER), at(3, INTEGER), at(4, TENSOR)], [1, 2, 3, 4]),
        # No step, but the same bytes behind it.
        ([at(1, NUMBER), at(2, NUMBER), at(3, NUMBER, key=b"\x18"), at(4, NUMBER)], [1, 2, 0, 4]),
        ([at(1, NUMBER), at(2, NUMBER), at(3, NUMBER) + b"\x10\x09", at(4, NUMBER) + b"\x10\x09"], [1, 2, 9, 9]),
        ([at(1, NUMBER), at(2, OTHER, NUMBER), at(3, NUMBER, TENSOR), at(4, NUMBER, b"\x15\0")], [1, 2, 3]),
        ([at(2**63, NUMBER), at(2**64 - 1, NUMBER), at(2**62, NUMBER)], [-(2**63), -1, 2**62]),
        ([at(n, NUMBER, metadata(b"scalars", bytes([n % 2]))) for n in range(1, 5)], [1, 2, 3, 4]),
        ([at(n, NUMBER, b"\x4a\x02\x0a\x05") for n in range(1, 3)], []),
        # Metadata of the same size that is none.
        ([at(n, NUMBER, metadata(b"scalars") if n < 3 else field(0x4A, b"\xff" * 11)) for n in range(1, 5)], [1, 2]),
        # A second wall time, which counts.
        ([at(n, NUMBER) + b"\x09" + struct.pack("<d", n) for n in range(1, 5)], [1, 2, 3, 4]),
    ],
)
def test_records_that_resemble_one_another_are_told_apart(
    tmp_path: Path, made: Any, payloads: Sequence[bytes], steps: Sequence[int]
) -> None:
    columns, *_ = same([b"".join(map(made.record, payloads))], tmp_path)
    assert [np.frombuffer(one[0], np.int64).tolist() for _, one in columns] == ([list(steps)] if steps else [])


def test_what_is_compared_is_not_nothing(tmp_path: Path, made: Any) -> None:
    records = [made.event(n, loss=n / 2, lr=0.1) for n in range(5)] + [made.event(n, acc=n / 4) for n in range(300)]
    records[2] = records[2][:-1] + bytes([records[2][-1] ^ 1])
    columns, incidents, *_ = same([made.header + b"".join(records)], tmp_path)
    assert [(tag, len(steps) // 8) for tag, (steps, *_) in columns] == [("loss", 4), ("lr", 4), ("acc", 300)]
    assert [incident.kind for incident in incidents[0]] == ["bad_record_checksum"]


@pytest.mark.parametrize("window", [16, 100, 1 << 18])
def test_records_may_be_longer_than_what_is_read_at_once(tmp_path: Path, made: Any, window: int) -> None:
    image = made.record(b"\x09" + bytes(8) + field(0x2A, field(0x0A, field(0x0A, b"x") + field(0x22, bytes(1000)))))
    records = [made.event(1, loss=1.0), image, made.event(2, loss=2.0), image]
    whole = b"".join(records)
    columns, *_, others, _, _ = same([whole], tmp_path, WINDOW=window)
    assert (len(columns[0][1][0]) // 8, others) == (2, 2)
    for cut in (len(whole) - 1, len(whole) - 4, len(whole) - 5, len(whole) - 700, len(whole) - 1010):
        _, incidents, *_ = same([whole[:cut]], tmp_path, WINDOW=window)
        assert [incident.kind for incident in incidents[0]] == ["truncated_tail"]
    bitten = bytearray(whole)
    bitten[200] ^= 1
    _, incidents, *_ = same([bytes(bitten)], tmp_path, WINDOW=window)
    assert [incident.kind for incident in incidents[0]] == ["bad_record_checksum"]


def test_thousands_of_tags_keep_their_order(tmp_path: Path, made: Any) -> None:
    records = [made.event(step, **{f"tag{n * 7919 % 3000}": 1.0}) for step in range(1, 3) for n in range(3000)]
    columns, *_ = same([b"".join(records)], tmp_path)
    assert [tag for tag, _ in columns] == [f"tag{n * 7919 % 3000}" for n in range(3000)]


def test_a_record_with_hundreds_of_values_is_read(tmp_path: Path, made: Any) -> None:
    columns, *_ = same([made.event(1, **{f"tag{n}": 1.0 for n in range(1000)})], tmp_path)
    assert len(columns) == 1000


# --- the parts --------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_checksums_are_those_of_others(data: bytes) -> None:
    expected = google_crc32c(data)
    assert events.crc32c(data) == events.crc32c(data, True) == _tfrecord.crc32c_by_table(data) == expected


def test_known_checksums() -> None:
    # RFC 3720 (2004), appendix B.4
    for data, crc in ((bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)):
        assert events.crc32c(data) == events.crc32c(data, True) == _tfrecord.crc32c_by_table(data) == crc


def scanner(**changed: int) -> Any:
    limits = {"most_tags": 10, "longest": 1 << 20, "small_tensor": 512, "seed": 1, "window": 1 << 12} | changed
    return events.Scanner(**limits)


@pytest.mark.parametrize("limit", ["most_tags", "longest", "window"])
def test_limits_that_make_no_sense_are_refused(limit: str) -> None:
    for value in (0, -1, 1 << 62):
        with pytest.raises((ValueError, MemoryError, OverflowError)):
            scanner(**{limit: value})


def test_a_file_that_cannot_be_read_is_an_error_of_the_system(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            scanner().scan(folder, 0, 1 << 40)
    finally:
        os.close(folder)
    with pytest.raises(ValueError, match="before 0"):
        scanner().scan(0, -1, 0)


def test_points_are_taken_once_and_cannot_be_changed() -> None:
    one = scanner()
    assert one.append(b"loss", 3, 0.5, 9.0)
    ((tag, block, first, room, count),) = one.take()
    step, value, time = np.frombuffer(block)[first : first + 3]
    assert (tag, room, count, step.view(np.int64), value, time) == (b"loss", 1, 1, 3, 0.5, 9.0)
    assert memoryview(block).readonly
    with pytest.raises(RuntimeError, match="taken"):
        one.take()
    with pytest.raises(TypeError):
        type(block)()


def test_what_was_taken_outlives_the_scanner() -> None:
    one = scanner()
    for step in range(1000):
        one.append(b"loss", step, 0.5, 9.0)
    ((_, block, first, _, _),) = one.take()
    steps = np.frombuffer(block, np.int64)[first : first + 1000]
    del one, block
    assert steps.tolist() == list(range(1000))


def taken(one: Any) -> dict[bytes, NDArray[np.float64]]:
    """The columns of each tag, shape (3, n), the steps as floats."""
    found = {}
    for tag, block, first, room, count in one.take():
        columns = np.frombuffer(block)[first : first + 3 * room].reshape(3, room)[:, :count]
        found[tag] = np.vstack([columns[0].view(np.int64), columns[1:]])
    return found


@pytest.mark.parametrize("points", [1, 63, 64, 65, 2047, 2048, 2049, 4096, 87_381, 87_382, 150_000])
def test_blocks_of_any_size_hold_their_columns(points: int) -> None:
    # Short ones share a huge page, long ones are made of such, and what lies between has memory of its own.
    one = scanner()
    for step in range(points):
        one.append(b"loss", step, 0.5 * step, 9.0 + step)
        if step < 7:
            one.append(b"other", -step, 1.0, 2.0)
    found = taken(one)
    del one
    expected = np.arange(points)
    assert np.array_equal(found[b"loss"], [expected, 0.5 * expected, 9.0 + expected])
    assert np.array_equal(found[b"other"][0], -np.arange(min(points, 7)))


def test_what_shares_memory_is_freed_one_by_one() -> None:
    # Each holds 48 kB, so that these fill many huge pages; they go in another order than they came.
    kept = {}
    for number in range(300):
        one = scanner()
        for step in range(2000):
            one.append(b"loss", step, float(number), 9.0)
        kept[number] = taken(one)[b"loss"] if number % 7 == 0 else one.take()
    for number in sorted(kept, key=lambda number: number * 37 % 300):
        columns = kept.pop(number)
        if number % 7 == 0:
            assert (columns[1] == number).all()
        else:
            ((_, block, first, room, count),) = columns
            assert (np.frombuffer(block)[first + room : first + room + count] == number).all()


def test_a_long_file_is_read_as_in_python(tmp_path: Path, made: Any) -> None:
    # Long enough for a guess at its length, which is wrong here: one tag stops, another begins late.
    events = [made.event(step, loss=1.0 / (1 + step)) for step in range(30_000)]
    events += [made.event(step, late=2.0 + step) for step in range(100_000)]
    events += [made.event(step, loss=3.0) for step in range(30_000, 31_000)]
    columns, *_ = same([b"".join(events)], tmp_path)
    assert [(tag, len(steps) // 8) for tag, (steps, *_) in columns] == [("loss", 31_000), ("late", 100_000)]


def test_a_tag_whose_points_are_all_purged_is_gone(tmp_path: Path, made: Any) -> None:
    start = made.record(b"\x09" + bytes(8) + b"\x10\x00" + field(0x3A, b"\x08\x01"))
    whole = b"".join([made.event(5, loss=1.0), made.event(6, loss=2.0), start, made.event(0, other=3.0)])
    for _ in range(20):
        columns, *_ = same([whole], tmp_path)
        assert [tag for tag, _ in columns] == ["other"]


def test_a_scanner_at_work_is_not_used_by_another_thread(tmp_path: Path, made: Any) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"".join(made.event(n, loss=1.0) for n in range(1, 2000)) * 50)
    one, refused, done = scanner(), [], threading.Event()

    def pester() -> None:
        while not done.is_set():
            try:
                one.sizes()
            except RuntimeError as error:
                refused.append(str(error))

    thread = threading.Thread(target=pester)
    thread.start()
    with path.open("rb") as file:
        for _ in range(20):
            assert one.scan(file.fileno(), 0, 1 << 40)[0] == events.END
    done.set()
    thread.join()
    assert one.sizes() == [(b"loss", 20 * 50 * 1999)]
    assert set(refused) <= {"the scanner is at work in another thread"}


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _tfrecord.accelerator.__wrapped__  # it is asked once per process
    for value, off in (("1", True), ("yes", True), ("0", False), ("", False)):
        monkeypatch.setenv("LRDOCTOR_PURE_PYTHON", value)
        assert (asked() is None) is off
    monkeypatch.delenv("LRDOCTOR_PURE_PYTHON")
    assert asked() is events
