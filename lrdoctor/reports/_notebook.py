"""How a report and a run show themselves in a notebook: tables and SVG, without scripts, styles or files.

Notebooks that are not trusted, and the pages that show notebooks, drop scripts and style sheets; what is left here says
everything. The figures have a white ground, as the notebook's may be dark.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

import numpy as np

from lrdoctor.model import Diagnosis, Report, Role, Run, Verdict
from lrdoctor.reports._figure import chart
from lrdoctor.reports._panels import figure, plain_figure
from lrdoctor.reports._svg import safe
from lrdoctor.reports._words import number, settings

PLACES = 320
MOST_ROWS = 50
MOST_FIGURES = 8


def report_html(report: Report) -> str:
    """The summary as a table, then each unhealthy run with its figure and advice, the worst first."""
    diagnoses = list(report.worst_first())
    bad = [d for d in diagnoses if d.verdict is Verdict.UNHEALTHY]
    return "\n".join(["<div>", *_summary(report, diagnoses), *_unhealthy(bad), "</div>"])


def report_markdown(report: Report) -> str:
    """The same as for a pull request: for what shows no HTML."""
    from lrdoctor.reports import markdown

    out = io.StringIO()
    markdown.write(report, out)
    return out.getvalue()


def run_html(run: Run) -> str:
    """The run's loss over its rate; its name alone where nothing was logged."""
    shown = plain_figure(run, PLACES)
    facts = f"<b>{safe(run.name)}</b> ({safe(run.format)}, {len(run.series):,} series)"
    drawn = chart(shown, name=run.name, ident=_ident(run.name), paper=True) if shown else ""
    return f"<div><p>{facts}</p>\n{drawn}</div>"


def _summary(report: Report, diagnoses: list[Diagnosis]) -> Iterator[str]:
    yield f"<p><b>{safe(repr(report)[len('Report(') : -1])}</b></p>"
    yield from (f"<p>Not used: {safe(e.path)}: {safe(e.message)}</p>" for e in report.errors)
    if not diagnoses:
        return
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Run", "Verdict", "Rules", "Peak rate", "Last loss"))
    yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
    for diagnosis in diagnoses[:MOST_ROWS]:
        run = diagnosis.run
        rate, loss = run[Role.LR], run[Role.VAL_LOSS] or run[Role.TRAIN_LOSS]
        good = rate.finite().values if rate else np.array([])
        cells = (
            diagnosis.verdict.replace("_", " "),
            ", ".join(dict.fromkeys(advice.rule.id for advice in diagnosis.advice)),
            number(float(good.max())) if len(good) else "",
            number(float(loss.values[-1])) if loss else "",
        )
        row = "".join(f"<td>{safe(cell)}</td>" for cell in cells)
        yield f'<tr><th scope="row">{safe(run.name)}</th>{row}</tr>'
    yield "</tbody></table>"
    if len(diagnoses) > MOST_ROWS:
        yield f"<p>and {len(diagnoses) - MOST_ROWS:,} more</p>"


def _unhealthy(diagnoses: list[Diagnosis]) -> Iterator[str]:
    for diagnosis in diagnoses[:MOST_FIGURES]:
        yield f"<h4>{safe(diagnosis.name)}</h4>"
        if shown := figure(diagnosis, PLACES):
            yield chart(shown, name=diagnosis.name, ident=_ident(diagnosis.name), paper=True)
        yield "<ul>"
        for advice in diagnosis.advice:
            rule = advice.rule
            told = f"<b>{safe(rule.id)} {safe(rule.name)}</b>: {safe(advice.message, 2000)}"
            yield f"<li>{safe(rule.severity)} {told}</li>"
        yield "</ul>"
        if diagnosis.prescription:
            told = f"{settings(diagnosis.prescription)}; {diagnosis.prescription.reason}"
            yield f"<p><b>Try next:</b> {safe(told, 2000)}</p>"
    if len(diagnoses) > MOST_FIGURES:
        yield f"<p>{len(diagnoses) - MOST_FIGURES:,} more are unhealthy and not drawn here</p>"


def _ident(name: str) -> str:
    """Cells share one page, so a place in the report is no id; the same run may have the same one twice."""
    return "lrdoctor-" + hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:12]
