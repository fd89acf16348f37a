"""Which of the runs that were read are one training, told by several loggers at once.

One run of a Trainer may leave its own state, event files, a W&B file and an MLflow store, each of which a parser reads
as a run. What makes them one is the loss: it has the same values at the same steps, as far as each store writes them.
Two seeds, or two rates, never agree so; two stores of one format are two runs, because a repeated training does.
Records in one folder may also count differently, one epochs and the other iterations, as flair's table and its text
log do: then the validation losses, in their order, are the same. A training that was dead from the start has no values
to compare; there the same steps without a number must do.
What follows from it, one `Run` in place of several, is in `_merge`.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints, Role, Run, Series
from lrdoctor.parsers._beside import KINDS
from lrdoctor.parsers._merge import one_run

ENOUGH = 10
"""Common points; or all of the shorter record, if it has no more."""
FEWEST = 3
AGREEING = 0.95
"""Share of the common points that must agree. The rest is for restarts, which one store overwrites and another keeps;
seeds agree at nearly none."""
DIGITS = 2.5
"""Decimal digits that the stores write of the range of the loss: with fewer, two seeds of a smooth curve look equal."""
DIGITS_BESIDE = 1.5
"""So many will do in a folder with one record of each format, where nobody puts two seeds."""
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
ASKED = 12
"""Points of each record that are looked up in the others; true partners share all, strangers by chance one or two."""
HITS = 3
TELLS_NOTHING = 64
"""So many records with this value at this step: the first loss of a sweep."""
PLACES = 6
"""Decimals, and significant digits; float32 holds little more."""
LOOKED_AT = 64
"""Values that tell how numbers were written: that many do not end in zeros by chance."""
FLOAT32 = 2.0**-24
"""Relative rounding error."""


_Places = tuple[int | None, int | None]
"""How many decimals, and how many significant digits, numbers were written to; None where to more than float32 has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Record:
    """The finite points of one run's loss."""

    run: int
    steps: Ints
    values: Floats
    times: Floats | None
    places: _Places

    def rounding(self, values: Floats) -> Floats:
        """How far from the true value one that was written so may lie."""
        return _rounding(values, self.places)


def merged(runs: Sequence[Run], roots: Sequence[Path] = ()) -> list[Run]:
    """The runs, those that tell one training as one, in the place of the first of them.

    `roots` are the paths that the user gave: below them a folder in common makes two records related. Records that are
    not need a common clock. Takes a sort of all points of the loss, and compares only what it brings together.
    """
    if len({run.format for run in runs}) < 2:
        return list(runs)
    above = [os.path.realpath(root) for root in roots]
    found: dict[tuple[int, int], tuple[int, float]] = {}
    for role in (Role.TRAIN_LOSS, Role.VAL_LOSS):
        records = {at: record for at, run in enumerate(runs) if (record := _record(at, run, role)) is not None}
        for one, other in _candidates(records, runs):
            if (one, other) in found or not _agree(records[one], records[other]) or _told_apart(runs[one], runs[other]):
                continue
            folder, its = _folder(runs[one]), _folder(runs[other])
            apart = _clocks_apart(records[one], records[other])
            same_clock = apart is not None and apart <= CLOCKS_DIFFER
            if same_clock or (apart is None and _related(folder, its, above)):
                found[one, other] = _distance(folder, its), round(apart or 0.0, 1)
    for one, other in _side_by_side(runs):
        if (one, other) not in found and _alike_in_order(runs[one], runs[other]):
            found[one, other] = 0, 0.0
    group = _groups(runs, found)
    members: dict[int, list[Run]] = defaultdict(list)
    for at, run in enumerate(runs):
        members[group[at]].append(run)
    return [some[0] if len(some) == 1 else one_run(some) for some in members.values()]


def _folder(run: Run) -> str:
    return os.path.realpath(run.path if run.path.is_dir() else run.path.parent)


def _record(at: int, run: Run, role: Role) -> _Record | None:
    series = run[role]
    series = None if series is None else series.finite()
    if series is None or len(series) < FEWEST or not np.ptp(series.values) > 0:
        return None
    return _Record(
        run=at, steps=series.steps, values=series.values, times=series.wall_times, places=_places(series.values)
    )


