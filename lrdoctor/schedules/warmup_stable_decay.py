"""The peak for most of the run and a short cooldown at its end: anneal when you decide to stop, not before.

Formula: with S = `stable_steps`, D = `decay_steps`, f = `final_fraction` and x = min((t − S)/D, 1), u(t) = 1 before S
and then 1 − (1 − f)·x (linear), 1 − (1 − f)·√x (1-sqrt) or f**x (exponential, which needs f > 0).
Use it where the length of the run is open or several lengths shall be compared: every cooldown starts from the same
stretch at the peak. A fifth of the run is usual for it. Not where a bad peak would go unnoticed: at a constant rate
the loss looks worse than it is until the cooldown, and a peak chosen for a cosine tends to be too high here.
Sources: Zhai et al., Scaling Vision Transformers (2022); Hu et al., MiniCPM (2024), for the name and the exponential
cooldown; Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations (2024), for the
1-sqrt cooldown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._adjust import (
    MISFIT,
    Curve,
    Solution,
    distinct,
    falls,
    fraction,
    latest_end,
    partial,
    plain,
    settled,
    solutions,
    whole,
)
from lrdoctor.schedules._law_steps import law_steps

WHOLE = False

Cooldown = Literal["linear", "1-sqrt", "exponential"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long at the peak, how long down, where to and along which curve."""

    stable_steps: int
    """Optimizer steps at the peak, warm-up not included; 0 is allowed."""
    decay_steps: int
    """Optimizer steps from the peak to the final rate."""
    final_fraction: float = 0.0
    """Rate at the end relative to the peak, from 0 to 1; it is held from there on."""
    cooldown: Cooldown = "linear"
    """linear: a straight line. 1-sqrt: one minus the root of the time, steep first and flat in the end. exponential:
    the same factor at every step, for a final fraction above 0."""

    def __post_init__(self) -> None:
        if not self.stable_steps >= 0:
            raise ValueError(f"stable_steps is {self.stable_steps}; it must not be negative")
        if not self.decay_steps >= 1:
            raise ValueError(f"decay_steps is {self.decay_steps}; it must be at least 1")
        if not 0 <= self.final_fraction <= 1:
            raise ValueError(f"final_fraction is {self.final_fraction}; it must lie between 0 and 1")
        if self.cooldown not in ("linear", "1-sqrt", "exponential"):
            raise ValueError(f"cooldown is {self.cooldown}; it must be 'linear', '1-sqrt' or 'exponential'")
        if self.cooldown == "exponential" and not self.final_fraction > 0:
            raise ValueError(f"final_fraction is {self.final_fraction}; an exponential cooldown must end above 0")


