"""The batch changed its size in mid-run, and the rate did or did not go with it.

What it measures: the first lasting change of the logged batch size, by which factor the rate changed there, how far
that is from the linear and from the square-root rule, and what the loss answered.
How: noise in an update grows with rate over batch. The linear rule (rate ∝ batch) keeps it for SGD, the square-root
rule for adaptive optimizers. Levels of the loss before the change are compared with the highest soon after and with the
end.
Blind spots: only a batch size that is logged as a series is seen; accumulation of gradients and the number of workers
count only where they are in it.
References: Krizhevsky, One Weird Trick (2014), and Goyal et al., Accurate, Large Minibatch SGD (2017), for the linear
rule; Malladi et al., On the SDEs and Scaling Rules for Adaptive Gradient Algorithms (2022), for the square-root rule;
Smith et al., Don't Decay the Learning Rate, Increase the Batch Size (2018).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding, Role, Run, Series, Span
from lrdoctor.ordering import median
from lrdoctor.signal import at, between, bounded, finite_loss, finite_rate, fraction_of, level

NEEDS: frozenset[Role] = frozenset()

TAGS = ("batch_size", "batchsize", "effective_batch_size", "global_batch_size", "train_batch_size", "total_batch_size")
"""The last part of the tag, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a change is."""

    factor: float = 1.2
    """Smaller changes are those of a last, incomplete batch or of a count of tokens."""
    reach: float = 0.05
    """Levels are taken over this fraction of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSize(Finding):
    """The batch size changed for good."""

    kind: ClassVar[str] = "batch_size"
    change_step: int
    change_fraction: float
    before: float
    after: float
    factor: float
    """After over before."""
    rate_factor: float | None
    """The same of the rate; None where none was logged."""
    to_linear: float | None
    """Rate after the change over what the linear rule asks for: above 1 too high."""
    to_sqrt: float | None
    """The same for the square-root rule."""
    thrown_back: float | None
    """Rise of the loss at the change, as a share of all that had been learned by then."""
    end_ratio: float | None
    """Loss at the end over its level before the change."""


FINDING = BatchSize


def detect(run: Run, settings: Settings) -> Iterator[BatchSize]:
    """At most one finding."""
    sizes = next((s for tag, s in run.series.items() if tag.rpartition("/")[2].lower() in TAGS), None)
    span = None if sizes is None else run.span
    if span is None or sizes is None:
        return
    sizes = bounded(sizes)
    change = _change(sizes, settings)
    if change is None or sizes.values[change - 1] <= 0:
        return
    last, step = int(sizes.steps[change - 1]), int(sizes.steps[change])
    if not span.first <= last < step <= span.last:
        return
    reach = settings.reach * (span.last - span.first)
    before, after = (median(part) for part in (sizes.values[:change], sizes.values[change:]))
    if before <= 0 or after <= 0:
        return
    factor, rate_factor = after / before, _rate_factor(run, last, step, reach)
    series = next(
        (s for r in (Role.VAL_LOSS, Role.TRAIN_LOSS) if (s := finite_loss(run, r)) is not None and len(s) >= 20), None
    )
    thrown, end = (None, None) if series is None else _answer(series, span, last, reach)
    yield BatchSize(
        series=sizes.tag,
        span=Span(step, span.last),
        confidence=0.9,
        change_step=step,
        change_fraction=fraction_of(span, step),
        before=before,
        after=after,
        factor=factor,
        rate_factor=rate_factor,
        to_linear=None if rate_factor is None else rate_factor / factor,
        to_sqrt=None if rate_factor is None else rate_factor / math.sqrt(factor),
        thrown_back=thrown,
        end_ratio=end,
    )


def _change(sizes: Series, settings: Settings) -> int | None:
    """The first index from which on the size is another than all that was before, over at least five points."""
    values = sizes.values
    changes = (values[1:] != values[:-1]).nonzero()[0] + 1
    changes = changes[(changes >= 5) & (changes < len(values) - 4)]
    if not len(changes):
        return None
    low, high = np.minimum.accumulate(values)[changes - 1], np.maximum.accumulate(values)[changes - 1]
    least, most = (f.accumulate(values[::-1])[::-1][changes] for f in (np.minimum, np.maximum))
    lasting = changes[(most * settings.factor <= low) | (least >= settings.factor * high)]
    return int(lasting[0]) if len(lasting) else None


def _rate_factor(run: Run, last: int, step: int, reach: float) -> float | None:
    rate = finite_rate(run)
    if rate is None:
        return None
    before, after = level(rate, last - 0.2 * reach, last), level(rate, step, step + 0.2 * reach)
    return after / before if before and after and before > 0 and after > 0 else None


def _answer(series: Series, span: Span, last: int, reach: float) -> tuple[float | None, float | None]:
    before, end = level(series, last - reach, last), level(series, at(span, 0.9), span.last)
    levels = [median(v) for k in range(3) if len(v := between(series, last + 1 + k * reach, last + (k + 1) * reach))]
    if before is None or end is None or not levels or before <= 0:
        return None, None
    learned = float(series.values[0]) - before
    thrown = max(0.0, (max(levels) - before) / learned) if learned > 1e-3 * before else None
    return thrown, end / before
