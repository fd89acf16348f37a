from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrdoctor.model import Series
from lrdoctor.reports._thin import Gap, thin


def make(values: list[float], steps: list[int] | None = None) -> Series:
    return Series(tag="loss", steps=np.array(steps or range(len(values)), dtype=np.int64), values=np.array(values))


@st.composite
def curves(draw: st.DrawFn) -> Series:
    steps = sorted(draw(st.sets(st.integers(-(2**62), 2**62) | st.integers(0, 400), max_size=200)))
    values = draw(st.lists(st.floats() | st.sampled_from([1.0, math.nan]), min_size=len(steps), max_size=len(steps)))
    return Series(tag="loss", steps=np.array(steps, dtype=np.int64), values=np.array(values))


@settings(max_examples=60)
@given(curves(), st.integers(1, 30), st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 400), max_size=5))
def test_never_loses_what_a_reader_must_see(series: Series, buckets: int, keep: list[int]) -> None:
    few = thin(series, buckets, keep)
    known = dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))
    kept = set(few.steps.tolist())
    assert (np.diff(few.steps) > 0).all()
    for step, value in zip(few.steps.tolist(), few.values.tolist(), strict=True):
        assert value == known[step] or (math.isnan(value) and math.isnan(known[step]))
    assert len(few.steps) <= max(4 * buckets + 2 * len(keep) + 2, 0)
    if not len(series):
        return
    assert {int(series.steps[0]), int(series.steps[-1])} <= kept
    finite = series.values[np.isfinite(series.values)]
    if len(finite):
        assert few.values[np.isfinite(few.values)].min() == finite.min()
        assert few.values[np.isfinite(few.values)].max() == finite.max()
    assert sum(gap.count for gap in few.gaps) == len(series) - len(finite)
    for gap in few.gaps:
        assert not math.isfinite(known[gap.first])
        assert not math.isfinite(known[gap.last])
        assert any(gap.first <= step <= gap.last and not math.isfinite(known[step]) for step in kept)
    assert kept >= {step for step in keep if step in known}
    for step in keep:
        assert not kept.isdisjoint(sorted(known, key=lambda other: abs(other - step))[:1])


def test_every_bucket_keeps_its_extremes() -> None:
    rng = np.random.default_rng(1)
    series = make(rng.standard_normal(5000).tolist())
    few = thin(series, 50)
    kept = set(few.steps.tolist())
    for part in np.array_split(np.arange(5000), 50):
        inside = series.values[part]
        assert part[inside.argmin()] in kept
        assert part[inside.argmax()] in kept
    assert len(few.steps) <= 102


def test_a_single_spike_among_thousands_stays() -> None:
    values = [1.0] * 10_000
    values[7777] = 3.0
    few = thin(make(values), 20)
    assert 7777 in few.steps
    assert len(few.steps) < 90


def test_a_single_nan_among_thousands_stays_and_is_counted() -> None:
    values = [1.0] * 10_000
    values[7777] = math.nan
    few = thin(make(values), 20)
    assert 7777 in few.steps
    assert few.gaps == (Gap(first=7777, last=7777, count=1),)


def test_a_series_that_is_short_already_is_kept_whole() -> None:
    assert len(thin(make([1.0] * 40), 20).steps) == 40
    assert len(thin(make([1.0] * 400), 20).steps) < 80


@pytest.mark.parametrize(
    ("values", "gaps"),
    [
        ([1, 2, 3], []),
        ([math.nan] * 3, [(0, 2, 3)]),
        ([1, math.inf, 2, 3, 4, 5, 6, 7, math.nan, math.nan], [(1, 1, 1), (8, 9, 2)]),
        # In one bucket of two they cannot be told apart.
        ([math.nan, 1, math.nan, 1, 1, 1, 1, 1, 1, 1], [(0, 2, 2)]),
    ],
)
def test_gaps(values: list[float], gaps: list[tuple[int, int, int]]) -> None:
    assert [(gap.first, gap.last, gap.count) for gap in thin(make(values), 3).gaps] == gaps


def test_of_an_empty_series_nothing_is_left() -> None:
    few = thin(make([]), 10, keep=[3])
    assert not len(few.steps)
    assert few.gaps == ()


def test_a_position_between_two_points_keeps_both() -> None:
    values = np.linspace(1, 0, 2001)
    few = thin(make(values.tolist(), (np.arange(2001) * 10).tolist()), 4, keep=[10_005])
    assert {10_000, 10_010} <= set(few.steps.tolist())
