from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from jsonschema import Draft202012Validator

from lrdoctor.model import Report

from .conftest import EARLY, diverged, healthy
from .samples import RESTLESS, SCHEMAS, gated, many, named, written
from .test_json import refuse

SCHEMA: dict[str, Any] = json.loads((SCHEMAS / "gitlab-code-quality.json").read_text("utf-8"))


def issues(report: Report) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(written("gitlab", report), parse_constant=refuse)
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(found)
    return found


def test_an_issue_for_each_warning_and_error(report: Report) -> None:
    told = issues(report)
    assert [(one["check_name"], one["severity"], one["location"]["path"]) for one in told] == [
        ("not-used", "critical", r"runs/core\x07"),
        ("LRD101", "critical", "runs/lr0.3"),
        ("cannot-tell", "minor", "runs/empty.csv"),
    ]
    assert told[1]["description"] == (
        "LRD101 early-divergence: runs/lr0.3, step 500: train/loss diverged from step 500, 17% into the run."
    )


def test_a_fingerprint_is_the_same_whatever_the_numbers_are() -> None:
    told = diverged()
    again = replace(told, advice=(replace(told.advice[0], message="Other numbers.", confidence=0.5),))
    (one,), (other,) = (issues(Report(runs=(run,), version="0")) for run in (told, again))
    assert one["fingerprint"] == other["fingerprint"]
    assert one["description"] != other["description"]


def test_a_fingerprint_is_another_for_another_rule_run_or_series() -> None:
    told = diverged()
    moved = replace(told.findings[0], series="val/loss")
    elsewhere = replace(told, advice=(replace(told.advice[0], because=(moved,)),))
    runs = (named("a"), named("b"), named("a", RESTLESS), elsewhere, told)
    found = [issues(Report(runs=(run,), version="0"))[0]["fingerprint"] for run in runs]
    assert len(set(found)) == len(runs)


def test_the_same_rule_on_the_same_series_is_one_issue() -> None:
    assert len(issues(Report(runs=(named("a", EARLY, EARLY),), version="0"))) == 1


def test_the_gate_blocks_what_fails_and_lowers_what_is_pardoned() -> None:
    told = {(one["check_name"], one["location"]["path"]): one for one in issues(gated())}
    assert {key: one["severity"] for key, one in told.items()} == {
        ("expired_waiver", "lrdoctor check"): "blocker",
        ("not-used", "runs/core"): "critical",
        ("LRD101", "runs/bad"): "blocker",
        ("LRD201", "runs/bad"): "major",
        ("expectation", "runs/slow"): "blocker",
        ("LRD101", "runs/known"): "info",
        ("LRD201", "runs/waived"): "major",
        ("LRD101", "runs/waived"): "info",
        ("cannot-tell", "runs/empty.csv"): "minor",
        ("gone", "lrdoctor check"): "info",
    }
    assert told["LRD101", "runs/waived"]["description"].endswith("(pardoned by the waiver: meant to)")


def test_nothing_to_say_is_an_empty_array() -> None:
    assert issues(Report(runs=(healthy("a"),), version="0")) == []
    assert issues(Report(runs=(), version="0")) == []


def test_many() -> None:
    assert len(issues(many(2000))) == 4500
