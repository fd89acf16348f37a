"""JSON from a file that may be anything: whole documents, objects below one another, and what is left of broken ones.

Beside RFC 8259 it takes what loggers write: the bare words NaN and Infinity, a byte-order mark, UTF-16, NUL bytes at
the end. What is broken costs as little as can be told: one object among others, or everything behind a cut. A number
that the file ends in may have lost digits, so it is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from lrdoctor.errors import LogError, NotALog
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import LFS_POINTER, head, open_regular, reason
from lrdoctor.parsers._json_salvage import DECODER, MOST_BROKEN, after_space, is_cut, salvaged, value_at

LARGEST = 1 << 29
"""Bytes of a file with one object per line; such a log has a million rows."""
LARGEST_DOCUMENT = 1 << 26
"""Bytes of a file that is one document: it is held as objects, which take ten times as much."""
PIECE = 1 << 24
FIRST_BYTES = 1 << 16
"""Enough to meet the first rows of any log, and the first keys of any document."""
LOOKED_AT = 20
"""Objects that are tried for one that is whole."""
_ROW = re.compile(r"^\{|(?<=\})[ \t]*,?[ \t]*\{", re.MULTILINE)


def text(path: Path) -> str:
    """The file's text. Raises `LogError` for what cannot be read or is too large, `NotALog` for an empty one."""
    try:
        with open_regular(path) as file:
            parts, size = [], 0
            while size <= LARGEST and (part := file.read(PIECE)):
                parts.append(part)
                size += len(part)
    except OSError as error:
        raise LogError(f"cannot be read: {reason(error)}") from error
    if size > LARGEST:
        raise LogError(f"JSON of more than {LARGEST >> 20} MiB")
    content = b"".join(parts)
    if content.startswith(LFS_POINTER):
        raise LogError("a git-lfs pointer: the file itself was not fetched (git lfs pull)")
    plain = _decoded(content)
    if not plain.strip():
        raise NotALog("an empty file")
    return plain


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        plain = content.decode("utf-16", "replace")
    elif content[:2] in (b"{\0", b"[\0"):
        plain = content.decode("utf-16-le", "replace")
    else:
        plain = content.decode("utf-8-sig", "replace")
    return plain.rstrip("\0")


def is_one_document(plain: str) -> bool:
    """Whether the text is one JSON value, perhaps a broken one, rather than objects below one another."""
    start = after_space(plain, 0)
    if plain[start : start + 1] != "{":
        return plain[start : start + 1] == "["
    try:
        _, end = DECODER.raw_decode(plain, start)
    except (ValueError, RecursionError):
        # Objects that begin their lines follow one another; those of one document are mostly indented.
        return re.search(r"^\{", plain[start + 1 :], re.MULTILINE) is None
    return not plain[end:].strip("\0 \t\r\n,")


def document(plain: str, damage: Damage) -> Any:
    """The value of a document; of a broken one what stands before the damage, and every whole object of a list."""
    if len(plain) > LARGEST_DOCUMENT:
        raise LogError(f"a JSON document of more than {LARGEST_DOCUMENT >> 20} MiB")
    start = after_space(plain, 0)
    try:
        value, end = DECODER.raw_decode(plain, start)
    except (ValueError, RecursionError):
        broken: list[tuple[int, str]] = []
        value, end = salvaged(plain, start, 0, broken)
        for at, kind in broken:
            message = "the file ends within the document" if kind == "truncated_tail" else "not JSON"
            damage.add(_line(plain, at), kind, f"{message}: what it breaks is left out")
        return value
    if plain[end:].strip("\0 \t\r\n"):
        damage.add(_line(plain, end), "unreadable_row", "text behind the end of the document: it is left out")
    return value


def _line(plain: str, at: int) -> str:
    return f"line {plain.count(chr(10), 0, at) + 1}"


def records(plain: str, damage: Damage, *, among_text: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every object that begins a line, with the number of that line; `among_text`, other lines are no damage."""
    found = _over_lines(plain, damage, among_text) if _runs_over_lines(plain) else _by_line(plain, damage, among_text)
    yield from found


def _runs_over_lines(plain: str) -> bool:
    """Whether the first object that is whole has more than one line: then it was printed to be looked at."""
    for _, found in zip(range(LOOKED_AT), _ROW.finditer(plain), strict=False):
        end = plain.find("\n", found.end())
        if value_at(plain[found.end() - 1 : end if end >= 0 else len(plain)], 0):
            return False
        if value_at(plain, found.end() - 1):
            return True
    return False


def _by_line(plain: str, damage: Damage, among_text: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    start = number = 0
    while start < len(plain):
        end = plain.find("\n", start)
        end = len(plain) if end < 0 else end
        line, start, number = plain[start:end], end + 1, number + 1
        at = after_space(line, 0)
        while at < len(line):
            found = value_at(line, at) if line[at] == "{" else None
            if found is None:
                if line[at:].strip("\0 \t\r,") and not among_text:
                    # Only the last line may be one that is still being written.
                    cut = start > len(plain) and line[at] == "{" and is_cut(line, at)
                    message = "the last object is cut off" if cut else "not a JSON object"
                    kind = "truncated_tail" if cut else "unreadable_row"
                    damage.add(f"line {number}", kind, f"{message}: the line is left out")
                break
            yield number, found[0]
            at = after_space(line, found[1])
            at = after_space(line, at + 1) if line[at : at + 1] == "," else at


def _over_lines(plain: str, damage: Damage, among_text: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    end, number, counted, broken = 0, 1, 0, 0
    while following := _ROW.search(plain, end):
        at = following.end() - 1
        number, counted = number + plain.count("\n", counted, at), at
        found = value_at(plain, at)
        if found is not None:
            yield number, found[0]
            end = found[1]
            continue
        broken, end = broken + 1, at + 1
        # Half an object has lines of its own that begin with a brace, but they are indented.
        if not among_text and (plain[at - 1 : at] in ("", "\n")):
            last = _ROW.search(plain, end) is None and is_cut(plain, at)
            kind, message = ("truncated_tail", "the last object is cut off") if last else ("unreadable_row", "not JSON")
            damage.add(f"line {number}", kind, f"{message}: it is left out")
        if broken > MOST_BROKEN:
            damage.add(
                f"line {number}", "unreadable_row", f"more than {MOST_BROKEN} broken objects: the rest is left out"
            )
            return


def beginning(path: Path) -> Any:
    """What the first bytes hold, for `claims`: the list of the objects below one another, or the document so far."""
    try:
        about = path.stat()
    except (OSError, ValueError):
        return None
    return _beginning(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=64)
def _beginning(path: Path, changed: int, size: int) -> Any:
    """Asked by every parser in turn."""
    first = head(path, FIRST_BYTES)
    if not first:
        return None
    plain, damage = _decoded(first), Damage(path)
    if plain[:FIRST_BYTES].lstrip("\0 \t\r\n,")[:1] in ("{", "[") and is_one_document(plain):
        return document(plain, damage)
    rows = [row for _, row in records(plain, damage, among_text=True)]
    return rows or None


def first_row(path: Path) -> dict[str, Any]:
    """The first object in a file; empty where there is none."""
    found = beginning(path)
    if isinstance(found, list):
        found = next(iter(found), None)
    return found if isinstance(found, dict) else {}
