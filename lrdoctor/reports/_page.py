"""What the HTML page says, sorted for the reader: plain values and finished figures, which templates arrange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrdoctor.model import Diagnosis, Prescription, Report, Role, RuleInfo, Series, Severity, Verdict
from lrdoctor.reports._escape import plain
from lrdoctor.reports._facts import facts, peak, remarks, settings, skipped
from lrdoctor.reports._figure import chart, spark
from lrdoctor.reports._island import island
from lrdoctor.reports._overlay import Overlay, overlay
from lrdoctor.reports._panels import Figure, figure
from lrdoctor.reports._scale import around
from lrdoctor.reports._sparkline import is_log
from lrdoctor.reports._thin import thin
from lrdoctor.reports._words import count, number

if TYPE_CHECKING:
    from markupsafe import Markup

PLACES = 20_000
"""Places along the runs that all figures together may tell apart, so that a page stays small."""
MOST_PLACES, FEWEST_PLACES = 900, 60
IN_PICTURE = 320
"""Places of a figure that a script does not draw: two units of its width each."""
MOST_FIGURES = 600
"""Runs with figures; of more than that, the worst."""
MOST_RUNS = 2000
"""More than anybody reads, and than a browser likes; of more, the worst."""
MOST_FACTS = 14
MOST_WORST = 8
MOST_RULES = 16
TONES = {Verdict.UNHEALTHY: "error", Verdict.CANNOT_TELL: "warning", Verdict.HEALTHY: "fine"}
SPARK_PLACES = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleView:
    """A rule that spoke."""

    rule: RuleInfo
    place: int
    runs: int
    share: float
    """Of all runs, in percent."""

    @property
    def what(self) -> str:
        """What it looks for."""
        return " ".join(self.rule.what.split())

    @property
    def paragraphs(self) -> list[str]:
        """Why it is bad."""
        return _paragraphs(self.rule.why)

    @property
    def caveats(self) -> list[str]:
        """When not to believe it."""
        return _paragraphs(self.rule.caveats)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LegendEntry:
    """A line of a figure, named."""

    panel: int
    line: int
    kind: str
    text: str
    ending: str
    """What it ends at: shown until a cursor asks for another place."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunView:
    """One run."""

    diagnosis: Diagnosis
    place: int
    """Counted from 0, worst first: names are no ids."""
    verdict: str
    severity: str
    """Of the worst advice; empty where there is none."""
    svg: Markup | None
    island: Markup | None
    legend: tuple[LegendEntry, ...]
    spark: Markup | None
    facts: tuple[tuple[str, str], ...]
    more_facts: tuple[tuple[str, str], ...]
    peak: float | None
    final: float | None
    """The last value of the validation loss or, without one, of the training loss; None where it is not finite."""
    final_text: str
    final_of: str
    """`validation loss` or `training loss`, whichever `final` and `spark` are of."""
    peak_text: str
    loud: tuple[str, ...]
    """Ids of the rules that warn, or of all that spoke where none does."""
    rules: str
    """Places of all rules that spoke, with spaces around each."""
    remarks: str
    """How much there is to say of the log."""
    skipped: tuple[tuple[str, str], ...]
    """What could not speak, grouped by what it lacked."""
    settings: tuple[tuple[str, tuple[str, ...]], ...]
    """What is prescribed, row by row, with a column for each alternative."""
    code: Markup | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Page:
    """All of it."""

    report: Report
    headline: str
    counts: tuple[tuple[str, str, str], ...]
    """How many, of which verdict, and in which tone."""
    runs: tuple[RunView, ...]
    rules: tuple[RuleView, ...]
    """By how bad they are and in how many runs they spoke."""
    loud: tuple[RuleView, ...]
    """Those that warn; all, where none does."""
    worst: tuple[RunView, ...]
    """The first of the unhealthy runs."""
    more_worst: int
    left_out: int
    overlay: Overlay | None
    overlay_svg: Markup | None
    overlay_island: Markup | None
    without_figure: int
    places: Mapping[str, int]
    """Of the runs, by name."""


