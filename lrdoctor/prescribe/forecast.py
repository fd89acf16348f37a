"""What a run would have reached under another schedule at the same rate level, and where a run in progress will end.

    found = forecast(run)
    if isinstance(found, Forecast):
        found.reach(plan), found.end()

One logged curve, fitted by the law of `_law`, tells what another schedule would have ended at; the answer is anchored
at the run's own end, so that what the law gets wrong of both cancels. Every answer has a 90 % band or is a `Silence`
with the reason. The law was measured on language models that see their data once, under AdamW: there one run gives the
end of others of half to twice its length to a few thousandths of the loss. It does not know that a rate can be too high
and says nothing of another rate level. On small data that are seen many times it has no skill for other schedules; of
such runs it foretells at most their own end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lrdoctor.detectors._hyperparameters import by_last_word
from lrdoctor.identify import Identified, explained, identified
from lrdoctor.model import Expected, Floats, Ints, Role, Run, Status
from lrdoctor.prescribe._evidence import lacking, loss_of, warmup_of, window_start
from lrdoctor.prescribe._law import Course, Law, Points, Priors, bin_points, course, grid
from lrdoctor.prescribe._law_fit import fit
from lrdoctor.prescribe._priors_of_law import RATE_AWARE, expectations
from lrdoctor.schedules import constant, cosine, linear, warmup_stable_decay
from lrdoctor.schedules._plan import Plan, Warmup
from lrdoctor.schedules._plan import rates as plan_rates
from lrdoctor.signal import EXACT, finite_rate

BAND = 1.35
"""Half-width of the 90 % band in standard deviations of what is summed below."""
LAPLACE, OF_CHANGE, OF_LOSS = 1.24, 0.041, 0.0018
"""Standard deviations: of what the fit leaves, by this factor; of the predicted change, this share; of two trainings
that differ in nothing but chance, this share of the loss. Calibrated on the language models of `_priors_of_law`."""
OTHER_TASKS = 2.0
"""The band is so many times wider for other tasks than language models, and for other rates than were measured. It then
holds 84 to 95 % of the ends of small nets of every kind, foretold from half to nine tenths of their logs; of what
another schedule would do to them it held 30 to 80 %, so that is not told."""
MISFIT = 0.01
"""Of the loss: where the root mean square misfit is larger, the law does not hold."""
LONGEST = 2.0
"""Twice or half the length, or the level: beyond, the errors grow with every step away."""
OF_LEVEL, OF_LENGTH = 0.007, 0.004
"""Further standard deviations, as a share of the loss, for each doubling of the rate level and of the length: errors
of 0.02 and of 0.009 to 0.013 at a loss of 2.9."""
ANCHOR = 0.03
"""The run's own end is a mean with weights that fade over this share of the run."""
OWN_MISFIT = 0.0015
"""Of the loss: how far the true level of a run may lie from its fitted law. The anchor moves no farther than the noise
of the points lets one see."""
CONSTANT = 0.97
"""A mean rate after the warm-up of at least this share of the peak is constant."""
LONGER = 1.02
"""A plan that is longer than the log by less has come to its end."""
DECAYS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""Shares of the run for a cooldown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Not enough evidence, and why."""

    reason: str
    """One sentence without its full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The standard schedule with the lowest expected end, at the run's own length, warm-up and peak."""

    plan: Plan
    expected: Expected
    gain: float
    """How much lower it is expected to end than the run's own schedule, in the unit of the loss; below 0 where the own
    one is the best."""
    half_width: float
    """Of the band. A gain that is not larger is none that one could promise."""

    @property
    def convincing(self) -> bool:
        """Whether the gain stands out of its band."""
        return self.gain > self.half_width


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """A law that explains the run."""

    metric: str
    """Tag of the loss that it speaks of."""
    law: Law
    peak: float
    last: int
    """The last step that the loss was logged at."""
    length: int
    """The last step of the run."""
    level: float
    """Of the loss there, in its unit."""
    level_sd: float
    """Its standard deviation: how well the noisy points tell the level."""
    band: float
    """Half-width in standard deviations."""
    warmup: Warmup
    known: Identified | None
    """The law of the logged rate."""
    planned: int | None
    """Steps that the training was meant to take, where they are more than were logged."""
    language_model: bool
    """As all were that the law was measured on."""
    in_progress: bool
    """It is the log that says so, and not the law of the rate alone, whose end may have been set wrongly."""
    open_end: bool
    """The rate has been constant so far, and nothing says that it stays so."""

    def reach(self, plan: Plan) -> Expected | Silence:
        """What the plan would end at, with its 90 % band; its steps are counted like the run's."""
        steps = grid(plan.total_steps - 1)
        return self._reach(steps, plan_rates(plan, steps))

    def reach_rates(self, rates: Floats) -> Expected | Silence:
        """The same of a rate that is given for every step from 0 to the end; shape (n,)."""
        steps = grid(len(rates) - 1)
        return self._reach(steps, rates[steps])

    def end(self) -> Expected | Silence:
        """Where a run in progress will end under its own schedule, with the 90 % band."""
        if self.planned is None:
            return Silence(reason="the log does not say that the training goes on")
        if self.known is None:
            return Silence(reason="the learning rate follows no known law, so its further course is open")
        if self.open_end:
            return Silence(reason="the rate is constant so far, which does not say whether a cooldown follows")
        steps = grid(self.planned - 1)
        ahead = math.log2(self.planned / (self.length + 1))
        return self._expected(course(steps, explained(self.known, steps), self.peak), length=ahead)

    def own(self) -> Expected:
        """What it ended at itself, at the last step of the log."""
        return self._expected(self.law.course)

    def _reach(self, steps: Ints, rates: Floats) -> Expected | Silence:
        if not self.language_model:
            return Silence(reason="what another schedule reaches can be told of language models only, and this is none")
        if len(steps) < 2 or not np.isfinite(rates).all() or rates.max() <= 0:
            return Silence(reason="the schedule has no rate above 0")
        level, length = float(rates.max()) / self.peak, float(steps[-1]) / self.length
        if not 1 / LONGEST - 0.01 <= level <= LONGEST + 0.01:
            return Silence(reason=f"the rate is {level:.2g} times that of the run, and the law knows only its level")
        if not 1 / LONGEST - 0.01 <= length <= LONGEST + 0.01:
            return Silence(reason=f"the schedule is {length:.2g} times as long as the run, which is too far away")
        return self._expected(course(steps, rates, self.peak), math.log2(level), math.log2(length))

    def _expected(self, of: Course, level: float = 0.0, length: float = 0.0) -> Expected:
        change, sd, spread = self.law.change(of, of.steps[-1], self.last)
        chance = OF_LOSS**2 + (OF_LEVEL * level) ** 2 + (OF_LENGTH * length) ** 2
        variance = (LAPLACE * sd) ** 2 + (OF_CHANGE * change) ** 2 + chance * self.level**2 + self.level_sd**2
        half = self.band * (math.sqrt(variance) + 0.5 * spread)
        value = self.level + change
        return Expected(metric=self.metric, value=value, low=value - half, high=value + half)


