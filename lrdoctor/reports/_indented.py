"""Strict JSON with an indent of two, as `json.dumps` writes it, in a third of the time: that has only Python for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

import numpy as np

from lrdoctor.model import Role, Severity, Status, Verdict
from lrdoctor.reports._strict import Alike, Inner, Record, strict


def indented(value: Any, margin: str = "\n") -> str:
    """What `json.dumps(strict(value), indent=2)` gives, in ASCII; `margin` is what a line of this depth begins with.

    Raises `TypeError` for what JSON has no word for.
    """
    kind = type(value)
    if (plain := _PLAIN.get(kind)) is not None:
        return plain(value)
    if isinstance(value, str):  # an enumeration's of a detector
        return _text(str(value))
    inner = margin + "  "
    # By the type itself, as far as that will do: to ask whether a value is a mapping takes longer.
    if kind is list or kind is tuple:
        return _listed(value, margin)
    if kind is Alike:
        return _alike(value, margin)
    if kind is Record or kind is dict or isinstance(value, Mapping):
        names, items = value if kind is Record else (tuple(value), value.values())
        # A finite number is in text what it is in JSON.
        return _around(names, margin) % tuple(
            [
                item
                if (of := type(item)) is float and item - item == 0.0
                else plain(item)
                if (plain := _PLAIN.get(of))
                else indented(item, inner)
                for item in items
            ]
        )
    if isinstance(value, list | tuple):
        return _listed(value, margin)
    if isinstance(value, np.generic):
        return indented(value.item(), margin)
    return json.dumps(strict(value), allow_nan=False)


def _listed(value: Sequence[Any], margin: str) -> str:
    if not value:
        return "[]"
    inner = margin + "  "
    return "[" + inner + ("," + inner).join([indented(item, inner) for item in value]) + margin + "]"


@lru_cache(maxsize=1 << 8)
def _alike(value: Alike, margin: str) -> str:
    return _listed(value.records(), margin)


@lru_cache(maxsize=1 << 10)
def _around(names: tuple[Any, ...], margin: str) -> str:
    """An object without its values, for `%`: thousands of objects have the same names."""
    inner = margin + "  "
    items = [
        f"{_name(one.name)}: {_around(one.names, inner)}" if isinstance(one, Inner) else f"{_name(one)}: %s"
        for one in names
    ]
    return "{" + inner + ("," + inner).join(items) + margin + "}" if names else "{}"


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is no name")
    return _text(str(name)).replace("%", "%%")


def _float(value: float) -> str:
    return repr(value) if value - value == 0.0 else "null"  # the difference is NaN where the value is not finite


def _text(value: str) -> str:
    # Of what is in ASCII nothing has to be replaced.
    return quoted(value if value.isascii() else strict(value))


_PLAIN: Mapping[type, Callable[[Any], str]] = {
    float: _float,
    str: _text,
    int: int.__repr__,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
    **{kind: {one: quoted(one.value) for one in kind}.__getitem__ for kind in (Role, Severity, Status, Verdict)},
}
"""What has no items: asked first, without a call for each."""
