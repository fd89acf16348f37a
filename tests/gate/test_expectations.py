"""What is expected holds, does not, or cannot be said; and only the first passes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.config import Expectation
from lrdoctor.gate.expectations import failed
from lrdoctor.model import Diagnosis, Failure, Severity, Span

from .conftest import FALLING, INF, NAN, Masked, advice, diagnosis, run


def failures(runs: list[Diagnosis], **wanted: Any) -> list[Failure]:
    return list(failed([Expectation(**wanted)], runs))


def one(**series: Any) -> Diagnosis:
    return diagnosis(run(**series))


def fails(of: Diagnosis, **wanted: Any) -> list[str]:
    """What the failures are."""
    return [failure.what for failure in failures([of], **wanted)]


@pytest.mark.parametrize(
    ("bound", "missed"),
    [
        ({"below": 1.5}, False),
        ({"below": 1.0}, True),
        ({"at_most": 1.0}, False),
        ({"at_most": 0.9}, True),
        ({"above": 0.5}, False),
        ({"above": 1.0}, True),
        ({"at_least": 1.0}, False),
        ({"at_least": 1.1}, True),
        ({"above": 0.5, "below": 1.5}, False),
        ({"above": 1.5, "below": 0.5}, True),
    ],
)
def test_bounds(bound: dict[str, float], *, missed: bool) -> None:
    told = fails(one(val=FALLING), metric="val_loss", **bound)
    assert told == ["expectation"] * (len(bound) if missed else 0)


def test_the_message_says_what_was_reached_and_how_that_was_measured() -> None:
    (failure,) = failures([one(val=[float(n) for n in range(100, 0, -1)])], metric="val_loss", below=2)
    assert failure.message == "final val_loss is 3 (median of the last 5 of 100 points), not below 2"
    assert (failure.run, failure.severity) == ("a", Severity.ERROR)


def test_one_wild_point_at_the_end_decides_nothing_and_an_isolated_nan_neither() -> None:
    assert fails(one(val=[1.0] * 99 + [50.0]), metric="val_loss", below=2) == []
    assert fails(one(val=[1.0] * 97 + [NAN, 1.0, 1.0]), metric="val_loss", below=2) == []


@pytest.mark.parametrize(
    "values",
    [
        [1.0] * 99 + [NAN],
        [1.0] * 99 + [INF],
        [1.0] * 99 + [-INF],
        [1.0] * 38 + [NAN, 1.0],
        [1.0] * 95 + [NAN, NAN, NAN, 1.0, 1.0],
        [NAN] * 3,
    ],
)
@pytest.mark.parametrize("bound", [{"below": 9e99}, {"above": -9e99}, {"no_worse_than": "b", "by": 9e9}])
def test_an_end_in_no_number_never_passes(values: list[float], bound: dict[str, Any]) -> None:
    runs = [diagnosis(run("a", val=values)), diagnosis(run("b", val=[1.0] * 100))]
    assert [(f.run, f.what) for f in failures(runs, run="a", metric="val_loss", **bound)] == [("a", "nonfinite")]


def test_best_is_the_best_point_that_is_a_number() -> None:
    told = one(val=[3.0, 1.0, NAN, 2.0, NAN], acc=[0.1, 0.9, 0.5, 0.5, 0.5])
    assert fails(told, metric="val_loss", at="best", below=1.1) == []
    assert fails(told, metric="val_loss", at="best", below=1.0) == ["expectation"]
    assert fails(told, metric="accuracy", at="best", above=0.8) == []
    assert fails(one(val=[NAN, NAN]), metric="val_loss", at="best", below=1) == ["nonfinite"]
    assert fails(one(val=[NAN, -INF]), metric="val_loss", at="best", below=1) == ["nonfinite"]


def test_best_needs_a_direction() -> None:
    told = one(cosine=[1.0, 2.0])
    (failure,) = failures([told], metric="cosine", at="best", above=0.5)
    assert "add better = 'lower' or 'higher'" in failure.message
    assert fails(told, metric="cosine", at="best", above=1.5, better="higher") == []
    assert fails(told, metric="cosine", at="best", above=1.5, better="lower") == ["expectation"]
    # The name of the metric says it.
    assert fails(one(perplexity=[5.0, 2.0, 4.0]), metric="perplexity", at="best", below=3) == []


def test_at_a_step() -> None:
    told = one(val=FALLING)
    assert fails(told, metric="val_loss", at="step", step=50, at_most=6) == []
    assert fails(told, metric="val_loss", at="step", step=50, at_least=6) == []
    # Between two points the last one is known.
    assert fails(told, metric="val_loss", at="step", step=59, at_least=6) == []
    assert fails(told, metric="val_loss", at="step", step=100, at_most=1) == []
    for unknown in (5, 101):
        (failure,) = failures([told], metric="val_loss", at="step", step=unknown, at_most=9e9)
        assert "from step 10 to step 100" in failure.message


def test_what_was_not_logged_fails_and_is_guessed_at() -> None:
    (failure,) = failures([one(val=FALLING, perplexity=FALLING)], metric="perplexty", below=9)
    assert failure.message.startswith("final perplexty: the run has no 'perplexty'; did you mean 'perplexity'?")
    assert failure.what == "expectation"
    assert fails(one(train=FALLING), metric="val_loss", below=9e9) == ["expectation"]


def test_what_matches_no_run_fails() -> None:
    (failure,) = failures([one(val=FALLING)], run="runs/*", metric="val_loss", below=9)
    assert (failure.run, failure.what) == ("", "expectation")
    assert "matches no run" in failure.message


def pair(mine: float, theirs: float, tag: str = "val") -> list[Diagnosis]:
    curves: list[dict[str, Any]] = [{tag: [mine]}, {tag: [theirs]}]
    return [diagnosis(run(name, **curve)) for name, curve in zip("ab", curves, strict=True)]


@pytest.mark.parametrize(
    ("mine", "theirs", "by", "missed"),
    [
        (0.2, 0.2, 0.0, False),
        (0.1, 0.2, 0.0, False),
        (0.201, 0.2, 0.0, True),
        (0.201, 0.2, 0.02, False),
        (0.21, 0.2, 0.02, True),
        (-0.99, -1.0, 0.02, False),
        (-0.9, -1.0, 0.02, True),
        (0.0, 0.0, 0.0, False),
        (1e-9, 0.0, 0.5, True),
        (1.7e308, -1.7e308, 9e9, True),
    ],
)
def test_no_worse_than_a_reference(mine: float, theirs: float, by: float, *, missed: bool) -> None:
    told = failures(pair(mine, theirs), metric="val_loss", no_worse_than="b", by=by)
    assert [(failure.run, failure.what) for failure in told] == ([("a", "expectation")] if missed else [])


def test_worse_means_lower_where_higher_is_better() -> None:
    assert fails_against(pair(0.9, 0.8, "acc"), metric="accuracy") == []
    assert fails_against(pair(0.7, 0.8, "acc"), metric="accuracy") == ["expectation"]
    assert fails_against(pair(0.7, 0.8, "acc"), metric="accuracy", better="lower") == []
    assert fails_against(pair(1.0, 1.0, "cosine"), metric="cosine") == ["expectation"]


def fails_against(runs: list[Diagnosis], **wanted: Any) -> list[str]:
    return [failure.what for failure in failures(runs, no_worse_than="b", **wanted)]


def test_the_message_says_by_how_much() -> None:
    (failure,) = failures(pair(0.25, 0.2), metric="val_loss", no_worse_than="b", by=0.02)
    assert failure.message == (
        "final val_loss is 0.25 (the last of 1 points), worse than 0.2 of b by 0.25 of it, 0.02 allowed"
    )


def test_a_reference_that_is_not_there_or_is_no_number_fails() -> None:
    (failure,) = failures(pair(0.1, 0.2), metric="val_loss", no_worse_than="main")
    assert (failure.run, failure.what) == ("", "expectation")
    assert "no run 'main'" in failure.message
    (failure,) = failures(pair(0.1, NAN), metric="val_loss", no_worse_than="b")
    assert failure.what == "nonfinite"
    (failure,) = failures([*pair(0.1, 1.0)[:1], diagnosis(run("b", train=[1.0]))], metric="val_loss", no_worse_than="b")
    assert failure.what == "expectation"


def test_of_several_references_the_best_is_meant_and_none_is_held_against_itself() -> None:
    runs = [diagnosis(run(name, val=[value])) for name, value in {"a": 0.3, "b1": 0.4, "b2": 0.2, "b3": NAN}.items()]
    told = failures(runs, metric="val_loss", no_worse_than="b*")
    assert [failure.run for failure in told] == ["a"]
    assert "worse than 0.2 of b2" in told[0].message


def test_a_masked_end_is_no_number_whatever_the_log_shows() -> None:
    found = Masked(series="train", span=Span(60, 100), confidence=1.0)
    told = diagnosis(
        run(train=[5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), advice("LRD9", Severity.INFO, found)
    )
    assert fails(told, metric="train_loss", below=9) == ["nonfinite"]
    assert fails(told, metric="train_loss", at="best", below=1.5) == []
    assert fails(told, metric="train_loss", at="best", below=0.5) == ["expectation"]


@given(
    values=st.lists(st.floats(), min_size=1, max_size=30),
    bound=st.floats(allow_nan=False, allow_infinity=False),
    at=st.sampled_from(["final", "best"]),
)
def test_below_and_at_least_never_both_pass(values: list[float], bound: float, at: str) -> None:
    told = one(val=values)
    below, rest = (fails(told, metric="val_loss", at=at, **{name: bound}) for name in ("below", "at_least"))
    assert below or rest
    assert (below and rest) == (["nonfinite"] if "nonfinite" in below else [])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "expects nothing"),
        ({"below": NAN}, "below must be a finite number"),
        ({"above": -INF}, "above must be a finite number"),
        ({"below": 1, "at": "step"}, "go together"),
        ({"below": 1, "step": 3}, "go together"),
        ({"below": 1, "by": 0.1}, "by needs no_worse_than"),
        ({"no_worse_than": "b", "by": -0.1}, "by must be"),
        ({"no_worse_than": "b", "by": INF}, "by must be"),
    ],
)
def test_what_cannot_be_held_against_a_run_is_refused(wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Expectation(metric="val_loss", **wanted)