def lr(steps: Ints, params: Params) -> Floats:
    """The stretch at the peak, the cooldown, and its end held; shape as `steps`."""
    x = np.minimum(np.maximum((np.asarray(steps) - params.stable_steps) / params.decay_steps, 0.0), 1.0)
    if params.cooldown == "exponential":
        return np.asarray(params.final_fraction**x, dtype=np.float64)
    if params.cooldown == "1-sqrt":
        x = np.sqrt(x)
    return np.asarray(1.0 - (1.0 - params.final_fraction) * x, dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Cooldowns through what falls, down to 0 first where that explains it as well.

    While the end of a cooldown is not in sight, any floor will do: first 0, then where the log ends.
    """
    if not falls(relative, noise):
        return
    t, every = law_steps(steps, relative, noise)
    found: list[tuple[Solution, Cooldown]] = []
    for cooldown in get_args(Cooldown):
        starts = _starts(t, relative, noise, cooldown)
        tried = solutions(_curve(cooldown), starts, t, relative, noise, delays=False)
        found += [(one, cooldown) for one in tried if one.values[0] > -0.01 * one.values[1] and one.values[1] > 0]
        if any(settled(one, noise) for one, _ in found):
            break
    found.sort(key=lambda one: one[0].score)
    yield from distinct(params for one in found[:4] for params in _params(*one, t, relative, batches=every == 1))


def _starts(t: Floats, relative: Floats, noise: float, cooldown: Cooldown) -> list[tuple[float, ...]]:
    """A line through the points on the way down (through their squares for 1-sqrt, their logarithms for exponential)
    says where it left the peak and how steeply; where the rate stands still below, it says how far down."""
    fallen = 1.0 - relative
    depth = float(fallen.max())
    clear = max(4 * noise, 0.01 * depth)
    on_the_way = ((fallen > clear) & (fallen < depth - clear)).nonzero()[0]
    # The first point on the floor may be the only other one below the peak.
    way = np.append(on_the_way, (fallen >= depth - clear).nonzero()[0][0])
    if len(way) < 2:
        return []
    if cooldown == "exponential":
        return _exponential_starts(t, relative, noise, way)
    x = t[way] - t[way[0]]
    # An error of the rate counts in its square as much as the fall is deep.
    power = 1 if cooldown == "linear" else 2
    start, slope = _line(x, fallen[way] ** power, fallen[way] ** (2 - 2 * power))
    if not slope > 0:
        return []
    stable = max(float(t[way[0]] - start / slope), 0.0)
    starts: list[tuple[float, ...]] = [(stable, 1 / slope)]
    if stable + depth**power / slope < t[-1]:
        starts.append((stable, depth**power / slope, 1.0 - depth))
    return starts


def _exponential_starts(t: Floats, relative: Floats, noise: float, way: Ints) -> list[tuple[float, ...]]:
    """The steps in which the rate falls by e, in place of the length: while no end is in sight nothing tells that."""
    way = way[relative[way] > noise]
    if len(way) < 3:
        return []
    x, u = t[way] - t[way[0]], relative[way]
    start, slope = _line(x, np.log(u), u**2)
    if not slope < 0:
        return []
    # What is bent in the logarithm too is another cooldown.
    if np.sqrt(np.mean((u * (np.log(u) - start - slope * x)) ** 2)) > MISFIT / 2 + 2 * noise:
        return []
    stable, lowest = max(float(t[way[0]] - start / slope), 0.0), max(float(relative.min()), 1e-12)
    starts: list[tuple[float, ...]] = [(stable, -1 / slope)]
    if stable + math.log(lowest) / slope < latest_end(t):
        starts.append((stable, -1 / slope, lowest))
    return starts


def _line(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    """(a, b) of the best a + b·x; b is 0 where all x are one."""
    middle, level = np.average(x, weights=weights), np.average(y, weights=weights)
    power = float(weights @ (x - middle) ** 2)
    slope = float(weights @ ((x - middle) * (y - level))) / power if power > 0 else 0.0
    return float(level - slope * middle), slope


def _curve(cooldown: Cooldown) -> Curve:
    def exponential(steps: Floats, values: Floats) -> Floats:
        fallen = np.exp(-np.maximum(steps - values[0], 0.0) / max(float(values[1]), 1e-9))
        return np.asarray(np.maximum(fallen, values[2]) if len(values) > 2 else fallen)

    def curve(steps: Floats, values: Floats) -> Floats:
        x = np.minimum(np.maximum((steps - values[0]) / values[1], 0.0), 1.0)
        depth = 1.0 - values[2] if len(values) > 2 else 1.0
        return np.asarray(1.0 - depth * (np.sqrt(x) if cooldown == "1-sqrt" else x))

    return exponential if cooldown == "exponential" else curve


def _params(solution: Solution, cooldown: Cooldown, t: Floats, relative: Floats, *, batches: bool) -> Iterator[Params]:
    if cooldown == "exponential":
        yield from _exponential_params(solution, t)
        return
    stable, decay = max(round(float(solution.values[0])), 0), whole(solution, 1)
    to_floor = Params(stable_steps=stable, decay_steps=decay, final_fraction=fraction(solution, 2), cooldown=cooldown)
    if stable + decay < latest_end(t):
        yield to_floor
        return
    ends_here = Params(
        stable_steps=stable,
        decay_steps=max(round(float(t[-1])) - stable, 1),
        final_fraction=min(max(float(relative[-1]), 0.0), 1.0),
        cooldown=cooldown,
    )
    yield from (ends_here, to_floor) if batches and partial(solution, 1) else (to_floor, ends_here)


def _exponential_params(solution: Solution, t: Floats) -> Iterator[Params]:
    """Down to the floor; where the log ends before it, to the roundest rate within one more interval of logging."""
    begin, per_e = float(solution.values[0]), float(solution.values[1])
    final = fraction(solution, 2)
    if not final:
        last, later = (math.exp(-(end - begin) / per_e) for end in (t[-1], 2 * t[-1] - t[-2]))
        final = plain((last + later) / 2, (last - later) / 2)
    if 0 < final < 1:
        decay = max(round(-math.log(final) * per_e), 1)
        yield Params(stable_steps=max(round(begin), 0), decay_steps=decay, final_fraction=final, cooldown="exponential")


def planned_steps(params: Params) -> int:
    """The steps to the final rate."""
    return params.stable_steps + params.decay_steps


def expression(params: Params, xp: str) -> str:
    """Python for the relative rate at `step`."""
    x = f"{xp}.minimum({xp}.maximum((step - {params.stable_steps}) / {params.decay_steps}, 0.0), 1.0)"
    if params.cooldown == "exponential":
        return f"{params.final_fraction} ** {x}"
    if params.cooldown == "1-sqrt":
        x = f"{xp}.sqrt({x})"
    return f"1.0 - {1.0 - params.final_fraction} * {x}" if params.final_fraction else f"1.0 - {x}"


def _optax(params: Params) -> str | None:
    if params.cooldown != "linear":
        return None
    end = f"{params.final_fraction} * peak_lr" if params.final_fraction else "0.0"
    return (
        f"optax.linear_schedule(init_value=peak_lr, end_value={end}, "
        f"transition_steps={params.decay_steps}, transition_begin={params.stable_steps})"
    )


def _huggingface(params: Params) -> str | None:
    if params.cooldown == "exponential":
        return None
    floor = f', "min_lr_ratio": {params.final_fraction}' if params.final_fraction else ""
    kwargs = f'{{"num_decay_steps": {params.decay_steps}, "decay_type": "{params.cooldown}"{floor}}}'
    return f'lr_scheduler_type="warmup_stable_decay", lr_scheduler_kwargs={kwargs}'


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"optax": _optax, "huggingface": _huggingface}
"""Hugging Face's warm-up begins at `min_lr_ratio`, not at 0. Its stable steps are what warm-up and cooldown leave of
`max_steps`; it warns if they are given as well."""
