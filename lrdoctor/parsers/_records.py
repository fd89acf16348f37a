"""The loss of one run as one logger recorded it, and whether two records tell the same training."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints, Role, Run, Series

ENOUGH = 10
"""Common points; or all of the shorter record, if it has no more."""
FEWEST = 3
AGREEING = 0.95
"""Share of the common points that must agree. The rest is for restarts, which one store overwrites and another keeps;
seeds agree at nearly none."""
DIGITS = 2.5
"""Decimal digits that the stores write of the range of the loss: with fewer, two seeds of a smooth curve look equal."""
ALIKE = 2.0
"""Digits to which even two trainings may agree: seeds of one configuration lie about 1 % of the range apart."""
CHANCE = 8.0
"""Digits beyond these, summed over the points: the chance that two trainings agree so is 1 to 10^8."""
RATES_DIFFER = 0.05
"""Of the peak rate, at half of the steps. Loggers that ask one step apart differ by less unless there are few steps."""
CLOCKS_DIFFER = 10.0
"""Seconds between two records of one point; loggers are called one after the other."""
ZONE = 900
"""Seconds: some loggers write local time, and every time zone is a multiple of this away."""
A_TIME = 1e8
"""Seconds since 1970, in 1973: smaller ones count from the start of the run."""
PLACES = 6
"""Decimals, and significant digits; float32 holds little more."""
LOOKED_AT = 64
"""Values that tell how numbers were written: that many do not end in zeros by chance."""
FLOAT32 = 2.0**-24
"""Relative rounding error."""


_Places = tuple[int | None, int | None]
"""How many decimals, and how many significant digits, numbers were written to; None where to more than float32 has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """The finite points of one run's loss."""

    run: int
    steps: Ints
    values: Floats
    times: Floats | None
    places: _Places

    def rounding(self, values: Floats) -> Floats:
        """How far from the true value one that was written so may lie."""
        return rounding_of(values, self.places)


def folder_of(run: Run) -> str:
    """Where the files of a run lie."""
    return os.path.realpath(run.path if run.path.is_dir() else run.path.parent)


def record_of(at: int, run: Run, role: Role) -> Record | None:
    """The loss of this role, of the run in this place; None where it tells nothing."""
    series = run[role]
    series = None if series is None else series.finite()
    if series is None or len(series) < FEWEST or not np.ptp(series.values) > 0:
        return None
    return Record(
        run=at, steps=series.steps, values=series.values, times=series.wall_times, places=places_of(series.values)
    )


def places_of(values: Floats) -> _Places:
    """To how many digits numbers were written, as far as some of them tell."""
    if not len(values):
        return None, None
    some = values[np.linspace(0, len(values) - 1, min(len(values), LOOKED_AT)).astype(int)]
    decimals = _whole(some[:, None] * 10.0 ** np.arange(PLACES + 1))
    digits = _whole(some[:, None] / np.stack([_unit(some, n) for n in range(1, PLACES + 1)], axis=1))
    return (
        int(np.argmax(decimals)) if decimals.any() else None,
        int(np.argmax(digits)) + 1 if digits.any() else None,
    )


def rounding_of(values: Floats, places: _Places) -> Floats:
    """How far from the true values these may lie."""
    decimals, digits = places
    found = np.abs(values) * (2 * FLOAT32)
    if decimals is not None:
        found = np.maximum(found, 0.51 * 10.0**-decimals)
    if digits is not None:
        found = np.maximum(found, 0.51 * _unit(values, digits))
    return np.asarray(found, dtype=np.float64)


def _whole(scaled: Floats) -> NDArray[np.bool_]:
    """For each column whether all of it are whole numbers, as far as float32 can tell."""
    off = np.abs(scaled - np.rint(scaled)) - np.abs(scaled) * (2 * FLOAT32)
    return np.asarray(np.max(off, axis=0) <= 0)


def _unit(values: Floats, digits: int) -> Floats:
    """The last of so many significant digits of each value."""
    size = np.abs(values)
    exponents = np.floor(np.log10(np.where(size > 0, size, 1.0)))
    return np.asarray(10.0 ** (exponents - digits + 1), dtype=np.float64)


