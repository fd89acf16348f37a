"""The report as a comment on a pull request, or as the summary of a job: a fragment of GitHub's markdown.

A headline, a table with the curve of the loss, the advice with its evidence and the next configuration, worst first.
GitHub refuses a comment of more than 65,536 characters, so whole blocks are left out at the end, and it says how many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from lrdoctor.model import Diagnosis, Prescription, Report, Role, Severity, Verdict
from lrdoctor.reports._judged import Judged, Remark, counted, decided, elsewhere, judged, untold
from lrdoctor.reports._markup import code, code_in_cell, code_in_html, fenced, prose
from lrdoctor.reports._sparkline import Axis, sparkline
from lrdoctor.reports._words import MOST, count, in_words, number, seen, settings, sure

SUFFIX = ".md"
MOST_CHARACTERS = 65536
"""Of a comment on GitHub, counted in UTF-16, which counts no less than any other way of counting characters."""
OF_THE_TABLE, OF_THE_GATE, OF_THE_HEALTHY, OF_THE_UNUSED = 20000, 8000, 8000, 4000
"""The most that these parts take of it; the advice gets the rest."""
WIDTH = 20
"""Columns of a curve."""
TABLE = "| run | verdict | worst | loss | ended at |\n|---|---|---|---|---|"


def write(report: Report, out: TextIO) -> None:
    """Write the fragment; UTF-8 where `out` is, else the curves are left to its own replacement characters."""
    text = "\n\n".join(_blocks(report)) + "\n"
    encoding = getattr(out, "encoding", None) or "utf-8"
    out.write(text.encode(encoding, "xmlcharrefreplace").decode(encoding))


def _blocks(report: Report) -> list[str]:
    runs = judged(report)
    others = [run for run in runs if run.diagnosis.verdict is not Verdict.HEALTHY or run.failing]
    healthy = [run for run in runs if run.diagnosis.verdict is Verdict.HEALTHY and not run.failing]
    first = [_headline(report), *_gate(report)]
    if others:
        rows, more = _fitting((_row(run) for run in others), len(others), OF_THE_TABLE)
        first += ["\n".join([TABLE, *rows]), *_left_out(more, "run", "of the table")]
    last = [*_healthy(healthy), *_unused(report)]
    room = MOST_CHARACTERS - sum(_size(block) for block in [*first, *last]) - 200
    told, more = _fitting(("\n\n".join(_run(run)) for run in others), len(others), room)
    return [*first, *told, *_left_out(more, "run", "below the table"), *last]


def _size(block: str) -> int:
    """With the empty line after it."""
    return len(block.encode("utf-16-le", "surrogatepass")) // 2 + 2


def _fitting(blocks: Iterable[str], number: int, room: int) -> tuple[list[str], int]:
    """The first of so many blocks that fit, and how many are left out; those are not even made."""
    fitting: list[str] = []
    for block in blocks:
        room -= _size(block)
        if room < 0:
            break
        fitting.append(block)
    return fitting, number - len(fitting)


def _left_out(more: int, noun: str, what: str) -> list[str]:
    return [f"{count(more, noun)} left out {what}: too many for a comment."] if more else []


# What stands above and below the runs


def _headline(report: Report) -> str:
    said = [f"**gate {decided(report)}**"] if report.gate else []
    bad = report.count(Verdict.UNHEALTHY)
    if not report.runs:
        title = "no runs"
    else:
        title = f"{bad:,} of {count(len(report.runs), 'run')} unhealthy" if bad else "no run is unhealthy"
    return "\n\n".join([f"## lrdoctor: {title}", *said, counted(report)])


def _gate(report: Report) -> Iterator[str]:
    """What a gate fails for beside the runs, and what is gone; what it fails of the runs stands with them."""
    if report.gate is None:
        return
    lines = [
        f"- **{failure.severity} {prose(failure.what)}**: {prose(f'{failure.run}: ' if failure.run else '')}"
        f"{prose(failure.message)}"
        for failure in elsewhere(report)
    ]
    lines += [f"- gone: {prose(known)}" for known in report.gate.gone]
    shown, more = _fitting(lines, len(lines), OF_THE_GATE)
    yield from ["\n".join(shown)] if shown else []
    yield from _left_out(more, "line", "of the gate")


def _healthy(runs: Sequence[Judged]) -> Iterator[str]:
    if not runs:
        return
    rows, more = _fitting((_row(run) for run in runs), len(runs), OF_THE_HEALTHY)
    yield _folded(count(len(runs), "healthy run"), ["\n".join([TABLE, *rows]), *_left_out(more, "run", "of these")])


def _unused(report: Report) -> Iterator[str]:
    told = (f"- {code(problem.path)}: {prose(problem.message)}" for problem in report.errors)
    lines, more = _fitting(told, len(report.errors), OF_THE_UNUSED)
    if lines:
        yield "\n\n".join(["### Not used", "\n".join(lines), *_left_out(more, "input", "of these")])


def _folded(summary: str, blocks: Sequence[str]) -> str:
    """`summary` is markup already. The empty lines make what is inside markdown again."""
    return "\n\n".join([f"<details>\n<summary>{summary}</summary>", *blocks, "</details>"])


# One run


def _row(run: Judged) -> str:
    diagnosis = run.diagnosis
    worst = run.remarks[0] if run.remarks else None
    said = f"{worst.severity} {prose(worst.title)}" if worst and worst.severity is not Severity.INFO else ""
    if worst and worst.pardon:
        said += " (pardoned)"
    loss = diagnosis.run[Role.TRAIN_LOSS] or diagnosis.run[Role.VAL_LOSS]
    curve, final = "", ""
    if loss and diagnosis.run.span:
        drawn = sparkline(Axis(diagnosis.run.span.first, diagnosis.run.span.last, WIDTH), loss)
        curve, final = f"`{drawn}`" if drawn.strip() else "", number(float(loss.values[-1]))
    verdict = f"**{run.outcome}**" if run.failing else run.outcome
    return f"| {code_in_cell(diagnosis.name)} | {verdict} | {said} | {curve} | {final} |"


def _run(run: Judged) -> Iterator[str]:
    diagnosis = run.diagnosis
    yield f"### {code(diagnosis.name)}: {run.outcome}"
    if reason := untold(diagnosis):
        yield f"Cannot tell: {prose(reason)}"
    lines = [line for remark in run.remarks for line in _remark(remark, diagnosis)]
    yield from ["\n".join(lines)] if lines else []
    if diagnosis.prescription:
        yield _prescription(diagnosis.prescription)


def _remark(remark: Remark, diagnosis: Diagnosis) -> Iterator[str]:
    fate = f" ({prose(remark.pardoned)})" if remark.pardon else ""
    yield f"- **{remark.severity} {prose(remark.title)}**: {prose(remark.message)}{fate}"
    if remark.advice is None:
        return
    for finding in remark.advice.because[:MOST]:
        yield f"  - {sure(finding.confidence)}: {prose(seen(finding))}"
    if diagnosis.prescription is None:
        yield from (f"  - to do: {prose(in_words(fix))}" for fix in remark.advice.fixes)


def _prescription(prescription: Prescription) -> str:
    blocks = [f"Why: {prose(prescription.reason)} ({sure(prescription.confidence)})"]
    if expected := prescription.expected:
        band = f"90 % band {number(expected.low)} to {number(expected.high)}"
        blocks.append(f"Expect {code(expected.metric)} {number(expected.value)} ({band})")
    others = [f"- or: {code(settings(other))}" for other in prescription.alternatives[:MOST]]
    blocks += ["\n".join(others)] if others else []
    if prescription.code:
        blocks.append(fenced(prescription.code.text, "python" if prescription.code.framework != "csv" else ""))
    return _folded(f"Try next: {code_in_html(settings(prescription))}", blocks)
