"""What the plain values refuse, and what a report counts, sorts and raises."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lrdoctor.errors import ThresholdError
from lrdoctor.model import (
    Advice,
    Diagnosis,
    Finding,
    Problem,
    Report,
    Role,
    RuleInfo,
    Run,
    Series,
    Severity,
    Span,
    Verdict,
    finite_or_none,
)
from lrdoctor.testing import Points, make_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Finding):
    kind: ClassVar[str] = "seen"
    height: float
    width: int | None


SEEN = Seen(series="loss", span=Span(1, 2), confidence=0.5, height=2.0, width=None)
STEPS = arrays(np.int64, st.integers(0, 20), elements=st.integers(-(2**63), 2**63 - 1))


@pytest.mark.parametrize("steps", [[0, 0], [1, 0], [0, 1, 1], [2**63 - 1, -(2**63)], [2**62, -(2**62) - 1]])
def test_steps_must_increase(steps: list[int]) -> None:
    with pytest.raises(ValueError, match="series 'loss': steps do not strictly increase"):
        Series(tag="loss", steps=np.array(steps), values=np.zeros(len(steps)))


@pytest.mark.parametrize("steps", [[], [5], [-(2**63), 2**63 - 1], [-(2**62) - 1, 2**62], [0, 10**18]])
def test_any_steps_that_increase_will_do(steps: list[int]) -> None:
    assert len(Series(tag="loss", steps=np.array(steps, dtype=np.int64), values=np.zeros(len(steps)))) == len(steps)


@given(STEPS)
def test_refuses_exactly_the_steps_that_do_not_increase(steps: Any) -> None:
    told = [int(step) for step in steps]
    if told == sorted(set(told)):
        Series(tag="loss", steps=steps, values=np.zeros(len(steps)))
    else:
        with pytest.raises(ValueError, match="strictly increase"):
            Series(tag="loss", steps=steps, values=np.zeros(len(steps)))


@pytest.mark.parametrize(
    ("values", "times", "named"),
    [
        (np.zeros(3), None, "values"),
        (np.zeros((2, 1)), None, "values"),
        (np.zeros(2), np.zeros(1), "wall_times"),
    ],
)
def test_lengths_must_agree(values: Any, times: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"series 'loss': {named} has shape"):
        Series(tag="loss", steps=np.arange(2), values=values, wall_times=times)


def test_series_are_read_only_copies() -> None:
    steps, values, times = np.arange(3), np.zeros(3), np.ones(3)
    series = Series(tag="loss", steps=steps, values=values, wall_times=times)
    assert series.wall_times is not None
    for array in (series.steps, series.values, series.wall_times):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    values[0] = 5.0
    assert series.values[0] == 0.0
    assert [str(series.steps.dtype), str(series.values.dtype)] == ["int64", "float64"]
    with pytest.raises(FrozenInstanceError):
        series.tag = "other"  # type: ignore[misc]


def test_finite_drops_points_and_their_times() -> None:
    values = np.array([1.0, math.nan, math.inf, 2.0])
    series = Series(tag="loss", steps=np.arange(4), values=values, wall_times=np.arange(4.0))
    finite = series.finite()
    assert finite.wall_times is not None
    assert finite.steps.tolist() == [0, 3]
    assert finite.values.tolist() == [1.0, 2.0]
    assert finite.wall_times.tolist() == [0.0, 3.0]
    assert finite.finite() is finite


def test_a_run_finds_its_series_by_role() -> None:
    run = make_run(train_loss=[1.0, 2.0])
    series = run[Role.TRAIN_LOSS]
    assert series is not None
    assert series.values.tolist() == [1.0, 2.0]
    assert run[Role.LR] is None


def test_the_loss_decides_where_a_run_ends() -> None:
    late = Points(np.array([500]), np.array([1.0]))
    assert make_run(train_loss=[1.0] * 10, accuracy=late).span == (0, 9)
    assert make_run(train_loss=[1.0] * 10, lr=Points(np.array([2, 20]), np.ones(2))).span == (0, 20)
    assert make_run(train_loss=[], accuracy=late).span == (500, 500)
    assert make_run(train_loss=[]).span is None
    assert make_run().span is None


def test_evidence_is_what_a_finding_adds() -> None:
    assert Seen.evidence_names() == ("height", "width")
    assert SEEN.evidence == {"height": 2.0, "width": None}


def test_severities_are_comparable_by_rank() -> None:
    assert [severity.rank for severity in (Severity.INFO, Severity.WARNING, Severity.ERROR)] == [0, 1, 2]


def advice(rule: str, severity: Severity) -> Advice:
    info = RuleInfo(id=rule, name=f"name-of-{rule}", severity=severity, what="It went wrong.")
    return Advice(rule=info, message=f"{rule} was seen.", because=(SEEN,), fixes=(), confidence=0.5)


def diagnosis(name: str, verdict: Verdict, *said: Advice) -> Diagnosis:
    run = Run(name=name, path=Path(name), format="made", series={})
    return Diagnosis(run=run, verdict=verdict, advice=said)


INFO = advice("LRD601", Severity.INFO)
WARNING = advice("LRD301", Severity.WARNING)
ERROR = advice("LRD101", Severity.ERROR)
REPORT = Report(
    runs=(
        diagnosis("a", Verdict.HEALTHY, INFO),
        diagnosis("b", Verdict.UNHEALTHY, WARNING, INFO),
        diagnosis("c", Verdict.CANNOT_TELL),
        diagnosis("d", Verdict.UNHEALTHY, WARNING, ERROR, WARNING),
        diagnosis("e", Verdict.HEALTHY),
        diagnosis("f", Verdict.UNHEALTHY, WARNING),
    ),
    version="1",
)


def test_the_worst_severity() -> None:
    assert [d.severity for d in REPORT.runs] == [
        Severity.INFO,
        Severity.WARNING,
        None,
        Severity.ERROR,
        None,
        Severity.WARNING,
    ]


def test_counts() -> None:
    assert [REPORT.count(verdict) for verdict in Verdict] == [2, 3, 1]
    # A run that a rule spoke of twice counts once.
    assert list(REPORT.by_rule().items()) == [("LRD101", 1), ("LRD301", 3), ("LRD601", 2)]


def test_worst_first() -> None:
    assert [d.name for d in REPORT.worst_first()] == ["d", "b", "f", "c", "a", "e"]


@pytest.mark.parametrize(("threshold", "lines"), [("info", 7), ("warning", 5), ("error", 1)])
def test_raises_at_the_threshold(threshold: str, lines: int) -> None:
    with pytest.raises(ThresholdError) as caught:
        REPORT.raise_if(threshold)
    if threshold == "error":
        assert caught.value.problems == ("d: LRD101 name-of-LRD101: LRD101 was seen.",)
    assert len(caught.value.problems) == lines
    assert isinstance(caught.value, AssertionError)


def test_healthy_runs_pass() -> None:
    Report(runs=(diagnosis("a", Verdict.HEALTHY, INFO),), version="1").raise_if("warning")
    Report(runs=(), version="1").raise_if("info")


def test_what_nobody_looked_at_does_not_pass() -> None:
    with pytest.raises(ThresholdError, match=r"x\.csv: no rows"):
        Report(runs=(), errors=(Problem(path="x.csv", message="no rows"),), version="1").raise_if("error")


def test_an_unknown_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no severity 'fatal'; there are: info, warning, error"):
        REPORT.raise_if("fatal")


def dead(*said: Advice) -> Report:
    """A report on a run whose validation loss ends in NaN."""
    loss = Series(tag="val", steps=np.array([1, 2]), values=np.array([1.0, np.nan]))
    run = Run(name="a", path=Path("a"), format="made", series={"val": loss}, roles={Role.VAL_LOSS: "val"})
    return Report(runs=(Diagnosis(run=run, verdict=Verdict.HEALTHY, advice=said),), version="1")


def test_an_end_in_no_number_does_not_pass_whatever_rules_say_of_it() -> None:
    for said in ((), (WARNING,)):
        with pytest.raises(ThresholdError) as caught:
            dead(*said).raise_if("error")
        assert caught.value.problems == ("a: val ends in no finite number",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends(Finding):
    kind: ClassVar[str] = "nonfinite"


def test_an_end_that_a_rule_speaks_of_is_said_once() -> None:
    end = replace(ERROR, because=(Ends(series="val", span=Span(2, 2), confidence=1.0),))
    with pytest.raises(ThresholdError) as caught:
        dead(end).raise_if("error")
    assert caught.value.problems == ("a: LRD101 name-of-LRD101: LRD101 was seen.",)


def test_praise_is_no_reason_to_raise() -> None:
    Report(runs=(diagnosis("a", Verdict.HEALTHY, advice("LRD001", Severity.INFO)),), version="1").raise_if("info")


@given(st.none() | st.floats())
def test_what_is_not_finite_is_none(value: float | None) -> None:
    kept = finite_or_none(value)
    assert kept is None or kept == value
    json.dumps(kept, allow_nan=False)
