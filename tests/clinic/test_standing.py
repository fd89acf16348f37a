"""The definitions of healthy, faulty, diverged and grey, at their edges; helpful directions; classes of fault."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.clinic.standing import Direction, Standing, Truth, fault_class, read_truth, truth_folders

SOUND = Truth(
    run="a",
    scenario="healthy_cosine",
    steps=2000,
    peak_lr=0.1,
    floor=0.0,
    first=2.3,
    final=0.31,
    own_best=0.30,
    best_known=0.3,
    regret=0.005,
    gains=dict.fromkeys(Direction, 0.0),
    good_low=0.03,
    good_high=0.3,
)


@pytest.mark.parametrize(
    ("changed", "standing"),
    [
        ({}, Standing.HEALTHY),
        ({"final": math.inf}, Standing.DIVERGED),
        ({"final": math.nan}, Standing.DIVERGED),
        ({"final": 2.4}, Standing.DIVERGED),
        ({"final": 2.32, "own_best": 2.3, "regret": 1.0}, Standing.FAULTY),
        ({"regret": 0.08}, Standing.FAULTY),
        ({"regret": 0.079}, Standing.GREY),
        ({"regret": 0.031}, Standing.GREY),
        # Much worse than the best although little of the way is missing …
        ({"final": 0.5, "own_best": 0.49, "regret": 0.02}, Standing.FAULTY),
        # … unless it was better before.
        ({"final": 0.5, "own_best": 0.4, "regret": 0.02}, Standing.GREY),
        ({"final": 0.5, "own_best": 0.49, "regret": 0.01}, Standing.GREY),
        ({"final": 0.36, "own_best": 0.30}, Standing.GREY),
    ],
)
def test_standings(changed: dict[str, Any], standing: Standing) -> None:
    assert replace(SOUND, **changed).standing is standing
    assert standing.is_fault is (standing in (Standing.FAULTY, Standing.DIVERGED))


def test_what_nearly_helps_most_helps_too() -> None:
    gains = {Direction.LOWER: 0.10, Direction.RAISE: -0.2, Direction.ANNEAL: 0.06, Direction.CLIP: 0.05}
    assert replace(SOUND, gains=gains).helpful == {Direction.LOWER, Direction.ANNEAL}
    assert replace(SOUND, gains=dict.fromkeys(Direction, -0.1)).helpful == frozenset()


def test_distance_from_a_good_peak() -> None:
    assert SOUND.decades_off(0.1) == 0.0
    assert SOUND.decades_off(3.0) == pytest.approx(1.0)
    assert SOUND.decades_off(0.003) == pytest.approx(1.0)
    assert replace(SOUND, good_low=math.nan).decades_off(0.1) is None


@pytest.mark.parametrize(
    ("scenario", "fault"),
    [
        ("constant_x30", "too high"),
        ("cosine_x10", "too high"),
        ("constant_d100", "too low"),
        ("constant_best", "no decay"),
        ("constant_third", "no decay"),
        ("step_too_soon", "decayed too early or too fast"),
        ("cosine_short", "T_max too short, restarts"),
        ("cosine_cut", "schedule cut short"),
        ("warmup_never_ends", "warm-up too long"),
        ("bad_batch_constant", "bad batches"),
        ("healthy_linear_no_warmup", "meant to be sound"),
        ("early_step", "decayed too early or too fast"),
        ("fast_exponential", "decayed too early or too fast"),
        ("time_decay_strong", "decayed too early or too fast"),
        ("no_warmup_x3", "missing warm-up"),
        ("cosine_periodic", "T_max too short, restarts"),
        ("restarts_x3", "T_max too short, restarts"),
        ("cyclic_x3", "T_max too short, restarts"),
        ("bad_batch", "bad batches"),
        ("noisy_labels", "label noise"),
        ("label_noise", "label noise"),
        ("overfit", "over-fitting"),
        ("resume_without_state", "resume"),
        ("healthy_wsd", "meant to be sound"),
        ("cosmic_rays", "cosmic_rays"),
    ],
)
def test_scenarios_have_a_class_of_fault(scenario: str, fault: str) -> None:
    assert fault_class(scenario) == fault


def test_a_table_is_read(folder: Callable[..., Path]) -> None:
    home = folder(
        {
            "broke": {"final": "inf", "steps": 0, "steps_run": 900, "n": 151},
            "odd": {"gain_clip": "", "gain_warmup": 0.2, "good_low": "", "scenario": "constant_d10"},
        },
        {},
    )
    broke, odd = read_truth(home)
    assert (broke.standing, broke.steps) == (Standing.DIVERGED, 900)
    assert odd.helpful == {Direction.ANNEAL}
    assert odd.decades_off(0.1) is None
    assert odd.fault == "too low"


def test_folders_are_found_themselves_or_right_below(folder: Callable[..., Path], tmp_path: Path) -> None:
    home = folder({"a": {}}, {})
    assert truth_folders([home]) == [home]
    above = tmp_path / "logs"
    for split in ("train", "heldout"):
        (above / split).mkdir(parents=True)
        (above / split / "truth.csv").write_text((home / "truth.csv").read_text())
    assert truth_folders([above]) == [above / "heldout", above / "train"]
    with pytest.raises(SystemExit, match=r"no truth\.csv"):
        truth_folders([above / "train" / "nowhere"])
