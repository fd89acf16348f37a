"""Whether the gradient's norm and the loss burst in the first steps, below the untrained level or above it.

What it measures: over the first twentieth of the run, how far the norm of the gradient rose above where it began and
above where it stood soon after, and how far the loss rose above the lowest that it had come to by then.
How: running medians of three points, so that one bad batch is no burst. A norm that rises and stays there has found its
level, and one that only falls began high; a burst is high against both sides.
Blind spots: a log of fewer than eight points in the first twentieth has no first steps. Norms that are logged behind a
clip end at it. A loss that scatters by half of itself rises that far by chance.
References: Godbole et al., Deep Learning Tuning Playbook (2023), on instability early in training and its sign in the
norm of the gradient; Gilmer et al., A Loss Curvature Perspective on Training Instability in Deep Learning (2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.signal import LARGEST, at, between, bounded, finite_loss, fraction_of, level, margin, running_median

NEEDS: frozenset[Role] = frozenset({Role.GRAD_NORM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the first steps are, and what is compared with them. Lengths are fractions of the run."""

    early: float = 0.05
    """Half of the longest warm-up that the Tuning Playbook advises."""
    soon: float = 0.2
    """From there on until here the norm has found its level."""
    points: int = 8
    least: float = 2.0
    """Of the norm, over either side: less is what batches make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSteps(Finding):
    """The norm of the gradient was higher in the first steps than at the first one and than soon after."""

    kind: ClassVar[str] = "first_steps"
    peak_step: int
    peak_fraction: float
    norm_rise: float
    """Highest norm over the first."""
    norm_fall: float
    """Highest norm over its level soon after."""
    loss_rise: float | None
    """Highest loss over the lowest before it, in the same steps; None where the loss was logged more rarely, or is not
    positive."""


FINDING = FirstSteps


def detect(run: Run, settings: Settings) -> Iterator[FirstSteps]:
    """At most one finding."""
    norm, span = run[Role.GRAD_NORM], run.span
    if norm is None or span is None:
        return
    norm, until = bounded(norm), at(span, settings.early)
    # As everywhere: a log that was taken up again begins with a trained network.
    if not len(norm) or norm.steps[0] > max(1.0, 0.02 * span.last):
        return
    early, soon = between(norm, span.first, until), level(norm, until, at(span, settings.soon))
    if len(early) < settings.points or soon is None:
        return
    smooth = running_median(early, 3)
    top = int(smooth.argmax())
    highest, first = float(smooth[top]), float(early[0])
    if min(first, soon) <= 0 or highest < settings.least * max(first, soon):
        return
    step = int(norm.steps[int(norm.steps.searchsorted(span.first)) + top])
    yield FirstSteps(
        series=norm.tag,
        span=Span(span.first, max(int(until), step)),
        confidence=margin(highest / max(first, soon), 10.0),
        peak_step=step,
        peak_fraction=fraction_of(span, step),
        norm_rise=min(highest / first, LARGEST),
        norm_fall=min(highest / soon, LARGEST),
        loss_rise=_loss_rise(run, span, until, settings),
    )


def _loss_rise(run: Run, span: Span, until: float, settings: Settings) -> float | None:
    loss = finite_loss(run, Role.TRAIN_LOSS)
    if loss is None:
        return None
    early = between(loss, span.first, until)
    if len(early) < settings.points or early.min() <= 0:
        return None
    smooth = running_median(early, 3)
    return min(float((smooth / np.minimum.accumulate(smooth)).max()), LARGEST)
