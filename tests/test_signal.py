"""Levels, trends and noise: what must hold for every curve, and known values for a few."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
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


@given(series(), st.integers(1, 30))
def test_levels_are_those_of_each_stretch(curve: Series, bins: int) -> None:
    first, last = int(curve.steps[0]), int(curve.steps[-1])
    edges = np.linspace(first, last, bins + 1).tolist()
    each = [signal.level(curve, a, b) for a, b in itertools.pairwise(edges)]
    levels = signal.levels(curve, first, last, bins)
    assert [None if math.isnan(value) else value for value in levels.tolist()] == each


@given(series(), ENDS, ENDS, st.integers(1, 30))
def test_lists_tell_of_short_logs_what_arrays_tell(curve: Series, first: float, last: float, bins: int) -> None:
    first, last = min(first, last), max(first, last)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(signal, "LISTED", 0)
        long = replace(curve)
        expected = told(long, first, last, bins)
        assert signal._short(long) is None
    assert signal._short(curve) is not None
    for got, want in zip(told(curve, first, last, bins), expected, strict=True):
        assert np.array_equal(got, want, equal_nan=True)


def told(curve: Series, first: float, last: float, bins: int) -> list[Floats]:
    level = signal.level(curve, first, last)
    stretches = [measure(curve, first, last, bins) for measure in (signal.levels, signal.stretch_medians)]
    cut = signal.bounded(curve)
    return [
        np.array([math.nan if level is None else level]),
        signal.between(curve, first, last),
        *stretches,
        signal.bin_medians(curve, first, last, bins),
        cut.values,
    ]


def test_a_nan_is_told_by_arrays() -> None:
    curve = Series(tag="loss", steps=np.arange(4), values=np.array([1.0, math.nan, 3.0, 2.0]))
    assert math.isnan(signal.level(curve, 0, 3) or 0.0)
    assert signal.level(curve, 2, 3) == 2.5
    assert np.array_equal(signal.levels(curve, 0, 3, 3), [math.nan, math.nan, 2.5], equal_nan=True)
    assert signal.bin_medians(curve, 0, 3, 3).tolist() == [1.0, 2.5]


def test_a_run_forgets_the_lists() -> None:
    run = make_run(train_loss=[3.0, 2.0, 1.0])
    signal.best_level(run.series["train_loss"], Span(0, 2))
    assert "short" in run.series["train_loss"].memo
    run.forget()
    assert "short" not in run.series["train_loss"].memo


@pytest.mark.parametrize("points", [40, 4000])
@pytest.mark.parametrize("bins", [1, 7, 40])
def test_a_point_between_two_stretches_belongs_to_the_later(points: int, bins: int) -> None:
    rng = np.random.default_rng(bins)
    steps = np.flatnonzero(rng.random(3 * points) < 0.4)
    curve = Series(tag="loss", steps=steps, values=rng.standard_normal(len(steps)))
    edges = np.linspace(0, 3 * points, bins + 1)
    parts = [curve.values[(steps >= a) & (steps < b)] for a, b in itertools.pairwise(edges)]
    medians = [float(np.median(part)) if len(part) else math.nan for part in parts]
    assert np.array_equal(signal.stretch_medians(curve, 0, 3 * points, bins), medians, equal_nan=True)
    assert signal.bin_medians(curve, 0, 3 * points, bins).tolist() == [m for m in medians if not math.isnan(m)]


def test_stretches_far_from_zero() -> None:
    """Where steps are no floats, each of them still belongs somewhere."""
    steps = np.array([2**62, 2**62 + 10**6, 2**62 + 2 * 10**6])
    curve = Series(tag="loss", steps=steps, values=np.array([1.0, 2.0, 3.0]))
    for measure in (signal.levels, signal.stretch_medians):
        assert measure(curve, 2**62, 2**62 + 2 * 10**6, 4)[[0, 3]].tolist() == [1.0, 3.0]
    assert signal.level(curve, 2**62, 2**62 + 10**6 + 10**4) == 1.5


def test_what_was_measured_once_is_not_measured_again() -> None:
    curve = make_run(train_loss=np.arange(100.0)).series["train_loss"]
    once = signal.bin_medians(curve, 0, 99, 10)
    assert signal.bin_medians(curve, 0, 99, 10) is once
    assert signal.bin_medians(curve, 0, 99, 11) is not once
    assert not once.flags.writeable


def test_no_series_holds_itself() -> None:
    """Long ones are freed at once that way, without a search for cycles."""
    for values in ([1.0, 2.0], [0.0, -1.0], []):
        curve = make_run(train_loss=values).series["train_loss"]
        assert signal.bounded(curve) is curve
        assert not any(known is curve for known in curve.memo.values())
    holed = make_run(train_loss=[1.0, math.nan]).series["train_loss"]
    assert signal.bounded(holed) is signal.bounded(holed)


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


# The first call imports scipy.
@settings(deadline=None)
@given(CURVES, st.integers(0, 100))
def test_running_median_keeps_shape_and_range(values: Floats, width: int) -> None:
    smooth = signal.running_median(values, width)
    assert smooth.shape == values.shape
    assert smooth.min() >= values.min()
    assert smooth.max() <= values.max()


@settings(deadline=None)
@given(CURVES, st.sampled_from([3, 5, 7]))
def test_running_median_is_the_naive_one(values: Floats, width: int) -> None:
    reach = width // 2
    if len(values) <= reach:
        return
    mirrored = np.pad(values, reach, mode="reflect")
    naive = [float(np.median(mirrored[i : i + width])) for i in range(len(values))]
    assert signal.running_median(values, width).tolist() == naive


@pytest.mark.parametrize("points", [60_001, 130_000])
def test_the_course_of_a_long_curve_is_the_exact_one_but_for_noise(points: int) -> None:
    rng = np.random.default_rng(points)
    clean = 0.3 + 2 * (1 + 100 * np.arange(points) / points) ** -0.7
    values, width = clean * np.exp(rng.normal(0, 0.1, points)), points // 20 | 1
    values[points // 2 : points // 2 + 50] = 100.0
    smooth = signal.running_median(values, width)
    assert smooth.shape == values.shape
    exact = [float(np.median(values[i - width // 2 : i + width // 2 + 1])) for i in range(width, points - width, 997)]
    assert smooth[width : points - width : 997] == pytest.approx(exact, rel=0.01)
    # The scatter is skewed, and still not off.
    skewed = np.abs(rng.standard_normal(points))
    assert np.median(signal.running_median(skewed, width)) == pytest.approx(0.6745, rel=0.01)


def test_narrow_windows_stay_exact_in_long_curves() -> None:
    values = np.random.default_rng(0).standard_normal(100_000)
    smooth = signal.running_median(values, 5)
    assert smooth[2:-2].tolist() == np.median(np.lib.stride_tricks.sliding_window_view(values, 5), axis=1).tolist()


def test_the_trend_of_a_long_curve_is_that_of_a_part() -> None:
    rng = np.random.default_rng(0)
    values = np.arange(300_000) / 300_000 + rng.standard_normal(300_000)
    assert signal.trend(values) == pytest.approx(signal.trend(values[1::7]), abs=0.01)


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


@given(st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.5, 0.7, 1.0, 1.0]) | st.floats(0, 1), min_size=1), st.floats(0.1, 1))
def test_the_high_stretch_is_the_naive_one(rates: list[float], share: float) -> None:
    peak = max(rates)
    span = signal.high_rate(make_run(lr=rates), share)
    if peak < 1e-90:
        return
    first = next(i for i, rate in enumerate(rates) if rate >= share * peak)
    low = next((i for i in range(first, len(rates)) if rates[i] < share * peak), len(rates))
    assert span == (first, low - 1)


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


def naive_troughs(relative: list[float], rise: float) -> list[int]:
    """Point by point."""
    found: list[int] = []
    low = high = next((i for i, value in enumerate(relative) if value >= 0.995), 0)
    climbing = False
    for i in range(low, len(relative)):
        now = relative[i]
        if climbing:
            if now >= relative[high]:
                high = i
            elif relative[high] - now >= 0.1:
                low, climbing = i, False
        elif now <= relative[low]:
            low = i
        elif now >= rise * relative[low] and now - relative[low] >= 0.1:
            found.append(low)
            high, climbing = i, True
    return found


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.1, 0.3, 0.4, 0.995, 1.0]) | st.floats(0, 1), min_size=1), st.floats(1.1, 4)
)
def test_troughs_are_the_naive_ones(relative: list[float], rise: float) -> None:
    assert signal.rate_troughs(np.array(relative), rise) == naive_troughs(relative, rise)
    peak = max(relative)
    if peak >= 1e-90:
        rate = make_run(lr=relative).series["lr"]
        assert signal.troughs_of(rate, rise) == naive_troughs([value / peak for value in relative], rise)
