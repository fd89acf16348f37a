from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrdoctor.model import Diagnosis, Expected, Finding, Role, Series, Severity, Span, Verdict
from lrdoctor.reports._figure import chart, describe, spark
from lrdoctor.reports._panels import MOST_BANDS, Figure, figure, plain_figure
from lrdoctor.reports._scale import Scale
from lrdoctor.reports._svg import FINE, path

from .conftest import HOSTILE, Explosion, diverged, healthy, series, untellable

SVG = "{http://www.w3.org/2000/svg}"


def drawn(diagnosis: Diagnosis) -> Figure:
    shown = figure(diagnosis, 200)
    assert shown is not None
    return shown


def parsed(diagnosis: Diagnosis) -> ET.Element:
    return ET.fromstring(chart(drawn(diagnosis), name=diagnosis.name, ident="fig-0"))  # noqa: S314 - our own


def placed(finding: Finding, first: int, last: int) -> Finding:
    assert isinstance(finding, Explosion)
    return replace(finding, span=Span(first, last), onset_step=first)


def moved(diagnosis: Diagnosis, first: int, last: int) -> Diagnosis:
    """The same with its finding elsewhere, and no onset of its own."""
    found = placed(diagnosis.findings[0], first, last)
    advice = replace(diagnosis.advice[0], because=(found,))
    return replace(diagnosis, findings=(found,), advice=(advice,))


def test_a_finding_is_marked_at_its_steps() -> None:
    root = parsed(moved(diverged(), 600, 1800))
    left, width = float(root.attrib["data-left"]), float(root.attrib["data-width"])
    first, last = float(root.attrib["data-first"]), float(root.attrib["data-last"])
    (band,) = (g for g in root.iter(f"{SVG}g") if g.get("class") == "band s-error")
    for kind in ("tint", "extent"):
        (rect,) = (r for r in band.iter(f"{SVG}rect") if r.get("class") == kind)
        start, end = float(rect.attrib["x"]), float(rect.attrib["x"]) + float(rect.attrib["width"])
        assert start == pytest.approx(left + width * (600 - first) / (last - first), abs=0.1)
        assert end == pytest.approx(left + width * (1800 - first) / (last - first), abs=0.1)
    title = band.findtext(f"{SVG}title") or ""
    assert title.startswith("steps 600 to 1,800: LRD101 early-divergence. train/loss diverged")


def test_its_onset_is_where_the_mark_begins() -> None:
    (band,) = drawn(diverged()).bands
    assert (band.first, band.last) == (500, 3000)


def test_a_stretch_that_is_the_whole_run_is_not_shaded() -> None:
    assert drawn(moved(diverged(), 600, 1800)).bands[0].shaded
    whole = moved(diverged(), 0, 3000)
    assert not drawn(whole).bands[0].shaded
    assert "tint" not in chart(drawn(whole), name="x", ident="y")
    assert "extent" in chart(drawn(whole), name="x", ident="y")


def test_information_is_not_marked() -> None:
    told = diverged()
    mild = replace(told.advice[0], rule=replace(told.advice[0].rule, severity=Severity.INFO))
    assert drawn(replace(told, advice=(mild,))).bands == ()


def test_one_stretch_is_marked_once_and_the_worst_severity_wins() -> None:
    told = diverged()
    mild = replace(told.advice[0], rule=replace(told.advice[0].rule, id="LRD9", severity=Severity.WARNING))
    (band,) = drawn(replace(told, advice=(told.advice[0], mild))).bands
    assert band.severity is Severity.ERROR
    assert band.rules == ("LRD101 early-divergence", "LRD9 early-divergence")


def test_marks_are_capped() -> None:
    told = diverged()
    many = tuple(replace(told.advice[0], because=(placed(told.findings[0], i, 3000),)) for i in range(2 * MOST_BANDS))
    assert len(drawn(replace(told, advice=many)).bands) == MOST_BANDS


def test_what_is_not_finite_is_marked_and_counted() -> None:
    root = parsed(diverged())
    (bad,) = (g for g in root.iter(f"{SVG}g") if g.get("class") == "bad")
    assert bad.findtext(f"{SVG}title") == "train/loss: 24 not finite, steps 700 to 3,000"
    assert "24 points of train/loss are not finite." in describe(drawn(diverged()))
    assert 'class="bad"' not in chart(drawn(healthy("x")), name="x", ident="y")


def test_the_loss_stands_over_the_rate_over_the_gradient_norm() -> None:
    told = diverged()
    run = told.run
    grown = {**run.series, "norm": series("norm", [1.0] * 31), "val": series("val", [2.0] * 31)}
    roles = {**run.roles, Role.GRAD_NORM: "norm", Role.VAL_LOSS: "val"}
    shown = drawn(replace(told, run=replace(run, series=grown, roles=roles)))
    assert [panel.label for panel in shown.panels] == ["loss, logarithmic", "learning rate", "gradient norm"]
    assert [line.kind for line in shown.panels[0].lines] == ["loss", "val"]


