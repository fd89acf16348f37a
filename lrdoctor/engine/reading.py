"""What a rule may name in a finding: its evidence by field name, and `series`, `first_step`, `last_step`, `confidence`.

Bounds, message placeholders, fix parameters and examples all use these names and no others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lrdoctor.model import Evidence, Finding, Span

LARGEST = sys.float_info.max
SCALARS = (bool, int, float, str)
COMMON = {
    "series": frozenset[type]({str}),
    "first_step": frozenset[type]({int}),
    "last_step": frozenset[type]({int}),
    "confidence": frozenset[type]({float}),
}
PLACES = {"first_step": "span.first", "last_step": "span.last"}
"""Where in a finding the readings are that are no attributes of it."""


def _evidence_getter(
    kind: type[Finding], wanted: frozenset[str]
) -> tuple[tuple[str, ...], Callable[[Finding], tuple[Evidence, ...]]]:
    names = (*(name for name in kind.evidence_names() if name in wanted), *COMMON)
    return names, attrgetter(*(PLACES.get(name, name) for name in names))


# Annotated, since mypy takes no dataclass for hashable.
_hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)
_getter: Callable[[Any, frozenset[str]], tuple[tuple[str, ...], Callable[[Finding], tuple[Evidence, ...]]]] = lru_cache(
    maxsize=1 << 12
)(_evidence_getter)


def measured(value: Evidence) -> bool:
    """Whether there is anything to compare: not `None`, and no number beyond the finite floats."""
    if value is None or isinstance(value, str):
        return value is not None
    return abs(value) <= LARGEST


def readings(finding: Finding, wanted: frozenset[str]) -> dict[str, Evidence]:
    """What a rule names in this finding, of all that it may; and what all findings have in common."""
    names, values = _getter(type(finding), wanted)
    return dict(zip(names, values(finding), strict=True))


def types(kind: type[Finding]) -> dict[str, frozenset[type]]:
    """Which of bool, int, float and str each name may be in findings of this kind, besides unknown."""
    hints = _hints(kind)
    return {name: _scalars(hints[name]) for name in kind.evidence_names()} | COMMON


def _scalars(hint: Any) -> frozenset[type]:
    if get_origin(hint) is Literal:
        return frozenset(type(value) for value in get_args(hint))
    alternatives = [a for a in get_args(hint) or (hint,) if a is not NoneType]
    found = {scalar for a in alternatives for scalar in SCALARS if _is(a, scalar)}
    return frozenset(found or SCALARS)


def _is(hint: Any, scalar: type) -> bool:
    return hint is scalar or (isinstance(hint, type) and issubclass(hint, Enum) and issubclass(hint, scalar))


def sample(kind: type[Finding], values: Mapping[str, Evidence]) -> Finding:
    """A finding with these readings; evidence that is not given is unknown."""
    given: dict[str, Any] = {"series": "train/loss", "first_step": 0, "last_step": 0, "confidence": 1.0} | dict(values)
    span = Span(given.pop("first_step"), given.pop("last_step"))
    given |= {name: None for name in kind.evidence_names() if name not in given}
    return kind(**given, span=span)
