"""What the gate makes of a report. Every combination by the command itself: `tests/test_cli_check.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lrdoctor.config import Config, Expectation, FailOn, PerRun, Waiver
from lrdoctor.gate.baseline import Known
from lrdoctor.gate.judge import judge, worth_knowing
from lrdoctor.model import Diagnosis, Gate, Problem, Report, Severity, Span, Status, Verdict

from .conftest import FALLING, NAN, Masked, Other, advice, diagnosis, ends, report, run

DAY = date(2030, 1, 1)
ERROR = advice("LRD103", Severity.ERROR)
WARNING = advice("LRD301", Severity.WARNING)
INFO = advice("LRD202", Severity.INFO)


def judged(told: Report, *, known: frozenset[Known] = frozenset(), **decided: Any) -> Gate:
    return judge(told, Config(**decided), day=DAY, known=known)


def waiver(rule: str, glob: str = "*") -> Waiver:
    return Waiver(rule=rule, run=glob, reason="known", expires=DAY)


def whats(gate: Gate) -> list[str]:
    return [failure.what for failure in gate.failures]


def dead(*said: str) -> Diagnosis:
    """A run whose training loss ends in NaN, with advice of severity error on that."""
    return diagnosis(run(train=[*FALLING, NAN]), *(advice(rule, Severity.ERROR, ends()) for rule in said))


def test_the_worst_comes_first_and_the_order_of_the_runs_stays() -> None:
    told = report(diagnosis(run("a"), WARNING, INFO), diagnosis(run("b"), ERROR), diagnosis(run("c"), WARNING))
    gate = judged(told, fail_on=FailOn.WARNING)
    assert [(f.run, f.what, f.severity) for f in gate.failures] == [
        ("b", "LRD103", Severity.ERROR),
        ("a", "LRD301", Severity.WARNING),
        ("c", "LRD301", Severity.WARNING),
    ]
    assert gate.fail_on is Severity.WARNING
    assert not gate.passed


def test_praise_is_no_reason_to_fail() -> None:
    assert judged(report(diagnosis(None, advice("LRD001", Severity.INFO))), fail_on=FailOn.INFO).passed
    assert whats(judged(report(diagnosis(None, INFO)), fail_on=FailOn.INFO)) == ["LRD202"]


def test_a_waiver_speaks_before_the_baseline() -> None:
    known = frozenset({Known(rule="LRD103", run="a", series="train")})
    gate = judged(report(diagnosis(None, ERROR)), known=known, waive=(waiver("LRD103"),))
    assert [(p.rule, p.run, p.series, p.by, p.reason) for p in gate.pardons] == [
        ("LRD103", "a", "train", "waiver", "known")
    ]
    (pardon,) = judged(report(diagnosis(None, ERROR)), known=known).pardons
    assert (pardon.by, pardon.reason) == ("baseline", "")


@pytest.mark.parametrize(
    "entry",
    [
        Known(rule="LRD104", run="a", series="train"),
        Known(rule="LRD103", run="b", series="train"),
        Known(rule="LRD103", run="a", series="val"),
    ],
)
def test_the_baseline_knows_rule_run_and_series(entry: Known) -> None:
    assert whats(judged(report(diagnosis(None, ERROR)), known=frozenset({entry}))) == ["LRD103"]


def test_what_would_not_fail_needs_no_pardon() -> None:
    gate = judged(report(diagnosis(None, WARNING)), waive=(waiver("LRD301"),))
    assert (gate.passed, gate.pardons, gate.gone) == (True, (), ())


@pytest.mark.parametrize("fail_on", [FailOn.INFO, FailOn.WARNING, FailOn.ERROR])
def test_no_choice_of_rules_hides_an_end_in_no_number(fail_on: FailOn) -> None:
    for told in (dead("LRD101"), dead()):
        gate = judged(report(told), fail_on=fail_on, ignore={"LRD": ""})
        assert whats(gate) == ["nonfinite"]
        assert gate.failures[0].message == "train ends in no finite number"


def test_it_is_not_said_twice() -> None:
    assert whats(judged(report(dead("LRD101")))) == ["LRD101"]
    assert whats(judged(report(dead("LRD101", "LRD801")))) == ["LRD101", "LRD801"]


def test_never_is_never() -> None:
    assert judged(report(dead("LRD101")), fail_on=FailOn.NEVER).passed
    assert judged(report(dead()), fail_on=FailOn.NEVER).passed


def test_a_pardon_by_name_is_for_the_rule_that_speaks() -> None:
    assert judged(report(dead("LRD101")), waive=(waiver("LRD101"),)).passed
    # Where one speaks, the name of another does not do.
    assert whats(judged(report(dead("LRD101")), waive=(waiver("LRD118"),))) == ["LRD101"]
    # Nor does a pardon of what is said beside it.
    both = diagnosis(run(train=[*FALLING, NAN]), ERROR)
    assert whats(judged(report(both), waive=(waiver("LRD103"),))) == ["nonfinite"]
    # One that fails by itself still does; one that does not needs no pardon.
    assert whats(judged(report(dead("LRD101", "LRD801")), waive=(waiver("LRD101"),))) == ["LRD801"]
    beside = advice("LRD802", Severity.INFO, ends())
    assert judged(
        report(replace(dead("LRD101"), advice=(*dead("LRD101").advice, beside))), waive=(waiver("LRD101"),)
    ).passed


def test_a_pardon_by_name_counts_where_the_rule_is_left_out() -> None:
    left_out: dict[str, Any] = {"ignore": {"LRD1": ""}}
    assert judged(report(dead("LRD101")), waive=(waiver("LRD101"),), **left_out).passed
    assert whats(judged(report(dead("LRD101")), waive=(waiver("LRD101", "b"),), **left_out)) == ["nonfinite"]
    assert whats(judged(report(dead("LRD101")), waive=(waiver("LRD112"),), **left_out)) == ["nonfinite"]
    validation = report(diagnosis(run(train=FALLING, val=[*FALLING, NAN])))
    assert judged(validation, waive=(waiver("LRD112"),), **left_out).passed
    assert whats(judged(validation, waive=(waiver("LRD101"),), **left_out)) == ["nonfinite"]


def test_a_warning_on_the_end_fails_at_error_too_unless_it_is_pardoned() -> None:
    told = report(diagnosis(run(train=FALLING, val=[*FALLING, NAN]), advice("LRD112", Severity.WARNING, ends("val"))))
    assert whats(judged(told)) == ["nonfinite"]
    assert judged(told, waive=(waiver("LRD112"),)).passed
    known = worth_knowing(told, Config(), DAY)
    assert known == {Known(rule="LRD112", run="a", series="val")}
    assert judged(told, known=known).passed


def test_a_number_that_came_back_is_for_the_rules() -> None:
    assert judged(report(diagnosis(run(train=[3.0, NAN, 2.0, 1.0])))).passed
    assert judged(report(diagnosis(run(train=FALLING, gradient=[1.0, NAN])))).passed


@pytest.mark.parametrize(
    ("found", "fails"),
    [
        (Masked(series="train", span=Span(60, 100), confidence=1.0), True),
        (Masked(series="train", span=Span(60, 100), confidence=1.0, falling=True), False),
        (Masked(series="train", span=Span(60, 100), confidence=1.0, gradient="absent"), False),
        (Masked(series="train", span=Span(60, 100), confidence=1.0, points=1), False),
    ],
)
def test_a_loss_behind_which_no_gradient_is_a_number_counts(found: Masked, *, fails: bool) -> None:
    told = diagnosis(run(train=FALLING), advice("LRD202", Severity.INFO, found))
    assert whats(judged(report(told))) == (["nonfinite"] if fails else [])


def test_strict() -> None:
    told = report(
        diagnosis(run("short"), verdict=Verdict.CANNOT_TELL, lacks="too few points"),
        diagnosis(run("on", status=Status.RUNNING, train=FALLING)),
        diagnosis(run("over", status=Status.FINISHED, train=FALLING)),
        diagnosis(run("old", train=FALLING)),
    )
    assert judged(told).passed
    gate = judged(told, strict=True)
    assert [(f.run, f.what, f.message) for f in gate.failures] == [
        ("short", "cannot_tell", "too few points"),
        ("on", "cannot_tell", "the run is not over"),
    ]
    assert whats(judged(told, strict=True, per_run=(PerRun(run="o*", strict=False),))) == ["cannot_tell"]


def test_overrides_and_the_order_among_them() -> None:
    told = report(diagnosis(run("a/1"), WARNING), diagnosis(run("a/2"), WARNING), diagnosis(run("b"), ERROR))
    tables = (
        PerRun(run="a/*", fail_on=FailOn.WARNING, ignore={"LRD3": ""}),
        PerRun(run="a/1", ignore={}),
        PerRun(run="b", select=("LRD3",)),
    )
    assert [f.run for f in judged(told, per_run=tables).failures] == ["a/1"]
    assert judged(told, per_run=tables[::-1]).passed


def test_gone_is_what_no_rule_says_any_more() -> None:
    known = frozenset(
        Known(rule=rule, run=name, series=series)
        for rule, name, series in [
            ("LRD103", "a", "train"),
            ("LRD104", "a", "train"),
            ("LRD104", "a", ""),
            ("LRD103", "b", "train"),
            ("LRD601", "a", "train"),
        ]
    )
    told = report(diagnosis(None, ERROR))
    # LRD601 is left out, so nobody knows; what is below the threshold is still there.
    gate = judged(told, known=known, fail_on=FailOn.NEVER, ignore={"LRD6": ""})
    assert gate.gone == (
        "baseline: LRD103 of b on train: there is no such run",
        "baseline: LRD104 of a",
        "baseline: LRD104 of a on train",
    )
    unread = report(diagnosis(None, ERROR), errors=(Problem(path="b", message="cannot be read"),))
    assert len(judged(unread, known=known, ignore={"LRD6": ""}).gone) == 2


def test_what_meets_nothing_is_named() -> None:
    told = report(diagnosis(None, ERROR))
    waivers = (waiver("LRD103"), waiver("LRD104"), waiver("LRD103", "b"), waiver("LRD601"))
    tables = (PerRun(run="a", strict=False), PerRun(run="b", strict=False))
    gate = judged(told, waive=waivers, per_run=tables, ignore={"LRD6": ""})
    assert gate.gone == (
        "the waiver of LRD104 for '*' has nothing to pardon",
        "the waiver of LRD103 for 'b' has nothing to pardon",
        "per_run: 'b' matches no run",
    )
    assert gate.passed


def test_a_baseline_holds_what_fails_and_is_not_waived() -> None:
    told = report(diagnosis(run("a"), ERROR, WARNING, INFO), diagnosis(run("b"), ERROR))
    config = Config(fail_on=FailOn.WARNING, waive=(waiver("LRD103", "b"),))
    known = worth_knowing(told, config, DAY)
    assert known == {Known(rule="LRD103", run="a", series="train"), Known(rule="LRD301", run="a", series="train")}
    assert judge(told, config, day=DAY, known=known).passed
    assert worth_knowing(told, Config(fail_on=FailOn.NEVER), DAY) == frozenset()


def test_nothing_is_expected_where_there_is_no_run() -> None:
    wanted = (Expectation(metric="val_loss", below=1),)
    assert judged(report(), expect=wanted).passed
    assert whats(judged(report(diagnosis(run(val=[2.0]))), expect=wanted)) == ["expectation"]


def test_advice_that_rests_on_two_findings_is_known_by_the_first() -> None:
    said = advice("LRD103", Severity.ERROR, Other(series="val", span=Span(0, 1), confidence=1.0))
    assert worth_knowing(report(diagnosis(None, said)), Config(), DAY) == {Known(rule="LRD103", run="a", series="val")}
