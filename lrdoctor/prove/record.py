"""The record of all trials: one JSON object a line, each written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lrdoctor.errors import LrdoctorError

NAME = "prove.jsonl"
VERSION = 1
LONGEST = 1 << 26
"""Bytes of a record that are read; a trial takes about a thousand."""


def key(command: Sequence[str], known: Mapping[str, str | None]) -> str:
    """What makes two trials the same: the filled-in command and the values, whatever number and folder they had."""
    told = json.dumps([list(command), dict(sorted(known.items()))])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def read(path: Path) -> list[dict[str, Any]]:
    """The entries in their order; lines that are none, as a crash may leave one, are passed over.

    Raises `LrdoctorError` where there is a record that cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LrdoctorError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    entries = []
    for line in content.split(b"\n"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and entry.get("version") == VERSION:
            entries.append(entry)
    return entries


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Add an entry, and see to it that it is on the disk."""
    line = json.dumps({"version": VERSION, **entry}, ensure_ascii=True, allow_nan=False).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        try:
            # After half a line of a write that was cut off, this one must not become its other half.
            if (size := os.fstat(descriptor).st_size) and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise LrdoctorError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from error
