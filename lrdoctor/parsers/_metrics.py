"""The metrics of one run as MLflow and ClearML keep them: every point with its own step, tag by tag."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lrdoctor import limits
from lrdoctor.model import Series
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._series import LAST_STEP, Logged

BEYOND = 2 * LAST_STEP
"""Where a step that no integer holds is put, to be refused with the other impossible ones."""


@dataclass(slots=True)
class Metric:
    """The points of one tag, in the order of writing."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    milliseconds: array[float] = field(default_factory=lambda: array("d"))
    """Since 1970."""

    def add(self, step: float, value: float, milliseconds: float) -> None:
        """Take one point."""
        self.steps.append(int(max(-BEYOND, min(BEYOND, step))) if step == step else BEYOND)
        self.values.append(value)
        self.milliseconds.append(milliseconds)

    def logged(self) -> Logged:
        """The same as arrays."""
        times = np.frombuffer(self.milliseconds, dtype=np.float64) / 1000
        return Logged(
            steps=np.frombuffer(self.steps, dtype=np.int64),
            values=np.frombuffer(self.values, dtype=np.float64),
            wall_times=times if np.isfinite(times).all() else None,
        )


def metric_of(tag: str, metrics: dict[str, Metric], damage: Damage) -> Metric | None:
    """The metric of a tag, a new one where it has none yet; None, and told, beyond as many as a run may have."""
    metric = metrics.get(tag)
    if metric is None:
        if len(metrics) >= limits.current().tags:
            tell_tags(damage)
            return None
        metric = metrics[tag] = Metric()
    return metric


def tell_tags(damage: Damage, dropped: int = 1) -> None:
    """Say that so many values are left out because their run has too many tags."""
    damage.over("tags", f"more than {limits.shown('tags')} tags: the others are left out", dropped)


def logged(metrics: Mapping[str, Metric]) -> dict[str, Logged]:
    """All tags that have a point."""
    return {tag: metric.logged() for tag, metric in metrics.items() if len(metric.steps)}


def last_step(series: Mapping[str, Series]) -> int:
    """The furthest step of a run; 0 where there is none."""
    return max((int(points.steps[-1]) for points in series.values()), default=0)
