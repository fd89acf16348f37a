"""`lrdoctor rules`: every rule in one line each, and the tests that rule files carry."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lrdoctor.engine.examples import Outcome
    from lrdoctor.engine.rule import Rule

rules_option = click.option(
    "--rules",
    "folders",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A further folder of rule files; may be given several times.",
)
format_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)


@click.command()
@click.option("--test", is_flag=True, help="Run the examples in the rule files instead; exit 1 if any fails.")
@rules_option
@format_option
@click.pass_context
def command(ctx: click.Context, test: bool, folders: Sequence[Path], form: str) -> None:
    """List every rule, or test them all.

    Exit status: 0; 1 when an example fails; 2 when a rule file is broken.
    """
    from lrdoctor.config import load_config
    from lrdoctor.doctor import finding_kinds, known_rules
    from lrdoctor.engine.examples import outcomes

    rules = known_rules(load_config(Path.cwd()), folders)
    if not test:
        click.echo(_listed_json(rules) if form == "json" else _listed(rules))
        return
    results = list(outcomes(rules, finding_kinds()))
    click.echo(_tested_json(results) if form == "json" else _tested(results))
    if not all(result.passed for result in results):
        ctx.exit(1)


def _listed(rules: Sequence[Rule]) -> str:
    from lrdoctor.reports._escape import plain

    width = max((len(rule.name) for rule in rules), default=0)
    lines = ((rule.id, rule.severity, rule.name, " ".join(rule.what.split())) for rule in rules)
    return "\n".join(
        f"{id_}  {severity:<7}  {name:<{width}}  {plain(what, 10_000)}" for id_, severity, name, what in lines
    )


def _listed_json(rules: Sequence[Rule]) -> str:
    infos = [rule.info for rule in rules]
    listed = [{"id": i.id, "name": i.name, "severity": i.severity, "what": i.what} for i in infos]
    return json.dumps({"schema_version": 1, "rules": listed}, indent=2)


def _tested(results: Sequence[Outcome]) -> str:
    from lrdoctor.reports._escape import plain

    failed = [plain(str(result), 10_000) for result in results if not result.passed]
    rules = len({result.rule.id for result in results})
    return "\n".join([*failed, f"{rules} rules, {len(results)} examples, {len(failed)} failed"])


def _tested_json(results: Sequence[Outcome]) -> str:
    tested = [
        {"rule": r.rule.id, "title": r.example.title, "must_fire": r.example.fires, "fired": r.fired} for r in results
    ]
    return json.dumps({"schema_version": 1, "examples": tested}, indent=2)
