"""The numbers of a fit in the words of people."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.model import Floats
from lrdoctor.schedules._adjust import Solution, distinct, fraction, latest_end, partial, plain, solutions, whole


def solution(*values: float, error: float = 1e-4, misfit: float = 1e-8) -> Solution:
    n = len(values)
    return Solution(values=np.array(values), errors=np.full(n, error), misfit=misfit, score=0.0)


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (0.0999998, 1e-6, 0.1),
        (0.0999998, 1e-8, 0.0999998),
        (0.94, 0.0, 0.94),
        (123456.0, 1e5, 100000.0),
        (0.0, 1.0, 0.0),
        (0.1, float("inf"), 0.1),
        (2 / 3, 1e-20, 2 / 3),
    ],
)
def test_plain_has_the_fewest_digits_that_the_error_leaves(value: float, error: float, told: float) -> None:
    assert plain(value, error) == told


def test_steps_are_whole_and_at_least_one() -> None:
    assert whole(solution(99.6), 0) == 100
    assert whole(solution(0.2), 0) == 1
    assert partial(solution(11_111.11, error=0.01), 0)
    assert not partial(solution(11_111.11, error=0.1), 0)
    assert not partial(solution(11_111.11, error=0.01, misfit=1e-4), 0)
    assert not partial(solution(11_111.0, error=0.0), 0)


@pytest.mark.parametrize(("value", "told"), [(1e-5, 0.0), (-0.1, 0.0), (0.10001, 0.1), (1.2, 1.0)])
def test_a_final_fraction_lies_between_0_and_1(value: float, told: float) -> None:
    assert fraction(solution(100.0, value), 1) == told
    assert fraction(solution(100.0), 1) == 0.0


def test_at_most_three_are_told_each_once() -> None:
    assert list(distinct([1, 1, 2, 1, 3, 4])) == [1, 2, 3]


def test_an_end_is_seen_before_the_last_step() -> None:
    assert latest_end(np.array([0.0, 50.0, 100.0, 100.0])) == 95.0
    assert latest_end(np.array([100.0, 100.0])) == 0.0


def test_a_delay_is_fitted_and_forgotten() -> None:
    steps = np.arange(0.0, 1000.0, 10.0)

    def curve(t: Floats, values: Floats) -> Floats:
        return np.asarray(np.exp(-2 * t / values[0]))

    late = np.exp(-2 * np.maximum(steps - 45, 0) / 300)
    [best, *_] = solutions(curve, [(200.0,)], steps, late, 1e-7)
    assert best.values.tolist() == [pytest.approx(300, rel=1e-4)]
    assert best.misfit < 1e-6
