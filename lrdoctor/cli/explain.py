"""`lrdoctor explain`: the whole argument of one rule. The rule file is the documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrdoctor.cli.rules import format_option, rules_option

if TYPE_CHECKING:
    from lrdoctor.engine.rule import Clause, FixSpec, Rule


@click.command()
@click.argument("rule")
@rules_option
@format_option
def command(rule: str, folders: Sequence[Path], form: str) -> None:
    """Print what RULE (an id or a name) looks for, why it matters and what to do.

    Exit status: 0, or 2 when there is no such rule.
    """
    from lrdoctor.config import load_config
    from lrdoctor.doctor import known_rules
    from lrdoctor.reports._escape import plain

    found = _find(known_rules(load_config(Path.cwd()), folders), rule)
    sections = _sections(found)
    if form == "json":
        head = {"schema_version": 1, "id": found.id, "name": found.name, "severity": found.severity}
        click.echo(json.dumps({**head, **sections}, indent=2))
        return
    click.echo(f"{found.id} {found.name} ({found.severity})")
    for title, lines in sections.items():
        if lines:
            click.echo("\n".join(["", title.capitalize(), *(f"  {plain(line, 10_000)}".rstrip() for line in lines)]))


def _find(rules: Sequence[Rule], wanted: str) -> Rule:
    from difflib import get_close_matches

    from lrdoctor.errors import RuleError

    known = {key: rule for rule in rules for key in (rule.id, rule.name)}
    word = wanted.upper() if wanted.upper().startswith("LRD") else wanted.lower()
    if word not in known:
        near = get_close_matches(word, known, n=1, cutoff=0.0)
        raise RuleError(f"unknown rule {wanted!r}; {f'did you mean {near[0]!r}?' if near else 'there are no rules'}")
    return known[word]


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


def _conditions(clause: Clause) -> list[str]:
    bounds = [f"{clause.finding}: {name} {line}" for name, bound in clause.where.items() for line in bound.lines()]
    return bounds or [f"{clause.finding}: any"]


def _fix(spec: FixSpec) -> str:
    from lrdoctor.engine.rule import show

    params = ", ".join(f"{name} = {show(value)}" for name, value in spec.items() if name != "action")
    return f"{spec['action']}: {params}" if params else str(spec["action"])
