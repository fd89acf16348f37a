"""The report for people: the worst runs first, each with its curves, what went wrong and what to try next."""

from __future__ import annotations

from typing import TextIO

from lrdoctor.model import Report
from lrdoctor.reports._prose import write_prose

SUFFIX = ".txt"


def write(report: Report, out: TextIO) -> None:
    """Write the whole report, with colour and as wide as the window on a terminal, in plain uncut lines elsewhere."""
    write_prose(report, out)


def write_quietly(report: Report, out: TextIO) -> None:
    """Only what is wrong: no healthy run, no note, no summary; of a gate, what did not pass."""
    write_prose(report, out, quiet=True)
