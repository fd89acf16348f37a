"""Findings, fixes, settings and numbers as people read and type them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from lrdoctor.model import (
    AddWarmup,
    ClipGrad,
    Evidence,
    Finding,
    Fix,
    Prescription,
    Say,
    ScaleLr,
    Severity,
    UseSchedule,
)
from lrdoctor.reports._escape import plain

MOST = 3
"""Of what a person would not read to the end."""
MOST_NUMBERS = 6
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
"""In rich's words."""


def seen(finding: Finding, most: int = MOST_NUMBERS) -> str:
    """What was measured, and where."""
    where = f"{finding.kind} in {plain(finding.series)}, steps {finding.span.first:,} to {finding.span.last:,}"
    numbers = [f"{name} {number(value)}" for name, value in finding.evidence.items() if value is not None]
    return f"{where}; {', '.join(numbers[:most])}" if numbers else where


def in_words(fix: Fix) -> str:
    """What to do."""
    match fix:
        case ScaleLr(factor=factor):
            return f"multiply the learning rate by {number(factor)}"
        case AddWarmup(fraction=fraction):
            return f"warm up over the first {100 * fraction:.3g}% of the run"
        case UseSchedule(schedule=schedule, final_fraction=final):
            return f"use a {schedule} schedule down to {100 * final:.3g}% of the peak"
        case ClipGrad(max_norm=norm):
            return f"clip the gradient norm at {number(norm)}"
        case Say(text=text):
            return text


def settings(prescription: Prescription) -> str:
    """The numbers as a person types them: no thousands separators."""
    scale = typed(prescription.lr_scale)
    peak = prescription.peak_lr
    told = [f"lr_scale={scale}" if peak is None else f"peak_lr={typed(peak)} ({scale}x)"]
    told += [f"warmup_steps={prescription.warmup_steps}", f"schedule={prescription.schedule}"]
    told += [f"{name}={typed(value)}" for name, value in prescription.params.items()]
    if prescription.final_lr is not None:
        told.append(f"final_lr={typed(prescription.final_lr)}")
    told.append(f"total_steps={prescription.total_steps}")
    if prescription.clip_grad_norm is not None:
        told.append(f"clip_grad_norm={typed(prescription.clip_grad_norm)}")
    return "  ".join(told)


def number(value: Evidence) -> str:
    """Short, for reading."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case _:
            return plain(str(value), 60)


def typed(value: float | str) -> str:
    """Exact enough to be run, and no exponent where whole digits do."""
    if isinstance(value, str):
        return plain(value)
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def sure(confidence: float) -> str:
    """The confidence in words; JSON has the number, which for counted rules is a share of right answers."""
    return "strong evidence" if confidence >= 0.9 else "clear evidence" if confidence >= 0.7 else "some evidence"


def count(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def few(items: Sequence[str], most: int = MOST) -> list[str]:
    """The first items, and how many more there are."""
    more = len(items) - most
    return [*items[:most], *([f"and {more:,} more"] if more > 0 else [])]


def columns(text: str) -> int:
    """Columns on a terminal: the letters of East Asia take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
