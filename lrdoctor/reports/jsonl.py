"""The report for programs, a line at a time: one JSON object per run, then one for all of them.

A run's line is what stands in `runs` of the JSON report, and `schema_version`. The last line is that report without its
runs: the tool, the inputs that were of no use, the counts and the gate. It alone has `summary`.
"""

from __future__ import annotations

from typing import TextIO

from lrdoctor.model import Report
from lrdoctor.reports._ascii_json import dumped
from lrdoctor.reports.json import SCHEMA_VERSION, diagnosed, head, tail

SUFFIX = ".jsonl"


def write(report: Report, out: TextIO) -> None:
    """Write a line of strict ASCII JSON for each run, and the closing one."""
    for diagnosis in report.runs:
        out.write(dumped({"schema_version": SCHEMA_VERSION, **diagnosed(diagnosis)}) + "\n")
    out.write(dumped({**head(report), **tail(report)}) + "\n")
