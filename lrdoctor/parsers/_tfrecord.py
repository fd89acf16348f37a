"""The records of a TFRecord file, each checked by its checksums; a bad one costs itself, not the rest of the file.

Layout of a record: length (8 bytes), masked CRC-32C of the length (4), data, masked CRC-32C of the data (4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from lrdoctor.parsers._damage import Damage

CHUNK = 1 << 20
"""Bytes per read, and how far a lost frame is searched for: a file that is broken for longer is not worth the time."""
LONGEST = 64 << 20
"""A longer record is skipped unread; a scalar takes a hundred bytes."""
LONGEST_FOUND = 1 << 24
"""While searching for a header, one that declares more is taken for chance; hence five zero bytes in each found one."""
HEADER = 12
FOOTER = 4
REMEMBERED = 4096
"""Lengths whose checksum is not computed again. Scalars have a few; the bound is for a file made to have many."""
_UINT32 = struct.Struct("<I").unpack_from


def length_of(header: bytes) -> int | None:
    """The length that a record's first 12 bytes declare, or None where their checksum does not hold."""
    from google_crc32c import value as crc32c  # here, because most commands read no event file

    if len(header) < HEADER or _masked(crc32c(header[:8])) != _UINT32(header, 8)[0]:
        return None
    return int.from_bytes(header[:8], "little")


def _masked(crc: int) -> int:
    """The form in which the format stores a checksum."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(file: BinaryIO, damage: Damage) -> Iterator[tuple[int, bytes]]:
    """Offset and data of every sound record in order; what is not sound goes to `damage`.

    Memory is bound by what the file holds, never by what a length declares.
    """
    from google_crc32c import value as crc32c

    window = _Window(file)
    lengths: dict[bytes, int] = {}
    while True:
        content, at, end = window.content, window.at, len(window.content)
        needed = HEADER
        lost = False
        while (body := at + HEADER) <= end:
            header = content[at:body]
            length = lengths.get(header)
            if length is None:
                length = length_of(header)
                if length is None:
                    lost = True
                    break
                if len(lengths) < REMEMBERED:
                    lengths[header] = length
            footer = body + length
            if footer + FOOTER > end:
                needed = footer + FOOTER - at
                break
            data = content[body:footer]
            crc = crc32c(data)
            # `_masked`, written out: this line runs a million times.
            if (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF == _UINT32(content, footer)[0]:
                yield window.start + at, data
            else:
                damage.add(f"byte {window.start + at}", "bad_record_checksum", "a record's checksum does not hold")
            at = footer + FOOTER
        window.at = at
        if lost:
            if not _found_again(window, damage):
                return
        elif needed > LONGEST and window.left() >= needed:
            damage.add(window.place(), "record_too_long", f"a record of {needed} bytes, above {LONGEST}, was skipped")
            window.skip(needed)
        elif not (needed <= LONGEST and window.fill(needed)):
            if at < len(window.content):
                damage.add(window.place(), "truncated_tail", "the file ends within a record, as while it is written")
            return


def _found_again(window: _Window, damage: Damage) -> bool:
    """Move on to the next sound header, if there is one in reach."""
    window.fill(CHUNK + HEADER)
    content, at = window.content, window.at
    last = min(len(content), at + CHUNK + HEADER)
    zeros = content.find(bytes(5), at + 1 + 3, last)
    while zeros >= 0:
        if length_of(content[zeros - 3 : zeros - 3 + HEADER]) is not None:
            skipped = zeros - 3 - at
            message = f"a record's header is damaged; {skipped} bytes on, the next sound one follows"
            damage.add(window.place(), "lost_record_boundary", message)
            window.at += skipped
            return True
        zeros = content.find(bytes(5), zeros + 1, last)
    rest = window.left()
    if rest == len(content) - at and not content[at:].strip(b"\0"):
        damage.add(window.place(), "truncated_tail", f"the file ends in {rest} zero bytes", 0)
    else:
        message = f"a record's header is damaged, and no sound one follows in reach: {rest} bytes were not read"
        damage.add(window.place(), "lost_record_boundary", message)
    return False


class _Window:
    """The part of a file that is in memory: `content` begins at byte `start`, and `at` is the next record in it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.content, self.start, self.at = file, b"", 0, 0

    def place(self) -> str:
        """Where the next record begins, for a person."""
        return f"byte {self.start + self.at}"

    def left(self) -> int:
        """How many bytes the file has from the next record on."""
        here = self.file.tell()
        end = self.file.seek(0, 2)
        self.file.seek(here)
        return end - self.start - self.at

    def skip(self, size: int) -> None:
        """Go on `size` bytes after the next record's beginning."""
        self.start = self.file.seek(self.start + self.at + size)
        self.content, self.at = b"", 0

    def fill(self, needed: int) -> bool:
        """Read until `needed` bytes of the next record are there; False where the file has no more."""
        if len(self.content) - self.at >= needed:
            return True
        parts = [self.content[self.at :]]
        size = len(parts[0])
        self.start, self.at = self.start + self.at, 0
        while size < needed and (part := self.file.read(CHUNK)):
            parts.append(part)
            size += len(part)
        self.content = b"".join(parts)
        return size >= needed
