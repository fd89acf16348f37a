"""The report as test results that every build server reads (JUnit XML, as Jenkins' junit-10.xsd has it).

A suite is a folder, a case is a run. A run that a gate fails, or without a gate one with a warning or an error, is a
failed case; one that cannot be judged is skipped, with what it lacks; an input of no use is an error. What else was
said of a run is in its output. With a gate, the suite `lrdoctor check` has what it fails for beside the runs, and what
its baseline knows and is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TextIO
from xml.etree import ElementTree as ET

from lrdoctor.model import Prescription, Report
from lrdoctor.reports._commands import inert
from lrdoctor.reports._escape import plain
from lrdoctor.reports._judged import Judged, Remark, decided, elsewhere, judged, untold
from lrdoctor.reports._places import shown
from lrdoctor.reports._words import MOST, in_words, seen, settings

SUFFIX = ".xml"
NAME, LONGEST = 500, 4000
"""Characters of a name and of a message."""
_NO_XML = re.compile("[\ufffe\uffff]")
"""Of what `plain` leaves, the characters that are none in XML 1.0 (section 2.2)."""


def write(report: Report, out: TextIO) -> None:
    """Write one `testsuites` element with its declaration."""
    suites: dict[str, list[ET.Element]] = {}
    for run in judged(report):
        path = PurePosixPath(shown(run.diagnosis.run.path))
        suites.setdefault(path.parent.as_posix(), []).append(_case(run, path.parent.as_posix()))
    for problem in report.errors:
        path = PurePosixPath(shown(problem.path))
        case = _element("testcase", name=path.as_posix(), classname=path.parent.as_posix())
        case.append(_element("error", type="not-used", message=problem.message))
        suites.setdefault(path.parent.as_posix(), []).append(case)
    if report.gate:
        suites["lrdoctor check"] = _of_the_gate(report)
    root = _element("testsuites", name="lrdoctor")
    root.extend(_suite(name, suites[name]) for name in sorted(suites))
    for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        root.set(kind, str(len(root.findall(f".//{tag}"))))
    ET.indent(root)
    # Every server reads ASCII, whatever the encoding of the stream is.
    text = ET.tostring(root, encoding="us-ascii", xml_declaration=False).decode("ascii")
    out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _suite(name: str, cases: list[ET.Element]) -> ET.Element:
    suite = _element("testsuite", name=name, tests=str(len(cases)))
    suite.extend(cases)
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(len(suite.findall(f"testcase/{tag}"))))
    return suite


def _case(run: Judged, folder: str) -> ET.Element:
    diagnosis = run.diagnosis
    case = _element("testcase", name=diagnosis.name, classname=folder)
    reason = untold(diagnosis)
    others = [remark for remark in run.remarks if not remark.fails]
    if run.failing:
        worst = run.failing[0]
        lines = [line for remark in run.failing for line in _told(remark)] + _next(diagnosis.prescription)
        case.append(_element("failure", lines, type=worst.what, message=f"{worst.title}: {worst.message}"))
    elif reason:
        case.append(_element("skipped", message=reason))
    if others:
        case.append(_element("system-out", [line for remark in others for line in _told(remark)]))
    return case


def _told(remark: Remark) -> list[str]:
    fate = f" ({remark.pardoned})" if remark.pardon else ""
    found = remark.advice.because[:MOST] if remark.advice else ()
    fixes = remark.advice.fixes if remark.advice else ()
    return [
        f"{remark.severity} {remark.title}: {remark.message}{fate}",
        *(f"  seen: {seen(finding)}" for finding in found),
        *(f"  to do: {in_words(fix)}" for fix in fixes),
    ]


def _next(prescription: Prescription | None) -> list[str]:
    return [f"try next: {settings(prescription)}", f"  why: {prescription.reason}"] if prescription else []


def _of_the_gate(report: Report) -> list[ET.Element]:
    case = _element("testcase", name="gate", classname="lrdoctor check")
    if failures := elsewhere(report):
        told = [f"{f.severity} {f.what}: {f.run or 'all runs'}: {f.message}" for f in failures]
        case.append(_element("failure", told, type=failures[0].what, message=failures[0].message))
    gone = report.gate.gone if report.gate else ()
    case.append(_element("system-out", [decided(report), *(f"gone: {known}" for known in gone)]))
    return [case]


def _element(tag: str, lines: Iterable[str] = (), **attributes: str) -> ET.Element:
    """All text comes in here, and is made harmless here."""
    element = ET.Element(
        tag, {name: _text(value, NAME if name != "message" else LONGEST) for name, value in attributes.items()}
    )
    element.text = "\n".join(_text(line, LONGEST) for line in lines) or None
    return element


def _text(text: str, limit: int) -> str:
    return inert(_NO_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", plain(text, limit)))
