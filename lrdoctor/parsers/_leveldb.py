"""The records of a log in LevelDB's format, each checked; a bad one costs itself, not the rest of the file.

Blocks of 32 KiB hold fragments: CRC-32 of type and data (4 bytes), length (2), type (1: whole, first, middle or last
part of a record), data. Where fewer than 7 bytes are left in a block, they are filled up. (LevelDB, `log_format.md`;
W&B's files differ in that the checksum is zlib's, and that 7 bytes of their own come first.)
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from lrdoctor import limits
from lrdoctor.parsers._damage import Damage

BLOCK = 1 << 15
HEADER = 7
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(file: BinaryIO, start: int, damage: Damage) -> Iterator[bytes]:
    """The data of every sound record in order, from byte `start` of the file; what is not sound goes to `damage`."""
    file.seek(0)
    offset, parts, longest = 0, list[bytes](), limits.current().record
    while block := file.read(BLOCK):
        for at, kind, data in _fragments(block, start if not offset else 0, offset, damage):
            if kind in (WHOLE, FIRST):
                if parts:
                    damage.add(f"byte {offset + at}", "lost_record", "a record has no end: it is left out")
                parts = [data]
            elif parts:
                parts.append(data)
            else:
                continue  # its beginning was told when it was lost
            if sum(map(len, parts)) > longest:
                what = f"a record of more than {limits.shown('record')} is left out"
                damage.over("record", what, 1, f"byte {offset + at}")
                parts = []
                continue
            if kind in (WHOLE, LAST):
                yield b"".join(parts)
                parts = []
        offset += len(block)
    if parts:
        damage.add(f"byte {offset}", "truncated_tail", "the file ends within a record, as while it is written")


def _fragments(block: bytes, at: int, offset: int, damage: Damage) -> Iterator[tuple[int, int, bytes]]:
    """Place within the block, type and data of every sound fragment."""
    while at + HEADER <= len(block):
        end = _end(block, at)
        if end:
            yield at, block[at + 6], block[at + HEADER : end]
            at = end
            continue
        if not block[at:].strip(b"\0"):
            if len(block) == BLOCK:
                damage.add(
                    f"byte {offset + at}", "lost_record", f"{len(block) - at} zero bytes where records should be"
                )
            return
        if len(block) < BLOCK and at + HEADER + _length(block, at) > len(block):
            break
        found = _found_again(block, at)
        damage.add(f"byte {offset + at}", "bad_record_checksum", "a record's checksum does not hold: it is left out")
        at = found
    if at < len(block) < BLOCK and block[at:].strip(b"\0"):
        damage.add(f"byte {offset + at}", "truncated_tail", "the file ends within a record, as while it is written")


def _length(block: bytes, at: int) -> int:
    return int.from_bytes(block[at + 4 : at + 6], "little")


def _end(block: bytes, at: int) -> int:
    """Where the fragment that begins here ends; 0 where none does."""
    if at + HEADER > len(block):
        return 0
    crc, kind = int.from_bytes(block[at : at + 4], "little"), block[at + 6]
    end = at + HEADER + _length(block, at)
    if not WHOLE <= kind <= LAST or end > len(block) or zlib.crc32(block[at + 6 : end]) != crc:
        return 0
    return end


def _found_again(block: bytes, at: int) -> int:
    """Where the next sound fragment of the block begins: mostly where the damaged one says that it ends."""
    declared = at + HEADER + _length(block, at)
    if declared + HEADER > len(block) or _end(block, declared):
        if declared <= len(block):
            return declared
        declared = at
    return next((there for there in range(at + 1, len(block) - HEADER + 1) if _end(block, there)), len(block))
