"""A sweep by its recipes, runs that differ in rate and seed alone; what else varies, and what the rate does."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from lrdoctor.siblings.grouping import Family, Sibling, Sweep
from lrdoctor.siblings.member import differences, exact
from lrdoctor.siblings.response import SAME_RATE, RateResponse, respond


def rates_of(sweep: Sweep) -> int:
    """How many different peak rates were tried."""
    logs = sorted(math.log10(s.member.peak_rate) for s in sweep.siblings if s.member.peak_rate is not None)
    return sum(i == 0 or log - logs[i - 1] > SAME_RATE for i, log in enumerate(logs))


def noise_of(family: Family, sweep: Sweep) -> float | None:
    """Standard deviation between runs that differ in their seeds alone, as a share of the way; None below two of them.

    Pooled over all settings that were repeated.
    """
    best = sweep.siblings[0].final
    if best is None or not best < family.start:
        return None
    squares, spare = 0.0, 0
    for recipe in recipes(sweep):
        for group in _by_rate(recipe):
            finals = [(s.final - best) / (family.start - best) for s in group if s.final is not None]
            if len(finals) > 1:
                squares += float(np.var(finals)) * len(finals)
                spare += len(finals) - 1
    return math.sqrt(squares / spare) if spare > 1 else None


def _by_rate(siblings: Sequence[Sibling]) -> list[list[Sibling]]:
    """The runs of each rate, rates ascending, each in the order of the siblings."""
    known = sorted((s.member.peak_rate, i) for i, s in enumerate(siblings) if s.member.peak_rate is not None)
    found: list[list[tuple[float, int]]] = []
    for rate, i in known:
        if found and math.log10(rate / found[-1][0][0]) <= SAME_RATE:
            found[-1].append((rate, i))
        else:
            found.append([(rate, i)])
    return [[siblings[i] for i in sorted(i for _, i in group)] for group in found]


def recipes(sweep: Sweep) -> list[list[Sibling]]:
    """The runs by what was chosen for them besides rate and seed; the recipe of the best run first."""
    found: list[list[Sibling]] = []
    like: dict[Hashable, list[list[Sibling]]] = {}
    for sibling in sweep.siblings:
        perhaps = like.setdefault(exact(sibling.member), [])
        same = next((recipe for recipe in perhaps if not differences(recipe[0].member, sibling.member)), None)
        if same is None:
            found.append([sibling])
            perhaps.append(found[-1])
        else:
            same.append(sibling)
    return found


def response_of(family: Family, sweep: Sweep) -> RateResponse | None:
    """Where the best rate lies: by the best recipe that was tried at three rates, else by the best run at each rate."""
    for recipe in recipes(sweep):
        if (found := _respond(recipe, family.start)) is not None:
            return found
    return _respond([group[0] for group in _by_rate(sweep.siblings)], family.start)


def _respond(siblings: Sequence[Sibling], start: float) -> RateResponse | None:
    known = [(s.member.peak_rate, s.final) for s in siblings if s.member.peak_rate is not None]
    return respond([rate for rate, _ in known], [final for _, final in known], start)


def varies(sweep: Sweep) -> Mapping[str, bool]:
    """What varies in a sweep besides rate and seed, and whether it is confounded with the rate.

    It is, where no two rates were tried without changing it as well.
    """
    counts = Counter(
        what
        for i, one in enumerate(sweep.siblings)
        for other in sweep.siblings[i + 1 :]
        for what in differences(one.member, other.member)
    )
    return {what: not _crossed(sweep, what) for what, _ in counts.most_common()}


def _crossed(sweep: Sweep, what: str) -> bool:
    groups = _by_rate(sweep.siblings)
    return any(
        what not in differences(one.member, other.member)
        for i, group in enumerate(groups)
        for later in groups[i + 1 :]
        for one in group
        for other in later
    )
