"""The rate swings between a base and a top along straight lines, with tops that stay, halve or decay.

Formula: with P = step_up + step_down and x = t mod P, the swing is w = min(x / step_up, (P − x) / step_down), and
u = b + (1 − b)·w·scale, b = base_fraction. scale: triangular 1; triangular2 2**−floor(t / P); exp_range gamma**t,
divided by its value at the highest point, so that u = 1 there: at the first top, as long as gamma < 1 does not outrun
the first rise. No end. The law contains its own rise and is counted from step 0 of the run.
When: a rate must be found and used in the same run; cycles of 2 to 10 epochs each way, b from a range test.
When not: one final model is wanted and its best rate is known; the end of the run should fall on the end of a cycle.
Source: Smith, Cyclical Learning Rates for Training Neural Networks (2017). PyTorch's CyclicLR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._points import law_points
from lrdoctor.schedules._separable import Fitted, fitted

WHOLE = True

Mode = Literal["triangular", "triangular2", "exp_range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long up, how long down, between what, and what becomes of the tops."""

    step_up: int
    """Optimizer steps from the base to the top."""
    step_down: int
    """Optimizer steps from the top to the base."""
    base_fraction: float
    """Rate at the base relative to the highest rate."""
    mode: Mode = "triangular"
    """triangular: equal tops. triangular2: each swing half as high as the last. exp_range: swings decay by `gamma`."""
    gamma: float = 1.0
    """exp_range only: what each optimizer step multiplies the swing by, above 0 and at most 1."""

    def __post_init__(self) -> None:
        if not (self.step_up >= 1 and self.step_down >= 1):
            raise ValueError(
                f"step_up and step_down are {self.step_up} and {self.step_down}; each needs at least 1 step"
            )
        if not 0 <= self.base_fraction < 1:
            raise ValueError(f"base_fraction is {self.base_fraction}; it must be at least 0 and below 1")
        if self.mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(f"mode is {self.mode!r}; it must be triangular, triangular2 or exp_range")
        if not 0 < self.gamma <= 1:
            raise ValueError(f"gamma is {self.gamma}; it must be above 0 and at most 1")
        if self.gamma < 1 and self.mode != "exp_range":
            raise ValueError(f"gamma is {self.gamma}, which {self.mode} does not use")


def height(params: Params) -> float:
    """Swing at step 0 if it were at its top: 1 − base, and more for exp_range, whose first top has decayed already."""
    if params.gamma == 1:
        return 1 - params.base_fraction
    highest = min(float(params.step_up), -1 / math.log(params.gamma))
    return (1 - params.base_fraction) / (highest / params.step_up * math.pow(params.gamma, highest))


