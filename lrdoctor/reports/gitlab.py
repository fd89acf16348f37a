"""A code quality report for GitLab's merge requests: a JSON array, an issue for each warning and error.

GitLab compares fingerprints between branches, so one stays the same while the same rule finds fault with the same
series of the same run. What fails a gate is a `blocker`, what it pardons is `info`. A log has no lines that matter, so
all begin at line 1; the step is in the description.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

from lrdoctor.model import Report, Severity
from lrdoctor.reports._ascii_json import dumped
from lrdoctor.reports._escape import plain
from lrdoctor.reports._judged import Judged, Remark, elsewhere, fingerprint, judged, untold
from lrdoctor.reports._places import shown

SUFFIX = ".json"
LONGEST = 4000
LEVELS = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def write(report: Report, out: TextIO) -> None:
    """Write one JSON array, worst first; an empty one where nothing is to be said."""
    out.write(dumped(_distinct(_issues(report)), indent=2) + "\n")


def _issues(report: Report) -> Iterator[dict[str, Any]]:
    for failure in elsewhere(report):
        key = fingerprint(failure.what, failure.run, "")
        text = ": ".join(filter(None, (failure.run, failure.message)))
        yield _issue(failure.what, text, key, "blocker", failure.run or "lrdoctor check")
    for problem in report.errors:
        key = fingerprint("not-used", problem.path, "")
        yield _issue("not-used", problem.message, key, "critical", shown(problem.path))
    for run in judged(report):
        yield from _of_run(run)
    for known in report.gate.gone if report.gate else ():
        yield _issue("gone", f"gone: {known}", fingerprint("gone", known, ""), "info", "lrdoctor check")


def _of_run(run: Judged) -> Iterator[dict[str, Any]]:
    name, path = run.diagnosis.name, shown(run.diagnosis.run.path)
    for remark in run.remarks:
        if not remark.fails and remark.severity is Severity.INFO:
            continue
        at = "" if remark.step is None else f", step {remark.step:,}"
        fate = f" ({remark.pardoned})" if remark.pardon else ""
        key = fingerprint(remark.what, name, remark.series)
        text = f"{remark.title}: {name}{at}: {remark.message}{fate}"
        yield _issue(remark.what, text, key, _severity(remark, gated=run.gated), path)
    if reason := untold(run.diagnosis):
        yield _issue(
            "cannot-tell", f"{name}: cannot tell: {reason}", fingerprint("cannot-tell", name, ""), "minor", path
        )


def _severity(remark: Remark, *, gated: bool) -> str:
    if remark.pardon:
        return "info"
    return "blocker" if gated and remark.fails else LEVELS[remark.severity]


def _issue(check: str, description: str, key: str, severity: str, path: str) -> dict[str, Any]:
    """https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format."""
    return {
        "description": plain(description, LONGEST) or check,
        "check_name": plain(check),
        "fingerprint": key,
        "severity": severity,
        "location": {"path": plain(path.removeprefix("./"), LONGEST), "lines": {"begin": 1}},
    }


def _distinct(issues: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """GitLab keeps one issue of a fingerprint: the first here, and so the worst."""
    found: dict[str, dict[str, Any]] = {}
    for issue in issues:
        found.setdefault(issue["fingerprint"], issue)
    return list(found.values())
