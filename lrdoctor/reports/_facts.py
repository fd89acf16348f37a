"""What the HTML page says of a run in words and numbers, beside its curves."""

from __future__ import annotations

import numpy as np

from lrdoctor.model import Diagnosis, Prescription, Role, Run
from lrdoctor.reports._escape import plain
from lrdoctor.reports._words import MOST, count, number, typed


def peak(diagnosis: Diagnosis) -> float | None:
    """The highest learning rate: of the law that it followed, else of what was logged."""
    if diagnosis.schedule:
        return diagnosis.schedule.peak_lr
    rate = diagnosis.run[Role.LR]
    good = rate.finite().values if rate else np.array([])
    return float(good.max()) if len(good) else None


def facts(diagnosis: Diagnosis) -> tuple[tuple[str, str], ...]:
    """Names and values, what matters most first; the hyperparameters as they were found."""
    run, law = diagnosis.run, diagnosis.schedule
    told = [("read as", run.format)]
    if run.status != "unknown":
        told.append(("status", str(run.status)))
    if run.span:
        planned = "" if run.planned_steps is None else f" of {run.planned_steps:,}"
        told.append(("steps", f"{run.span.first:,} to {run.span.last:,}{planned}"))
    if law:
        warm = f", {law.warmup_steps:,} steps of warm-up" if law.warmup_steps else ""
        told.append(("schedule", law.kind.replace("_", " ") + warm))
        told.append(("learning rate", f"{number(law.peak_lr)} at its peak, {number(law.final_lr)} at the end"))
    elif (highest := peak(diagnosis)) is not None:
        told.append(("learning rate", f"{number(highest)} at its peak"))
    told += _ends(run)
    return (*told, *((plain(name, 60), number(value)) for name, value in run.hparams.items()))


def _ends(run: Run) -> list[tuple[str, str]]:
    told = []
    for role, what in ((Role.TRAIN_LOSS, "training loss"), (Role.VAL_LOSS, "validation loss")):
        series = run[role]
        if series is not None and len(series):
            good = series.finite()
            least = f", lowest {number(float(good.values.min()))}" if len(good) else ""
            told.append((what, f"{number(float(series.values[-1]))} at the end{least}"))
    return told


def settings(prescription: Prescription) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Rows of numbers as a person types them, the prescription first and then what else could be tried."""
    tried = (prescription, *prescription.alternatives[:MOST])
    rows = {
        "peak learning rate": ["" if p.peak_lr is None else typed(p.peak_lr) for p in tried],
        "relative to this run": [f"{typed(p.lr_scale)} ×" for p in tried],
        "schedule": [plain(p.schedule).replace("_", " ") for p in tried],
        "warm-up steps": [typed(p.warmup_steps) for p in tried],
    }
    for name in dict.fromkeys(name for p in tried for name in p.params):
        rows[plain(name, 60)] = [typed(p.params[name]) if name in p.params else "" for p in tried]
    rows["final learning rate"] = ["" if p.final_lr is None else typed(p.final_lr) for p in tried]
    rows["total steps"] = [typed(p.total_steps) for p in tried]
    rows["clip gradient norm at"] = ["" if p.clip_grad_norm is None else typed(p.clip_grad_norm) for p in tried]
    return tuple((name, tuple(values)) for name, values in rows.items() if any(values))


def remarks(diagnosis: Diagnosis) -> str:
    """How much there is to say of the log itself."""
    run = diagnosis.run
    told = []
    if run.incidents:
        told.append(f"{count(sum(i.dropped for i in run.incidents), 'point')} lost")
    if run.notes:
        told.append(count(len(run.notes), "note"))
    if diagnosis.skipped:
        told.append(f"{len(diagnosis.skipped):,} not looked at")
    return "About the log: " + ", ".join(told)


def skipped(diagnosis: Diagnosis) -> tuple[tuple[str, str], ...]:
    """What could not speak, and what it lacked: those together that lacked the same."""
    by_reason: dict[str, list[str]] = {}
    for each in diagnosis.skipped:
        by_reason.setdefault(each.reason, []).append(plain(each.what))
    return tuple((", ".join(whats), reason) for reason, whats in by_reason.items())