def _places(values: Floats) -> _Places:
    some = values[np.linspace(0, len(values) - 1, min(len(values), LOOKED_AT)).astype(int)]
    decimals = _whole(some[:, None] * 10.0 ** np.arange(PLACES + 1))
    digits = _whole(some[:, None] / np.stack([_unit(some, n) for n in range(1, PLACES + 1)], axis=1))
    return (
        int(np.argmax(decimals)) if decimals.any() else None,
        int(np.argmax(digits)) + 1 if digits.any() else None,
    )


def _rounding(values: Floats, places: _Places) -> Floats:
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


def _candidates(records: Mapping[int, _Record], runs: Sequence[Run]) -> list[tuple[int, int]]:
    """Pairs of different formats that share some values at some steps, each once and in order."""
    if not records:
        return []
    # Not the first point, which a sweep has in common.
    asked = [np.unique(np.linspace(1, len(r.steps) - 1, ASKED).astype(int)) for r in records.values()]
    asking = np.repeat(list(records), [len(at) for at in asked])
    steps = np.concatenate([r.steps[at] for r, at in zip(records.values(), asked, strict=True)])
    values = np.concatenate([r.values[at] for r, at in zip(records.values(), asked, strict=True)])
    rounding = np.concatenate([r.rounding(r.values[at]) for r, at in zip(records.values(), asked, strict=True)])
    numbers = {form: number for number, form in enumerate(dict.fromkeys(run.format for run in runs))}
    formats = np.array([numbers[run.format] for run in runs])
    enough = np.zeros(len(runs), dtype=np.int64)
    for at, record in records.items():
        enough[at] = min(HITS, len(record.steps) - 1)
    pairs: set[tuple[int, int]] = set()
    for places in dict.fromkeys(record.places for record in records.values()):
        some = [record for record in records.values() if record.places == places]
        points = _points(np.concatenate([r.steps for r in some]), np.concatenate([r.values for r in some]))
        owners = np.repeat([r.run for r in some], [len(r.steps) for r in some])
        order = np.argsort(points, kind="stable")
        points, owners = points[order], owners[order]
        reach = rounding + _rounding(values, places)
        first = np.searchsorted(points, _points(steps, values - reach))
        held = np.searchsorted(points, _points(steps, values + reach), side="right") - first
        held[held > TELLS_NOTHING] = 0
        by = np.repeat(asking, held)
        other = owners[np.arange(len(by)) + np.repeat(first - (np.cumsum(held) - held), held)]
        foreign = formats[by] != formats[other]
        met, times = np.unique(by[foreign] * len(runs) + other[foreign], return_counts=True)
        one, its = np.divmod(met[times >= enough[met // len(runs)]], len(runs))
        pairs.update(zip(np.minimum(one, its).tolist(), np.maximum(one, its).tolist(), strict=True))
    return sorted(pairs)


def _points(steps: Ints, values: Floats) -> NDArray[np.complex128]:
    """Steps and values as one, in numpy's order of complex numbers: by the step, then by the value."""
    points = np.empty(len(steps), dtype=np.complex128)
    points.real, points.imag = steps, values
    return points


def _agree(one: _Record, other: _Record, least: float = DIGITS) -> bool:
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


def _side_by_side(runs: Sequence[Run]) -> Iterator[tuple[int, int]]:
    """Pairs of different formats in one folder, where it holds no second run of either."""
    beside: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at, run in enumerate(runs):
        beside[_folder(run)][run.format].append(at)
    for formats in beside.values():
        yield from itertools.combinations(sorted(some[0] for some in formats.values() if len(some) == 1), 2)


def _alike_in_order(one: Run, other: Run) -> bool:
    """Whether one loss of both is the same numbers in the same order, whatever the steps; the last may be missing."""
    if not _seeds_agree(one, other):
        return False
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        mine, its = one[role], other[role]
        if mine is None or its is None or abs(len(mine) - len(its)) > 1:
            continue
        number = min(len(mine), len(its))
        finite = np.isfinite(mine.values[:number])
        if number < FEWEST or (finite != np.isfinite(its.values[:number])).any():
            continue
        if finite.sum() < FEWEST:
            if number >= ENOUGH and np.array_equal(mine.steps, its.steps):
                return True
            continue
        if np.array_equal(mine.steps[:number], its.steps[:number]):
            continue  # what counts alike has been compared by its steps
        told, also = _in_order(mine, number), _in_order(its, number)
        apart = _clocks_apart(told, also)
        if np.ptp(told.values) > 0 and _agree(told, also, DIGITS_BESIDE) and (apart or 0.0) <= CLOCKS_DIFFER:
            return True
    return False


def _in_order(series: Series, number: int) -> _Record:
    """The finite ones of the first points, counted by themselves."""
    first = Series(
        tag=series.tag,
        steps=np.arange(number),
        values=series.values[:number],
        wall_times=None if series.wall_times is None else series.wall_times[:number],
    ).finite()
    return _Record(run=0, steps=first.steps, values=first.values, times=first.wall_times, places=_places(first.values))


def _seeds_agree(one: Run, other: Run) -> bool:
    seeds, others = (
        {str(value) for name, value in run.hparams.items() if name.lower().endswith("seed") and value is not None}
        for run in (one, other)
    )
    return not seeds or not others or bool(seeds & others)


def _told_apart(one: Run, other: Run) -> bool:
    """Whether the records say of themselves that they are not one: other seeds, or other rates."""
    if not _seeds_agree(one, other):
        return True
    rate, its = one[Role.LR], other[Role.LR]
    if rate is None or its is None:
        return False
    _, at, there = np.intersect1d(rate.steps, its.steps, assume_unique=True, return_indices=True)
    if not len(at):
        return False
    mine, theirs = rate.values[at], its.values[there]
    # By decimals alone: one rate that stays the same has few digits however it was written.
    rounding = np.maximum(*(_rounding(rates, (_places(rates)[0], None)) for rates in (mine, theirs)))
    known = np.isfinite(mine) & np.isfinite(theirs)
    peak = max(np.max(np.abs(mine[known]), initial=0.0), np.max(np.abs(theirs[known]), initial=0.0))
    return bool(np.mean(np.abs(mine - theirs)[known] > RATES_DIFFER * peak + rounding[known]) > 0.5) if peak else False


def _clocks_apart(one: _Record, other: _Record) -> float | None:
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


def _related(one: str, other: str, roots: Iterable[str]) -> bool:
    """Whether the two folders are the same, the one lies in the other, or both in one below a path that was given.

    So too where they differ in the loggers' own folders alone: `csv/version_0` and `tensorboard/version_0`.
    """
    if not _one_drive(one, other):
        return False
    common = os.path.commonpath([one, other])
    if common in (one, other) or any(common != root and common.startswith(root + os.sep) for root in roots):
        return True
    mine, its = ([part for part in Path(path).relative_to(common).parts if part not in KINDS] for path in (one, other))
    return mine == its


def _distance(one: str, other: str) -> int:
    """Levels from the one folder up to the first common one and down to the other."""
    if not _one_drive(one, other):
        return len(one) + len(other)
    common = len(Path(os.path.commonpath([one, other])).parts)
    return len(Path(one).parts) + len(Path(other).parts) - 2 * common


def _one_drive(one: str, other: str) -> bool:
    return os.path.splitdrive(one)[0] == os.path.splitdrive(other)[0]


def _groups(runs: Sequence[Run], found: Mapping[tuple[int, int], tuple[int, float]]) -> list[int]:
    """The number of its group for each run. No group has two runs of one format.

    A training that was repeated to the last bit agrees with the records of both times. So each run is joined to the
    nearest record of a format only, and to none where two are equally near.
    """
    nearest: dict[tuple[int, str], list[tuple[tuple[int, float], int]]] = defaultdict(list)
    for (one, other), key in found.items():
        nearest[one, runs[other].format].append((key, other))
        nearest[other, runs[one].format].append((key, one))
    best = {}
    for asking, offers in nearest.items():
        offers.sort()
        if len(offers) == 1 or offers[0][0] < offers[1][0]:
            best[asking] = offers[0][1]
    group = list(range(len(runs)))
    members = [[at] for at in group]
    for (one, other), _ in sorted(found.items(), key=lambda item: (item[1], item[0])):
        if best.get((one, runs[other].format)) != other or best.get((other, runs[one].format)) != one:
            continue
        low, high = sorted((group[one], group[other]))
        formats = [runs[at].format for at in (*members[low], *members[high])]
        if low != high and len(set(formats)) == len(formats):
            members[low] += members[high]
            for at in members[high]:
                group[at] = low
    return group
