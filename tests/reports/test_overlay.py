from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET

import pytest

from lrdoctor.model import Diagnosis
from lrdoctor.reports._overlay import DRAWN, overlay

from .conftest import HOSTILE, diverged, healthy, untellable

SVG = "{http://www.w3.org/2000/svg}"


def test_all_runs_are_in_the_numbers_and_few_in_the_picture() -> None:
    runs = [healthy(f"run{i}") for i in range(30)]
    together = overlay(runs, 50)
    assert together is not None
    assert len(json.loads(together.island)["r"]) == 30
    assert len(together.drawn) == DRAWN
    root = ET.fromstring(together.svg)  # noqa: S314 - our own
    titles = [path.findtext(f"{SVG}title") for path in root.iter(f"{SVG}path") if path.get("stroke-width") == "7.2"]
    assert titles == [f"run{i}" for i in together.drawn]


def test_the_picture_has_the_worst_and_those_that_came_down_farthest() -> None:
    runs = [diverged(), *(healthy(f"run{i}") for i in range(20))]
    together = overlay(runs, 50)
    assert together is not None
    assert 0 in together.drawn
    assert {1, 2, 3, 4, 5, 6} <= set(together.drawn)


def test_a_run_that_explodes_does_not_flatten_the_others() -> None:
    told = overlay([diverged(), healthy("a"), healthy("b")], 50)
    assert told is not None
    data = json.loads(told.island)
    assert data["y"][1] < 300
    assert math.isclose(max(v for v in data["r"][0][2] if v is not None), 900)


def test_runs_look_different() -> None:
    together = overlay([healthy(f"run{i}") for i in range(DRAWN)], 50)
    assert together is not None
    lines = [path for path in ET.fromstring(together.svg).iter(f"{SVG}path") if path.get("stroke-width") == "7.2"]  # noqa: S314
    assert len({(line.get("stroke"), line.get("stroke-dasharray")) for line in lines}) == DRAWN


@pytest.mark.parametrize("runs", [[], [healthy("a")], [untellable(), untellable()], [healthy("a"), untellable()]])
def test_nothing_to_compare(runs: list[Diagnosis]) -> None:
    assert overlay(runs, 50) is None


def test_names_are_text() -> None:
    together = overlay([healthy(f"</svg><script>{HOSTILE}"), healthy("b")], 50)
    assert together is not None
    assert "<script" not in together.svg
    ET.fromstring(together.svg)  # noqa: S314
    assert "script" not in together.island
