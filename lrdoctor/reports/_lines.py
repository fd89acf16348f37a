"""Styled lines, written with colour and wrapping on a terminal and as plain uncut text everywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, TextIO

from lrdoctor.reports._escape import plain
from lrdoctor.reports._sparkline import BLOCKS, EXTENT, NONFINITE, ONSET

if TYPE_CHECKING:
    from rich.console import Console

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


BLANK = Line(0, ())


def line(indent: int, *segments: str | tuple[str, str]) -> Line:
    """A line of `text` or `(text, style)`; every text is escaped here, so nobody can forget it."""
    pairs = (("", "") if not s else (s, "") if isinstance(s, str) else s for s in segments)
    return Line(indent, tuple(Segment(plain(text, LONGEST), style) for text, style in pairs if text))


def terminal(out: TextIO) -> Console | None:
    """A rich console where `out` is a terminal, else None: rich would cut and wrap a pipe at 80 columns."""
    if not out.isatty():
        return None
    from rich.console import Console

    return Console(file=out, highlight=False)


def write_lines(lines: Iterable[Line], out: TextIO, console: Console | None) -> None:
    """Write the lines so that `out`, whatever its encoding, can hold them."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    for entry in lines:
        known = Line(entry.indent, tuple(Segment(_encodable(text, encoding), style) for text, style in entry.segments))
        if console is None:
            out.write((" " * known.indent + "".join(text for text, _ in known.segments)).rstrip() + "\n")
        else:
            _print(known, console)


def _print(entry: Line, console: Console) -> None:
    from rich.text import Text

    text = Text.assemble(*entry.segments)
    for row in text.wrap(console, max(console.width - entry.indent, 20), overflow="fold"):
        console.print(Text(" " * entry.indent) + row, soft_wrap=True)


def _encodable(text: str, encoding: str) -> str:
    try:
        _GLYPHS.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII)
    return text.encode(encoding, "backslashreplace").decode(encoding)
