"""One rise to the peak and one long fall to almost nothing, with the momentum falling and rising against it.

Formula, for steps 0 to T − 1: from start_fraction to 1 until step p = rise_fraction·T − 1 (which may lie between two
steps); then to final_fraction at T − 1; or, in three phases, back to start_fraction at step 2p and from there to
final_fraction at T − 1. Each phase is half a cosine or a straight line; after T − 1 the last rate is held. The law
contains its own rise and is counted from step 0 of the run.
When: short trainings of convolutional networks with SGD and momentum, at a peak from a range test, the length fixed.
When not: the length of the run is open, or training will be resumed beyond it: the rate is spent at T.
Source: Smith & Topin, Super-Convergence (2018), three phases and straight lines; Howard & Gugger, fastai (2020), two
phases and cosines. PyTorch's OneCycleLR, step for step (PyTorch refuses steps beyond T).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._adjust import plain
from lrdoctor.schedules._points import law_points
from lrdoctor.schedules._separable import Fitted, fitted

WHOLE = True

Anneal = Literal["cosine", "linear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long, how soon to the top, from where and to where."""

    total_steps: int
    """Optimizer steps of the whole run, the rise included."""
    rise_fraction: float = 0.3
    """Share of the run until the peak, between 0 and 1; at most about a half in three phases."""
    start_fraction: float = 1 / 25
    """Rate at step 0 relative to the peak; PyTorch's 1 / div_factor."""
    final_fraction: float = 1 / 25 / 1e4
    """Rate at the last step relative to the peak; PyTorch's 1 / (div_factor · final_div_factor)."""
    three_phase: bool = False
    """Whether the fall to `start_fraction` mirrors the rise, and a third phase ends the run."""
    anneal: Anneal = "cosine"
    """Shape of every phase."""

    def __post_init__(self) -> None:
        if not (0 <= self.rise_fraction <= 1 and self.rise_fraction * self.total_steps > 1):
            raise ValueError(
                f"rise_fraction is {self.rise_fraction} of {self.total_steps} steps; "
                "it must be at most 1, and the rise needs more than 1 step"
            )
        if self.three_phase and not 2 * self.rise_fraction * self.total_steps < self.total_steps + 1:
            raise ValueError(f"rise_fraction is {self.rise_fraction}; in three phases the fall back must fit in too")
        for name in ("start_fraction", "final_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")
        if self.anneal not in ("cosine", "linear"):
            raise ValueError(f"anneal is {self.anneal!r}; it must be cosine or linear")


def corners(params: Params) -> list[tuple[float, float]]:
    """(step, relative rate) where the phases meet, from step 0 to the last step."""
    peak, last = params.rise_fraction * params.total_steps - 1, float(params.total_steps - 1)
    back = [(2 * params.rise_fraction * params.total_steps - 2, params.start_fraction)] if params.three_phase else []
    found = [(0.0, params.start_fraction), (peak, 1.0), *back]
    # A rise over the whole run ends at its last step and leaves nothing to fall in.
    return [*found, (last, params.final_fraction)] if last > found[-1][0] else found


def lr(steps: Ints, params: Params) -> Floats:
    """Rate relative to the peak at each step."""
    at, to = zip(*corners(params), strict=True)
    return _through(steps, at, to, params.anneal)


def momentum(steps: Ints, params: Params, base: float = 0.85, top: float = 0.95) -> Floats:
    """Momentum (or Adam's first beta) at each step: `top` where the rate is low, `base` at its peak."""
    at = [step for step, _ in corners(params)]
    return _through(steps, at, [top, base, top, top][: len(at)], params.anneal)


def _through(steps: Ints, at: Sequence[float], to: Sequence[float], anneal: Anneal) -> Floats:
    """The values `to` at the steps `at`, the phases between them, and the last value ever after."""
    first, last = np.array(at[:-1]), np.array(at[1:])
    before, after = np.array(to[:-1]), np.array(to[1:])
    steps = np.minimum(steps, at[-1])
    phase = np.searchsorted(at[1:-1], steps, side="left")
    left = _left((steps - first[phase]) / (last - first)[phase], anneal)
    return np.asarray(after[phase] + (before - after)[phase] * left, dtype=np.float64)


