"""Fill the placeholders of a rule's message, by looking names up; no attribute of anything is ever read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from string import Formatter

from lrdoctor.engine.reading import measured
from lrdoctor.model import Evidence

# Width and fill are left out on purpose: a width is a way to ask for gigabytes.
_SPEC = re.compile(r"\+?,?(\.[0-9]{1,2})?[defg%]?")
_TRIAL: Mapping[type, Evidence] = {bool: True, int: 1, float: 1.0, str: ""}


def fill(message: str, values: Mapping[str, Evidence]) -> str:
    """The message with the values in place; what is not known prints as `unknown`, whatever its format."""
    return "".join(
        [
            literal if name is None else literal + _show(values.get(name), spec)
            for literal, name, spec in _parsed(message)
        ]
    )


@lru_cache(maxsize=1000)
def _parsed(message: str) -> tuple[tuple[str, str | None, str], ...]:
    return tuple((literal, name, spec or "") for literal, name, spec, _ in Formatter().parse(message))


def _show(value: Evidence, spec: str) -> str:
    if not measured(value):
        return "unknown"
    try:
        return format(value, spec or ("g" if isinstance(value, float) else ""))
    except ValueError:
        return str(value)


def placeholders(message: str) -> list[tuple[str, str, str | None]]:
    """Name, format and conversion of each placeholder. Raises `ValueError` for unbalanced braces."""
    return [
        (name, spec or "", conversion) for _, name, spec, conversion in Formatter().parse(message) if name is not None
    ]


def accepts(spec: str, types: frozenset[type]) -> bool:
    """Whether values of all these types can be printed in this format."""
    if spec and (not _SPEC.fullmatch(spec) or bool in types):
        return False
    try:
        for scalar in types:
            format(_TRIAL[scalar], spec)
    except ValueError:
        return False
    return True
