"""The bytes of a text log -> blocks of clean lines: what terminals do with them is undone.

Colours are taken out, a progress bar that was drawn over itself becomes one line per drawing, and full-width
punctuation becomes plain. Blocks, not lines, are what the other modules work on: most lines of a log need no look.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from lrdoctor import limits
from lrdoctor.errors import NotALog
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import LFS_POINTER

BLOCK = 1 << 18
"""Bytes read at once."""
LINES_AT_ONCE = 1024
FULL_WIDTH = str.maketrans("：，；＝｜（）［］【】│┃║", ":,;=|()[][]|||")
_WIDE = re.compile("[：，；＝｜（）［］【】│┃║]")
FEWEST_DECIMALS = 5
_NAMED = r"(?:[:=;|]\s{0,9}|[^\W\d_]\s{1,9})[-+]?"
_COMMA = re.compile(_NAMED + r"(?:0,[0-9]+|[0-9]+,(?![0-9]{3}(?![0-9]))[0-9]+)(?=[\s;|)\]}%]|$)")
_POINT = re.compile(_NAMED + r"[0-9]+\.[0-9]+(?![\w.])")
_DECIMAL = re.compile(r"(?<![\w.,])([-+]?[0-9]+),([0-9]+(?:[eE][-+]?[0-9]+)?)(?![\w.,])")
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78cM])")
_OVERDRAWN = re.compile(r"\x08+\r?|\r")
_FORTRAN = re.compile(r"(?<=[0-9.])D(?=[-+][0-9]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some lines of the log."""

    first: int
    """Number of the first line, counted from 1 as an editor counts."""
    lines: list[str]
    """Each drawing of a bar is one."""
    numbers: list[int] | None
    """The line that each stands in; None where they simply count on."""
    open_ended: bool = False
    """The last line is ended by nothing: perhaps it is half a line."""

    def number(self, at: int) -> int:
        """The line of the file that one of these lines stands in."""
        return self.first + at if self.numbers is None else self.numbers[at]


def is_text(first: bytes) -> bool:
    """Whether the first bytes of a file are text: no NUL in them, unless they are UTF-16."""
    return first[:2] in UTF16 or b"\0" not in first


def blocks(file: BinaryIO, damage: Damage) -> Iterator[Block]:
    """The lines of a file, block by block. Raises `NotALog` for what is no text, `OSError` where reading fails."""
    first = file.read(BLOCK)
    if first.startswith(LFS_POINTER):
        raise NotALog("a git-lfs pointer: the file itself was not fetched (git lfs pull)")
    if not first.strip():
        raise NotALog("an empty file")
    if not is_text(first[: 1 << 12]):
        raise NotALog("not a text log: binary data")
    yield from _blocks(_decoded(first, file), damage)


def blocks_of_lines(lines: Iterable[str], damage: Damage) -> Iterator[Block]:
    """The same for lines that were read already, such as those of standard input."""
    return _blocks(_joined(lines), damage)


def _decoded(first: bytes, file: BinaryIO) -> Iterator[str]:
    # What PowerShell's `>` writes is UTF-16.
    decoder = codecs.getincrementaldecoder("utf-16" if first[:2] in UTF16 else "utf-8-sig")("replace")
    part = first
    while part:
        yield decoder.decode(part)
        part = file.read(BLOCK)
    yield decoder.decode(b"", True)


def _joined(lines: Iterable[str]) -> Iterator[str]:
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) == LINES_AT_ONCE:
            yield "".join(waiting)
            waiting.clear()
    yield "".join(waiting)


def _blocks(parts: Iterable[str], damage: Damage) -> Iterator[Block]:
    number, rest, too_long, longest = 1, "", False, limits.current().line
    comma: bool | None = None  # is the decimal point one?
    for part in parts:
        text = rest + part
        # A carriage return at the very end may be the first half of a line's end.
        end = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
        if not end:
            rest = text
            if len(rest) > longest:  # no line of a log, and not to be held in memory
                rest, too_long = "", True
            continue
        whole, rest = text[:end], text[end:]
        if too_long:
            _tell_long(number, damage)
            whole, too_long = "\n" + whole.partition("\n")[2], False
        if len(whole) > longest:
            whole = _without_long(whole, number, longest, damage)
        if comma is not False and (told := _has_commas(whole)) is not None:
            comma = told
        yield _block(_DECIMAL.sub(r"\1.\2", whole) if comma else whole, number)
        number += whole.count("\n")
    if too_long or len(rest) > longest:
        _tell_long(number, damage)
    elif rest.strip():
        rest = _DECIMAL.sub(r"\1.\2", rest) if comma else rest
        yield _block(rest, number, open_ended=not rest.endswith("\r"))


def _has_commas(text: str) -> bool | None:
    """Whether a log writes `0,5` for a half, as many languages do; None where its lines do not tell yet."""
    points, commas = (
        len(list(islice(sign.finditer(text), FEWEST_DECIMALS))) == FEWEST_DECIMALS for sign in (_POINT, _COMMA)
    )
    return None if points == commas else commas


def _without_long(text: str, first: int, longest: int, damage: Damage) -> str:
    """The same without what is in its long lines, so that the others keep their numbers."""

    def left_out(match: re.Match[str]) -> str:
        _tell_long(first + text.count("\n", 0, match.start()), damage)
        return ""

    return re.sub(rf"[^\r\n]{{{longest + 1},}}", left_out, text)


def _tell_long(number: int, damage: Damage) -> None:
    damage.over("line", f"a line of more than {limits.shown('line')} is left out", 1, f"line {number}")


def _block(text: str, first: int, open_ended: bool = False) -> Block:
    if "\x1b" in text:
        text = _ESCAPE.sub("", text)
    if not text.isascii() and _WIDE.search(text):
        text = text.translate(FULL_WIDTH)
    if "D+0" in text or "D-0" in text:
        text = _FORTRAN.sub("E", text)
    text = text.replace("\r\n", "\n")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if "\r" not in text and "\x08" not in text:
        return Block(first=first, lines=lines, numbers=None, open_ended=open_ended)
    drawn = [(first + at, piece) for at, line in enumerate(lines) for piece in _OVERDRAWN.split(line) if piece]
    return Block(
        first=first, lines=[piece for _, piece in drawn], numbers=[at for at, _ in drawn], open_ended=open_ended
    )
