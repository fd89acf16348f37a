"""Which optimizer the run used, as far as the log tells, and what its logged rate means.

What it measures: the optimizer's name and family: plain (the rate is the step), adaptive (the rate multiplies a
normalised gradient) or tuning-free (the optimizer finds its own step, or averages in place of a decay).
How: the hyperparameters beside the log, and the names that learning-rate monitors give their series, `lr-AdamW`.
Blind spots: a custom optimizer is known by no name; parameter groups under different optimizers are one to us.
References: Duchi, Hazan & Singer, Adaptive Subgradient Methods (2011); Tieleman & Hinton, RMSprop (2012); Kingma & Ba,
Adam (2015); Defazio & Mishchenko, Learning-Rate-Free Learning by D-Adaptation (2023); Defazio et al., The Road Less
Scheduled (2024).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lrdoctor.model import Finding, Role, Run

NEEDS: frozenset[Role] = frozenset()
NAMED = ("optimizer", "optim", "opt", "optimizer_name", "optimizer_type", "optim_name")
"""Hyperparameters that name it, by their last word."""
TUNING_FREE = ("schedulefree", "prodigy", "dadapt", "mechanic", "dog", "ldog")
ADAPTIVE = (
    "adam",
    "adagrad",
    "rmsprop",
    "adadelta",
    "adafactor",
    "lamb",
    "lion",
    "sophia",
    "nadam",
    "radam",
    "shampoo",
)
_BETWEEN, _IN_TAG = re.compile(r"[./]"), re.compile(r"^lr-([A-Za-z]+)")
PLAIN = ("sgd", "momentum", "nesterov", "lars", "asgd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Nothing to set: a name is known or it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer(Finding):
    """The optimizer is known by name."""

    kind: ClassVar[str] = "optimizer"
    name: str
    family: str
    """plain, adaptive or tuning_free."""


FINDING = Optimizer


def detect(run: Run, settings: Settings) -> Iterator[Optimizer]:
    """At most one finding."""
    span = run.span
    rate = run.roles.get(Role.LR)
    if span is None:
        return
    told = [str(value) for key, value in run.hparams.items() if _BETWEEN.split(key.lower())[-1] in NAMED]
    told += _IN_TAG.findall(rate or "")
    for name in told:
        family = _family(name)
        if family is not None:
            tag = rate if rate is not None else next(iter(run.series))
            yield Optimizer(series=tag, span=span, confidence=1.0, name=name[:80], family=family)
            return


def _family(name: str) -> str | None:
    plain = re.sub(r"[^a-z]", "", name.lower())
    # The families in this order: ScheduleFreeAdamW is not adaptive before anything else.
    for family, names in (("tuning_free", TUNING_FREE), ("adaptive", ADAPTIVE), ("plain", PLAIN)):
        if any(known in plain for known in names):
            return family
    return None
