"""Reports that the tests of several formats hold up to them."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

from lrdoctor import plugins
from lrdoctor.model import (
    Diagnosis,
    Failure,
    Gate,
    Pardon,
    Problem,
    Report,
    RuleInfo,
    Severity,
)

from .conftest import EARLY, diverged, healthy, untellable

SCHEMAS = Path(__file__).parents[1] / "data" / "schemas"
RESTLESS = RuleInfo(
    id="LRD201",
    name="oscillation",
    severity=Severity.WARNING,
    what="The loss swings.",
    why="It goes nowhere.",
    caveats="Small batches do it, too.",
    references=("Somebody (2020)",),
)


def written(form: str, report: Report) -> str:
    out = StringIO()
    plugins.writer(form).write(report, out)
    return out.getvalue()


def named(name: str, *rules: RuleInfo) -> Diagnosis:
    """The diverged run under another name, and spoken of by other rules."""
    told = diverged()
    advice = tuple(replace(told.advice[0], rule=rule, message=f"{rule.id} of {name}.") for rule in rules)
    run = replace(told.run, name=name, path=Path("runs") / name)
    return replace(told, run=run, advice=advice or told.advice)


def gated() -> Report:
    """`lrdoctor check`: one run fails, one fails an expectation, one is known, one is waived for one of two faults."""
    return Report(
        runs=(
            healthy("slow"),
            named("bad", EARLY, RESTLESS),
            named("known"),
            named("waived", EARLY, RESTLESS),
            untellable(),
        ),
        errors=(Problem(path="runs/core", message="not a log"),),
        rules=(EARLY, RESTLESS),
        version="0.1.0",
        gate=Gate(
            fail_on=Severity.ERROR,
            failures=(
                Failure(run="bad", what="LRD101", severity=Severity.ERROR, message="LRD101 of bad."),
                Failure(run="slow", what="expectation", severity=Severity.ERROR, message="final loss 0.5, not 0.2"),
                Failure(run="", what="expired_waiver", severity=Severity.ERROR, message="the waiver of x is over"),
            ),
            pardons=(
                Pardon(run="known", rule="LRD101", series="train/loss", by="baseline", reason=""),
                Pardon(run="waived", rule="LRD101", series="train/loss", by="waiver", reason="meant to"),
            ),
            gone=("LRD301 of old on val/loss",),
        ),
    )


def passed() -> Report:
    """Nothing fails, though a run is unhealthy."""
    known = Pardon(run="known", rule="LRD101", series="train/loss", by="baseline", reason="")
    return Report(runs=(named("known"),), version="0", gate=Gate(fail_on=Severity.ERROR, pardons=(known,)))


def many(number: int) -> Report:
    """So many runs, each with an error, two warnings and a note; every fourth is healthy."""
    note = replace(RESTLESS, id="LRD902", severity=Severity.INFO)
    runs = [
        healthy(f"sweep/run{index:05}")
        if index % 4 == 3
        else named(f"sweep/run{index:05}", EARLY, RESTLESS, replace(RESTLESS, id="LRD301"), note)
        for index in range(number)
    ]
    return Report(runs=tuple(runs), rules=(EARLY, RESTLESS), version="0.1.0")
