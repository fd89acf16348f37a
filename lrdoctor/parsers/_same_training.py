"""Which of the runs that were read are one training, told by several loggers at once.

One run of a Trainer may leave its own state, event files, a W&B file and an MLflow store, each of which a parser reads
as a run. What makes them one is the loss: it has the same values at the same steps, as far as each store writes them.
Two seeds, or two rates, never agree so; two stores of one format are two runs, because a repeated training does.
Where steps or values cannot be compared, `_side_by_side` has other signs. What follows from it, one `Run` in place of
several, is in `_merge`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints, Role, Run
from lrdoctor.parsers._beside import KINDS
from lrdoctor.parsers._merge import one_run
from lrdoctor.parsers._records import (
    CLOCKS_DIFFER,
    Record,
    agree,
    clocks_apart,
    folder_of,
    record_of,
    rounding_of,
    told_apart,
)
from lrdoctor.parsers._side_by_side import alike_in_order, dead, side_by_side

ASKED = 12
"""Points of each record that are looked up in the others; true partners share all, strangers by chance one or two."""
HITS = 3
TELLS_NOTHING = 64
"""So many records with this value at this step: the first loss of a sweep."""


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
        records = {at: record for at, run in enumerate(runs) if (record := record_of(at, run, role)) is not None}
        for one, other in _candidates(records, runs):
            if (one, other) in found or not agree(records[one], records[other]) or told_apart(runs[one], runs[other]):
                continue
            folder, its = folder_of(runs[one]), folder_of(runs[other])
            apart = clocks_apart(records[one], records[other])
            same_clock = apart is not None and apart <= CLOCKS_DIFFER
            if same_clock or (apart is None and _related(folder, its, above)):
                found[one, other] = _distance(folder, its), round(apart or 0.0, 1)
    for one, other in side_by_side(runs):
        if (one, other) not in found and alike_in_order(runs[one], runs[other]):
            found[one, other] = 0, 0.0
    for one, other, without_a_number in dead(runs):
        folder, its = folder_of(runs[one]), folder_of(runs[other])
        if _related(folder, its, () if without_a_number else above):
            found[one, other] = _distance(folder, its), 0.0
    group = _groups(runs, found)
    members: dict[int, list[Run]] = defaultdict(list)
    for at, run in enumerate(runs):
        members[group[at]].append(run)
    return [some[0] if len(some) == 1 else one_run(some) for some in members.values()]


def _candidates(records: Mapping[int, Record], runs: Sequence[Run]) -> list[tuple[int, int]]:
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
        reach = rounding + rounding_of(values, places)
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
