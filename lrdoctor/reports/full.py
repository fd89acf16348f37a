"""The report for people who want everything: `text` with every run in full, and nothing that was measured left out."""

from __future__ import annotations

from typing import TextIO

from lrdoctor.model import Report
from lrdoctor.reports._prose import write_prose

SUFFIX = ".txt"


def write(report: Report, out: TextIO) -> None:
    """Write every run, the healthy ones too, with its series, settings, curves, findings and all that was skipped."""
    write_prose(report, out, whole=True)
