from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from lrdoctor.model import Report

from .samples import gated, written
from .test_json import SCHEMA, refuse


def lines(report: Report) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=refuse) for line in written("jsonl", report).splitlines()]


def test_a_line_for_each_run_as_the_json_report_has_it_and_the_rest_in_the_last(report: Report) -> None:
    whole = json.loads(written("json", report))
    *runs, last = lines(report)
    assert [{"schema_version": 1, **run} for run in whole["runs"]] == runs
    assert {**last, "runs": whole["runs"]} == whole
    assert [("summary" in line) for line in lines(report)] == [False] * len(runs) + [True]


def test_each_line_is_what_the_schema_says(report: Report) -> None:
    for told in (report, gated()):
        *runs, last = lines(told)
        run_schema = {**SCHEMA["$defs"]["run"], "$defs": SCHEMA["$defs"]}
        for run in runs:
            Draft202012Validator(run_schema).validate(run)
        Draft202012Validator(SCHEMA).validate({**last, "runs": []})


def test_no_run_leaves_the_last_line_alone() -> None:
    (last,) = lines(Report(runs=(), version="0"))
    assert last["summary"]["runs"] == 0


def test_lines_are_ascii(report: Report) -> None:
    assert written("jsonl", report).isascii()
    assert written("jsonl", report).endswith("}\n")
