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

from lrdoctor import limits
from lrdoctor.errors import LogError, NotALog
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import content, head
from lrdoctor.parsers._json_salvage import DECODER, MOST_BROKEN, after_space, is_cut, salvaged, value_at

FIRST_BYTES = 1 << 16
"""Enough to meet the first rows of any log, and the first keys of any document."""
LOOKED_AT = 20
"""Objects that are tried for one that is whole."""
_LINE_OF_OBJECT = re.compile(r"^\{", re.MULTILINE)
_NOTHING = re.compile(r"[\0 \t\r\n,]*")
_ROW = re.compile(r"^\{|(?<=\})[ \t]*,?[ \t]*\{", re.MULTILINE)


def text(path: Path) -> str:
    """The file's text. Raises `LogError` for what cannot be read or is too large, `NotALog` for an empty one."""
    plain = _decoded(content(path, "JSON"))
    if not plain or plain.isspace():
        raise NotALog("an empty file")
    return plain


def _decoded(found: bytes) -> str:
    if found[:2] in (b"\xff\xfe", b"\xfe\xff"):
        plain = found.decode("utf-16", "replace")
    elif found[:2] in (b"{\0", b"[\0"):
        plain = found.decode("utf-16-le", "replace")
    else:
        plain = found.decode("utf-8-sig", "replace")
    return plain.rstrip("\0")


def is_one_document(plain: str) -> bool:
    """Whether the text is one JSON value, perhaps a broken one, rather than objects below one another."""
    start = after_space(plain, 0)
    if plain[start : start + 1] != "{":
        return plain[start : start + 1] == "["
    begun = plain
    if _too_large(plain):  # to be held at once, so that only its first line is looked into
        begun = plain[: min(plain.find("\n", start) + 1, start + limits.current().line)]
    try:
        _, end = DECODER.raw_decode(begun, start)
    except (ValueError, RecursionError):
        # Objects that begin their lines follow one another; those of one document are mostly indented.
        return _LINE_OF_OBJECT.search(plain, start + 1) is None
    return _NOTHING.fullmatch(plain, end) is not None


def document(plain: str, damage: Damage) -> Any:
    """The value of a document; of a broken one what stands before the damage, and every whole object of a list."""
    if too_large := _too_large(plain):
        raise LogError(too_large)
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


def _too_large(plain: str) -> str:
    """Why a document is not held as objects; empty where it can be."""
    if len(plain) > limits.current().document:
        said = f"a JSON document of more than {limits.shown('document')}"
        return f"{said}; {limits.raised_by('document', len(plain))}"
    objects = plain.count("{") + plain.count("[")
    if objects > limits.current().objects:
        said = f"a JSON document of more than {limits.shown('objects')} objects and lists"
        return f"{said}; {limits.raised_by('objects', objects)}"
    return ""


def _line(plain: str, at: int) -> str:
    return f"line {plain.count(chr(10), 0, at) + 1}"


def records(plain: str, damage: Damage, *, among_text: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every object that begins a line, with the number of that line; `among_text`, other lines are no damage."""
    if _runs_over_lines(plain):
        if too_large := _too_large(plain):
            raise LogError(too_large)
        return _over_lines(plain, damage, among_text)
    return _by_line(plain, damage, among_text)


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
    longest = limits.current().line
    while start < len(plain):
        end = plain.find("\n", start)
        end = len(plain) if end < 0 else end
        line, start, number = plain[start:end], end + 1, number + 1
        if len(line) > longest:
            damage.over("line", f"a line of more than {limits.shown('line')} is left out", 1, f"line {number}")
            continue
        at = 0 if line[:1] == "{" else after_space(line, 0)
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
            if found[1] == len(line):
                break
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
    with limits.in_force(limits.Limits()):  # to look at so little is always allowed, and the answer is kept
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
