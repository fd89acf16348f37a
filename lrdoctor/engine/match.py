"""Turn findings into advice: each rule speaks at most once of a run. Pure, and total for rules that were loaded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import NamedTuple, get_type_hints

from lrdoctor.engine.message import fill, placeholders
from lrdoctor.engine.reading import readings
from lrdoctor.engine.rule import ACTIONS, Bound, Clause, FixSpec, Rule
from lrdoctor.model import Advice, Evidence, Finding, Fix, RuleInfo, Severity, Span

SANE: Mapping[str, Bound] = {
    "factor": Bound(gt=0),
    "fraction": Bound(gt=0, lt=1),
    "final_fraction": Bound(ge=0, lt=1),
    "max_norm": Bound(gt=0),
}
"""What a fix's parameter must satisfy, by its name, whether the rule gives it or the run."""
ANY = Bound(known=True)

Seen = dict[str, list[Finding]]
"""The findings of a run by their kind."""
_RANK = {severity: severity.rank for severity in Severity}


class _Prepared(NamedTuple):
    """What is the same whenever a rule speaks."""

    info: RuleInfo
    message: str
    wanted: frozenset[str]
    """The names of all readings that it asks for."""
    fixes: tuple[Fix, ...] | None
    """None where one of them needs a reading."""
    confidence: float | None
    """None where it was never counted."""


def advise(rules: Iterable[Rule], findings: Iterable[Finding]) -> tuple[Advice, ...]:
    """What the rules say of a run with these findings, worst first; then surest first, then by rule id."""
    seen: Seen = {}
    for finding in findings:
        seen.setdefault(finding.kind, []).append(finding)
    # Most rules have no subject in a run, and are not asked any further.
    asked = [(rule, clause) for rule in rules if (clause := rule.when[0]).finding in seen]
    met = [(rule, found) for rule, clause in asked if (found := _within(clause, seen))]
    said = [(rule, advice) for rule, found in met if (advice := _speak(rule, found, seen)) is not None]
    said = [pair for pair in said if pair[0].instead] or said
    fault = any(rule.severity is not Severity.INFO for rule, _ in said)
    withheld = any(rule.verdict for rule, _ in said)
    kept = [a for rule, a in said if not (rule.alone and (fault or (withheld and not rule.verdict)))]
    return tuple(sorted(kept, key=lambda a: (-_RANK[a.rule.severity], -a.confidence, a.rule.id)))


def _speak(rule: Rule, subjects: Sequence[Finding], seen: Seen) -> Advice | None:
    """What the rule says of the surest of these findings, which satisfy its first clause."""
    others: list[Finding] = []
    for clause in rule.when[1:]:
        found = _within(clause, seen)
        if not found:
            return None
        others.append(found[0])
    for clause in rule.unless:
        if _within(clause, seen):
            return None
    subject = min(subjects, key=_surest) if len(subjects) > 1 else subjects[0]
    # Two clauses may rest on one finding; it is named once.
    because = tuple({id(f): f for f in (subject, *others)}.values()) if others else (subject,)
    ready: _Prepared = rule.memo.get("ready") or _prepared(rule)
    confidence = _measured(because) if ready.confidence is None else ready.confidence
    if rule.severity is not Severity.INFO and confidence < SPEAKS_FROM:
        return None
    known = named = readings(subject, ready.wanted)
    for finding in reversed(others):
        named = {f"{finding.kind}.{name}": value for name, value in readings(finding, ready.wanted).items()} | named
    return Advice(
        rule=ready.info,
        message=fill(ready.message, named),
        because=because,
        fixes=_fixes(rule, known) if ready.fixes is None else ready.fixes,
        confidence=confidence,
    )


def _prepared(rule: Rule) -> _Prepared:
    names = [name for name, _, _ in placeholders(rule.message)]
    asked = [str(spec[name]) for spec in rule.fix for name in numeric(str(spec["action"])) if _is_asked(spec, name)]
    ready = _Prepared(
        info=rule.info,
        message=rule.message.strip(),
        # `kind.name` is a reading of another finding than the subject.
        wanted=frozenset(name.rpartition(".")[2] for name in (*names, *asked)),
        fixes=None if asked else _fixes(rule, {}),
        confidence=None if rule.record is None else rule.record.confidence,
    )
    rule.memo["ready"] = ready
    return ready


def _is_asked(spec: FixSpec, name: str) -> bool:
    return isinstance(spec.get(name), str)


def _surest(finding: Finding) -> tuple[float, Span, str]:
    return -_confidence(finding), finding.span, finding.series


def _measured(because: tuple[Finding, ...]) -> float:
    """How sure the measurements are, with a cap: asked only where it was not counted how often the rule was right."""
    measured = min(_confidence(f) for f in because)
    return measured if because[0].calibrated else min(measured, UNCOUNTED)


SPEAKS_FROM = 0.5
"""A warning that is as likely wrong as right is none: below this a rule that judges keeps silent."""
UNCOUNTED = 0.9
"""No rule is surer than this before its record says so: a margin over the noise is no share of right answers."""


def _within(clause: Clause, seen: Seen) -> Sequence[Finding]:
    """The findings that satisfy the clause, each by itself."""
    findings = seen.get(clause.finding)
    if findings is None:
        return ()
    matching = []
    for finding in findings:
        # A loop, since every rule asks about every run: `all` of a generator takes twice as long.
        for name, holds in clause.checks:
            if not holds(getattr(finding, name, None)):
                break
        else:
            matching.append(finding)
    return matching


def _confidence(finding: Finding) -> float:
    return finding.confidence if math.isfinite(finding.confidence) else 0.0


@cache
def numeric(action: str) -> frozenset[str]:
    """The parameters of an action that are numbers."""
    hints = get_type_hints(ACTIONS[action])
    return frozenset(f.name for f in fields(ACTIONS[action]) if hints[f.name] is float)


def _fixes(rule: Rule, known: Mapping[str, Evidence]) -> tuple[Fix, ...]:
    return tuple([fix for spec in rule.fix if (fix := _fix(spec, known)) is not None])


def _fix(spec: FixSpec, known: Mapping[str, Evidence]) -> Fix | None:
    """The fix, or None where the run does not tell a number that it needs, or tells an absurd one."""
    params: dict[str, Evidence] = dict(spec)
    action = str(params.pop("action"))
    for name in numeric(action):
        if name not in params:
            continue
        given = params[name]
        value = known.get(given) if isinstance(given, str) else given
        if value is None or not SANE.get(name, ANY).holds(value):
            return None
        params[name] = float(value)
    return ACTIONS[action](**params)  # type: ignore[arg-type]
