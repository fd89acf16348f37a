"""All runs of a report in one plot: what is compared, and a picture of the worst and the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrdoctor.draw import COLOURS, DASHES
from lrdoctor.model import Diagnosis, Floats, Role, Series
from lrdoctor.reports._escape import plain
from lrdoctor.reports._island import differences, safe_json, short
from lrdoctor.reports._scale import Scale, around, over
from lrdoctor.reports._smooth import smoothed
from lrdoctor.reports._sparkline import is_log
from lrdoctor.reports._svg import FOOT, LEFT, RIGHT, WIDTH, opening, path, safe, steps_axis, stroke, values_axis
from lrdoctor.reports._thin import thin

DRAWN = 12
"""Lines that can still be followed in a picture that does not answer."""
HEIGHT = 300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overlay:
    """The plot in which runs are compared."""

    metric: str
    """`validation loss` or `training loss`."""
    svg: str
    island: str
    """`log`; `y` ends of the axis; `r` one list per run: its place in the report, steps as differences, values."""
    drawn: tuple[int, ...]
    """Places in the report of the runs that the picture shows."""
    lacking: int
    """Runs that have no such loss."""


def overlay(diagnoses: Sequence[Diagnosis], points: int) -> Overlay | None:
    """The runs' losses in one plot, in the order given; None for fewer than two of them.

    The validation loss where at least half the runs have one, since that is what runs are judged by, else the
    training loss, smoothed.
    """
    role = Role.VAL_LOSS
    told = {i: series for i, d in enumerate(diagnoses) if (series := d.run[role]) is not None and len(series) > 1}
    if 2 * len(told) < len(diagnoses) or len(told) < 2:
        role = Role.TRAIN_LOSS
        told = {i: series for i, d in enumerate(diagnoses) if (series := d.run[role]) is not None and len(series) > 1}
    if len(told) < 2:
        return None
    together = np.concatenate([series.values for series in told.values()])
    log = is_log(together)
    few = {i: _course(series, points, log=log) for i, series in told.items()}
    scale = _scale([series.values for series in few.values()], log=log)
    metric = "validation loss" if role is Role.VAL_LOSS else "training loss"
    drawn = _chosen(told)
    return Overlay(
        metric=metric,
        svg=_svg([(diagnoses[i].name, few[i]) for i in drawn], scale, metric),
        island=safe_json(
            {
                "log": log,
                "y": [scale.low, scale.high],
                "r": [[i, differences(series.steps), short(series.values)] for i, series in few.items()],
            }
        ),
        drawn=tuple(drawn),
        lacking=len(diagnoses) - len(told),
    )


def _course(series: Series, points: int, *, log: bool) -> Series:
    course = smoothed(series, log=log, points=points)
    if course is not None:
        return course
    few = thin(series, points)
    return Series(tag=series.tag, steps=few.steps, values=few.values)


def _scale(values: Sequence[Floats], *, log: bool) -> Scale:
    """High enough for what the runs began with: one that explodes must not flatten the others."""
    firsts = [float(each[good][:3].max()) for each in values if (good := np.isfinite(each)).any()]
    lasts = [float(each[good].min()) for each in values if (good := np.isfinite(each)).any()]
    ceiling = max(firsts, default=1.0)
    middle = float(np.median(firsts)) if firsts else 1.0
    if log and middle > 0:
        ceiling = min(ceiling, 100 * middle)
    elif middle > 0:
        ceiling = min(ceiling, 3 * middle)
    shown = np.array([*lasts, ceiling])
    return around(shown[shown <= ceiling], log=log)


def _chosen(told: dict[int, Series]) -> list[int]:
    """The worst, as the report orders them, and those that came down farthest."""
    if len(told) <= DRAWN:
        return list(told)
    ends = {i: float(series.values[-1]) for i, series in told.items() if np.isfinite(series.values[-1])}
    best = sorted(ends, key=lambda i: (ends[i], i))[: DRAWN // 2]
    worst = [i for i in told if i not in best][: DRAWN - len(best)]
    return sorted([*worst, *best])


def _svg(curves: Sequence[tuple[str, Series]], scale: Scale, metric: str) -> str:
    first = min(int(series.steps[0]) for _, series in curves)
    last = max(int(series.steps[-1]) for _, series in curves)
    x, top, inner = over(first, last), 28, WIDTH - LEFT - RIGHT
    lines = opening(
        top + HEIGHT + FOOT,
        "overlay",
        title=f"{metric} of {len(curves)} runs over the steps",
        description=", ".join(plain(name, 60) for name, _ in curves),
    )
    lines += values_axis(scale, metric + ", logarithmic" * scale.log, top, HEIGHT, inner)
    for place, (name, series) in enumerate(curves):
        across = LEFT + x.at(series.steps.astype(np.float64)) * inner
        down = top + (1 - scale.at(series.values).clip(0, 1)) * HEIGHT
        drawn = path(across, down, np.isfinite(series.values))
        lines.append(f'<path {_line(place)} d="{drawn}"><title>{safe(name)}</title></path>')
    return "\n".join([*lines, *steps_axis(x, inner, [top + HEIGHT]), "</svg>"])


def _line(place: int) -> str:
    """Colour and dashes of a run: six of each, so that 36 runs differ."""
    return f'class="c-{place % len(COLOURS)}" ' + stroke(COLOURS[place % len(COLOURS)], 1.8, _dash(place))


def look(place: int) -> str:
    """The same beside its name."""
    dash = _dash(place)
    colour = f'class="c-{place % len(COLOURS)}" stroke="{COLOURS[place % len(COLOURS)]}"'
    return colour + (f' stroke-dasharray="{dash}"' if dash else "")


def _dash(place: int) -> str:
    return DASHES[place // len(COLOURS) % len(DASHES)]
