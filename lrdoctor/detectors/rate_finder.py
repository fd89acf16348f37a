"""What a sweep of the rate says about the peak to train with: the known finders, and one rate from them.

What it measures: where the loss fell fastest (steepest), the middle of its longest fall (valley), the rate at its
lowest, which is the largest with stable descent, and a tenth of that; where nine tenths of the fall were done; the rate
at which the loss turned up; and, where it did, one rate to train with and half a decade to either side.
How: levels of the loss on a grid of eight to the decade, each a median over 0.3 decades, so that neither the cadence of
the log nor the unit of the loss matters. The loss has turned up where a level, and the one behind it, lies above the
lowest by a fifth of the whole fall and by four deviations of what batches scatter, or where it is no longer finite. The
suggestion is the median of three: where nine tenths of the fall were done, a third (half a decade) of the rate at the
lowest, and the steepest. The valley and the tenth are told, and take no part: the first lies two decades low if the
test began far down, the second as a rule half a decade.
Blind spots: what is found holds for the batch size of the test. The warm-up of a longer run gets no suggestion: it
passes each rate in a moment, so that few that go too far turn up before they arrive, and what turns up is as often the
bump of a sound one. Less than a decade tells nothing.
References: Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3; Gugger, How Do You Find A
Good Learning Rate (2018), the steepest and a tenth of the lowest; fastai 2.8, callback.schedule, the valley, which is
its default. Thresholds and the choice of the three: range tests of the clinic's training tasks, where 68 % of the
suggestions were among the good peaks of annealed runs; of held-out tasks 58 % (`benchmarks/finding.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.detectors._sweep import PER_DECADE, Sweep, fits, longest_fall, sweep
from lrdoctor.model import Finding, Floats, Role, Run
from lrdoctor.ordering import median
from lrdoctor.signal import LARGEST, fraction_of, margin

NEEDS: frozenset[Role] = frozenset({Role.LR})
SLOPE = 3
"""Steps of the grid to either side over which the steepest is taken: three quarters of a decade in all."""
DONE = 0.9
"""Of the fall."""
BELOW_LOWEST = 0.5
"""Decades. Good peaks of annealed trainings lie about so far below the rate at which a test is at its lowest."""
EITHER_SIDE = 0.5
"""Decades: within them lay a good peak in nine of ten tests of 300 steps and more, on training tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a sweep is, and when the loss has turned up."""

    decades: float = 1.0
    points: int = 12
    rise: float = 0.2
    """Of the whole fall."""
    deviations: float = 4.0
    """Of a level, from the scatter of batches: the fall must be as large, and the rise."""
    whole: float = 0.95
    """A sweep that ends so late in the run is all that there is: a test, or a warm-up that never ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateFinder(Finding):
    """The rate climbed steadily through a decade or more to its peak, and the loss fell on the way."""

    kind: ClassVar[str] = "rate_finder"
    whole_run: bool
    decades: float
    """From the lowest rate at which the loss was logged to the highest."""
    peak_lr: float
    steepest_lr: float | None
    """Where the loss fell fastest against the rate's logarithm; None where its lowest comes too soon to tell."""
    valley_lr: float
    """Geometric middle of the longest fall."""
    lowest_lr: float
    """Where the loss was at its lowest: the largest rate with stable descent."""
    tenth_lr: float
    """A tenth of that."""
    done_lr: float
    """Where nine tenths of the fall were done."""
    turned: bool
    """The loss turned up before the sweep was over."""
    onset_lr: float | None
    """The rate at which it did; None where it did not."""
    suggested_lr: float | None
    """The peak to train with; None where the loss did not turn up, since then any rate may be borne, and for the
    warm-up of a longer run."""
    suggested_factor: float | None
    """The same over the highest rate."""
    low_lr: float | None
    high_lr: float | None
    """Half a decade to either side of it, and no more than the rate at the lowest."""


FINDING = RateFinder


def detect(run: Run, settings: Settings) -> Iterator[RateFinder]:
    """At most one finding."""
    seen, span = sweep(run, settings.decades, settings.points), run.span
    if seen is None or span is None:
        return
    x, levels = seen.x, seen.levels
    low = int(levels.argmin())
    began = median(levels[: max(3, min(PER_DECADE, low // 2 + 1))])
    fall, chance = began - float(levels[low]), max(settings.deviations * seen.noise, 1 / LARGEST)
    if fall < chance:
        return
    done = float(x[int((began - levels >= DONE * fall).argmax())])
    steepest = _steepest(x, levels, low)
    first, last = longest_fall(levels)
    onset = _onset(seen, low, max(settings.rise * fall, chance))
    lowest = float(x[low])
    suggested = None
    whole = fraction_of(span, seen.span.last) >= settings.whole
    if onset is not None and whole:
        suggested = sorted((done, lowest - BELOW_LOWEST, done if steepest is None else steepest))[1]
    yield RateFinder(
        series=seen.series.tag,
        span=seen.span,
        confidence=margin(fall, chance),
        whole_run=whole,
        decades=float(x[-1] - x[0]),
        peak_lr=seen.top,
        steepest_lr=None if steepest is None else fits(steepest),
        valley_lr=fits(float(x[first] + x[last]) / 2),
        lowest_lr=fits(lowest),
        tenth_lr=fits(lowest - 1),
        done_lr=fits(done),
        turned=onset is not None,
        onset_lr=None if onset is None else fits(onset),
        suggested_lr=None if suggested is None else fits(suggested),
        suggested_factor=None if suggested is None else fits(suggested) / seen.top,
        low_lr=None if suggested is None else fits(suggested - EITHER_SIDE),
        high_lr=None if suggested is None else fits(max(suggested, min(suggested + EITHER_SIDE, lowest))),
    )


def _steepest(x: Floats, levels: Floats, low: int) -> float | None:
    """Logarithm of the rate in the middle of the steepest stretch before the lowest level."""
    width = min(SLOPE, low // 2)
    if width < 1:
        return None
    slope = (levels[2 * width : low + 1] - levels[: low + 1 - 2 * width]) / (
        x[2 * width : low + 1] - x[: low + 1 - 2 * width]
    )
    return float(x[width + int(slope.argmin())])


def _onset(seen: Sweep, low: int, least: float) -> float | None:
    """Logarithm of the rate at which the loss stood so far above its lowest, and stayed there for two levels."""
    above = seen.levels[low + 1 :] - seen.levels[low] >= least
    held = above & np.append(above[1:], True)
    return float(seen.x[low + 1 + int(held.argmax())]) if held.any() else seen.broke_at
