"""Medians and counted pairs are the naive ones, for few values and for many."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lrdoctor import ordering
from lrdoctor.model import Floats

# Few different values, so that there are ties, or any.
VALUES = st.sampled_from([-1.0, 0.0, 0.5, 2.0]) | st.floats(-1e6, 1e6)
CURVES = st.integers(1, 60).flatmap(lambda n: arrays(np.float64, n, elements=VALUES))


@given(CURVES)
def test_median(values: Floats) -> None:
    assert ordering.median(values) == np.median(values)


@pytest.mark.parametrize("n", [1, 2, 3, 256, 257, 1000, 1001])
def test_median_of_many(n: int) -> None:
    values = np.random.default_rng(n).standard_normal(n)
    before = values.copy()
    assert ordering.median(values) == np.median(values)
    assert np.array_equal(values, before)
    values[n // 3] = math.nan
    assert math.isnan(ordering.median(values))


@given(CURVES, st.data())
def test_medians_of_slices(values: Floats, data: st.DataObject) -> None:
    ends = st.integers(0, len(values))
    slices = data.draw(st.lists(st.tuples(ends, ends).map(sorted), min_size=1, max_size=10))
    begin, end = np.array(slices).T
    naive = [float(np.median(values[a:b])) if a < b else math.nan for a, b in slices]
    assert np.array_equal(ordering.medians(values, begin, end), naive, equal_nan=True)


def test_what_can_be_listed() -> None:
    assert ordering.listed(np.array([2.0, -1.0])) == [2.0, -1.0]
    assert ordering.listed(np.array([1.0, math.inf])) == [1.0, math.inf]
    assert ordering.listed(np.array([1.0, math.nan])) is None
    assert ordering.listed(np.array([-math.inf, 0.0, math.inf])) is None
    assert ordering.listed(np.empty(0)) == []


@given(CURVES)
def test_middle(values: Floats) -> None:
    assert ordering.middle(values.tolist()) == np.median(values)


def test_medians_of_long_slices() -> None:
    values = np.random.default_rng(0).standard_normal(5000)
    begin, end = np.array([0, 10, 100, 4000]), np.array([3000, 10, 101, 5000])
    naive = [np.median(values[:3000]), math.nan, values[100], np.median(values[4000:])]
    assert np.array_equal(ordering.medians(values, begin, end), naive, equal_nan=True)


def test_a_slice_with_a_nan_has_no_median() -> None:
    values = np.array([1.0, math.nan, 3.0, 4.0, math.inf])
    found = ordering.medians(values, np.array([0, 2, 2]), np.array([3, 4, 5]))
    assert np.array_equal(found, [math.nan, 3.5, 4.0], equal_nan=True)


def naive_surplus(values: Floats) -> int:
    return int(np.triu(np.sign(values[None, :] - values[:, None]), 1).sum())


@given(CURVES)
def test_surplus(values: Floats) -> None:
    assert ordering.surplus(values) == naive_surplus(values)


@pytest.mark.parametrize("n", [255, 256, 257, 511, 512, 513, 1500])
def test_surplus_of_many(n: int) -> None:
    rng = np.random.default_rng(n)
    for values in (rng.standard_normal(n), rng.integers(0, 9, n).astype(np.float64), np.arange(n, 0.0, -1), np.ones(n)):
        assert ordering.surplus(values) == naive_surplus(values)


@given(st.integers(1, 200).flatmap(lambda n: st.permutations(range(n))))
def test_inversions(order: list[int]) -> None:
    naive = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
    assert ordering.inversions(np.array(order)) == naive
