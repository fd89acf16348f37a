from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lrdoctor.model import Diagnosis, Report

from .conftest import EARLY, diverged, healthy
from .runner import Command, command
from .samples import RESTLESS, gated, many, named, passed, written


def commands(report: Report) -> list[Command]:
    return [found for line in written("github", report).split("\n") if (found := command(line))]


def test_one_annotation_for_each_run_worst_first_and_a_count(report: Report) -> None:
    unused, bad, untold = commands(report)
    assert unused.name == "error"
    assert bad.name == "error"
    assert bad.properties == {"title": "LRD101 early-divergence", "file": "runs/lr0.3"}
    assert bad.data.split("\n")[0] == ("runs/lr0.3, step 500: train/loss diverged from step 500, 17% into the run.")
    assert bad.data.split("\n")[-1].startswith("try next: peak_lr=0.03 (0.1x)")
    assert (untold.name, untold.properties["title"]) == ("notice", "cannot tell")
    last = written("github", report).splitlines()[-1]
    assert last == "lrdoctor: 4 runs: 1 unhealthy, 1 cannot tell, 2 healthy; 1 input not used"


def test_every_line_but_the_last_is_a_command(report: Report) -> None:
    *lines, last = written("github", report).splitlines()
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) and command(line) for line in lines)
    assert command(last) is None


def test_further_advice_stands_in_the_same_annotation() -> None:
    (told,) = commands(Report(runs=(named("a", EARLY, RESTLESS),), version="0"))
    assert "also: LRD201 oscillation" in told.data


def test_healthy_runs_have_no_annotation() -> None:
    assert commands(Report(runs=(healthy("a"),), version="0")) == []


def test_no_more_than_github_shows() -> None:
    told = commands(many(2000))
    assert Counter(one.name for one in told) == {"error": 10}
    assert told[-1].data == "and 1,491 more, which GitHub would not show"


@pytest.mark.parametrize(("number", "shown"), [(9, 9), (10, 10), (11, 10)])
def test_the_tenth_counts_the_others(number: int, shown: int) -> None:
    runs = tuple(named(f"r{index}", RESTLESS) for index in range(number))
    told = commands(Report(runs=runs, version="0"))
    assert [one.name for one in told] == ["warning"] * shown
    assert ("more" in told[-1].data) == (number > 9)


@pytest.mark.parametrize(
    "text", ["a,file=b", "50% of x", "a%0Ab", "%25", "a::b", "a:b,c", "x\n::error::y", "##[error]x", "\r::error::x"]
)
def test_what_a_stranger_writes_stays_in_its_place(text: str) -> None:
    told = diverged()
    run = replace(told.run, name=text, path=Path(text))
    hostile: Diagnosis = replace(told, run=run, advice=(replace(told.advice[0], message=text),))
    (found,) = commands(Report(runs=(hostile,), version="0"))
    assert set(found.properties) == {"title", "file"}
    if text.isprintable() and not text.startswith("##"):
        assert found.properties["file"] == text
        assert found.data.startswith(f"{text}, step 500: {text}\n")


def test_the_gate_makes_errors_of_what_fails_and_of_nothing_else() -> None:
    told = {(one.properties["title"], one.properties.get("file")): one for one in commands(gated())}
    assert {key: one.name for key, one in told.items()} == {
        ("expired_waiver", None): "error",
        ("not used", "runs/core"): "error",
        ("LRD101 early-divergence", "runs/bad"): "error",
        ("expectation", "runs/slow"): "error",
        ("LRD201 oscillation", "runs/waived"): "warning",
        ("LRD101 early-divergence", "runs/known"): "notice",
        ("cannot tell", "runs/empty.csv"): "notice",
        ("gone", None): "notice",
    }
    assert "pardoned by the baseline" in told["LRD101 early-divergence", "runs/known"].data
    assert written("github", gated()).splitlines()[-1].endswith("; failed for 3 reasons, 2 pardoned, 1 gone")
    assert [one.name for one in commands(passed())] == ["notice"]


def test_no_runs() -> None:
    assert written("github", Report(runs=(), version="0")) == "lrdoctor: 0 runs\n"
