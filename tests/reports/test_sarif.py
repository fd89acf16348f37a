from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from jsonschema import Draft4Validator

from lrdoctor.model import Report, Severity

from .conftest import EARLY, diverged, healthy
from .samples import RESTLESS, SCHEMAS, gated, many, named, passed, written
from .test_json import refuse

SCHEMA: dict[str, Any] = json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))
Draft4Validator.check_schema(SCHEMA)
VALIDATOR = Draft4Validator(SCHEMA)


def only_run(report: Report) -> dict[str, Any]:
    document = json.loads(written("sarif", report), parse_constant=refuse)
    VALIDATOR.validate(document)
    (run,) = document["runs"]
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= known
    found: dict[str, Any] = run
    return found


def test_the_schema_refuses_what_is_no_sarif() -> None:
    document = json.loads(written("sarif", Report(runs=(diverged(),), version="0")))
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert not VALIDATOR.is_valid(document)


def test_a_result_says_what_where_and_on_what_grounds() -> None:
    (result,) = only_run(Report(runs=(diverged(),), rules=(EARLY,), version="0"))["results"]
    assert (result["ruleId"], result["level"]) == ("LRD101", "error")
    assert result["message"]["text"] == ("runs/lr0.3, step 500: train/loss diverged from step 500, 17% into the run.")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "runs/lr0.3"
    told = result["properties"]
    assert (told["run"], told["step"], told["series"]) == ("runs/lr0.3", 500, "train/loss")
    assert told["evidence"]["explosion"] == {
        "onset_step": 500,
        "peak_ratio": None,
        "went_nonfinite": True,
        "gradient_ratio": None,
    }
    assert told["prescription"].startswith("peak_lr=0.03")


def test_the_tool_and_the_help_of_its_rules() -> None:
    driver = only_run(Report(runs=(), rules=(EARLY, RESTLESS), version="1.2.3"))["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("lrdoctor", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["LRD101", "LRD201"]
    rule = driver["rules"][1]
    assert rule["shortDescription"]["text"] == "The loss swings."
    assert rule["defaultConfiguration"]["level"] == "warning"
    for said in ("The loss swings.", "It goes nowhere.", "Small batches do it, too.", "Somebody (2020)"):
        assert said in rule["help"]["text"]


def test_inputs_of_no_use_and_runs_that_cannot_be_judged_are_notifications(report: Report) -> None:
    (invocation,) = only_run(report)["invocations"]
    assert invocation["executionSuccessful"] is False
    unused, untold = invocation["toolExecutionNotifications"]
    assert (unused["level"], unused["message"]["text"]) == ("error", "not a log: no parser knows it")
    assert unused["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "runs/core%07"
    assert untold["message"]["text"].startswith("runs/empty: cannot tell: ")
    assert only_run(Report(runs=(), version="0"))["invocations"][0]["executionSuccessful"] is True


def test_notes_are_no_results() -> None:
    note = replace(RESTLESS, severity=Severity.INFO)
    assert only_run(Report(runs=(healthy("a"), named("b", note)), version="0"))["results"] == []


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("runs/a b.csv", "runs/a%20b.csv"),
        ("学习.csv", "%E5%AD%A6%E4%B9%A0.csv"),
        ("a:b/c?d#e%f", "a%3Ab/c%3Fd%23e%25f"),
        ("/logs/a.csv", "file:///logs/a.csv"),
        # What is no UTF-8 keeps its bytes.
        ("a\udcff.csv", "a%FF.csv"),
        ("../a.csv", "../a.csv"),
    ],
)
def test_paths_become_uris(path: str, uri: str) -> None:
    told = diverged()
    report = Report(runs=(replace(told, run=replace(told.run, path=Path(path))),), version="0")
    found = only_run(report)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert found == uri
    assert unquote(urlsplit(found).path, errors="surrogateescape") == path


def test_a_message_has_no_links_and_no_placeholders() -> None:
    told = diverged()
    advice = replace(told.advice[0], message="See [this](https://evil.example), {0} and [that].")
    (result,) = only_run(Report(runs=(replace(told, advice=(advice,)),), version="0"))["results"]
    assert r"\[this\](https://evil.example), {{0}} and \[that\]." in result["message"]["text"]


def test_fingerprints_stay_while_numbers_change() -> None:
    told = diverged()
    again = replace(told, advice=(replace(told.advice[0], message="Other numbers."),))
    one, other, third = (
        only_run(Report(runs=(run,), version="0"))["results"][0]["partialFingerprints"]
        for run in (told, again, named("another"))
    )
    assert one == other
    assert one != third
    assert set(one) == {"lrdoctor/v1", "primaryLocationLineHash"}


def test_the_gate_suppresses_what_it_pardons() -> None:
    run = only_run(gated())
    told = {(one["ruleId"], one.get("properties", {}).get("run")): one for one in run["results"]}
    assert {key for key, one in told.items() if "suppressions" in one} == {("LRD101", "known"), ("LRD101", "waived")}
    assert told["LRD101", "waived"]["suppressions"][0]["justification"] == "meant to"
    assert told["LRD101", "known"]["suppressions"][0]["justification"] == "in the baseline"
    assert {key: one["properties"]["fails"] for key, one in told.items()} == {
        ("LRD101", "bad"): True,
        ("LRD201", "bad"): False,
        ("expectation", "slow"): True,
        ("LRD101", "known"): False,
        ("LRD101", "waived"): False,
        ("LRD201", "waived"): False,
    }
    notes = {one["message"]["text"]: one["level"] for one in run["invocations"][0]["toolExecutionNotifications"]}
    assert notes["expired_waiver: the waiver of x is over"] == "error"
    assert notes["gone: LRD301 of old on val/loss"] == "note"
    # GitHub refuses results without a place.
    assert all(one["locations"] for one in run["results"])
    assert all("suppressions" in one for one in only_run(passed())["results"])


def test_no_more_than_github_shows_the_worst_first_and_told() -> None:
    # 2,000 errors and 4,000 warnings.
    run = only_run(many(2667))
    assert Counter(result["level"] for result in run["results"]) == {"error": 2001, "warning": 2999}
    assert [result["level"] for result in run["results"]] == ["error"] * 2001 + ["warning"] * 2999
    told = [one["message"]["text"] for one in run["invocations"][0]["toolExecutionNotifications"]]
    assert told == ["1,003 more results are left out: the worst 5,000 are here"]
