from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from lrdoctor.model import (
    Advice,
    Diagnosis,
    Expected,
    Finding,
    Incident,
    Prescription,
    Problem,
    Report,
    Role,
    RuleInfo,
    Run,
    Say,
    ScaleLr,
    Schedule,
    Series,
    Severity,
    Skipped,
    Span,
    Status,
    UseSchedule,
    Verdict,
)

HOSTILE = "::error::\x1b[31m[bold]red[/bold]\n## \u202e学习率\u2028\udc80"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explosion(Finding):
    kind: ClassVar[str] = "explosion"
    onset_step: int
    peak_ratio: float
    went_nonfinite: bool
    gradient_ratio: float | None


EARLY = RuleInfo(id="LRD101", name="early-divergence", severity=Severity.ERROR, what="The loss blew up early.")
SHORT = RuleInfo(id="LRD901", name="few-points", severity=Severity.INFO, what="The log has few points.")


def series(tag: str, values: list[float], every: int = 100) -> Series:
    return Series(tag=tag, steps=np.arange(len(values)) * every, values=np.array(values))


def diverged() -> Diagnosis:
    loss = series("train/loss", [2.5, 2.25, 2.0, 1.75, 2.0, 30.0, 900.0, *[float("nan")] * 24])
    rate = series("lr", [0.3 - 0.01 * i for i in range(31)])
    found = Explosion(
        series="train/loss",
        span=Span(400, 3000),
        confidence=0.98,
        onset_step=500,
        peak_ratio=float("inf"),
        went_nonfinite=True,
        gradient_ratio=None,
    )
    fixes = (ScaleLr(factor=0.1), UseSchedule(schedule="cosine"), Say(text="Look at the data of step 500."))
    again = Prescription(
        peak_lr=None,
        lr_scale=0.03,
        schedule="constant",
        warmup_steps=0,
        total_steps=3000,
        final_lr=None,
        confidence=0.5,
        reason="The rate is safer still.",
    )
    return Diagnosis(
        run=Run(
            name="runs/lr0.3",
            path=Path("runs/lr0.3"),
            format="tensorboard",
            series={"train/loss": loss, "lr": rate},
            roles={Role.TRAIN_LOSS: "train/loss", Role.LR: "lr"},
            hparams={"optimizer": "adam", "batch_size": 64, "clip": float("inf"), "amp": True, "note": None},
            status=Status.CRASHED,
            planned_steps=12000,
            notes=("restart at step 800: 40 points replaced", "two", "three"),
            incidents=(Incident(path="runs/lr0.3/e", place="byte 9301", kind="bad_crc", dropped=2, message="bad sum"),),
        ),
        verdict=Verdict.UNHEALTHY,
        findings=(found,),
        advice=(
            Advice(
                rule=EARLY,
                message="train/loss diverged from step 500, 17% into the run.",
                because=(found,),
                fixes=fixes,
                confidence=0.95,
            ),
        ),
        prescription=Prescription(
            peak_lr=0.03,
            lr_scale=0.1,
            schedule="cosine",
            warmup_steps=150,
            total_steps=12000,
            final_lr=0.0,
            params={"period_steps": 12000.0},
            clip_grad_norm=1.0,
            confidence=0.8,
            reason="A tenth of the rate at which the loss left its basin.",
            expected=Expected(metric="val/loss", value=0.11, low=0.09, high=0.16),
            alternatives=(again,),
        ),
        schedule=Schedule(kind="linear", peak_lr=0.3, final_lr=0.0, warmup_steps=0, params={}, residual=0.0003),
        skipped=(Skipped(what="plateau", reason="no val_loss"), Skipped(what="sharpness", reason="no val_loss")),
    )


def untellable() -> Diagnosis:
    run = Run(name="runs/empty", path=Path("runs/empty.csv"), format="csv", series={"note": series("note", [])})
    return Diagnosis(
        run=run,
        verdict=Verdict.CANNOT_TELL,
        skipped=(Skipped(what="diagnosis", reason="no series plays the role train_loss: log the loss"),),
    )


def healthy(name: str, *, advice: tuple[Advice, ...] = ()) -> Diagnosis:
    run = Run(
        name=name,
        path=Path("runs") / name,
        format="json",
        series={"loss": series("loss", [2.0, 1.5, 1.0, 0.75, 0.5, 0.5, 0.5])},
        roles={Role.TRAIN_LOSS: "loss"},
    )
    return Diagnosis(run=run, verdict=Verdict.HEALTHY, advice=advice)


@pytest.fixture
def report() -> Report:
    few = Advice(rule=SHORT, message="7 points.", because=(), fixes=(), confidence=1.0)
    return Report(
        runs=(healthy(HOSTILE), diverged(), healthy("runs/lr0.03", advice=(few,)), untellable()),
        errors=(Problem(path="runs/core\x07", message="not a log: no parser knows it"),),
        rules=(EARLY, SHORT),
        version="0.1.0",
    )
