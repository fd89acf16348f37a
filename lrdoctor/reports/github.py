"""Annotations for GitHub Actions: workflow commands, one for each run that something is to be said of, worst first.

GitHub shows ten annotations of a level for a step and drops the others without a word, so the tenth says how many more
there are. A failure of the gate, and without a gate an error, is an `error`; what is pardoned is a `notice`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TextIO

from lrdoctor.model import Report, Severity
from lrdoctor.reports._commands import inert
from lrdoctor.reports._escape import plain
from lrdoctor.reports._judged import Judged, Remark, counted, decided, elsewhere, judged, untold
from lrdoctor.reports._places import shown
from lrdoctor.reports._words import settings

SUFFIX = ".txt"
MOST = 9
"""Annotations of a level, beside the one that counts the others."""
LONGEST = 1500
"""Characters of a line: an annotation is read at a glance."""
TITLE = 200
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


class _Note(NamedTuple):
    level: str
    title: str
    file: str
    lines: tuple[str, ...]


def write(report: Report, out: TextIO) -> None:
    """Write the commands, and a line that counts, which is none."""
    notes = list(_notes(report))
    for level in LEVELS.values():
        chosen = [note for note in notes if note.level == level]
        for note in chosen[:MOST]:
            out.write(_command(note, out))
        if (more := len(chosen) - MOST) > 0:
            out.write(_command(_Note(level, "lrdoctor", "", (f"and {more:,} more, which GitHub would not show",)), out))
    out.write("; ".join(part for part in (f"lrdoctor: {counted(report)}", decided(report)) if part) + "\n")


def _notes(report: Report) -> Iterator[_Note]:
    """One for each run, and each thing beside the runs; those of a level in the order in which they matter."""
    for failure in elsewhere(report):
        yield _Note(
            "error", failure.what, "", (f"{failure.run}: {failure.message}" if failure.run else failure.message,)
        )
    for problem in report.errors:
        yield _Note("error", "not used", shown(problem.path), (f"{problem.path}: {problem.message}",))
    for run in judged(report):
        yield from _of_run(run)
    for known in report.gate.gone if report.gate else ():
        yield _Note("notice", "gone", "", (known,))


def _of_run(run: Judged) -> Iterator[_Note]:
    diagnosis = run.diagnosis
    file, reason = shown(diagnosis.run.path), untold(diagnosis)
    if run.failing or (run.remarks and not reason and run.remarks[0].severity is not Severity.INFO):
        worst = run.remarks[0]
        others = [f"{remark.title}{f' ({remark.pardoned})' if remark.pardon else ''}" for remark in run.remarks[1:]]
        lines = [f"{diagnosis.name}{_at(worst)}: {worst.message}{f' ({worst.pardoned})' if worst.pardon else ''}"]
        lines += [f"also: {', '.join(others)}"] if others else []
        lines += [f"try next: {settings(diagnosis.prescription)}"] if diagnosis.prescription else []
        yield _Note(_level(worst, gated=run.gated), worst.title, file, tuple(lines))
    elif reason:
        yield _Note("notice", "cannot tell", file, (f"{diagnosis.name}: {reason}",))


def _at(remark: Remark) -> str:
    return "" if remark.step is None else f", step {remark.step:,}"


def _level(remark: Remark, *, gated: bool) -> str:
    if remark.pardon:
        return "notice"
    if gated:
        return "error" if remark.fails else "warning"
    return LEVELS[remark.severity]


def _command(note: _Note, out: TextIO) -> str:
    properties = {"title": plain(note.title, TITLE), "file": note.file}
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    encoding = getattr(out, "encoding", None) or "utf-8"
    line = f"::{note.level} {told}::{_data(note.lines)}\n"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _data(lines: Iterable[str]) -> str:
    """What the runner turns back into these lines (actions/runner, ActionCommand.cs)."""
    safe = "\n".join(inert(plain(line, LONGEST)) for line in lines)
    return safe.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """The same for a property, whose end is a comma and whose command ends with `::`."""
    return _data([text]).replace(":", "%3A").replace(",", "%2C")
