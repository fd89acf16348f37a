"""The records of a TFRecord file, each checked by its checksums; a bad one costs itself, not the rest of the file.

Layout of a record: length (8 bytes), masked CRC-32C of the length (4), data, masked CRC-32C of the data (4).
"""

from __future__ import annotations

import os
import re
import struct
from array import array
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from lrdoctor import limits
from lrdoctor.model import Ints
from lrdoctor.parsers._damage import Damage

CHUNK = 1 << 20
"""Bytes per read, and how far a lost frame is searched for: a file that is broken for longer is not worth the time."""
SHORT = bytes(5)
"""How a length below 16 MiB ends. While searching for a header, one that declares more is taken for chance."""
HEADER = 12
FOOTER = 4
REMEMBERED = 4096
"""Lengths whose checksum is not computed again. Scalars have a few; the bound is for a file made to have many."""
NO_STOP = (1 << 63) - 1
_UINT32 = struct.Struct("<I").unpack_from
_NOT_ZERO = re.compile(rb"[^\0]")


@cache
def accelerator() -> ModuleType | None:
    """The part in C, where it was built and `LRDOCTOR_PURE_PYTHON` was not set when first asked for."""
    if os.environ.get("LRDOCTOR_PURE_PYTHON", "0") not in ("", "0"):
        return None
    try:
        from lrdoctor.parsers import _events
    except ImportError:
        return None
    return _events


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli, 1993) of some bytes."""
    return _crc32c_of(accelerator())(data)


@cache
def _crc32c_of(built: ModuleType | None) -> Callable[[bytes], int]:
    """The fastest that is there; ours and the wheels of google-crc32c use the processor's own instruction."""
    if built is not None:
        return cast("Callable[[bytes], int]", built.crc32c)
    try:
        from google_crc32c.cext import value
    except ImportError:
        return crc32c_by_table
    return cast("Callable[[bytes], int]", value)


def crc32c_by_table(data: bytes) -> int:
    """The same, a byte at a time."""
    crc, table = 0xFFFFFFFF, _table()
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


def length_of(header: bytes) -> int | None:
    """The length that a record's first 12 bytes declare, or None where their checksum does not hold."""
    if len(header) < HEADER or _masked(crc32c(header[:8])) != _UINT32(header, 8)[0]:
        return None
    return int.from_bytes(header[:8], "little")