def forecast(run: Run, rate_aware: Priors = RATE_AWARE, band: float = BAND) -> Forecast | Silence:
    """The law behind the run's loss, or why there is not enough evidence for one.

    `rate_aware` and `band` are what `benchmarks/forecasting.py` calibrates. Costs some milliseconds.
    """
    span, rate = run.span, finite_rate(run)
    if span is None or (run[Role.TRAIN_LOSS] is None and run[Role.VAL_LOSS] is None):
        return Silence(reason="no loss was logged")
    if rate is None or rate.values.max() <= 0:
        return Silence(reason="no learning rate was logged")
    if not 1 < span.last < EXACT:
        return Silence(reason="the steps are no count of steps")
    peak, schedule = float(rate.values.max()), identified(rate)
    warmup = warmup_of(rate, schedule)
    first = window_start(warmup, span.last)
    reason = lacking(run, span, first)
    if reason is not None:
        return Silence(reason=reason)
    loss = loss_of(run, first)
    assert loss is not None  # noqa: S101 - else there was a reason
    steps = grid(span.last)
    own = course(steps, explained(schedule, steps) if schedule else np.interp(steps, rate.steps, rate.values), peak)
    known = expectations(run, peak, rate_aware)
    flat = float(own.relative[own.steps >= first].mean()) >= CONSTANT
    if flat and not known.rate_known:
        return Silence(reason="a constant rate tells little, unless of a language model under Adam")
    if not known.language_model and loss.tag == run.roles.get(Role.TRAIN_LOSS):
        return Silence(reason="a training loss that is no language model's may be of data that are learned by heart")
    points = bin_points(loss.steps, loss.values, first)
    law = fit(points, own, known.priors, known.bends)
    last = int(loss.steps[-1])
    level, level_sd = _anchor(law, points, last)
    if not law.misfit <= MISFIT * abs(level):
        return Silence(reason=f"the loss is off its law by {100 * law.misfit / abs(level):.2g} %")
    return Forecast(
        metric=loss.tag,
        law=law,
        peak=peak,
        last=last,
        length=span.last,
        level=level,
        level_sd=level_sd,
        band=band * (1.0 if known.rate_known else OTHER_TASKS),
        warmup=warmup,
        known=schedule,
        language_model=known.language_model,
        planned=_planned(run, schedule, span.last),
        in_progress=run.status is Status.RUNNING or run.planned_steps is not None,
        open_end=flat and not _says_constant(run),
    )


