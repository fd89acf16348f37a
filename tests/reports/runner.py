"""What CI servers take for commands in what they log, after the documented grammars of GitHub's and Azure's agents."""

from __future__ import annotations

import re
from typing import NamedTuple

UNSEEN = re.compile("[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u2060-\u206f\ufe00-\ufe0f\ufeff]")
"""Characters without a width, which a comparison by the rules of a language passes over."""

COMMANDS = frozenset(
    {"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "save-state",
     "set-env", "set-output", "stop-commands", "warning"}
)  # fmt: skip


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    data: str


def command(line: str) -> Command | None:
    """The command in a line: behind blanks `::name key=value,…::data`, else `##[name …]data` anywhere."""
    line = UNSEEN.sub("", line)
    blank = line.lstrip()
    if blank.startswith("::") and "::" in blank[2:]:
        told, _, data = blank[2:].partition("::")
        found = _named(told, ",", data)
        if found:
            return found
    _, sign, rest = line.partition("##[")
    if sign and "]" in rest:
        told, _, data = rest.partition("]")
        found = _named(told, ";", data)
        if found:
            return found
    if "##vso[" in line.lower():
        return Command("vso", {}, line)
    return None


def _named(told: str, between: str, data: str) -> Command | None:
    name, _, rest = told.partition(" ")
    if name.lower() not in COMMANDS:
        return None
    pairs = [pair.partition("=") for pair in rest.strip().split(between) if pair]
    return Command(name, {key: _decoded(value) for key, _, value in pairs if value}, _decoded(data, properties=False))


def _decoded(text: str, *, properties: bool = True) -> str:
    signs = [("%0D", "\r"), ("%0A", "\n"), *([("%3A", ":"), ("%2C", ",")] if properties else []), ("%25", "%")]
    for escaped, sign in signs:
        text = text.replace(escaped, sign)
    return text
