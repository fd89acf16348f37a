"""Open a log without being trapped by it: regular files only, nothing written, trouble told as `LogError`."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from lrdoctor import limits
from lrdoctor.errors import LogError, NotALog

LFS_POINTER = b"version https://git-lfs"
"""What git-lfs leaves in place of a file that was not fetched begins so."""
PIECE = 1 << 20


def opened(path: Path) -> int:
    """The descriptor of the file, open for reading. Raises `LogError` for what is no regular file or cannot be opened.

    A pipe or a device is never opened: that could block for ever, or do something.
    """
    return _opened(path)[0]


def _opened(path: Path) -> tuple[int, int]:
    """The same, with the size of the file.

    The second look, at what was really opened, is for a path that changed between the two; `O_NONBLOCK` keeps such an
    open from hanging.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - it is asked of every file
            raise NotALog("not a regular file")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise LogError(f"cannot be opened: {reason(error)}") from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise NotALog("not a regular file")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, about.st_size


def open_regular(path: Path) -> BinaryIO:
    """The file, open for reading; raises as `opened` does."""
    return os.fdopen(opened(path), "rb")


def head(path: Path, size: int) -> bytes | None:
    """The first bytes of a regular file, or None where there is none to read: for `claims`, which never raises."""
    found = b""
    try:
        descriptor, there = _opened(path)
        try:
            while len(found) < size and (piece := os.read(descriptor, size - len(found))):
                found += piece
                if len(found) == there:
                    break
        finally:
            os.close(descriptor)
    except (LogError, OSError):
        return None
    return found


def content(path: Path, what: str, limit: str = "table") -> bytes:
    """All bytes of a regular file, which messages call `what`.

    Raises `LogError` where it cannot be read, is larger than the limit of this name, or was not fetched.
    """
    most = getattr(limits.current(), limit)
    try:
        descriptor, size = _opened(path)
        try:
            pieces, read = [], 0
            # All at once, so that it is held once; one that has grown meanwhile goes on piece by piece. One byte more
            # than there should be is asked for: where that does not come, it was all.
            while max(size, read) <= most and (
                piece := os.read(descriptor, size - read + 1 if read <= size else PIECE)
            ):
                pieces.append(piece)
                read += len(piece)
                if read == size:
                    break
        finally:
            os.close(descriptor)
    except OSError as error:
        raise LogError(f"cannot be read: {reason(error)}") from error
    if max(size, read) > most:
        raise LogError(f"{what} of more than {limits.shown(limit)}; {limits.raised_by(limit, max(size, read))}")
    found = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    if found.startswith(LFS_POINTER):
        raise LogError("a git-lfs pointer: the file itself was not fetched (git lfs pull)")
    return found


_ASKED: ContextVar[dict[str, int] | None] = ContextVar("asked", default=None)


@contextmanager
def asked_once() -> Iterator[None]:
    """While inside, each folder is asked once when it changed: runs side by side have the same folders above them."""
    before = _ASKED.set({})
    try:
        yield
    finally:
        _ASKED.reset(before)


def changed(folder: str) -> int:
    """When the folder's listing changed last, in nanoseconds: until then, what was found out about it stays so.

    Raises `OSError` or `ValueError` where there is none.
    """
    known = _ASKED.get()
    if known is None:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116
    if folder not in known:
        known[folder] = os.stat(folder).st_mtime_ns  # noqa: PTH116
    return known[folder]


def folders_above(path: Path, levels: int) -> Iterator[str]:
    """The folders above, the nearest first: at most so many. As text: it is asked for every file."""
    inner = str(path)
    for _ in range(levels):
        folder = _above(inner)
        if folder == inner:
            return
        yield folder
        inner = folder


@lru_cache(maxsize=1 << 10)
def _above(path: str) -> str:
    return os.path.dirname(path) or "."  # noqa: PTH120


def reason(error: Exception) -> str:
    """What the system said, without the path, which the caller names."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key under which `run2` comes before `run10`."""
    parts = _DIGITS.split(text)
    return [(0, int(part[:_MOST_DIGITS]), part) if at % 2 else (1, 0, part) for at, part in enumerate(parts) if part]


_DIGITS = re.compile(r"([0-9]+)")
_MOST_DIGITS = 300
"""A file name has at most 255 characters on the common file systems, and Python refuses to convert above 4,300."""
