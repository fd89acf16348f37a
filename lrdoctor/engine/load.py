"""Read rule files; every mistake in any of them is found here, all at once. Nothing in a rule file is ever executed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from lrdoctor.engine.check import check
from lrdoctor.engine.rule import Rule
from lrdoctor.errors import RuleError
from lrdoctor.model import Finding
from lrdoctor.tables import read_toml, typed

MAX_RULES = 5_000


def rules_dir() -> Traversable:
    """The rules that lrdoctor ships: package data where it is installed, `rules/` in a checkout."""
    shipped = files("lrdoctor") / "_rules"
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / "rules"


def load_rules(
    folders: Sequence[Path | Traversable], kinds: Mapping[str, type[Finding]], schedules: Collection[str]
) -> tuple[Rule, ...]:
    """Every rule in `*.toml` of these folders, by id.

    `kinds` are the findings that rules may name, `schedules` the schedules. Raises `RuleError` with all mistakes.
    """
    mistakes: list[str] = []
    rules: list[Rule] = []
    taken: dict[tuple[str, str], str] = {}
    for file in _rule_files(folders, mistakes):
        try:
            table = read_toml(file)
        except ValueError as error:
            mistakes.append(f"{file.name}: {error}")
            continue
        rule, wrong = typed(Rule, table)
        wrong += check(table, file.name, kinds, schedules)
        for key in ("id", "name"):
            if isinstance(value := table.get(key), str):
                if (key, value) in taken:
                    wrong.append(f"{key}: {value!r} is taken by {taken[key, value]}")
                taken[key, value] = file.name
        mistakes += (f"{file.name}: {line}" for line in wrong)
        if rule is not None:
            rules.append(rule)
    if mistakes:
        raise RuleError(mistakes)
    return tuple(sorted(rules, key=lambda rule: rule.id))


def _rule_files(folders: Sequence[Path | Traversable], mistakes: list[str]) -> Iterator[Traversable]:
    count = 0
    for folder in dict.fromkeys(folders):
        try:
            found = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
        except OSError as error:
            mistakes.append(f"{folder}: cannot be read: {error.strerror or error}")
            continue
        count += len(found)
        if count > MAX_RULES:
            mistakes.append(f"{folder}: more than {MAX_RULES} rules")
            return
        for file in found:
            if file.is_file():
                yield file
            else:
                mistakes.append(f"{file.name}: is not a file")
