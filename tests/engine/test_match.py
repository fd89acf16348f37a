"""Rules speak when all `when` and no `unless` hold; unknown values hold nothing; one advice per rule and run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.engine.match import UNCOUNTED, advise
from lrdoctor.engine.rule import Bound, Clause, FixSpec, Record, Rule
from lrdoctor.model import AddWarmup, ClipGrad, Evidence, Finding, ScaleLr, Severity, Span, UseSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike(Finding):
    kind: ClassVar[str] = "spike"
    height: float | None = None
    count: int | None = None
    sharp: bool | None = None
    shape: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Finding):
    kind: ClassVar[str] = "rate"
    peak: float | None = None


def spike(first: int = 0, confidence: float = 1.0, **evidence: Any) -> Spike:
    return Spike(series="train/loss", span=Span(first, first + 9), confidence=confidence, **evidence)


def rate(peak: float | None = None, confidence: float = 1.0) -> Rate:
    return Rate(series="lr", span=Span(0, 99), confidence=confidence, peak=peak)


def clause(finding: str, **where: Bound) -> Clause:
    return Clause(finding=finding, where=where)


def rule(*when: Clause, **changes: Any) -> Rule:
    known: dict[str, Any] = {"id": "LRD101", "name": "spikes", "severity": Severity.WARNING, "what": "It spikes."}
    known |= {"why": "…", "message": "seen", "references": ("…",), "example": ()}
    return Rule(**known | {"when": when or (clause("spike"),)} | changes)


def fires(bound: Bound, value: Any, name: str = "height") -> bool:
    return bool(advise([rule(clause("spike", **{name: bound}))], [replace(spike(), **{name: value})]))


@pytest.mark.parametrize(
    ("bound", "inside", "outside"),
    [
        (Bound(lt=3), 2.9, 3.0),
        (Bound(le=3), 3.0, 3.1),
        (Bound(gt=3), 3.1, 3.0),
        (Bound(ge=3), 3, 2.9),
        (Bound(ge=3, lt=4), 3.5, 4),
        (Bound(eq=3), 3.0, 4),
        (Bound(one_of=(3, 4)), 4, 5),
        (Bound(known=True), 0.0, None),
        (Bound(known=False), None, 0.0),
        (Bound(known=False), math.nan, 1),
    ],
)
def test_bounds(bound: Bound, inside: float, outside: float) -> None:
    assert fires(bound, inside)
    assert not fires(bound, outside)


def test_bounds_on_text_and_truth() -> None:
    assert fires(Bound(eq="cosine"), "cosine", "shape")
    assert not fires(Bound(one_of=("cosine", "step")), "linear", "shape")
    assert fires(Bound(eq=False), False, "sharp")
    assert not fires(Bound(eq=True), 1, "count")
    assert not fires(Bound(ge=0), True, "sharp")
    assert not fires(Bound(ge=0), "cosine", "shape")


UNKNOWN = [None, math.nan, math.inf, -math.inf, 10**400]
BOUNDS = [Bound(lt=1), Bound(le=1), Bound(gt=-1), Bound(ge=-1), Bound(eq=1), Bound(one_of=(1, 2)), Bound(known=True)]


@pytest.mark.parametrize("value", UNKNOWN)
@pytest.mark.parametrize("bound", BOUNDS)
def test_the_unknown_satisfies_neither_when_nor_unless(bound: Bound, value: Evidence) -> None:
    assert not fires(bound, value)
    assert advise([rule(unless=(clause("spike", height=bound),))], [spike(height=value)])


@pytest.mark.parametrize("value", UNKNOWN)
def test_a_rule_may_ask_for_the_unknown(value: Evidence) -> None:
    assert fires(Bound(known=False), value)


def test_confidence_and_steps_may_be_bounded() -> None:
    sure = rule(clause("spike", confidence=Bound(ge=0.8), first_step=Bound(ge=5), last_step=Bound(le=20)))
    assert advise([sure], [spike(first=5, confidence=0.8)])
    assert not advise([sure], [spike(first=5, confidence=0.7)])
    assert not advise([sure], [spike(first=4)])
    assert not advise([sure], [spike(first=12)])


def test_all_when_must_hold() -> None:
    both = rule(clause("spike"), clause("rate", peak=Bound(gt=0.1)))
    assert advise([both], [rate(0.2), spike()])[0].because == (spike(), rate(0.2))
    assert not advise([both], [rate(0.1), spike()])
    assert not advise([both], [rate(0.2)])


def test_the_first_match_of_a_further_clause_is_named() -> None:
    (advice,) = advise([rule(clause("spike"), clause("rate"))], [rate(0.2), rate(0.3), spike()])
    assert advice.because == (spike(), rate(0.2))


def test_one_finding_may_satisfy_two_clauses_and_is_named_once() -> None:
    (advice,) = advise([rule(clause("spike"), clause("spike", height=Bound(ge=3)))], [spike(height=3)])
    assert advice.because == (spike(height=3),)


def test_no_unless_may_hold() -> None:
    unless = rule(unless=(clause("rate", peak=Bound(gt=0.1)), clause("rate", peak=Bound(lt=0.01))))
    assert advise([unless], [spike(), rate(0.05)])
    assert not advise([unless], [spike(), rate(0.2)])
    assert not advise([unless], [spike(), rate(0.05), rate(0.001)])


def test_the_surest_then_earliest_subject_speaks() -> None:
    (advice,) = advise([rule()], [spike(5, 0.5), spike(9, 0.9), spike(7, 0.9), spike(1, math.nan)])
    assert advice.because == (spike(7, 0.9),)


def test_confidence_is_that_of_the_weakest_finding() -> None:
    (advice,) = advise([rule(clause("spike"), clause("rate"))], [spike(confidence=0.9), rate(confidence=0.6)])
    assert advice.confidence == 0.6
    (unsure,) = advise([rule(severity=Severity.INFO)], [spike(confidence=math.nan)])
    assert unsure.confidence == 0.0


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.ERROR])
def test_no_warning_is_given_that_is_as_likely_wrong_as_right(severity: Severity) -> None:
    assert advise([rule(severity=severity)], [spike(confidence=0.5)])
    assert not advise([rule(severity=severity)], [spike(confidence=0.49)])
    assert not advise([rule(severity=severity, record=Record(faulty=3, sound=4))], [spike(confidence=0.99)])
    assert advise([rule(severity=Severity.INFO)], [spike(confidence=0.1)])


def test_no_rule_is_surer_than_its_record_or_than_what_nobody_counted() -> None:
    (counted,) = advise([rule(record=Record(faulty=8, sound=1))], [spike(confidence=1.0)])
    (uncounted,) = advise([rule()], [spike(confidence=1.0)])
    assert counted.confidence == pytest.approx(9 / 11)
    assert uncounted.confidence == UNCOUNTED


def test_worst_first_then_surest_then_by_id() -> None:
    rules = [
        rule(clause("spike"), id="LRD104", severity=Severity.INFO),
        rule(clause("spike"), id="LRD103", severity=Severity.ERROR),
        rule(clause("rate"), id="LRD105", severity=Severity.ERROR),
        rule(clause("spike"), id="LRD102", severity=Severity.ERROR),
    ]
    said = advise(rules, [spike(confidence=0.5), rate(confidence=0.9)])
    assert [a.rule.id for a in said] == ["LRD105", "LRD102", "LRD103", "LRD104"]


def test_a_rule_that_speaks_alone_is_silent_beside_a_fault() -> None:
    alone = rule(id="LRD001", severity=Severity.INFO, alone=True)
    beside = rule(id="LRD002", severity=Severity.INFO)
    fault = rule(clause("rate"), id="LRD101", severity=Severity.WARNING)
    rules = [alone, beside, fault]
    assert [a.rule.id for a in advise(rules, [spike()])] == ["LRD001", "LRD002"]
    assert [a.rule.id for a in advise(rules, [spike(), rate()])] == ["LRD101", "LRD002"]


def test_a_rule_that_speaks_instead_silences_all_others() -> None:
    instead = rule(clause("rate"), id="LRD533", severity=Severity.INFO, instead=True)
    another = rule(clause("rate"), id="LRD539", severity=Severity.INFO, instead=True)
    rules = [rule(clause("spike"), id="LRD101", severity=Severity.ERROR), instead, another]
    assert [a.rule.id for a in advise(rules, [spike()])] == ["LRD101"]
    assert [a.rule.id for a in advise(rules, [spike(), rate()])] == ["LRD533", "LRD539"]


def message(text: str, *findings: Finding) -> str:
    (advice,) = advise([rule(clause("spike"), clause("rate"), message=text)], [*findings, rate(0.25)])
    return advice.message


def test_messages_print_what_was_seen() -> None:
    seen = spike(first=3, confidence=0.951, height=0.1234, count=12345, sharp=True, shape="V")
    assert message("{series} {first_step}-{last_step}, {confidence:.0%}", seen) == "train/loss 3-12, 95%"
    assert (
        message("{height} {height:.0%} {height:.2g} {count:,d} {sharp} {shape}", seen)
        == "0.1234 12% 0.12 12,345 True V"
    )
    assert message("{{peak}} {rate.peak:.1f}", seen) == "{peak} 0.2"


@pytest.mark.parametrize("value", UNKNOWN)
def test_messages_print_the_unknown_as_such(value: Evidence) -> None:
    assert message("{height:.3g} {count:,d}", spike(height=value, count=value)) == "unknown unknown"


def test_messages_read_no_attributes() -> None:
    hostile = "{series.__class__} {0} {series[0]}"
    assert message(hostile, spike()) == "unknown unknown unknown"


def fixes(spec: FixSpec, **evidence: Any) -> tuple[object, ...]:
    (advice,) = advise([rule(fix=(spec,))], [spike(**evidence)])
    return advice.fixes


def test_fixes_take_numbers_from_the_rule_or_the_subject() -> None:
    assert fixes({"action": "scale_lr", "factor": 0.1}) == (ScaleLr(factor=0.1),)
    assert fixes({"action": "scale_lr", "factor": "height"}, height=0.5) == (ScaleLr(factor=0.5),)
    assert fixes({"action": "use_schedule", "schedule": "cosine"}) == (UseSchedule(schedule="cosine"),)
    assert fixes({"action": "clip_grad"}) == (ClipGrad(),)


def test_a_rule_speaks_of_each_run_by_itself() -> None:
    specs = ({"action": "clip_grad"}, {"action": "scale_lr", "factor": "height"})
    one = rule(clause("spike"), clause("rate"), message="{height} at {rate.peak}", fix=specs)
    for height, peak, said in ((0.5, 1.0, "0.5 at 1"), (0.25, 2.0, "0.25 at 2"), (None, None, "unknown at unknown")):
        (advice,) = advise([one], [spike(height=height), rate(peak)])
        assert advice.message == said
        assert advice.fixes == (ClipGrad(), *([] if height is None else [ScaleLr(factor=height)]))


@pytest.mark.parametrize("value", [*UNKNOWN, 0.0, -1.0])
def test_a_fix_without_a_sane_number_is_left_out(value: Evidence) -> None:
    assert fixes({"action": "scale_lr", "factor": "height"}, height=value) == ()


def test_a_fraction_is_part_of_the_run() -> None:
    assert fixes({"action": "add_warmup", "fraction": "height"}, height=0.1) == (AddWarmup(fraction=0.1),)
    assert fixes({"action": "add_warmup", "fraction": "height"}, height=1.0) == ()


def test_withholding_is_passed_on() -> None:
    (advice,) = advise([rule(severity=Severity.INFO, verdict="cannot_tell")], [spike()])
    assert advice.rule.withholds


evidence = st.fixed_dictionaries(
    {
        "height": st.none() | st.floats() | st.integers() | st.booleans() | st.text(max_size=3),
        "count": st.none() | st.integers() | st.integers(min_value=10**400),
        "sharp": st.none() | st.booleans(),
        "shape": st.none() | st.text(max_size=3),
    }
)
spans = st.tuples(st.integers(), st.integers()).map(lambda pair: Span(*pair))
common = {"series": st.text(max_size=3), "span": spans, "confidence": st.floats()}
spikes = st.builds(lambda given, **rest: Spike(**given, **rest), evidence, **common)
rates = st.builds(Rate, peak=st.none() | st.floats(), **common)
limits = st.none() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
bounds = st.builds(
    Bound,
    lt=limits,
    le=limits,
    gt=limits,
    ge=limits,
    eq=st.none() | scalars,
    one_of=st.lists(scalars, max_size=2).map(tuple),
    known=st.none() | st.booleans(),
)
wheres: st.SearchStrategy[Mapping[str, Bound]] = st.dictionaries(
    st.sampled_from([*Spike.evidence_names(), "confidence", "series", "first_step"]), bounds, max_size=2
)
clauses = st.builds(Clause, finding=st.sampled_from(["spike", "rate"]), where=wheres)
rules = st.builds(
    rule,
    clauses,
    id=st.sampled_from(["LRD101", "LRD102"]),
    severity=st.sampled_from(Severity),
    unless=st.lists(clauses, max_size=2).map(tuple),
    message=st.sampled_from(["{height:.3g} {count:d} {sharp} {shape} {confidence:.0%}", "{rate.peak:,.2f} {peak}"]),
    fix=st.just(({"action": "scale_lr", "factor": "height"}, {"action": "add_warmup", "fraction": "confidence"})),
)


single = st.builds(lambda key, limit: Bound(**{key: limit}), st.sampled_from(["lt", "le", "gt", "ge", "eq"]), limits)


@given(bound=bounds | single | st.builds(Bound, eq=scalars), value=scalars | st.none(), own=st.booleans())
def test_what_is_asked_sooner_says_what_the_bound_says(bound: Bound, value: Evidence, own: bool) -> None:
    told = next((v for v in (bound.le, bound.ge, bound.eq) if v is not None), value) if own else value
    assert bound.check(told) is bound.holds(told)


@given(rules=st.lists(rules, max_size=4), findings=st.lists(spikes | rates, max_size=5))
def test_advise_is_total_and_deterministic(rules: list[Rule], findings: list[Finding]) -> None:
    said = advise(rules, findings)
    assert repr(advise(rules, findings)) == repr(said)
    assert len(said) <= len(rules)
    assert [-a.rule.severity.rank for a in said] == sorted(-a.rule.severity.rank for a in said)
    for advice in said:
        assert math.isfinite(advice.confidence)
        assert advice.because
        assert all(math.isfinite(fix.factor) and fix.factor > 0 for fix in advice.fixes if isinstance(fix, ScaleLr))


@given(rule_=rules, findings=st.lists(spikes | rates, max_size=5))
def test_the_order_of_findings_does_not_decide_whether_a_rule_speaks(rule_: Rule, findings: list[Finding]) -> None:
    assert bool(advise([rule_], findings)) is bool(advise([rule_], findings[::-1]))
