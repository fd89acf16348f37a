"""JSON that any reader takes, and that no CI server's log takes for a command."""

from __future__ import annotations

import json
from typing import Any

from lrdoctor.reports._strict import strict


def dumped(value: Any, indent: int | None = None) -> str:
    """Strict JSON in ASCII; a number that is not finite is null. See `_commands` for what `##` could do."""
    return unlike_commands(json.dumps(strict(value), indent=indent, ensure_ascii=True, allow_nan=False))


def unlike_commands(text: str) -> str:
    """The same JSON without `##`."""
    # Only strings have the sign in them, and there it is the same character when escaped.
    return text.replace("##", r"\u0023\u0023")
