"""What a run's curves look like, as some thirty plain numbers that have no scale and know no cadence.

Each symptom is a share, a ratio or a logarithm of one, so that a loss of any size gives the same, and is taken over
stretches of steps, so that the same run logged ten times less often gives nearly the same. What a log does not tell is
NaN. `PHRASES` says each in words; `rate_odds` weighs them.

The course is the validation loss where it was looked at often enough, since it moves only with the weights; else the
training loss in stretches. Progress is measured against the sum of the rates so far as well as against the steps: a
training in which nothing but the distance matters falls along that sum (Luo et al., A Multi-Power Law for Loss Curve
Prediction, 2025; Tissue et al., Scaling Law with Learning Rate Annealing, 2024), and what departs from it is noise or
instability.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping

import numpy as np

from lrdoctor.detectors._course import GRID, Course, Rate, course_through, fractions, placed, tabulated
from lrdoctor.model import Floats, Role, Run, Series, Span
from lrdoctor.ordering import median
from lrdoctor.signal import MAD_TO_SIGMA, at, bounded, finite_loss, finite_rate, level, peak_of

STRETCHES = 40
"""Of the training loss: few enough that a log of some hundred points fills them."""
LEAST_LOOKS = 15
"""Validation points that make a course."""
LEAST_POINTS = 25
"""Points of the training loss, where that is all there is."""
TINY = 1e-9
MANY = 10.0
"""So many times something is said in times, and no longer as a percentage."""
EDGES: Floats = np.linspace(0.0, 1.0, STRETCHES + 1)
MIDDLES: Floats = (EDGES[:-1] + EDGES[1:]) / 2
"""Of the stretches, as fractions of the run."""

PHRASES: Mapping[str, Callable[[float], str]] = {
    "time_to_half": lambda v: f"half of the whole drop took {10**v:.1%} of the run",
    "time_to_80": lambda v: f"80 % of the whole drop took {10**v:.1%} of the run",
    "time_to_90": lambda v: f"90 % of the whole drop took {10**v:.1%} of the run",
    "time_to_95": lambda v: f"95 % of the whole drop took {10**v:.1%} of the run",
    "spent_at_half": lambda v: f"half of the whole drop took {10**v:.1%} of the sum of rates",
    "spent_at_80": lambda v: f"80 % of the whole drop took {10**v:.1%} of the sum of rates",
    "spent_at_90": lambda v: f"90 % of the whole drop took {10**v:.1%} of the sum of rates",
    "second_quarter": lambda v: f"the second quarter of the run brought {v:.1%} of the drop",
    "third_quarter": lambda v: f"the third quarter of the run brought {v:.1%} of the drop",
    "last_quarter": lambda v: f"the last quarter of the run brought {v:.1%} of the drop",
    "half_over_end": lambda v: f"the loss at half time was {math.exp(v):.3g} times that of the end",
    "late_over_end": lambda v: f"the loss at three quarters was {math.exp(v):.3g} times that of the end",
    "fall_last_third": lambda v: f"the last factor of 3 in the sum of rates brought {v:.1%} of the drop",
    "fall_before_third": lambda v: f"the factor of 3 before the last in the sum of rates brought {v:.1%} of the drop",
    "fall_first": lambda v: f"the sum of rates up to a tenth of its end brought {v:.1%} of the drop",
    "jitter": lambda v: f"the validation loss jitters at the high rate by {10**v:.2g} of the whole drop",
    "jitter_level": lambda v: f"the validation loss jitters at the high rate by {10**v:.2g} of its own level",
    "ups_high": lambda v: f"{v:.0%} of the validation loss's way at the high rate went up",
    "ups_late": lambda v: f"{v:.0%} of the validation loss's way in the second half went up",
    "wander": lambda v: f"the validation loss went {10**v:.3g} times as far as it got",
    "train_ups": lambda v: f"{v:.0%} of the training loss's way went up",
    "train_jitter": lambda v: f"the training loss wanders at the high rate by {10**v:.2g} of the whole drop",
    "mean_rate": lambda v: f"the mean rate was {v:.2g} of the peak",
    "high_width": lambda v: f"the rate was above half of its peak for {v:.0%} of the run",
    "end_rate": lambda v: f"the rate ended at {v:.2g} of its peak",
    "peak_at": lambda v: f"the rate was at its peak after {v:.1%} of the run",
    "anneal_gain": lambda v: f"after the rate had fallen to half, the loss fell by {v:.1%} of the drop",
    "end_ratio": lambda v: f"the loss ended at {math.exp(v):.3g} of the untrained one",
    "lost": lambda v: (
        f"the loss ended above its best level by {v:.1%} of the drop"
        if v < MANY
        else f"the loss ended above its best level by {v:.2g} times the drop"
    ),
    "early_rise": lambda v: f"early on the loss rose by {10**v - 1:.2g} times the whole drop",
    "train_over_course": lambda v: f"the training loss ended at {math.exp(v):.3g} times the validation loss",
    "gradient_early": lambda v: f"the gradient norm was {10**v:.2g} times its first value soon after the start",
    "gradient_late": lambda v: f"the gradient norm ended at {10**v:.2g} times its early value",
    "gradient_middle": lambda v: f"the gradient norm stood at half time at {10**v:.2g} times its early value",
    "gradient_bursts": lambda v: f"one gradient norm in twenty was above {10**v:.2g} times the median",
    "gradient_scatter": lambda v: f"the gradient norm scatters by a factor of {math.exp(v):.2g}",
}
"""Each symptom in words, from its value."""


def symptoms(run: Run) -> dict[str, float] | None:
    """Every symptom by name, NaN where the log does not tell; None for a run without a course that ever fell.

    They are in the order of `PHRASES`.
    """
    # Two detectors ask for them.
    if "symptoms" not in run.memo:
        run.memo["symptoms"] = _symptoms(run)
    found: dict[str, float] | None = run.memo["symptoms"]
    return found


def _symptoms(run: Run) -> dict[str, float] | None:
    span = run.span
    train, val = finite_loss(run, Role.TRAIN_LOSS), finite_loss(run, Role.VAL_LOSS)
    if span is None or span.last <= span.first:
        return None
    looks = val is not None and len(val) >= LEAST_LOOKS and _early(val, span)
    x = y = None
    if train is not None and len(train) >= LEAST_POINTS:
        x, y, noise = _stretches(train, span)
    if looks and val is not None:
        course = course_through(*placed(val.steps, span), val.values, _untrained(val, train, span))
    elif x is not None and y is not None and train is not None and _early(train, span) and len(x) >= STRETCHES // 2:
        first = median(train.values[: max(1, len(train) // 200)])
        course = course_through(np.concatenate([[0.0], x]), [0.0, *x.tolist()], np.concatenate([[first], y]), first)
    else:
        return None
    if not course.drop > 1e-6 * abs(course.first):
        return None
    rate = finite_rate(run)
    rated = None
    if rate is not None and len(rate) >= 3 and (peak := peak_of(rate)) > 0:
        rated = tabulated(rate.steps, span, np.maximum(rate.values, 0.0) / peak)
    # The first tenth falls anyhow.
    high = (0.1, 1.0) if rated is None else rated.high
    arrivals = _arrivals(course)
    found = dict.fromkeys(PHRASES, math.nan)
    found |= _progress(course, arrivals)
    found |= _ends(course, train, span)
    if rated is not None:
        found |= rated.told
        found |= _spent(course, arrivals, rated)
    if looks:
        found |= _restlessness(course, high)
    if x is not None and y is not None and len(x) >= STRETCHES // 2:
        found |= _training(x, y, noise, course, high)
    found |= _gradient(run, span)
    return found


def _untrained(val: Series, train: Series | None, span: Span) -> float:
    """The validation loss before training: its first value, unless the first updates had blown the net up by then.

    A first evaluation often comes after some steps. Where it stands far above the first training loss, and the two
    agree afterwards, the training loss is what an untrained net has.
    """
    first = float(val.values[0])
    if train is None or not _early(train, span) or train.steps[0] > val.steps[0]:
        return first
    untrained = float(train.values[0])
    if not 0 < BLOWN_UP * untrained < first:
        return first
    later = [level(s, at(span, 0.02), at(span, 0.2)) for s in (val, train)]
    if later[0] is None or later[1] is None or later[1] <= 0:
        return first
    return untrained if later[0] / later[1] < first / untrained / BLOWN_UP else first


BLOWN_UP = 2.0
"""As many times the first training loss: the same that `early_instability` asks of a first validation loss."""


def _early(series: Series, span: Span) -> bool:
    return float(series.steps[0]) <= max(1.0, 0.03 * span.last)


def _stretches(train: Series, span: Span) -> tuple[Floats, Floats, Floats]:
    """Middles, means and the means' standard errors of the stretches that hold points."""
    cuts = fractions(train.steps, span).searchsorted(EDGES)
    cuts[-1] = len(train)
    counts, starts, middles = cuts[1:] - cuts[:-1], cuts[:-1], MIDDLES
    there = counts > 0
    if not there.all():
        counts, starts, middles = counts[there], starts[there], middles[there]
    means = np.add.reduceat(train.values, starts) / counts
    variance = np.add.reduceat((train.values - means.repeat(counts)) ** 2, starts) / counts
    errors = np.sqrt(variance / np.maximum(counts - 1, 1))
    return middles, means, errors


