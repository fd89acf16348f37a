"""Where a loss or gradient norm stopped being a number.

What it measures: for the training loss, the validation loss and the gradient norm, whichever of them holds NaN or
±inf: the first such step, how many points are affected, whether every later point is, and how far the curve had run
up before.
How: a scan of the logged values. The run-up is the largest value of the last tenth of the finite points before the
onset over the median of all finite points before it.
Blind spots: loggers that write something else for NaN (0.0, a blank); the parsers turn those back where they can.
References: Amazon SageMaker Debugger rules (2020), "ExplodingTensor"; Keras TerminateOnNaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.signal import bounded, fraction_of

NEEDS: frozenset[Role] = frozenset()
LOSSES = (Role.TRAIN_LOSS, Role.VAL_LOSS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Nothing to set: a value is finite or it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFinite(Finding):
    """A series holds NaN or ±inf."""

    kind: ClassVar[str] = "nonfinite"
    role: str
    onset_step: int
    onset_fraction: float
    points: int
    persistent: bool
    """No finite point comes after the onset."""
    from_start: bool
    """No loss had a finite point up to the onset: not even the untrained network's was a number."""
    last_finite: float | None
    run_up: float | None
    """Largest of the last values before the onset, relative to the median before it."""


FINDING = NonFinite


def detect(run: Run, settings: Settings) -> Iterator[NonFinite]:
    """One finding per series that holds non-finite values; the training loss first."""
    span = run.span
    if span is None:
        return
    for role in (*LOSSES, Role.GRAD_NORM):
        series = run[role]
        if series is None:
            continue
        bad = ~np.isfinite(series.values)
        if not bad.any():
            continue
        onset = int(np.argmax(bad))
        before = bounded(series).values[:onset]
        late = before[-max(1, len(before) // 10) :]
        middle = abs(float(np.median(before))) if len(before) else 0.0
        yield NonFinite(
            series=series.tag,
            span=Span(int(series.steps[onset]), int(series.steps[np.flatnonzero(bad)[-1]])),
            confidence=1.0,
            role=role.value,
            onset_step=int(series.steps[onset]),
            onset_fraction=fraction_of(span, float(series.steps[onset])),
            points=int(bad.sum()),
            persistent=bool(bad[onset:].all()),
            from_start=onset == 0 and not any(_finite_by(run, other, int(series.steps[0])) for other in LOSSES),
            last_finite=float(series.values[onset - 1]) if onset else None,
            run_up=float(np.abs(late).max()) / middle if middle > 0 else None,
        )


def _finite_by(run: Run, role: Role, step: int) -> bool:
    series = run[role]
    return series is not None and bool(np.isfinite(series.values[series.steps <= step]).any())
