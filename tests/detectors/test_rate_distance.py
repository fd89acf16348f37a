"""How far the peak should move: the right way on clear cases, and by trees that are well-formed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.detectors import rate_distance as detector
from lrdoctor.detectors._symptoms import PHRASES
from lrdoctor.detectors.rate_odds import cards
from lrdoctor.model import Floats, Role, Run
from lrdoctor.testing import constant_rate, evaluated, make_run, oscillation, ruled_line


def found(run: Run) -> list[detector.RateDistance]:
    return list(detector.detect(run, detector.Settings()))


def told(run: Run) -> float:
    (distance,) = found(run)
    return distance.decades


def creeping() -> Run:
    """A loss that falls along a line to the end: at ten times the rate it would have arrived."""
    made = ruled_line()
    return make_run(
        train_loss=made.values,
        val_loss=evaluated(made, noise=0.0002),
        lr=constant_rate(steps=len(made.values)),
        grad_norm=np.sqrt(np.maximum(made.clean, 1e-3)),
    )


def swinging() -> Run:
    """A loss that swings about a level far above what it would come down to."""
    made = oscillation()
    return make_run(
        train_loss=made.values, val_loss=evaluated(made, noise=0.05), lr=constant_rate(steps=len(made.values))
    )


def test_a_creeping_run_should_go_up_and_a_swinging_one_down() -> None:
    assert told(creeping()) > 0.3
    assert told(swinging()) < -0.3


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_unit_of_the_loss_does_not_matter(scale: float) -> None:
    run = creeping()
    series = {
        tag: replace(s, values=s.values * scale) if tag != run.roles[Role.LR] else s for tag, s in run.series.items()
    }
    assert told(replace(run, series=series)) == pytest.approx(told(run), abs=0.02)


def test_a_log_that_tells_less_is_judged_with_a_larger_error() -> None:
    run = creeping()
    (whole,) = found(run)
    (bare,) = found(replace(run, roles={Role.TRAIN_LOSS: run.roles[Role.TRAIN_LOSS]}))
    assert whole.rate_logged
    assert not bare.rate_logged
    assert bare.error > whole.error
    assert bare.confidence < whole.confidence


def test_a_run_that_never_fell_has_no_distance() -> None:
    assert not found(make_run(train_loss=np.ones(500), lr=constant_rate(steps=500)))
    assert not found(make_run(train_loss=np.linspace(1.0, 2.0, 500), lr=constant_rate(steps=500)))


def test_there_are_trees_for_every_kind_of_log_that_there_is_a_card_for() -> None:
    assert detector.trees().keys() == cards().keys()


@pytest.mark.parametrize("kind", sorted(cards()))
def test_the_trees_ask_for_known_symptoms_and_end_in_numbers(kind: str) -> None:
    fitted = detector.trees()[kind]
    assert 0 < fitted["error"] < 2
    leaves: list[float] = []
    for tree in fitted["trees"]:
        leaves += walked(tree)
    assert leaves
    # No tree alone moves the peak by more than a decade.
    assert max(abs(leaf) for leaf in leaves) <= 1


def walked(node: Any) -> list[float]:
    if isinstance(node, list):
        symptom, threshold, unknown_below, below, above = node
        assert 0 <= symptom < len(PHRASES)
        assert math.isfinite(threshold)
        assert unknown_below in (0, 1)
        return walked(below) + walked(above)
    return [float(node)]


def naive(fitted: Mapping[str, Any], values: Sequence[float]) -> float:
    """Tree by tree, from question to question."""
    leaves: list[float] = []
    for node in fitted["trees"]:
        while isinstance(node, list):
            symptom, threshold, unknown_below, below, above = node
            value = values[symptom]
            node = below if value <= threshold or (unknown_below and math.isnan(value)) else above
        leaves.append(float(node))
    return float(fitted["base"] + sum(leaves))


SYMPTOMS = st.floats(-3, 3) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0])


@pytest.mark.parametrize("kind", sorted(cards()))
@given(st.lists(SYMPTOMS, min_size=len(PHRASES), max_size=len(PHRASES)))
def test_all_trees_at_once_say_what_they_say_one_by_one(kind: str, values: list[float]) -> None:
    fitted = detector.trees()[kind]
    assert detector.decades(fitted, values) == naive(fitted, values)


def test_what_stands_at_a_threshold_goes_below() -> None:
    for fitted in detector.trees().values():
        for tree in fitted["trees"]:
            values = [math.nan] * len(PHRASES)
            values[tree[0]] = tree[1]
            alone = {"base": 0.0, "trees": [tree]}
            assert (
                detector.decades(alone, values) == naive(alone, values) == naive({**alone, "trees": [tree[3]]}, values)
            )


def test_a_tree_may_ask_for_nothing_but_whether_it_is_known() -> None:
    """As those of scikit-learn do."""
    fitted = {"base": 0.0, "trees": [[0, math.inf, 0, 0.25, 0.75]]}
    told = [detector.decades(fitted, [value]) for value in (math.nan, 5.0, -math.inf, math.inf)]
    assert told == [0.75, 0.25, 0.25, 0.25]


def test_trees_may_be_bare_leaves_and_none() -> None:
    assert detector.decades({"base": 1.0, "trees": [0.25, -0.5]}, [math.nan]) == 0.75
    assert detector.decades({"base": 1.0, "trees": []}, [0.0]) == 1.0


def test_an_unknown_symptom_goes_where_the_tree_sends_it() -> None:
    tree: Any = [0, 1.0, 1, -0.5, [1, 2.0, 0, 0.25, 0.75]]
    fitted = {"base": 1.0, "trees": [tree]}
    nan = math.nan
    rows: list[tuple[Floats, float]] = [
        (np.array([0.0, 0.0]), 0.5),
        (np.array([nan, 0.0]), 0.5),
        (np.array([2.0, 2.0]), 1.25),
        (np.array([2.0, nan]), 1.75),
    ]
    for values, expected in rows:
        assert detector.decades(fitted, list(values)) == expected
