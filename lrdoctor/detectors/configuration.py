"""What the hyperparameters say about the rate, against the rate that was logged.

What it measures: the configured learning rate over the logged peak, which scheduler is named, whether the rate moved at
all, and whether the configured floor of the decay is its peak.
How: the hyperparameters that the log carries are read by their common names, whatever group they stand in. Of several
that may be the peak the one that comes closest counts, so that only a contradiction to all of them shows.
Blind spots: a rate that is scaled by the batch size or the number of workers on purpose contradicts its configuration,
and so does one for another group of parameters.
References: Humbatova et al., Taxonomy of Real Faults in Deep Learning Systems (2020), on wrong hyperparameters; Goyal
et al., Accurate, Large Minibatch SGD (2017), for rates that are scaled on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lrdoctor.detectors._hyperparameters import by_last_word, numbers
from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.signal import finite_rate, peak_of

NEEDS: frozenset[Role] = frozenset({Role.LR})

RATES = ("lr", "learning_rate", "lr0", "base_lr", "max_lr", "peak_lr", "init_lr", "initial_lr", "initial_learning_rate")
SCHEDULERS = ("scheduler", "lr_scheduler", "lr_scheduler_type", "lr_schedule", "lr_policy", "scheduler_name", "sched")
FLOORS = ("eta_min", "min_lr", "lr_min", "final_lr", "end_lr")
IDLE = ("none", "const", "null", "false", "fixed", "no", "off", "identity", "plateau")
"""Parts of the names of schedulers that may leave the rate where it is, or do so on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """When a rate has not moved."""

    still: float = 1e-4
    """Relative to the peak: printed digits stay below, one call of a cosine in a hundred moves further."""
    points: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration(Finding):
    """The hyperparameters speak of the rate."""

    kind: ClassVar[str] = "configuration"
    configured_lr: float | None
    logged_lr: float
    """The highest logged rate."""
    rate_ratio: float | None
    """Logged over configured."""
    scheduler: str | None
    """The scheduler that is named; None where none is, or one that may leave the rate alone."""
    moved: bool
    """The rate changed in the course of the run."""
    floor_ratio: float | None
    """Configured floor over the logged peak: 1 for a decay that has nowhere to go."""


FINDING = Configuration


def detect(run: Run, settings: Settings) -> Iterator[Configuration]:
    """One finding for a run whose hyperparameters name a rate, a floor or a scheduler."""
    rate = finite_rate(run) if run.hparams else None
    if rate is None or len(rate) < settings.points or peak_of(rate) <= 0:
        return
    told = by_last_word(run)
    peak = peak_of(rate)
    rates, floors = numbers(told, RATES), numbers(told, FLOORS)
    named = next((str(told[name]) for name in SCHEDULERS if isinstance(told.get(name), str)), None)
    if not rates and not floors and named is None:
        return
    configured = min(rates, key=lambda lr: abs(math.log(peak / lr)), default=None)
    active = named is not None and named and not any(part in named.lower() for part in IDLE)
    yield Configuration(
        series=rate.tag,
        span=Span(int(rate.steps[0]), int(rate.steps[-1])),
        confidence=0.9,
        configured_lr=configured,
        logged_lr=peak,
        rate_ratio=None if configured is None else peak / configured,
        scheduler=named if active else None,
        moved=bool(peak - float(rate.values.min()) > settings.still * peak),
        floor_ratio=floors[0] / peak if floors else None,
    )
