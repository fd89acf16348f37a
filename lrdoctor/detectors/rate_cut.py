"""What the loss answered when the rate was cut: the drop beyond its course, and the restlessness that went with it.

What it measures: for each clear cut of the rate, and for each smooth descent to a low rate, by how much the loss came
to lie below the course that it was on; how long the rate had stood before the first of them, whether the loss still
fell there, and how much calmer it was afterwards.
How: a straight line through the medians of equal stretches before the cut (Theil and Sen; of the logarithm, where the
loss is positive) is carried on to the steps behind it. A training slows down by itself, so the line promises too much
rather than too little, and what lies below it is the cut's own work. The scatter is what the means of shorter
stretches depart from their neighbours by, behind the cut and before it.
Blind spots: what falls at a cut is noise that the rate had held in, which says that it was too high to go further down,
not that a lower one would have come as far as soon. A cosine has no stretch of one rate before its end: its line is
carried on far, and its gain is a lower bound that is often below zero. Only the first cut is told in full.
References: He et al., Deep Residual Learning for Image Recognition (2016), section 3.4; Smith et al., Don't Decay the
Learning Rate, Increase the Batch Size (2018); Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed
Training Durations (2024), for the descent at the end; Theil (1950) and Sen (1968) for the line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from lrdoctor.identify import never_moves
from lrdoctor.model import Finding, Floats, Ints, Role, Run, Series, Span
from lrdoctor.ordering import diff, median
from lrdoctor.signal import (
    LARGEST,
    at,
    finite_loss,
    finite_rate,
    fraction_of,
    level,
    margin,
    peak_of,
    robust_sigma,
    stretch_medians,
    trend,
)

NEEDS: frozenset[Role] = frozenset({Role.LR})

STRETCHES = 8
"""Medians to a line. Theil and Sen's stands up to 29 % of outliers, two of these."""
SHORTER = 20
"""Means to a scatter."""
MOST = 16
"""Cuts of a kind that are looked at."""
LARGEST_LOG = math.log(LARGEST)
MOVES = 0.01
"""Relative to itself: a rate that moves by less from point to point may stand."""
RISE = 0.05
"""Of the peak: a rate that at least doubled and gained so much rose again."""
LEAST = 1e-6
"""Of the peak: a lower rate is none."""
PLACES = np.arange(STRETCHES, dtype=np.float64)
PAIRS = {count: np.triu_indices(count, 1) for count in range(2, STRETCHES + 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a cut is, and how the loss around it is looked at. All lengths are fractions of the run."""

    factor: float = 2.0
    """A cut at least halves the rate: schedules cut by two to ten."""
    within: float = 0.02
    """So soon. A cosine to zero takes as long to halve only when it is below a five-hundredth of its peak."""
    stood: float = 0.04
    """So long the rate must have stood before a step, or there is no course to compare with."""
    still: float = 0.05
    """By how much a rate that stands may creep meanwhile, relative to itself."""
    least_rate: float = 0.01
    """Relative to the peak: the stairs at the foot of a decay halve a rate that moves nothing any more."""
    high: float = 0.5
    low: float = 0.1
    """A smooth descent leads from half of the peak or more to a tenth of it or less."""
    settled: float = 0.9
    """Relative to the peak: a rate that stays above stands."""
    reach: float = 0.15
    """The longest stretch that is looked at before a cut, and behind it."""
    least_behind: float = 0.005
    """So much must follow a cut: a straight descent over the last twentieth is below a tenth for as long."""
    known: int = 6
    """Of the stretches before a cut, in so many something must have been logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCut(Finding):
    """The rate was cut at least once, by a step or in a smooth descent, and the loss around it could be read."""

    kind: ClassVar[str] = "rate_cut"
    cuts: int
    smooth: bool
    """The first of them is a descent and no step."""
    stood: bool
    """The rate had stood before it, for as long as it then took to fall."""
    cut_step: int
    """Where the first one begins."""
    cut_fraction: float
    stood_fraction: float
    """For how long, as a share of the run, the rate had stood before it; for a descent from a rate that never stood,
    since its peak."""
    rate_before_ratio: float
    """Rate before the first cut over the rate behind it."""
    gain: float
    """By how much the loss came to lie below its course at the first cut, as a share of all that it fell in the run;
    negative where it lay above."""
    gain_ratio: float
    """The same relative to the level, of the two the higher: between −1 and 1 for a loss that stays positive."""
    gain_sigmas: float
    """The same in standard errors of that course."""
    last_gain: float
    """The gain at the last cut around which the loss could be read; the same where there is no other."""
    trend_before: float
    """Kendall's tau over the stretch before the first cut; −1 for a steady fall."""
    expected_drop: float
    """What the course would have brought over the same steps without the cut, as a share of all that it fell."""
    scatter_ratio: float | None
    """Scatter behind the first cut over that before: below 1 where it calmed the loss. None where the rate had not
    stood, and where either side is too short or was logged too rarely. Of twenty stretches on either side: a factor of
    two is chance."""
    end_ratio: float
    """Rate at the end of the run over its peak."""


FINDING = RateCut


class _Cut(NamedTuple):
    """The rate stood or was high from step `since` to step `begin`, had fallen at `end`, and was left alone until
    `until`."""

    since: float
    begin: float
    end: float
    until: float
    at: int
    """The index of `begin` in the rate."""
    ratio: float
    smooth: bool
    stood: bool


class _Answer(NamedTuple):
    """What the loss said to one cut."""

    gain: float
    ratio: float
    sigmas: float
    expected: float
    trend: float


def detect(run: Run, settings: Settings) -> Iterator[RateCut]:
    """At most one finding."""
    rate, span = finite_rate(run), run.span
    if rate is None or span is None or len(rate) < 8 or peak_of(rate) <= 0 or never_moves(rate):
        return
    u = rate.values / peak_of(rate)
    cuts = _cuts(u, rate.steps, settings)
    if not cuts:
        return
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        series = finite_loss(run, role)
        answers = [] if series is None else _answers(series, cuts, span, settings)
        if series is not None and answers:
            break
    else:
        return
    (cut, first), (_, last) = answers[0], answers[-1]
    step = int(rate.steps[cut.at])
    yield RateCut(
        series=series.tag,
        span=Span(step, span.last),
        confidence=margin(first.sigmas, 3.0),
        cuts=len(cuts),
        smooth=cut.smooth,
        stood=cut.stood,
        cut_step=step,
        cut_fraction=fraction_of(span, cut.begin),
        stood_fraction=(cut.begin - cut.since) / (span.last - span.first),
        rate_before_ratio=cut.ratio,
        gain=first.gain,
        gain_ratio=first.ratio,
        gain_sigmas=first.sigmas,
        last_gain=last.gain,
        trend_before=first.trend,
        expected_drop=first.expected,
        scatter_ratio=_calmed(series, cut, span, settings) if cut.stood else None,
        end_ratio=float(u[-1]),
    )


def _cuts(u: Floats, at_steps: Ints, settings: Settings) -> list[_Cut]:
    """Every step and every descent, in the order of the run."""
    steps = at_steps.astype(np.float64)
    found = [(*way, False, True) for way in _steps(u, steps, settings)]
    begins = [way[1] for way in found]
    # What a step leads through is no descent.
    found += [
        (since, begin, end, True, stood)
        for since, begin, end, stood in _descents(u, steps, settings)
        if not any(since <= b < end for b in begins)
    ]
    found.sort(key=lambda way: way[1])
    cuts = []
    for k, (since, begin, end, smooth, stood) in enumerate(found):
        upto = found[k + 1][1] if k + 1 < len(found) else len(u) - 1
        rises = u[end : upto + 1] >= u[end] + max(u[end], RISE)
        until = end + int(rises.argmax()) if rises.any() else upto
        cuts.append(
            _Cut(
                since=float(steps[since]),
                begin=float(steps[begin]),
                end=float(steps[end]),
                until=float(steps[until]),
                at=begin,
                ratio=float(u[begin] / max(u[end], LEAST)),
                smooth=smooth,
                stood=stood,
            )
        )
    return cuts


def _steps(u: Floats, steps: Floats, settings: Settings) -> list[tuple[int, int, int]]:
    """Where the rate stood and then fell at once: since when it stood, the last point before, the first behind."""
    moves = (np.abs(u[1:] - u[:-1]) > MOVES * u[:-1]).nonzero()[0]
    length = steps[-1] - steps[0]
    if not len(moves):
        return []
    # It moves behind each of these points, and it stood since the last move before, or since its first point.
    since = np.append(0, moves[:-1] + 1)
    falls = (u[moves + 1] < u[moves]) & (u[moves] >= settings.least_rate)
    falls &= steps[moves] - steps[since] >= settings.stood * length
    at_point, since = moves[falls], since[falls]
    if not len(at_point):
        return []
    back = steps.searchsorted(steps[at_point] - settings.stood * length)
    # An average over the cut leaves a point in between.
    ahead = steps.searchsorted(steps[at_point] + settings.within * length, side="right") - 1
    ahead = np.minimum(np.maximum(ahead, at_point + 2), len(u) - 1)
    falls = (u[ahead] <= u[at_point] / settings.factor) & (u[back] <= (1 + settings.still) * u[at_point])
    found = []
    for start, i, j in zip(*(a[falls][:MOST].tolist() for a in (since, at_point, ahead)), strict=True):
        found.append((start, i, i + 1 + int((u[i + 1 : j + 1] <= (1 + settings.still) * u[j]).argmax())))
    return found


def _descents(u: Floats, steps: Floats, settings: Settings) -> list[tuple[int, int, int, bool]]:
    """Where the rate went from high to low, the same way."""
    told = ((u >= settings.high) | (u <= settings.low)).nonzero()[0]
    high = u[told] >= settings.high
    ways = (high[:-1] & ~high[1:]).nonzero()[0]
    found, before = [], 0
    for begin, end in zip(told[ways].tolist(), told[ways + 1].tolist(), strict=True):
        up = (u[before : begin + 1] >= settings.settled).nonzero()[0] + before
        if len(up):
            since, fell = int(up[0]), int(up[-1])
            # A rate that stood for longer than it then took to fall had a course; one that always fell has none but
            # that of its higher half.
            stood = steps[fell] - steps[since] >= steps[end] - steps[fell]
            found.append((since, fell if stood else begin, end, bool(stood)))
        before = end
    return found[:MOST]


def _answers(series: Series, cuts: list[_Cut], span: Span, settings: Settings) -> list[tuple[_Cut, _Answer]]:
    """What the loss said to the first cut around which it can be read, and to the last such."""
    end = level(series, at(span, 0.95), span.last)
    fell = 0.0 if end is None else float(series.values[0]) - end
    if fell <= 0:
        return []
    first = _first(series, cuts, fell, span, settings)
    if first is None:
        return []
    last = first if first[0] is cuts[-1] else _first(series, cuts[::-1], fell, span, settings)
    return [first, last or first]


def _first(
    series: Series, cuts: list[_Cut], fell: float, span: Span, settings: Settings
) -> tuple[_Cut, _Answer] | None:
    """The first of these cuts around which the loss can be read."""
    read = ((cut, _answer(series, cut, fell, span, settings)) for cut in cuts)
    return next(((cut, answer) for cut, answer in read if answer is not None), None)


def _answer(series: Series, cut: _Cut, fell: float, span: Span, settings: Settings) -> _Answer | None:
    """How far the loss came to lie below its course; None where it was logged too rarely around this cut."""
    length = span.last - span.first
    first = max(cut.since, cut.begin - settings.reach * length)
    last = min(cut.until, cut.end + settings.reach * length)
    if first >= cut.begin or last - cut.end < settings.least_behind * length:
        return None
    # The loss needs a while to come down to its new level.
    settled = cut.end + (last - cut.end) / 2
    before, after = stretch_medians(series, first, cut.begin, STRETCHES), level(series, settled, last)
    known = before == before
    count = int(known.sum())
    if after is None or count < settings.known:
        return None
    time = PLACES
    if count < STRETCHES:
        before, time = before[known], PLACES[known]
    logarithmic = bool(before.min() > 0) and after > 0
    height = np.log(before) if logarithmic else before
    earlier, later = PAIRS[count]
    # A course that rises would only raise what is expected, and in a noisy stretch it does so by chance.
    slope = min(0.0, median((height[later] - height[earlier]) / (time[later] - time[earlier])))
    rest = height - slope * time
    start = median(rest)
    # In stretches, from the middle of the first to the middle of what is looked at behind.
    ahead = ((settled + last) / 2 - first) * STRETCHES / (cut.begin - first) - 0.5
    course, now = start + slope * ahead, start + slope * (STRETCHES - 1)
    # As of a least-squares line that is carried on so far. One odd stretch counts here: then the course is less sure.
    off = rest - start
    error = math.sqrt(float(off @ off) / (count - 2) * (1 + (1 + 3 * (2 * ahead / STRETCHES - 1) ** 2) / count))
    if logarithmic:
        below = course - math.log(after)
        course, now = math.exp(max(course, -LARGEST_LOG)), math.exp(now)
    else:
        below = course - after
    return _Answer(
        gain=(course - after) / fell,
        ratio=(course - after) / max(abs(course), abs(after), 1 / LARGEST),
        sigmas=below / max(error, 1e-9 * abs(below), 1 / LARGEST),
        expected=(now - course) / fell,
        trend=trend(before) or 0.0,
    )


def _calmed(series: Series, cut: _Cut, span: Span, settings: Settings) -> float | None:
    """Scatter behind the cut over that before; None where too little was logged on either side."""
    reach = min(cut.begin - cut.since, cut.until - cut.end, 2 * settings.reach * (span.last - span.first))
    if reach <= 0:
        return None
    before = _means(series, cut.begin - reach, cut.begin)
    # From where the loss has come down to its new level.
    behind = _means(series, cut.end + reach / 4, cut.end + reach)
    if min(len(before), len(behind)) < SHORTER // 2:
        return None
    # Of what departs from the line through both neighbours; the level of a course has no part in it.
    was, is_now = (robust_sigma(v[2:] - 2 * v[1:-1] + v[:-2]) for v in (before, behind))
    return is_now / was if was > 0 else None


def _means(series: Series, first: float, last: float) -> Floats:
    """Means over equal stretches of steps, those without points left out; shape (at most `SHORTER`,)."""
    places = series.steps.searchsorted(first + np.arange(SHORTER + 1) * ((last - first) / SHORTER))
    counts = diff(places)
    known = counts > 0
    if not known.any():
        return np.empty(0)
    sums = np.add.reduceat(series.values[: places[-1]], places[:-1][known])
    return np.asarray(sums / counts[known], dtype=np.float64)
