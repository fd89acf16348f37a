"""From the worst advice to one configuration that does not contradict itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.detectors.divergence_rate import DivergenceRate
from lrdoctor.detectors.rate_distance import RateDistance
from lrdoctor.model import (
    AddWarmup,
    Advice,
    ClipGrad,
    Finding,
    Fix,
    Prescription,
    RuleInfo,
    Run,
    Say,
    ScaleLr,
    Schedule,
    Severity,
    Span,
    UseSchedule,
)
from lrdoctor.prescribe.configuration import BELOW_ONSET, BOLDER, FARTHEST, prescribe
from lrdoctor.siblings.response import RateResponse, respond
from lrdoctor.testing import Points, constant_rate, make_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Finding):
    kind: ClassVar[str] = "seen"


def advice(
    *fixes: Fix, rule: str = "LRD101", severity: Severity = Severity.ERROR, at: int = 500, confidence: float = 0.9
) -> Advice:
    return Advice(
        rule=RuleInfo(id=rule, name=f"name-of-{rule}", severity=severity, what="It went wrong."),
        message="It went wrong.",
        because=(Seen(series="train_loss", span=Span(at, 1999), confidence=confidence),),
        fixes=fixes,
        confidence=confidence,
    )


def shape(kind: str, warmup: int = 0) -> Schedule:
    return Schedule(kind=kind, peak_lr=0.1, final_lr=0.0, warmup_steps=warmup, params={}, residual=0.0)


RUN = make_run(train_loss=np.ones(2000), lr=constant_rate(peak=0.1))
LOWER, HIGHER = ScaleLr(factor=0.1), ScaleLr(factor=10.0)


def prescribed(run: Run, said: Sequence[Advice], schedule: Schedule | None = None) -> Prescription:
    prescription = prescribe(run, said, schedule)
    assert prescription is not None
    return prescription


def test_the_worst_advice_decides() -> None:
    worst = advice(LOWER, rule="LRD101")
    mild = advice(HIGHER, AddWarmup(fraction=0.1), rule="LRD401", severity=Severity.WARNING)
    prescription = prescribed(RUN, [worst, mild])
    assert prescription.lr_scale == 0.1
    assert prescription.peak_lr == 0.01
    # What the worst says nothing of, the next may.
    assert prescription.warmup_steps == 200
    assert all(a.lr_scale < 1 for a in prescription.alternatives)


def test_advice_that_decided_nothing_is_no_reason() -> None:
    said = [advice(LOWER, rule="LRD101"), advice(ScaleLr(factor=0.3), rule="LRD107", confidence=0.1)]
    prescription = prescribed(RUN, said)
    assert prescription.reason == "LRD101 name-of-LRD101"
    assert prescription.confidence == 0.9


def test_the_least_sure_of_those_that_decided_limits_the_confidence() -> None:
    said = [advice(LOWER, rule="LRD101"), advice(AddWarmup(fraction=0.05), rule="LRD105", confidence=0.6)]
    prescription = prescribed(RUN, said)
    assert prescription.reason == "LRD101 name-of-LRD101; LRD105 name-of-LRD105"
    assert prescription.confidence == 0.6


@pytest.mark.parametrize(
    "said",
    [
        [],
        [advice()],
        [advice(Say(text="Look at the data."))],
        [advice(LOWER, severity=Severity.INFO)],
        [advice(Say(text="Look at the data.")), advice(LOWER, severity=Severity.INFO)],
    ],
    ids=["healthy", "no fixes", "only words", "only information", "words and information"],
)
def test_nothing_to_change(said: list[Advice]) -> None:
    assert prescribe(RUN, said, None) is None


def test_a_run_without_points() -> None:
    assert prescribe(make_run(), [advice(LOWER)], None) is None


def test_without_a_logged_rate_only_the_scale_is_known() -> None:
    for run in (
        make_run(train_loss=np.ones(100)),
        make_run(train_loss=np.ones(100), lr=[]),
        make_run(train_loss=np.ones(100), lr=np.full(100, np.nan)),
        make_run(train_loss=np.ones(100), lr=np.zeros(100)),
    ):
        prescription = prescribed(run, [advice(LOWER)])
        assert prescription.peak_lr is None
        assert prescription.final_lr is None
        assert prescription.lr_scale == 0.1
        assert [a.peak_lr for a in prescription.alternatives] == [None]


def test_the_peak_is_the_highest_finite_rate() -> None:
    rate = np.full(2000, 0.2)
    rate[7], rate[8], rate[9] = np.nan, 0.4, np.inf
    assert prescribed(make_run(train_loss=np.ones(2000), lr=rate), [advice(LOWER)]).peak_lr == 0.04


def test_numbers_have_three_digits() -> None:
    run = make_run(train_loss=np.ones(100), lr=np.full(100, 0.0123456))
    fixes = ScaleLr(factor=1 / 3), UseSchedule(schedule="cosine", final_fraction=1 / 7)
    prescription = prescribed(run, [advice(*fixes)])
    assert prescription.peak_lr == 0.00412
    assert prescription.final_lr == 0.000589
    assert prescription.lr_scale == 0.334
    [bolder] = prescription.alternatives
    assert bolder.peak_lr == float(f"{0.0123456 / 3 / BOLDER:.3g}")


@pytest.mark.parametrize("factor", [0.1, 0.5, 3.0, 10.0])
def test_the_alternative_goes_further_the_same_way(factor: float) -> None:
    [alternative] = prescribed(RUN, [advice(ScaleLr(factor=factor))]).alternatives
    assert alternative.lr_scale == pytest.approx(factor * BOLDER if factor > 1 else factor / BOLDER, rel=0.005)
    assert alternative.peak_lr == pytest.approx(0.1 * alternative.lr_scale, rel=0.005)


def test_without_another_peak_there_is_no_alternative() -> None:
    prescription = prescribed(RUN, [advice(UseSchedule(schedule="linear"))])
    assert prescription.lr_scale == 1.0
    assert prescription.peak_lr == 0.1
    assert prescription.alternatives == ()


def test_the_planned_length_wins() -> None:
    planned = make_run(train_loss=np.ones(2000), lr=constant_rate(peak=0.1), planned_steps=5000)
    assert prescribed(planned, [advice(LOWER)]).total_steps == 5000
    assert prescribed(planned, [advice(LOWER)]).warmup_steps == 250
    assert prescribed(RUN, [advice(LOWER)]).total_steps == 2000


def test_the_length_counts_from_the_first_step() -> None:
    resumed = make_run(train_loss=np.ones(100), steps=np.arange(900, 1000))
    assert prescribed(resumed, [advice(LOWER)]).total_steps == 100


@pytest.mark.parametrize(("first", "total"), [(0, 1001), (1, 1000), (20, 1000), (50, 1000), (51, 950)])
def test_a_log_that_begins_a_little_late_tells_of_the_whole_training(first: int, total: int) -> None:
    steps = np.arange(first, 1001)
    assert prescribed(make_run(train_loss=np.ones(len(steps)), steps=steps), [advice(LOWER)]).total_steps == total


@pytest.mark.parametrize(
    ("fraction", "own", "steps"),
    [
        (None, 0, 100),
        (None, 150, 150),
        (None, 900, 200),
        (0.02, 0, 40),
        (0.02, 120, 120),
        (0.1, 0, 200),
        (0.4, 0, 200),
    ],
    ids=[
        "usual",
        "its own",
        "its own was too long",
        "as wanted",
        "never shorter than its own",
        "the longest",
        "too long",
    ],
)
def test_warmup(fraction: float | None, own: int, steps: int) -> None:
    fixes = [LOWER] if fraction is None else [LOWER, AddWarmup(fraction=fraction)]
    assert prescribed(RUN, [advice(*fixes)], shape("cosine", warmup=own)).warmup_steps == steps


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("cosine", "cosine"), ("linear", "linear"), ("constant", "cosine"), ("step", "cosine"), ("piecewise", "cosine")],
)
def test_a_schedule_that_anneals_is_kept(kind: str, kept: str) -> None:
    assert prescribed(RUN, [advice(LOWER)], shape(kind)).schedule == kept
    assert prescribed(RUN, [advice(LOWER)]).schedule == "cosine"


def test_the_wanted_schedule_wins() -> None:
    wanted = UseSchedule(schedule="linear", final_fraction=0.1)
    prescription = prescribed(RUN, [advice(wanted)], shape("cosine"))
    assert prescription.schedule == "linear"
    assert prescription.final_lr == 0.01


def test_clips_at_the_ninetieth_percentile_of_what_was_sound() -> None:
    norms = np.where(np.arange(2000) < 500, np.linspace(0.0, 4.0, 2000), 1e6)
    run = make_run(train_loss=np.ones(2000), lr=constant_rate(peak=0.1), grad_norm=norms)
    prescription = prescribed(run, [advice(LOWER, ClipGrad(max_norm=1.0), at=500)])
    assert prescription.clip_grad_norm == pytest.approx(0.9 * 1.0, rel=0.01)


def test_the_earliest_trouble_ends_what_was_sound() -> None:
    norms = np.where(np.arange(2000) < 300, 2.0, 1e6)
    run = make_run(train_loss=np.ones(2000), grad_norm=norms)
    said = [advice(LOWER, at=900), advice(ClipGrad(), rule="LRD105", at=300)]
    assert prescribed(run, said).clip_grad_norm == 2.0


def test_norms_that_are_no_numbers_do_not_count() -> None:
    norms = np.where(np.arange(2000) % 2 == 0, 2.0, np.nan)
    run = make_run(train_loss=np.ones(2000), grad_norm=norms)
    assert prescribed(run, [advice(ClipGrad())]).clip_grad_norm == 2.0


@pytest.mark.parametrize(
    "norms",
    [None, Points(np.arange(9), np.full(9, 3.0)), Points(np.arange(600, 900), np.full(300, 3.0))],
    ids=["not logged", "too few", "only after the onset"],
)
def test_clips_at_the_rules_own_value_otherwise(norms: Points | None) -> None:
    run = make_run(train_loss=np.ones(2000), grad_norm=norms)
    assert prescribed(run, [advice(ClipGrad(max_norm=0.7), at=500)]).clip_grad_norm == 0.7


def test_nothing_is_clipped_unless_it_is_wanted() -> None:
    assert prescribed(RUN, [advice(LOWER)]).clip_grad_norm is None


FIXES = st.one_of(
    st.builds(ScaleLr, factor=st.sampled_from([0.03, 0.1, 0.3, 3.0, 10.0])),
    st.builds(AddWarmup, fraction=st.sampled_from([0.0, 0.05, 0.1, 1.0])),
    st.builds(UseSchedule, schedule=st.sampled_from(["constant", "cosine", "linear"])),
    st.builds(ClipGrad, max_norm=st.floats(0.1, 10.0)),
    st.builds(Say, text=st.just("Look at the data.")),
)


@given(st.lists(st.tuples(st.lists(FIXES, max_size=4), st.sampled_from(list(Severity))), max_size=4))
def test_never_contradicts_itself(said: list[tuple[list[Fix], Severity]]) -> None:
    told = [advice(*fixes, severity=severity) for fixes, severity in said]
    prescription = prescribe(RUN, told, None)
    serious = [fix for a in told if a.rule.severity is not Severity.INFO for fix in a.fixes]
    assert (prescription is None) == all(isinstance(fix, Say) for fix in serious)
    if prescription is None:
        return
    first = next((fix.factor for fix in serious if isinstance(fix, ScaleLr)), 1.0)
    assert prescription.lr_scale == pytest.approx(first, rel=0.005)
    for alternative in prescription.alternatives:
        assert (alternative.lr_scale > 1) == (first > 1)
    assert 0 <= prescription.warmup_steps <= prescription.total_steps / 10


# ----------------------------------------------------------------------------------------- how far, best evidence first


def distance(decades: float) -> RateDistance:
    return RateDistance(
        series="train_loss", span=Span(0, 1999), confidence=0.5, decades=decades, error=0.5, rate_logged=True
    )


def broke_away(factor: float | None) -> DivergenceRate:
    known: dict[str, Any] = {"onset_lr": None if factor is None else 0.1 * factor, "onset_factor": factor}
    return DivergenceRate(
        series="train_loss",
        span=Span(0, 1999),
        confidence=0.9,
        onset_step=100,
        onset_fraction=0.05,
        cause="rise",
        recovered=False,
        highest_before_lr=None,
        still_rising=None,
        **known,
    )


def swept(*losses: float | None, rates: Sequence[float] = (0.001, 0.01, 0.1)) -> RateResponse:
    found = respond(rates, losses, start=2.3)
    assert found is not None
    return found


@pytest.mark.parametrize(("fix", "decades"), [(LOWER, -0.5), (LOWER, -1.6), (HIGHER, 0.5), (HIGHER, 1.6)])
def test_the_curve_says_how_far_where_it_points_the_same_way(fix: ScaleLr, decades: float) -> None:
    said = prescribe(RUN, [advice(fix)], None, [distance(decades)])
    assert said is not None
    assert said.lr_scale == pytest.approx(10**decades, rel=0.01)
    assert "the run's own curve" in said.reason


@pytest.mark.parametrize(("fix", "decades"), [(LOWER, 0.8), (HIGHER, -0.8), (LOWER, -0.1), (HIGHER, 0.1)])
def test_a_curve_that_disagrees_or_says_nothing_leaves_the_factor_to_the_rule(fix: ScaleLr, decades: float) -> None:
    said = prescribe(RUN, [advice(fix)], None, [distance(decades)])
    assert said is not None
    assert said.lr_scale == pytest.approx(fix.factor)
    assert "curve" not in said.reason


def test_nothing_moves_the_peak_further_than_two_decades_at_once() -> None:
    said = prescribe(RUN, [advice(HIGHER)], None, [distance(5.0)])
    assert said is not None
    assert said.lr_scale == pytest.approx(10**FARTHEST)


def test_a_curve_alone_moves_no_peak() -> None:
    said = prescribe(RUN, [advice(UseSchedule(schedule="linear"))], None, [distance(1.0)])
    assert said is not None
    assert said.lr_scale == 1.0


def test_the_rate_at_which_it_broke_away_bounds_the_peak() -> None:
    said = prescribe(RUN, [advice(LOWER)], None, [broke_away(0.2), distance(-0.3)])
    assert said is not None
    assert said.lr_scale == pytest.approx(0.2 * BELOW_ONSET)
    assert "broke away" in said.reason


@pytest.mark.parametrize("factor", [None, 1.0])
def test_a_rate_that_stood_at_its_peak_tells_no_edge(factor: float | None) -> None:
    said = prescribe(RUN, [advice(LOWER)], None, [broke_away(factor), distance(-0.5)])
    assert said is not None
    assert said.lr_scale == pytest.approx(10**-0.5, rel=0.01)


def test_siblings_overrule_everything_else() -> None:
    response = swept(1.2, 0.3, 1.5)
    said = prescribe(RUN, [advice(HIGHER)], None, [broke_away(0.2), distance(1.0)], response)
    assert said is not None
    assert said.peak_lr == pytest.approx(response.best_rate, rel=0.01)
    assert 0.002 < response.best_rate < 0.05
    assert "3 sibling runs" in said.reason
    assert all(other.peak_lr != said.peak_lr for other in said.alternatives)


def test_beyond_a_border_the_next_rate_to_try_is_prescribed() -> None:
    response = swept(0.3, 1.2, 1.5)
    assert response.on_border == "low"
    said = prescribe(RUN, [advice(LOWER)], None, [], response)
    assert said is not None
    assert said.peak_lr == pytest.approx(response.next_rates[0], rel=0.01)
    assert said.peak_lr is not None
    assert said.peak_lr < 0.001
