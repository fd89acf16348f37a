"""Whether one training ended better than another, by how much, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lrdoctor.model import Advice, Diagnosis, Floats, Role, Run, Series, Severity
from lrdoctor.ordering import median
from lrdoctor.signal import at, between, robust_sigma

TAIL = 0.05
"""The last twentieth of the run, as in the samples' own measurements."""
FEWEST = 3
"""Points that a level is taken from where the last twentieth has fewer, if there are so many at all."""
UNTRAINED = 1.02
"""Ending this far above the first loss is diverging; the same limit as in the clinic of benchmarks/."""
SURE = 0.95
"""One-sided: a difference counts as real where chance alone would give it once in twenty times."""
NORMAL = 1.645
"""The quantile of the normal distribution for `SURE`."""
OF_A_MEDIAN = math.sqrt(math.pi / 2)
"""Standard error of a median over that of a mean, for normal scatter (Laplace, 1818)."""
CALM = 0.0045
"""Standard deviation between seeds, of the way down, at the calmest quarter of 45 nets of benchmarks/clinic, each
trained eight times at its best rate for a quarter of its steps. The median was 0.016, the most 0.16."""
LOST = frozenset({"nonfinite", "masked_nonfinite"})
BROKEN = LOST | {"early_instability", "divergence"}
"""Kinds of findings by which an error says that the training diverged."""


class NoiseFrom(StrEnum):
    """What the noise of a comparison was told from."""

    SEEDS = "seeds"
    TAILS = "tails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Where one loss began and ended, in its own unit."""

    start: float
    """The first finite value."""
    end: float | None
    """Median over the last twentieth of the run; None where most of that is not finite."""
    best: float
    """The lowest median over a twentieth of the run."""
    error: float
    """Standard error of `end` by the scatter there; 0 where `end` is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a round reached against what was there before; losses in their own unit, gains positive where better."""

    metric: Role
    start: float
    before: float | None
    """Level at the end; None where it was no number there."""
    before_best: float
    before_diverged: bool
    after: float | None
    """Mean over the seeds; None where one of them diverged."""
    diverged: int
    seeds: int
    gain: float | None
    """`before` − `after`. What diverged counts as untrained."""
    share: float | None
    """The gain, of the whole way down from `start` to the lower of the two."""
    noise: float | None
    """A gain up to this may be chance."""
    noise_from: NoiseFrom
    same_curves: bool
    """Several seeds gave one curve, point for point: the command does not use its seed."""

    @property
    def helped(self) -> bool:
        """Better by more than the noise, and no seed diverged."""
        return self.gain is not None and self.noise is not None and self.gain > self.noise

    @property
    def hurt(self) -> bool:
        """Worse by more than the noise, or diverged where the other did not."""
        if self.gain is None or self.noise is None:
            return self.diverged > 0 and not self.before_diverged
        return self.gain < -self.noise


def level(run: Run, role: Role) -> Level | None:
    """Where this loss began and ended; None where it was not logged, or never was a number."""
    series, span = run[role], run.span
    if series is None or span is None:
        return None
    finite = series.finite()
    if not len(finite):
        return None
    last = _tail(series, at(span, 1 - TAIL), span.last)
    good = last[np.isfinite(last)]
    sound = len(good) * 2 > len(last)
    count = round(1 / TAIL)
    edges = [at(span, i / count) for i in range(count + 1)]
    stretches = [between(finite, edges[i], edges[i + 1]) for i in range(count)]
    return Level(
        start=float(finite.values[0]),
        end=median(good) if sound else None,
        best=min(median(values) for values in stretches if len(values)),
        error=OF_A_MEDIAN * robust_sigma(good) / math.sqrt(len(good)) if sound else 0.0,
    )


def _tail(series: Series, first: float, last: float) -> Floats:
    values = between(series, first, last)
    return values if len(values) >= FEWEST else series.values[-FEWEST:]


