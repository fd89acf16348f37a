"""A stranger's text in GitHub's markdown: never markup, never a mention, a reference or a link.

GitHub looks for `@name`, `#12`, `GH-12` and addresses in the finished text, so that escaping them as markup is not
enough: a space without width parts them. Inside code it looks for none.
"""

from __future__ import annotations

import html
import re

from lrdoctor.reports._commands import inert
from lrdoctor.reports._escape import plain

NAME = 120
"""Characters of a name: tables stay readable."""
LONGEST = 2000
"""Characters of a message."""
_MARKUP = re.compile(r"[\\`*_\[\]<>&!~|$]")
"""What means something inside a line; prose never begins one."""
_REFERENCE = re.compile(r"(?i)[@#:](?=\S)|\bGH(?=-)|\bwww(?=\.)")
_RUN_OF_TICKS = re.compile("`+")
ZERO_WIDTH = "&#8203;"


def prose(text: str) -> str:
    """Text that stands behind other text in its line: markup escaped (CommonMark 2.4), references parted."""
    parted = _REFERENCE.sub(lambda match: match[0] + "\u200b", plain(text, LONGEST))
    return _MARKUP.sub(r"\\\g<0>", parted).replace("\u200b", ZERO_WIDTH)


def code(text: str) -> str:
    """A code span."""
    safe = inert(plain(text, NAME)) or " "
    ticks = "`" * (1 + max((len(run) for run in _RUN_OF_TICKS.findall(safe)), default=0))
    # One space on either side is taken off again where both are there.
    pad = " " if safe.startswith(("`", " ")) or safe.endswith(("`", " ")) else ""
    return f"{ticks}{pad}{safe}{pad}{ticks}"


def code_in_cell(text: str) -> str:
    """A code span in a table, whose cells end at a bare `|`, even in code (GitHub Flavored Markdown, 4.10)."""
    return code(text).replace("|", r"\|")


def code_in_html(text: str) -> str:
    """Code where markup is not read, in `<summary>`."""
    return f"<code>{html.escape(inert(plain(text, NAME)))}</code>"


def fenced(text: str, language: str) -> str:
    """A block of code that ends where it is meant to."""
    lines = [inert(plain(line, LONGEST)) for line in text.rstrip().splitlines()]
    ticks = "`" * max(3, 1 + max((len(run) for line in lines for run in _RUN_OF_TICKS.findall(line)), default=0))
    return "\n".join([ticks + language, *lines, ticks])
