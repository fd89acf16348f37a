"""Keep a stranger's text from being taken for a command by the server on whose log it is printed.

GitHub's runner obeys a line that begins with `::name …::`, and `##[name]` anywhere in a line
(actions/runner, ActionCommand.cs); Azure Pipelines obeys `##vso[…]` anywhere. The runner compares as people do, so that
characters without a width between the signs do not hide them.
"""

from __future__ import annotations

import re

_UNSEEN = "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u2060-\u206f\ufe00-\ufe0f\ufeff]*"
_ANYWHERE = re.compile(rf"#(?={_UNSEEN}#{_UNSEEN}(?:\[|v))", re.IGNORECASE)
_AT_THE_START = re.compile(rf"^([\W_]*?):(?={_UNSEEN}:)")


def inert(line: str) -> str:
    r"""The line with `\x23#` for the `##` of a command, and `\x3a:` for `::` before its first letter."""
    return _AT_THE_START.sub(r"\1\\x3a", _ANYWHERE.sub(r"\\x23", line))
