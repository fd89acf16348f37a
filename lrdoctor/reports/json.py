"""The report for programs: strict JSON in ASCII, the same bytes for the same report; see `report.schema.json`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from lrdoctor.model import Advice, Diagnosis, Finding, Gate, Prescription, Report, Run, Schedule, Skipped, Verdict
from lrdoctor.reports._ascii_json import unlike_commands
from lrdoctor.reports._indented import indented
from lrdoctor.reports._strict import Alike, Inner, Record

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SUFFIX = ".json"
SCHEMA_VERSION = 1
_Reader = tuple[tuple[str | Inner, ...], Callable[[Any], tuple[Any, ...]]]
"""Names, and what reads their values from an object, in C."""
_SERIES = ("name", "role", "points", "nonfinite", "first_step", "last_step")
_FINDING = {
    "kind": "kind",
    "series": "series",
    "first_step": "span.first",
    "last_step": "span.last",
    "confidence": "confidence",
}
"""Where the items of a finding are in it, but for its evidence."""


def write(report: Report, out: TextIO) -> None:
    """Write the whole report as one JSON document, run by run: that of many thousand runs is hundreds of megabytes."""
    document: dict[str, Any] = {**head(report), "runs": [], **tail(report)}
    for number, (name, value) in enumerate(document.items()):
        out.write(f'{"," if number else "{"}\n  "{name}": ')
        if name != "runs" or not report.runs:
            out.write(unlike_commands(indented(value, "\n  ")))
            continue
        for at, diagnosis in enumerate(report.runs):
            out.write(("," if at else "[") + "\n    " + unlike_commands(indented(diagnosed(diagnosis), "\n    ")))
        out.write("\n  ]")
    out.write("\n}\n")


def head(report: Report) -> dict[str, Any]:
    """Who wrote the report."""
    return {"schema_version": SCHEMA_VERSION, "tool": {"name": "lrdoctor", "version": report.version}}


def tail(report: Report) -> dict[str, Any]:
    """What is no single run's: the inputs of no use, the counts, and what the gate decided."""
    return {
        "errors": [_fields(problem) for problem in report.errors],
        "summary": {
            "runs": len(report.runs),
            **{str(verdict): report.count(verdict) for verdict in Verdict},
            "by_rule": report.by_rule(),
        },
        "gate": _gate(report.gate),
    }


def _gate(gate: Gate | None) -> dict[str, Any] | None:
    if gate is None:
        return None
    return {
        "fail_on": gate.fail_on,
        "passed": gate.passed,
        "failures": [_fields(failure) for failure in gate.failures],
        "pardons": [_fields(pardon) for pardon in gate.pardons],
        "gone": gate.gone,
    }


def diagnosed(diagnosis: Diagnosis) -> dict[str, Any]:
    """Everything that we say about one run."""
    run = diagnosis.run
    span = run.span
    return {
        "name": run.name,
        "path": run.path.as_posix(),
        "format": run.format,
        "status": run.status,
        "steps": {
            "first": None if span is None else span.first,
            "last": None if span is None else span.last,
            "planned": run.planned_steps,
        },
        "series": _series(run),
        "hyperparameters": run.hparams,
        "schedule": _schedule(diagnosis.schedule),
        "verdict": diagnosis.verdict,
        "findings": [_finding(finding) for finding in diagnosis.findings],
        "advice": [_advice(advice, diagnosis.findings) for advice in diagnosis.advice],
        "prescription": _prescription(diagnosis.prescription) if diagnosis.prescription else None,
        "forecast": _fields(diagnosis.forecast) if diagnosis.forecast else None,
        "incidents": [_fields(incident) for incident in run.incidents],
        "notes": run.notes,
        "skipped": _skipped(diagnosis.skipped),
    }


def _series(run: Run) -> list[Record]:
    roles = {tag: role for role, tag in run.roles.items()}
    told = []
    for tag, series in run.series.items():
        points = len(series.steps)
        nonfinite = points - int(np.count_nonzero(np.isfinite(series.values)))
        ends = (int(series.steps[0]), int(series.steps[-1])) if points else (None, None)
        told.append(Record(_SERIES, (tag, roles.get(tag), points, nonfinite, *ends)))
    return told


def _schedule(schedule: Schedule | None) -> dict[str, Any] | None:
    if schedule is None:
        return None
    return {
        "kind": schedule.kind,
        "peak_lr": schedule.peak_lr,
        "final_lr": schedule.final_lr,
        "warmup_steps": schedule.warmup_steps,
        "params": schedule.params,
        "residual": schedule.residual,
    }


def _skipped(skipped: tuple[Skipped, ...]) -> Alike:
    names, values = _reader(Skipped, ())
    return Alike(names, tuple(map(values, skipped)))


def _finding(finding: Finding) -> Record:
    names, values = _evidence(type(finding))
    return Record(names, values(finding))


def _advice(advice: Advice, findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "rule": advice.rule.id,
        "name": advice.rule.name,
        "severity": advice.rule.severity,
        "message": advice.message,
        "because": [findings.index(finding) for finding in advice.because],
        "confidence": advice.confidence,
        "fixes": [_fields(fix, "action") for fix in advice.fixes],
    }


def _prescription(prescription: Prescription) -> dict[str, Any]:
    return {
        "peak_lr": prescription.peak_lr,
        "lr_scale": prescription.lr_scale,
        "schedule": prescription.schedule,
        "warmup_steps": prescription.warmup_steps,
        "total_steps": prescription.total_steps,
        "final_lr": prescription.final_lr,
        "params": prescription.params,
        "clip_grad_norm": prescription.clip_grad_norm,
        "confidence": prescription.confidence,
        "reason": prescription.reason,
        "expected": _fields(prescription.expected) if prescription.expected else None,
        "priors": [_fields(prior) for prior in prescription.priors],
        "alternatives": [_prescription(alternative) for alternative in prescription.alternatives],
        "code": _fields(prescription.code) if prescription.code else None,
    }


def _fields(flat: DataclassInstance, *before: str) -> Record:
    """What a dataclass without others in it holds, by name; attributes that are no fields of it come before."""
    names, values = _reader(type(flat), before)
    return Record(names, values(flat))


def _reader_of(kind: type[DataclassInstance], before: tuple[str, ...]) -> _Reader:
    names = (*before, *(field.name for field in fields(kind)))
    return names, attrgetter(*names)


def _evidence_of(kind: type[Finding]) -> _Reader:
    names = kind.evidence_names()
    return (*_FINDING, Inner("evidence", names)), attrgetter(*_FINDING.values(), *names)


# Annotated, since mypy takes no dataclass for hashable.
_reader: Callable[[Any, tuple[str, ...]], _Reader] = cache(_reader_of)
_evidence: Callable[[Any], _Reader] = cache(_evidence_of)
