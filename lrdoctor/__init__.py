"""Reads training logs, says what went wrong with the learning rate, and prescribes the next run.

    report = lrdoctor.analyze("runs/")
    report.raise_if("error")

Nothing else is public. Both names are looked up when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lrdoctor.doctor import analyze as analyze
    from lrdoctor.model import Report as Report

__all__ = ["Report", "analyze"]


def __getattr__(name: str) -> object:
    if name == "analyze":
        from lrdoctor.doctor import analyze

        return analyze
    if name == "Report":
        from lrdoctor.model import Report

        return Report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
