"""Tries every known law, behind every warm-up that the rate may have, on the points of one logged rate."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, replace
from functools import lru_cache
from itertools import islice
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.schedules._law_model import (
    FitModel,
    Shape,
    View,
    criterion,
    defaults,
    draw,
    jittered,
    loose,
    misfit,
    part,
    plain,
    polish,
    thinned,
    warm_cost,
    whole,
)

WORTH_POLISHING = (0.03, 0.3)
"""Parameters that miss by more are no beginning for a polish; where few points were logged more may be amiss."""
NEARLY = 0.05
"""A law that misses by no more may lack a floor."""
ALMOST = 0.9
"""A rise that reaches this much of the highest rate may have been the warm-up; the first peak then follows."""
SHORT = 0.1
"""A straight rise shorter than this part of the curve is a warm-up sooner than half of a cycle."""
CANDIDATES = 5
"""Parameters that a law may offer."""
COMMON = ("constant", "cosine", "linear", "step", "exponential", "multi_step", "warmup_stable_decay")
"""Tried in this order before the others that need no more parameters: it saves time, and decides between equals."""
LIKELY = {
    "flat": ("constant", "step", "multi_step", "warmup_stable_decay"),
    "concave": ("constant", "cosine"),
    "straight": ("constant", "linear"),
    "convex": ("constant", "exponential", "time_based", "inverse_sqrt", "polynomial"),
}
"""How each begins behind the peak. Where rates were written finely only one law explains them, so the order in which
they are tried is a matter of time alone."""
FINE = 1e-6
"""Rates written so finely, at `MANY` points, leave no room for a second law that is not the same curve."""
MANY = 40
FEW = 20
"""With fewer points a law has to fit exactly."""


class _Rise(NamedTuple):
    """A way to read the beginning of the curve."""

    top: int = 0
    """Index of the first point that the law has to explain."""
    warm: float = 0.0
    shape: Shape = "linear"
    start: float = 0.0


class _Job(NamedTuple):
    """A law behind a warm-up, with the number of parameters that they need at least."""

    needed: int
    law: str
    module: ModuleType
    rise: _Rise


def search(laws: Mapping[str, Any], view: View, check: View) -> FitModel | None:
    """The accepted model with the lowest criterion, in whole steps; only if there is none, one that nearly fits.

    The laws are fitted to `view` and held against `check`.
    """
    best: FitModel | None = None
    spare: FitModel | None = None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        rises = _rises(view)
        fine = view.resolution <= FINE and len(view.values) >= MANY
        likely = LIKELY[_beginning(view, rises[0].top if rises else 0)] if fine else ()
        for job in _jobs(laws, view, rises, likely):
            if best is not None and job.needed >= best.cost:
                continue
            # A curve that is a law from its first step on may still be a warm-up and a simpler law.
            if best is not None and fine and not best.module.WHOLE:
                break
            for origin, warm in _origins(job, view):
                found = best
                for model in _candidates(job, view, origin, warm):
                    # A model needs points to spare: with as many parameters as points any law fits.
                    if model.cost and len(view.values) < model.cost + 3:
                        continue
                    if best is not None and model.cost >= best.cost:
                        continue
                    exact, near = _explaining(model, job.rise, view, check, spare is None and best is None)
                    best = _better(exact, best)
                    spare = _better(near, spare)
                if best is not found:
                    break
    return spare if best is None else best


def _beginning(view: View, top: int) -> str:
    """How the curve goes on behind this point."""
    u = view.values[top:]
    first = u[: max(3, len(u) // 16)]
    if len(u) < 9 or first.max() - first.min() <= 4 * view.resolution:
        return "flat"
    t = view.steps[top:]
    middle, end = len(u) // 8, len(u) // 4
    line = u[0] + (u[end] - u[0]) / (t[end] - t[0]) * (t[middle] - t[0])
    if abs(u[middle] - line) <= 1e-4:
        return "straight"
    return "concave" if u[middle] > line else "convex"


def _better(one: FitModel | None, other: FitModel | None) -> FitModel | None:
    if one is None or other is None:
        return other if one is None else one
    return one if one.score < other.score else other


def _jobs(laws: Mapping[str, Any], view: View, rises: list[_Rise], likely: tuple[str, ...]) -> Iterator[_Job]:
    """The likeliest first, then those that may not wait, the other likely ones, and all the rest; each of these from
    the simplest on."""
    short = bool(rises) and all(0 < rise.warm < SHORT * view.steps[-1] for rise in rises)
    costs = tuple(warm_cost(rise.warm, rise.shape, rise.start) for rise in rises)
    for needed, name, which in _order(tuple(laws.items()), likely, short, costs):
        yield _Job(needed, name, laws[name], _Rise() if which is None else rises[which])


@lru_cache(maxsize=64)
def _order(
    laws: tuple[tuple[str, ModuleType], ...], likely: tuple[str, ...], short: bool, costs: tuple[int, ...]
) -> list[tuple[int, str, int | None]]:
    """How many parameters are needed, the law, and the rise before it, for warm-ups of these costs; in the order in
    which they are tried."""
    found: list[tuple[tuple[int, int, int, str], tuple[int, str, int | None]]] = []
    for name, module in laws:
        needed = sum(default is MISSING for _, default in defaults(module.Params))
        common = COMMON.index(name) if name in COMMON else len(COMMON)
        turn = 2 * likely.index(name) if name in likely else 2 * len(likely) + 2
        if module.WHOLE:
            # Behind a short rise they come last, elsewhere before the others of their cost.
            order = (turn, needed + 3, common, name) if short else (1, needed, -1, name)
            found.append((order, (needed, name, None)))
        else:
            found += [((turn, needed + c, common, name), (needed + c, name, i)) for i, c in enumerate(costs)]
    return [job for _, job in sorted(found, key=lambda one: one[0])]


def _candidates(job: _Job, view: View, origin: float, warm: float) -> Iterator[FitModel]:
    module, rise = job.module, job.rise
    steps, u = view.steps[rise.top :], view.values[rise.top :]
    height = 1.0 if module.WHOLE else float(u[0])
    if height <= 0:
        return
    noise = max(view.resolution, 1e-7 if view.window == 1 else 1e-3)
    own: Ints = np.maximum(np.rint(steps - origin), 0).astype(np.int64)
    model = FitModel(
        law=job.law, module=module, params=None, height=height, warm=warm, shape=rise.shape, start=rise.start
    )
    for params in _offered(module, own, u / height, noise):
        yield replace(model, params=params)
    low = _first_low(u, noise) if job.law == "cosine" else 0
    if low and _half_wave(steps[:low] - origin, u[:low] / height):
        # Up to the first low it is a plain cosine, whatever it does then.
        for params in _offered(module, own[:low], u[:low] / height, noise):
            yield replace(model, params=params, mirrored=True)


def _origins(job: _Job, view: View) -> Iterator[tuple[float, float]]:
    """From where to count the law's steps, and where the warm-up ends then; the likeliest first."""
    rise = job.rise
    if job.module.WHOLE:
        # The middle of a window is where its mean belongs.
        yield (view.window - 1) / 2, 0.0
        return
    first = float(view.steps[rise.top])
    after = view.values[rise.top : rise.top + 2]
    flat = bool(after[-1] >= after[0] - view.tolerance)
    if not rise.warm or not flat:
        # Behind a peak that was not logged every smooth law looks much as it does behind one that was.
        yield first, rise.warm
    if rise.warm and rise.shape == "constant":
        last = float(view.steps[rise.top - 1])
        # Jumps tell the step at which the warm-up ended by their own steps alone; a smooth law is polished to it.
        tried = np.linspace(first, last + 1, 9 if flat else 3).round()
        for origin in dict.fromkeys(tried.tolist() if flat else tried[1:].tolist()):
            yield origin, origin
    elif rise.warm and (flat or first - rise.warm > 1):
        yield rise.warm, rise.warm


