"""The points that a law is held against: a staircase undone where its epoch can be told, and left alone elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules._points import law_points


@pytest.mark.parametrize("widths", [[3, 3, 3, 20, 20, 20], [1, 1, 8, 8, 8, 1]])
def test_three_wide_treads_tell_no_epoch(widths: list[int]) -> None:
    """Only three treads are wide enough to show a level, and three multiples fit too many numbers."""
    relative = np.repeat(np.linspace(1.0, 0.1, len(widths)), widths)
    steps = np.arange(len(relative)) * 5
    points, rates, _ = law_points(steps, relative, 1e-7)
    assert np.array_equal(points, steps)
    assert np.array_equal(rates, relative)


def test_equal_treads_tell_their_epoch() -> None:
    relative = np.repeat(np.linspace(1.0, 0.1, 10), 8)
    points, rates, lags = law_points(np.arange(80) * 5, relative, 1e-7)
    assert points == pytest.approx(np.arange(10) * 40)
    assert np.array_equal(rates, np.linspace(1.0, 0.1, 10))
    assert lags == (0.0,)
