"""Scalar points out of the records of an event file: a decoder for the few protobuf fields that a scalar needs.

A scalar record is wall time, step, and bytes that are the same for every point of its tag but for the value at their
end. So the first point of a tag is decoded field by field, and the others are recognised by those bytes.

    Event     1 wall_time (double)  2 step (varint)  5 summary  7 session_log
    Summary   1 value (repeated)    Value  1 tag  2 simple_value (float)  8 tensor  9 metadata
    Metadata  1 plugin_data         PluginData  1 plugin_name  2 content
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lrdoctor.model import Scalar
from lrdoctor.parsers._damage import Damage

MOST_TAGS = 100_000
"""No person reads more curves of one run; a file with more is broken, or made to fill the memory."""
SMALL_TENSOR = 512
"""Bytes. One number with its type and shape takes 20; a longer tensor is no scalar, and is not decoded."""
_DOUBLE = struct.Struct("<d").unpack_from
_FLOAT = struct.Struct("<f").unpack_from
_PROBE = 1.5
_PROBED = struct.pack("<f", _PROBE)
_FLOAT_TENSORS = frozenset(
    dtype + shape + value
    for dtype in (b"\x08\x01",)
    for shape in (b"\x12\x00", b"")
    for value in (b"\x22\x04", b"\x2a\x04", b"\x2d")
)
"""What stands before the four bytes of a float scalar: dtype float, shape (), and tensor_content or float_val. Other
tensors are left to TensorBoard's own code, which takes long to import."""
_SHORTEST = 21
"""Bytes of a record in which a step of any length can be read without looking for the end; a scalar has 23 or more."""
_HPARAMS = "_hparams_/session_start_info"


