"""Whether a run has what the loss-curve law needs; where it has not, one sentence that says what is lacking.

Each condition is one under which the law was measured to fail, or was never measured: see `forecast`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from lrdoctor.detectors import batch_size, divergence, spike
from lrdoctor.detectors._hyperparameters import by_last_word, numbers
from lrdoctor.identify import Identified
from lrdoctor.model import Role, Run, Series, Span
from lrdoctor.ordering import median
from lrdoctor.prescribe._priors_of_law import optimizer_family
from lrdoctor.prescribe.code import counts_epochs
from lrdoctor.schedules._plan import Warmup
from lrdoctor.signal import bin_medians, finite_loss, finite_rate, troughs_of

LEAST_POINTS = 20
"""Of the loss after the start. Fewer do not tell six parameters, with priors or without."""
EPOCHS = 4.0
"""Repeated data are nearly as good as new ones up to here (Muennighoff et al., Scaling Data-Constrained Language
Models, 2023); beyond, the training loss falls for reasons that no law of the rate knows."""
MEMORISED = 0.1
"""Of its start: a training loss below is that of a model that learns its data by heart."""
RISE = 0.02
"""Of its lowest level: a loss that rose by more is over-fitting or breaking."""
BINS = 25
"""Stretches of the run over which a level is taken."""
AT_PEAK = 0.995
"""A rate this close to its maximum is at its peak."""
EPOCH_NAMES = ("epochs", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "nb_epochs", "total_epochs")


def warmup_of(rate: Series, schedule: Identified | None) -> Warmup:
    """The rise to the peak, also where it is part of the schedule itself or of none that is known."""
    if schedule is not None and schedule.plan.warmup.steps:
        return schedule.plan.warmup
    at_peak = int((rate.values >= AT_PEAK * rate.values.max()).argmax())
    return Warmup(steps=int(rate.steps[at_peak])) if at_peak else Warmup()


def window_start(warmup: Warmup, last: int) -> float:
    """The step from which on the law is fitted: past twice the warm-up, and past a twenty-fifth of the run.

    Before, the loss falls from that of an untrained model, which is no power law.
    """
    return max(2.0 * warmup.steps, 0.04 * last)


def loss_of(run: Run, first: float) -> Series | None:
    """The validation loss where enough of it was logged from step `first` on, else the training loss, else None."""
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        loss = finite_loss(run, role)
        if loss is not None and int((loss.steps >= first).sum()) >= LEAST_POINTS:
            return loss
    return None


def lacking(run: Run, span: Span, first: float) -> str | None:
    """Why the law cannot speak of this run, or None: then `loss_of` has a loss. The run must have a rate above 0."""
    return next(chain(_unfit(run, span), _broken(run, span, first)), None)


def _unfit(run: Run, span: Span) -> Iterator[str]:
    """Trainings that the law is not made for."""
    if optimizer_family(run) == "tuning_free":
        yield "the optimizer finds its own step, so the logged rate is not the rate"
    if span.first > 0.05 * span.last:
        yield f"the log begins at step {span.first}, and the law needs the rate from the start"
    epochs = _epochs(run)
    if epochs is not None and epochs > EPOCHS:
        yield f"{epochs:.3g} epochs: the law was measured on data that are seen once, and holds to {EPOCHS:.0f}"
    train = finite_loss(run, Role.TRAIN_LOSS)
    if train is not None:
        levels = bin_medians(train, span.first, span.last, BINS)
        start = max(float(levels[0]), float(train.values[0]))
        if start <= 0 or levels[-1] < MEMORISED * start:
            yield "the training loss fell below a tenth of its start: such data are learned by heart"
    rate = finite_rate(run)
    if rate is not None and troughs_of(rate):
        yield "the learning rate rose again, and the law was measured on rates that only fall"
    if next(batch_size.detect(run, batch_size.Settings()), None) is not None:
        yield "the batch changed its size in mid-run, and with it the noise"


def _broken(run: Run, span: Span, first: float) -> Iterator[str]:
    """Trainings that did not go their course."""
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        told = run[role]
        if told is not None and not np.isfinite(told.values[told.steps >= first]).all():
            yield f"{told.tag!r} has values that are not finite"
    if any(found.span.last >= first for found in spike.detect(run, spike.Settings())):
        yield "the loss has spikes, after which a training goes on from another place"
    if next(divergence.detect(run, divergence.Settings()), None) is not None:
        yield "the loss diverged"
    loss = loss_of(run, first)
    if loss is None:
        yield f"fewer than {LEAST_POINTS} points of the loss after the start; log it more often"
        return
    levels = bin_medians(loss, first, span.last, BINS)
    if len(levels) < BINS // 2:
        yield f"{loss.tag!r} was logged in less than half of the run"
        return
    lowest, end = float(levels.min()), median(levels[-2:])
    if lowest <= 0:
        yield f"{loss.tag!r} reaches zero or less, and the law needs a loss with a floor above"
    # The lowest of many is low by chance too: so far as the levels scatter around one another.
    scatter = float(np.median(np.abs(np.diff(levels, 2)))) / (0.6745 * 6**0.5)
    if end > (1 + RISE) * lowest + 3 * scatter:
        yield f"{loss.tag!r} rose by more than {100 * RISE:.0f} % from its lowest level"


def _epochs(run: Run) -> float | None:
    """How often the data are seen, as far as the log says."""
    told = numbers(by_last_word(run), EPOCH_NAMES)
    epoch = run[Role.EPOCH]
    if epoch is not None and len(epoch.finite()):
        told.append(float(epoch.finite().values.max()))
    if counts_epochs(run) and run.span is not None:
        told.append(float(run.span.last - run.span.first + 1))
    return max(told, default=None)