def _first_low(u: Floats, noise: float) -> int:
    """Number of points up to the first low from which the rate climbs by a twentieth; 0 where there is none."""
    low = int((u[1:] - u[:-1] > 4 * noise).argmax()) + 1 if len(u) > 3 else 0
    return low if low >= 4 and u[low:].max() > u[low] + 0.05 else 0


def _half_wave(t: Floats, u: Floats) -> bool:
    """Whether a rate comes down as half of a wave, and not along a line: enough to spare other curves the fitting."""
    drawn = 1 - (1 - u[-1]) * (1 - np.cos(np.pi * t / max(t[-1], 1.0))) / 2
    # The low may be anywhere up to the next point; between a line and half of a wave lies a tenth.
    unseen = np.pi / 2 * float(t[-1] - t[-2]) / max(t[-1], 1.0)
    return bool(np.abs(drawn - u).max() <= (0.05 + unseen) * (1 - u[-1]))


def _offered(module: ModuleType, steps: Ints, u: Floats, noise: float) -> Iterator[Any]:
    """What the law offers, up to the point where it computed parameters that it refuses itself."""
    try:
        yield from islice(module.fit(steps, u, noise), CANDIDATES)
    except (ValueError, ArithmeticError):
        return


def _rises(view: View) -> list[_Rise]:
    """The ways in which the curve may have begun: at its peak, or with a rise to it."""
    steps, u = view.steps, view.values
    still = 2 * view.resolution + 1e-9
    if len(u) < 2 or u[0] >= 1 - still:
        return [_Rise(top=0, warm=0.0)]
    top = int((u >= ALMOST).argmax())
    # Along the rise to where it first stands or falls.
    ahead = u[top + 1 :] > u[top:-1] + still
    top += len(ahead) if ahead.all() else int(ahead.argmin())
    if top == 0:
        return [_Rise(top=0, warm=0.0)]
    before, at = u[:top], steps[:top]
    height = float(u[top])
    if top >= 2 and before.max() - before.min() <= still:
        return [_Rise(top=top, warm=float(steps[top]), shape="constant", start=float(before.mean() / height))]
    if top == 1:
        start = float(u[0] / height) if steps[0] == 0 else 0.0
        return [_Rise(top=1, warm=float(steps[1]), start=start)]
    from_middle = at - at.mean()
    slope = float(from_middle @ before) / float(from_middle @ from_middle)
    if slope <= 0:
        return []
    begin = float(before.mean()) - slope * float(at.mean())
    straight = float(np.abs(begin + slope * at - before).max())
    found = []
    tops = [top]
    if top + 1 < len(u) and steps[top + 1] - steps[top] > 1:
        # The rise may go on beyond its last logged point, and end before the next.
        tops.append(top + 1)
    for end in tops:
        if straight <= 0.03 and (end == top or abs(begin + slope * steps[top] - height) <= 0.05):
            meets = float(min(max((height - begin) / slope, steps[end - 1]), steps[end]))
            start = min(max(begin / height, 0.0), 1.0)
            start = start if start > 1e-6 + view.tolerance else 0.0
            found.append(_Rise(top=end, warm=meets, start=start))
        if straight > view.tolerance and top >= 3:
            start = float(max(0.0, u[0] / height))
            # The phase of the half wave at each point, and so the step at which it ends.
            phase = np.arccos(np.clip(1 - 2 * (before / height - start) / (1 - start), -1.0, 1.0)) / np.pi
            ends = float(np.clip(float(at @ at) / max(float(at @ phase), 1e-300), steps[end - 1] + 1e-6, steps[end]))
            found.append(_Rise(top=end, warm=ends, shape="cosine", start=start))
    return found


