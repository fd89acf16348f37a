"""Whatever a log may hold beside sound siblings: no error, no warning, and evidence that rules and JSON can hold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lrdoctor.model import Floats
from lrdoctor.siblings.gap import gaps
from lrdoctor.siblings.grouping import families
from lrdoctor.siblings.measured import arrival
from lrdoctor.siblings.recipes import response_of, varies
from lrdoctor.testing import constant_rate, descent, make_run

from .conftest import members

N = 120
FLAT = np.ones(N)
FALLING = descent(steps=N).values
LOSSES = {
    "zero": 0 * FLAT,
    "minus one": -FLAT,
    "below zero": FALLING - 1,
    "alternating near the largest float": 1e308 * np.where(np.arange(N) % 2, 1.0, -1.0),
    "near the smallest float": 1e-308 * FALLING,
    "from 1e300 to 1e-300": np.where(np.arange(N) < N // 2, 1e300, 1e-300),
    "NaN": math.nan * FLAT,
    "infinity": math.inf * FLAT,
    "minus infinity": -math.inf * FLAT,
    "one finite value": np.where(np.arange(N) == 5, 1.0, math.nan),
    "every other NaN": np.where(np.arange(N) % 2, FALLING, math.nan),
    "rising": FALLING[::-1],
}
RATES = {
    "zero": 0 * FLAT,
    "negative": -FLAT,
    "NaN": math.nan * FLAT,
    "infinite": math.inf * FLAT,
    "the smallest float": 5e-324 * FLAT,
    "the largest float": 1e308 * FLAT,
}


ODD = {f"loss {what}": (loss, 0.1 * FLAT) for what, loss in LOSSES.items()}
ODD |= {f"rate {what}": (FALLING, rate) for what, rate in RATES.items()}


@pytest.mark.parametrize(("loss", "rate"), ODD.values(), ids=ODD)
def test_odd_runs_beside_sound_ones(loss: Floats, rate: Floats) -> None:
    sound = [
        make_run(name=f"lr{peak}", train_loss=FALLING * share, lr=constant_rate(steps=N, peak=peak))
        for peak, share in ((0.001, 1.0), (0.01, 0.8), (0.1, 0.9))
    ]
    odd = make_run(name="lr7", train_loss=loss, lr=rate)
    runs = [odd, replace(odd, name="lr8"), *sound]
    for family in families(members(runs)):
        assert math.isfinite(family.start)
        for sweep in family.sweeps:
            varies(sweep)
            response = response_of(family, sweep)
            if response is not None:
                assert 0 < response.low <= response.best_rate <= response.high
                assert all(
                    map(math.isfinite, (response.value, response.value_low, response.value_high, *response.curve))
                )
            for _, gap in gaps(family, sweep, response):
                assert all(type(value) in (float, int, bool, str, type(None)) for value in gap.evidence.values())
                assert all(math.isfinite(value) for value in gap.evidence.values() if isinstance(value, float))
        best = family.siblings[0].final
        assert best is None or all(
            arrival(s.member.run, family.role, family.start, best) != -1 for s in family.siblings
        )
