from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from lrdoctor.model import Report

from .conftest import healthy
from .samples import SCHEMAS, gated, many, named, passed, written

SCHEMA = xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd")


def parsed(report: Report) -> ET.Element:
    text = written("junit", report)
    SCHEMA.validate(text)
    return ET.fromstring(text)  # noqa: S314


def case(root: ET.Element, name: str) -> ET.Element:
    (found,) = (case for case in root.iter("testcase") if case.get("name") == name)
    return found


def kinds(root: ET.Element) -> dict[Any, list[str]]:
    return {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}


def test_a_suite_for_each_folder_and_a_case_for_each_run(report: Report) -> None:
    root = parsed(report)
    assert root.tag == "testsuites"
    assert {"runs", "runs/runs"} <= {suite.get("name") for suite in root}
    told = kinds(root)
    assert told["runs/lr0.3"] == ["failure"]
    assert told["runs/lr0.03"] == ["system-out"]
    assert told["runs/empty"] == ["skipped"]
    assert told[r"runs/core\x07"] == ["error"]


def test_counts_are_those_of_the_cases(report: Report) -> None:
    root = parsed(report)
    assert {key: root.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "1",
        "errors": "1",
    }
    for suite in root:
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))


def test_a_failure_says_everything(report: Report) -> None:
    failure = case(parsed(report), "runs/lr0.3")[0]
    assert failure.get("type") == "LRD101"
    assert failure.get("message") == "LRD101 early-divergence: train/loss diverged from step 500, 17% into the run."
    assert failure.text is not None
    for said in ("seen: explosion in train/loss", "to do: multiply the learning rate by 0.1", "try next: peak_lr=0.03"):
        assert said in failure.text


def test_a_run_that_cannot_be_judged_is_skipped_with_what_it_lacks(report: Report) -> None:
    skipped = case(parsed(report), "runs/empty")[0]
    assert skipped.get("message") == "no series plays the role train_loss: log the loss"


def test_the_gate_decides_what_fails() -> None:
    root = parsed(gated())
    assert {name: "failure" in tags for name, tags in kinds(root).items()} == {
        "slow": True,
        "bad": True,
        "known": False,
        "waived": False,
        "runs/empty": False,
        "runs/core": False,
        "gate": True,
    }
    bad = case(root, "bad")
    assert [child.tag for child in bad] == ["failure", "system-out"]
    # The warning is below what fails.
    assert "LRD201" in str(bad[1].text)
    assert "LRD201" not in str(bad[0].text)
    assert "pardoned by the waiver: meant to" in str(case(root, "waived")[0].text)
    gate = case(root, "gate")
    assert gate[0].get("type") == "expired_waiver"
    assert "gone: LRD301 of old on val/loss" in str(gate[1].text)


def test_a_gate_that_passes_fails_nothing() -> None:
    assert parsed(passed()).get("failures") == "0"


@pytest.mark.parametrize("name", ["a\x00b\x0b", "\ufffe\uffff", "]]>", "<a>&amp;'\"", "\ud800", "\U0001f600"])
def test_names_that_xml_has_no_characters_for(name: str) -> None:
    root = parsed(Report(runs=(healthy(name), named(name + "!")), version="0"))
    assert len(list(root.iter("testcase"))) == 2
    if name.isprintable():
        assert case(root, name) is not None


def test_no_runs_and_many() -> None:
    assert parsed(Report(runs=(), version="0")).get("tests") == "0"
    assert parsed(many(2000)).get("failures") == "1500"
