"""The report as SARIF 2.1.0, for code scanning: a result for each warning and error, and the rules with their help.

GitHub takes 20 runs of a tool and shows 5,000 results of each, so there is one run with the worst 5,000. How many were
left out, which runs cannot be judged, which inputs were of no use and what else a gate fails for is told in the
notifications. What a gate pardons is suppressed. A log has no lines that matter, so all results lie at line 1; the step
is in the message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

from lrdoctor.model import Report, RuleInfo, Severity, Verdict
from lrdoctor.reports._ascii_json import dumped
from lrdoctor.reports._escape import plain
from lrdoctor.reports._judged import Judged, Remark, elsewhere, fingerprint, judged, untold
from lrdoctor.reports._places import uri
from lrdoctor.reports._words import settings

SUFFIX = ".sarif"
MOST = 5000
"""Results of a run that GitHub shows (SARIF support for code scanning)."""
LONGEST = 4000
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
BESIDE = {
    "expectation": "A run did not reach what the configuration expects of it.",
    "nonfinite": "A number that a gate rests on is not finite.",
    "cannot_tell": "A run cannot be judged, and the gate is strict.",
    "expired_waiver": "The date of a waiver has passed.",
}
"""What a gate fails for beside the rules."""


def write(report: Report, out: TextIO) -> None:
    """Write one SARIF log with one run."""
    rules = [_rule(rule) for rule in report.rules]
    known = {rule["id"] for rule in rules}
    results = sorted(_results(report), key=lambda result: list(LEVELS.values()).index(result["level"]))
    # Every result's rule is described, whoever brought it.
    for result in results:
        name = result["ruleId"]
        if name not in known:
            known.add(name)
            rules.append({"id": name, "shortDescription": _message(BESIDE.get(name, name))})
    driver = {
        "name": "lrdoctor",
        "version": report.version,
        "rules": rules,
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [_invocation(report, max(len(results) - MOST, 0))],
                "columnKind": "unicodeCodePoints",
                "results": results[:MOST],
            }
        ],
    }
    out.write(dumped(document, indent=2) + "\n")


def _rule(rule: RuleInfo) -> dict[str, Any]:
    parts = [rule.what, rule.why, rule.caveats and f"Caveats: {rule.caveats}"]
    parts += [f"Reference: {reference}" for reference in rule.references]
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": _message(rule.what),
        "fullDescription": _message(rule.why or rule.what),
        "help": _message("\n\n".join(part for part in parts if part)),
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"tags": ["learning-rate"]},
    }


def _results(report: Report) -> Iterator[dict[str, Any]]:
    for run in judged(report):
        for remark in run.remarks:
            if remark.fails or remark.severity is not Severity.INFO:
                yield _result(run, remark)


def _result(run: Judged, remark: Remark) -> dict[str, Any]:
    diagnosis, advice = run.diagnosis, remark.advice
    at = "" if remark.step is None else f", step {remark.step:,}"
    told: dict[str, Any] = {"run": diagnosis.name, "step": remark.step, "series": remark.series}
    if run.gated:
        told["fails"] = remark.fails
    if advice:
        told["confidence"] = advice.confidence
        told["evidence"] = {finding.kind: finding.evidence for finding in reversed(advice.because)}
    if diagnosis.prescription:
        told["prescription"] = settings(diagnosis.prescription)
    result = {
        "ruleId": remark.what,
        "level": LEVELS[remark.severity],
        "message": _message(f"{diagnosis.name}{at}: {remark.message}"),
        "locations": [_location(diagnosis.run.path.as_posix())],
        "partialFingerprints": _fingerprints(remark.what, diagnosis.name, remark.series),
        "properties": told,
    }
    if remark.pardon:
        why = remark.pardon.reason or f"in the {remark.pardon.by}"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": plain(why, LONGEST)}]
    return result


def _invocation(report: Report, left_out: int) -> dict[str, Any]:
    notes = [("error", problem.message, problem.path) for problem in report.errors]
    # A result must lie somewhere.
    notes += [("error", ": ".join(filter(None, (f.what, f.run, f.message))), "") for f in elsewhere(report)]
    notes += [
        ("note", f"{diagnosis.name}: cannot tell: {untold(diagnosis)}", diagnosis.run.path.as_posix())
        for diagnosis in report.worst_first()
        if diagnosis.verdict is Verdict.CANNOT_TELL
    ]
    notes += [("note", f"gone: {known}", "") for known in (report.gate.gone if report.gate else ())]
    if left_out:
        notes.append(("warning", f"{left_out:,} more results are left out: the worst {MOST:,} are here", ""))
    return {
        "executionSuccessful": not report.errors,
        "toolExecutionNotifications": [
            {
                "level": level,
                "message": _message(message),
                **({"locations": [_location(path)]} if path else {}),
            }
            for level, message, path in notes
        ],
    }


def _location(path: str) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": uri(path)}, "region": {"startLine": 1}}}


def _fingerprints(rule: str, run: str, series: str) -> dict[str, str]:
    """Ours, and under the name that GitHub compares: it would make its own of the log's first line."""
    key = fingerprint(rule, run, series)
    return {"lrdoctor/v1": key, "primaryLocationLineHash": f"{key[:16]}:1"}


def _message(text: str) -> dict[str, str]:
    """Plain text in which braces are no placeholders and brackets no links (SARIF 2.1.0, 3.11.5 and 3.11.6)."""
    lines = "\n".join(plain(line, LONGEST) for line in text.split("\n\n"))
    for sign, escaped in (("\\", "\\\\"), ("[", "\\["), ("]", "\\]")) if "](" in lines else ():
        lines = lines.replace(sign, escaped)
    return {"text": lines.replace("{", "{{").replace("}", "}}")}
