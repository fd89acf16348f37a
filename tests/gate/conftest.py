from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from lrdoctor.model import (
    Advice,
    Diagnosis,
    Finding,
    Problem,
    Report,
    Role,
    RuleInfo,
    Run,
    Series,
    Severity,
    Skipped,
    Span,
    Status,
    Verdict,
)

NAN, INF = float("nan"), float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFinite(Finding):
    kind: ClassVar[str] = "nonfinite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked(Finding):
    kind: ClassVar[str] = "masked_nonfinite"
    gradient: str = "nonfinite"
    falling: bool = False
    points: int = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Other(Finding):
    kind: ClassVar[str] = "plateau"


ROLES = {"train": Role.TRAIN_LOSS, "val": Role.VAL_LOSS, "acc": Role.ACCURACY}
FALLING = [float(n) for n in range(10, 0, -1)]


def run(name: str = "a", status: Status = Status.UNKNOWN, **series: list[float]) -> Run:
    """A run whose curves have a point every 10 steps; `train`, `val` and `acc` play their roles."""
    curves = {
        tag: Series(tag=tag, steps=np.arange(1, len(values) + 1) * 10, values=np.array(values))
        for tag, values in series.items()
    }
    roles = {role: tag for tag, role in ROLES.items() if tag in curves}
    return Run(name=name, path=Path(name), format="made", series=curves, roles=roles, status=status)


def advice(rule: str, severity: Severity, because: Finding | None = None) -> Advice:
    info = RuleInfo(id=rule, name=f"name-of-{rule}", severity=severity, what="It went wrong.")
    found = Other(series="train", span=Span(10, 100), confidence=1.0) if because is None else because
    return Advice(rule=info, message=f"{rule} was seen.", because=(found,), fixes=(), confidence=0.5)


def ends(series: str = "train") -> NonFinite:
    return NonFinite(series=series, span=Span(90, 100), confidence=1.0)


def diagnosis(of: Run | None = None, *said: Advice, verdict: Verdict = Verdict.HEALTHY, lacks: str = "") -> Diagnosis:
    found = tuple(dict.fromkeys(finding for one in said for finding in one.because))
    skipped = (Skipped(what="diagnosis", reason=lacks),) if lacks else ()
    return Diagnosis(
        run=run(train=FALLING) if of is None else of, verdict=verdict, advice=said, findings=found, skipped=skipped
    )


def report(*runs: Diagnosis, errors: tuple[Problem, ...] = ()) -> Report:
    return Report(runs=runs, errors=errors, version="1")
