"""Every `[[example]]` of the shipped rules is a test case, and the rules as a whole keep their promises."""

from __future__ import annotations

import pytest

from lrdoctor.config import Config
from lrdoctor.doctor import finding_kinds, known_rules
from lrdoctor.engine.examples import Outcome, outcomes
from lrdoctor.engine.rule import Rule
from lrdoctor.model import Severity

RULES = known_rules(Config())
OUTCOMES = list(outcomes(RULES, finding_kinds()))


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda o: f"{o.rule.id}: {o.example.title}")
def test_example(outcome: Outcome) -> None:
    assert outcome.passed, str(outcome)


def test_the_cures_that_an_engineer_expects_are_covered() -> None:
    fixes = [fix for rule in RULES for fix in rule.fix]
    factors = [f for fix in fixes if fix["action"] == "scale_lr" and isinstance(f := fix["factor"], int | float)]
    assert min(factors) < 1 < max(factors)
    assert {"add_warmup", "clip_grad", "use_schedule", "say"} <= {str(fix["action"]) for fix in fixes}
    assert any(rule.info.withholds for rule in RULES)


@pytest.mark.parametrize("rule", [r for r in RULES if r.severity is not Severity.INFO], ids=lambda r: r.id)
def test_a_fault_comes_with_something_to_do(rule: Rule) -> None:
    assert rule.fix
    assert rule.why
    assert rule.references


def test_no_numeric_fix_comes_from_mere_information() -> None:
    for rule in RULES:
        if rule.severity is Severity.INFO:
            assert {fix["action"] for fix in rule.fix} <= {"say"}, rule.id
