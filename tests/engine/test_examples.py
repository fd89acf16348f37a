"""The examples in a rule file are its tests: each is judged by its own rule alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lrdoctor.engine.examples import Outcome, outcomes
from lrdoctor.engine.load import load_rules
from lrdoctor.engine.rule import Rule
from lrdoctor.model import Finding

Kinds = Mapping[str, type[Finding]]
Write = Callable[..., Path]


def run(folder: Path, kinds: Kinds) -> list[Outcome]:
    rules: tuple[Rule, ...] = load_rules([folder], kinds, ["cosine"])
    return list(outcomes(rules, kinds))


def test_right_examples_pass(write: Write, kinds: Kinds) -> None:
    assert [(o.fired, o.passed) for o in run(write(), kinds)] == [(True, True), (False, True)]


def test_a_wrong_example_says_what_was_expected(write: Write, kinds: Kinds) -> None:
    swapped = [("fires = true", "fires = x"), ("fires = false", "fires = true"), ("fires = x", "fires = false")]
    assert [str(o) for o in run(write(*swapped), kinds) if not o.passed] == [
        "LRD101 early-blow-up: blows up at once: must not fire, fired",
        "LRD101 early-blow-up: a bump that stays below the limit: must fire, did not fire",
    ]


def test_what_an_example_leaves_out_is_unknown(write: Write, kinds: Kinds) -> None:
    (first, _) = run(write(("onset_fraction = 0.01, ", "")), kinds)
    assert not first.fired


def test_an_example_may_hold_numbers_that_are_none(write: Write, kinds: Kinds) -> None:
    (first, second) = run(write(("peak_ratio = 2.9", "peak_ratio = nan")), kinds)
    assert first.passed
    assert second.passed
    assert not second.fired


def test_an_example_may_have_no_findings_at_all(write: Write, kinds: Kinds) -> None:
    folder = write(
        ("fires = false\nfindings = [", "fires = false\n[[example]]\ntitle = ''\nfires = false\nfindings = [")
    )
    assert [o.passed for o in run(folder, kinds)] == [True, True, True]
