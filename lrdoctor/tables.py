"""TOML tables into frozen dataclasses, with every mistake a line of its own.

pydantic is imported only once there is a table to check, so that `lrdoctor --help` does not wait for it.
"""

from __future__ import annotations

import json
import reprlib
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from difflib import get_close_matches
from enum import Enum
from functools import cache
from importlib.resources.abc import Traversable
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


class _OfToml:
    """Lets pydantic take a TOML date for a date, and nothing else: neither a text nor a date with a time."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_day, handler(source))


Day = Annotated[date, _OfToml()]
"""The type of a key that holds a date."""
MAX_BYTES = 1 << 20
# tomllib takes quadratic time for one key of very many parts, and a key stands on one line.
MAX_DOTS = 500
_DATE = "date"
"""JSON has no dates. As a table of this key none passes for a text."""
# pydantic speaks of JSON, which is only how the table reaches it.
_WORDING = {
    "Input ": "",
    "Value error, ": "",
    "a valid ": "a ",
    "boolean": "truth value",
    "integer": "whole number",
    "array": "list",
    "an object": "a table",
}


def read_toml(file: Traversable) -> dict[str, Any]:
    """What a TOML file holds. Raises `ValueError` with one sentence for a file that cannot be read or is too large."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES} bytes")
    if any(line.count(b".") > MAX_DOTS for line in content.split(b"\n")):
        raise ValueError(f"has a line of more than {MAX_DOTS} dots")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"is not TOML: {error}") from error


def typed(kind: type[T], table: Any, at: str = "") -> tuple[T | None, list[str]]:
    """The table as an instance of the dataclass, or None, and all mistakes as `path: what is wrong`.

    Nothing is converted but an integer to a float. An instance may come with mistakes: those of unknown keys.
    """
    from pydantic import ValidationError

    path = tuple(at.split(".")) if at else ()
    try:
        # Strict JSON, since strict Python would want tuples and enums where TOML has lists and strings.
        text = json.dumps(table, default=lambda date: {_DATE: str(date)})
        mistakes = list(_unknown_keys(kind, table, path))
    except RecursionError:
        return None, [_line(path, "is nested too deeply")]
    try:
        made: T = _adapter(kind).validate_json(text, strict=True)
        return made, mistakes
    except ValidationError as error:
        wanted: dict[tuple[str, ...], tuple[Any, list[str]]] = {}
        for problem in error.errors(include_url=False, include_input=False):
            where, value, message = _explain(table, problem["loc"], problem["type"], problem["msg"])
            if problem["loc"][-1:] == ("[key]",):
                continue  # _unknown_keys has named it
            if message.startswith("should be "):
                wanted.setdefault(path + where, (value, []))[1].append(message.removeprefix("should be "))
            else:
                mistakes.append(_line(path + where, message))
        # The alternatives of a union complain one by one.
        return None, mistakes + [
            _line(where, f"should be {' or '.join(dict.fromkeys(forms))}, not {reprlib.repr(value)}")
            for where, (value, forms) in wanted.items()
        ]


def _make_adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


# Annotated, since mypy takes no dataclass for hashable.
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(_make_adapter)
_hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)


def _day(given: Any) -> date:
    try:
        return date.fromisoformat(given[_DATE])
    except (TypeError, KeyError, ValueError):
        raise ValueError("should be a date such as 2030-12-31") from None


def _unknown_keys(hint: Any, data: Any, path: tuple[str, ...]) -> Iterator[str]:
    if get_origin(hint) in (Union, UnionType):
        (hint, *others) = (kind for kind in get_args(hint) if kind is not NoneType)
        if others:
            return  # Which of them is meant is for the adapter to say.
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _unknown_keys(next(iter(get_args(hint)), None), item, (*path, str(index)))
    elif isinstance(data, dict) and is_dataclass(hint) and isinstance(hint, type):
        hints = _hints(hint)
        known = [f.name for f in fields(hint) if f.metadata.get("key", True)]
        for key, value in data.items():
            if key in known:
                yield from _unknown_keys(hints[key], value, (*path, key))
            else:
                yield _line(path, unknown("key", key, known))
    elif isinstance(data, dict) and len(get_args(hint)) == 2:
        keys, values = get_args(hint)
        names = list(keys) if isinstance(keys, type) and issubclass(keys, Enum) else data
        for key, value in data.items():
            if key in names:
                yield from _unknown_keys(values, value, (*path, key))
            else:
                yield _line(path, unknown("key", key, [str(name) for name in names]))


def _explain(table: Any, loc: tuple[int | str, ...], kind: str, message: str) -> tuple[tuple[str, ...], Any, str]:
    """The path in the file, without pydantic's marks for the alternatives of a union; what is there; what is wrong."""
    where = []
    value = table
    for part in loc:
        if not (isinstance(part, int) if isinstance(value, list) else isinstance(value, dict) and part in value):
            break
        value = value[part]
        where.append(str(part))
    if kind == "missing":
        return tuple(where), value, f"missing key {loc[-1]!r}"
    for theirs, ours in _WORDING.items():
        message = message.replace(theirs, ours, 1)
    return tuple(where), value, message


def _line(path: tuple[str, ...], message: str) -> str:
    return f"{'.'.join(path)}: {message}" if path else message


def unknown(what: str, word: str, known: Collection[str]) -> str:
    """`unknown name 'onset_fracton'; did you mean 'onset_fraction'?`, or all known ones where none is near."""
    near = get_close_matches(word, known, n=1)
    if near:
        return f"unknown {what} {reprlib.repr(word)}; did you mean {near[0]!r}?"
    return f"unknown {what} {reprlib.repr(word)}; known: {', '.join(sorted(known)) or 'none'}"
