"""Records that tell one training though their points cannot be held against one another by the step.

In one folder one may count epochs and the other iterations, as flair's table and its text log do: then a loss has the
same values in the same order. A training that was dead from the start has no values to compare; there the same steps
without a number must do.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from lrdoctor.model import Role, Run
from lrdoctor.parsers._records import (
    ENOUGH,
    FEWEST,
    agree,
    equal,
    folder_of,
    in_order,
    one_clock,
    seeds_agree,
    told_apart,
)

DIGITS_BESIDE = 1.5
"""So many will do in a folder with one record of each format, where nobody puts two seeds."""
MOST_DEAD = 64
"""Runs that died at one step, among which pairs are looked for."""


def side_by_side(runs: Sequence[Run]) -> Iterator[tuple[int, int]]:
    """Pairs of different formats in one folder, where it holds no second run of either."""
    beside: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at, run in enumerate(runs):
        beside[folder_of(run)][run.format].append(at)
    for formats in beside.values():
        yield from itertools.combinations(sorted(some[0] for some in formats.values() if len(some) == 1), 2)


def alike_in_order(one: Run, other: Run) -> bool:
    """Whether one loss of both is the same numbers in the same order, whatever the steps; the last may be missing."""
    if not seeds_agree(one, other):
        return False
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        mine, its = one[role], other[role]
        if mine is None or its is None or abs(len(mine) - len(its)) > 1:
            continue
        told, also = (in_order(series, min(len(mine), len(its))) for series in (mine, its))
        if len(told.steps) < FEWEST or not np.ptp(told.values) > 0 or not one_clock(told, also):
            continue
        if np.array_equal(mine.steps, its.steps):
            # However few digits: a loss that reads 0 from its explosion on has hardly any.
            if equal(told, also) and not told_apart(one, other):
                return True
        elif np.array_equal(told.steps, also.steps) and agree(told, also, DIGITS_BESIDE):
            return True
    return False


def dead(runs: Sequence[Run]) -> Iterator[tuple[int, int, bool]]:
    """Pairs of different formats whose training loss has hardly a number, the same ones at the same steps.

    And whether there is none at all: then only their folders can tell.
    """
    alike: dict[tuple[bytes, bytes], list[int]] = defaultdict(list)
    losses = [run[Role.TRAIN_LOSS] for run in runs]
    for at, loss in enumerate(losses):
        if loss is not None and len(loss) >= ENOUGH and np.isfinite(loss.values).sum() < FEWEST:
            alike[loss.steps.tobytes(), np.isfinite(loss.values).tobytes()].append(at)
    for some in alike.values():
        told = {at: in_order(loss, len(loss)) for at in some if (loss := losses[at]) is not None}
        for one, other in itertools.combinations(some, 2) if len(some) <= MOST_DEAD else ():
            related = runs[one].format != runs[other].format and one_clock(told[one], told[other])
            if related and equal(told[one], told[other]) and not told_apart(runs[one], runs[other]):
                yield one, other, not len(told[one].steps)
