"""Make a stranger's text harmless on a terminal, in a CI log and in a text file."""

from __future__ import annotations

import re

# C0 with ESC, DEL, C1; bidi marks, embeddings, overrides and isolates; line and paragraph separators; surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str, limit: int = 200) -> str:
    r"""One line without anything a terminal would obey, at most `limit` characters long, the last one `…` if cut.

    Unsafe characters become `\xNN` or `\uNNNN`; letters of every script stay. Plain text comes back unchanged.
    """
    # The text may be megabytes, and no character becomes shorter by being escaped.
    safe = _UNSAFE.sub(_escaped, text[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
