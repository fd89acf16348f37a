"""The fields of a protobuf message, without its schema.

Encoding: protobuf.dev, "Encoding" (2026). Groups, which nobody has used since 2008, are refused.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and content of every field, in order. Raises `ValueError` where the message is none."""
    at, end = 0, len(message)
    while at < end:
        # Nearly all integers take one byte, and a call would cost more than reading it.
        key, at = (message[at], at + 1) if message[at] < 0x80 else varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == BYTES:
            length, at = (message[at], at + 1) if at < end and message[at] < 0x80 else varint(message, at)
        elif kind == VARINT:
            value, at = varint(message, at)
            yield number, value
            continue
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"no protobuf field is of type {kind}")
        if length > end - at:
            raise ValueError("a protobuf field is longer than its message")
        yield number, message[at : at + length]
        at += length


def varint(message: bytes, at: int) -> tuple[int, int]:
    """The integer that begins here, unsigned, and where it ends. Raises `ValueError` where it does not end."""
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("a protobuf integer does not end")
