"""A whole report in lines of text: the runs, worst first, what could not be used, the summary, and the gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from lrdoctor.model import Gate, Pardon, Report, Severity, Verdict
from lrdoctor.reports._escape import plain
from lrdoctor.reports._lines import BLANK, Line, line, prints, terminal, write_lines
from lrdoctor.reports._prose_curves import Room, room
from lrdoctor.reports._prose_run import in_a_line, in_full, untellable
from lrdoctor.reports._words import STYLES, columns, count

WIDEST = 120
"""Columns of a terminal that are used: longer lines are hard to read."""
NAME_WIDTH = 40
"""Longer names of healthy runs push their curve out of line."""


def write_prose(report: Report, out: TextIO, *, whole: bool = False, quiet: bool = False) -> None:
    """Write the report; `whole` shows everything of every run, `quiet` only what is wrong."""
    console = terminal(out, WIDEST)
    space = room(console.width if console and out.isatty() else None, braille=prints(out, "⣿"))
    write_lines(_lines(report, space, whole=whole, quiet=quiet), out, console)


def _lines(report: Report, space: Room, *, whole: bool, quiet: bool) -> Iterator[Line]:
    """Blocks with a blank line between them."""
    blocks = list(_runs(report, space, whole=whole, quiet=quiet))
    if not quiet:
        said = (line(0, ("not used: ", STYLES[Severity.ERROR]), f"{plain(e.path)}: {e.message}") for e in report.errors)
        blocks += [list(said), list(_summary(report))]
    if report.gate:
        blocks.append(list(_gate(report, report.gate, quiet=quiet)))
    blocks = [block for block in blocks if block]
    for place, block in enumerate(blocks):
        yield from (BLANK, *block) if place else block


def _runs(report: Report, space: Room, *, whole: bool, quiet: bool) -> Iterator[list[Line]]:
    runs = list(report.worst_first())
    healthy = [] if quiet else [d for d in runs if d.verdict is Verdict.HEALTHY]
    for diagnosis in runs:
        if diagnosis.verdict is Verdict.UNHEALTHY or (whole and not (quiet and diagnosis.verdict is Verdict.HEALTHY)):
            yield list(in_full(diagnosis, space, whole=whole, quiet=quiet))
        elif diagnosis.verdict is Verdict.CANNOT_TELL:
            yield list(untellable(diagnosis, quiet=quiet))
    if not whole:
        name_width = min(max((columns(plain(d.name)) for d in healthy), default=0), NAME_WIDTH)
        yield [entry for d in healthy for entry in in_a_line(d, name_width)]


def _summary(report: Report) -> Iterator[Line]:
    verdicts = [v for v in (Verdict.UNHEALTHY, Verdict.CANNOT_TELL, Verdict.HEALTHY) if report.count(v)]
    counts = ", ".join(f"{report.count(verdict):,} {verdict.replace('_', ' ')}" for verdict in verdicts)
    yield line(0, (count(len(report.runs), "run") + (f": {counts}" if counts else ""), "bold"))
    if worst := next((a.rule.id for d in report.worst_first() for a in d.advice), None):
        rules = ", ".join(f"{rule} in {count(runs, 'run')}" for rule, runs in report.by_rule().items())
        yield line(0, f"rules: {rules}", (f"  (lrdoctor explain {worst})", "dim"))


def _gate(report: Report, gate: Gate, *, quiet: bool) -> Iterator[Line]:
    """What failed, worst first; what was pardoned, and by what; what is gone; and the decision as the last word."""
    yield from _failures(report, gate)
    if not quiet:
        yield from _pardoned(gate.pardons)
        yield from (line(0, ("gone: ", "green"), each) for each in gate.gone)
    threshold = f"(--fail-on {gate.fail_on or 'never'})"
    if gate.passed and report.errors:
        # Whatever could not be read may hold what fails.
        yield line(0, ("CANNOT TELL", "bold yellow"), f": {count(len(report.errors), 'input')} not used {threshold}")
    elif gate.passed:
        if not quiet:
            yield line(0, ("PASSED", "bold green"), f" {threshold}")
    else:
        yield line(0, ("FAILED", "bold red"), f": {count(len(gate.failures), 'reason')} {threshold}")


def _failures(report: Report, gate: Gate) -> Iterator[Line]:
    # What a run's own block says needs no saying again: there the names will do, on one line for each run.
    shown = {(d.name, a.rule.id) for d in report.runs if d.verdict is not Verdict.HEALTHY for a in d.advice}
    briefly: dict[tuple[str, Severity], list[str]] = {}
    for failure in gate.failures:
        if (failure.run, failure.what) in shown:
            briefly.setdefault((failure.run, failure.severity), []).append(failure.what)
    for failure in gate.failures:
        where = f" in {plain(failure.run)}" if failure.run else ""
        if (failure.run, failure.what) not in shown:
            yield _fails(f"{failure.what.replace('_', ' ')}{where}", failure.severity, f": {failure.message}")
        elif rules := briefly.pop((failure.run, failure.severity), None):
            yield _fails(f"{', '.join(dict.fromkeys(rules))}{where}", failure.severity)


def _fails(subject: str, severity: Severity, message: str = "") -> Line:
    return line(0, ("fails: ", STYLES[Severity.ERROR]), (subject, "bold"), message, (f"  ({severity})", "dim"))


def _pardoned(pardons: tuple[Pardon, ...]) -> Iterator[Line]:
    known = sum(pardon.by == "baseline" for pardon in pardons)
    if known:
        yield line(0, ("pardoned: ", "cyan"), f"{known:,} known to the baseline")
    for pardon in pardons:
        if pardon.by == "waiver":
            yield line(0, ("pardoned: ", "cyan"), f"{pardon.rule} in {plain(pardon.run)}, by a waiver: {pardon.reason}")
