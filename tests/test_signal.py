"""Levels, trends and noise: what must hold for every curve, and known values for a few."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lrdoctor import signal
from lrdoctor.model import Floats, Role, Series, Span
from lrdoctor.testing import constant_rate, cosine_rate, make_run, restarted_rate, step_rate

SOME = st.floats(-1e6, 1e6)
CURVES = st.integers(2, 40).flatmap(lambda n: arrays(np.float64, n, elements=SOME))


@st.composite
def series(draw: st.DrawFn) -> Series:
    n = draw(st.integers(1, 40))
    steps = np.sort(draw(arrays(np.int64, n, elements=st.integers(-100, 100), unique=True)))
    return Series(tag="loss", steps=steps, values=draw(arrays(np.float64, n, elements=SOME)))


ENDS = st.floats(-120, 120)


def test_places_in_a_run() -> None:
    span = Span(100, 300)
    assert signal.at(span, 0.25) == 150
    assert signal.fraction_of(span, 150) == 0.25
    assert signal.fraction_of(Span(5, 5), 5) == 0.0


@given(st.integers(), st.integers(0), st.floats(allow_nan=False, allow_infinity=False))
def test_a_fraction_lies_between_zero_and_one(first: int, length: int, step: float) -> None:
    assert 0 <= signal.fraction_of(Span(first, first + length), step) <= 1


def test_shares_cover_all_of_the_integers() -> None:
    assert signal.shares(np.array([10, 15, 20])).tolist() == [0.0, 0.5, 1.0]
    ends = np.iinfo(np.int64)
    assert signal.shares(np.array([ends.min, 0, ends.max])).tolist() == pytest.approx([0.0, 0.5, 1.0])


@given(series(), ENDS, ENDS)
def test_between_is_the_naive_mask(curve: Series, first: float, last: float) -> None:
    inside = (curve.steps >= first) & (curve.steps <= last)
    if first <= last:
        assert signal.between(curve, first, last).tolist() == curve.values[inside].tolist()
    level = signal.level(curve, first, last)
    assert level == (float(np.median(curve.values[inside])) if inside.any() else None)


@given(series(), st.integers(-100, 100))
def test_both_ends_are_included(curve: Series, step: int) -> None:
    assert len(signal.between(curve, step, step)) == (step in curve.steps)


@given(series(), st.integers(1, 30))
def test_bin_medians_come_from_the_curve(curve: Series, bins: int) -> None:
    first, last = int(curve.steps[0]), int(curve.steps[-1])
    medians = signal.bin_medians(curve, first, last, bins)
    assert 1 <= len(medians) <= bins
    assert medians.min() >= curve.values.min()
    assert medians.max() <= curve.values.max()
    assert signal.best_level(curve, Span(first, last), bins) == medians.min()


def test_bins_are_stretches_of_steps_and_not_of_points() -> None:
    curve = Series(tag="loss", steps=np.array([0, 1, 2, 3, 90, 100]), values=np.array([1.0, 1.0, 1.0, 1.0, 2.0, 3.0]))
    assert signal.bin_medians(curve, 0, 100, 2).tolist() == [1.0, 2.5]
    assert signal.bin_medians(curve, 0, 100, 4).tolist() == [1.0, 2.5]


@given(CURVES)
def test_trend_turns_with_the_curve(values: Floats) -> None:
    tau = signal.trend(values)
    if len(values) < 4:
        assert tau is None
        return
    assert tau is not None
    assert -1 <= tau <= 1
    assert signal.trend(values[::-1]) == pytest.approx(-tau)
    assert signal.trend(-values) == pytest.approx(-tau)
    ties = sum(math.comb(int(n), 2) for n in np.unique(values, return_counts=True)[1])
    assert signal.trend(np.sort(values)) == pytest.approx(1 - ties / math.comb(len(values), 2))


@given(CURVES, st.floats(1e-3, 1e3))
def test_trend_has_no_unit(values: Floats, unit: float) -> None:
    whole = np.rint(values)
    assert signal.trend(whole) == signal.trend(unit * whole)


def test_known_trends() -> None:
    assert signal.trend(np.arange(10.0)) == 1.0
    assert signal.trend(-np.arange(10.0)) == -1.0
    assert signal.trend(np.ones(10)) == 0.0
    assert signal.trend(np.array([1.0, 2.0, 4.0, 3.0])) == pytest.approx(4 / 6)


def test_trend_noise_is_what_chance_gives() -> None:
    rng = np.random.default_rng(0)
    taus = [signal.trend(rng.standard_normal(20)) for _ in range(2000)]
    assert signal.trend_noise(20) == pytest.approx(np.std([t for t in taus if t is not None]), rel=0.05)


@given(CURVES)
def test_the_path_is_no_shorter_than_the_distance(values: Floats) -> None:
    wander = signal.wander(values)
    assert wander is not None
    assert 1 <= wander <= 1e6 * (1 + 1e-9)
    assert signal.wander(np.sort(values)) == pytest.approx(1.0)


def test_known_wanders() -> None:
    assert signal.wander(np.array([1.0])) is None
    assert signal.wander(np.ones(5)) == 1.0
    assert signal.wander(np.array([0.0, 2.0, 1.0])) == 3.0
    assert signal.wander(np.array([0.0, 2.0, 0.0])) == pytest.approx(1e6)


def test_robust_sigma() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal(10_000)
    assert signal.robust_sigma(values) == pytest.approx(1.0, abs=0.03)
    values[:500] = 1e9
    assert signal.robust_sigma(values) == pytest.approx(1.0, abs=0.15)
    assert signal.robust_sigma(np.array([])) == 0.0


@given(CURVES, st.integers(0, 100))
def test_running_median_keeps_shape_and_range(values: Floats, width: int) -> None:
    smooth = signal.running_median(values, width)
    assert smooth.shape == values.shape
    assert smooth.min() >= values.min()
    assert smooth.max() <= values.max()


@given(CURVES, st.sampled_from([3, 5, 7]))
def test_running_median_is_the_naive_one(values: Floats, width: int) -> None:
    reach = width // 2
    if len(values) <= reach:
        return
    mirrored = np.pad(values, reach, mode="reflect")
    naive = [float(np.median(mirrored[i : i + width])) for i in range(len(values))]
    assert signal.running_median(values, width).tolist() == naive


@given(st.floats(0, allow_infinity=True), st.floats(1e-3, 1e3))
def test_a_margin_is_a_confidence(value: float, threshold: float) -> None:
    assert 0 <= signal.margin(value, threshold) <= 1


def test_known_margins() -> None:
    assert signal.margin(2.0, 2.0) == 0.5
    assert signal.margin(18.0, 2.0) == 0.9
    assert signal.margin(0.0, 2.0) == signal.margin(-1.0, 2.0) == 0.0
    assert signal.margin(math.inf, 2.0) == 1.0


def test_finite_loss() -> None:
    run = make_run(train_loss=[1.0, math.nan, 2.0], val_loss=[1.0, math.inf, math.nan])
    loss = signal.finite_loss(run, Role.TRAIN_LOSS)
    assert loss is not None
    assert loss.values.tolist() == [1.0, 2.0]
    assert loss.steps.tolist() == [0, 2]
    assert signal.finite_loss(run, Role.VAL_LOSS) is None
    assert signal.finite_loss(make_run(), Role.TRAIN_LOSS) is None


def test_magnitudes_that_no_ratio_could_hold_are_cut() -> None:
    loss = signal.finite_loss(make_run(train_loss=[1e308, -1e308, 5e-324, 1.0]), Role.TRAIN_LOSS)
    assert loss is not None
    assert loss.values.tolist() == [1e100, -1e100, 0.0, 1.0]


def test_finite_rate() -> None:
    assert signal.finite_rate(make_run()) is None
    assert signal.finite_rate(make_run(lr=[])) is None
    assert signal.finite_rate(make_run(lr=[math.nan])) is None
    rate = signal.finite_rate(make_run(lr=[math.nan, 0.1]))
    assert rate is not None
    assert rate.values.tolist() == [0.1]


@pytest.mark.parametrize(
    ("rate", "span"),
    [
        (constant_rate(steps=101), (0, 100)),
        (cosine_rate(steps=101), (0, 50)),
        (step_rate(steps=100), (0, 49)),
        (cosine_rate(steps=111, warmup=10), (5, 60)),
        (restarted_rate(steps=100, cycles=2), (0, 25)),
    ],
    ids=["constant", "cosine", "step", "warm-up", "the first of two"],
)
def test_high_rate(rate: Floats, span: tuple[int, int]) -> None:
    assert signal.high_rate(make_run(lr=rate)) == span


@pytest.mark.parametrize("rate", [None, [], [math.nan] * 5, [0.0] * 5, [-1.0] * 5])
def test_no_high_rate(rate: list[float] | None) -> None:
    assert signal.high_rate(make_run(train_loss=[1.0], lr=rate)) is None


def test_troughs() -> None:
    assert signal.rate_troughs(restarted_rate(steps=400, cycles=4, peak=1.0)) == [99, 199, 299]
    assert signal.rate_troughs(np.array([0.1, 0.5, 1.0, 0.5, 0.1])) == []
    assert signal.rate_troughs(np.array([1.0, 0.2, 0.1, 0.15, 0.1])) == []
    assert signal.rate_troughs(np.array([1.0, 0.1, 0.3, 0.1, 0.3])) == [1, 3]
    assert signal.rate_troughs(np.array([1.0, 0.5, 0.9]), rise=2.0) == []
    assert signal.rate_troughs(np.array([1.0, 0.5, 0.9]), rise=1.5) == [1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_troughs_are_lows_in_order(relative: list[float]) -> None:
    rate = np.array([1.0, *relative])
    troughs = signal.rate_troughs(rate)
    assert troughs == sorted(set(troughs))
    assert all(rate[i] < 0.5 for i in troughs[:1])