def _left(part: Floats, anneal: Anneal) -> Floats:
    """How much of a phase is left when this part of its time is over."""
    return np.asarray(np.cos(np.pi / 2 * part) ** 2 if anneal == "cosine" else 1 - part)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """One rise and one fall through these points, the simplest that explains them first; nothing for other curves."""
    t, u, lags = law_points(steps, relative, noise)
    if not _rises_and_falls(u, noise):
        return
    n, top = len(t), int(u.argmax())
    anneals = _anneals(t[: top + 1], u[: top + 1])
    found: list[tuple[float, Params]] = []
    for lag, three_phase, anneal in itertools.product(lags, (False, True), anneals):
        # Three phases that were cut off in the third look like two that end where they began.
        if any(score <= _score(n, 0.7 * noise, noise) and abs(one.rise_fraction - 0.5) > 0.05 for score, one in found):
            break
        last = _end(t, u, top, anneal, three_phase)
        # In a run that was cut off, the end and the length replace each other: an end above 0 has to earn its place.
        for open_end in (False, True):
            best = _fitted(t - lag, u, (float(t[top] - lag), last), anneal, three_phase, open_end)
            params = None if best is None else _params(best, anneal, three_phase, noise)
            if best is None or params is None or best.misfit > MISFIT:
                continue
            found.append((_score(n, best.misfit, noise) + 12 * open_end, params))
            if best.misfit <= noise / 10:
                break
    yield from (params for _, params in sorted(found, key=lambda one: one[0])[:4])


def _score(n: int, misfit: float, noise: float) -> float:
    """Minus twice the logarithm of the likelihood, with a misfit that rounding may have hidden."""
    return n * math.log(misfit**2 + (noise / 20) ** 2)


MISFIT = 0.03
"""Largest root mean square misfit of a cycle that may be meant; lines through half cosines are left with 0.035 or
more."""


def _rises_and_falls(u: Floats, noise: float) -> bool:
    if len(u) < 6:
        return False
    slack = 3 * noise + 1e-6
    top = int(u.argmax())
    if top < 2 or len(u) - top < 4 or u[0] > 0.9 * u[top] or u[-1] > 0.95 * u[top]:
        return False
    up, down = u[: top + 1], u[top:]
    return bool((up >= np.maximum.accumulate(up) - slack).all() and (down <= np.minimum.accumulate(down) + slack).all())


def _anneals(t: Floats, u: Floats) -> tuple[Anneal, ...]:
    """Whether the rise is half a cosine or a straight line; both where it has too few points to tell."""
    if len(t) < 8:
        return ("cosine", "linear")
    part = (t - t[0]) / (t[-1] - t[0])
    risen = (u - u[0]) / (u[-1] - u[0])
    cosine = float(np.sum((1 - _left(part, "cosine") - risen) ** 2))
    return ("cosine",) if cosine < float(np.sum((part - risen) ** 2)) else ("linear",)


def _end(t: Floats, u: Floats, top: int, anneal: Anneal, three_phase: bool) -> float:
    """The last step of the cycle, if it goes down to 0."""
    peak = float(t[top])
    begin, height = (2 * peak, float(u[0])) if three_phase else (peak, 1.0)
    # Half of the fall shows its pace, or what was seen of it.
    level = max(0.5 * height, float(u[-1]))
    i = int((u[top:] <= level).argmax()) + top
    left = min(max(float(u[i]) / max(height, 1e-9), 0.0), 1.0)
    part = 2 / math.pi * math.acos(math.sqrt(left)) if anneal == "cosine" else 1 - left
    if t[i] <= begin or part < 0.05:
        return max(float(t[-1]), begin * 1.2)
    return begin + (float(t[i]) - begin) / part