def page(report: Report) -> Page:
    """The whole report, worst first."""

    everyone = list(report.worst_first())
    diagnoses = everyone[:MOST_RUNS]
    places = min(max(PLACES // max(len(diagnoses), 1), FEWEST_PLACES), MOST_PLACES)
    together = overlay(diagnoses[:MOST_FIGURES], 120 if len(diagnoses) <= 60 else 60)
    rules = _rules(report, everyone)
    numbered = {view.rule.id: view.place for view in rules}
    runs = tuple(_run(d, i, places, numbered, drawn=i < MOST_FIGURES) for i, d in enumerate(diagnoses))
    bad = [run for run in runs if run.diagnosis.verdict is Verdict.UNHEALTHY]
    return Page(
        report=report,
        headline=_headline(report),
        counts=tuple((f"{n:,}", v.replace("_", " "), tone) for v, tone in TONES.items() if (n := report.count(v))),
        runs=runs,
        rules=rules,
        loud=tuple(view for view in rules if view.rule.severity is not Severity.INFO)[:MOST_RULES],
        worst=tuple(bad[:MOST_WORST]),
        more_worst=max(report.count(Verdict.UNHEALTHY) - MOST_WORST, 0),
        left_out=len(everyone) - len(diagnoses),
        overlay=together,
        overlay_svg=_made(together.svg) if together else None,
        overlay_island=_made(together.island) if together else None,
        without_figure=max(len(diagnoses) - MOST_FIGURES, 0),
        places={d.name: i for i, d in enumerate(diagnoses)},
    )


def _made(markup: str) -> Markup:
    """Markup that we made ourselves, from numbers and from texts that are escaped in it."""
    from markupsafe import Markup

    return Markup(markup)  # noqa: S704


def _headline(report: Report) -> str:
    runs, bad = len(report.runs), report.count(Verdict.UNHEALTHY)
    if not runs:
        return "No runs were found"
    if bad == runs == 1:
        return "The run needs attention"
    if bad:
        return f"{bad:,} of {count(runs, 'run')} {'needs' if bad == 1 else 'need'} attention"
    if unsure := report.count(Verdict.CANNOT_TELL):
        return f"{unsure:,} of {count(runs, 'run')} cannot be judged"
    return "The run is healthy" if runs == 1 else f"All {runs:,} runs are healthy"


def _rules(report: Report, diagnoses: Sequence[Diagnosis]) -> tuple[RuleView, ...]:
    spoke = {advice.rule.id: advice.rule for d in diagnoses for advice in d.advice}
    known = {rule.id: rule for rule in report.rules} | spoke
    runs = {rule: n for rule, n in report.by_rule().items() if rule in known}
    order = sorted(runs, key=lambda rule: (-known[rule].severity.rank, -runs[rule], rule))
    return tuple(
        RuleView(rule=known[rule], place=place, runs=runs[rule], share=100 * runs[rule] / len(diagnoses))
        for place, rule in enumerate(order)
    )


def _run(diagnosis: Diagnosis, place: int, places: int, numbered: Mapping[str, int], *, drawn: bool) -> RunView:
    run = diagnosis.run
    shown = figure(diagnosis, places) if drawn else None
    picture = shown if places <= IN_PICTURE else figure(diagnosis, IN_PICTURE) if drawn else None
    loss = run[Role.VAL_LOSS] or run[Role.TRAIN_LOSS]
    final = float(loss.values[-1]) if loss else None
    told = facts(diagnosis)
    highest = peak(diagnosis)
    ids = list(dict.fromkeys(advice.rule.id for advice in diagnosis.advice))
    loud = dict.fromkeys(a.rule.id for a in diagnosis.advice if a.rule.severity is not Severity.INFO)
    return RunView(
        diagnosis=diagnosis,
        place=place,
        verdict=diagnosis.verdict.replace("_", " "),
        severity=str(diagnosis.severity or "") if diagnosis.verdict is not Verdict.HEALTHY else "",
        svg=_made(chart(picture, name=run.name, ident=f"fig-{place}")) if picture else None,
        island=_made(island(shown)) if shown else None,
        legend=_legend(shown) if shown else (),
        spark=_spark(loss),
        facts=told[:MOST_FACTS],
        more_facts=told[MOST_FACTS:],
        peak=highest,
        final=final if final is not None and np.isfinite(final) else None,
        final_text="" if final is None else number(final),
        final_of="validation loss" if run[Role.VAL_LOSS] else "training loss",
        peak_text="" if highest is None else number(highest),
        loud=tuple(loud) or tuple(ids),
        rules=" ".join(str(numbered[rule]) for rule in ids),
        remarks=remarks(diagnosis),
        skipped=skipped(diagnosis),
        settings=settings(diagnosis.prescription) if diagnosis.prescription else (),
        code=_code(diagnosis.prescription),
    )


def _spark(series: Series | None) -> Markup | None:
    if series is None or len(series) < 2:
        return None
    few = thin(series, SPARK_PLACES)
    scale = around(few.values, log=is_log(few.values))
    return _made(spark(few.steps, few.values, scale))


def _legend(shown: Figure) -> tuple[LegendEntry, ...]:
    entries = []
    for p, panel in enumerate(shown.panels):
        smooth = {line.tag for line in panel.lines if line.kind == "loss"}
        raw = {line.tag for line in panel.lines if line.kind == "raw"}
        for i, line in enumerate(panel.lines):
            if line.kind == "raw" and line.tag in smooth:
                text = f"{plain(line.tag)}, each point"
            elif line.kind == "loss" and line.tag in raw:
                text = f"{plain(line.tag)}, smoothed"
            else:
                text = plain(line.tag)
            ending = number(float(line.values[-1])) if len(line.values) else ""
            entries.append(LegendEntry(panel=p, line=i, kind=line.kind, text=text, ending=ending))
    return tuple(entries)


def _code(prescription: Prescription | None) -> Markup | None:
    from markupsafe import Markup, escape

    if prescription is None or prescription.code is None:
        return None
    return Markup("\n").join(escape(plain(line, 1000)) for line in prescription.code.text.rstrip().splitlines())


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