def metric(before: Run, after: Sequence[Run]) -> Role | None:
    """The loss that all of these logged, the validation loss first: a net is wanted that does well on other data.

    The run before must have begun with a number; what a trial has of it may be NaN alone.
    """
    return next(
        (
            role
            for role in (Role.VAL_LOSS, Role.TRAIN_LOSS)
            if level(before, role) is not None and all(run[role] is not None for run in after)
        ),
        None,
    )


def broken(diagnosis: Diagnosis, kinds: frozenset[str] = BROKEN) -> Advice | None:
    """The first error that rests on a finding of these kinds."""
    return next(
        (a for a in diagnosis.advice if a.rule.severity is Severity.ERROR and a.because[0].kind in kinds),
        None,
    )


def diverged(diagnosis: Diagnosis) -> bool:
    """Whether nothing is left of the training: it ended in no number, open or masked, or worse than untrained."""
    levels = [found for role in (Role.TRAIN_LOSS, Role.VAL_LOSS) if (found := level(diagnosis.run, role))]
    if not levels or broken(diagnosis, LOST):
        return True
    ends = [found.end for found in levels]
    # Of one that rises alone over-fitting may be the cause.
    above = [end is None or (0 < found.start * UNTRAINED < end) for found, end in zip(levels, ends, strict=True)]
    return any(end is None for end in ends) or above[0]


def compare(before: Diagnosis, after: Sequence[Diagnosis], stopped: Sequence[bool]) -> Comparison | None:
    """How these trials, which differ in their seed alone, ended against the run before; None without a common loss.

    `stopped` says which of them were stopped because they diverged. With several seeds the noise is the prediction
    interval of a single further run (Student, 1908): the run before was one, too. With one seed it is by the scatter
    at the ends of the two curves, and at least what seeds make of the calmest nets: an annealed curve ends without any
    scatter. What another seed would give stays unknown.
    """
    runs = [d.run for d in after]
    role = metric(before.run, runs)
    own = None if role is None else level(before.run, role)
    if role is None or own is None:
        return None
    reached = [found for run in runs if (found := level(run, role)) is not None]
    lost = [early or diverged(d) for early, d in zip(stopped, after, strict=True)]
    was_lost = diverged(before)
    ends = [found.end for found in reached if found.end is not None]
    mean = None if any(lost) or len(ends) < len(runs) else float(np.mean(ends))
    counted = own.start if own.end is None else min(own.end, own.start) if was_lost else own.end
    # One curve several times is one seed.
    same = len(runs) > 1 and all(_same(runs[0], run, role) for run in runs[1:])
    way = own.start - (counted if mean is None else min(counted, mean))
    spread, noise_from = _noise(ends, way, same=same)
    error = sum(found.error for found in reached) / len(runs) / math.sqrt(1 if same else len(runs))
    noise = max(spread, NORMAL * math.hypot(own.error, error))
    gain = None if mean is None else counted - mean
    return Comparison(
        metric=role,
        start=own.start,
        before=own.end,
        before_best=own.best,
        before_diverged=was_lost,
        after=mean,
        diverged=sum(lost),
        seeds=len(runs),
        gain=gain,
        share=gain / way if gain is not None and way > 0 else None,
        noise=noise if math.isfinite(noise) else None,
        noise_from=noise_from,
        same_curves=same,
    )


def _noise(ends: Sequence[float], way: float, *, same: bool) -> tuple[float, NoiseFrom]:
    if len(ends) < 2 or same:
        return NORMAL * math.sqrt(2) * CALM * max(way, 0.0), NoiseFrom.TAILS
    from scipy.special import stdtrit

    quantile = float(stdtrit(len(ends) - 1, SURE))
    return quantile * float(np.std(ends, ddof=1)) * math.sqrt(1 + 1 / len(ends)), NoiseFrom.SEEDS


def _same(one: Run, other: Run, role: Role) -> bool:
    a, b = one[role], other[role]
    return a is not None and b is not None and np.array_equal(a.values, b.values, equal_nan=True)
