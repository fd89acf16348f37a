"""A text log on standard input, in bounded memory whatever is piped in."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lrdoctor.errors import LogError
from lrdoctor.model import Run
from lrdoctor.parsers._files import reason
from lrdoctor.roles import RoleNames

PIECE = 1 << 12
"""Bytes that are taken of a line at once."""


def piped(path: Path, names: RoleNames) -> Iterator[Run]:
    """The runs of the log on standard input, as text logs are read; `path` is what reports call it.

    Raises `LogError` where it cannot be read, `NotALog` where no line tells a curve.
    """
    from lrdoctor.parsers.text import read_lines

    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise LogError("there is no standard input")
    try:
        yield from read_lines(pieces(stream), path, names)
    except OSError as error:
        raise LogError(f"cannot be read: {reason(error)}") from error


def pieces(stream: BinaryIO) -> Iterator[str]:
    """The text of a stream, in lines or, where these are long, in parts of them."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    while piece := stream.readline(PIECE):
        yield decoder.decode(piece)
    yield decoder.decode(b"", True)
