from __future__ import annotations

import math

import numpy as np
import pytest

from lrdoctor.siblings.response import RateResponse, respond

START = 2.3


def bowl(rate: float, best: float = 0.02, cliff: float = math.inf) -> float | None:
    """0.3 at the best rate, untrained far from it, and diverged from the cliff on."""
    return None if rate >= cliff else 0.3 + 2.0 * (1 - math.exp(-(math.log10(rate / best) ** 2)))


def swept(*rates: float, best: float = 0.02, cliff: float = math.inf) -> RateResponse:
    found = respond(rates, [bowl(rate, best, cliff) for rate in rates], START)
    assert found is not None
    return found


@pytest.mark.parametrize("best", [0.004, 0.006, 0.01, 0.02, 0.025])
def test_three_rates_that_bracket_the_optimum_are_enough(best: float) -> None:
    found = swept(0.001, 0.01, 0.1, best=best)
    assert found.on_border is None
    regret = ((bowl(found.best_rate, best) or math.inf) - 0.3) / 2
    of_the_best_tried = ((bowl(0.01, best) or math.inf) - 0.3) / 2
    assert regret <= max(0.03, of_the_best_tried / 2)
    assert found.low <= found.best_rate <= found.high
    assert found.low * 0.8 <= best <= found.high * 1.25


def test_more_rates_narrow_the_interval() -> None:
    few, many = swept(0.001, 0.01, 0.1), swept(*np.geomspace(0.001, 0.1, 9).tolist())
    assert many.high / many.low < few.high / few.low
    assert many.best_rate == pytest.approx(0.02, rel=0.2)
    assert many.value_low <= 0.3 <= many.value_high


def test_the_best_on_the_border_is_said_and_what_lies_beyond_is_tried_next() -> None:
    high, low = swept(0.0001, 0.001, 0.01, best=0.1), swept(0.1, 1.0, 10.0, best=0.01)
    assert (high.on_border, low.on_border) == ("high", "low")
    assert (high.best_rate, low.best_rate) == (0.01, 0.1)
    assert min(high.next_rates) > 0.01
    assert max(low.next_rates) < 0.1
    # The optimum may lie beyond what was tried, and the interval says so.
    assert high.high > 0.01
    assert low.low < 0.1


def test_a_divergence_above_the_best_is_a_bracket() -> None:
    assert swept(0.0001, 0.001, 0.01, 0.1, best=0.05, cliff=0.1).on_border is None
    assert swept(0.0001, 0.001, 0.01, best=0.05).on_border == "high"


def test_everything_above_a_divergence_is_as_bad() -> None:
    rates = [0.001, 0.01, 0.1, 1.0]
    honest = respond(rates, [1.0, 0.3, None, None], START)
    lucky = respond(rates, [1.0, 0.3, None, 0.9], START)
    assert honest is not None
    assert lucky is not None
    assert lucky.best_rate == honest.best_rate


def test_a_divergence_below_the_best_had_another_cause() -> None:
    found = respond([0.0001, 0.001, 0.01, 0.1], [1.9, None, 0.3, 0.9], START)
    assert found is not None
    assert 0.003 < found.best_rate < 0.05


def test_a_heavy_tail_does_not_move_the_optimum() -> None:
    rates = [0.001, 0.01, 0.1]
    mild, wild = respond(rates, [0.8, 0.3, 2.2], START), respond(rates, [0.8, 0.3, 2.3e9], START)
    assert mild is not None
    assert wild is not None
    assert wild.best_rate == pytest.approx(mild.best_rate, rel=0.3)


def test_another_unit_of_the_loss_changes_nothing_about_the_rate() -> None:
    rates = [0.001, 0.01, 0.1, 1.0]
    losses = [bowl(rate) or 0.0 for rate in rates]
    one, ten = respond(rates, losses, START), respond(rates, [10 * x - 100 for x in losses], 10 * START - 100)
    assert one is not None
    assert ten is not None
    assert ten.best_rate == pytest.approx(one.best_rate, rel=0.02)
    assert ten.value == pytest.approx(10 * one.value - 100, abs=0.01)


def test_the_order_of_the_runs_does_not_matter_and_the_answer_is_the_same_twice() -> None:
    assert swept(0.001, 0.01, 0.1) == swept(0.001, 0.01, 0.1) == swept(0.1, 0.001, 0.01)


@pytest.mark.parametrize(
    ("rates", "losses"),
    [
        ([0.01, 0.1], [0.3, 0.9]),
        ([0.01, 0.01, 0.1], [0.3, 0.31, 0.9]),
        ([0.01, 0.0101, 0.1], [0.3, 0.31, 0.9]),
        ([0.01, 0.1, 1.0], [None, None, None]),
        ([0.01, 0.1, 1.0], [0.3, None, None]),
        ([0.01, 0.1, 1.0], [2.3, 2.4, 2.5]),
        ([], []),
    ],
)
def test_too_little_says_nothing(rates: list[float], losses: list[float | None]) -> None:
    assert respond(rates, losses, START) is None


def test_seeds_that_differ_by_more_than_rates() -> None:
    rates = [0.01] * 3 + [0.03] * 3 + [0.1] * 3
    noisy = respond(rates, [0.3, 0.5, 0.7, 0.35, 0.52, 0.66, 0.31, 0.54, 0.69], START)
    clear = respond(rates, [0.69, 0.7, 0.71, 0.3, 0.31, 0.32, 0.89, 0.9, 0.91], START)
    assert noisy is not None
    assert clear is not None
    assert noisy.seeds_dominate
    assert not clear.seeds_dominate
    # The interval of a sweep that says little is wide.
    assert noisy.high / noisy.low > clear.high / clear.low


def test_without_repetitions_the_scatter_of_seeds_is_unknown() -> None:
    found = swept(0.001, 0.01, 0.1)
    assert found.seed_spread is None
    assert not found.seeds_dominate


def test_what_to_try_next_is_new() -> None:
    for rates in ([0.001, 0.01, 0.1], [0.001, 0.003, 0.01, 0.03, 0.1], [0.03, 0.1, 0.3]):
        found = swept(*rates)
        assert 1 <= len(found.next_rates) <= 3
        assert all(abs(math.log10(new / old)) > 0.05 for new in found.next_rates for old in rates)
