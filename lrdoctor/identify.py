"""Which schedule a logged learning rate followed: its law, parameters, warm-up and interval; None where none is known.

    found = identify(series.steps, series.values)
    if found is not None:
        found.plan, explained(found, series.steps)

How: the rate is thinned to its informative points, and each law offers parameters for what follows the warm-up. A law
is accepted where, with peak, warm-up and parameters polished together, its largest misfit stays within what printing
did to the values. Of the accepted ones that with the lowest Bayesian information criterion (Schwarz 1978) is named;
its noise is the resolution at least, so a law within the resolution costs only its parameters, and the simplest wins.
A rate that no law explains point by point is tried as set once per interval (a scheduler stepped per epoch), as the
mean over the logging window, and as one law in two pieces that meet at a seam.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np

from lrdoctor import plugins
from lrdoctor.model import Floats, Ints, Series
from lrdoctor.ordering import diff
from lrdoctor.schedules import constant, exponential, step
from lrdoctor.schedules._law_model import FitModel, View
from lrdoctor.schedules._law_search import search
from lrdoctor.schedules._logged_rate import (
    LONGEST,
    RateCurve,
    cadence,
    counted_from,
    rate_curve,
    resolution_of_one,
    spread,
    stairs,
)
from lrdoctor.schedules._plan import Plan, Warmup
from lrdoctor.schedules._plan import rates as plan_rates
from lrdoctor.signal import bottom_of, peak_of

SAMPLE = 400
"""Points that the laws are fitted to: corners, and enough between them for every law here."""
CHECKED = 2000
"""Points that an accepted law is held against."""
SAME_SHAPE = 1e-6
"""Two rates are one schedule where they differ by less than this of their peaks: float32, or six printed digits."""


SHORT = 2000
"""What so few points tell is kept for the runs that come next."""
SMALL_CUT = 0.87
"""Nobody halves a rate by this little: factors of step decays run from 0.1 to 0.8, those of exponentials that are
stepped per epoch from 0.9 to 0.99."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """The schedule behind a logged rate."""

    plan: Plan
    interval_steps: int = 1
    """The scheduler was stepped once in so many optimizer steps; the plan holds at their multiples."""
    residual: float
    """Largest misfit relative to the peak."""
    resolution: float
    """Rounding of the logged values relative to the peak."""
    seams: tuple[int, ...] = ()
    """Logged steps at which the law went on from another of its own steps: a resume that lost the scheduler's state."""
    lags: tuple[int, ...] = ()
    """For each seam, by how many steps the law is behind the log from there on."""
    first_step: int = 0
    """The logged step that the plan counts as 0: not 0 only for a log that begins late."""
    mirrored: bool = False
    """Beyond its planned length the law runs backwards, as PyTorch's cosine does with too short a T_max."""
    averaged_steps: int = 1
    """Each logged value is the mean over so many steps."""


def identify(steps: Ints, rates: Floats) -> Identified | None:
    """The simplest known schedule that explains the rates within their resolution; None where none does.

    `steps` strictly increase. A rate that only rises along a line is a warm-up that never ended: a constant law whose
    warm-up is as long as the run. A rate of zero throughout is a constant of zero.
    """
    steps = np.ascontiguousarray(steps, dtype=np.int64)
    rates = np.ascontiguousarray(rates, dtype=np.float64)
    return _identify(steps.tobytes(), rates.tobytes())


def identified(rate: Series) -> Identified | None:
    """The same of a series; only once, since several detectors ask about the rate of one run, one after the other."""
    if identified not in rate.memo:
        if never_moves(rate) and peak_of(rate) > 0:
            found = _constant(rate.steps, peak_of(rate))
        elif len(rate) <= SHORT:
            # Runs of a sweep that differ in their seeds alone share their rate to the last digit.
            found = _shared(rate.steps.tobytes(), rate.values.tobytes())
        else:
            found = _of(rate.steps, rate.values)
        rate.memo[identified] = found
    known: Identified | None = rate.memo[identified]
    return known


def never_moves(rate: Series) -> bool:
    """Whether the rate is the same at all of its points, which must be finite: most sweeps are of such runs."""
    if never_moves not in rate.memo:
        rate.memo[never_moves] = bottom_of(rate) == peak_of(rate)
    still: bool = rate.memo[never_moves]
    return still


def _read(steps: bytes, rates: bytes) -> Identified | None:
    return _of(np.frombuffer(steps, dtype=np.int64), np.frombuffer(rates, dtype=np.float64))


_shared = lru_cache(maxsize=64)(_read)
_identify = lru_cache(maxsize=8)(_read)
"""Commands ask about the rate of one run more than once, too."""