def _log10(value: float, least: float) -> float:
    return math.log10(max(value, least))


def _ratio(a: float, b: float) -> float:
    return math.log(a / b) if a > TINY * abs(b) and b > 0 else math.nan


def _progress(course: Course, arrivals: Mapping[str, float]) -> dict[str, float]:
    found = {f"time_to_{name}": _log10(arrival, 3e-3) for name, arrival in arrivals.items()}
    quarter, half, late = course.at(0.25), course.at(0.5), course.at(0.75)
    return found | {
        "second_quarter": (quarter - half) / course.drop,
        "third_quarter": (half - late) / course.drop,
        "last_quarter": (late - course.end) / course.drop,
        "half_over_end": _ratio(half, course.end),
        "late_over_end": _ratio(late, course.end),
    }


ARRIVALS = {"half": 0.5, "80": 0.8, "90": 0.9, "95": 0.95}
SHARES: Floats = np.array([[share] for share in ARRIVALS.values()])
SPENT = ("half", "80", "90")
"""Those that are told of the sum of rates as well."""


def _arrivals(course: Course) -> dict[str, float]:
    """Fractions of the run after which these shares of the drop were first reached."""
    there = course.y <= course.first - SHARES * course.drop
    return dict(zip(ARRIVALS, course.x[there.argmax(1)].tolist(), strict=True))


