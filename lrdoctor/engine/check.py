"""Every mistake that a rule of the right shape can still hold: names, types, formats, and what no rule may lack.

Works on the raw table, piece by piece, so that a mistake in one piece hides none in another; what is not of the right
shape at all is passed over here, since the types have named it already.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from lrdoctor.engine.match import ANY, SANE, numeric
from lrdoctor.engine.message import accepts, placeholders
from lrdoctor.engine.reading import SCALARS, sample, types
from lrdoctor.engine.rule import ACTIONS, ORDER, Bound
from lrdoctor.model import Finding
from lrdoctor.tables import typed, unknown

Kinds = Mapping[str, type[Finding]]
Types = Mapping[str, frozenset[type]]
NUMBERS = frozenset({int, float})
WORDS = {bool: "true or false", int: "a number", float: "a number", str: "text"}


def check(table: Mapping[str, Any], file: str, kinds: Kinds, schedules: Collection[str]) -> Iterator[str]:
    """The mistakes as `path: what is wrong`."""
    yield from _head(table, file)
    when, unless = _tables(table, "when"), _tables(table, "unless")
    for path, clause in (when | unless).items():
        yield from _clause(path, clause, kinds)
    known = {name: _kind(kinds, clause.get("finding")) for name, clause in when.items()}
    subject = known.get("when.0")
    if subject is not None:
        others = [kind for path, kind in known.items() if path != "when.0"]
        yield from _message(table.get("message"), subject, others)
    for path, fix in _tables(table, "fix").items():
        yield from _fix(path, fix, subject, schedules)
    yield from _examples(table, kinds)


def _tables(table: Mapping[str, Any], key: str) -> dict[str, dict[str, Any]]:
    items = table.get(key)
    return {f"{key}.{i}": t for i, t in enumerate(items if isinstance(items, list) else ()) if isinstance(t, dict)}


def _kind(kinds: Kinds, name: Any) -> type[Finding] | None:
    return kinds.get(name) if isinstance(name, str) else None


def _head(table: Mapping[str, Any], file: str) -> Iterator[str]:
    id_, name = table.get("id"), table.get("name")
    if isinstance(id_, str) and not re.fullmatch(r"LRD[0-9]{3}", id_):
        yield f"id: {id_!r} is not LRD and three digits"
    if isinstance(name, str) and not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        yield f"name: {name!r} is not lower-case words joined by hyphens"
    if isinstance(id_, str) and isinstance(name, str) and file != f"{id_}-{name}.toml":
        yield f"the file should be called {f'{id_}-{name}.toml'!r}"
    for key in ("what", "why", "message"):
        if isinstance(text := table.get(key), str) and not text.strip():
            yield f"{key}: is empty"
    if table.get("when") == []:
        yield "when: needs at least one clause"
    if table.get("references") == []:
        yield "references: needs at least one source"
    if table.get("verdict") == "cannot_tell" and table.get("severity") != "info":
        yield "verdict: 'cannot_tell' needs severity 'info'"
    for key in ("alone", "instead"):
        if table.get(key) is True and table.get("severity") != "info":
            yield f"{key}: needs severity 'info'"


def _clause(path: str, clause: dict[str, Any], kinds: Kinds) -> Iterator[str]:
    name, where = clause.get("finding"), clause.get("where")
    if not isinstance(name, str):
        return
    if name not in kinds:
        yield f"{path}.finding: {unknown('finding', name, kinds)}"
        return
    known = types(kinds[name])
    for reading, given in where.items() if isinstance(where, dict) else ():
        if reading not in known:
            yield f"{path}.where: {unknown('name', reading, known)}"
            continue
        bound, wrong = typed(Bound, given)
        if bound is not None:
            yield from (f"{path}.where.{reading}: {mistake}" for mistake in _bound(bound, known[reading]))
        if bound == Bound() and not wrong:
            yield f"{path}.where.{reading}: bounds nothing"


def _bound(bound: Bound, allowed: frozenset[type]) -> Iterator[str]:
    if bound.known is False and bound != Bound(known=False):
        yield "'known = false' goes with no other bound"
    for key in ORDER:
        limit = getattr(bound, key)
        if limit is not None and not allowed & NUMBERS:
            yield f"'{key}' compares numbers, but this is {_words(allowed)}"
        elif limit is not None and not ANY.holds(limit):
            yield f"'{key}' should be a finite number, not {limit}"
    for key, values in (("eq", (bound.eq,)), ("one_of", bound.one_of)):
        for value in values:
            if value is not None and not _fits(value, allowed):
                yield f"'{key}' should be {_words(allowed)}, not {value!r}"


def _fits(value: object, allowed: frozenset[type]) -> bool:
    # An integer may stand for a float and the other way round: 3 and 3.0 are one number in a log.
    return type(value) in allowed or (type(value) in NUMBERS and bool(allowed & NUMBERS))


def _words(allowed: frozenset[type]) -> str:
    return " or ".join(dict.fromkeys(WORDS[scalar] for scalar in SCALARS if scalar in allowed))


def _message(message: Any, subject: type[Finding], others: list[type[Finding] | None]) -> Iterator[str]:
    if not isinstance(message, str):
        return
    known = types(subject) | {f"{k.kind}.{name}": t for k in others if k is not None for name, t in types(k).items()}
    try:
        found = placeholders(message)
    except ValueError as error:
        yield f"message: {error}"
        return
    for name, spec, conversion in found:
        if conversion:
            yield f"message: {{{name}!{conversion}}}: conversions are not allowed"
        elif name not in known:
            yield f"message: {unknown('name', name, known)}"
        elif not accepts(spec, known[name]):
            yield f"message: {name!r} is {_words(known[name])} and cannot be printed as {spec!r}"


def _fix(path: str, fix: dict[str, Any], subject: type[Finding] | None, schedules: Collection[str]) -> Iterator[str]:
    action = fix.get("action")
    if "action" not in fix:
        yield f"{path}: missing key 'action'"
    elif not isinstance(action, str) or action not in ACTIONS:
        yield f"{path}.action: {unknown('action', str(action), ACTIONS)}"
    if not isinstance(action, str) or action not in ACTIONS:
        return
    params = {f.name: f.default is MISSING for f in fields(ACTIONS[action])}
    yield from (f"{path}: missing parameter {name!r}" for name, must in params.items() if must and name not in fix)
    for name, value in fix.items():
        if name == "action" or type(value) not in SCALARS:
            continue
        if name not in params:
            yield f"{path}: {unknown('parameter', name, params)}"
        elif name in numeric(action):
            yield from (f"{path}.{name}: {mistake}" for mistake in _number(name, value, subject))
        elif not isinstance(value, str):
            yield f"{path}.{name}: should be text, not {value!r}"
        elif name == "schedule" and value not in schedules:
            yield f"{path}.schedule: {unknown('schedule', value, schedules)}"


def _number(name: str, value: object, subject: type[Finding] | None) -> Iterator[str]:
    """Mistakes of a number that a fix is given, or of the name of a reading that is to give it."""
    if isinstance(value, str):
        known = {} if subject is None else types(subject)
        if subject is not None and value not in known:
            yield unknown("name", value, known)
        elif subject is not None and not known[value] <= NUMBERS:
            yield f"{value!r} is {_words(known[value])}, not a number"
    elif isinstance(value, bool):
        yield f"should be a number or the name of one, not {value!r}"
    elif isinstance(value, int | float) and not (ANY.holds(value) and SANE.get(name, ANY).holds(value)):
        yield f"should be {' and '.join(SANE.get(name, ANY).lines())}, not {value!r}"


def _examples(table: Mapping[str, Any], kinds: Kinds) -> Iterator[str]:
    examples = _tables(table, "example")
    if "example" in table:
        fires = {example.get("fires") for example in examples.values()}
        if True not in fires:
            yield "example: needs one that fires"
        if False not in fires:
            yield "example: needs one that does not fire"
    for path, example in examples.items():
        for where, finding in _tables(example, "findings").items():
            yield from _sample(f"{path}.{where}", finding, kinds)


def _sample(path: str, finding: dict[str, Any], kinds: Kinds) -> Iterator[str]:
    name = finding.get("kind")
    if "kind" not in finding:
        yield f"{path}: missing key 'kind'"
    elif not isinstance(name, str) or name not in kinds:
        yield f"{path}.kind: {unknown('finding', str(name), kinds)}"
    if not isinstance(name, str) or name not in kinds:
        return
    known = types(kinds[name])
    values = {reading: value for reading, value in finding.items() if reading != "kind" and type(value) in SCALARS}
    wrong = []
    for reading, value in values.items():
        if reading not in known:
            wrong.append(f"{path}: {unknown('name', reading, known)}")
        elif not _fits(value, known[reading]):
            wrong.append(f"{path}.{reading}: should be {_words(known[reading])}, not {value!r}")
    yield from wrong
    if not wrong:
        try:
            sample(kinds[name], values)
        except (TypeError, ValueError) as error:
            yield f"{path}: {error}"
