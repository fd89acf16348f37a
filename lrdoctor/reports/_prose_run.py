"""What the report for people says of one run: in full, or in a line or two."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from lrdoctor.model import (
    Advice,
    Diagnosis,
    Expected,
    Finding,
    Fix,
    Prescription,
    Run,
    Say,
    Severity,
    Skipped,
    Status,
    Verdict,
)
from lrdoctor.reports._escape import plain
from lrdoctor.reports._lines import BLANK, Line, line
from lrdoctor.reports._prose_curves import NARROWEST, Room, curves, loss_of
from lrdoctor.reports._sparkline import Axis, sparkline
from lrdoctor.reports._words import MOST, MOST_NUMBERS, STYLES, columns, few, in_words, number, seen, settings, sure


def in_full(diagnosis: Diagnosis, space: Room, *, whole: bool = False, quiet: bool = False) -> Iterator[Line]:
    """The run with its curves, all advice and the prescription; `whole` leaves out nothing, `quiet` all remarks."""
    most = sys.maxsize if whole else MOST
    style = "green" if diagnosis.verdict is Verdict.HEALTHY else STYLES[diagnosis.severity or Severity.WARNING]
    yield _headline(diagnosis, style)
    yield from _inventory(diagnosis.run) if whole else ()
    yield from curves(diagnosis, space)
    if diagnosis.verdict is Verdict.CANNOT_TELL:
        yield from _lacking(diagnosis, most)
    told: set[str] = set()
    for advice in diagnosis.advice:
        yield BLANK
        yield from _advice(advice, told, prescribed=diagnosis.prescription is not None, whole=whole)
    if diagnosis.prescription:
        yield BLANK
        yield from _prescription(diagnosis.prescription, most)
    yield from _forecast(diagnosis)
    if quiet:
        return
    measured = _also_measured(diagnosis) if whole else ()
    remarks = [*measured, *_remarks(diagnosis.run, most), *_not_looked_at(diagnosis.skipped, most)]
    yield from (BLANK, *remarks) if remarks else ()


def untellable(diagnosis: Diagnosis, *, quiet: bool = False) -> Iterator[Line]:
    """What it lacks, and what to log."""
    yield _headline(diagnosis, STYLES[Severity.WARNING])
    yield from _lacking(diagnosis, MOST)
    for advice in diagnosis.advice:
        yield line(2, (f"{advice.rule.id} {advice.rule.name}: ", STYLES[advice.rule.severity]), advice.message)
        yield from _to_do(advice.fixes, words_only=True)
    yield from () if quiet else _remarks(diagnosis.run, MOST)


def in_a_line(diagnosis: Diagnosis, name_width: int) -> Iterator[Line]:
    """A healthy run: its loss in small, and where it ended; more only where there is more to say."""
    run = diagnosis.run
    loss = loss_of(run)
    curve, final = "", ""
    if loss and run.span:
        curve = sparkline(Axis(run.span.first, run.span.last, NARROWEST), loss)
        final = f"  loss {number(loss.values[-1])}"
    told = "".join(f"  {rule}" for rule in dict.fromkeys(advice.rule.id for advice in diagnosis.advice))
    name = plain(diagnosis.name)
    name += " " * (max(name_width - columns(name), 0) + 2)
    yield line(0, ("healthy  ", "green"), (name, "bold"), curve, final, (told, STYLES[Severity.INFO]))
    # What is no training has nothing else to show.
    for advice in diagnosis.advice:
        if advice.rule.instead:
            yield line(2, (f"{advice.rule.id} {advice.rule.name}: ", STYLES[advice.rule.severity]), advice.message)
    yield from _forecast(diagnosis)
    yield from _remarks(run, MOST)
    yield from _not_looked_at(diagnosis.skipped, MOST)


def _headline(diagnosis: Diagnosis, style: str) -> Line:
    run = diagnosis.run
    facts = [plain(run.format)]
    if run.span:
        planned = "" if run.planned_steps is None else f" of {run.planned_steps:,}"
        facts.append(f"steps {run.span.first:,} to {run.span.last:,}{planned}")
    if run.status in (Status.CRASHED, Status.RUNNING):
        facts.append(run.status)
    verdict = diagnosis.verdict.replace("_", " ")
    return line(0, (f"{verdict}  ", style), (plain(diagnosis.name), "bold"), (f"  {', '.join(facts)}", "dim"))


def _inventory(run: Run) -> Iterator[Line]:
    """What the log has, and what was set."""
    played = {tag: role for role, tag in run.roles.items()}
    for tag, series in run.series.items():
        lost = len(series) - len(series.finite())
        role = f" as {played[tag]}" if tag in played else ""
        nonfinite = f", {lost:,} of them not finite" if lost else ""
        yield line(2, (f"series: {plain(tag)}{role}, {len(series):,} points{nonfinite}", "dim"))
    if run.hparams:
        told = ", ".join(f"{plain(name)}={plain(str(value), 60)}" for name, value in run.hparams.items())
        yield line(2, (f"settings: {told}", "dim"))


def _advice(advice: Advice, told: set[str], *, prescribed: bool, whole: bool) -> Iterator[Line]:
    """One piece of advice. `told` is what those above it said, sentences and evidence, and is not said again."""
    rule = advice.rule
    message = " ".join(_new(re.split(r"(?<=[.:]) (?=[A-Z])", advice.message), told)) or advice.message
    yield line(2, (f"{rule.severity} {rule.id} {rule.name}: ", STYLES[rule.severity]), message)
    said = sure(advice.confidence)
    because = [_seen(finding, whole=whole) for finding in advice.because]
    # The subject stands below its own advice, whoever spoke of it before.
    for what in [*because[:1], *_new(because[1:], told | {*because[:1]})][: None if whole else MOST]:
        yield line(4, (f"{said}: {what}", "dim"))
        said = "and"
    told.update(because)
    # A prescription has worked all but words into its numbers.
    yield from _to_do(advice.fixes, words_only=prescribed)
    if whole and rule.caveats.strip():
        yield line(4, (f"where it is wrong: {' '.join(rule.caveats.split())}", "dim"))


def _new(sentences: Sequence[str], told: set[str]) -> list[str]:
    new = [sentence for sentence in sentences if sentence not in told]
    told.update(new)
    return new


def _seen(finding: Finding, *, whole: bool) -> str:
    return seen(finding, sys.maxsize if whole else MOST_NUMBERS)


def _to_do(fixes: tuple[Fix, ...], *, words_only: bool) -> Iterator[Line]:
    yield from (line(4, "to do: ", in_words(fix)) for fix in fixes if isinstance(fix, Say) or not words_only)


def _banded(expected: Expected) -> str:
    band = f"90% band {number(expected.low)} to {number(expected.high)}"
    return f"{plain(expected.metric)} {number(expected.value)} ({band})"


def _prescription(prescription: Prescription, most: int) -> Iterator[Line]:
    yield line(2, ("try next: ", "bold"), (settings(prescription), "bold"))
    yield line(4, "why: ", prescription.reason, f" ({sure(prescription.confidence)})")
    if prescription.expected:
        yield line(4, f"expect {_banded(prescription.expected)}")
    for prior in prescription.priors:
        usual = number(prior.low) + (f" to {number(prior.high)}" if prior.high != prior.low else "")
        yield line(4, (f"prior, which decided nothing: {usual} is usual for {prior.what} ({prior.source})", "dim"))
    for other in prescription.alternatives[:most]:
        yield line(2, "or: ", settings(other))
    if prescription.code:
        yield line(2, "as code: ", (prescription.code.framework, "dim"))
        for each in prescription.code.text.rstrip().splitlines():
            yield line(4, (each, "dim"))._replace(wraps=False)


def _forecast(diagnosis: Diagnosis) -> Iterator[Line]:
    if diagnosis.forecast:
        yield line(2, f"as it goes on, it will end at {_banded(diagnosis.forecast)}")


def _lacking(diagnosis: Diagnosis, most: int) -> Iterator[Line]:
    reasons = list(dict.fromkeys(skipped.reason for skipped in diagnosis.skipped))
    # Advice that withholds judgement says itself what to log.
    if reasons and not any(advice.rule.withholds for advice in diagnosis.advice):
        yield line(2, "lacking: ", "; ".join(few(reasons, most)))


def _also_measured(diagnosis: Diagnosis) -> Iterator[Line]:
    """The findings that no advice rests on."""
    used = {id(finding) for advice in diagnosis.advice for finding in advice.because}
    for finding in diagnosis.findings:
        if id(finding) not in used:
            yield line(2, (f"also measured: {_seen(finding, whole=True)}", "dim"))


def _remarks(run: Run, most: int) -> Iterator[Line]:
    """What the log had suffered."""
    remarks = [
        f"{f'lost {i.dropped:,}' if i.dropped else 'amiss'}: "
        f"{plain(i.path)}{', ' if i.place else ''}{plain(i.place)}: {i.message}"
        for i in run.incidents
    ]
    notes = (f"note: {note}" for note in run.notes)
    yield from (line(2, (remark, "dim")) for remark in few([*remarks, *notes], most))


def _not_looked_at(skipped: Sequence[Skipped], most: int) -> Iterator[Line]:
    """One line for everything that could not speak, grouped by what it lacked."""
    by_reason: dict[str, list[str]] = {}
    for each in skipped:
        by_reason.setdefault(each.reason, []).append(plain(each.what))
    if by_reason:
        groups = [f"{', '.join(whats)} ({plain(reason)})" for reason, whats in by_reason.items()]
        yield line(2, (f"not looked at: {'; '.join(few(groups, most))}", "dim"))