def _ends(course: Course, train: Series | None, span: Span) -> dict[str, float]:
    early = bisect_right(course.places, 0.2)
    rise = (float(course.y[:early].max()) - course.first) / course.drop if early else 0.0
    found = {
        "end_ratio": _ratio(course.end, course.first),
        "lost": (course.end - course.best) / course.drop,
        "early_rise": math.log10(1 + max(rise, 0.0)),
    }
    if train is not None:
        late = level(train, at(span, 0.93), span.last)
        found["train_over_course"] = math.nan if late is None else _ratio(late, course.end)
    return found


def _spent(course: Course, arrivals: Mapping[str, float], rate: Rate) -> dict[str, float]:
    shares = np.interp([arrivals[name] for name in SPENT], GRID, rate.spent).tolist()
    tenth, third = course.at(rate.tenth), course.at(rate.third)
    until = rate.high[1]
    return {
        **{f"spent_at_{name}": _log10(share, 1e-3) for name, share in zip(SPENT, shares, strict=True)},
        "fall_last_third": (third - course.end) / course.drop,
        "fall_before_third": (tenth - third) / course.drop,
        "fall_first": (course.first - tenth) / course.drop,
        "anneal_gain": (course.at(until) - course.end) / course.drop if until < 0.95 else 0.0,
    }


