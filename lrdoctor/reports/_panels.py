"""What is drawn of a run, before anybody draws it: panels over one axis of steps, and the stretches that are marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Diagnosis, Expected, Finding, Floats, Ints, Role, Run, Series, Severity
from lrdoctor.reports._scale import Scale, around
from lrdoctor.reports._smooth import smoothed
from lrdoctor.reports._sparkline import is_log
from lrdoctor.reports._thin import Gap, thin

RATE_TRIM = 0.1
"""See `is_log`."""
MOST_BANDS = 8
"""More marks than this are a wall."""
WHOLE = 0.95
"""A stretch that covers this share of the run says nothing of where to look, and is not shaded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """One curve of a panel."""

    tag: str
    kind: str
    """`raw`, `loss`, `val`, `lr` or `grad`: what it means, and how it looks."""
    steps: Ints
    values: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value that is expected at the end, and between which values."""

    what: str
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Curves on one vertical axis."""

    label: str
    scale: Scale
    lines: tuple[Line, ...]
    gaps: tuple[tuple[str, Gap], ...]
    """Tag of the series, and where it is not finite."""
    intervals: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A stretch of the run that advice rests on."""

    first: int
    last: int
    severity: Severity
    rules: tuple[str, ...]
    """`LRD101 non-finite-loss`, the worst first."""
    because: str
    """What was said of it."""
    shaded: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """All of it."""

    first: int
    last: int
    panels: tuple[Panel, ...]
    bands: tuple[Band, ...]
    """Worst first, at most `MOST_BANDS`."""


def figure(diagnosis: Diagnosis, buckets: int) -> Figure | None:
    """The loss over the rate over the gradient norm, with what the advice rests on; None where there is no curve.

    About `buckets` places are told apart along the run.
    """
    bands = _bands(diagnosis)
    ends = [
        Interval(what=what, expected=expected)
        for what, expected in (
            ("next run", diagnosis.prescription.expected if diagnosis.prescription else None),
            ("forecast", diagnosis.forecast),
        )
        if expected
    ]
    return _figure(diagnosis.run, buckets, bands, ends)


def plain_figure(run: Run, buckets: int) -> Figure | None:
    """The same of a run that nobody has judged yet."""
    return _figure(run, buckets, (), [])


def _figure(run: Run, buckets: int, bands: tuple[Band, ...], ends: list[Interval]) -> Figure | None:
    if run.span is None:
        return None
    keep = [step for band in bands for step in (band.first, band.last)]
    panels = [
        panel
        for panel in (
            _loss(run, buckets, keep, ends),
            _single(run[Role.LR], "learning rate", "lr", buckets, keep, trim=RATE_TRIM, from_zero=True),
            _single(run[Role.GRAD_NORM], "gradient norm", "grad", buckets, keep),
        )
        if panel
    ]
    if not panels:
        return None
    return Figure(first=run.span.first, last=run.span.last, panels=tuple(panels), bands=bands)


def _loss(run: Run, buckets: int, keep: Iterable[int], ends: list[Interval]) -> Panel | None:
    train, val = run[Role.TRAIN_LOSS], run[Role.VAL_LOSS]
    told = [series for series in (train, val) if series is not None and len(series)]
    if not told:
        return None
    log = is_log(np.concatenate([series.values for series in told]))
    lines: list[Line] = []
    gaps: list[tuple[str, Gap]] = []
    for series in told:
        course = smoothed(series, log=log, points=max(buckets // 2, 60))
        kind = "loss" if series is train else "val"
        line, bad = _line(series, "raw" if course and kind == "loss" else kind, buckets, keep)
        lines.append(line)
        gaps += bad
        if course and kind == "loss":
            lines.append(Line(tag=series.tag, kind=kind, steps=course.steps, values=course.values))
    tags = {series.tag for series in told}
    intervals = tuple(end for end in ends if end.expected.metric in tags)
    shown = [line.values for line in lines]
    shown += [np.array([i.expected.low, i.expected.value, i.expected.high]) for i in intervals]
    scale = around(np.concatenate(shown), log=log)
    label = "loss, logarithmic" if log else "loss"
    return Panel(label=label, scale=scale, lines=tuple(lines), gaps=tuple(gaps), intervals=intervals)


def _single(
    series: Series | None,
    label: str,
    kind: str,
    buckets: int,
    keep: Iterable[int],
    *,
    trim: float = 0.0,
    from_zero: bool = False,
) -> Panel | None:
    if series is None or not len(series):
        return None
    log = is_log(series.values, trim=trim)
    line, gaps = _line(series, kind, buckets, keep)
    scale = around(line.values, log=log, from_zero=from_zero)
    return Panel(label=label + ", logarithmic" * log, scale=scale, lines=(line,), gaps=gaps)


def _line(series: Series, kind: str, buckets: int, keep: Iterable[int]) -> tuple[Line, tuple[tuple[str, Gap], ...]]:
    few = thin(series, buckets, keep)
    values = few.values
    # Along a level stretch only its ends are needed.
    level = np.zeros(len(values), dtype=np.bool_)
    level[1:-1] = (values[1:-1] == values[:-2]) & (values[1:-1] == values[2:])
    line = Line(tag=series.tag, kind=kind, steps=few.steps[~level], values=values[~level])
    return line, tuple((series.tag, gap) for gap in few.gaps)


def _bands(diagnosis: Diagnosis) -> tuple[Band, ...]:
    """One for each stretch that a warning or an error is about; the same stretch is marked once."""
    span = diagnosis.run.span
    if span is None:
        return ()
    pointing: dict[tuple[int, int], list[tuple[Severity, str, str]]] = {}
    for advice in diagnosis.advice:
        if advice.because and advice.rule.severity is not Severity.INFO:
            subject = advice.because[0]
            told = (advice.rule.severity, f"{advice.rule.id} {advice.rule.name}", advice.message)
            pointing.setdefault((onset(subject), subject.span.last), []).append(told)
    length = max(span.last - span.first, 1)
    return tuple(
        Band(
            first=first,
            last=last,
            severity=max((severity for severity, _, _ in told), key=lambda severity: severity.rank),
            rules=tuple(rule for _, rule, _ in told),
            because=" ".join(message for _, _, message in told),
            shaded=(min(last, span.last) - max(first, span.first)) < WHOLE * length,
        )
        for (first, last), told in list(pointing.items())[:MOST_BANDS]
    )


def onset(finding: Finding) -> int:
    """Where it began: some findings cover more than the trouble itself, and measure that."""
    step = finding.evidence.get("onset_step")
    return step if isinstance(step, int) and finding.span.first <= step <= finding.span.last else finding.span.first
