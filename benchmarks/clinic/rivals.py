"""The answers of other diagnosis tools on the same logs, as kindly read as can be.

Each rival stays in an environment of its own; `asked.py` runs there, once for all logs of a folder. Every log becomes
one table with the columns that all of them know: step, loss, val_loss, lr, grad_norm. Each tool has its defaults.

| rival | how it is asked | unhealthy |
|---|---|---|
| runmedic | `runmedic diagnose LOG --json` | a finding of `warning` or `critical` |
| training-doctor | `Doctor().load(LOG).analyze()` | a diagnosis of `warning` or `critical` |
| runwise | `detect_anomalies` on the whole history; its commands show it 100 to 200 points of it | any anomaly |

A finding's directions are all those that its fixes name. The worst finding counts, and among equals the surest, then
the first: what a user would do first. Findings of one answer that ask for a lower and a higher rate are counted as a
contradiction besides. runwise prescribes nothing; only training-doctor names a rate, of which the ratio to the present
rate is taken, as if it had been said of the peak.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.clinic.answers import Answer, Said, read_run
from benchmarks.clinic.standing import Direction, Truth
from lrdoctor.model import Role, Run

RIVALS = ("runmedic", "training-doctor", "runwise")
SEVERITIES = ("info", "warning", "critical")
COLUMNS = {Role.TRAIN_LOSS: "loss", Role.VAL_LOSS: "val_loss", Role.LR: "lr", Role.GRAD_NORM: "grad_norm"}
"""training-doctor judges the rate by `loss` alone, runwise looks for `loss` and `val_loss`; runmedic knows them all."""
_RATE = r"(learning[ -]rate|\bLR\b)"
WORDS: Mapping[Direction, re.Pattern[str]] = {
    Direction.LOWER: re.compile(rf"\b(lower|reduce|decrease)\b[^.;]*{_RATE}", re.I),
    Direction.RAISE: re.compile(rf"\b(raise|increase|higher)\b[^.;]*{_RATE}", re.I),
    Direction.ANNEAL: re.compile(r"warm-?up|\bdecay(s|ing)?\b|\bcosine\b|ReduceLROnPlateau", re.I),
    Direction.CLIP: re.compile(r"\bclip", re.I),
}
NOT_THE_RATE = re.compile(r"weight decay", re.I)
_FROM_TO = re.compile(r"learning rate from ([0-9.e+-]+) to ~?([0-9.e+-]+)", re.I)
LONGEST = 4 * 3600
"""Seconds. training-doctor's time grows with the square of a log's length."""


class NotAvailable(Exception):
    """This rival cannot be asked: it is not installed, or it failed on everything."""


def rival_answers(tool: str, folder: Path, truths: Sequence[Truth], python: Path) -> dict[str, Answer]:
    """What the rival says of each run. Raises `NotAvailable`."""
    with tempfile.TemporaryDirectory() as scratch:
        for truth in truths:
            run = read_run(folder, truth.run)
            if run is not None:
                write_table(run, Path(scratch) / f"{truth.run}.csv")
        # Isolated, so that nothing of this project can stand in for a module of the rival.
        asked = [str(python), "-I", str(Path(__file__).with_name("asked.py")), tool, scratch]
        try:
            done = subprocess.run(asked, capture_output=True, text=True, timeout=LONGEST, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotAvailable(str(error)) from error
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    missing = next((line["missing"] for line in lines if "missing" in line), None)
    if missing is not None or done.returncode:
        raise NotAvailable(missing or done.stderr.strip()[-300:])
    found = {line["run"]: line for line in lines}
    return {truth.run: answer_of(found[truth.run], truth) for truth in truths if truth.run in found}


def write_table(run: Run, path: Path) -> None:
    """One row for each step at which anything was logged; a cell is empty where this series has no point."""
    cells: dict[int, dict[str, object]] = {}
    for role, column in COLUMNS.items():
        series = run[role]
        if series is not None:
            for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
                cells.setdefault(step, {"step": step})[column] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["step", *COLUMNS.values()])
        writer.writeheader()
        writer.writerows(cells[step] for step in sorted(cells))


def answer_of(line: Mapping[str, Any], truth: Truth) -> Answer:
    """A rival's findings on one run in the common form."""
    if "failed" in line:
        return Answer(said=Said.NOTHING, because=str(line["failed"]))
    serious = [f for f in line["findings"] if SEVERITIES.index(f["severity"]) >= SEVERITIES.index("warning")]
    if not serious:
        return Answer(said=Said.HEALTHY)
    # `sort` keeps the tool's own order among equals.
    serious.sort(key=lambda f: (-SEVERITIES.index(f["severity"]), -(f["confidence"] or 0.0)))
    named = [directions_of(finding["fixes"]) for finding in serious]
    ratio = _ratio(serious[0]["fixes"])
    return Answer(
        said=Said.UNHEALTHY,
        directions=named[0],
        peak_lr=ratio * truth.peak_lr if ratio is not None else None,
        contradicts=any(Direction.LOWER in some for some in named) and any(Direction.RAISE in some for some in named),
        confidence=serious[0]["confidence"],
        because=",".join(dict.fromkeys(str(finding["name"]) for finding in serious)),
    )


def directions_of(fixes: Sequence[str]) -> frozenset[Direction]:
    """Every direction that a list of fixes names."""
    plain = [NOT_THE_RATE.sub("", fix) for fix in fixes]
    return frozenset(direction for direction, words in WORDS.items() if any(words.search(fix) for fix in plain))


def _ratio(fixes: Sequence[str]) -> float | None:
    for fix in fixes:
        if found := _FROM_TO.search(fix):
            before, after = (float(number) for number in found.groups())
            return after / before if before > 0 else None
    return None
