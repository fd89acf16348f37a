"""The gate: what of a report fails, what is pardoned, and what is gone.

Advice fails from the severity on that the run's configuration says, unless a waiver or the baseline pardons it. Beside
it stand, at any severity: waivers that have expired, expectations that are not known to hold, under `strict` runs that
cannot be judged, and losses that end in no number.

The last are never hidden by leaving rules out. They fail at every `fail_on` but `never`, unless a rule that speaks of
them (LRD101, LRD102, LRD112, LRD114, LRD115, LRD118, or one of the user's on such a finding) is pardoned by its name
for that run. Advice that fails by itself says it already, and is not said twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from lrdoctor.config import Config, matches
from lrdoctor.gate.baseline import Known
from lrdoctor.gate.expectations import failed
from lrdoctor.gate.meant import meant
from lrdoctor.gate.waivers import expired, holding, named, waiver_for
from lrdoctor.model import Advice, Diagnosis, Failure, Gate, Pardon, Report, Role, Severity, Status, Verdict
from lrdoctor.model.report import PRAISE, in_no_number, nonfinite_ends, speaks_of

SPEAK_OF_THE_END = {
    Role.TRAIN_LOSS: ("LRD101", "LRD102", "LRD118", "LRD114", "LRD115"),
    Role.VAL_LOSS: ("LRD112",),
}
"""The shipped rules that speak of a loss that ends in no number. A pardon may name one though it was left out."""
BASELINE = "baseline: "
"""How the lines of `Gate.gone` begin that speak of the baseline."""
Excuse = Callable[[str, str, str], Pardon | None]
"""The pardon for a run, a rule and a series."""


class _Counted(NamedTuple):
    """Advice that the gate has to look at."""

    advice: Advice
    fails: bool
    """By its severity."""
    of_the_end: bool
    """It speaks of a loss that ends in no number."""


def judge(report: Report, config: Config, *, day: date, known: Collection[Known] = ()) -> Gate:
    """What the gate makes of the report on this day; `known` is what the baseline holds.

    Nothing is expected of a report without runs: whether that is well is for the caller to say.
    """
    waivers = holding(config, day)

    def excuse(run: str, rule: str, series: str) -> Pardon | None:
        waiver = waiver_for(waivers, run, rule)
        if waiver is not None:
            return Pardon(run=run, rule=rule, series=series, by="waiver", reason=waiver.reason)
        if Known(rule=rule, run=run, series=series) in known:
            return Pardon(run=run, rule=rule, series=series, by="baseline", reason="")
        return None

    failures = [*expired(config, day)]
    pardons: list[Pardon] = []
    for diagnosis in report.runs:
        here = config.of(diagnosis.name)
        for one in (*_of_rules(diagnosis, here, excuse), *_unjudged(diagnosis, here)):
            if isinstance(one, Pardon):
                pardons.append(one)
            else:
                failures.append(one)
    failures += failed(config.expect, report.runs) if report.runs else ()
    return Gate(
        fail_on=config.fail_on.severity,
        failures=tuple(sorted(failures, key=lambda failure: -failure.severity.rank)),
        pardons=tuple(pardons),
        gone=(*_gone(report, config, known), *_met_nothing(report, config, day, pardons)),
    )


def worth_knowing(report: Report, config: Config, day: date) -> frozenset[Known]:
    """What a baseline has to hold so that nothing that rules say fails; what is waived needs no entry."""
    waivers = holding(config, day)
    return frozenset(
        Known(rule=counted.advice.rule.id, run=diagnosis.name, series=_series(counted.advice))
        for diagnosis in report.runs
        for counted in _counted(diagnosis, config.of(diagnosis.name))
        if waiver_for(waivers, diagnosis.name, counted.advice.rule.id) is None
    )


def _counted(diagnosis: Diagnosis, here: Config) -> list[_Counted]:
    least = here.fail_on.severity
    if least is None:
        return []
    ends = nonfinite_ends(diagnosis)
    counted = [
        _Counted(
            advice,
            fails=advice.rule.severity.rank >= least.rank and advice.rule.id not in PRAISE,
            of_the_end=speaks_of(advice, ends),
        )
        for advice in diagnosis.advice
        if here.wants(advice.rule.id)
    ]
    return [one for one in counted if one.fails or one.of_the_end]


def _of_rules(diagnosis: Diagnosis, here: Config, excuse: Excuse) -> Iterator[Failure | Pardon]:
    said_of_the_end = []
    for advice, fails, of_the_end in _counted(diagnosis, here):
        pardon = excuse(diagnosis.name, advice.rule.id, _series(advice))
        if of_the_end:
            said_of_the_end.append(fails or pardon is not None)
        if pardon is not None:
            yield pardon
        elif fails:
            yield Failure(
                run=diagnosis.name, what=advice.rule.id, severity=advice.rule.severity, message=advice.message
            )
    ends = nonfinite_ends(diagnosis) if here.fail_on.severity is not None else ()
    if ends and not any(said_of_the_end):
        yield _by_name(diagnosis, ends, excuse) or Failure(
            run=diagnosis.name, what="nonfinite", severity=Severity.ERROR, message=in_no_number(ends)
        )


def _by_name(diagnosis: Diagnosis, ends: Sequence[str], excuse: Excuse) -> Pardon | None:
    """The pardon of a rule that would speak of the end, were it not left out."""
    run = diagnosis.run
    for role, rules in SPEAK_OF_THE_END.items():
        tag = run.roles.get(role)
        if tag is not None and tag in ends:
            return next((pardon for rule in rules if (pardon := excuse(run.name, rule, tag)) is not None), None)
    return None


def _unjudged(diagnosis: Diagnosis, here: Config) -> Iterator[Failure]:
    if not here.strict:
        return
    if diagnosis.verdict is Verdict.CANNOT_TELL:
        lacking = next((one.reason for one in diagnosis.skipped if one.what == "diagnosis"), "it cannot be judged")
        yield _cannot_tell(diagnosis.name, lacking)
    elif diagnosis.run.status is Status.RUNNING:
        yield _cannot_tell(diagnosis.name, "the run is not over")


def _cannot_tell(run: str, message: str) -> Failure:
    return Failure(run=run, what="cannot_tell", severity=Severity.ERROR, message=message)


def _series(advice: Advice) -> str:
    return advice.because[0].series if advice.because else ""


def _gone(report: Report, config: Config, known: Collection[Known]) -> Iterator[str]:
    """What the baseline knows and no rule says any more; nothing of rules that are left out, nor of what was unread."""
    runs = {diagnosis.name for diagnosis in report.runs}
    there = {(a.rule.id, d.name, _series(a)) for d in report.runs for a in d.advice}
    for entry in sorted(known):
        unread = report.errors and entry.run not in runs
        if tuple(entry) not in there and not unread and config.of(entry.run).wants(entry.rule):
            about = f" on {entry.series}" if entry.series else ""
            why = "" if entry.run in runs else ": there is no such run"
            yield f"{BASELINE}{entry.rule} of {entry.run}{about}{why}"


def _met_nothing(report: Report, config: Config, day: date, pardons: Sequence[Pardon]) -> Iterator[str]:
    """What in the configuration meets nothing: a slip in a glob, or something to be taken out."""
    names = [d.name for d in report.runs]
    said = [(d.name, a.rule.id) for d in report.runs for a in d.advice] + [(p.run, p.rule) for p in pardons]
    for waiver in holding(config, day):
        here = [name for name in names if matches(waiver.run, name)]
        left_out = here and not any(config.of(name).wants(waiver.rule) for name in here)
        used = any(rule == waiver.rule and matches(waiver.run, name) for name, rule in said)
        if not used and not left_out and (here or not report.errors):
            yield f"{named(waiver)} has nothing to pardon{'' if here else meant(waiver.run, names)}"
    for table in config.per_run:
        if not report.errors and not any(matches(table.run, name) for name in names):
            yield f"per_run: {table.run!r} matches no run{meant(table.run, names)}"