def _of(steps: Ints, rates: Floats) -> Identified | None:
    curve = rate_curve(steps, rates)
    if curve is None:
        return _zero(steps, rates)
    if curve.relative.min() == 1:
        return _constant(curve.steps + curve.origin, curve.peak)
    return _fitted(curve) or _seamed(curve)


def _constant(steps: Ints, peak: float) -> Identified | None:
    """What the search would find for a rate that never moves, since nothing has fewer parameters."""
    first, last = int(steps[0]), int(steps[-1])
    if not 0 < last - first <= LONGEST:
        return None
    origin = 0 if first == 0 else counted_from(first, cadence(steps)[0])
    plan = Plan(schedule="constant", params=constant.Params(), peak_lr=peak, total_steps=last - origin + 1)
    return Identified(plan=plan, residual=0.0, resolution=resolution_of_one(peak), first_step=origin)


def explained(found: Identified, steps: Ints) -> Floats:
    """The rate that the schedule gives at each logged step; shape as `steps`. Averages are not taken."""
    steps = np.asarray(steps)
    t = steps - found.first_step if found.first_step else steps
    for seam, lag in zip(found.seams, found.lags, strict=True):
        t = np.where(steps >= seam, steps - found.first_step - lag, t)
    if found.interval_steps > 1:
        t = t // found.interval_steps * found.interval_steps
    if found.mirrored:
        period, start = found.plan.params.total_steps, found.plan.warmup.steps
        t = np.where(t > start, start + period - np.abs((t - start) % (2 * period) - period), t)
    return plan_rates(found.plan, t)


def planned_length(found: Identified) -> int | None:
    """Steps from the end of the warm-up to the planned end; None for a law without an end."""
    length = _law(found.plan.schedule).planned_steps(found.plan.params)
    return None if length is None else int(length)


