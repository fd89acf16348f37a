"""Half a cosine from the peak to the floor, again and again, each cycle as long as the last or a whole multiple of it.

Formula: cycle n is T = first_period · multiplier**n steps long; at s steps into it, u = f + (1 − f)·(1 + cos πs/T)/2.
No end. The jump back to the peak is at the first step of the next cycle; the floor itself is never quite reached.
When: snapshots at the ends of cycles are wanted (for an ensemble, or to stop at any of several budgets).
When not: one final model is wanted, for each restart throws away what annealing gained and a single cosine over the
whole run ends lower; a run that ends in mid-cycle ends with a high rate.
Source: Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts (2017), equation 5. PyTorch's
CosineAnnealingWarmRestarts: T_0, T_mult, eta_min.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.ordering import diff, median
from lrdoctor.schedules._points import law_points
from lrdoctor.schedules._separable import Fitted, fitted

WHOLE = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long a cycle is, how that changes, and how deep it goes."""

    first_period: int
    """Optimizer steps of the first cycle."""
    multiplier: int = 1
    """How many times longer each cycle is than the one before, at least 1."""
    final_fraction: float = 0.0
    """Rate at the end of a cycle relative to the peak."""

    def __post_init__(self) -> None:
        if not self.first_period >= 1:
            raise ValueError(f"first_period is {self.first_period}; a cycle has at least 1 step")
        if self.multiplier < 1 or self.multiplier != int(self.multiplier):
            raise ValueError(f"multiplier is {self.multiplier}; it must be a whole number, at least 1")
        if not 0 <= self.final_fraction < 1:
            raise ValueError(f"final_fraction is {self.final_fraction}; it must be at least 0 and below 1")


def starts(params: Params, beyond: float) -> list[float]:
    """First steps of the cycles up to `beyond`, for a multiplier above 1: then there are few, however long the run."""
    found: list[float] = [0]
    period = params.first_period
    while found[-1] + period <= beyond:
        found.append(found[-1] + period)
        period *= params.multiplier
    return found


def lr(steps: Ints, params: Params) -> Floats:
    """Rate relative to the peak at each step."""
    steps = np.asarray(steps)
    if params.multiplier == 1:
        part = (steps % params.first_period) / params.first_period
    else:
        first = np.array(starts(params, float(steps.max(initial=0))))
        cycle = first.searchsorted(steps, side="right") - 1
        period = params.first_period * float(params.multiplier) ** np.arange(len(first))
        part = (steps - first[cycle]) / period[cycle]
    f = params.final_fraction
    # The squared half angle is (1 + cos)/2 without its cancellation near the floor.
    return np.asarray(f + (1 - f) * np.cos(np.pi / 2 * part) ** 2, dtype=np.float64)


