"""Batches that change their size, with and without the rate, and sizes that mean nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lrdoctor import plugins
from lrdoctor.detectors import batch_size
from lrdoctor.model import Floats, Run, Series
from lrdoctor.testing import Points, constant_rate, descent, finding_breaches, make_run

T = np.arange(2000)


def found(sizes: Floats, *, loss: Floats | None = None, rate: Floats | None = None) -> list[batch_size.BatchSize]:
    run = make_run(train_loss=descent().values if loss is None else loss, lr=rate)
    return list(batch_size.detect(batched(run, Points(T, sizes)), batch_size.Settings()))


def batched(run: Run, points: Points) -> Run:
    sizes = Series(tag="train/batch_size", steps=points.steps, values=points.values)
    return replace(run, series={**run.series, sizes.tag: sizes})


def test_a_batch_that_shrinks_at_the_same_rate() -> None:
    loss = np.where(T < 1000, 2 - T / 1000, 1.4)
    [finding] = found(np.where(T < 1000, 128.0, 8.0), loss=loss, rate=constant_rate())
    assert finding.change_step == 1000
    assert (finding.before, finding.after) == (128, 8)
    assert finding.to_linear == pytest.approx(16)
    assert finding.to_sqrt == pytest.approx(4)
    assert finding.thrown_back == pytest.approx(0.4, rel=0.1)
    assert finding.end_ratio == pytest.approx(1.4, rel=0.1)


def test_a_rate_that_goes_with_the_batch() -> None:
    sizes = np.where(T < 1000, 32.0, 128.0)
    [finding] = found(sizes, rate=1e-3 * sizes / 32)
    assert finding.to_linear == pytest.approx(1.0)
    assert finding.to_sqrt == pytest.approx(2.0)


def test_no_rate() -> None:
    [finding] = found(np.where(T < 1000, 32.0, 128.0))
    assert finding.rate_factor is None


@pytest.mark.parametrize(
    "sizes",
    [np.full(2000, 64.0), np.where(T % 100 == 99, 17.0, 64.0), 64.0 + T % 7, np.where(T == 700, 8.0, 64.0), 0.0 * T],
    ids=["constant", "last batches of epochs", "tokens", "one small batch", "zero"],
)
def test_sizes_that_do_not_change_for_good(sizes: Floats) -> None:
    assert not found(sizes)


@given(arrays(np.float64, st.integers(0, 40), elements=st.floats()), st.booleans())
@settings(max_examples=100, deadline=None)
def test_survives_everything(values: Floats, with_loss: bool) -> None:
    run = make_run(train_loss=descent(steps=60).values if with_loss else None, lr=constant_rate(steps=60))
    run = batched(run, Points(np.arange(len(values)), values))
    for finding in batch_size.detect(run, batch_size.Settings()):
        assert not list(finding_breaches(plugins.detectors()["batch_size"], finding, run))
