"""One JSON value of a text that may be broken: the whole value, or what is left of it."""

from __future__ import annotations

import json
import re
from typing import Any

DIGITS = 18
"""An integer of more digits is read as a float: no count is so long, and Python refuses to convert 4,300."""
DEEPEST = 5
"""Levels of a broken document that are looked into; each costs another look at the rest. Curves are looked for no
deeper."""
MOST_BROKEN = 100
"""Broken objects of a list, or among objects over several lines, after each of which the next whole one is looked for:
that takes as long as it likes. In a file with one object per line there may be any number."""
ATTEMPTS = 100
"""Objects that are tried for the next whole one."""
LARGEST_TRIED = 1 << 16
"""Characters of such a one."""
LOOKED_BACK = 64
"""Characters, mostly spaces, between a row and the comma before it."""
_ENDS = frozenset(",]} \t\r\n")
_SPACE = re.compile(r"[ \t\r\n]*")
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_OPENING, _CLOSING, _BEFORE_ROW = frozenset("{["), frozenset("}]"), frozenset(",}[")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= DIGITS else float(digits)


DECODER = json.JSONDecoder(parse_int=_integer)


def after_space(plain: str, at: int) -> int:
    """The place of the first character from here on that is no space."""
    found = _SPACE.match(plain, at)
    return found.end() if found else at


def salvaged(plain: str, at: int, depth: int, broken: list[tuple[int, str]]) -> tuple[Any, int]:
    """What is left of a value that is not whole, and where it stops; -1 where nothing behind it can be placed."""
    opening = plain[at : at + 1]
    if depth < DEEPEST and opening == "{":
        return _object(plain, at + 1, depth, broken)
    if depth < DEEPEST and opening == "[":
        return _list(plain, at + 1, depth, broken)
    broken.append((at, "truncated_tail" if not plain[at:].strip() or is_cut(plain, at) else "unreadable_row"))
    return None, -1


def is_cut(plain: str, at: int) -> bool:
    """Whether what cannot be read here is only the beginning of something."""
    try:
        DECODER.raw_decode(plain, at)
    except json.JSONDecodeError as error:
        return error.msg.startswith("Unterminated") or error.pos >= len(plain.rstrip()) - 1
    except (ValueError, RecursionError):
        return False
    return True


def value_at(plain: str, at: int) -> tuple[Any, int] | None:
    """The value that begins here and its end, or None where it is not whole."""
    try:
        value, end = DECODER.raw_decode(plain, at)
    except (ValueError, RecursionError):
        return None
    # A number has no end of its own: of a cut 0.25 there may be left 0. or 0.2.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if number and plain[end : end + 1] not in _ENDS else (value, end)


def _object(plain: str, at: int, depth: int, broken: list[tuple[int, str]]) -> tuple[dict[str, Any], int]:
    kept: dict[str, Any] = {}
    while True:
        at = after_space(plain, at)
        if plain[at : at + 1] == "}":
            return kept, at + 1
        key = value_at(plain, at)
        colon = after_space(plain, key[1]) if key else at
        if key is None or not isinstance(key[0], str) or plain[colon : colon + 1] != ":":
            broken.append((at, "truncated_tail" if colon >= len(plain) or is_cut(plain, at) else "unreadable_row"))
            return kept, -1
        start = after_space(plain, colon + 1)
        found = value_at(plain, start)
        value, at = found or salvaged(plain, start, depth + 1, broken)
        if value is not None or found:
            kept[key[0]] = value
        if at < 0:
            return kept, -1
        at = after_space(plain, at)
        at += plain[at : at + 1] == ","


def _list(plain: str, at: int, depth: int, broken: list[tuple[int, str]]) -> tuple[list[Any], int]:
    kept: list[Any] = []
    while True:
        at = after_space(plain, at)
        if plain[at : at + 1] == "]":
            return kept, at + 1
        found = value_at(plain, at)
        if found is not None:
            kept.append(found[0])
            at = after_space(plain, found[1])
            at += plain[at : at + 1] == ","
            continue
        start = at
        if plain[at : at + 1] == "[":
            value, at = salvaged(plain, at, depth + 1, broken)
            kept.append(value)
        else:
            # Half a row could lack the very key that says where it belongs.
            broken.append(
                (start, "truncated_tail" if not plain[at:].strip() or is_cut(plain, at) else "unreadable_row")
            )
            again = plain[at : at + 1] == "{" and len(broken) < MOST_BROKEN
            at = _nextwhole(plain, at) if again else -1
        if at < 0:
            return kept, -1


def _nextwhole(plain: str, at: int) -> int:
    """Where the next whole object of this list begins, or -1.

    What stands in a list of the broken object itself is none of its siblings. Its own brace may be missing its other
    half, so an object one level down is taken for the next row.
    """
    level = tried = 0
    for token in _TOKENS.finditer(plain, at):
        sign, start = token[0], token.start()
        if (
            sign == "{"
            and start > at
            and level <= 1
            and plain[max(0, start - LOOKED_BACK) : start].rstrip()[-1:] in _BEFORE_ROW
        ):
            if value_at(plain[start : start + LARGEST_TRIED], 0):
                return start
            tried += 1
        if tried == ATTEMPTS or (sign == "]" and not level):
            return -1
        level = max(0, level + (sign in _OPENING) - (sign in _CLOSING))
    return -1
