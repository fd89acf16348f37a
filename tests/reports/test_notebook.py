from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import html5lib
import numpy as np
import pytest

from lrdoctor.model import Report, Role, Series
from lrdoctor.reports._notebook import MOST_FIGURES, MOST_ROWS

from .conftest import HOSTILE, diverged, healthy, series, untellable


def shown(thing: object) -> str:
    markup = thing._repr_html_()  # type: ignore[attr-defined]  # as a notebook asks for it
    assert isinstance(markup, str)
    html5lib.HTMLParser(strict=True).parseFragment(markup)
    assert not re.search(r"<script|<style|style=|<link|href=|src=", markup)
    return markup


def test_a_report_shows_a_table_and_its_unhealthy_runs(report: Report) -> None:
    markup = shown(report)
    assert "4 runs: 2 healthy, 1 unhealthy, 1 cannot tell, 1 not used" in markup
    assert markup.index("runs/lr0.3") < markup.index("runs/empty") < markup.index("runs/lr0.03</th>")
    assert markup.count("<svg") == 1
    assert "<b>LRD101 early-divergence</b>: train/loss diverged from step 500" in markup
    assert "<b>Try next:</b> peak_lr=0.03 (0.1x)" in markup
    assert r"Not used: runs/core\x07: not a log: no parser knows it" in markup


def test_where_no_html_is_shown_there_is_markdown(report: Report) -> None:
    assert "runs/lr0.3" in report._repr_markdown_()
    assert "<svg" not in report._repr_markdown_()


def test_a_run_shows_its_loss_and_its_rate() -> None:
    markup = shown(diverged().run)
    assert "<b>runs/lr0.3</b> (tensorboard, 2 series)" in markup
    assert 'class="k-loss"' in markup
    assert 'class="k-lr"' in markup
    # Notebooks may be dark, and no style sheet is there to follow them.
    assert '<rect width="760"' in markup


def test_a_run_without_points_shows_its_name() -> None:
    assert "<svg" not in shown(untellable().run)
    assert "runs/empty" in shown(untellable().run)


def test_names_are_text() -> None:
    told = diverged()
    evil = f"<img src=x onerror=alert(1)>{HOSTILE}"
    run = replace(told.run, name=evil, format=evil)
    for thing in (run, Report(runs=(replace(told, run=run),), version="0")):
        markup = thing._repr_html_()
        assert "<img" not in markup
        assert "&lt;img src=x onerror=alert(1)&gt;" in markup
        assert "\u202e" not in markup
        markup.encode("utf-8")


def test_hundreds_of_runs_do_not_flood_the_notebook() -> None:
    told = diverged()
    runs = [replace(told, run=replace(told.run, name=f"run{i:03d}")) for i in range(MOST_ROWS + 5)]
    markup = shown(Report(runs=tuple(runs), version="0"))
    assert markup.count("<tr>") == MOST_ROWS + 1
    assert "and 5 more" in markup
    assert markup.count("<svg") == MOST_FIGURES
    assert f"{MOST_ROWS + 5 - MOST_FIGURES} more are unhealthy and not drawn here" in markup
    ids = re.findall(r' id="([^"]+)"', markup)
    assert len(ids) == len(set(ids))


def test_an_empty_report() -> None:
    assert "0 runs" in shown(Report(runs=(), version="0"))


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (Report(runs=(), version="0"), "Report(0 runs)"),
        (Report(runs=(healthy("a"),), version="0"), "Report(1 run: 1 healthy)"),
        (diverged().run, "Run('runs/lr0.3', tensorboard, 2 series, steps 0 to 3,000)"),
        (untellable().run, "Run('runs/empty', csv, 1 series)"),
        (series("loss", [1.0]), "Series('loss', 1 point, steps 0 to 0)"),
        (series("loss", []), "Series('loss', 0 points)"),
        (Series(tag="x", steps=np.arange(5000), values=np.ones(5000)), "Series('x', 5,000 points, steps 0 to 4,999)"),
    ],
)
def test_printed_they_are_one_short_line(thing: object, text: str) -> None:
    assert repr(thing) == text


def test_a_run_with_a_role_is_drawn_by_it() -> None:
    run = replace(healthy("x").run, roles={Role.LR: "loss"})
    assert 'class="k-lr"' in shown(run)


def test_nothing_is_imported_for_it_before_it_is_asked_for() -> None:
    code = "import sys, lrdoctor.model; print('lrdoctor.reports' in sys.modules, 'jinja2' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]
