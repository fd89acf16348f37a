from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pandas as pd
import pytest

from lrdoctor.model import Report, Role
from lrdoctor.reports.csv import COLUMNS

from .conftest import diverged, healthy, series
from .samples import gated, named, written


def rows(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written("csv", report), newline=""), strict=True))


def test_a_row_for_each_run_and_each_input_of_no_use(report: Report) -> None:
    told = rows(report)
    assert [row["name"] for row in told[1:]] == ["runs/lr0.3", "runs/lr0.03", "runs/empty", ""]
    assert [row["verdict"] for row in told] == ["healthy", "unhealthy", "healthy", "cannot_tell", "not used"]
    assert told[4]["message"] == "not a log: no parser knows it"
    assert told[3]["message"] == "no series plays the role train_loss: log the loss"


def test_what_is_said_of_a_run() -> None:
    (row,) = rows(Report(runs=(diverged(),), version="0"))
    assert row == {
        "name": "runs/lr0.3",
        "path": "runs/lr0.3",
        "format": "tensorboard",
        "status": "crashed",
        "verdict": "unhealthy",
        "gate": "",
        "severity": "error",
        "rules": "LRD101",
        "pardoned": "",
        "first_step": "0",
        "last_step": "3000",
        "planned_steps": "12000",
        "final_train_loss": "nan",
        "final_val_loss": "",
        "peak_lr": "0.3",
        "final_lr": "0.0",
        "schedule": "linear",
        "optimizer": "",
        "batch_size": "64.0",
        "next_peak_lr": "0.03",
        "next_lr_scale": "0.1",
        "next_schedule": "cosine",
        "next_warmup_steps": "150",
        "next_total_steps": "12000",
        "next_final_lr": "0.0",
        "next_clip_grad_norm": "1.0",
        "next_params": "period_steps=12000",
        "message": "train/loss diverged from step 500, 17% into the run.",
    }


def test_pandas_reads_numbers_as_numbers(report: Report) -> None:
    frame = pd.read_csv(io.StringIO(written("csv", report)))
    assert tuple(frame.columns) == COLUMNS
    for column in COLUMNS:
        if column.endswith(("_lr", "_loss", "_step", "_steps", "_scale", "_size", "_norm")):
            assert pd.api.types.is_numeric_dtype(frame[column]), column
    assert frame.loc[1, "peak_lr"] == 0.3
    assert frame.loc[2, "final_train_loss"] == 0.5


def test_a_number_that_is_negative_or_not_finite_stays_one() -> None:
    told = healthy("a")
    curve = series("loss", [1.0, 0.5, -math.inf])
    run = replace(told.run, series={"loss": curve}, roles={Role.VAL_LOSS: "loss"})
    (row,) = rows(Report(runs=(replace(told, run=run),), version="0"))
    assert row["final_val_loss"] == "-inf"
    curve = series("loss", [1.0, 0.5, -2.5])
    (row,) = rows(Report(runs=(replace(told, run=replace(run, series={"loss": curve})),), version="0"))
    assert row["final_val_loss"] == "-2.5"


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "＋1", "－1", "＠x"]
)
def test_what_a_spreadsheet_would_compute_is_text(name: str) -> None:
    (row,) = rows(Report(runs=(healthy(name),), version="0"))
    assert row["name"].startswith("'")


@pytest.mark.parametrize("name", ["a=1+1", "lr-0.1", "x@y", "'quoted'", '"quoted"', "a,b", "学习"])
def test_other_names_are_what_they_are(name: str) -> None:
    (row,) = rows(Report(runs=(healthy(name),), version="0"))
    assert row["name"] == name


def test_lines_end_as_the_standard_says_and_a_name_never_breaks_one() -> None:
    text = written("csv", Report(runs=(healthy("a\nb"),), version="0"))
    assert text.count("\r\n") == text.count("\n") == 2
    assert r"a\x0ab" in text


def test_the_gate_says_who_fails_what_is_pardoned_and_is_gone() -> None:
    told = rows(gated())
    assert {row["name"]: row["gate"] for row in told[:5]} == {
        "slow": "fails",
        "bad": "fails",
        "known": "passes",
        "waived": "passes",
        "runs/empty": "passes",
    }
    by_name = {row["name"]: row for row in told[:5]}
    assert by_name["known"]["pardoned"] == "LRD101"
    assert by_name["bad"]["pardoned"] == ""
    assert (by_name["slow"]["rules"], by_name["slow"]["message"]) == ("expectation", "final loss 0.5, not 0.2")
    assert (told[5]["gate"], told[5]["rules"], told[5]["verdict"]) == ("fails", "expired_waiver", "")
    assert told[6]["verdict"] == "not used"
    assert (told[7]["verdict"], told[7]["message"]) == ("gone", "LRD301 of old on val/loss")


def test_no_runs() -> None:
    assert written("csv", Report(runs=(), version="0")).splitlines() == [",".join(COLUMNS)]


def test_rows_are_in_the_order_of_the_report() -> None:
    assert [row["name"] for row in rows(Report(runs=(healthy("b"), named("a")), version="0"))] == ["b", "a"]