def _masked(crc: Any) -> Any:
    """The form in which the format stores a checksum, or an array of them."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


class Batch(NamedTuple):
    """Records that follow one another in what was read at once."""

    offset: int
    """Where in the file that begins."""
    content: bytes
    starts: Ints
    ends: Ints
    """Where in it the data of each record begins and ends."""
    datas: list[bytes]

    def place(self, record: int) -> int:
        """Where in the file a record begins."""
        return self.offset + int(self.starts[record]) - HEADER


def batches(file: BinaryIO, damage: Damage, stop: int = NO_STOP) -> Iterator[Batch]:
    """The sound records that begin at `stop` or before, many at a time. What is not goes to `damage`, in its turn.

    Memory is bound by what the file holds, never by what a length declares.
    """
    sizes: dict[bytes, int] = {}
    at: int | None = 0
    needed, longest = HEADER, limits.current().record
    while at is not None:
        left = _left(file, at)
        file.seek(at)
        # Not more than is there: so much would be set aside for it first.
        content = file.read(max(min(CHUNK, left), needed))
        here, end = 0, len(content)
        needed, lost = HEADER, False
        datas: list[bytes] = []
        last = min(end - HEADER, stop - at)
        while here <= last:
            try:
                while here <= last:
                    start = here + HEADER
                    here += sizes[content[here:start]]
                    datas.append(content[start : here - FOOTER])
            except KeyError:
                length = length_of(content[here:start])
                lost = length is None
                if length is None:
                    break
                if HEADER + length + FOOTER > longest:
                    needed = HEADER + length + FOOTER
                    break
                if len(sizes) == REMEMBERED:
                    sizes.clear()
                sizes[content[here:start]] = HEADER + length + FOOTER
        if here > end:  # the last one is not all there
            here, needed = start - HEADER, here - (start - HEADER)
            datas.pop()
        yield from _sound(at, content, datas, damage)
        at += here
        if at > stop:
            return
        if lost:
            at = found_again(file, at, damage)
        elif needed > longest:
            at = behind_long(file, at, needed, damage)
        elif _left(file, at) < needed:
            truncated(end - here, at, damage)
            return


def _sound(offset: int, content: bytes, datas: list[bytes], damage: Damage) -> Iterator[Batch]:
    """Those of the records whose checksum holds; one follows the other in the content."""
    if not datas:
        return
    crcs = np.frombuffer(array("I", list(map(_crc32c_of(accelerator()), datas))), np.uint32)
    ends = np.cumsum(np.fromiter(map(len, datas), np.int64, len(datas)) + HEADER + FOOTER)
    ends -= FOOTER
    starts = np.concatenate(([HEADER], ends[:-1] + HEADER + FOOTER))
    bad = np.flatnonzero(_masked(crcs) != anywhere(content, "<u4")[ends])
    done = 0
    for one in [*bad.tolist(), len(datas)]:
        if one > done:
            yield Batch(offset, content, starts[done:one], ends[done:one], datas[done:one])
        if one < len(datas):
            bad_checksum(offset + int(starts[one]) - HEADER, damage)
        done = one + 1


def anywhere(content: bytes, dtype: str) -> NDArray[Any]:
    """The numbers that begin at each byte of the content."""
    size = np.dtype(dtype).itemsize
    return np.ndarray((max(0, len(content) - size + 1),), dtype, content, strides=(1,))


def bad_checksum(at: int, damage: Damage) -> None:
    """Count the record at `at`, whose data is not what was written."""
    damage.add(f"byte {at}", "bad_record_checksum", "a record's checksum does not hold")


def truncated(left: int, at: int, damage: Damage) -> None:
    """Count the record of which only `left` bytes are there, if any."""
    if left > 0:
        damage.add(f"byte {at}", "truncated_tail", "the file ends within a record, as while it is written")


def behind_long(file: BinaryIO, at: int, size: int, damage: Damage) -> int | None:
    """Where to go on behind a record that is too long to be read; None where it is not all there."""
    if _left(file, at) < size:
        truncated(_left(file, at), at, damage)
        return None
    damage.over("record", f"a record of more than {limits.shown('record')} is skipped unread", 1, f"byte {at}")
    return at + size


def found_again(file: BinaryIO, at: int, damage: Damage) -> int | None:
    """Where the next sound header is that lies in reach of the damaged one at `at`; None where there is none."""
    file.seek(at)
    content = file.read(CHUNK + HEADER)
    zeros = content.find(SHORT, 1 + 3)
    while zeros >= 0:
        header = content[zeros - 3 : zeros - 3 + HEADER]
        if length_of(header) is not None:
            skipped = zeros - 3
            message = f"a record's header is damaged; {skipped} bytes on, the next sound one follows"
            damage.add(f"byte {at}", "lost_record_boundary", message)
            return at + skipped
        following = zeros + 1
        if not header.strip(b"\0"):
            # Of a long stretch of zeros only the last can belong to a header, whose checksum is not zero.
            behind = _NOT_ZERO.search(content, zeros)
            if behind is None:
                break
            following = behind.start() - (HEADER - 4)
        zeros = content.find(SHORT, following)
    rest = _left(file, at)
    if rest <= len(content) and not content.strip(b"\0"):
        damage.add(f"byte {at}", "truncated_tail", f"the file ends in {rest} zero bytes", 0)
    else:
        message = f"a record's header is damaged, and no sound one follows in reach: {rest} bytes were not read"
        damage.add(f"byte {at}", "lost_record_boundary", message)
    return None


def _left(file: BinaryIO, at: int) -> int:
    """How many bytes the file has from `at` on."""
    return file.seek(0, os.SEEK_END) - at
