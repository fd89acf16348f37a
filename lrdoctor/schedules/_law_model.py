"""A law behind a warm-up as one curve with real-valued parameters: drawn, held against points, and polished."""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats
from lrdoctor.schedules._logged_rate import RateCurve, spread

SLACK = 1e-5
"""Misfit that is allowed beyond the rounding: what a scheduler gathers that multiplies in float32 step by step."""
LOOSE = 3e-4
"""The same for schedulers of a user's own, that take a shortcut at a corner; only where no law does better."""
ROUNDINGS = 1.5
"""A law whose parameters were found from rounded values misses the worst of them by a little more than a rounding."""
POLISHED = 160
"""Points that a polish looks at."""

Shape = Literal["linear", "constant", "cosine"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """Points that a model is held against."""

    steps: Floats
    values: Floats
    resolution: float
    tolerance: float
    """Largest misfit of a law that explains the points."""
    loose: float
    """Largest misfit of one that nearly does."""
    window: int
    every: float
    """Steps between two logged points."""
    drawn: dict[FitModel, Floats] = field(default_factory=dict, init=False, repr=False)
    """What was drawn at these points already: one model is held against them in more than one way."""

    @classmethod
    def of(cls, curve: RateCurve, window: int) -> View:
        """The curve's points; each is a mean over `window` steps."""
        return cls(
            steps=curve.steps.astype(np.float64),
            values=curve.relative,
            resolution=curve.resolution,
            tolerance=ROUNDINGS * curve.resolution + (SLACK if window == 1 else LOOSE),
            loose=ROUNDINGS * curve.resolution + LOOSE,
            window=window,
            every=float(curve.every),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitModel:
    """A law behind a warm-up, in real-valued steps until it is accepted."""

    law: str
    module: ModuleType
    params: Any
    height: float = 1.0
    """The law's peak relative to the highest logged rate."""
    warm: float = 0.0
    shape: Shape = "linear"
    start: float = 0.0
    slip: float = 0.0
    """Steps by which the logger counts the warm-up (or, without one, the law) differently."""
    mirrored: bool = False
    residual: float = 1.0
    """Largest misfit in whole steps."""
    score: float = 0.0
    """Schwarz's criterion in real-valued steps: rounding a length is no fault of the law."""

    @property
    def cost(self) -> int:
        """Number of parameters that had to be chosen."""
        return params_cost(self.params) + warm_cost(self.warm, self.shape, self.start) + self.mirrored


def warm_cost(warm: float, shape: Shape, start: float) -> int:
    """Number of parameters of a warm-up; a cosine's is one more, for being rare."""
    return (1 + (start > 0) + (shape == "cosine")) if warm else 0


def params_cost(params: Any) -> int:
    cost = 0
    for name, default in defaults(type(params)):
        value = getattr(params, name)
        if default is not MISSING and value == default:
            continue
        cost += len(value) if isinstance(value, tuple) else 1
    return cost


def _defaults(kind: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((one.name, one.default) for one in fields(kind))


defaults: Callable[[Any], tuple[tuple[str, Any], ...]] = cache(_defaults)
"""The names of a law's parameters with their defaults, MISSING for those without one."""


def draw(model: FitModel, steps: Floats, window: int = 1) -> Floats:
    """The model's rate at each step, or its mean over the window that ends there, relative to the highest rate."""
    if window > 1:
        parts = min(window, 64)
        back = np.arange(parts) * ((window - 1) / (parts - 1))
        every = np.maximum(steps[:, None] - back, 0.0)
        return np.asarray(draw(model, every.ravel()).reshape(every.shape).mean(axis=1), dtype=np.float64)
    t = steps - model.warm
    if not model.warm:
        t = t - model.slip
    t = np.maximum(t, 0.0)
    if model.mirrored:
        period = model.params.total_steps
        t = period - np.abs(t % (2 * period) - period)
    after = model.module.lr(t, model.params)
    if model.warm > 0:
        part = np.minimum(np.maximum((steps + model.slip) / model.warm, 0.0), 1.0)
        if model.shape == "cosine":
            part = (1 - np.cos(np.pi * part)) / 2
        elif model.shape == "constant":
            part = np.zeros_like(part)
        # A rise that ends between two steps has not ended at the one before.
        after = np.where(steps < model.warm - 1e-9, model.start + (1 - model.start) * part, after)
    return np.asarray(model.height * after, dtype=np.float64)


def missed(model: FitModel, view: View) -> Floats:
    """By how much the model misses each point."""
    if model not in view.drawn:
        view.drawn[model] = np.abs(draw(model, view.steps, view.window) - view.values)
    return view.drawn[model]


def misfit(model: FitModel, view: View) -> float:
    """Largest misfit; infinite where the law has no number."""
    worst = float(missed(model, view).max())
    return worst if math.isfinite(worst) else math.inf


def criterion(model: FitModel, view: View) -> float:
    """Schwarz's (1978), with the tolerance as the least noise that there can be."""
    n = len(view.values)
    error = float((missed(model, view) ** 2).mean())
    return n * float(np.log(max(error, view.tolerance**2))) + model.cost * float(np.log(n))


def jittered(model: FitModel, view: View) -> float:
    """Largest misfit where a jump may come a step early or late, as it does where its true step is not whole."""
    off = missed(model, view)
    for slip in (-1.0, 1.0):
        far = off > 0.02
        if far.any():
            near = part(view, far)
            off = off.copy()
            off[far] = np.minimum(off[far], np.abs(draw(model, near.steps + slip, view.window) - near.values))
    return float(off.max())


def part(view: View, chosen: NDArray[Any]) -> View:
    """The view at some of its points."""
    return replace(view, steps=view.steps[chosen], values=view.values[chosen])


def thinned(view: View) -> View:
    """The view at few enough points for a polish."""
    return part(view, spread(len(view.steps), POLISHED))


def loose(params: Any) -> list[str]:
    """The numbers of a law that a polish may move: those that are not at their default."""
    return [
        name
        for name, default in defaults(type(params))
        if isinstance(value := getattr(params, name), int | float)
        and not isinstance(value, bool)
        and (default is MISSING or value != default)
        # A length of one step is a unit, and no estimate; nor is how many times longer each cycle is.
        and value != 1
        and name != "multiplier"
    ]


_OWN = ("height", "warm", "start")


def _get(model: FitModel, names: list[str]) -> Floats:
    return np.array([float(getattr(model if n in _OWN else model.params, n)) for n in names])


def _with(model: FitModel, names: list[str], values: Floats) -> FitModel:
    """The model with these numbers, save those that the law refuses. Raises `ValueError` where it cannot be meant."""
    given = dict(zip(names, (float(v) for v in values), strict=True))
    height = given.pop("height", model.height)
    warm = given.pop("warm", model.warm)
    start = min(max(given.pop("start", model.start), 0.0), 1.0)
    if not 0.2 < height < 50 or (warm < 0.5 and warm != model.warm):
        raise ValueError("out of bounds")
    params = model.params
    try:
        params = replace(params, **given)
    except ValueError:
        # One number at its bound must not keep the others from moving.
        for name, value in given.items():
            with suppress(ValueError):
                params = replace(params, **{name: value})
    return replace(model, params=params, height=height, warm=warm, start=start)


def polish(model: FitModel, view: View, names: list[str], rounds: int = 12) -> FitModel:
    """Levenberg and Marquardt's descent on these numbers of the model, with differences for derivatives."""
    if not len(view.steps):
        return model
    x = _get(model, names)
    size = np.maximum(np.abs(x), 1e-3)
    left = draw(model, view.steps, view.window) - view.values
    cost, damping = float(left @ left), 1e-3
    for _ in range(rounds):
        columns = []
        for i in range(len(x)):
            for sign in (1.0, -1.0):
                moved = x.copy()
                moved[i] += sign * 1e-6 * size[i]
                try:
                    shift = draw(_with(model, names, moved), view.steps, view.window) - view.values - left
                except (ValueError, ArithmeticError):
                    continue
                columns.append(shift / (sign * 1e-6))
                break
            else:
                columns.append(np.zeros_like(left))
        slope = np.stack(columns, axis=1)
        if not np.isfinite(slope).all():
            return model
        square, pull = slope.T @ slope, slope.T @ left
        before = cost
        for _ in range(6):
            damped = square + damping * np.diag(np.diag(square) + 1e-12)
            step = np.linalg.lstsq(damped, -pull, rcond=None)[0] * size
            try:
                moved_model = _with(model, names, x + step)
                moved_left = draw(moved_model, view.steps, view.window) - view.values
                moved_cost = float(moved_left @ moved_left)
            except (ValueError, ArithmeticError):
                moved_cost = float("inf")
            if moved_cost < cost:
                model, left, cost, damping = moved_model, moved_left, moved_cost, damping / 10
                x = _get(model, names)
                break
            damping = max(damping * 10, 1e-6)
        # With the right law each round brings the misfit down by far; with a wrong one it soon stands still.
        if cost > 0.8 * before or cost < 1e-24:
            break
    return model


def plain(model: FitModel, view: View, good: float) -> FitModel:
    """The model with each number at its default, or start at 0, where the points do not tell the difference."""
    for name, default in defaults(type(model.params)):
        value = getattr(model.params, name)
        if default is MISSING or value == default or not isinstance(value, int | float):
            continue
        if abs(value - default) <= 0.02 * max(abs(default), 0.05):
            try:
                simpler = replace(model, params=replace(model.params, **{name: default}))
            except ValueError:
                continue
            if misfit(simpler, view) <= good:
                model = simpler
    if model.warm and 0 < model.start < 0.02 and misfit(replace(model, start=0.0), view) <= good:
        model = replace(model, start=0.0)
    return model


def whole(model: FitModel, view: View) -> FitModel:
    """The model in whole steps, its other numbers polished for that."""
    counted = _counted(type(model.params))
    whole = {
        n: max(1, round(v)) if v >= 0.5 else 0
        for n in loose(model.params)
        if n in counted and (v := getattr(model.params, n)) is not None
    }
    as_it_is = all(type(was := getattr(model.params, n)) is int and was == v for n, v in whole.items())
    if as_it_is and not model.slip and model.warm.is_integer():
        return model if misfit(model, view) <= view.tolerance else _refitted(model, view, whole)
    try:
        rounded = replace(model, params=replace(model.params, **whole), warm=float(round(model.warm)), slip=0.0)
    except ValueError:
        return model
    if model.slip or all(v == getattr(model.params, n) for n, v in whole.items()):
        rounded = replace(rounded, slip=model.slip)
    if misfit(rounded, view) > view.tolerance:
        return _refitted(rounded, view, whole)
    return rounded


def _refitted(model: FitModel, view: View, kept: Container[str]) -> FitModel:
    """The model with all but these numbers polished."""
    return polish(model, thinned(view), ["height", *(n for n in loose(model.params) if n not in kept)])


def _whole_numbers(kind: Any) -> frozenset[str]:
    return frozenset(one.name for one in fields(kind) if str(one.type) in ("int", "<class 'int'>"))


_counted: Callable[[Any], frozenset[str]] = cache(_whole_numbers)
"""The parameters of a law that count something."""
