"""Styled lines, written with colour and wrapping on a terminal and as plain uncut text everywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, TextIO

from lrdoctor.reports._commands import inert
from lrdoctor.reports._escape import plain
from lrdoctor.reports._sparkline import BLOCKS, EXTENT, NONFINITE, ONSET

if TYPE_CHECKING:
    from rich.console import Console

UNBROKEN = 100_000
"""Columns of what is no terminal and gets colours nevertheless: more than any line has."""
LONGEST = 4000
"""Characters of one segment: messages are whole sentences, but no log may fill the screen."""
_GLYPHS = BLOCKS + NONFINITE + ONSET + EXTENT + "…"
_ASCII = str.maketrans(dict(zip(_GLYPHS, (*"_.:-=+*#x^-", "..."), strict=True)))


class Segment(NamedTuple):
    """Some text and how it looks, in rich's words; an empty style is ordinary text."""

    text: str
    style: str = ""


class Line(NamedTuple):
    """One line; where a terminal wraps it, the rest is indented as its beginning."""

    indent: int
    segments: tuple[Segment, ...]
    wraps: bool = True
    """Code does not: broken by hand it would be other code for whoever copies it."""


BLANK = Line(0, ())


def line(indent: int, *segments: str | tuple[str, str]) -> Line:
    """A line of `text` or `(text, style)`; every text is escaped here, so nobody can forget it."""
    pairs = (("", "") if not s else (s, "") if isinstance(s, str) else s for s in segments)
    return Line(indent, tuple(Segment(plain(text, LONGEST), style) for text, style in pairs if text))


def terminal(out: TextIO, widest: int | None = None) -> Console | None:
    """A rich console where `out` is a terminal, at most so many columns wide; else None, and lines are never broken.

    The same where standard output is none and `FORCE_COLOR` wants it coloured, `NO_COLOR` not: rich knows the rules.
    Then it is `UNBROKEN` columns wide.
    """
    if not out.isatty():
        if out is not sys.stdout or not os.environ.get("FORCE_COLOR") or os.environ.get("NO_COLOR"):
            return None
        from rich.console import Console

        return Console(file=out, highlight=False, width=UNBROKEN)
    from rich.console import Console

    console = Console(file=out, highlight=False)
    if widest is not None and console.width > widest:
        console.width = widest
    return console


def prints(out: TextIO, glyphs: str) -> bool:
    """Whether the encoding of `out` has all these characters, and those that charts are made of."""
    return _has(getattr(out, "encoding", None) or "utf-8", glyphs + _GLYPHS)


def _has(encoding: str, glyphs: str) -> bool:
    try:
        glyphs.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def write_lines(lines: Iterable[Line], out: TextIO, console: Console | None) -> None:
    """Write the lines so that `out`, whatever its encoding, can hold them, and no build server obeys them."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    for entry in lines:
        if console is None:
            text = "".join(text for text, _ in entry.segments)
            out.write(inert(" " * entry.indent + _encodable(text, encoding)).rstrip() + "\n")
        else:
            known = [(_encodable(text, encoding), style) for text, style in entry.segments]
            # A letter before all but the first: `::` is a command at the beginning of a line only.
            segments = (
                Segment(inert(f"a{text}")[1:] if place else inert(text), style)
                for place, (text, style) in enumerate(known)
            )
            _print(entry._replace(segments=tuple(segments)), console)


def _print(entry: Line, console: Console) -> None:
    from rich.text import Text

    text = Text.assemble(*entry.segments)
    width = max(console.width - entry.indent, 20)
    for row in text.wrap(console, width, overflow="fold") if entry.wraps else [text]:
        console.print(Text(" " * entry.indent) + row, soft_wrap=True)


def _encodable(text: str, encoding: str) -> str:
    if not _has(encoding, _GLYPHS):
        text = text.translate(_ASCII)
    return text.encode(encoding, "backslashreplace").decode(encoding)
