"""Event files and tables, made here: every byte of a test's input stands in the test or in this file."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from google_crc32c import value as crc32c
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

Write = Callable[..., Path]


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def event(step: int, *, wall_time: float = 1.0, **tags: Any) -> bytes:
    """A record with one value per tag; `__` in a name stands for `/`, and a Summary.Value is taken as it is."""
    values = [
        value if isinstance(value, Summary.Value) else Summary.Value(tag=tag.replace("__", "/"), simple_value=value)
        for tag, value in tags.items()
    ]
    return record(Event(wall_time=wall_time, step=step, summary=Summary(value=values)).SerializeToString())


HEADER = record(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())


class Made:
    """What tests use of this file; a fixture, because test modules cannot import one another."""

    record = staticmethod(record)
    event = staticmethod(event)
    header = HEADER

    @staticmethod
    def events(path: Path, records: Sequence[bytes]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(HEADER + b"".join(records))
        return path

    @staticmethod
    def table(path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path


@pytest.fixture(scope="session")
def made() -> type[Made]:
    return Made