def agree(one: Record, other: Record, least: float = DIGITS) -> bool:
    """Whether the two losses are the same numbers, beyond what chance and likeness explain."""
    _, mine, its = np.intersect1d(one.steps, other.steps, assume_unique=True, return_indices=True)
    number = len(mine)
    if number < FEWEST or number < min(ENOUGH, len(one.steps), len(other.steps)):
        return False
    values, others = one.values[mine], other.values[its]
    rounding = one.rounding(values) + other.rounding(others)
    agreeing = np.abs(values - others) <= rounding
    if agreeing.mean() < AGREEING:
        return False
    # Without the outermost tenths, so that one spike does not make a flat curve tell something.
    low, high = np.quantile(values, (0.1, 0.9) if number >= ENOUGH else (0.0, 1.0))
    with np.errstate(divide="ignore"):
        digits = float(np.log10((high - low) / (2 * np.median(rounding))))
    return digits >= least and int(agreeing.sum()) * (digits - ALIKE - least + DIGITS) >= CHANCE


def equal(one: Record, other: Record) -> bool:
    """Whether the points are the same throughout, but for how they were rounded."""
    if not np.array_equal(one.steps, other.steps):
        return False
    return bool((np.abs(one.values - other.values) <= one.rounding(one.values) + other.rounding(other.values)).all())


def one_clock(one: Record, other: Record) -> bool:
    """Whether the same points were recorded at once, as far as both have a clock."""
    apart = clocks_apart(one, other)
    return apart is None or apart <= CLOCKS_DIFFER


def in_order(series: Series, number: int) -> Record:
    """The finite ones of the first points, counted by themselves."""
    first = Series(
        tag=series.tag,
        steps=np.arange(number),
        values=series.values[:number],
        wall_times=None if series.wall_times is None else series.wall_times[:number],
    ).finite()
    return Record(run=0, steps=first.steps, values=first.values, times=first.wall_times, places=places_of(first.values))


def seeds_agree(one: Run, other: Run) -> bool:
    """Whether the runs may be of one seed."""
    seeds, others = (
        {str(value) for name, value in run.hparams.items() if name.lower().endswith("seed") and value is not None}
        for run in (one, other)
    )
    return not seeds or not others or bool(seeds & others)


def told_apart(one: Run, other: Run) -> bool:
    """Whether the records say of themselves that they are not one: other seeds, or other rates."""
    if not seeds_agree(one, other):
        return True
    rate, its = one[Role.LR], other[Role.LR]
    if rate is None or its is None:
        return False
    _, at, there = np.intersect1d(rate.steps, its.steps, assume_unique=True, return_indices=True)
    if not len(at):
        return False
    mine, theirs = rate.values[at], its.values[there]
    # By decimals alone: one rate that stays the same has few digits however it was written.
    rounding = np.maximum(*(rounding_of(rates, (places_of(rates)[0], None)) for rates in (mine, theirs)))
    known = np.isfinite(mine) & np.isfinite(theirs)
    peak = max(np.max(np.abs(mine[known]), initial=0.0), np.max(np.abs(theirs[known]), initial=0.0))
    return bool(np.mean(np.abs(mine - theirs)[known] > RATES_DIFFER * peak + rounding[known]) > 0.5) if peak else False


def clocks_apart(one: Record, other: Record) -> float | None:
    """Seconds between the records of the same points, but for the time zone; None unless both have a clock."""
    if one.times is None or other.times is None:
        return None
    _, mine, its = np.intersect1d(one.steps, other.steps, assume_unique=True, return_indices=True)
    mine_at, its_at = one.times[mine], other.times[its]
    known = (mine_at > A_TIME) & (its_at > A_TIME)
    if not known.any():
        return None
    apart = float(np.median(mine_at[known] - its_at[known]))
    return abs(apart - ZONE * round(apart / ZONE)) if abs(apart) <= 26 * 3600 else abs(apart)
