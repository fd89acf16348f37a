"""What a metric came to: at the end, at its best, or at some step; or why that cannot be said."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np

from lrdoctor.config import Expectation
from lrdoctor.model import Diagnosis, Role, Run, Series
from lrdoctor.model.report import masked
from lrdoctor.ordering import median
from lrdoctor.roles import lower_is_better

TAIL = 0.05
"""Share of the points that the value at a step is the median of: one point alone is as much noise as it is signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A value, or None and the reason."""

    value: float | None
    how: str
    """`median of the last 3 of 60 points`; or what is missing, or not a number."""
    nonfinite: bool = False
    """It is None because it is no number."""


def measure(diagnosis: Diagnosis, wanted: Expectation, lower: bool | None) -> Measured:
    """What the metric of this expectation came to in this run; `lower` says which values are the better ones.

    `final` and `step` are the median of the last `TAIL` of the points up to there, one at least. That is no number
    where the last of these points is none, or half of them. `best` is the best single point that is a number.
    """
    series = curve(diagnosis.run, wanted.metric)
    if series is None or not len(series):
        return Measured(value=None, how=_missing(diagnosis.run, wanted.metric))
    series = _told_honestly(series, diagnosis)
    if wanted.at == "best":
        return _best(series, wanted.metric, lower)
    return _up_to(series, int(series.steps[-1]) if wanted.step is None else wanted.step)


def direction(run: Run, wanted: Expectation) -> bool | None:
    """Whether lower is better: by the expectation, by the role, or by the name; None where nothing says it."""
    if wanted.better is not None:
        return wanted.better == "lower"
    series = curve(run, wanted.metric)
    known = {Role.TRAIN_LOSS: True, Role.VAL_LOSS: True, Role.ACCURACY: False}
    for role, lower in known.items():
        if wanted.metric == role or (series is not None and run.roles.get(role) == series.tag):
            return lower
    return lower_is_better(wanted.metric)


def curve(run: Run, metric: str) -> Series | None:
    """The series that plays this role, or has this tag."""
    if metric in list(Role) and (series := run[Role(metric)]) is not None:
        return series
    return run.series.get(metric)


def _missing(run: Run, metric: str) -> str:
    near = get_close_matches(metric, [*run.series, *run.roles], n=1)
    return f"the run has no {metric!r}" + (f"; did you mean {str(near[0])!r}?" if near else "")


def _told_honestly(series: Series, diagnosis: Diagnosis) -> Series:
    """The same with NaN where the log shows another number for it."""
    for finding in diagnosis.findings:
        if finding.series == series.tag and masked(finding):
            hidden = (series.steps >= finding.span.first) & (series.steps <= finding.span.last)
            series = replace(series, values=np.where(hidden, math.nan, series.values))
    return series


def _best(series: Series, metric: str, lower: bool | None) -> Measured:
    values = series.values[np.isfinite(series.values)]
    if not len(values):
        return Measured(value=None, how=f"none of its {len(series)} points is a finite number", nonfinite=True)
    if lower is None:
        return Measured(value=None, how=unknown_direction(metric))
    best = float(values.min() if lower else values.max())
    return Measured(value=best, how=f"best of {len(series)} points")


def _up_to(series: Series, step: int) -> Measured:
    seen = int(series.steps.searchsorted(step, side="right"))
    if step > series.steps[-1] or not seen:
        reach = f"from step {int(series.steps[0]):,} to step {int(series.steps[-1]):,}"
        return Measured(value=None, how=f"it was logged {reach}, so nothing is known of step {step:,}")
    window = series.values[seen - max(1, math.ceil(TAIL * seen)) : seen]
    finite = window[np.isfinite(window)]
    how = f"median of the last {len(window)} of {seen} points" if len(window) > 1 else f"the last of {seen} points"
    if not math.isfinite(window[-1]) or 2 * len(finite) <= len(window):
        at = f"at step {int(series.steps[seen - 1]):,}"
        return Measured(value=None, how=f"it is no finite number {at} ({how})", nonfinite=True)
    return Measured(value=median(finite), how=how)


def unknown_direction(metric: str) -> str:
    """Why nothing can be said of a metric whose name does not tell."""
    return f"nothing says whether more or less of {metric!r} is better; add better = 'lower' or 'higher'"