@dataclass(slots=True)
class Column:
    """The points of one tag, in the order of writing."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    wall_times: array[float] = field(default_factory=lambda: array("d"))
    later_files: list[int] = field(default_factory=list)

    def append(self, step: int, value: float, wall_time: float) -> None:
        """Add one point."""
        self.steps.append(step)
        self.values.append(value)
        self.wall_times.append(wall_time)

    def purge(self, step: int) -> int:
        """Drop the latest points at this step and above it; how many they were."""
        keep = len(self.steps)
        while keep and self.steps[keep - 1] >= step:
            keep -= 1
        gone = len(self.steps) - keep
        del self.steps[keep:], self.values[keep:], self.wall_times[keep:]
        self.later_files = [min(start, keep) for start in self.later_files]
        return gone


class _MalformedError(ValueError):
    """Bytes that are no protobuf message."""


@dataclass(slots=True)
class Scalars:
    """What the event files of one folder hold."""

    columns: dict[str, Column] = field(default_factory=dict)
    hparams: dict[str, Scalar] = field(default_factory=dict)
    purged: dict[int, int] = field(default_factory=dict)
    """Points that were discarded because a session started at this step."""
    others: int = 0
    """Values that are no scalars: images, histograms, text."""
    _plugins: dict[str, str] = field(default_factory=dict)
    """Which plugin a tag belongs to; only its first value says so."""
    _known: dict[bytes, Column] = field(default_factory=dict)
    """The column of the records that end in these bytes and a float."""

    def read(self, records: Iterable[tuple[int, bytes]], damage: Damage) -> None:
        """Add the points of one file, which follows those read before."""
        for column in self.columns.values():
            column.later_files.append(len(column.steps))
        known = self._known
        for offset, data in records:
            if len(data) >= _SHORTEST and data[0] == 0x09:
                step, at = 0, 9
                if data[9] == 0x10:
                    step, at = data[10], 11
                    if step >= 0x80:
                        step &= 0x7F
                        shift = 7
                        while at < 19 and (byte := data[at]) >= 0x80:
                            step |= (byte & 0x7F) << shift
                            shift += 7
                            at += 1
                        step |= data[at] << shift
                        at += 1
                # A step of ten bytes is negative: for the slow way.
                column = known.get(data[at:-4]) if at < 20 else None  # type: ignore[assignment]
                if column is not None:
                    column.steps.append(step)
                    column.values.append(_FLOAT(data, len(data) - 4)[0])
                    column.wall_times.append(_DOUBLE(data, 1)[0])
                    continue
            try:
                self._any(data, damage)
            except _MalformedError:
                damage.add(f"byte {offset}", "unreadable_record", "a record's checksum holds, but it is no event")

    def _any(self, data: bytes, damage: Damage) -> None:
        """One event of any kind."""
        event = _Event(data)
        if event.session_starts:
            gone = sum(column.purge(event.step) for column in self.columns.values())
            if gone:
                self.purged[event.step] = self.purged.get(event.step, 0) + gone
        points = [self._point(data, span) for span in event.values]
        for tag, number in points:
            if number is None:
                self.others += 1
                continue
            column = self.columns.get(tag)
            if column is None:
                if len(self.columns) >= MOST_TAGS:
                    damage.add("", "too_many_tags", f"more than {MOST_TAGS} tags: the others are left out")
                    continue
                column = self.columns[tag] = Column()
            column.append(event.step, number, event.wall_time)
        if len(points) == 1 and points[0][1] is not None and points[0][0] in self.columns:
            self._remember(data, points[0][0], event)

    def _remember(self, data: bytes, tag: str, event: _Event) -> None:
        """Let records like this one be read the fast way, if its last four bytes prove to be the value and no more."""
        if len(data) < _SHORTEST or event.keys not in _IN_ORDER:
            return
        at = 9
        if data[9] == 0x10:
            at = next(byte for byte in range(10, 21) if data[byte] < 0x80) + 1
        probed = data[:-4] + _PROBED
        try:
            spans = _Event(probed).values
            if at < 20 and spans == event.values and self._point(probed, spans[0]) == (tag, _PROBE):
                self._known[data[at:-4]] = self.columns[tag]
        except _MalformedError:
            return

    def _point(self, data: bytes, span: tuple[int, int]) -> tuple[str, float | None]:
        """Tag of one `Summary.Value`, and its number if it is a scalar."""
        tag, number, tensor = "", None, b""
        for key, start, end in _fields(data, *span):
            if key == 0x0A:
                tag = data[start:end].decode("utf-8", "replace")
            elif key == 0x15:
                number = _FLOAT(data, start)[0]
            elif key == 0x42:
                tensor = data[start : min(end, start + SMALL_TENSOR + 1)]
            elif key == 0x4A:
                self._metadata(tag, data, start, end)
        if number is None and 0 < len(tensor) <= SMALL_TENSOR and self._plugins.get(tag, "scalars") == "scalars":
            number = _FLOAT(tensor, len(tensor) - 4)[0] if tensor[:-4] in _FLOAT_TENSORS else _number(tensor)
        return tag, number

    def _metadata(self, tag: str, data: bytes, start: int, end: int) -> None:
        plugin, content = "", b""
        for key, inner, inner_end in _fields(data, start, end):
            if key == 0x0A:
                for part, a, b in _fields(data, inner, inner_end):
                    if part == 0x0A:
                        plugin = data[a:b].decode("utf-8", "replace")
                    elif part == 0x12:
                        content = data[a:b]
        if plugin:
            self._plugins.setdefault(tag, plugin)
        if plugin == "hparams" and tag == _HPARAMS:
            self.hparams.update(_hyperparameters(content))


class _Event:
    """The fields of an event that matter, and where its values lie."""

    __slots__ = ("keys", "session_starts", "step", "values", "wall_time")

    def __init__(self, data: bytes) -> None:
        self.wall_time, self.step, self.session_starts = 0.0, 0, False
        self.values: list[tuple[int, int]] = []
        self.keys: list[int] = []
        for key, start, end in _fields(data, 0, len(data)):
            self.keys.append(key)
            if key == 0x09:
                self.wall_time = _DOUBLE(data, start)[0]
            elif key == 0x10:
                self.step = start - (1 << 64) if start >= 1 << 63 else start
            elif key == 0x2A:
                self.values += [(a, b) for part, a, b in _fields(data, start, end) if part == 0x0A]
            elif key == 0x3A:
                self.session_starts = any(part == 0x08 and a == 1 for part, a, _ in _fields(data, start, end))


_IN_ORDER = ([0x09, 0x10, 0x2A], [0x09, 0x2A])
"""Keys of an event whose summary is all that follows its step; the step is left out where it is 0."""


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Key of each field, and where its content begins and ends; for a varint, its value in place of the beginning."""
    while at < end:
        key, at = _varint(data, at, end)
        match key & 7:
            case 0:
                value, at = _varint(data, at, end)
                yield key, value, at
                continue
            case 1:
                size = 8
            case 2:
                size, at = _varint(data, at, end)
            case 5:
                size = 4
            case _:
                raise _MalformedError
        if key < 8 or size > end - at:
            raise _MalformedError
        yield key, at, at + size
        at += size


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise _MalformedError


def _number(tensor: bytes) -> float | None:
    """The number in a tensor of any numeric type that holds exactly one, else None."""
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.util.tensor_util import make_ndarray

    try:
        message = TensorProto.FromString(tensor)
        # Before the array is made: it would be filled up to whatever shape is declared.
        if any(side.size != 1 for side in message.tensor_shape.dim):
            return None
        values = make_ndarray(message)
        return float(values.reshape(-1)[0]) if values.size == 1 and values.dtype.kind in "fiub" else None
    except Exception:  # whatever a foreign decoder raises about a few bytes, they are no number
        return None


def _hyperparameters(content: bytes) -> dict[str, Scalar]:
    """What `add_hparams` and TensorBoard's hparams API store of a run's configuration."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    try:
        told = HParamsPluginData.FromString(content).session_start_info.hparams
        return {name: _setting(told[name]) for name in sorted(told)}
    except Exception:  # as above: then there is no configuration to show
        return {}


def _setting(value: Any) -> Scalar:
    """One hyperparameter; the format has no integers, so whole numbers are taken for such."""
    match value.WhichOneof("kind"):
        case "number_value":
            number = float(value.number_value)
            return int(number) if number.is_integer() else number
        case "string_value":
            return str(value.string_value)
        case "bool_value":
            return bool(value.bool_value)
    return None
