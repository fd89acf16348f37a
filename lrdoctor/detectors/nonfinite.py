"""Where a loss or gradient norm stopped being a number.

What it measures: for the training loss, the validation loss and the gradient norm, whichever of them holds NaN or
±inf: since which step, how many points are affected, whether the log ends that way, how much of its end is affected,
and how far the curve had run up before.
How: a scan of the logged values. Where the log ends in such values the last unbroken stretch of them counts, since
what was survived before is another matter; else the first of them does. The run-up is the largest value of the last
tenth of the finite points before the onset over the median of all finite points before it; a curve that is not positive
has none, as ratios mean nothing there.
Blind spots: loggers that write something else for NaN (0.0, the last value), see `masked_nonfinite`.
References: Amazon SageMaker Debugger rules (2020), "ExplodingTensor"; Keras TerminateOnNaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Floats, Role, Run, Series, Span
from lrdoctor.signal import LARGEST, at, bounded, fraction_of

NEEDS: frozenset[Role] = frozenset()
LOSSES = (Role.TRAIN_LOSS, Role.VAL_LOSS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much of the log counts as its end; a value itself is finite or it is not."""

    tail: float = 0.1
    """The last tenth of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFinite(Finding):
    """A series holds NaN or ±inf."""

    kind: ClassVar[str] = "nonfinite"
    role: str
    onset_step: int
    onset_fraction: float
    points: int
    """Of those from the onset on, how many are not finite."""
    earlier: int
    """How many were not before the onset, with finite values in between."""
    persistent: bool
    """No finite point comes after the onset."""
    from_start: bool
    """No loss had a finite point up to the onset: not even the untrained network's was a number."""
    late_share: float | None
    """Share of the points in the last tenth of the run that are not finite."""
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
        # Known already of most: nothing had to be taken out.
        if bounded(series) is series:
            continue
        bad = ~np.isfinite(series.values)
        if not bad.any():
            continue
        onset = _onset(bad)
        earlier = int(bad[:onset].sum())
        late = bad[series.steps.searchsorted(np.ceil(at(span, 1 - settings.tail))) :]
        yield NonFinite(
            series=series.tag,
            span=Span(int(series.steps[onset]), int(series.steps[bad.nonzero()[0][-1]])),
            confidence=1.0,
            role=role.value,
            onset_step=int(series.steps[onset]),
            onset_fraction=fraction_of(span, float(series.steps[onset])),
            points=int(bad.sum()) - earlier,
            earlier=earlier,
            persistent=bool(bad[-1]),
            from_start=onset == 0 and not any(_finite_by(run, other, int(series.steps[0])) for other in LOSSES),
            late_share=float(late.mean()) if len(late) else None,
            last_finite=float(series.values[onset - 1]) if onset else None,
            run_up=_run_up(series.values[:onset][~bad[:onset]]),
        )


def _onset(bad: np.ndarray) -> int:
    """Index of the first bad point of the stretch that the log ends in; of the first bad point at all otherwise."""
    if not bad[-1]:
        return int(bad.argmax())
    return len(bad) - int(bad[::-1].argmin()) if not bad.all() else 0


def _run_up(before: Floats) -> float | None:
    if not len(before) or before.min() < 0:
        return None
    middle = float(np.median(before))
    highest = min(float(before[-max(1, len(before) // 10) :].max()), LARGEST)
    return highest / middle if middle >= 1 / LARGEST else None


def _finite_by(run: Run, role: Role, step: int) -> bool:
    series: Series | None = run[role]
    return series is not None and bool(np.isfinite(series.values[series.steps <= step]).any())
