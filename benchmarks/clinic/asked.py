"""Asks one rival about every table of a folder and prints one line of JSON for each; runs in the rival's environment.

    PYTHON -I asked.py runmedic|training-doctor|runwise FOLDER

A line is `{"run": …, "findings": [{"name", "severity", "confidence", "fixes"}]}`, or `{"run": …, "failed": why}`, or
only `{"missing": why}` where the rival is not installed. Needs nothing but the standard library and the rival.
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Findings = list[dict[str, Any]]


def runmedic(log: Path) -> Findings:
    """The findings of `runmedic diagnose LOG --json`."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        importlib.import_module("runmedic.cli").main(["diagnose", str(log), "--json"])
    (report,) = json.loads(printed.getvalue())
    return [
        {"name": f["check"], "severity": f["severity"], "confidence": None, "fixes": f["fixes"]}
        for f in report["findings"]
    ]


def training_doctor(log: Path) -> Findings:
    """The diagnoses of the documented way to examine an existing log."""
    doctor = importlib.import_module("training_doctor").Doctor()
    return [
        {
            "name": diagnosis.detector_name,
            "severity": diagnosis.severity.value,
            "confidence": diagnosis.confidence,
            "fixes": diagnosis.suggestions,
        }
        for diagnosis in doctor.load(str(log)).analyze()
    ]


def runwise(log: Path) -> Findings:
    """The anomalies that the public function finds in the whole history."""
    with log.open(encoding="utf-8", newline="") as file:
        history = [
            {("_step" if name == "step" else name): float(cell) for name, cell in row.items() if cell}
            for row in csv.DictReader(file)
        ]
    found = importlib.import_module("runwise").detect_anomalies(history)
    return [{"name": a.type, "severity": a.severity, "confidence": None, "fixes": []} for a in found]


ASKED: dict[str, tuple[str, Callable[[Path], Findings]]] = {
    "runmedic": ("runmedic", runmedic),
    "training-doctor": ("training_doctor", training_doctor),
    "runwise": ("runwise", runwise),
}


def main() -> None:
    """Answer for every table of the folder."""
    tool, folder = sys.argv[1:]
    module, ask = ASKED[tool]
    try:
        importlib.import_module(module)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    for log in sorted(Path(folder).glob("*.csv")):
        try:
            print(json.dumps({"run": log.stem, "findings": ask(log)}))
        # `SystemExit` is how runmedic says that a log holds nothing that it knows.
        except (Exception, SystemExit) as error:
            print(json.dumps({"run": log.stem, "failed": f"{type(error).__name__}: {error}"}))


if __name__ == "__main__":
    main()
