"""Who comes to the clinic: healthy runs under every schedule, and runs with one fault each, relative to the best rate.

    for patient in patients(steps, best_rate, seed=1):
        patient.scenario, patient.member()

A fault is a `Regimen` that differs from a sound one in one thing; `remedies` are what a doctor might change about it,
one thing at a time, everything else as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks.clinic.ensemble import Member
from lrdoctor.model import Floats
from lrdoctor.plugins import schedule
from lrdoctor.schedules._plan import Plan, Warmup, rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Regimen:
    """How a run is trained, as fractions of its length, so that it fits a run of any length."""

    peak: float
    law: str = "constant"
    params: Mapping[str, Any] = field(default_factory=dict)
    """Of the law; a number in `LENGTHS` is a fraction of what follows the warm-up."""
    warmup: float = 0.0
    planned: float = 1.0
    """Length that the schedule was made for, over the length of the run."""
    again_at: float = 0.0
    """Where the whole schedule begins anew; 0 for never."""
    clip: float = float("inf")
    bad_batches_at: tuple[float, ...] = ()
    noisy_labels: bool = False
    few_examples: bool = False
    resumed_at: float = 0.0
    """Where the optimizer's state is lost; 0 for never."""

    def rates(self, steps: int) -> Floats:
        """The learning rate of every step, shape (steps,)."""
        length = round(steps * self.planned)
        warmup = round(length * self.warmup)
        law = schedule(self.law)
        params = {k: max(1, round(v * (length - warmup))) if k in LENGTHS else v for k, v in self.params.items()}
        if "total_steps" in law.Params.__dataclass_fields__:
            params.setdefault("total_steps", max(1, length - warmup))
        plan = Plan(
            schedule=self.law,
            params=law.Params(**params),
            peak_lr=self.peak,
            warmup=Warmup(steps=warmup),
            total_steps=length,
        )
        # The first step of a warm-up has a rate above zero, as every framework has it.
        clock = np.arange(steps) + (1 if warmup else 0)
        if self.again_at:
            clock = np.where(np.arange(steps) < self.again_at * steps, clock, clock - round(self.again_at * steps))
        return rates(plan, clock)

    def member(self, steps: int, seed: int) -> Member:
        """One training under this regimen."""
        return Member(
            rates=self.rates(steps),
            seed=seed,
            clip=self.clip,
            bad_batches=range(*((b := round(self.bad_batches_at[0] * steps)), b + 3) if self.bad_batches_at else (0,)),
            noisy_labels=self.noisy_labels,
            few_examples=self.few_examples,
            resumed_at=round(self.resumed_at * steps) if self.resumed_at else -1,
        )


