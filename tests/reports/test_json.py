from __future__ import annotations

import json as stdlib_json
from dataclasses import replace
from importlib.resources import files
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lrdoctor.model import AddWarmup, ClipGrad, Diagnosis, Gate, Report, Verdict
from lrdoctor.reports import json

from .conftest import HOSTILE, diverged, healthy
from .samples import gated

SCHEMA: dict[str, Any] = stdlib_json.loads((files("lrdoctor.reports") / "report.schema.json").read_text("utf-8"))


def written(report: Report) -> str:
    out = StringIO()
    json.write(report, out)
    return out.getvalue()


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def parsed(report: Report) -> dict[str, Any]:
    document: dict[str, Any] = stdlib_json.loads(written(report), parse_constant=refuse)
    return document


def closed(schema: Any) -> Any:
    """The schema without its permission to add fields."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        assert sorted(schema["required"]) == sorted(schema["properties"])
        schema["additionalProperties"] = False
    return schema


def test_the_report_is_what_the_schema_says_and_no_more(report: Report) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(closed(SCHEMA)).validate(parsed(report))


def test_the_schema_lets_fields_be_added_but_none_be_dropped(report: Report) -> None:
    document = parsed(report)
    document["new"] = document["runs"][1]["new"] = 1
    validator = Draft202012Validator(SCHEMA)
    validator.validate(document)
    del document["runs"][1]["prescription"]["reason"]
    assert not validator.is_valid(document)


def test_the_contract_in_full() -> None:
    told = diverged()
    run = parsed(Report(runs=(told,), version="1.2.3"))["runs"][0]
    assert {key: run[key] for key in ("name", "path", "format", "status", "verdict")} == {
        "name": "runs/lr0.3",
        "path": "runs/lr0.3",
        "format": "tensorboard",
        "status": "crashed",
        "verdict": "unhealthy",
    }
    assert run["steps"] == {"first": 0, "last": 3000, "planned": 12000}
    assert run["series"][0] == {
        "name": "train/loss",
        "role": "train_loss",
        "points": 31,
        "nonfinite": 24,
        "first_step": 0,
        "last_step": 3000,
    }
    assert run["hyperparameters"] == {"optimizer": "adam", "batch_size": 64, "clip": None, "amp": True, "note": None}
    assert run["schedule"]["kind"] == "linear"
    assert run["findings"] == [
        {
            "kind": "explosion",
            "series": "train/loss",
            "first_step": 400,
            "last_step": 3000,
            "confidence": 0.98,
            "evidence": {"onset_step": 500, "peak_ratio": None, "went_nonfinite": True, "gradient_ratio": None},
        }
    ]
    (advice,) = run["advice"]
    assert (advice["rule"], advice["severity"], advice["because"]) == ("LRD101", "error", [0])
    assert advice["fixes"] == [
        {"action": "scale_lr", "factor": 0.1},
        {"action": "use_schedule", "schedule": "cosine", "final_fraction": 0.0},
        {"action": "say", "text": "Look at the data of step 500."},
    ]
    assert run["prescription"]["expected"] == {"metric": "val/loss", "value": 0.11, "low": 0.09, "high": 0.16}
    assert run["prescription"]["alternatives"][0]["peak_lr"] is None
    assert run["incidents"][0]["kind"] == "bad_crc"
    assert run["skipped"][0] == {"what": "plateau", "reason": "no val_loss"}


def test_what_a_gate_decided() -> None:
    document = parsed(gated())
    Draft202012Validator(closed(SCHEMA)).validate(document)
    gate = document["gate"]
    assert (gate["fail_on"], gate["passed"], gate["gone"]) == ("error", False, ["LRD301 of old on val/loss"])
    assert gate["failures"][0] == {"run": "bad", "what": "LRD101", "severity": "error", "message": "LRD101 of bad."}
    assert gate["pardons"][1] == {
        "run": "waived",
        "rule": "LRD101",
        "series": "train/loss",
        "by": "waiver",
        "reason": "meant to",
    }
    assert parsed(Report(runs=(), version="0", gate=Gate(fail_on=None)))["gate"]["passed"] is True
    assert parsed(Report(runs=(), version="0"))["gate"] is None


def test_head_and_summary(report: Report) -> None:
    document = parsed(report)
    assert list(document) == ["schema_version", "tool", "runs", "errors", "summary", "gate"]
    assert document["schema_version"] == 1
    assert document["tool"] == {"name": "lrdoctor", "version": "0.1.0"}
    assert [run["name"] for run in document["runs"]][1:] == ["runs/lr0.3", "runs/lr0.03", "runs/empty"]
    assert document["runs"][3]["steps"] == {"first": None, "last": None, "planned": None}
    assert document["runs"][3]["series"][0]["role"] is None
    assert document["errors"] == [{"path": "runs/core\x07", "message": "not a log: no parser knows it"}]
    assert document["summary"] == {
        "runs": 4,
        "healthy": 2,
        "unhealthy": 1,
        "cannot_tell": 1,
        "by_rule": {"LRD101": 1, "LRD901": 1},
    }


def test_because_points_at_the_findings_of_the_run() -> None:
    told = diverged()
    other = replace(told.findings[0], series="val/loss")
    advice = replace(told.advice[0], because=(other, told.findings[0]))
    swapped = replace(told, findings=(told.findings[0], other), advice=(advice,))
    assert parsed(Report(runs=(swapped,), version="0"))["runs"][0]["advice"][0]["because"] == [1, 0]


@pytest.mark.parametrize("fix", [AddWarmup(fraction=0.05), ClipGrad()])
def test_every_fix_is_in_the_schema(fix: AddWarmup | ClipGrad) -> None:
    told = diverged()
    report = Report(runs=(replace(told, advice=(replace(told.advice[0], fixes=(fix,)),)),), version="0")
    Draft202012Validator(closed(SCHEMA)).validate(parsed(report))


def test_same_bytes_and_ascii(report: Report) -> None:
    assert written(report) == written(report)
    assert written(report).isascii()
    assert written(report).endswith("}\n")


def test_a_lone_surrogate_becomes_text_that_every_reader_takes() -> None:
    name = parsed(Report(runs=(healthy(HOSTILE),), version="0"))["runs"][0]["name"]
    assert name == HOSTILE.replace("\udc80", r"\udc80")


@given(st.text(st.characters(codec=None, exclude_categories=())), st.floats() | st.text() | st.none())
def test_anything_a_log_may_say_is_strict_json(name: str, value: float | str | None) -> None:
    told = diverged()
    run = replace(told.run, name=name, hparams={name: value}, notes=(name,))
    document = parsed(Report(runs=(Diagnosis(run=run, verdict=Verdict.HEALTHY),), version="0"))
    Draft202012Validator(SCHEMA).validate(document)
    document["runs"][0]["name"].encode("utf-8")
