"""Where a log lies, as the reader of a report can open it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote


def shown(path: Path | str) -> str:
    """The path from the working directory where it lies below it, else as the user named it; with forward slashes."""
    given = Path(path)
    if given.is_absolute() and given.is_relative_to(Path.cwd()):
        given = given.relative_to(Path.cwd())
    return given.as_posix()


def uri(path: Path | str) -> str:
    """The same as a URI reference: percent-encoded, relative where the path is (RFC 3986)."""
    text = shown(path)
    try:
        # Names that are no UTF-8 come back as the bytes that they are on disk.
        encoded = quote(text, safe="/", errors="surrogateescape")
    except UnicodeEncodeError:
        encoded = quote(text, safe="/", errors="backslashreplace")
    return f"file://{encoded}" if encoded.startswith("/") else encoded