def _explaining(
    model: FitModel, rise: _Rise, view: View, check: View, near_too: bool
) -> tuple[FitModel | None, FitModel | None]:
    """The model polished and in whole steps if it explains the points, and else if it nearly does."""
    near: FitModel | None = None
    for attempt in _attempts(model, rise, view):
        missed = misfit(attempt, view)
        if missed <= view.tolerance and (check is view or misfit(attempt, check) <= 1.5 * view.tolerance):
            return (_finished(attempt, view, check, view.tolerance), None) if _shown(attempt, view) else (None, None)
        if (
            near_too
            and len(view.values) >= FEW
            and near is None
            and missed <= view.loose
            and misfit(attempt, check) <= 1.5 * view.loose
            and _shown(attempt, view)
        ):
            near = _finished(attempt, view, check, view.loose)
    return None, near


def _shown(model: FitModel, view: View) -> bool:
    """Whether enough different rates were logged to tell the law's parameters; a staircase has few by nature."""
    after = view.steps[view.steps >= model.warm] - model.warm
    if model.cost == 0 or np.array_equal(
        model.module.lr(after, model.params), model.module.lr(after + 0.5, model.params)
    ):
        return True
    levels = np.sort(np.rint(view.values / max(2 * view.tolerance, 1e-3 if view.window > 1 else 0.0)))
    return 1 + int(np.count_nonzero(levels[1:] != levels[:-1])) >= model.cost + 3


