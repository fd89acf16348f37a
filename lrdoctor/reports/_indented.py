"""Strict JSON with an indent of two, as `json.dumps` writes it, in a third of the time: that has only Python for it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

import numpy as np

from lrdoctor.reports._strict import strict


def indented(value: Any, margin: str = "\n") -> str:
    """What `json.dumps(strict(value), indent=2)` gives, in ASCII; `margin` is what a line of this depth begins with.

    Raises `TypeError` for what JSON has no word for.
    """
    kind = type(value)
    if kind is float:
        return float.__repr__(value) if math.isfinite(value) else "null"
    if kind is str:
        # Of what is in ASCII nothing has to be replaced.
        return quoted(value if value.isascii() else strict(value))
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return int.__repr__(value)
    inner = margin + "  "
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        items = [f"{_name(name)}: {indented(item, inner)}" for name, item in value.items()]
        return "{" + inner + ("," + inner).join(items) + margin + "}"
    if isinstance(value, list | tuple):
        if not value:
            return "[]"
        return "[" + inner + ("," + inner).join([indented(item, inner) for item in value]) + margin + "]"
    if isinstance(value, np.generic):
        return indented(value.item(), margin)
    # What is left are enumerations, most of them of text.
    return json.dumps(strict(value), allow_nan=False)


@lru_cache(maxsize=1 << 12)
def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is no name")
    return quoted(strict(name))
