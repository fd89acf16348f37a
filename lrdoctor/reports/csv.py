"""One row per run for spreadsheets and data frames (RFC 4180).

Numbers are numbers, with a point, and `nan` or `inf` where the log says so; what is not known is empty. A cell of text
that a spreadsheet would take for a formula begins with `'`, and so does one that a CI server would take for a command.
Inputs that could not be used have a row with the verdict `not used`, what a baseline knows and is no longer there one
with `gone`, and what a gate fails for beside the runs one without a verdict.
"""

from __future__ import annotations

import csv
from typing import Any, TextIO

import numpy as np

from lrdoctor.model import Diagnosis, Prescription, Report, Role, Run, Severity
from lrdoctor.reports._commands import inert
from lrdoctor.reports._escape import plain
from lrdoctor.reports._judged import Judged, elsewhere, judged, untold
from lrdoctor.reports._words import typed
from lrdoctor.siblings.member import member

SUFFIX = ".csv"
LONGEST = 4000
"""Characters of a cell of text; a spreadsheet's holds 32,767."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula, in some languages in full width (OWASP, CSV Injection)."""
COLUMNS = (
    "name", "path", "format", "status", "verdict", "gate", "severity", "rules", "pardoned",
    "first_step", "last_step", "planned_steps", "final_train_loss", "final_val_loss",
    "peak_lr", "final_lr", "schedule", "optimizer", "batch_size",
    "next_peak_lr", "next_lr_scale", "next_schedule", "next_warmup_steps", "next_total_steps", "next_final_lr",
    "next_clip_grad_norm", "next_params", "message",
)  # fmt: skip


def write(report: Report, out: TextIO) -> None:
    """Write the header, and the runs in the order of the report."""
    rows = csv.DictWriter(out, COLUMNS)
    rows.writeheader()
    by_name = {run.diagnosis.name: run for run in judged(report)}
    for diagnosis in report.runs:
        rows.writerow(_cells({**_run(diagnosis), **_judgement(by_name[diagnosis.name])}))
    for failure in elsewhere(report):
        told = {"name": failure.run, "gate": "fails", "rules": failure.what}
        rows.writerow(_cells({**told, "severity": failure.severity, "message": failure.message}))
    for problem in report.errors:
        rows.writerow(_cells({"path": problem.path, "verdict": "not used", "message": problem.message}))
    for known in report.gate.gone if report.gate else ():
        rows.writerow(_cells({"verdict": "gone", "message": known}))


def _run(diagnosis: Diagnosis) -> dict[str, Any]:
    run, span = diagnosis.run, diagnosis.run.span
    known = member(run, diagnosis.findings)
    rate = run[Role.LR]
    finite = rate.finite().values if rate else np.empty(0)
    return {
        "name": run.name,
        "path": run.path.as_posix(),
        "format": run.format,
        "status": run.status,
        "verdict": diagnosis.verdict,
        "first_step": span and span.first,
        "last_step": span and span.last,
        "planned_steps": run.planned_steps,
        "final_train_loss": _last(run, Role.TRAIN_LOSS),
        "final_val_loss": _last(run, Role.VAL_LOSS),
        "peak_lr": float(finite.max()) if len(finite) else None,
        "final_lr": _last(run, Role.LR),
        "schedule": diagnosis.schedule.kind if diagnosis.schedule else None,
        "optimizer": known.optimizer,
        "batch_size": known.batch_size,
        **_next(diagnosis.prescription),
    }


def _last(run: Run, role: Role) -> float | None:
    series = run[role]
    return float(series.values[-1]) if series else None


def _next(prescription: Prescription | None) -> dict[str, Any]:
    if prescription is None:
        return {}
    return {
        "next_peak_lr": prescription.peak_lr,
        "next_lr_scale": prescription.lr_scale,
        "next_schedule": prescription.schedule,
        "next_warmup_steps": prescription.warmup_steps,
        "next_total_steps": prescription.total_steps,
        "next_final_lr": prescription.final_lr,
        "next_clip_grad_norm": prescription.clip_grad_norm,
        "next_params": " ".join(f"{name}={typed(value)}" for name, value in prescription.params.items()),
    }


def _judgement(run: Judged) -> dict[str, Any]:
    """`severity` and `message` are those of the worst remark: with a gate, of what fails first."""
    worst = run.remarks[0] if run.remarks else None
    reason = untold(run.diagnosis)
    return {
        "gate": ("fails" if run.failing else "passes") if run.gated else None,
        "severity": max((r.severity for r in run.remarks), key=lambda s: Severity(s).rank, default=None),
        "rules": " ".join(dict.fromkeys(remark.what for remark in run.remarks)),
        "pardoned": " ".join(dict.fromkeys(remark.what for remark in run.remarks if remark.pardon)),
        "message": worst.message if worst and (worst.fails or not reason) else reason,
    }


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> Any:
    """Numbers as they are; text in one line, and never a formula or a command."""
    if not isinstance(value, str):
        return repr(value) if isinstance(value, float) else value
    text = inert(plain(value, LONGEST))
    # A spreadsheet may trim first.
    return "'" + text if value.lstrip().startswith(FORMULA) or value.startswith(FORMULA) else text
