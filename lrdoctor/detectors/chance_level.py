"""The loss ended flat, perhaps at ln K: the level of a guess among K equally likely classes.

What it measures: for a loss that was flat over the last quarter of the run, whether its level is that of a guess, among
how many classes, how that is known, where it began, how far it had risen in between, since when it has been flat, and
what was left of the gradient norm.
How: K stands in the hyperparameters, or follows from an accuracy of 1/K, or is the integer for which ln K comes closest
to the level. The last is weak evidence: K is then at most 20, above which every level is near some ln K, and the run
must have begun within a tenth of ln K, or have burst above its beginning. Flatness is that of medians over 1/25 of the
run.
Blind spots: classes that are not equally frequent have a lower level, their entropy. A loss that is smoothed, weighted,
summed or in bits is not ln K.
References: Karpathy, A Recipe for Training Neural Networks (2019), on −ln(1/K) at the start; Braiek & Khomh,
TheDeepChecker (2023), on the loss of an untrained network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Floats, Role, Run, Span
from lrdoctor.signal import (
    LARGEST,
    at,
    between,
    bin_medians,
    bounded,
    finite_loss,
    level,
    margin,
    running_median,
)

NEEDS: frozenset[Role] = frozenset()

# fmt: off
COUNTS = (
    "num_classes", "n_classes", "nb_classes", "num_labels", "n_labels", "num_class", "nclasses", "classes",
    "vocab_size", "n_vocab", "num_tokens", "vocabulary_size",
)
# fmt: on
"""The last part of a hyperparameter's name, in lower case, that tells how many classes there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What counts as being at the level."""

    gap: float = 0.01
    """Relative distance to ln K where K was not told: annealed dead classifiers end 0.4 to 0.5 % above it."""
    known_gap: float = 0.03
    """The same where it was: at a high rate the dead outputs still swing."""
    accuracy_gap: float = 0.1
    """Relative distance of the accuracy to 1/K: that of a thousand samples and ten classes scatters by that."""
    most: int = 1000
    """The largest K that is inferred from an accuracy."""
    most_by_level: int = 20
    """The largest that is inferred from the level alone: ln 21 lies 1.6 % above ln 20, two gaps, and above that the
    gaps overlap."""
    start: float = 0.1
    """How far from ln K an untrained network may begin, relative."""
    burst: float = 1.5
    """A rise to this many times the first value is one."""
    early: float = 0.2
    """Where it is sought, as a fraction of the run."""
    flat: float = 0.02
    """Levels within this of the end level, relative, lie at it."""
    least_flat: float = 0.25
    """A loss that was still elsewhere in the last quarter of the run has ended nowhere yet."""
    bins: int = 25
    points: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ChanceLevel(Finding):
    """The loss ended flat, and this is what that level may be."""

    kind: ClassVar[str] = "chance_level"
    classes: int | None
    """K; None where the level is that of no guess."""
    inferred_from: str | None
    """`hyperparameter`, `accuracy` or `level`; None without a K."""
    end_level: float
    level_ratio: float | None
    """End level over ln K."""
    first_ratio: float | None
    """First value over the end level, of the loss that began lower; None where that level is not positive."""
    peak_ratio: float | None
    """Highest of the first fifth of the run over the end level, of the loss that was higher. Above 1.5 for a run that
    burst, or whose first point already averages over the burst."""
    flat_fraction: float
    """How much of the run, up to its end, lies at the end level."""
    gradient_ratio: float | None
    """Gradient norm of the last tenth over its highest of the first fifth; None where none was logged."""
    rate_logged: bool


FINDING = ChanceLevel


def detect(run: Run, settings: Settings) -> Iterator[ChanceLevel]:
    """At most one finding; the validation loss speaks where there is enough of it, else the training loss."""
    span = run.span
    if span is None or span.first == span.last:
        return
    losses = [s for role in (Role.VAL_LOSS, Role.TRAIN_LOSS) if (s := finite_loss(run, role)) is not None]
    told = [s for s in losses if len(s) >= settings.points]
    end = level(told[0], at(span, 0.9), span.last) if told else None
    if end is None:
        return
    series = told[0]
    levels = bin_medians(series, span.first, span.last, settings.bins)
    away = (np.abs(levels - end) > settings.flat * abs(end)).nonzero()[0]
    flat = 1 - (int(away[-1]) + 1) / len(levels) if len(away) else 1.0
    if flat < settings.least_flat:
        return
    first = peak = None
    if end > 0:
        first = min(max(min(float(s.values[0]) for s in losses) / end, -LARGEST), LARGEST)
        peak = min(max(_highest(between(s, span.first, at(span, settings.early))) for s in losses) / end, LARGEST)
    classes, source, gap = _classes(run, end, first or 0.0, peak or 0.0, span, settings)
    rate = run[Role.LR]
    yield ChanceLevel(
        series=series.tag,
        span=Span(int(series.steps[0]), int(series.steps[-1])),
        confidence=0.0 if classes is None else 1 - margin(abs(end / math.log(classes) - 1), gap),
        classes=classes,
        inferred_from=source,
        end_level=end,
        level_ratio=None if classes is None else end / math.log(classes),
        first_ratio=first,
        peak_ratio=peak,
        flat_fraction=flat,
        gradient_ratio=_gradient_ratio(run, span, settings),
        rate_logged=rate is not None and len(rate) > 0,
    )


def _classes(
    run: Run, end: float, first: float, peak: float, span: Span, settings: Settings
) -> tuple[int | None, str | None, float]:
    """K, where it comes from, and how close the level must come to ln K."""
    nothing = None, None, settings.gap
    told = {name.replace(".", "/").rsplit("/")[-1].lower(): value for name, value in run.hparams.items()}
    for name in COUNTS:
        value = told.get(name)
        if isinstance(value, int | float) and 2 <= value < 1e9 and value == int(value):
            near = abs(end / math.log(value) - 1) <= settings.known_gap
            return (int(value), "hyperparameter", settings.known_gap) if near else nothing
    if not 0 < end < math.log(settings.most + 1):
        return nothing
    classes = max(2, round(math.exp(end)))
    if abs(end / math.log(classes) - 1) > settings.gap:
        return nothing
    logged = run[Role.ACCURACY]
    hits = None if logged is None or len(logged) < 2 else level(bounded(logged), at(span, 0.9), span.last)
    if hits is not None:
        # Written as a share or in per cent; a share of one in a hundred and one per cent are the same K.
        near = min(abs(classes * hits - 1), abs(classes * hits / 100 - 1)) <= settings.accuracy_gap
        return (classes, "accuracy", settings.gap) if near else nothing
    began = abs(first - 1) <= settings.start or peak >= settings.burst * max(first, 1.0)
    return (classes, "level", settings.gap) if began and classes <= settings.most_by_level else nothing


def _highest(values: Floats) -> float:
    """Of the levels of three points, so that no single batch counts; the first point may stand for the burst itself."""
    return max(float(running_median(values, 3).max()), float(values[0])) if len(values) else 0.0


def _gradient_ratio(run: Run, span: Span, settings: Settings) -> float | None:
    logged = run[Role.GRAD_NORM]
    norms = None if logged is None else bounded(logged)
    if norms is None or not len(norms):
        return None
    first = between(norms, span.first, at(span, settings.early))
    end = level(norms, at(span, 0.9), span.last)
    if end is None or not len(first) or first.max() <= 0:
        return None
    return min(end / float(first.max()), LARGEST)