def _window(places: list[float] | Floats, high: tuple[float, float]) -> slice:
    """The stretch of the high rate, without the first fall; a seventh of the run at least, or the run's first third.

    A rate that was high for a moment only shows nothing at it.
    """
    first, last = max(0.05, high[0]), high[1]
    if last - first < 0.15:
        first, last = 0.05, max(0.35, last)
    return slice(bisect_left(places, first), bisect_left(places, last) + 1)


def _ups(moves: Floats, sizes: Floats) -> float:
    """Which part of the way went up: 0 for a curve that only falls, half for one that gets nowhere."""
    if len(moves) <= 4:
        return math.nan
    walked = float(np.add.reduce(sizes))
    return float(np.add.reduce(moves[moves > 0])) / walked if walked > 0 else math.nan


def _scatter(moves: Floats) -> float:
    """Standard deviation around a smooth course; second differences of white noise have six times its variance."""
    bends = moves[1:] - moves[:-1]
    return MAD_TO_SIGMA * median(np.abs(bends)) / math.sqrt(6) if len(bends) > 4 else math.nan


def _restlessness(course: Course, high: tuple[float, float]) -> dict[str, float]:
    places, y = course.places, course.y
    moves = y[1:] - y[:-1]
    sizes = np.abs(moves)
    window = _window(places, high)
    part = slice(window.start, window.stop - 1)
    scatter = _scatter(moves[part])
    later, half = bisect_left(places, 0.1), bisect_left(places, 0.5)
    gained = abs(float(y[later] - y[-1])) if later < len(y) else 0.0
    walked = float(np.add.reduce(sizes[later:]))
    return {
        "jitter": _log10(scatter / course.drop, 1e-5) if scatter == scatter else math.nan,
        "jitter_level": _log10(scatter / abs(course.end), 1e-5) if scatter == scatter and course.end else math.nan,
        "ups_high": _ups(moves[part], sizes[part]),
        "ups_late": _ups(moves[half:], sizes[half:]),
        "wander": math.log10(min(walked / max(gained, 1e-3 * walked), 1e3)) if walked > 0 else math.nan,
    }


def _training(x: Floats, y: Floats, errors: Floats, course: Course, high: tuple[float, float]) -> dict[str, float]:
    part, moves = _window(x, high), y[1:] - y[:-1]
    later = moves[bisect_left(x, 0.1) :]
    scatter = _scatter(moves[part.start : part.stop - 1])
    if scatter == scatter:
        # What the batches alone would scatter is taken off, else a sparser log would look more restless.
        scatter = math.sqrt(max(scatter * scatter - median(errors[part]) ** 2, 0.0))
    return {
        "train_ups": _ups(later, np.abs(later)),
        "train_jitter": _log10(scatter / course.drop, 1e-5) if scatter == scatter else math.nan,
    }


def _gradient(run: Run, span: Span) -> dict[str, float]:
    norm = run[Role.GRAD_NORM]
    if norm is None:
        return {}
    norm = bounded(norm)
    if len(norm) < LEAST_POINTS:
        return {}
    values, x = norm.values, fractions(norm.steps, span)
    if not values.min() > 0:
        positive = values > 0
        values, x = values[positive], x[positive]
    if len(values) < LEAST_POINTS:
        return {}

    def level(first: float, last: float) -> float:
        lo, hi = x.searchsorted(first), x.searchsorted(last)
        return math.log10(median(values[lo:hi])) if hi > lo else math.nan

    often = (95 * len(values)) // 100
    start, early, middle, late = level(0, 0.02), level(0.05, 0.15), level(0.4, 0.6), level(0.9, 1.01)
    later = values[x > 0.3]
    logs = np.log(later) if len(later) else np.zeros(1)
    spread = MAD_TO_SIGMA * median(np.abs(logs - median(logs)))
    return {
        "gradient_early": early - start,
        "gradient_late": late - early,
        "gradient_middle": middle - early,
        "gradient_bursts": math.log10(float(np.partition(values, often)[often]) / median(values)),
        "gradient_scatter": spread,
    }