def best_schedule(run: Run, found: Forecast | None = None) -> Choice | Silence:
    """The standard schedule that would end lowest, at the same peak, warm-up and length, or why none can be named.

    Constant, linear to 0, cosine to 0 and to a tenth, and a stretch at the peak with a cooldown over 10 to 60 % of the
    run, straight or 1-sqrt. A run in progress is taken at its planned length.
    """
    known = forecast(run) if found is None else found
    if isinstance(known, Silence):
        return known
    goes_on = known.planned is not None and known.in_progress
    own = known.end() if goes_on else known.own()
    if isinstance(own, Silence):
        return own
    total = known.planned if goes_on and known.planned is not None else known.length + 1
    reached = [(plan, end) for plan in _standard(known, total) if isinstance(end := known.reach(plan), Expected)]
    if not reached:
        return Silence(reason=_why_not(known, total))
    plan, expected = min(reached, key=lambda pair: pair[1].value)
    half = expected.high - expected.value
    return Choice(plan=plan, expected=expected, gain=own.value - expected.value, half_width=half)


def _why_not(known: Forecast, total: int) -> str:
    """Why not one of the standard schedules can be foretold."""
    for plan in _standard(known, total):
        end = known.reach(plan)
        if isinstance(end, Silence):
            return end.reason
    return "the run is too short for its warm-up"


def _standard(known: Forecast, total: int) -> Iterator[Plan]:
    """The standard schedules of this length, with the run's own peak and warm-up."""
    left = total - known.warmup.steps
    if left < 10:
        return
    base = Plan(
        schedule="constant", params=constant.Params(), peak_lr=known.peak, warmup=known.warmup, total_steps=total
    )
    yield base
    yield replace(base, schedule="linear", params=linear.Params(total_steps=left))
    for floor in (0.0, 0.1):
        yield replace(base, schedule="cosine", params=cosine.Params(total_steps=left, final_fraction=floor))
    for share in DECAYS:
        down = min(max(1, round(share * total)), left)
        for cooldown in ("linear", "1-sqrt"):
            law = warmup_stable_decay.Params(stable_steps=left - down, decay_steps=down, cooldown=cooldown)
            yield replace(base, schedule="warmup_stable_decay", params=law)


def _anchor(law: Law, points: Points, last: int) -> tuple[float, float]:
    """Level of the loss at its last step, and its standard deviation: the law, moved by what the last points say."""
    off = points.values - law.at(points.steps)
    end = float(law.at(np.array([float(last)]))[0])
    weights = np.exp(-(last - points.steps) / (ANCHOR * last)) / points.sigmas**2
    precision = float(weights.sum()) + 1 / (OWN_MISFIT * end) ** 2
    return end + float(weights @ off) / precision, 1 / math.sqrt(precision)


def _planned(run: Run, schedule: Identified | None, last: int) -> int | None:
    """Length of the training where it goes on after the log ends, by more than a logging interval could hide."""
    if run.status is Status.FINISHED:
        return None
    told = run.planned_steps
    if told is None and schedule is not None:
        told = schedule.plan.total_steps + schedule.first_step
    return told if told is not None and told > LONGER * (last + 1) else None


def _says_constant(run: Run) -> bool:
    """Whether the hyperparameters name a constant schedule."""
    told = by_last_word(run)
    return any(
        str(told.get(name, "")).lower().startswith("constant")
        for name in ("lr_scheduler_type", "lr_scheduler", "scheduler", "schedule", "lr_schedule")
    )
