"""The loss jumped far above its course for a moment.

What it measures: every stretch in which the training loss stands far above its running level: how high relative to
what had been learned, how long, and whether the level afterwards is the old one.
How: a running median over 5 % of the run is the course; a point is a spike when it stands more than six robust
standard deviations above it and by a tenth of all that was learned. The second condition keeps a loss near zero,
where any batch is many sigmas away, from counting.
Blind spots: logs that average over many steps mute spikes; a spike shorter than the logging interval leaves no trace.
References: OLMo-core (2024), six sigma of the last 128 steps; Chowdhery et al., PaLM (2022); Marin 32B retrospective
(2025), for spikes that do not return to their plateau.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.signal import (
    MAD_TO_SIGMA,
    at,
    best_level,
    finite_loss,
    fraction_of,
    level,
    margin,
    robust_sigma,
    running_median,
)

NEEDS: frozenset[Role] = frozenset({Role.TRAIN_LOSS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stands out."""

    sigmas: float = 6.0
    """OLMo-core's threshold."""
    height: float = 0.1
    """A spike throws back at least a tenth of what had been learned by then."""
    window: float = 0.05
    """The running level is a median over this fraction of the run."""
    after: float = 0.05
    """The level afterwards is taken over this fraction of the run."""
    points: int = 40
    """Fewer points give no course to stand out from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike(Finding):
    """A short excursion of the training loss."""

    kind: ClassVar[str] = "spike"
    peak_step: int
    peak_fraction: float
    height: float
    """Above the running level, relative to what had been learned by then."""
    sigmas: float
    steps: int
    """From the first point that stands out to the last."""
    recovered: bool
    level_shift: float
    """Level after over level before; above 1 where the old level was not reached again."""


FINDING = Spike


def detect(run: Run, settings: Settings) -> Iterator[Spike]:
    """One finding per spike, in order; excursions that touch are one."""
    span = run.span
    series = finite_loss(run, Role.TRAIN_LOSS)
    if span is None or series is None or len(series) < settings.points:
        return
    values = series.values
    width = max(5, int(np.ceil(settings.window * len(values))) | 1)
    course = running_median(values, width)
    residual = values - course
    learned = np.maximum(values[0] - np.minimum.accumulate(course), 0.0)
    learned = np.maximum(learned, 1e-3 * max(abs(float(values[0])), values[0] - best_level(series, span)))
    # Scatter shrinks as the loss falls, so it is taken where the point is.
    scatter = MAD_TO_SIGMA * running_median(np.abs(residual), 4 * width + 1)
    out = (residual > settings.sigmas * scatter) & (residual > settings.height * learned)
    # A height is relative to what had been learned, so where that is nothing there is none.
    out &= (learned > 0) & (series.steps > at(span, settings.window))
    for group in _groups(np.flatnonzero(out), gap=width):
        peak = group[int(np.argmax(residual[group]))]
        first, last = int(series.steps[group[0]]), int(series.steps[group[-1]])
        reach = settings.after * (span.last - span.first)
        before = level(series, first - reach, first - 1)
        after = level(series, last + 1, last + reach)
        later = level(series, last + 1, last + 4 * reach)
        if before is None or after is None or later is None:
            continue
        noise = robust_sigma(residual[max(0, group[0] - 4 * width) : group[0]])
        yield Spike(
            series=series.tag,
            span=Span(first, last),
            confidence=margin(float(residual[peak] / learned[peak]), settings.height),
            peak_step=int(series.steps[peak]),
            peak_fraction=fraction_of(span, float(series.steps[peak])),
            height=float(residual[peak] / learned[peak]),
            sigmas=min(float(residual[peak] / scatter[peak]), 1e6) if scatter[peak] > 0 else 1e6,
            steps=last - first,
            recovered=bool(min(after, later) <= before + 2 * noise),
            level_shift=min(after, later) / before if before > 0 else 1.0,
        )


def _groups(indices: np.ndarray, gap: int) -> list[np.ndarray]:
    if not len(indices):
        return []
    return np.split(indices, np.flatnonzero(np.diff(indices) > gap) + 1)
