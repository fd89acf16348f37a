"""What the logged learning rate did: an observation, not a complaint.

What it measures: peak, end, warm-up, mean height, how often the rate rose again, when it had fallen to a tenth for
good, and the simplest of the common laws that explains it, with the largest misfit.
How: the warm-up is the rise to the first point at the peak. Each law is fitted to what follows by linear least
squares in a transformed rate; the cosine's period is searched beyond the end of the run too. The first law in order
of simplicity whose largest misfit stays below a fiftieth of the peak is named; otherwise the rate is piecewise, which
is no guess.
Blind spots: a rate averaged over logging windows is smeared at its corners; a short arc of a cosine looks linear.
References: Loshchilov & Hutter, SGDR (2017); Goyal et al. (2017) for linear warm-up; Hu et al., MiniCPM (2024), for
warmup-stable-decay.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Floats, Ints, Role, Run, Span
from lrdoctor.signal import finite_rate, fraction_of, rate_troughs, shares

NEEDS: frozenset[Role] = frozenset({Role.LR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How well a law must fit."""

    tolerance: float = 0.02
    """Largest misfit relative to the peak: what window averages and printed digits do to a rate."""
    at_peak: float = 0.995
    """A rate this close to its maximum is at its peak."""
    rise: float = 2.0
    """A rate that doubles from a trough rose again; GreedyLR and noise in printing stay below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LrSchedule(Finding):
    """The course of the learning rate."""

    kind: ClassVar[str] = "lr_schedule"
    shape: str
    """constant, step, linear, cosine, exponential, time_based, warmup_stable_decay, cyclical, zero or piecewise."""
    peak_lr: float
    final_lr: float
    final_ratio: float
    mean_ratio: float
    """Mean rate over the run relative to the peak: 1 constant, 0.5 linear or cosine to zero."""
    warmup_steps: int
    warmup_fraction: float
    still_rising: bool
    """The rate reached its peak in the last twentieth of the run, from less than half of it."""
    rises: int
    """How often the rate at least doubled from a trough after its first peak."""
    tenth_fraction: float | None
    """When the rate had fallen below a tenth of its peak for good; None where it never did."""
    residual: float
    period_steps: int | None
    """Cosine and linear: steps from the end of the warm-up to the floor."""
    decay_factor: float | None
    """Step: factor of the first cut. Exponential: factor per step."""


FINDING = LrSchedule


def detect(run: Run, settings: Settings) -> Iterator[LrSchedule]:
    """One finding for a run with at least two finite rates."""
    rate, span = finite_rate(run), run.span
    if rate is None or len(rate) < 2 or span is None:
        return
    steps, values = rate.steps, rate.values
    peak = float(values.max())
    if peak <= 0:
        yield _zero(rate.tag, span)
        return
    u = values / peak
    top = int(np.argmax(u >= settings.at_peak))
    warm = top if top and u[0] < 0.9 else 0
    law = _identify(steps[warm:], u[warm:], settings)
    below = np.flatnonzero(u >= 0.1)[-1] + 1
    rises = (
        0
        if law.shape in ("constant", "step") and law.residual <= settings.tolerance
        else len(rate_troughs(u, settings.rise))
    )
    yield LrSchedule(
        series=rate.tag,
        span=Span(int(steps[0]), int(steps[-1])),
        confidence=1.0 - min(1.0, law.residual),
        shape="cyclical" if rises and law.residual > settings.tolerance else law.shape,
        peak_lr=peak,
        final_lr=float(values[-1]),
        final_ratio=float(u[-1]),
        mean_ratio=float(np.trapezoid(u, shares(steps))),
        warmup_steps=int(steps[warm]) - span.first,
        warmup_fraction=fraction_of(span, float(steps[warm])),
        still_rising=bool(u[0] < 0.5 and fraction_of(span, float(steps[top])) > 0.95),
        rises=rises,
        tenth_fraction=fraction_of(span, float(steps[below])) if below < len(u) else None,
        residual=law.residual,
        period_steps=law.period,
        decay_factor=law.factor,
    )


def _zero(tag: str, span: Span) -> LrSchedule:
    return LrSchedule(
        series=tag,
        span=span,
        confidence=1.0,
        shape="zero",
        peak_lr=0.0,
        final_lr=0.0,
        final_ratio=0.0,
        mean_ratio=0.0,
        warmup_steps=0,
        warmup_fraction=0.0,
        still_rising=False,
        rises=0,
        tenth_fraction=None,
        residual=0.0,
        period_steps=None,
        decay_factor=None,
    )


@dataclass(frozen=True, slots=True)
class _Law:
    shape: str
    residual: float
    period: int | None = None
    factor: float | None = None


def _identify(steps: Ints, u: Floats, settings: Settings) -> _Law:
    """The simplest law within the tolerance; `piecewise` with the best residual where none is."""
    if len(u) < 3:
        return _Law("constant" if np.ptp(u) <= settings.tolerance else "piecewise", float(np.ptp(u)))
    s = shares(steps)
    length = int(steps[-1]) - int(steps[0])
    laws = []
    for fit in (_constant, _step, _linear, _cosine, _exponential, _time_based, _stable_then_linear):
        law = fit(s, u, length)
        if law.residual <= settings.tolerance:
            return law
        laws.append(law)
    return _Law("piecewise", min(law.residual for law in laws))


def _misfit(basis: Floats, u: Floats) -> tuple[float, tuple[float, float]]:
    """Largest misfit of the best `a + b·basis`, and (a, b)."""
    a, b = _line(basis, u)
    return float(np.abs(a + b * basis - u).max()), (a, b)


def _line(basis: Floats, y: Floats) -> tuple[float, float]:
    """(a, b) of the best `a + b·basis`; b is 0 where a clump of steps leaves it open."""
    centred = basis - basis.mean()
    power = float(centred @ centred)
    b = float(centred @ y) / power if power > 0 else 0.0
    return float(y.mean() - b * basis.mean()), b


def _constant(s: Floats, u: Floats, length: int) -> _Law:
    return _Law("constant", float(np.ptp(u)) / 2)


def _step(s: Floats, u: Floats, length: int) -> _Law:
    cuts = np.flatnonzero(np.abs(np.diff(u)) > 0.02 * u[:-1])
    # A window that averages over the cut leaves one point in between, so neighbouring cuts are one.
    cuts = cuts[np.insert(np.diff(cuts) > 1, 0, True)] if len(cuts) else cuts
    if not 1 <= len(cuts) <= len(u) // 5:
        return _Law("step", 1.0)
    pieces = np.split(u, cuts + 1)
    levels = [float(np.median(p)) for p in pieces]
    if any(b > a for a, b in itertools.pairwise(levels)):
        return _Law("step", 1.0)
    misfit = max(float(np.quantile(np.abs(p - m), 0.9)) for p, m in zip(pieces, levels, strict=True))
    return _Law("step", misfit, factor=levels[1] / levels[0])


def _linear(s: Floats, u: Floats, length: int) -> _Law:
    residual, (a, b) = _misfit(s, u)
    return _Law("linear", residual if b < 0 else 1.0, period=round(-a / b * length) if b < 0 else None)


def _cosine(s: Floats, u: Floats, length: int) -> _Law:
    best = _Law("cosine", 1.0)
    for period in np.linspace(1.0, 4.0, 61):
        residual, (_, b) = _misfit((1 + np.cos(np.pi * s / period)) / 2, u)
        if b > 0 and residual < best.residual:
            best = _Law("cosine", residual, period=round(period * length))
    return best


def _exponential(s: Floats, u: Floats, length: int) -> _Law:
    positive = u > 1e-12
    if positive.sum() < 3:
        return _Law("exponential", 1.0)
    start, slope = _line(s[positive], np.log(u[positive]))
    if slope >= 0:
        return _Law("exponential", 1.0)
    # No rate is above its peak, so whatever lies beyond e misfits; cut there, the law cannot overflow.
    residual = float(np.abs(np.exp(np.minimum(start + slope * s, 1.0)) - u).max())
    return _Law("exponential", residual, factor=float(np.exp(slope / length)))


def _time_based(s: Floats, u: Floats, length: int) -> _Law:
    if u.min() <= 1e-12:
        return _Law("time_based", 1.0)
    start, slope = _line(s, 1 / u)
    law = start + slope * s
    return _Law("time_based", float(np.abs(1 / law - u).max()) if slope > 0 and law.min() > 0 else 1.0)


def _stable_then_linear(s: Floats, u: Floats, length: int) -> _Law:
    stable = np.flatnonzero(u >= 0.995)[-1]
    if s[stable] < 0.1 or len(u) - stable < 3:
        return _Law("warmup_stable_decay", 1.0)
    tail = s[stable:]
    residual = min(_misfit(tail, u[stable:])[0], _misfit(np.sqrt(tail - tail[0]), u[stable:])[0])
    return _Law("warmup_stable_decay", residual, period=round((1 - s[stable]) * length))