def lr(steps: Ints, params: Params) -> Floats:
    """Rate relative to the highest at each step."""
    steps = np.asarray(steps)
    period = params.step_up + params.step_down
    x = steps % period
    swing = height(params) * np.minimum(x / params.step_up, (period - x) / params.step_down)
    if params.mode == "triangular2":
        swing = np.ldexp(swing, -np.minimum(steps // period, 2000).astype(np.int32))
    elif params.mode == "exp_range":
        swing = swing * np.exp(steps * math.log(params.gamma))
    return np.asarray(params.base_fraction + swing, dtype=np.float64)


def fit(steps: Ints, relative: Floats, noise: float) -> Iterator[Params]:
    """Swings from step 0 that have come down once and risen again; before that, nothing tells them from one cycle."""
    t, u, lags = law_points(steps, relative, noise)
    up, period = _first_swing(t, u, noise)
    if not period or len(t) < 8:
        return
    found: list[tuple[float, Params]] = []
    for lag in lags:
        for mode in get_args(Mode):
            best = _fitted(t - lag, u, up, period, mode)
            params = None if best is None else _params(best, mode, noise)
            if best is None or params is None or best.misfit > MISFIT:
                continue
            # Equal and halving tops are special cases of decaying ones, near enough, and need a number less.
            found.append((best.misfit * (1.5 if mode == "exp_range" else 1.0), params))
            if best.misfit <= noise:
                yield params
                return
    yield from (params for _, params in sorted(found, key=lambda one: one[0])[:3])


MISFIT = 0.035
"""Largest root mean square misfit of swings that may be meant; a wave of cosines is left with 0.043."""


def _first_swing(steps: Floats, relative: Floats, noise: float) -> tuple[float, float]:
    """(first top, mean distance of the bottoms) in steps; zeros where the rate does not rise, fall and rise again."""
    turns = _turns(relative, 4 * noise + 1e-6)
    if len(turns) < 2 or relative[turns[0]] < 0.5:
        return 0.0, 0.0
    bottoms = steps[turns[1::2]]
    period = float(bottoms[0])
    for k in range(2, int(steps[-1] / period) + 1):
        near = float(bottoms[np.abs(bottoms - k * period).argmin()])
        if abs(near - k * period) < period / 4:
            period = near / k
    return float(steps[turns[0]]), period


def _turns(relative: Floats, least: float) -> list[int]:
    """Indices of tops and bottoms in turn, a top first; swings smaller than `least` are none."""
    values = relative.tolist()
    turns: list[int] = []
    extreme, rising = 0, True
    for i, value in enumerate(values):
        if (value > values[extreme]) == rising and value != values[extreme]:
            extreme = i
        elif abs(value - values[extreme]) > least:
            turns.append(extreme)
            extreme, rising = i, not rising
    # A rate that begins at its top falls first, and is no swing from step 0.
    return turns if turns and turns[0] > 0 else []


def _fitted(t: Floats, u: Floats, up: float, period: float, mode: Mode) -> Fitted | None:
    """Share of the rise, period and, for exp_range, logarithm of the decay in a period."""
    t = np.maximum(t, 0.0)

    def shapes(bends: Floats) -> Floats:
        rise, length = min(max(float(bends[0]), 1e-3), 1 - 1e-3), max(float(bends[1]), 1.0)
        x = t / length % 1.0
        swing = np.minimum(x / rise, (1 - x) / (1 - rise))
        if mode == "triangular2":
            swing = swing * 0.5 ** (t // length)
        elif mode == "exp_range":
            swing = swing * np.exp(np.clip(bends[2] * t / length, -60.0, 60.0))
        return np.stack([np.ones_like(t), swing], axis=1)

    return fitted(shapes, (up / period, period, *([-0.3] if mode == "exp_range" else [])), u, rounds=16)


def _params(best: Fitted, mode: Mode, noise: float) -> Params | None:
    rise, period = float(best.bends[0]), float(best.bends[1])
    floor, swing = (float(weight) for weight in best.weights)
    gamma = math.exp(min(0.0, float(best.bends[2]) / period)) if mode == "exp_range" else 1.0
    up = round(rise * period)
    down = round(period) - up
    if up < 1 or down < 1 or not swing > 0:
        return None
    # `height` of a swing from 0 is what the highest point was divided by.
    top = floor + swing / height(Params(step_up=up, step_down=down, base_fraction=0.0, mode=mode, gamma=gamma))
    base = floor / top
    return Params(step_up=up, step_down=down, base_fraction=base if noise < base < 1 else 0.0, mode=mode, gamma=gamma)


def planned_steps(params: Params) -> int | None:
    """None: the law has no end."""
    return None


def expression(params: Params, xp: str) -> str:
    """The relative rate as a Python expression of `step`."""
    period = params.step_up + params.step_down
    x = f"(step % {period})"
    scale = {
        "triangular": "",
        "triangular2": f" * 0.5 ** (step // {period})",
        # Not a power of gamma, which is near 1 and loses its digits in single precision.
        "exp_range": f" * {xp}.exp({math.log(params.gamma)!r} * step)",
    }[params.mode]
    swing = f"{xp}.minimum({x} / {params.step_up}, ({period} - {x}) / {params.step_down})"
    return f"{params.base_fraction!r} + {height(params)!r} * {swing}{scale}"


def _pytorch(params: Params) -> str:
    top = params.base_fraction + height(params)
    gamma = f", gamma={params.gamma!r}" if params.mode == "exp_range" else ""
    return (
        f"torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr={params.base_fraction!r} * peak_lr, "
        f"max_lr={'peak_lr' if top == 1 else f'{top!r} * peak_lr'}, step_size_up={params.step_up}, "
        f"step_size_down={params.step_down}, mode={params.mode!r}{gamma}, cycle_momentum=False)"
    )


NATIVE: Mapping[str, Callable[[Params], str | None]] = {"pytorch": _pytorch}