_law = cache(plugins.schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rates that are multiples of one another: parameter groups or layers under one schedule."""

    tags: tuple[str, ...]
    scales: tuple[float, ...]
    """Peak of each relative to the first."""
    schedule: Identified | None
    """Of the first."""


def identify_all(series: Mapping[str, tuple[Ints, Floats]]) -> tuple[Group, ...]:
    """The schedules of several rates of one run, each shape identified once, in the order of the series."""
    groups: list[tuple[Ints, Floats, list[str], list[float]]] = []
    for tag, (steps, rates) in series.items():
        peak = _peak(rates)
        for own_steps, own_rates, tags, peaks in groups:
            if np.array_equal(own_steps, steps) and _same_shape(own_rates, peaks[0], rates, peak):
                tags.append(tag)
                peaks.append(peak)
                break
        else:
            groups.append((steps, rates, [tag], [peak]))
    return tuple(
        Group(
            tags=tuple(tags),
            scales=tuple(peak / peaks[0] if peaks[0] else 1.0 for peak in peaks),
            schedule=identify(steps, rates),
        )
        for steps, rates, tags, peaks in groups
    )


def _peak(rates: Floats) -> float:
    finite = rates[np.isfinite(rates)]
    return float(finite.max()) if len(finite) else 0.0


def _same_shape(one: Floats, one_peak: float, other: Floats, other_peak: float) -> bool:
    if one_peak <= 0 or other_peak <= 0:
        return one_peak == other_peak
    with np.errstate(all="ignore"):
        return bool(np.allclose(one / one_peak, other / other_peak, rtol=0, atol=SAME_SHAPE, equal_nan=True))


def _zero(steps: Ints, rates: Floats) -> Identified | None:
    finite = np.isfinite(rates)
    if finite.sum() < 2 or np.any(rates[finite] != 0):
        return None
    length = int(steps[-1]) - int(steps[0]) + 1
    plan = Plan(schedule="constant", params=constant.Params(), peak_lr=0.0, total_steps=length)
    return Identified(plan=plan, residual=0.0, resolution=0.0)


def _fitted(curve: RateCurve) -> Identified | None:
    """One law for the whole curve: point by point, per interval, or averaged over windows."""
    laws = _laws()
    model = search(laws, *_views(curve))
    if model is not None:
        return _per_interval(_identified(model, curve))
    found = stairs(curve)
    if found is not None:
        model = search(laws, *_views(found.curve))
        if model is not None:
            return _cut(replace(_identified(model, found.curve), interval_steps=found.interval))
    if curve.every > 1:
        model = search(laws, *_views(curve, window=curve.every))
        if model is not None:
            return replace(_identified(model, curve), averaged_steps=curve.every)
    return None


@cache
def _laws() -> Mapping[str, Any]:
    return {name: module for name, module in plugins.schedules().items() if hasattr(module, "fit")}


def _per_interval(found: Identified) -> Identified:
    """A step decay by a factor near 1 is an exponential that was stepped once per interval."""
    plan = found.plan
    if plan.schedule != "step" or plan.params.factor < SMALL_CUT or plan.warmup.steps % plan.params.every:
        return found
    if plan.total_steps < 4 * plan.params.every:
        return found
    law = exponential.Params(decay_rate=plan.params.factor, decay_steps=plan.params.every)
    return replace(found, plan=replace(plan, schedule="exponential", params=law), interval_steps=plan.params.every)


def _cut(found: Identified) -> Identified:
    """The reverse: an exponential that fell far at each interval is a step decay."""
    plan, every = found.plan, found.interval_steps
    if plan.schedule != "exponential":
        return found
    factor = plan.params.decay_rate ** (every / plan.params.decay_steps)
    if factor >= SMALL_CUT:
        return found
    law = step.Params(every=every, factor=factor)
    return replace(found, plan=replace(plan, schedule="step", params=law), interval_steps=1)


def _views(curve: RateCurve, window: int = 1) -> tuple[View, View]:
    """What the laws are fitted to, and what they are held against."""
    checked = curve.thinned(CHECKED if window == 1 else SAMPLE)
    fitted = checked.thinned(SAMPLE if window == 1 else SAMPLE // 2)
    return View.of(fitted, window), View.of(checked, window)


def _identified(model: FitModel, curve: RateCurve) -> Identified:
    """The model in whole steps, with the misfit that it then has."""
    warm = round(model.warm)
    length = int(curve.steps[-1]) + 1
    planned = model.module.planned_steps(model.params)
    warmup = Warmup(steps=warm, shape=model.shape, start=min(max(float(model.start), 0.0), 1.0)) if warm else Warmup()
    plan = Plan(
        schedule=model.law,
        params=model.params,
        peak_lr=curve.peak * model.height,
        warmup=warmup,
        total_steps=length if planned is None else max(1, warm + int(planned)),
    )
    return Identified(
        plan=plan,
        residual=model.residual,
        resolution=curve.resolution,
        first_step=curve.origin,
        mirrored=model.mirrored,
    )


def _seamed(curve: RateCurve) -> Identified | None:
    """Two pieces of one law that meet at the largest jump upwards: the first identified, the second shifted in time."""
    u = curve.relative
    n = len(u)
    if n < 24:
        return None
    jumps = diff(u)
    for cut in np.argsort(-np.abs(jumps), kind="stable")[:2] + 1:
        if abs(jumps[cut - 1]) < 0.01 + 8 * np.median(np.abs(jumps)):
            break
        # Too short a piece fits anything.
        if not n // 8 <= cut <= n - n // 8:
            continue
        first = _fitted(_piece(curve, slice(0, int(cut))))
        if first is None or first.plan.schedule == "constant":
            continue
        found = _continued(curve, int(cut), first)
        if found is not None:
            return found
    return None


def _piece(curve: RateCurve, part: slice) -> RateCurve:
    piece = curve.take(part)
    height = float(piece.relative.max())
    if height <= 0:
        return piece
    return replace(piece, relative=piece.relative / height, peak=piece.peak * height)


def _continued(curve: RateCurve, cut: int, first: Identified) -> Identified | None:
    """`first` with a seam at this point, if the same law, late or early by some steps, explains what follows."""
    steps = curve.steps + curve.origin
    later = spread(len(steps) - cut, SAMPLE) + cut
    tolerance = max(1.5 * curve.resolution + 1e-5, 2 * first.residual)
    seam = int(steps[cut])
    if len(np.unique(curve.relative[later])) < 8:
        return None
    # The law's own clock at the seam is where it has the rate that was logged there.
    clock = np.arange(0, max(int(curve.steps[-1]), first.plan.total_steps) + 1)
    clock = clock[spread(len(clock), 200_000)]
    drawn = explained(replace(first, averaged_steps=1), clock + first.first_step) / curve.peak
    near = (np.abs(drawn - curve.relative[cut]) <= tolerance + np.abs(np.gradient(drawn)).max()).nonzero()[0]
    for position in itertools.chain([0], clock[near[spread(len(near), 64)]] if len(near) else []):
        lag = int(curve.steps[cut]) - int(position)
        if lag == 0:
            continue
        found = replace(first, seams=(seam,), lags=(lag,))
        misfit = float(np.abs(explained(found, steps[later]) / curve.peak - curve.relative[later]).max())
        if misfit <= tolerance:
            return replace(found, residual=max(first.residual, misfit))
    return None
