"""One line for each piece of advice, `path:step: severity RULE message`: the form that editors and grep know.

The path is the log's, the step the one at which the trouble begins. The last line counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from lrdoctor.model import Report
from lrdoctor.model.report import PRAISE
from lrdoctor.reports._commands import inert
from lrdoctor.reports._escape import plain
from lrdoctor.reports._judged import Judged, Remark, counted, decided, elsewhere, judged, untold
from lrdoctor.reports._lines import terminal
from lrdoctor.reports._places import shown

SUFFIX = ".txt"
STYLES = {"error": "bold red", "error:": "bold red", "warning": "yellow", "info": "cyan"}
LONGEST = 4000
"""Characters of a message or a path: whole sentences, but no log may fill the screen."""


def write(report: Report, out: TextIO) -> None:
    """Write a line for each complaint, each run that cannot be judged and each input of no use, and a count."""
    console = terminal(out)
    encoding = getattr(out, "encoding", None) or "utf-8"
    for parts in _lines(report):
        safe = [inert(plain(part, LONGEST)).encode(encoding, "backslashreplace").decode(encoding) for part in parts]
        told = [part for part in safe if part]
        if console is None:
            out.write(" ".join(told) + "\n")
        else:
            from rich.text import Text

            styled = [(part, STYLES.get(part, "") if part == safe[1] else "") for part in told]
            # What the terminal wraps itself stays one line for whoever copies it.
            console.print(Text(" ").join(Text(*pair) for pair in styled), soft_wrap=True)


def _lines(report: Report) -> Iterator[tuple[str, str, str]]:
    """Place, severity and the rest of each line."""
    for run in judged(report):
        path = shown(run.diagnosis.run.path)
        for remark in run.remarks:
            # Editors and grep want what is wrong, and LRD001 says that nothing is.
            if remark.what in PRAISE and not remark.fails:
                continue
            yield _place(path, remark), str(remark.severity), _said(run, remark)
        if reason := untold(run.diagnosis):
            yield f"{path}:", "info", f"cannot tell: {reason}"
    for failure in elsewhere(report):
        yield f"{failure.run or 'gate'}:", str(failure.severity), f"{failure.what} {failure.message}"
    for problem in report.errors:
        yield f"{shown(problem.path)}:", "error:", problem.message
    for known in report.gate.gone if report.gate else ():
        yield "gone:", "", known
    yield "", "", "; ".join(part for part in (counted(report), decided(report)) if part)


def _place(path: str, remark: Remark) -> str:
    return f"{path}:" if remark.step is None else f"{path}:{remark.step}:"


def _said(run: Judged, remark: Remark) -> str:
    diagnosis = run.diagnosis
    # One file may hold several runs.
    named = "" if diagnosis.run.path.as_posix().endswith(diagnosis.name) else f"{diagnosis.name}: "
    fate = f" ({remark.pardoned})" if remark.pardon else ""
    return f"{remark.what} {named}{remark.message}{fate}"
