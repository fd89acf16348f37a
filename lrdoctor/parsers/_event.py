"""One record of an event file -> its event: a decoder for the few protobuf fields that matter here.

    Event     1 wall_time (double)  2 step (varint)  5 summary  7 session_log
    Summary   1 value (repeated)    Value  1 tag  2 simple_value (float)  8 tensor  9 metadata
    Metadata  1 plugin_data         PluginData  1 plugin_name  2 content

Field numbers are those of `event.proto` and `summary.proto` in TensorBoard's `compat/proto`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

DOUBLE = struct.Struct("<d").unpack_from
FLOAT = struct.Struct("<f").unpack_from
_FLOAT_TENSORS = frozenset(
    b"\x08\x01" + shape + value for shape in (b"\x12\x00", b"") for value in (b"\x22\x04", b"\x2a\x04", b"\x2d")
)
"""What stands before the four bytes of a float scalar: dtype float, shape (), and tensor_content or float_val."""
_IN_ORDER = ([0x09, 0x10, 0x2A], [0x09, 0x2A])
"""Keys of an event whose summary is all that follows its step; the step is left out where it is 0."""


class MalformedError(ValueError):
    """Bytes that are no protobuf message."""


@dataclass(slots=True)
class Metadata:
    """Which plugin a value belongs to, and what it says to it."""

    whole: bytes
    plugin: bytes = b""
    content: bytes = b""


@dataclass(slots=True)
class Value:
    """One `Summary.Value`."""

    tag: bytes = b""
    simple_at: int = -1
    """Where the four bytes of its `simple_value` begin, or -1."""
    tensor: bytes = b""
    float_at: int = -1
    """The same for a tensor that is one float, if it is."""
    metadata: list[Metadata] = field(default_factory=list)


@dataclass(slots=True)
class Event:
    """One event."""

    wall_time: float = 0.0
    step: int = 0
    session_starts: bool = False
    plain: bool = False
    """Whether its summary comes last, behind wall time and step alone."""
    values: list[Value] = field(default_factory=list)


def decode(data: bytes) -> Event:
    """The event in a record. Raises `MalformedError` where the bytes are none."""
    event = Event()
    keys = []
    for key, start, end in fields(data, 0, len(data)):
        keys.append(key)
        if key == 0x09:
            event.wall_time = DOUBLE(data, start)[0]
        elif key == 0x10:
            event.step = start - (1 << 64) if start >= 1 << 63 else start
        elif key == 0x2A:
            event.values += [_value(data, a, b) for part, a, b in fields(data, start, end) if part == 0x0A]
        elif key == 0x3A:
            event.session_starts = any(part == 0x08 and a == 1 for part, a, _ in fields(data, start, end))
    event.plain = keys in _IN_ORDER
    return event


def _value(data: bytes, start: int, end: int) -> Value:
    value = Value()
    for key, a, b in fields(data, start, end):
        if key == 0x0A:
            value.tag = data[a:b]
        elif key == 0x15:
            value.simple_at = a
        elif key == 0x42:
            value.tensor = data[a:b]
            value.float_at = b - 4 if value.tensor[:-4] in _FLOAT_TENSORS else -1
        elif key == 0x4A:
            value.metadata.append(_metadata(data, a, b))
    return value


def _metadata(data: bytes, start: int, end: int) -> Metadata:
    metadata = Metadata(data[start:end])
    for key, inner, inner_end in fields(data, start, end):
        if key == 0x0A:
            for part, a, b in fields(data, inner, inner_end):
                if part == 0x0A:
                    metadata.plugin = data[a:b]
                elif part == 0x12:
                    metadata.content = data[a:b]
    return metadata


def fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Key of each field, and where its content begins and ends; for a varint, its value in place of the beginning."""
    while at < end:
        key, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at, end)
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
                raise MalformedError
        if key < 8 or size > end - at:
            raise MalformedError
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
    raise MalformedError