LENGTHS = frozenset(
    {"total_steps", "every", "decay_steps", "stable_steps", "first_period", "period", "step_up", "step_down"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A run, what is the matter with it, and from which seed it was trained."""

    scenario: str
    factor: float
    """Its peak rate over the best one."""
    regimen: Regimen
    seed: int


def _sound(peak: float) -> Regimen:
    return Regimen(peak=peak, law="cosine", warmup=0.08)


def scenarios(best: float) -> Iterator[tuple[str, float, Regimen]]:
    """Every scenario with its factor and regimen; `best` is the best known peak rate of an annealed run."""
    wsd = {"stable_steps": 0.7, "decay_steps": 0.3}
    yield "healthy_cosine", 1, _sound(best)
    yield "healthy_cosine_half", 0.5, _sound(best / 2)
    yield "healthy_cosine_low_seed", 1, _sound(best)
    yield "healthy_linear", 1, Regimen(peak=best, law="linear", warmup=0.08)
    yield "healthy_linear_no_warmup", 0.5, Regimen(peak=best / 2, law="linear")
    yield "healthy_onecycle", 1, Regimen(peak=best, law="one_cycle")
    yield "healthy_wsd", 1, Regimen(peak=best, law="warmup_stable_decay", params=wsd, warmup=0.08)
    yield "healthy_step", 1, Regimen(peak=best, law="step", params={"every": 0.34, "factor": 0.1}, warmup=0.08)
    yield (
        "healthy_exponential",
        1,
        Regimen(peak=best, law="exponential", params={"decay_rate": np.exp(-3), "decay_steps": 1.0}, warmup=0.08),
    )
    yield "constant_best", 1, Regimen(peak=best)
    yield "constant_third", 0.3, Regimen(peak=0.3 * best)
    for factor in (3, 10, 30, 100):
        yield f"constant_x{factor}", factor, Regimen(peak=factor * best)
        yield f"constant_d{factor}", 1 / factor, Regimen(peak=best / factor)
    for factor in (3, 10, 30):
        yield f"cosine_x{factor}", factor, Regimen(peak=factor * best, law="cosine", warmup=0.08 if factor == 3 else 0)
        yield f"cosine_d{3 * factor}", 1 / (3 * factor), _sound(best / (3 * factor))
    yield "early_step", 1, Regimen(peak=best, law="step", params={"every": 0.08, "factor": 0.1})
    yield "step_too_soon", 1, Regimen(peak=best, law="step", params={"every": 0.2, "factor": 0.1})
    yield (
        "fast_exponential",
        1,
        Regimen(peak=best, law="exponential", params={"decay_rate": np.exp(-9), "decay_steps": 1.0}),
    )
    yield "time_decay_strong", 1, Regimen(peak=best, law="time_based", params={"k": 0.2})
    yield "cosine_short", 1, Regimen(peak=best, law="cosine", planned=0.15, warmup=0.08)
    yield "cosine_cut", 1, Regimen(peak=best, law="cosine", planned=4.0, warmup=0.02)
    yield "restarts", 1, Regimen(peak=best, law="cosine_restarts", params={"first_period": 0.251}, warmup=0.08)
    yield "restarts_end_high", 1, Regimen(peak=best, law="cosine_restarts", params={"first_period": 0.3}, warmup=0.08)
    yield "restarts_x3", 3, Regimen(peak=3 * best, law="cosine_restarts", params={"first_period": 1 / 3})
    yield (
        "cyclic_x3",
        3,
        Regimen(peak=3 * best, law="cyclical", params={"step_up": 0.1, "step_down": 0.1, "base_fraction": 0.1}),
    )
    yield "no_warmup_x3", 3, Regimen(peak=3 * best, law="cosine")
    yield "warmup_never_ends", 1, Regimen(peak=best, law="linear", warmup=1.0, planned=1.05)
    yield "warmup_half", 1, Regimen(peak=best, law="linear", warmup=0.6)
    yield "bad_batch", 1, replace(_sound(best), bad_batches_at=(0.45,))
    yield "bad_batch_constant", 0.5, replace(Regimen(peak=best / 2), bad_batches_at=(0.6,))
    yield "label_noise", 1, replace(_sound(best), noisy_labels=True)
    yield "overfit", 1, replace(_sound(best), few_examples=True)
    yield "overfit_constant", 1, Regimen(peak=best, few_examples=True)
    yield "resume_lost_state", 1, replace(_sound(best), resumed_at=0.5)
    yield "resume_anew", 1, replace(_sound(best), again_at=0.6, resumed_at=0.6)


def patients(best: float, *, seed: int) -> list[Patient]:
    """One patient of each scenario. Rates are jittered by up to 15 % either way, so that none is a round number."""
    rng = np.random.default_rng(seed)
    found = []
    for n, (name, factor, regimen) in enumerate(scenarios(best)):
        jitter = 10 ** rng.uniform(-0.06, 0.06)
        found.append(
            Patient(
                scenario=name,
                factor=factor * jitter,
                regimen=replace(regimen, peak=regimen.peak * jitter),
                seed=1000 * seed + n,
            )
        )
    return found


def remedies(patient: Patient, clip: float) -> list[tuple[str, Regimen]]:
    """What might be changed about a patient, one thing each, by direction; several rates are tried each way."""
    was = patient.regimen
    found = [("lower", replace(was, peak=was.peak / f)) for f in (3, 10)]
    found += [("raise", replace(was, peak=was.peak * f)) for f in (3, 10)]
    if patient.factor > 5:
        found += [("lower", replace(was, peak=was.peak / f)) for f in (30, 100)]
    if patient.factor < 0.2:
        found += [("raise", replace(was, peak=was.peak * f)) for f in (30, 100)]
    # Annealed over the run's whole length, once, and from the same peak; with a warm-up only if there was one.
    annealed = replace(was, law="cosine", params={}, planned=1.0, again_at=0.0, warmup=min(was.warmup, 0.08))
    found.append(("decay", annealed))
    if was.warmup == 0:
        found.append(("warmup", replace(was, warmup=0.08)))
    found.append(("clip", replace(was, clip=clip)))
    return found
