"""Every detector keeps the contract, and no series whatever makes one raise or warn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lrdoctor import plugins
from lrdoctor.model import Run
from lrdoctor.testing import Points, check_detector, finding_breaches, make_run

DETECTORS = plugins.detectors()


@pytest.mark.parametrize("name", DETECTORS)
def test_keeps_the_contract(name: str) -> None:
    check_detector(DETECTORS[name])


@st.composite
def points(draw: st.DrawFn, most: int = 200) -> Points | None:
    """Any values, or a few values again and again, at any steps that increase; None for a series that is not logged."""
    n = draw(st.none() | st.integers(0, 12) | st.integers(0, most))
    if n is None:
        return None
    anything = st.floats(allow_nan=True, allow_infinity=True)
    some = draw(st.none() | st.lists(anything, min_size=1, max_size=4))
    values = draw(arrays(np.float64, n, elements=anything if some is None else st.sampled_from(some), fill=anything))
    pace = draw(st.sampled_from([1, 7, 10**15, None]))
    if pace is not None:
        return Points(np.arange(n) * pace, values)
    steps = draw(arrays(np.int64, n, elements=st.integers(-(2**63), 2**63 - 1), unique=True))
    return Points(np.sort(steps), values)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    return make_run(train_loss=draw(points()), val_loss=draw(points(60)), lr=draw(points()), grad_norm=draw(points(20)))


@given(runs())
@settings(max_examples=100, deadline=None)
def test_survives_everything(run: Run) -> None:
    for detector in DETECTORS.values():
        if any(run[role] is None for role in detector.NEEDS):
            continue
        for finding in detector.detect(run, detector.Settings()):
            assert not list(finding_breaches(detector, finding, run))


@given(st.floats(allow_nan=True), st.integers(-(2**63), 2**63 - 1))
@settings(max_examples=30, deadline=None)
def test_survives_a_run_of_one_step(value: float, step: int) -> None:
    one = Points(np.array([step]), np.array([value]))
    run = make_run(train_loss=one, val_loss=one, lr=one, grad_norm=one)
    for detector in DETECTORS.values():
        for finding in detector.detect(run, detector.Settings()):
            assert not list(finding_breaches(detector, finding, run))