def _fitted(
    t: Floats, u: Floats, start: tuple[float, float], anneal: Anneal, three_phase: bool, open_end: bool
) -> Fitted | None:
    """Steps of peak and end; weights are the rates at the start, the peak and, if it is open, the end."""
    t = np.maximum(t, 0.0)

    def shapes(bends: Floats) -> Floats:
        peak = max(float(bends[0]), 1.0)
        back = 2 * peak if three_phase else peak
        end = max(float(bends[1]), back + 1.0)
        rise = _left(np.clip(t / peak, 0.0, 1.0), anneal)
        fall = _left(np.clip((t - back) / (end - back), 0.0, 1.0), anneal)
        # The share that each corner has in the rate at each step.
        if three_phase:
            again = _left(np.clip((t - peak) / peak, 0.0, 1.0), anneal)
            columns = [np.where(t <= peak, rise, (1 - again) * fall), np.where(t <= peak, 1 - rise, again), 1 - fall]
        else:
            columns = [np.where(t <= peak, rise, 0.0), np.where(t <= peak, 1 - rise, fall), 1 - fall]
        return np.stack(columns if open_end else columns[:2], axis=1)

    return fitted(shapes, start, u)


def _params(best: Fitted, anneal: Anneal, three_phase: bool, noise: float) -> Params | None:
    peak, total = float(best.bends[0]), round(float(best.bends[1])) + 1
    low, high, *end = (float(weight) for weight in best.weights)
    if not high > 0:
        return None
    start = min(max(plain(low / high, noise), 0.0), 1.0)
    final = min(max(end[0] / high, 0.0), 1.0) if end else 0.0
    # Where the points do not tell, it is PyTorch's.
    final = start / 1e4 if abs(final - start / 1e4) <= noise else plain(final, noise)
    rise = plain((peak + 1) / total, 0.02 / total)
    try:
        return Params(
            total_steps=total,
            rise_fraction=min(rise, 1.0),
            start_fraction=start,
            final_fraction=final,
            three_phase=three_phase,
            anneal=anneal,
        )
    except ValueError:
        return None


def planned_steps(params: Params) -> int | None:
    """The whole length."""
    return params.total_steps


def expression(params: Params, xp: str) -> str:
    """The relative rate as a Python expression of `step`."""
    nodes = corners(params)
    text = ""
    for (first, before), (last, after) in reversed(list(itertools.pairwise(nodes))):
        step = "step" if text else f"{xp}.minimum(step, {last!r})"
        part = f"({step} - {first!r}) / {last - first!r}" if first else f"{step} / {last!r}"
        left = f"{xp}.cos({xp}.pi / 2 * ({part})) ** 2" if params.anneal == "cosine" else f"(1 - ({part}))"
        phase = f"{after!r} + {before - after!r} * {left}"
        text = f"{xp}.where(step <= {last!r}, {phase}, {text})" if text else phase
    return text


def _inverse(fraction: float) -> str:
    return repr(1 / fraction) if fraction else 'float("inf")'


def _pytorch(params: Params) -> str | None:
    start, final = params.start_fraction, params.final_fraction
    if start == 0 < final:
        # PyTorch divides the start to get the end.
        return None
    strategy = "cos" if params.anneal == "cosine" else "linear"
    return (
        f"torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=peak_lr, total_steps={params.total_steps}, "
        f"pct_start={float(params.rise_fraction)!r}, anneal_strategy={strategy!r}, "
        f"cycle_momentum=False, div_factor={_inverse(start)}, "
        f"final_div_factor={_inverse(final / start if start else 1.0)}, three_phase={params.three_phase})"
    )


def _optax(params: Params) -> str | None:
    last, peak = params.total_steps - 1, params.rise_fraction * params.total_steps - 1
    whole = round(peak)
    # Optax has the corners at whole steps, a cosine in two phases alone and lines in three, and never starts from 0.
    covered = params.three_phase == (params.anneal == "linear") and params.start_fraction > 0
    if not covered or abs(peak - whole) > 1e-9 * last or whole < 1 or (1 + params.three_phase) * whole >= last:
        return None
    # It cuts the fraction of steps off to a whole number: half a step more is safe from rounding.
    ends = f"pct_start={(whole + 0.5) / last!r}"
    if params.three_phase:
        ends += f", pct_final={(2 * whole + 0.5) / last!r}"
    return (
        f"optax.{params.anneal}_onecycle_schedule(transition_steps={last}, peak_value=peak_lr, {ends}, "
        f"div_factor={_inverse(params.start_fraction)}, "
        f"final_div_factor={_inverse(params.final_fraction / params.start_fraction)})"
    )


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"pytorch": _pytorch, "optax": _optax}
"""PyTorch refuses steps after the last; Optax holds the rate."""
