"""Range tests whose edges are known, tests that never reached one, and what is no sweep."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lrdoctor.config import Config
from lrdoctor.detectors import lr_schedule, rate_finder
from lrdoctor.detectors._sweep import longest_fall
from lrdoctor.doctor import known_rules
from lrdoctor.engine.match import advise
from lrdoctor.model import Floats, Run
from lrdoctor.testing import constant_rate, cosine_rate, descent, linear_rate, make_run

STEPS = 800


def found(run: Run) -> list[rate_finder.RateFinder]:
    return list(rate_finder.detect(run, rate_finder.Settings()))


def ramp(low: float = 1e-6, high: float = 10.0, steps: int = STEPS) -> Floats:
    return np.asarray(np.geomspace(low, high, steps), dtype=np.float64)


def swept(
    rates: Floats, *, fall: float = 1e-3, edge: float = 0.1, noise: float = 0.02, seed: int = 0, scale: float = 1.0
) -> Floats:
    """A loss that falls from 2.3 by 1.5 around the rate `fall`, by little more from there on, and climbs at once where
    the rate passes the edge."""
    x = np.log10(rates)
    clean = 2.3 - 1.5 / (1 + 10 ** (-2.5 * (x - np.log10(fall)))) - 0.1 * np.maximum(0.0, x - np.log10(fall))
    clean = clean + 3.0 * np.maximum(0.0, x - np.log10(edge))
    return np.asarray(scale * clean * np.random.default_rng(seed).normal(1, noise, len(x)), dtype=np.float64)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("fall", "edge"), [(1e-3, 0.1), (1e-4, 1e-2), (1e-2, 1.0)])
def test_reads_a_range_test(cadence: Callable[[Run], Run], seed: int, fall: float, edge: float) -> None:
    rates = ramp()
    [finding] = found(cadence(make_run(train_loss=swept(rates, fall=fall, edge=edge, seed=seed), lr=rates)))
    assert finding.whole_run
    assert finding.turned
    assert finding.steepest_lr == pytest.approx(fall, rel=1.0)
    assert edge / 2.5 < finding.lowest_lr < edge * 1.5
    assert finding.tenth_lr == pytest.approx(finding.lowest_lr / 10)
    assert finding.onset_lr is not None
    assert edge < finding.onset_lr < 3 * edge
    # Nine tenths of the steep part are done 0.38 decades above its middle.
    assert fall * 10**0.2 < finding.done_lr < fall * 10
    assert finding.valley_lr < finding.done_lr
    assert finding.suggested_lr is not None
    assert finding.low_lr is not None
    assert finding.high_lr is not None
    assert finding.low_lr < finding.suggested_lr <= finding.high_lr <= max(finding.lowest_lr, finding.suggested_lr)
    assert finding.suggested_lr == pytest.approx(min(finding.done_lr, finding.lowest_lr / 10**0.5), rel=1.0)
    assert finding.suggested_factor == pytest.approx(finding.suggested_lr / finding.peak_lr)


def test_neither_the_unit_of_the_loss_nor_that_of_the_rate_matters() -> None:
    rates = ramp()
    [one] = found(make_run(train_loss=swept(rates), lr=rates))
    [scaled] = found(make_run(train_loss=swept(rates, scale=1000.0), lr=rates))
    [shifted] = found(make_run(train_loss=swept(rates) - 50, lr=rates))
    [faster] = found(make_run(train_loss=swept(rates), lr=1000 * rates))
    assert one.suggested_lr is not None
    assert scaled.suggested_lr == shifted.suggested_lr == one.suggested_lr
    assert faster.suggested_lr == pytest.approx(1000 * one.suggested_lr)


def test_a_loss_that_ends_in_nan_turned_up_there() -> None:
    rates = ramp()
    loss = np.where(rates < 0.05, swept(rates), np.nan)
    [finding] = found(make_run(train_loss=loss, lr=rates))
    assert finding.turned
    assert finding.onset_lr == pytest.approx(0.05, rel=0.05)
    assert finding.suggested_lr is not None


def test_a_stopped_test_is_read_as_a_whole_one() -> None:
    whole = ramp()
    loss = swept(whole)
    # fastai and Lightning stop at four times the best.
    stop = next(i for i in range(STEPS) if whole[i] > 0.1 and loss[i] > 4 * loss[:i].min())
    [stopped] = found(make_run(train_loss=loss[:stop], lr=whole[:stop]))
    [full] = found(make_run(train_loss=loss, lr=whole))
    assert stopped.suggested_lr is not None
    assert stopped.suggested_lr == pytest.approx(full.suggested_lr, rel=0.4)


def test_a_linear_ramp_is_read_by_decades() -> None:
    rates = np.linspace(1e-4, 1.0, 4000)
    [finding] = found(make_run(train_loss=swept(rates, fall=1e-2), lr=rates))
    assert 0.04 < finding.lowest_lr < 0.15
    assert finding.turned


def test_without_an_edge_there_is_no_suggestion() -> None:
    rates = ramp(high=0.05)
    [finding] = found(make_run(train_loss=swept(rates), lr=rates))
    assert not finding.turned
    assert finding.onset_lr is finding.suggested_lr is finding.suggested_factor is finding.low_lr is None
    assert finding.steepest_lr == pytest.approx(1e-3, rel=1.0)


def test_the_warm_up_of_a_training_gets_none() -> None:
    warm = ramp(1e-5, 1.0, 300)
    loss = np.concatenate([swept(warm), descent(steps=700, start=3.0).values])
    [finding] = found(make_run(train_loss=loss, lr=np.concatenate([warm, linear_rate(steps=700, peak=1.0)])))
    assert not finding.whole_run
    assert finding.turned
    assert finding.suggested_lr is None


@pytest.mark.parametrize("noise", [0.02, 0.3])
def test_a_test_in_which_nothing_was_learned_says_nothing(noise: float) -> None:
    rates = ramp()
    flat = 2.3 * np.random.default_rng(1).normal(1, noise, STEPS)
    assert not found(make_run(train_loss=flat, lr=rates))


@pytest.mark.parametrize(
    "rate",
    [
        constant_rate(steps=STEPS),
        cosine_rate(steps=STEPS),
        ramp(0.11, 1.0),
        ramp()[::-1].copy(),
        np.where(np.arange(STEPS) == 300, 1e-6, ramp()),
    ],
    ids=["constant", "no warm-up", "less than a decade", "falls", "falls back"],
)
def test_what_is_no_sweep(rate: Floats) -> None:
    assert not found(make_run(train_loss=swept(ramp()), lr=rate))


def test_the_rule_speaks_of_a_range_test() -> None:
    rates = ramp()
    run = make_run(train_loss=swept(rates), lr=rates)
    seen = [*found(run), *lr_schedule.detect(run, lr_schedule.Settings())]
    said = {a.rule.id: a for a in advise(known_rules(Config()), seen)}
    assert "unknown" not in said["LRD539"].message
    assert not said["LRD539"].fixes


def test_the_longest_fall() -> None:
    assert longest_fall(np.array([5.0, 4.0, 6.0, 3.0, 3.0, 7.0, 2.0])) == (0, 6)
    assert longest_fall(np.array([1.0, 2.0, 3.0])) == (0, 0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = rng.integers(0, 9, 12).astype(np.float64)
        length = [1] * len(values)
        for i in range(len(values)):
            length[i] = 1 + max((length[j] for j in range(i) if values[j] > values[i]), default=0)
        first, last = longest_fall(values)
        assert length[last] == max(length)
        assert first <= last
