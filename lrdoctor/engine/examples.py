"""Run the examples that rule files carry: they are the rules' tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lrdoctor.engine.match import advise
from lrdoctor.engine.reading import sample
from lrdoctor.engine.rule import Example, Rule
from lrdoctor.model import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a rule made of one of its examples."""

    rule: Rule
    example: Example
    fired: bool

    @property
    def passed(self) -> bool:
        """Whether it did what the example says."""
        return self.fired is self.example.fires

    def __str__(self) -> str:
        expected = "must fire" if self.example.fires else "must not fire"
        seen = "fired" if self.fired else "did not fire"
        return f"{self.rule.id} {self.rule.name}: {self.example.title}: {expected}, {seen}"


def outcomes(rules: Iterable[Rule], kinds: Mapping[str, type[Finding]]) -> Iterator[Outcome]:
    """Every example of every rule, judged by its own rule alone."""
    for rule in rules:
        for example in rule.example:
            tables = (dict(table) for table in example.findings)
            findings = [sample(kinds[str(table.pop("kind"))], table) for table in tables]
            yield Outcome(rule=rule, example=example, fired=bool(advise([rule], findings)))
