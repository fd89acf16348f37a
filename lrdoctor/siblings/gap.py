"""What each run missed against its siblings, and at which of them it should look.

What it measures: the share of the way down that the run missed against the best sibling, how far apart their peak rates
lie, whether anything else differs between the two, and how much runs of one setting differ by their seeds alone.
How: see `grouping` for who the siblings are, `measured` for the losses, and `response` for the best rate of a sweep. A
run is held against the best of all, against the best that differs from it in nothing but the rate, and against the
best at about its own rate; each is a finding, unless two are the same.
Blind spots: what no log and no name tells (another data set, another size) is taken to be the same. One lucky seed
among many siblings looks like a better setting.
References: Godbole et al., Deep Learning Tuning Playbook (2023), on reading a sweep: the optimum must not lie on the
border of the search space; Bouthillier et al., Accounting for Variance in Machine Learning Benchmarks (2021), on seeds.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrdoctor.model import Finding
from lrdoctor.siblings.grouping import Family, Sibling, Sweep
from lrdoctor.siblings.member import differences, exact
from lrdoctor.siblings.recipes import noise_of, rates_of
from lrdoctor.siblings.response import SCATTER, RateResponse

NEAR_RATE = 1.7
"""Peak rates within this factor, a quarter of a decade, are about the same: half a step of a usual sweep."""
ROUNDING = 1e-9
SCHEDULE = frozenset({"schedule", "warm-up"})
"""Differences that go with the rate: a prescription names all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiblingGap(Finding):
    """The run was compared with a sibling: a run of the same model under other settings."""

    kind: ClassVar[str] = "sibling_gap"
    missed: float
    """Share of the way from the untrained loss to that of the best sibling that the run did not come; 1 if it diverged,
    0 for the best itself."""
    is_best: bool
    """The run is the best of its siblings; it is compared with itself."""
    diverged: bool
    """The run ended in no number, or above the untrained loss."""
    best_name: str
    """The sibling that it is compared with."""
    best_rate: float | None
    """Where the best peak rate is expected, if the sweep tells; else that of the sibling."""
    rate_ratio: float | None
    """Best rate over the run's own peak rate."""
    same_but_rate: bool
    """Nothing that is known differs between the two but the rate and the seed."""
    same_but_schedule: bool
    """Nothing that is known differs but the rate, the seed, the schedule and the warm-up."""
    differs: str | None
    """What differs besides rate and seed; None for nothing."""
    best_schedule: str | None
    """The sibling's schedule."""
    best_annealed: bool | None
    """The sibling's rate ended below a tenth of its peak."""
    value: float | None
    """Final loss of the run; None if it diverged."""
    best_value: float
    """Final loss of the sibling."""
    siblings: int
    """Runs that were compared, this one included."""
    rates: int
    """Different peak rates among them."""
    noise: float | None
    """Standard deviation of the final loss between runs of one setting, as a share of the same way; None without
    repetitions."""
    signal: float
    """Missed over noise; over a hundredth of the way where the noise is not known or less."""
    on_border: str | None
    """low or high where the best rate is the lowest or highest that was tried; None where it is bracketed, or unknown
    for want of three rates."""
    seeds_dominate: bool
    """Runs at one rate differ by more than rates do."""


def gaps(family: Family, sweep: Sweep, response: RateResponse | None) -> Iterator[tuple[Sibling, SiblingGap]]:
    """Each run of the sweep with what it missed, the best first; nothing for a run alone, or where none came down."""
    best = sweep.siblings[0]
    if len(sweep.siblings) < 2 or best.final is None or not best.final < family.start:
        return
    noise, rates = noise_of(family, sweep), rates_of(sweep)
    sound = [s for s in sweep.siblings if s.final is not None]
    like: dict[Hashable, list[Sibling]] = {}
    for sibling in sound:
        like.setdefault(exact(sibling.member), []).append(sibling)
    logs = np.log([s.member.peak_rate or math.nan for s in sound])
    for own in sweep.siblings:
        if own is best:
            yield own, _gap(family, sweep, own, best, response, noise, rates)
            continue
        perhaps = like.get(exact(own.member), ())
        alike = next((s for s in perhaps if s is not own and not differences(s.member, own.member)), best)
        # Looked for at once: one by one, most would be asked about most of the others.
        about = np.abs(logs - math.log(own.member.peak_rate or math.nan)) <= math.log(NEAR_RATE) + ROUNDING
        near = next((s for i in about.nonzero()[0] if (s := sound[i]) is not own and _near(s, own)), best)
        for other in {id(s): s for s in (best, alike, near)}.values():
            if other.final is not None and (own.final is None or other.final < own.final):
                yield own, _gap(family, sweep, own, other, response if other is best else None, noise, rates)


def _near(one: Sibling, other: Sibling) -> bool:
    rates = one.member.peak_rate, other.member.peak_rate
    return rates[0] is not None and rates[1] is not None and abs(math.log(rates[0] / rates[1])) <= math.log(NEAR_RATE)


def _gap(
    family: Family,
    sweep: Sweep,
    own: Sibling,
    other: Sibling,
    response: RateResponse | None,
    noise: float | None,
    rates: int,
) -> SiblingGap:
    final = math.nan if other.final is None else other.final
    missed = 1.0 if own.final is None else (own.final - final) / (family.start - final)
    differ = differences(other.member, own.member)
    rate = other.member.peak_rate if response is None or "schedule" in differ else response.best_rate
    peak = own.member.peak_rate
    return SiblingGap(
        series=own.reached.series,
        span=own.reached.span,
        confidence=family.kinship,
        missed=missed,
        is_best=own is sweep.siblings[0],
        diverged=own.final is None,
        best_name=other.name,
        best_rate=rate,
        rate_ratio=None if rate is None or peak is None else rate / peak,
        same_but_rate=not differ,
        same_but_schedule=SCHEDULE.issuperset(differ),
        differs=", ".join(differ) or None,
        best_schedule=other.member.schedule,
        best_annealed=other.member.annealed,
        value=own.final,
        best_value=final,
        siblings=len(sweep.siblings),
        rates=rates,
        noise=noise,
        signal=missed / max(noise or SCATTER, SCATTER),
        on_border=None if response is None else response.on_border,
        seeds_dominate=response is not None and response.seeds_dominate,
    )