def _finished(model: FitModel, view: View, check: View, good: float) -> FitModel:
    model = plain(model, view, good)
    rounded = whole(model, view)
    return replace(rounded, residual=jittered(rounded, check), score=criterion(model, view))


def _attempts(model: FitModel, rise: _Rise, view: View) -> Iterator[FitModel]:
    """The model as the law offered it, and polished in one way after the other."""
    begun = [model]
    if model.warm and model.shape != "constant" and model.warm != view.steps[rise.top]:
        begun.append(replace(model, warm=float(view.steps[rise.top])))
    if model.warm != round(model.warm):
        begun.append(replace(model, warm=float(round(model.warm))))
    missed = [misfit(m, view) for m in begun]
    model = begun[missed.index(min(missed))]
    yield model
    sparse = 10 * view.every / max(view.steps[-1] - view.steps[0], 1.0)
    if min(missed) > min(max(sparse, WORTH_POLISHING[0]), WORTH_POLISHING[1]):
        # A jump at the wrong step is far off at one point, whatever the rest is like.
        apart = np.abs(draw(model, view.steps, view.window) - view.values)
        if np.quantile(apart, 0.95) > NEARLY:
            return
    if model.warm and model.shape == "constant":
        yield _behind_a_jump(model, rise, view)
        return
    thin = thinned(view)
    free = ["height", *(["warm", "start"] if model.warm else [])]
    together = polish(model, thin, [*free, *loose(model.params)])
    yield together
    if getattr(model.params, "final_fraction", 1.0) == 0 and misfit(together, view) < NEARLY:
        lifted = replace(together, params=replace(together.params, final_fraction=0.01))
        yield polish(lifted, thin, [*free, *loose(lifted.params)])
    if not model.warm:
        # The logger may count one step more or less than the scheduler.
        shifted = min((replace(together, slip=s) for s in (-1.0, 1.0)), key=lambda m: misfit(m, thin))
        yield polish(shifted, thin, ["height", *loose(model.params)])
        return
    # The warm-up may be counted from another step than the law, and reach the peak a step before the law leaves it:
    # each is polished on its own then.
    after = part(view, view.steps > view.steps[rise.top])
    if not len(after.steps):
        return
    alone = polish(together, thinned(after), ["height", "warm", *loose(model.params)])
    if misfit(replace(alone, warm=min(alone.warm, float(after.steps[0]))), after) > view.loose:
        return
    for slip in (1.0, -1.0, 0.0):
        yield polish(replace(alone, slip=slip), thinned(part(view, view.steps < alone.warm)), ["start"])


def _behind_a_jump(model: FitModel, rise: _Rise, view: View) -> FitModel:
    """The model polished behind a constant warm-up, which ends anywhere between two logged points."""
    after = part(view, view.steps >= view.steps[rise.top])
    last, first = view.steps[rise.top - 1], view.steps[rise.top]
    # It begins in the middle: beyond the first point it would be the law no more.
    middle = replace(model, warm=float((last + first) / 2))
    fitted = polish(middle, thinned(after), ["height", "warm", *loose(model.params)])
    fitted = replace(fitted, warm=float(np.clip(fitted.warm, min(last + 1, first), first)))
    if misfit(fitted, after) > view.tolerance:
        fitted = polish(fitted, thinned(after), ["height", *loose(model.params)])
    return replace(fitted, start=fitted.start * model.height / fitted.height)
