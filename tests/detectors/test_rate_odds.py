"""All symptoms weighed together: clear faults lean their way, sound runs none, and the score cards are well-formed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.detectors import rate_odds as detector
from lrdoctor.detectors._symptoms import PHRASES, symptoms
from lrdoctor.model import Floats, Role, Run
from lrdoctor.testing import (
    Made,
    Points,
    constant_rate,
    cosine_rate,
    descent,
    evaluated,
    exponential_rate,
    linear_rate,
    logged,
    make_run,
    oscillation,
    ruled_line,
    step_rate,
)

EVERYTHING = detector.Settings(piece=0.0, told=len(PHRASES))


def found(run: Run, settings: detector.Settings | None = None) -> list[detector.RateOdds]:
    return list(detector.detect(run, settings or detector.Settings()))


def without(run: Run, *roles: Role) -> Run:
    return replace(run, roles={role: tag for role, tag in run.roles.items() if role not in roles})


def told_by(made: Made, rate: Floats, *, seed: int = 0) -> Run:
    """A run of this loss, whose gradients shrink with it."""
    scatter = np.random.default_rng([seed, 3]).standard_normal(len(made.values))
    return make_run(
        train_loss=made.values,
        val_loss=evaluated(made, noise=0.0005, seed=seed),
        lr=rate,
        grad_norm=np.sqrt(made.clean) * np.exp(0.3 * scatter),
    )


def trained(rate: Floats, *, pace: float, restless: float = 0.0, floor: float = 0.3, seed: int = 0) -> Run:
    """The loss falls as exp(−pace × the share of the sum of rates), and the weights shiver as the rate is high.

    `restless` is how far they do at the peak, as a share of the whole drop; a shiver lasts for some twenty steps.
    """
    rng = np.random.default_rng(seed)
    relative = rate / rate.max()
    walked = np.cumsum(relative) / len(rate)
    shiver = np.convolve(rng.standard_normal(len(rate)), 0.31 * 0.95 ** np.arange(200))[: len(rate)]
    settled = floor + (2.3 - floor) * np.exp(-pace * walked)
    clean = settled + restless * (2.3 - floor) * relative * np.abs(shiver) * np.minimum(1, 20 * walked)
    batches = 1 + 0.03 * np.clip(rng.standard_normal(len(rate)), -2.5, 2.5)
    return told_by(Made(values=clean * batches, clean=clean), rate, seed=seed)


def slow(seed: int = 0) -> Run:
    return trained(constant_rate(), pace=0.7, seed=seed)


def restless(seed: int = 0) -> Run:
    return trained(constant_rate(), pace=60, restless=0.4, floor=0.6, seed=seed)


def frozen(seed: int = 0) -> Run:
    return trained(exponential_rate(final_fraction=math.exp(-9)), pace=5, restless=0.01, seed=seed)


def sound(seed: int = 0) -> Run:
    return trained(cosine_rate(warmup=100), pace=12, restless=0.03, seed=seed)


CLEAR: Mapping[str, Callable[[int], Run]] = {"too_low": slow, "too_high": restless, "unannealed": frozen}
clear = pytest.mark.parametrize(("leaning", "make"), CLEAR.items(), ids=CLEAR)


# -------------------------------------------------------------------------------------------------------- what it says


@clear
@pytest.mark.parametrize("seed", range(4))
def test_clear_faults_lean_their_way(leaning: str, make: Callable[[int], Run], seed: int) -> None:
    [finding] = found(make(seed))
    assert finding.leaning == leaning
    assert finding.odds > 0.55
    assert finding.sound < 0.15
    assert finding.confidence == finding.odds
    assert finding.pieces_for > 3
    assert finding.rate_logged


@pytest.mark.parametrize(
    ("leaning", "run"),
    [
        ("too_low", told_by(ruled_line(), constant_rate())),
        ("too_low", told_by(ruled_line(drop=0.5), constant_rate())),
        ("too_low", trained(cosine_rate(warmup=100), pace=0.7)),
        ("too_high", told_by(oscillation(), constant_rate())),
        ("too_high", told_by(oscillation(swing=0.4, level=1.5), constant_rate())),
        ("unannealed", trained(step_rate(cuts=(0.08, 0.16, 0.24)), pace=15, restless=0.01)),
    ],
    ids=["ruled line", "steep ruled line", "slow under a cosine", "swings", "large swings", "steps that come too soon"],
)
def test_other_clear_faults(leaning: str, run: Run) -> None:
    [finding] = found(run)
    assert finding.leaning == leaning
    assert finding.odds > 0.5
    assert finding.sound < 0.2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "rate",
    [cosine_rate(warmup=100), cosine_rate(), linear_rate(warmup=100)],
    ids=["cosine", "no warm-up", "linear"],
)
def test_an_annealed_training_is_likelier_sound_than_not(rate: Floats, seed: int) -> None:
    [finding] = found(trained(rate, pace=12, restless=0.03, seed=seed))
    assert finding.sound > 0.6
    assert finding.odds < 0.3


@pytest.mark.parametrize(
    "run",
    [
        trained(constant_rate(), pace=12, restless=0.01),
        trained(cosine_rate(warmup=100), pace=8, restless=0.03),
        trained(cosine_rate(warmup=100), pace=30, restless=0.06),
        trained(step_rate(), pace=12, restless=0.03),
    ],
    ids=[
        "nearly at its floor at a constant rate",
        "still falling late",
        "restless until the rate falls",
        "steps in time",
    ],
)
def test_near_misses(run: Run) -> None:
    [finding] = found(run)
    assert finding.odds < 0.7
    assert finding.sound > 0.3


def test_a_slow_fall_is_told_from_a_fast_one_and_a_restless_one_from_a_calm_one() -> None:
    [low], [fast] = (found(trained(constant_rate(), pace=pace)) for pace in (0.7, 20))
    assert low.too_low > fast.too_low + 0.2
    [calm], [wild] = (found(trained(constant_rate(), pace=60, restless=r)) for r in (0.002, 0.4))
    assert wild.too_high > calm.too_high + 0.2


@pytest.mark.parametrize("make", [slow, restless, frozen, sound])
@pytest.mark.parametrize("left_out", [(), (Role.VAL_LOSS,), (Role.LR,), (Role.VAL_LOSS, Role.LR), (Role.GRAD_NORM,)])
def test_the_odds_are_probabilities(make: Callable[[], Run], left_out: tuple[Role, ...]) -> None:
    [finding] = found(without(make(), *left_out))
    odds = {answer: getattr(finding, answer) for answer in detector.ANSWERS}
    assert sum(odds.values()) == pytest.approx(1.0, abs=1e-12)
    assert all(0 < p < 1 for p in odds.values())
    assert (
        finding.confidence
        == finding.odds
        == odds[finding.leaning]
        == max(p for answer, p in odds.items() if answer != "sound")
    )


def test_a_run_that_never_fell_or_began_late_is_not_weighed() -> None:
    rising = descent(noise=0.0).values[::-1]
    assert not found(make_run(train_loss=rising, lr=constant_rate()))
    assert not found(make_run(train_loss=rising, val_loss=Points(np.arange(0, 2000, 25), rising[::25])))
    assert not found(make_run(train_loss=np.ones(2000), lr=constant_rate()))
    run = sound()
    late = {
        tag: replace(s, steps=s.steps[len(s) // 3 :], values=s.values[len(s) // 3 :]) for tag, s in run.series.items()
    }
    assert found(run)
    assert not found(replace(run, series=late))


def test_no_finding_without_a_loss_or_from_a_few_points() -> None:
    assert not found(make_run(lr=constant_rate(), grad_norm=np.ones(2000)))
    few = descent(steps=15)
    assert not found(make_run(train_loss=few.values, lr=constant_rate(steps=15)))


# ---------------------------------------------------------------------------------------------------------- the pieces


@pytest.mark.parametrize("make", [slow, restless, frozen, sound])
def test_as_many_pieces_are_told_as_counted(make: Callable[[], Run]) -> None:
    run = make()
    [full] = found(run, replace(EVERYTHING, piece=0.2))
    [short] = found(run)
    [curt] = found(run, detector.Settings(told=1))
    for side in ("for", "against"):
        count = getattr(full, f"pieces_{side}")
        said = getattr(full, f"spoke_{side}").split("; ")
        assert count == getattr(short, f"pieces_{side}") == (0 if said == ["nothing"] else len(said))
        # The weightiest come first, so a short answer is how the long one begins.
        assert getattr(short, f"spoke_{side}").split("; ") == said[:3]
        assert getattr(curt, f"spoke_{side}") == said[0]
    assert full.pieces_for + full.pieces_against <= len(PHRASES)


def test_where_nothing_weighs_enough_nothing_is_told() -> None:
    [finding] = found(slow(), detector.Settings(piece=100.0))
    assert (finding.pieces_for, finding.pieces_against) == (0, 0)
    assert finding.spoke_for == finding.spoke_against == "nothing"
    [usual] = found(slow())
    assert (finding.leaning, finding.odds) == (usual.leaning, usual.odds)


@pytest.mark.parametrize("make", [slow, restless, frozen, sound])
def test_the_odds_are_those_of_a_sum_over_the_card(make: Callable[[], Run]) -> None:
    run = make()
    seen = symptoms(run)
    assert seen is not None
    card = detector.cards()[detector.logged_as(seen)]
    logs = np.array(card["base"])
    phrases: list[tuple[float, str]] = []
    [finding] = found(run, EVERYTHING)
    column = detector.ANSWERS.index(finding.leaning)
    for name, entry in card["symptoms"].items():
        if math.isnan(seen[name]):
            continue
        points = np.array(entry["points"][sum(edge <= seen[name] for edge in entry["edges"])])
        logs = logs + points
        phrases.append((points[column] - points[0], PHRASES[name](seen[name])))
    odds = np.exp(logs / card["temperature"])
    odds /= odds.sum()
    assert [finding.sound, finding.too_low, finding.too_high, finding.unannealed] == pytest.approx(odds.tolist())
    weightiest = max(pull for pull, _ in phrases)
    assert finding.spoke_for.split("; ")[0] in {phrase for pull, phrase in phrases if pull == weightiest}
    told = set(finding.spoke_for.split("; ")) | set(finding.spoke_against.split("; "))
    assert told == {phrase for _, phrase in phrases}


# ---------------------------------------------------------------------------------------------- what the log told of it


@pytest.mark.parametrize(
    ("left_out", "kind"),
    [
        ((), "validation and rate"),
        ((Role.GRAD_NORM,), "validation and rate"),
        ((Role.LR,), "validation"),
        ((Role.LR, Role.GRAD_NORM), "validation"),
        ((Role.VAL_LOSS,), "training and rate"),
        ((Role.VAL_LOSS, Role.LR), "training"),
    ],
)
@pytest.mark.parametrize("make", [slow, restless, frozen, sound])
def test_the_card_is_that_of_what_was_logged(make: Callable[[], Run], left_out: tuple[Role, ...], kind: str) -> None:
    run = without(make(), *left_out)
    seen = symptoms(run)
    assert seen is not None
    assert detector.logged_as(seen) == kind
    [finding] = found(run)
    assert finding.rate_logged is (Role.LR not in left_out)
    assert finding.series == ("train_loss" if Role.VAL_LOSS in left_out else "val_loss")
    assert finding.span == run.span


def test_a_validation_alone_is_enough() -> None:
    run = slow()
    [alone] = found(without(run, Role.TRAIN_LOSS, Role.GRAD_NORM))
    assert (alone.leaning, alone.series) == ("too_low", "val_loss")
    assert alone.odds > 0.6


@pytest.mark.parametrize("make", [slow, restless, frozen])
def test_what_is_unknown_counts_for_nothing(make: Callable[[], Run]) -> None:
    run = make()
    norm = run[Role.GRAD_NORM]
    assert norm is not None
    [unlogged] = found(without(run, Role.GRAD_NORM))
    # A gradient norm that tells nothing is as good as none.
    for silent in (norm.values[:10], 0 * norm.values, math.nan * norm.values):
        there = replace(
            run, series={**run.series, norm.tag: replace(norm, steps=norm.steps[: len(silent)], values=silent)}
        )
        assert found(there) == [unlogged]
    [told] = found(without(run, Role.GRAD_NORM), EVERYTHING)
    assert "gradient" not in told.spoke_for + told.spoke_against
    [told] = found(without(run, Role.LR, Role.GRAD_NORM), EVERYTHING)
    assert "sum of rates" not in told.spoke_for + told.spoke_against
    assert "peak" not in told.spoke_for + told.spoke_against


@pytest.mark.parametrize("make", [slow, restless, frozen, sound])
@pytest.mark.parametrize("unit", [1000.0, 0.001])
def test_the_unit_of_the_loss_changes_nothing(make: Callable[[], Run], unit: float) -> None:
    run = make()
    scaled = {
        tag: replace(s, values=unit * s.values) if tag in ("train_loss", "val_loss") else s
        for tag, s in run.series.items()
    }
    assert found(replace(run, series=scaled), EVERYTHING) == found(run, EVERYTHING)


def test_the_unit_of_the_rate_changes_nothing() -> None:
    run = frozen()
    rate = run.series["lr"]
    scaled = replace(run, series={**run.series, "lr": replace(rate, values=1000 * rate.values)})
    assert found(scaled) == found(run)


@clear
@pytest.mark.parametrize("left_out", [(), (Role.VAL_LOSS,)], ids=["validated", "not validated"])
def test_does_not_depend_on_the_cadence(
    leaning: str, make: Callable[[int], Run], left_out: tuple[Role, ...], cadence: Callable[[Run], Run]
) -> None:
    run = without(make(0), *left_out)
    [whole], [seen] = found(run), found(cadence(run))
    assert whole.leaning == seen.leaning == leaning
    assert abs(whole.odds - seen.odds) < 0.25
    assert seen.sound < 0.25


def test_a_sound_run_stays_so_under_every_cadence(cadence: Callable[[Run], Run]) -> None:
    [whole], [seen] = found(sound()), found(cadence(sound()))
    assert abs(whole.sound - seen.sound) < 0.25
    assert seen.odds < 0.3


def test_a_sparse_average_says_what_every_step_says() -> None:
    for make in (slow, restless, frozen, sound):
        [whole], [seen] = found(make()), found(logged(make(), every=50, averaged=True))
        assert abs(whole.sound - seen.sound) < 0.25


# ----------------------------------------------------------------------------------------------------------- the cards


def cards() -> list[tuple[str, Mapping[str, Any]]]:
    return list(detector.cards().items())


def test_there_is_a_card_for_every_kind_of_log() -> None:
    losses, rates = ("validation", "training"), ("", " and rate")
    assert set(detector.cards()) == {loss + rate for loss, rate in itertools.product(losses, rates)}


@pytest.mark.parametrize(("kind", "card"), cards(), ids=list(detector.cards()))
def test_a_card_is_well_formed(kind: str, card: Mapping[str, Any]) -> None:
    assert set(card) == {"temperature", "base", "symptoms"}
    assert 0.1 < card["temperature"] < 10
    assert len(card["base"]) == len(detector.ANSWERS)
    assert all(math.isfinite(number) for number in card["base"])
    assert len(card["symptoms"]) >= 10
    for name, entry in card["symptoms"].items():
        assert name in PHRASES, name
        assert set(entry) == {"edges", "points"}, name
        assert entry["edges"], name
        assert all(math.isfinite(edge) for edge in entry["edges"]), name
        assert all(a < b for a, b in itertools.pairwise(entry["edges"])), name
        assert len(entry["points"]) == len(entry["edges"]) + 1, name
        for points in entry["points"]:
            assert len(points) == len(detector.ANSWERS), name
            assert all(math.isfinite(number) and abs(number) < 20 for number in points), name
        # One that adds nothing anywhere would say nothing.
        assert np.any(entry["points"]), name
    if "rate" not in kind:
        rated = {"mean_rate", "high_width", "end_rate", "peak_at", "anneal_gain", "spent_at_half", "fall_first"}
        assert not rated & set(card["symptoms"])


# ------------------------------------------------------------------------------------------------------------- softmax


def test_softmax_by_hand() -> None:
    assert detector.softmax(np.zeros(4)).tolist() == [0.25] * 4
    assert detector.softmax(np.log([1.0, 2.0, 5.0])).tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    both = detector.softmax(np.log([[1.0, 3.0], [4.0, 1.0]]))
    assert both.ravel().tolist() == pytest.approx([0.25, 0.75, 0.8, 0.2])
    assert detector.softmax(np.array([1e4, -1e4])).tolist() == [1.0, 0.0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.floats(-1e6, 1e6))
def test_softmax_gives_probabilities_and_ignores_a_shift(logs: list[float], shift: float) -> None:
    odds = detector.softmax(np.array(logs))
    assert odds.sum() == pytest.approx(1.0)
    assert ((odds >= 0) & (odds <= 1)).all()
    assert detector.softmax(np.array(logs) + shift) == pytest.approx(odds, abs=1e-6)
