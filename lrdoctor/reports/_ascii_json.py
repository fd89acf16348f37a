"""JSON that any reader takes, and that no CI server's log takes for a command."""

from __future__ import annotations

import json
from typing import Any

from lrdoctor.reports._strict import strict

FEW = 32
"""Signs that are looked at one by one."""


def dumped(value: Any, indent: int | None = None) -> str:
    """Strict JSON in ASCII; a number that is not finite is null. See `_commands` for what `##` could do."""
    return unlike_commands(json.dumps(strict(value), indent=indent, ensure_ascii=True, allow_nan=False))


def unlike_commands(text: str) -> str:
    """The same JSON without `##`."""
    # Only strings have the sign in them, and there it is the same character when escaped. To look for one character
    # takes a tenth of the time that two take, as long as there are few of it.
    at = -1
    for _ in range(FEW):
        at = text.find("#", at + 1)
        if at < 0:
            return text
        if text.startswith("#", at + 1):
            break
    return text.replace("##", r"\u0023\u0023")