def test_a_long_loss_is_faint_with_its_course_on_top() -> None:
    values = np.random.default_rng(1).uniform(1, 2, 500)
    run = replace(healthy("x").run, series={"loss": series("loss", values.tolist())})
    told = replace(healthy("x"), run=run)
    assert [line.kind for line in drawn(told).panels[0].lines] == ["raw", "loss"]
    assert 'stroke-opacity="0.42"' in chart(drawn(told), name="x", ident="y")


def test_what_is_expected_is_an_interval_beyond_the_end() -> None:
    told = diverged()
    assert told.prescription is not None
    expected = Expected(metric="train/loss", value=0.11, low=0.09, high=0.16)
    told = replace(told, prescription=replace(told.prescription, expected=expected))
    root = parsed(told)
    (mark,) = (g for g in root.iter(f"{SVG}g") if g.get("class") == "expected e-0")
    assert mark.findtext(f"{SVG}title") == "next run: train/loss 0.11, 90% between 0.09 and 0.16"
    (circle,) = mark.iter(f"{SVG}circle")
    assert float(circle.attrib["cx"]) > float(root.attrib["data-left"]) + float(root.attrib["data-width"])
    assert float(circle.attrib["cx"]) < 760
    scale = drawn(told).panels[0].scale
    assert scale.low < 0.09


def test_what_is_expected_of_another_metric_is_not_drawn() -> None:
    assert "expected" not in chart(drawn(diverged()), name="x", ident="y")


@pytest.mark.parametrize(
    "told", [untellable(), replace(healthy("x"), run=replace(healthy("x").run, series={}, roles={}))]
)
def test_no_curve_no_figure(told: Diagnosis) -> None:
    assert figure(told, 100) is None
    assert plain_figure(told.run, 100) is None


def test_names_are_text() -> None:
    told = diverged()
    evil = '</title><script>alert(1)</script>" \u202e'
    run = replace(told.run, name=evil, series={evil: told.run.series["train/loss"]}, roles={Role.TRAIN_LOSS: evil})
    root = parsed(replace(told, run=run))
    assert not list(root.iter(f"{SVG}script"))
    assert r"\u202e" in (root.findtext(f"{SVG}title") or "")
    assert ET.fromstring(chart(drawn(told), name=HOSTILE, ident="f")) is not None  # noqa: S314


def test_it_explains_itself_and_needs_no_style_sheet() -> None:
    svg = chart(drawn(diverged()), name="runs/a", ident="fig-3")
    root = ET.fromstring(svg)  # noqa: S314
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "fig-3-t fig-3-d"
    assert root.findtext(f"{SVG}title") == "runs/a: loss, logarithmic, learning rate over the steps"
    assert "Marked: steps 500 to 3,000, LRD101 early-divergence." in (root.findtext(f"{SVG}desc") or "")
    assert "style=" not in svg
    curves = [each for each in root.iter(f"{SVG}path") if str(each.get("class")).startswith("k-")]
    assert len(curves) == 2
    assert all(each.get("fill") == "none" and each.get("stroke") for each in curves)


def test_same_bytes() -> None:
    assert chart(drawn(diverged()), name="a", ident="b") == chart(drawn(diverged()), name="a", ident="b")


@settings(max_examples=60)
@given(
    st.dictionaries(st.integers(-(2**62), 2**62) | st.integers(0, 99), st.floats(), min_size=1, max_size=12),
    st.integers(-(2**62), 2**62),
)
def test_anything_that_was_logged_can_be_drawn(points: dict[int, float], step: int) -> None:
    steps = sorted(points)
    loss = Series(tag="a", steps=np.array(steps, dtype=np.int64), values=np.array([points[at] for at in steps]))
    told = diverged()
    run = replace(told.run, series={"a": loss}, roles={Role.TRAIN_LOSS: "a", Role.LR: "a", Role.GRAD_NORM: "a"})
    root = parsed(moved(replace(told, run=run), step, step))
    for rect in root.iter(f"{SVG}rect"):
        assert -1 <= float(rect.attrib["x"]) <= 760
    assert not any("n" in curve.attrib["d"] for curve in root.iter(f"{SVG}path"))


def test_a_path_breaks_at_a_gap_and_shows_a_lonely_point() -> None:
    across, down = np.array([0.0, 1, 2, 3, 4]), np.array([0.0, 1, math.nan, 5, math.nan])
    said = path(across, down, np.isfinite(down))
    assert FINE == 4
    assert said == "M-2 0h4l2 4M10 20h4"


def test_a_spark_is_small_and_only_seen() -> None:
    steps, values = np.arange(100), np.array([1.0] * 50 + [math.nan] * 50)
    svg = spark(steps, values, Scale(0, 2))
    assert 'aria-hidden="true"' in svg
    assert 'class="bad"' in svg
    assert len(svg) < 1500


def test_a_healthy_run_has_a_figure_without_marks() -> None:
    told = healthy("fine")
    assert told.verdict is Verdict.HEALTHY
    assert drawn(told).bands == ()
