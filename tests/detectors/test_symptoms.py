"""Each symptom against a curve of which it can be told by hand; nothing a log may hold breaks them or their phrases."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lrdoctor.detectors import _symptoms as detector
from lrdoctor.detectors._symptoms import PHRASES, STRETCHES, symptoms
from lrdoctor.model import Floats, Role, Run, Series, Span
from lrdoctor.testing import (
    STEPS,
    TRAININGS,
    Points,
    constant_rate,
    cosine_rate,
    descent,
    evaluated,
    exponential_rate,
    linear_rate,
    make_run,
    stable_rate,
)

X = np.arange(STEPS) / (STEPS - 1)
"""How far into the run each step is."""
CONSTANT = constant_rate()
SEEDS = pytest.mark.parametrize("seed", range(3))


def looked_at(values: Floats, every: int = 5) -> Points:
    """Validation once in so many steps, and at the last."""
    steps = np.unique(np.append(np.arange(0, len(values), every), len(values) - 1))
    return Points(steps, values[steps])


def seen(
    val: Floats | None = None,
    *,
    train: Floats | None = None,
    rate: Floats | None = CONSTANT,
    norm: Floats | None = None,
    every: int = 5,
) -> dict[str, float]:
    """All symptoms of a run whose course, where it is given, is that of the validation loss."""
    looks = None if val is None else looked_at(val, every)
    found = symptoms(make_run(train_loss=train, val_loss=looks, lr=rate, grad_norm=norm))
    assert found is not None
    assert list(found) == list(PHRASES)
    return found


def about(value: float, tolerance: float = 0.01) -> object:
    return pytest.approx(value, abs=tolerance)


def along(rate: Floats) -> Floats:
    """The share of the sum of rates that is spent, from 0 to 1."""
    spent = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2)])
    return np.asarray(spent / spent[-1], dtype=np.float64)


# ----------------------------------------------------------------------------------------------------------- the course


@pytest.mark.parametrize("pace", [0.5, 3.0, 20.0])
@pytest.mark.parametrize("course", ["validation", "training"])
def test_an_exponential_fall_arrives_when_it_does(pace: float, course: str) -> None:
    loss = 0.4 + 2 * np.exp(-pace * X)
    found = seen(loss, every=1) if course == "validation" else seen(train=loss)
    whole = 1 - math.exp(-pace)
    # A training loss is known in forty stretches only, and its best level is the third lowest of them.
    tolerance = 0.02 if course == "validation" else 2 / STRETCHES
    for name, share in (("half", 0.5), ("80", 0.8), ("90", 0.9), ("95", 0.95)):
        when = -math.log(1 - share * whole) / pace
        assert 10 ** found[f"time_to_{name}"] == about(when, tolerance + 1e-3), name
        if name != "95":
            # At a constant rate the sum of rates is a clock.
            assert found[f"spent_at_{name}"] == about(found[f"time_to_{name}"], 1e-6), name


def test_a_straight_fall_brings_a_quarter_in_each_quarter() -> None:
    found = seen(3 - 2 * X)
    # The end is the median of the last 7 %.
    end = 3 - 2 * 0.965
    assert found["second_quarter"] == about(0.25)
    assert found["third_quarter"] == about(0.25)
    assert found["last_quarter"] == about(0.25 - 0.035)
    assert found["half_over_end"] == about(math.log(2 / end))
    assert found["late_over_end"] == about(math.log(1.5 / end))
    assert found["end_ratio"] == about(math.log(end / 3))
    assert found["lost"] == about(0.035)


def test_a_fall_in_the_third_quarter_is_seen_there_alone() -> None:
    found = seen(np.interp(X, [0.0, 0.55, 0.7, 1.0], [2.0, 2.0, 1.0, 1.0]))
    assert found["second_quarter"] == about(0.0)
    assert found["third_quarter"] == about(1.0)
    assert found["last_quarter"] == about(0.0)


@pytest.mark.parametrize(
    "rate",
    [CONSTANT, cosine_rate(), linear_rate(warmup=200), exponential_rate(), stable_rate()],
    ids=["constant", "cosine", "linear", "exponential", "stable, then decayed"],
)
def test_a_fall_along_the_sum_of_rates_is_told_by_that_sum(rate: Floats) -> None:
    found = seen(3 - 2 * along(rate), rate=rate, every=1)
    drop = 1 - 2 / (STEPS - 1)
    for name, share in (("half", 0.5), ("80", 0.8), ("90", 0.9)):
        assert 10 ** found[f"spent_at_{name}"] == about(share * drop, 0.02), name
    end = float(np.median(along(rate)[X >= 0.93]))
    # A level is the median over 6 % of the run, which bends with the curve.
    assert found["fall_first"] == about(0.1, 0.03)
    assert found["fall_before_third"] == about(1 / 3 - 0.1, 0.03)
    assert found["fall_last_third"] == about(end - 1 / 3, 0.03)


def test_what_was_lost_again_is_lost() -> None:
    found = seen(np.interp(X, [0.0, 0.5, 0.9, 1.0], [3.0, 1.0, 1.5, 1.5]))
    assert found["lost"] == about(0.25)
    assert found["last_quarter"] < 0


def test_an_early_rise_is_measured_in_drops() -> None:
    found = seen(np.interp(X, [0.0, 0.1, 0.3, 1.0], [3.0, 21.0, 2.0, 1.0]), every=1)
    assert found["early_rise"] == about(math.log10(1 + 18 / 2))
    assert seen(3 - 2 * X)["early_rise"] == 0
    late = seen(np.interp(X, [0.0, 0.3, 0.5, 1.0], [3.0, 2.0, 21.0, 1.0]), every=1)
    assert late["early_rise"] == 0


def test_training_and_validation_loss_are_compared_at_the_end() -> None:
    assert seen(3 - 2 * X, train=(3 - 2 * X) / 4)["train_over_course"] == about(math.log(1 / 4))
    assert math.isnan(seen(3 - 2 * X)["train_over_course"])


def test_losses_below_zero_have_no_ratios_but_all_shares() -> None:
    below, above = seen(1 - 4 * X), seen(9 - 4 * X)
    ratios = {"half_over_end", "late_over_end", "end_ratio", "jitter_level"}
    assert all(math.isnan(below[name]) for name in ratios - {"jitter_level"})
    for name in set(PHRASES) - ratios:
        assert below[name] == pytest.approx(above[name], abs=1e-6, nan_ok=True), name


# ------------------------------------------------------------------------------------------------------------- the rate


def test_a_constant_rate_is_always_high() -> None:
    found = seen(3 - 2 * X)
    assert found["mean_rate"] == found["end_rate"] == found["high_width"] == 1.0
    assert found["peak_at"] == found["anneal_gain"] == 0.0


@pytest.mark.parametrize(
    ("rate", "mean", "width", "end", "peak"),
    [
        (cosine_rate(), 0.5, 0.5, 0.0, 0.0),
        (cosine_rate(final_fraction=0.2), 0.6, 0.58, 0.2, 0.0),
        (linear_rate(), 0.5, 0.5, 0.0, 0.0),
        (linear_rate(warmup=1000), 0.5, 0.25, 0.0, 0.5),
        (cosine_rate(warmup=200), 0.5, 0.45, 0.0, 0.1),
        (stable_rate(warmup=200), 0.85, 0.8, 0.0, 0.1),
        (exponential_rate(), (1 - 0.01) / math.log(100), math.log(2) / math.log(100), 0.01, 0.0),
        (linear_rate()[::-1], 0.5, 0.0, 1.0, 1.0),
    ],
    ids=["cosine", "to a fifth", "linear", "warm-up half", "warm-up", "stable", "exponential", "ramp"],
)
def test_the_rate_is_told_against_its_peak(rate: Floats, mean: float, width: float, end: float, peak: float) -> None:
    for scale in (1.0, 1e-6):
        found = seen(3 - 2 * X, rate=scale * rate)
        assert found["mean_rate"] == about(mean)
        assert found["high_width"] == about(width, 0.02)
        assert found["end_rate"] == about(end)
        assert found["peak_at"] == about(peak)


def test_what_the_decay_brought() -> None:
    # Half of the peak is reached at half time, where half of the way is left; the end is the median of the last 7 %.
    assert seen(3 - 2 * X, rate=linear_rate())["anneal_gain"] == about(0.5 - 0.035)
    early = np.interp(X, [0.0, 0.4, 1.0], [3.0, 1.0, 1.0])
    assert seen(early, rate=linear_rate())["anneal_gain"] == about(0.0)


@pytest.mark.parametrize("warmup", range(160, 170))
def test_a_sharp_peak_is_found_wherever_it_is(warmup: int) -> None:
    rate = exponential_rate(warmup=warmup, final_fraction=math.exp(-9))
    found = seen(3 - 2 * X, rate=rate)
    assert found["peak_at"] == about(warmup / STEPS)
    assert found["high_width"] == about(math.log(2) / 9 * (1 - warmup / STEPS))


@pytest.mark.parametrize(
    "rate",
    [
        np.where(np.arange(STEPS) == 1003, 1.0, 0.0),
        np.where(np.arange(STEPS) < 1000, 1.0, -1.0),
        np.where(np.arange(STEPS) == 0, 1.0, -1.0),
    ],
    ids=["one step above zero", "half below zero", "nearly all below zero"],
)
def test_an_odd_rate_gives_shares_or_nothing(rate: Floats) -> None:
    found = seen(3 - 2 * X, rate=rate)
    for name in ("mean_rate", "high_width", "end_rate", "peak_at"):
        assert math.isnan(found[name]) or 0 <= found[name] <= 1, name
    for name in ("spent_at_half", "spent_at_80", "spent_at_90"):
        assert math.isnan(found[name]) or found[name] <= 1e-9, name


# --------------------------------------------------------------------------------------------------------- restlessness


@SEEDS
@pytest.mark.parametrize("sigma", [0.003, 0.03, 0.3])
def test_jitter_is_the_sigma_that_was_put_in(sigma: float, seed: int) -> None:
    fallen = np.where(X < 0.04, 3 - 50 * X, 1.0)
    noise = sigma * np.random.default_rng(seed).standard_normal(STEPS)
    found = seen(fallen + np.where(X < 0.04, 0, noise))
    # The drop is to the third lowest point, which noise digs out.
    drop = 2 + 2.7 * sigma
    assert found["jitter"] == about(math.log10(sigma / drop), 0.08)
    assert found["jitter_level"] == about(math.log10(sigma), 0.1)
    # Of uncorrelated steps half go up.
    assert found["ups_high"] == about(0.5, 0.02)
    assert found["ups_late"] == about(0.5, 0.02)
    assert found["wander"] > 1.5


def test_jitter_is_that_of_the_high_rate() -> None:
    noise = np.random.default_rng(0).standard_normal(STEPS)
    fallen = np.where(X < 0.04, 3 - 50 * X, 1.0)
    rate = np.where(X < 0.5, 1.0, 0.01)
    restless = fallen + np.where((X >= 0.04) & (X < 0.5), 0.03, 0.0003) * noise
    found = seen(restless, rate=rate)
    assert found["jitter"] == about(math.log10(0.03 / 2.08), 0.08)
    assert found["ups_high"] == about(0.5, 0.02)
    # A rate that was high late jitters late.
    found = seen(restless, rate=rate[::-1])
    assert found["jitter"] == about(math.log10(0.0003 / 2.08), 0.1)


def test_a_smooth_fall_has_no_jitter_and_no_ups() -> None:
    found = seen(3 - 2 * X, train=3 - 2 * X)
    assert found["jitter"] == found["train_jitter"] == -5
    assert found["ups_high"] == found["ups_late"] == found["train_ups"] == 0
    assert found["wander"] == about(0.0)


def test_a_sawtooth_wanders_as_far_as_it_is_long() -> None:
    # Down by 3 and up by 2, and so on: of five parts of the way two go up, and it walks five times what it gains.
    sawtooth = np.concatenate([[0.0], np.cumsum(np.tile([-3.0, 2.0], STEPS // 10))])
    sawtooth += 10 - sawtooth.min()
    found = symptoms(make_run(val_loss=Points(np.arange(len(sawtooth)), sawtooth), lr=np.ones(len(sawtooth))))
    assert found is not None
    assert found["ups_high"] == about(0.4)
    assert found["ups_late"] == about(0.4)
    assert found["wander"] == about(math.log10(5), 0.03)


def test_a_course_that_comes_back_wanders_no_further_than_a_thousand_times() -> None:
    there_and_back = np.where(X < 0.05, 3 - 40 * X, 1 + np.abs(np.sin(20 * math.pi * np.minimum(X, 0.95))))
    assert 1 < seen(there_and_back, every=1)["wander"] <= 3


@SEEDS
@pytest.mark.parametrize("batches", [0.03, 0.3])
def test_the_scatter_of_batches_is_no_restlessness_of_training(batches: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fallen = np.where(X < 0.04, 3 - 50 * X, 1.0)
    noise = batches * rng.standard_normal(STEPS)
    calm = seen(train=fallen + noise)["train_jitter"]
    # A stretch is the mean of fifty batches.
    alone = math.log10(batches / math.sqrt(STEPS / STRETCHES) / 2)
    assert calm < alone + 0.1
    swings = 10 * batches * (-1.0) ** np.floor(X * STRETCHES)
    found = seen(train=fallen + noise + np.where(X < 0.04, 0, swings))
    # Swings of ± s make second differences of 4 s, and a normal law's are told by their median.
    told = 1.4826 * 4 * 10 * batches / math.sqrt(6)
    drop = 2 + 10 * batches
    assert found["train_jitter"] == about(math.log10(told / drop), 0.1)
    assert found["train_ups"] == about(0.5, 0.05)


# --------------------------------------------------------------------------------------------------------- the gradient


def test_the_gradient_norm_is_told_by_its_levels() -> None:
    norm = np.interp(X, [0.02, 0.05, 0.15, 0.4, 0.6, 0.9], [4.0, 8.0, 8.0, 2.0, 2.0, 0.5])
    found = seen(3 - 2 * X, norm=norm)
    assert found["gradient_early"] == about(math.log10(8 / 4))
    assert found["gradient_middle"] == about(math.log10(2 / 8))
    assert found["gradient_late"] == about(math.log10(0.5 / 8))


def test_bursts_of_the_gradient_norm() -> None:
    norm = np.where(np.arange(STEPS) % 10 == 0, 100.0, 1.0)
    assert seen(3 - 2 * X, norm=norm)["gradient_bursts"] == about(2.0)
    rare = np.where(np.arange(STEPS) % 50 == 0, 100.0, 1.0)
    assert seen(3 - 2 * X, norm=rare)["gradient_bursts"] == about(0.0)


@SEEDS
@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_the_scatter_of_the_gradient_norm(sigma: float, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(STEPS)
    found = seen(3 - 2 * X, norm=5 * np.exp(sigma * noise))
    assert found["gradient_scatter"] == pytest.approx(sigma, rel=0.1)
    assert seen(3 - 2 * X, norm=np.full(STEPS, 7.0))["gradient_scatter"] == 0


# ---------------------------------------------------------------------------------------------------- what is not known


GRADIENT = {name for name in PHRASES if name.startswith("gradient")}
RATE = {"mean_rate", "high_width", "end_rate", "peak_at", "anneal_gain"} | {
    name for name in PHRASES if name.startswith(("spent", "fall"))
}
VALIDATION = {"jitter", "jitter_level", "ups_high", "ups_late", "wander"}
TRAINING = {"train_ups", "train_jitter"}


@pytest.mark.parametrize(
    ("left_out", "unknown"),
    [
        ((), set()),
        ((Role.LR,), RATE),
        ((Role.GRAD_NORM,), GRADIENT),
        ((Role.VAL_LOSS,), VALIDATION),
        ((Role.TRAIN_LOSS,), TRAINING | {"train_over_course"}),
        ((Role.LR, Role.VAL_LOSS, Role.GRAD_NORM), RATE | VALIDATION | GRADIENT),
    ],
)
def test_what_was_not_logged_is_unknown_and_all_else_known(left_out: tuple[Role, ...], unknown: set[str]) -> None:
    made = descent()
    given = {
        Role.TRAIN_LOSS: made.values,
        Role.VAL_LOSS: evaluated(made),
        Role.LR: cosine_rate(),
        Role.GRAD_NORM: made.values,
    }
    found = symptoms(make_run(**{role.value: values for role, values in given.items() if role not in left_out}))  # type: ignore[arg-type]
    assert found is not None
    assert {name for name, value in found.items() if math.isnan(value)} == unknown


def test_there_is_no_course_without_a_fall_from_the_start() -> None:
    flat, falling = np.ones(STEPS), descent(noise=0.0).values
    assert symptoms(make_run(lr=CONSTANT)) is None
    assert symptoms(make_run(train_loss=flat)) is None
    assert symptoms(make_run(train_loss=falling[::-1])) is None
    assert symptoms(make_run(val_loss=looked_at(falling[::-1]))) is None
    assert symptoms(make_run(train_loss=falling)) is not None
    assert symptoms(make_run(train_loss=falling, steps=np.arange(STEPS) + 500)) is None
    assert symptoms(make_run(train_loss=[3.0])) is None


def test_few_looks_make_no_course() -> None:
    falling = descent().values
    for looks, known in ((detector.LEAST_LOOKS, True), (detector.LEAST_LOOKS - 1, False)):
        val = Points(np.linspace(0, STEPS - 1, looks).astype(np.int64), np.linspace(3, 1, looks))
        assert (symptoms(make_run(val_loss=val)) is not None) is known
        found = symptoms(make_run(train_loss=falling, val_loss=val))
        assert found is not None
        assert math.isnan(found["wander"]) is not known
    for points, known in ((detector.LEAST_POINTS, True), (detector.LEAST_POINTS - 1, False)):
        assert (symptoms(make_run(train_loss=np.linspace(3, 1, points))) is not None) is known


def test_a_validation_that_begins_late_is_no_course() -> None:
    made = descent()
    late = Points(np.arange(500, STEPS, 25), made.clean[500::25])
    found = symptoms(make_run(train_loss=made.values, val_loss=late))
    assert found is not None
    assert all(math.isnan(found[name]) for name in VALIDATION)


def test_the_scale_of_the_loss_and_of_the_steps_does_not_matter() -> None:
    made = descent()
    val = evaluated(made)
    plain = make_run(train_loss=made.values, val_loss=val, lr=cosine_rate(), grad_norm=made.values)
    other = make_run(
        train_loss=1000 * made.values,
        val_loss=Points(1000 * val.steps, 1000 * val.values),
        lr=1000 * cosine_rate(),
        grad_norm=1000 * made.values,
        steps=1000 * np.arange(STEPS),
    )
    one, two = symptoms(plain), symptoms(other)
    assert one is not None
    assert two is not None
    assert two == {name: pytest.approx(value, rel=1e-6, abs=1e-9, nan_ok=True) for name, value in one.items()}


# -------------------------------------------------------------------------------------------------------- the stretches


def naive_stretches(series: Series, span: Span) -> list[tuple[float, float, float]]:
    """One point after the other, by the definition."""
    edges = np.linspace(0.0, 1.0, STRETCHES + 1)
    held: list[list[float]] = [[] for _ in range(STRETCHES)]
    for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
        x = (step - span.first) / (span.last - span.first)
        place = max(i for i in range(STRETCHES) if edges[i] <= x)
        held[place].append(value)
    found = []
    for (a, b), values in zip(itertools.pairwise(edges.tolist()), held, strict=True):
        if values:
            mean = math.fsum(values) / len(values)
            variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
            found.append(((a + b) / 2, mean, math.sqrt(variance / max(len(values) - 1, 1))))
    return found


@given(
    st.sets(st.integers(0, 3000), min_size=2, max_size=300),
    st.integers(0, 2**32 - 1),
    st.integers(0, 500),
)
@settings(deadline=None)
def test_stretches_are_means_of_what_lies_in_them(steps: set[int], seed: int, more: int) -> None:
    at = np.array(sorted(steps), dtype=np.int64)
    values = np.random.default_rng(seed).standard_normal(len(at)) + 3
    series = Series(tag="loss", steps=at, values=values)
    # Another series may have been logged before the first point and after the last.
    span = Span(int(at[0]) - more, int(at[-1]) + more)
    got = np.stack(detector._stretches(series, span), 1)
    assert got == pytest.approx(np.array(naive_stretches(series, span)), abs=1e-9)


def test_stretches_of_a_straight_line() -> None:
    series = Series(tag="loss", steps=np.arange(STEPS), values=X)
    middles, means, errors = detector._stretches(series, Span(0, STEPS - 1))
    assert len(middles) == STRETCHES
    assert means == pytest.approx(middles, abs=1e-3)
    assert errors == pytest.approx(np.full(STRETCHES, 1 / STRETCHES / math.sqrt(12 * 49)), rel=0.05)


# ---------------------------------------------------------------------------------------------- whatever a log may hold


@st.composite
def points(draw: st.DrawFn, least: int = 0) -> Points | None:
    """Any values at any steps that increase, or such as begin at 0, so that they have a course; None for no series."""
    n = draw(st.none() | st.integers(least, 120))
    if n is None:
        return None
    anything = draw(
        st.sampled_from([st.floats(), st.floats(-1e3, 1e3), st.floats(0, 1), st.sampled_from([0.0, 1.0, math.nan])])
    )
    values = draw(arrays(np.float64, n, elements=anything, fill=anything))
    if draw(st.booleans()):
        values = values + np.linspace(draw(st.floats(0, 1e3)), 0, n)
    pace = draw(st.sampled_from([1, 7, 10**15, None]))
    if pace is not None:
        return Points(np.arange(n) * pace, values)
    steps = draw(arrays(np.int64, n, elements=st.integers(-(2**63), 2**63 - 1), unique=True))
    return Points(np.sort(steps), values)


def check(run: Run) -> None:
    found = symptoms(run)
    if found is None:
        return
    assert list(found) == list(PHRASES)
    for name, value in found.items():
        assert type(value) is float, name
        assert not math.isinf(value), name
        if math.isfinite(value):
            assert PHRASES[name](value), name


@given(points(least=15), points(least=15), points(), points())
@settings(max_examples=200, deadline=None)
def test_survives_everything(
    train: Points | None, val: Points | None, rate: Points | None, norm: Points | None
) -> None:
    check(make_run(train_loss=train, val_loss=val, lr=rate, grad_norm=norm))


@pytest.mark.parametrize("make", TRAININGS)
@pytest.mark.parametrize("size", [1e-300, 1e-90, 1.0, 1e90, 1e300])
def test_survives_losses_of_every_size(make: Callable[..., object], size: float) -> None:
    made = make(seed=1)
    val = evaluated(made)  # type: ignore[arg-type]
    for rate in (None, CONSTANT, cosine_rate(warmup=100), size * CONSTANT):
        check(
            make_run(
                train_loss=size * made.values,  # type: ignore[attr-defined]
                val_loss=Points(val.steps, size * val.values),
                lr=rate,
                grad_norm=size * made.values,  # type: ignore[attr-defined]
            )
        )


def test_survives_the_widest_leaps() -> None:
    plain = np.arange(STEPS)
    for high, low in itertools.permutations((1e300, 1.0, 1e-300, 0.0, -1e-300, -1.0, -1e300), 2):
        leap = np.where(plain < STEPS // 2, high, low)
        teeth = np.where(plain % 2 == 0, high, low)
        for train, val, norm in itertools.product((leap, teeth), repeat=3):
            check(make_run(train_loss=train, val_loss=looked_at(val, 25), lr=CONSTANT, grad_norm=norm))


@pytest.mark.parametrize("name", PHRASES)
@given(st.floats(-250, 250))
def test_every_phrase_says_every_value(name: str, value: float) -> None:
    said = PHRASES[name](value)
    assert said
    assert "nan" not in said
    # Evidence is told in a list, piece after piece.
    assert ";" not in said
    assert "\n" not in said


def test_phrases_by_hand() -> None:
    assert PHRASES["time_to_half"](-1.0) == "half of the whole drop took 10.0% of the run"
    assert PHRASES["half_over_end"](math.log(2)) == "the loss at half time was 2 times that of the end"
    assert PHRASES["early_rise"](1.0) == "early on the loss rose by 9 times the whole drop"
    assert PHRASES["high_width"](0.5) == "the rate was above half of its peak for 50% of the run"
    assert len({phrase(0.25) for phrase in PHRASES.values()}) == len(PHRASES)


def test_an_evaluation_after_the_blow_up_is_not_the_untrained_level() -> None:
    calm = descent(seed=3)
    looks = evaluated(calm)
    blown = Points(looks.steps, np.concatenate([[40 * calm.values[0]], looks.values[1:]]))
    seen = symptoms(make_run(train_loss=calm.values, val_loss=blown, lr=constant_rate()))
    usual = symptoms(make_run(train_loss=calm.values, val_loss=looks, lr=constant_rate()))
    assert seen is not None
    assert usual is not None
    assert seen["end_ratio"] == pytest.approx(usual["end_ratio"], abs=0.1)
    assert seen["early_rise"] > 1


def test_a_validation_loss_in_another_unit_keeps_its_own_untrained_level() -> None:
    calm = descent(seed=3)
    looks = evaluated(calm)
    summed = symptoms(make_run(train_loss=calm.values, val_loss=Points(looks.steps, 40 * looks.values)))
    usual = symptoms(make_run(train_loss=calm.values, val_loss=looks))
    assert summed is not None
    assert usual is not None
    assert summed["end_ratio"] == pytest.approx(usual["end_ratio"])
