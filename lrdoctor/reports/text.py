"""The report for people: the worst runs first, each with its curves, what went wrong and what to try next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from lrdoctor.model import (
    Advice,
    Diagnosis,
    Expected,
    Finding,
    Fix,
    Prescription,
    Report,
    Role,
    Run,
    Say,
    Series,
    Severity,
    Skipped,
    Status,
    Verdict,
)
from lrdoctor.reports._escape import plain
from lrdoctor.reports._lines import BLANK, Line, line, terminal, write_lines
from lrdoctor.reports._sparkline import Axis, is_log, marker, sparkline
from lrdoctor.reports._words import MOST, columns, count, few, in_words, number, seen, settings, sure

SUFFIX = ".txt"
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
WIDTH = 60
"""Columns of a curve where no terminal says how wide it may be."""
LEFT, RIGHT = 17, 36
"""Columns that the words and numbers beside a curve take."""
SMALL_WIDTH = 20
"""Columns of the curve of a healthy run, and the fewest of any."""
NAME_WIDTH = 40
"""Longer names of healthy runs push their curve out of line."""
SCHEDULE_TRIM = 0.1
"""See `is_log`."""


def write(report: Report, out: TextIO) -> None:
    """Write the whole report, with colour and as wide as the window on a terminal."""
    console = terminal(out)
    width = WIDTH if console is None else max(console.width - LEFT - RIGHT, SMALL_WIDTH)
    write_lines(_lines(report, width), out, console)


def _lines(report: Report, width: int) -> Iterator[Line]:
    """Blocks with a blank line between them."""
    runs = list(report.worst_first())
    healthy = [d for d in runs if d.verdict is Verdict.HEALTHY]
    blocks = [list(_unhealthy(d, width)) for d in runs if d.verdict is Verdict.UNHEALTHY]
    blocks += [list(_cannot_tell(d)) for d in runs if d.verdict is Verdict.CANNOT_TELL]
    name_width = min(max((columns(plain(d.name)) for d in healthy), default=0), NAME_WIDTH)
    blocks.append([entry for d in healthy for entry in _healthy(d, name_width)])
    blocks.append(
        [line(0, ("not used: ", STYLES[Severity.ERROR]), f"{plain(e.path)}: {e.message}") for e in report.errors]
    )
    for block in blocks:
        yield from (*block, BLANK) if block else ()
    yield from _summary(report)


# One run that needs attention


def _unhealthy(diagnosis: Diagnosis, width: int) -> Iterator[Line]:
    yield _headline(diagnosis, "unhealthy", STYLES[diagnosis.severity or Severity.WARNING])
    yield from _curves(diagnosis, width)
    for advice in diagnosis.advice:
        yield BLANK
        yield from _advice(advice, prescribed=diagnosis.prescription is not None)
    if diagnosis.prescription:
        yield BLANK
        yield from _prescription(diagnosis.prescription)
    yield from _forecast(diagnosis)
    remarks = [*_remarks(diagnosis.run), *_not_looked_at(diagnosis.skipped)]
    yield from (BLANK, *remarks) if remarks else ()


def _forecast(diagnosis: Diagnosis) -> Iterator[Line]:
    if diagnosis.forecast:
        yield line(2, f"as it goes on, it will end at {_banded(diagnosis.forecast)}")


def _headline(diagnosis: Diagnosis, verdict: str, style: str) -> Line:
    run = diagnosis.run
    facts = [plain(run.format)]
    if run.span:
        planned = "" if run.planned_steps is None else f" of {run.planned_steps:,}"
        facts.append(f"steps {run.span.first:,} to {run.span.last:,}{planned}")
    if run.status in (Status.CRASHED, Status.RUNNING):
        facts.append(run.status)
    return line(0, (f"{verdict}  ", style), (plain(diagnosis.name), "bold"), (f"  {', '.join(facts)}", "dim"))


def _curves(diagnosis: Diagnosis, width: int) -> Iterator[Line]:
    """The loss and the learning rate on one axis of steps, and below them where each piece of advice points."""
    run = diagnosis.run
    loss, rate = _loss(run), run[Role.LR]
    if run.span is None or (not loss and not rate):
        return
    axis = Axis(run.span.first, run.span.last, width)
    if loss:
        low = loss.finite()
        least = f", min {number(low.values.min())} at {low.steps[low.values.argmin()]:,}" if len(low) else ""
        yield _curve("loss", axis, loss, least, trim=0.0)
    if rate:
        high = rate.finite()
        most = f", max {number(high.values.max())}" if len(high) else ""
        law = f", {diagnosis.schedule.kind}" if diagnosis.schedule else ""
        yield _curve("lr", axis, rate, most + law, trim=SCHEDULE_TRIM)
    yield from _markers(diagnosis, axis)


def _curve(label: str, axis: Axis, series: Series, extreme: str, *, trim: float) -> Line:
    scale = ", log" if is_log(series.values, trim=trim) else ""
    first, last = number(series.values[0]), number(series.values[-1])
    return line(2, f"{label:4} {first:>9} ", sparkline(axis, series, trim=trim), f" {last}", (extreme + scale, "dim"))


def _markers(diagnosis: Diagnosis, axis: Axis) -> Iterator[Line]:
    """One line for each stretch of the run that a warning or an error rests on."""
    pointing: dict[tuple[int, int], list[Advice]] = {}
    for advice in diagnosis.advice:
        if advice.because and advice.rule.severity is not Severity.INFO:
            subject = advice.because[0]
            pointing.setdefault((_onset(subject), subject.span.last), []).append(advice)
    for (onset, last), advices in pointing.items():
        style = STYLES[max((a.rule.severity for a in advices), key=lambda severity: severity.rank)]
        rules = ", ".join(a.rule.id for a in advices)
        yield line(LEFT, (f"{marker(axis, onset, last)} step {onset:,}", style), (f"  {rules}", "dim"))


def _onset(finding: Finding) -> int:
    """Where it began: some findings cover more than the trouble itself, and measure that."""
    onset = finding.evidence.get("onset_step")
    return onset if isinstance(onset, int) and finding.span.first <= onset <= finding.span.last else finding.span.first


def _advice(advice: Advice, *, prescribed: bool) -> Iterator[Line]:
    rule = advice.rule
    yield line(2, (f"{rule.severity} {rule.id} {rule.name}: ", STYLES[rule.severity]), advice.message)
    said = sure(advice.confidence)
    for finding in advice.because[:MOST]:
        yield line(4, (f"{said}: {seen(finding)}", "dim"))
        said = "and"
    # A prescription has worked all but words into its numbers.
    yield from _to_do(advice.fixes, words_only=prescribed)


def _to_do(fixes: tuple[Fix, ...], *, words_only: bool) -> Iterator[Line]:
    yield from (line(4, "to do: ", in_words(fix)) for fix in fixes if isinstance(fix, Say) or not words_only)


def _banded(expected: Expected) -> str:
    band = f"90% band {number(expected.low)} to {number(expected.high)}"
    return f"{plain(expected.metric)} {number(expected.value)} ({band})"


def _prescription(prescription: Prescription) -> Iterator[Line]:
    yield line(2, ("try next: ", "bold"), (settings(prescription), "bold"))
    yield line(4, "why: ", prescription.reason, f" ({sure(prescription.confidence)})")
    if prescription.expected:
        yield line(4, f"expect {_banded(prescription.expected)}")
    for prior in prescription.priors:
        usual = number(prior.low) + (f" to {number(prior.high)}" if prior.high != prior.low else "")
        yield line(4, (f"prior, which decided nothing: {usual} is usual for {prior.what} ({prior.source})", "dim"))
    for other in prescription.alternatives[:MOST]:
        yield line(2, "or: ", settings(other))
    if prescription.code:
        yield line(2, "as code: ", (prescription.code.framework, "dim"))
        yield from (line(4, (each, "dim")) for each in prescription.code.text.rstrip().splitlines())


# Runs in a line or two


def _cannot_tell(diagnosis: Diagnosis) -> Iterator[Line]:
    yield _headline(diagnosis, "cannot tell", STYLES[Severity.WARNING])
    reasons = list(dict.fromkeys(skipped.reason for skipped in diagnosis.skipped))
    # Advice that withholds judgement says itself what to log.
    if reasons and not any(advice.rule.withholds for advice in diagnosis.advice):
        yield line(2, "lacking: ", "; ".join(few(reasons)))
    for advice in diagnosis.advice:
        yield line(2, (f"{advice.rule.id} {advice.rule.name}: ", STYLES[advice.rule.severity]), advice.message)
        yield from _to_do(advice.fixes, words_only=True)
    yield from _remarks(diagnosis.run)


def _healthy(diagnosis: Diagnosis, name_width: int) -> Iterator[Line]:
    run = diagnosis.run
    loss = _loss(run)
    curve, final = "", ""
    if loss and run.span:
        curve = sparkline(Axis(run.span.first, run.span.last, SMALL_WIDTH), loss)
        final = f"  loss {number(loss.values[-1])}"
    told = "".join(f"  {rule}" for rule in dict.fromkeys(advice.rule.id for advice in diagnosis.advice))
    name = plain(diagnosis.name)
    name += " " * (max(name_width - columns(name), 0) + 2)
    yield line(0, "healthy  ", (name, "bold"), curve, final, (told, STYLES[Severity.INFO]))
    # What is no training has nothing else to show.
    for advice in diagnosis.advice:
        if advice.rule.instead:
            yield line(2, (f"{advice.rule.id} {advice.rule.name}: ", STYLES[advice.rule.severity]), advice.message)
    yield from _forecast(diagnosis)
    yield from _remarks(run)
    yield from _not_looked_at(diagnosis.skipped)


def _remarks(run: Run) -> Iterator[Line]:
    """What the log had suffered."""
    remarks = [
        f"lost {i.dropped:,}: {plain(i.path)}{', ' if i.place else ''}{plain(i.place)}: {i.message}"
        for i in run.incidents
    ]
    yield from (line(2, (remark, "dim")) for remark in few([*remarks, *(f"note: {note}" for note in run.notes)]))


def _not_looked_at(skipped: tuple[Skipped, ...]) -> Iterator[Line]:
    """One line for everything that could not speak, grouped by what it lacked."""
    by_reason: dict[str, list[str]] = {}
    for each in skipped:
        by_reason.setdefault(each.reason, []).append(plain(each.what))
    if by_reason:
        groups = [f"{', '.join(whats)} ({plain(reason)})" for reason, whats in by_reason.items()]
        yield line(2, (f"not looked at: {'; '.join(few(groups))}", "dim"))


def _summary(report: Report) -> Iterator[Line]:
    verdicts = [v for v in (Verdict.UNHEALTHY, Verdict.CANNOT_TELL, Verdict.HEALTHY) if report.count(v)]
    counts = ", ".join(f"{report.count(verdict):,} {verdict.replace('_', ' ')}" for verdict in verdicts)
    yield line(0, (count(len(report.runs), "run") + (f": {counts}" if counts else ""), "bold"))
    if worst := next((a.rule.id for d in report.worst_first() for a in d.advice), None):
        rules = ", ".join(f"{rule} in {count(runs, 'run')}" for rule, runs in report.by_rule().items())
        yield line(0, f"rules: {rules}", (f"  (lrdoctor explain {worst})", "dim"))


def _loss(run: Run) -> Series | None:
    """What a person looks at first."""
    return run[Role.TRAIN_LOSS] or run[Role.VAL_LOSS]
