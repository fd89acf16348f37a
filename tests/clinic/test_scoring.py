"""Answers and truths by hand, and the figures that they make; and lrdoctor asked about two made logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.clinic.answers import Answer, Said, cures, right_direction
from benchmarks.clinic.calibration import Call, calibrate
from benchmarks.clinic.printed import share, table
from benchmarks.clinic.scoring import calibration_table, main, score
from benchmarks.clinic.standing import Direction, Standing, Truth, read_truth
from lrdoctor.model import Run
from lrdoctor.testing import constant_rate, cosine_rate, descent, ends_in_nan, evaluated, make_run

FAULTY = {"final": 0.6, "own_best": 0.6, "regret": 0.15, "scenario": "constant_x30", "gain_lower": 0.14}
DIVERGED = {"final": "nan", "own_best": 2.0, "regret": 9.0, "scenario": "constant_x100", "gain_lower": 9.0}
GREY = {"regret": 0.05, "scenario": "constant_x3"}
ROWS: Mapping[str, Mapping[str, object]] = {
    "sound": {},
    "sound-too": {},
    "faulty": FAULTY,
    "faulty-too": {**FAULTY, "scenario": "cosmic_rays", "gain_lower": 0.0},
    "diverged": DIVERGED,
    "grey": GREY,
}
UNHEALTHY = Answer(said=Said.UNHEALTHY, confidence=0.8)


@pytest.fixture
def truths(folder: Callable[..., Path]) -> dict[str, Truth]:
    return {truth.run: truth for truth in read_truth(folder(ROWS, {}))}


def test_every_figure_of_a_score(truths: dict[str, Truth]) -> None:
    answers = {
        "sound": UNHEALTHY,
        "sound-too": Answer(said=Said.CANNOT_TELL),
        "faulty": replace(UNHEALTHY, directions=frozenset({Direction.LOWER}), peak_lr=3.0),
        "faulty-too": Answer(said=Said.HEALTHY),
        "grey": replace(UNHEALTHY, contradicts=True),
    }
    total = score(list(truths.values()), answers, tool="x", folder="f")
    assert (total.runs, total.healthy, total.alarms) == (6, 2, 1)
    assert (total.all_faults.faulty, total.all_faults.found) == (3, 1)
    # No change helped the other faulty run, so no direction is right or wrong for it.
    assert (total.all_faults.curable, total.all_faults.right) == (2, 1)
    assert (total.diverged.faulty, total.diverged.found) == (1, 0)
    assert (total.cannot_tell, total.nothing, total.contradictions) == (1, 1, 1)
    assert total.decades == pytest.approx([1.0])
    assert {fault: (t.found, t.faulty) for fault, t in total.by_fault.items()} == {
        "too high": (1, 2),
        "cosmic_rays": (0, 1),
    }
    said = "\n".join(total.wrong)
    assert "false alarm" in said
    assert "missed, wants lower, got nothing [nothing]" in said
    assert len(total.wrong) == 3


def test_a_direction_is_right_if_it_helped_or_if_the_peak_is_known_to(truths: dict[str, Truth]) -> None:
    truth = truths["faulty"]
    assert right_direction(replace(UNHEALTHY, directions=frozenset({Direction.LOWER, Direction.CLIP})), truth)
    assert not right_direction(replace(UNHEALTHY, directions=frozenset({Direction.RAISE})), truth)
    peak = replace(UNHEALTHY, directions=frozenset({Direction.RAISE}), peak_lr=0.3, anneals=True)
    assert right_direction(peak, truth)
    assert not cures(replace(peak, anneals=False), truth)
    assert not cures(replace(peak, peak_lr=0.31), truth)


def test_calibration_by_hand() -> None:
    calls = [(0.95, Standing.FAULTY), (1.0, Standing.HEALTHY), (0.55, Standing.DIVERGED), (0.55, Standing.GREY)]
    found = calibrate([Call(confidence=confidence, truth=truth) for confidence, truth in calls])
    assert [(b.low, len(b.calls), len(b.scored), b.right) for b in found.bins] == [
        (0.5, 2, 1, 1),
        (0.6, 0, 0, 0),
        (0.7, 0, 0, 0),
        (0.8, 0, 0, 0),
        (0.9, 2, 2, 1),
    ]
    # |1 × 0.55 − 1| and |2 × 0.975 − 1| over three calls.
    assert found.expected_error == pytest.approx((0.45 + 0.95) / 3)
    assert found.brier == pytest.approx((0.05**2 + 1 + 0.45**2) / 3)
    nothing = calibrate([Call(confidence=0.3, truth=Standing.GREY)])
    assert (nothing.brier, nothing.expected_error, nothing.bins[0].low) == (None, None, 0.0)


def test_tables() -> None:
    assert share(88, 106) == "88/106 = 83.0 %"
    assert share(0, 0) == "–"
    assert table("T", ["a", "b"], [["x", "10"]]) == "T\n  a   b\n  x  10\n"
    assert table("T", ["a", "b"], [["x", "10"]], markdown=True) == "**T**\n\n| a | b |\n|---|---:|\n| x | 10 |\n"


def test_a_tool_without_confidence_has_no_calibration(truths: dict[str, Truth]) -> None:
    total = score(list(truths.values()), {"sound": Answer(said=Said.UNHEALTHY)}, tool="x", folder="f")
    assert calibration_table(total) == ""


def logs() -> dict[str, Run]:
    # Steep enough to reach its floor.
    sound, broken = descent(power=2.0, seed=1), ends_in_nan(onset=0.4, seed=1)
    return {
        "sound": make_run(train_loss=sound.values, val_loss=evaluated(sound), lr=cosine_rate(peak=0.1)),
        "diverged": make_run(train_loss=broken.values, val_loss=evaluated(broken), lr=constant_rate(peak=10.0)),
    }


def test_lrdoctor_is_scored_on_logs(folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    home = folder({"sound": {}, "diverged": {**DIVERGED, "peak_lr": 10.0}}, logs())
    main([str(home), "--markdown", "--list"])
    printed = capsys.readouterr().out
    assert "| lrdoctor | " in printed
    assert "| 0/1 = 0.0 % | 1/1 = 100.0 % | 1/1 | 1/1 = 100.0 % |" in printed
    assert "| too high | 1/1 (1/1) |" in printed
    assert "Brier score" in printed


def test_a_rival_that_cannot_be_asked_is_skipped(
    folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home = folder({"sound": {}}, {})
    main([str(home), "--tool", "runmedic"])
    assert capsys.readouterr().out.startswith("runmedic is skipped: ")
