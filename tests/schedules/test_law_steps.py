"""The law's own steps behind a staircase."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.model import Floats
from lrdoctor.schedules import cosine
from lrdoctor.schedules._law_steps import law_steps

LAW = cosine.Params(total_steps=20_000, final_fraction=0.1)


@pytest.mark.parametrize("every", [1, 5, 20, 100])
@pytest.mark.parametrize("epoch", [391, 1250])
@pytest.mark.parametrize("noise", [1e-7, 1e-4])
def test_an_epoch_is_one_step(every: int, epoch: int, noise: float) -> None:
    steps = np.arange(0, 20_000, every)
    rate = cosine.lr(steps // epoch * epoch, LAW)
    found, between = law_steps(steps, np.round(rate / noise) * noise, noise)
    assert between == pytest.approx(epoch, abs=max(1, every / 20))
    assert np.abs(found - steps // epoch * epoch).max() <= every


def test_an_epoch_may_begin_before_the_law() -> None:
    steps = np.arange(0, 20_000, 10)
    begun = np.maximum((steps + 200) // 391 * 391 - 200, 0)
    found, between = law_steps(steps, cosine.lr(begun, LAW), 1e-7)
    assert between == pytest.approx(391, rel=1e-3)
    assert np.abs(found - begun).max() <= 20


@pytest.mark.parametrize(
    "relative",
    [
        cosine.lr(np.arange(0, 20_000, 10), LAW),
        np.round(cosine.lr(np.arange(0, 20_000, 10), LAW), 2),
        np.ones(2000),
        np.where(np.arange(2000) < 700, 1.0, 0.1),
        1.0 - np.cumsum(np.random.default_rng(1).random(2000) < 0.01) / 40,
    ],
    ids=["smooth", "printed", "constant", "one cut", "irregular"],
)
def test_what_is_no_regular_staircase_stays_as_it_is(relative: Floats) -> None:
    steps = np.arange(0, 20_000, 10)
    found, between = law_steps(steps, relative, 0.005)
    assert between == 1
    assert found.tolist() == steps.tolist()
