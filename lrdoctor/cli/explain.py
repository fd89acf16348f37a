"""`lrdoctor explain`: the whole argument of one rule. The rule file is the documentation."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click

from lrdoctor.cli._completion import rule_names
from lrdoctor.cli.rules import format_option, rules_option

if TYPE_CHECKING:
    from lrdoctor.engine.rule import Clause, FixSpec, Rule
    from lrdoctor.model import Finding

WIDTH = 100
"""Columns where no terminal says how wide it is."""
LONGEST_BOUND = 34
"""A longer condition stands on a line of its own, with its meaning below."""


@click.command()
@click.argument("rule", shell_complete=rule_names)
@rules_option
@format_option
def command(rule: str, folders: Sequence[Path], form: str) -> None:
    """Print what RULE (an id or a name) looks for, why it matters and what to do.

    Exit status: 0, or 2 when there is no such rule.
    """
    from lrdoctor.config import load_config
    from lrdoctor.doctor import finding_kinds, known_rules

    found = _find(known_rules(load_config(Path.cwd()), folders), rule)
    kinds = finding_kinds()
    if form == "json":
        head = {"schema_version": 1, "id": found.id, "name": found.name, "severity": found.severity}
        click.echo(json.dumps({**head, **_sections(found), **_words(found, kinds)}, indent=2))
        return
    width = get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    click.echo("\n".join(_page(found, kinds, width)))


def _find(rules: Sequence[Rule], wanted: str) -> Rule:
    from difflib import get_close_matches

    from lrdoctor.errors import RuleError

    known = {key: rule for rule in rules for key in (rule.id, rule.name)}
    word = wanted.upper() if wanted.upper().startswith("LRD") else wanted.lower()
    if word not in known:
        # As --select takes it, the beginning of an id means all that begin so.
        if several := [rule.id for rule in rules if rule.id.startswith(word)]:
            raise RuleError(f"{wanted!r} means {', '.join(several)}; explain one of them")
        near = get_close_matches(word, known, n=1, cutoff=0.0)
        raise RuleError(f"unknown rule {wanted!r}; {f'did you mean {near[0]!r}?' if near else 'there are no rules'}")
    return known[word]


# For programs


def _sections(rule: Rule) -> Mapping[str, Sequence[str]]:
    """What there is to read, line by line, under the keys of the rule file."""
    return {
        "what": rule.what.strip().splitlines(),
        "why": rule.why.strip().splitlines(),
        "when": [line for clause in rule.when for line in _conditions(clause)],
        "unless": [line for clause in rule.unless for line in _conditions(clause)],
        "fix": [_fix(spec) for spec in rule.fix],
        "caveats": rule.caveats.strip().splitlines(),
        "references": rule.references,
    }


def _words(rule: Rule, kinds: Mapping[str, type[Finding]]) -> Mapping[str, object]:
    """The fixes in words, and what each name in a condition means."""
    from lrdoctor.cli._meanings import of_field

    named = {(clause.finding, name) for clause in (*rule.when, *rule.unless) for name in clause.where}
    meanings = {f"{kind}.{name}": of_field(kinds[kind], name) for kind, name in sorted(named)}
    return {"to_do": [_to_do(spec) for spec in rule.fix], "meanings": {k: text for k, text in meanings.items() if text}}


def _conditions(clause: Clause) -> list[str]:
    bounds = [f"{clause.finding}: {name} {line}" for name, bound in clause.where.items() for line in bound.lines()]
    return bounds or [f"{clause.finding}: any"]


def _fix(spec: FixSpec) -> str:
    from lrdoctor.engine.rule import show

    params = ", ".join(f"{name} = {show(value)}" for name, value in spec.items() if name != "action")
    return f"{spec['action']}: {params}" if params else str(spec["action"])


# For people


def _page(rule: Rule, kinds: Mapping[str, type[Finding]], width: int) -> Iterator[str]:
    """The page, line by line, in the order in which a sceptic asks."""
    from lrdoctor.reports._escape import plain

    manner = (", withholds judgement" if rule.verdict else "") + (", in place of all others" if rule.instead else "")
    yield plain(f"{rule.id} {rule.name} ({rule.severity}{manner})", 10_000)
    yield from _wrapped(rule.what, width, "")
    also = [_alone(rule)] if rule.alone else []
    to_do = [_to_do(spec) for spec in rule.fix]
    sections: Mapping[str, Iterable[str]] = {
        "Why": _paragraphs(rule.why, width),
        _heading("It speaks when", "all of these hold", len(rule.when)): _clauses(rule.when, kinds, width),
        _heading("Unless", "one of these holds", len(rule.unless) + len(also)): (
            *_clauses(rule.unless, kinds, width),
            *(line for text in also for line in _wrapped(text, width, "  ")),
        ),
        "What to do" + (", best first" if len(to_do) > 1 else ""): _listed(to_do, width, numbered=len(to_do) > 1),
        "Where it is wrong": _paragraphs(rule.caveats, width),
        "References": _listed(rule.references, width),
    }
    for title, lines in sections.items():
        if found := list(lines):
            yield from ("", title, *found)


def _heading(title: str, several: str, count: int) -> str:
    return f"{title} {several}" if count > 1 else title


def _alone(rule: Rule) -> str:
    withheld = "" if rule.verdict else ", or another one withholds judgement"
    return f"A warning or an error speaks of the same run{withheld}."


def _clauses(clauses: Iterable[Clause], kinds: Mapping[str, type[Finding]], width: int) -> Iterator[str]:
    """Each kind of finding with what it is, and below it the bounds, each beside what it bounds."""
    from lrdoctor.cli._meanings import of_field, of_kind

    for clause in clauses:
        kind = kinds[clause.finding]
        about = of_kind(kind)
        yield from _wrapped(f"{clause.finding}: {about}" if about else clause.finding, width, "  ", "    ")
        rows = {f"{name} {' and '.join(bound.lines())}": of_field(kind, name) for name, bound in clause.where.items()}
        column = max((len(bound) for bound in rows if len(bound) <= LONGEST_BOUND), default=0)
        for bound, meaning in rows.items():
            yield from _row(bound, meaning, column, width)


def _row(bound: str, meaning: str, column: int, width: int) -> Iterator[str]:
    if not meaning:
        yield from _wrapped(bound, width, "    ", "      ")
    elif len(bound) > column:
        yield from _wrapped(bound, width, "    ", "      ")
        yield from _wrapped(meaning, width, " " * (column + 6))
    else:
        yield from _wrapped(meaning, width, f"    {bound:<{column}}  ", " " * (column + 6))


def _to_do(spec: FixSpec) -> str:
    """The fix in words. A number that only the run tells is named."""
    from lrdoctor.engine.match import numeric
    from lrdoctor.engine.rule import ACTIONS
    from lrdoctor.model import ClipGrad
    from lrdoctor.reports._words import in_words, number

    action = str(spec["action"])
    params = {name: value for name, value in spec.items() if name != "action"}
    told = [f"{name} = {params[name]}" for name in params if name in numeric(action) and isinstance(params[name], str)]
    if told:
        return f"{(ACTIONS[action].__doc__ or action).rstrip('.')}: {', '.join(told)}, as measured in the run."
    fix = ACTIONS[action](**params)  # type: ignore[arg-type]
    said = in_words(fix)
    if isinstance(fix, ClipGrad):
        said = (
            "clip the gradient norm at the 90th percentile of what was logged while training was sound, "
            f"or at {number(fix.max_norm)} where none was logged"
        )
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith(('.', '?', '!')) else '.'}"


def _listed(items: Sequence[str], width: int, *, numbered: bool = False) -> Iterator[str]:
    for place, item in enumerate(items, 1):
        mark = f"{place}. " if numbered else "- " if len(items) > 1 else ""
        yield from _wrapped(item, width, f"  {mark}", " " * (2 + len(mark)))


def _paragraphs(text: str, width: int) -> Iterator[str]:
    for place, paragraph in enumerate(p for p in text.split("\n\n") if p.strip()):
        yield from ("",) if place else ()
        yield from _wrapped(paragraph, width, "  ")


def _wrapped(text: str, width: int, first: str, rest: str | None = None) -> list[str]:
    """The text in lines of this width; it is escaped here, so nobody can forget it."""
    from lrdoctor.reports._escape import plain

    return textwrap.wrap(
        plain(re.sub(r"[ \n]+", " ", text.strip()), 10_000),
        max(width, 40),
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