MULTIPLIERS = range(1, 7)
"""What is tried; SGDR's paper has 1 and 2."""


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Cycles that restart where the rate was seen to jump; nothing without a jump, for that is a plain cosine."""
    after, by = _restarts(steps, relative, noise)
    if not len(after) and len(steps) > 1:
        # The last point may be the mean over a window with a restart in it.
        steps, relative = steps[:-1], relative[:-1]
        after, by = _restarts(steps, relative, noise)
    if not len(after):
        return
    t, u, _ = law_points(steps, relative, noise)
    # A mean over a window with the restart in it belongs to neither cycle.
    gap = median(diff(steps))
    cycle = after.searchsorted(t, side="left")
    clear = (cycle == 0) | (t > by[cycle - 1]) | (gap <= 1)
    found: list[tuple[float, Params]] = []
    for multiplier in MULTIPLIERS:
        first = float(multiplier) ** np.arange(len(by) + 2)
        begins = np.concatenate([[0.0], np.cumsum(first)])
        # Each restart bounds the period, give or take an interval; the one that was not seen yet bounds it from below.
        low = float(((after - gap) / begins[1 : len(by) + 1]).max())
        high = float(((by + gap) / begins[1 : len(by) + 1]).min())
        low = max(low, float(steps[-1] - 2 * gap) / begins[len(by) + 1])
        if low > high:
            continue
        best = _fitted(t[clear], u[clear], begins[cycle[clear]], first[cycle[clear]], (low + high) / 2)
        params = None if best is None else _params(best, multiplier, low, high, noise)
        if best is None or params is None or best.misfit > MISFIT:
            continue
        found.append((best.misfit, params))
        if best.misfit <= noise:
            break
    yield from (params for _, params in sorted(found, key=lambda one: one[0])[:3])


MISFIT = 0.03
"""Largest root mean square misfit of cycles that may be meant; a sawtooth of straight lines is left with 0.035."""


def _restarts(steps: Ints, relative: Floats, noise: float) -> tuple[Ints, Ints]:
    """(last step before, first step that shows it) of each jump; none where the rate also rises in other ways."""
    nothing = steps[:0], steps[:0]
    rises = (diff(relative) > 4 * noise + 1e-4).nonzero()[0]
    if not len(rises):
        return nothing
    groups = np.split(rises, (diff(rises) > 1).nonzero()[0] + 1)
    # Two rises in a row are one jump that a mean over a window shows in two parts.
    jumps = [g for g in groups if relative[g[-1] + 1] - relative[g[0]] > 0.4 * np.ptp(relative)]
    if len(jumps) < len(groups) or max(len(g) for g in groups) > 2:
        return nothing
    begin = np.array([g[0] for g in groups])
    return steps[begin], steps[begin + 1]


def _fitted(t: Floats, u: Floats, begin: Floats, length: Floats, period: float) -> Fitted | None:
    """Period, and 1 + lag / first guess of the period, of cycles that begin and last these multiples of the period."""
    if len(t) < 6:
        return None

    def shapes(bends: Floats) -> Floats:
        part = (t - (bends[1] - 1) * period - begin * bends[0]) / (length * bends[0])
        both = np.ones((len(t), 2))
        both[:, 1] = np.cos(np.pi / 2 * np.minimum(np.maximum(part, 0.0), 1.0)) ** 2
        return both

    return fitted(shapes, (period, 1.0), u)


def _params(best: Fitted, multiplier: int, low: float, high: float, noise: float) -> Params | None:
    floor, height = (float(weight) for weight in best.weights)
    if not height > 0:
        return None
    final = floor / (floor + height)
    period = round(min(max(float(best.bends[0]), low), high))
    return Params(
        first_period=max(1, period), multiplier=multiplier, final_fraction=final if noise < final < 1 else 0.0
    )


def planned_steps(params: Params) -> int | None:
    """None: the law has no end."""
    return None


def expression(params: Params, xp: str) -> str:
    """The relative rate as a Python expression of `step`, good for 2**31 steps."""
    t, m, f = params.first_period, params.multiplier, params.final_fraction
    if m == 1:
        part = f"(step % {t}) / {t}"
    else:
        # With n cycles behind, 1 + (m - 1)·step/t lies between m**n and m**(n + 1). A table gives n, because a
        # logarithm in single precision misses the first step of a cycle.
        later = starts(params, 2**31 - 1)[1:]
        behind = f'{xp}.searchsorted({xp}.array({later}), step, side="right")'
        part = f"((1 + {m - 1} * step / {t}) / {float(m)!r} ** {behind} - 1) / {m - 1}"
    return f"{f!r} + {1 - f!r} * {xp}.cos({xp}.pi / 2 * ({part})) ** 2"


def _pytorch(params: Params) -> str:
    multiplier = f", T_mult={params.multiplier}" if params.multiplier > 1 else ""
    floor = f", eta_min={params.final_fraction!r} * peak_lr" if params.final_fraction else ""
    return (
        f"torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0={params.first_period}{multiplier}{floor})"
    )


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"pytorch": _pytorch}
"""Keras takes the place within the cycle from the place within the run, in single precision: after 60 cycles it is off
by 4e-6 of the peak, and where cycles grow it begins some, from about 50,000 steps on, a step early or late. Optax joins
a given number of cycles, and transformers divides a given length by one: neither goes on."""
