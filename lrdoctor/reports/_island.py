"""The numbers behind a figure as JSON inside the page, for the script that draws it anew."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lrdoctor.model import Floats, Ints
from lrdoctor.reports._panels import Figure

DIGITS = 4
"""More than a screen shows and a cursor needs."""


def island(figure: Figure) -> str:
    """Steps, values, what is not finite, what is expected and what is marked; texts stand in the page itself.

    `x` the ends of the axis; `p` the panels, each with `log`, `y` the ends of its axis, `l` the lines (`k` kind, `x`
    steps as differences from the one before, `y` values, null where not finite), `g` the gaps (first step, last step,
    count) and `e` what is expected (value, low, high); `b` the marks (first step, last step, severity, shaded).
    """
    return safe_json(
        {
            "x": [figure.first, figure.last],
            "p": [
                {
                    "log": panel.scale.log,
                    "y": [panel.scale.low, panel.scale.high],
                    "l": [
                        {"k": line.kind, "x": differences(line.steps), "y": short(line.values)} for line in panel.lines
                    ],
                    "g": [[gap.first, gap.last, gap.count] for _, gap in panel.gaps],
                    "e": [[i.expected.value, i.expected.low, i.expected.high] for i in panel.intervals],
                }
                for panel in figure.panels
            ],
            "b": [[band.first, band.last, str(band.severity), band.shaded] for band in figure.bands],
        }
    )


def safe_json(value: Any) -> str:
    """Strict JSON in ASCII that no HTML parser takes for markup: `<`, `>` and `&` are written as their codes."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def differences(steps: Ints) -> list[int]:
    """The first step, then how far each is from the one before: a few characters each."""
    # In Python's numbers: the distance of two steps may be larger than one of 64 bits.
    known = steps.tolist()
    return [after - before for before, after in zip([0, *known], known, strict=False)]


def short(values: Floats) -> list[float | int | None]:
    """The values in `DIGITS` digits, null for what is not finite."""
    return [_short(value) for value in values.tolist()]


def _short(value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    if not np.isfinite(rounded):
        return value
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e6 else rounded
