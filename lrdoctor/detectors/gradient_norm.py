"""What the gradient norm did: how often it was clipped, and whether it burst, grew or vanished.

What it measures: how much of the run the logged norm lies at its own highest value, how often it exceeds the clip that
the hyperparameters name, how high it burst in the first twentieth of the run, and how the end compares with a baseline
that is frozen early.
How: a norm that is logged after clipping cannot pass the clip, so it piles up there: the share of points within a
thousandth of the highest tells. The baseline is the median from 5 to 15 % of the run, after the burst of the first
steps that sound runs have as well.
Blind spots: a clip by value leaves no such trace. Norms that are printed with a digit or two pile up by themselves and
are not counted. Norms of single layers are not read.
References: Godbole et al., Deep Learning Tuning Playbook (2023): clipping more than half of all updates is extremely
aggressive; Pascanu et al., On the Difficulty of Training Recurrent Neural Networks (2013), for exploding and vanishing
gradients; Defazio, Why Gradients Rapidly Increase Near the End of Training (2025), for growth that is no fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lrdoctor.detectors._excursion import in_sigmas, jitter
from lrdoctor.detectors._hyperparameters import by_last_word, numbers
from lrdoctor.model import Finding, Floats, Role, Run, Span
from lrdoctor.ordering import diff
from lrdoctor.signal import LARGEST, at, between, bin_medians, bounded, finite_loss, level, trend

NEEDS: frozenset[Role] = frozenset({Role.GRAD_NORM})

# fmt: off
CLIPS = (
    "max_grad_norm", "clip_grad_norm", "gradient_clip_val", "grad_clip", "clip_grad", "gradient_clipping",
    "clip_norm", "grad_clip_norm", "gradient_clip_norm", "grad_norm_clip", "clip_gradient_norm", "clip_max_norm",
    "grad_max_norm", "global_clipnorm", "clipnorm", "max_norm", "gradient_clip", "clip_gradients",
)
# fmt: on
"""The last part of a hyperparameter's name, in lower case, under which trainers keep the norm that they clip at."""
KINDS = ("gradient_clip_algorithm", "clip_mode", "clip_type")
"""Those that say whether it is a norm at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Which stretches are compared."""

    early: float = 0.05
    """The burst of the first steps is sought in this fraction of the run."""
    baseline: float = 0.15
    """From there to here the baseline is taken."""
    tail: float = 0.1
    near: float = 1e-3
    """Norms within this of the highest, relative, lie at it: after clipping they differ by rounding alone."""
    pile: float = 0.05
    """Fewer points at the highest are no pile, whatever digits the log has."""
    coarse: float = 0.02
    """A log whose smallest difference between two norms is larger than this, relative to the highest, cannot show
    whether they pile up."""
    points: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientNorm(Finding):
    """The course of the gradient norm."""

    kind: ClassVar[str] = "gradient_norm"
    points: int
    median: float
    highest: float
    pinned_share: float | None
    """Share of the points at the highest value; None where the log's digits are too few to tell."""
    clip: float | None
    """What the hyperparameters clip at, or else the value that the norms pile up at; None where neither tells."""
    clipped_share: float | None
    """Share of the points at or above that."""
    burst_ratio: float | None
    """Highest of the first twentieth of the run over the baseline."""
    growth: float | None
    """Level of the last tenth of the run over the baseline."""
    trend: float | None
    """Kendall's tau from the baseline to the end: 1 for a norm that only grows."""
    fall: float
    """Level of the last tenth over the highest norm before the end of the baseline; 0 for a norm of zero."""
    zero_share: float
    """Share of the points that are exactly zero."""
    learned_sigmas: float | None
    """First training loss less its level over the last tenth, in standard deviations of its points; None where none was
    logged. A difference, so that the zero of the loss does not matter."""


FINDING = GradientNorm


def detect(run: Run, settings: Settings) -> Iterator[GradientNorm]:
    """One finding for a run with enough finite norms."""
    logged, span = run[Role.GRAD_NORM], run.span
    if logged is None or span is None or len(logged) < settings.points or span.first == span.last:
        return
    norms = bounded(logged)
    values = norms.values
    if len(norms) < settings.points or values.min() < 0:
        return
    begin, settled = at(span, settings.early), at(span, settings.baseline)
    usual, end = level(norms, begin, settled), level(norms, at(span, 1 - settings.tail), span.last)
    early, first = between(norms, span.first, begin), between(norms, span.first, settled)
    middle = level(norms, span.first, span.last)
    if usual is None or end is None or middle is None:
        return
    highest = float(values.max())
    pinned = _pinned(values, highest, settings)
    clip = _clip(run) or (highest if pinned is not None and pinned > settings.pile else None)
    yield GradientNorm(
        series=norms.tag,
        span=Span(int(norms.steps[0]), int(norms.steps[-1])),
        confidence=len(norms) / (len(norms) + settings.points),
        points=len(norms),
        median=middle,
        highest=highest,
        pinned_share=pinned,
        clip=clip,
        clipped_share=None if clip is None else _share(values >= (1 - settings.near) * clip),
        burst_ratio=_ratio(float(early.max()), usual) if len(early) else None,
        growth=_ratio(end, usual),
        trend=trend(bin_medians(norms, begin, span.last, 19)),
        fall=_ratio(end, float(first.max())) or 0.0,
        zero_share=_share(values == 0),
        learned_sigmas=_learned(run, at(span, 1 - settings.tail), span.last),
    )


def _learned(run: Run, first: float, last: float) -> float | None:
    loss = finite_loss(run, Role.TRAIN_LOSS)
    end = None if loss is None else level(loss, first, last)
    return None if loss is None or end is None else in_sigmas(float(loss.values[0]) - end, jitter(loss.values))


def _share(true: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(true)) / len(true)


def _ratio(value: float, of: float) -> float | None:
    return min(value / of, LARGEST) if of > 0 else None


def _pinned(values: Floats, highest: float, settings: Settings) -> float | None:
    if highest <= 0:
        return None
    at_top = values >= (1 - settings.near) * highest
    share = _share(at_top)
    if share > settings.pile and share < 1:
        gaps = diff(np.sort(values[~at_top]))
        real = gaps[gaps > 0]
        if not len(real) or real.min() > settings.coarse * highest:
            return None
    return share


def _clip(run: Run) -> float | None:
    """The largest clip that is named; None for a clip by value, or none."""
    if not run.hparams:
        return None
    told = by_last_word(run)
    if any("value" in str(told.get(kind, "")).lower() for kind in KINDS):
        return None
    return max(numbers(told, CLIPS), default=None)
