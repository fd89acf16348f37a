"""Curves over the steps of a run, drawn with characters for a terminal and as an SVG for everything else.

Every column shows all that lies in it, so no jump and no restart falls between two columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np

from lrdoctor.model import Floats, Ints

MARKS = "*ox+#@%&"
"""One for each of several curves, taken in turn."""
BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""The bit of each of the 4 × 2 dots of a braille character."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Told apart by everyone, the colour-blind included: Okabe & Ito (2008)."""
DASHES = ("", "8 4", "2 3", "10 3 2 3", "5 5", "1 4")
"""Beside the colours, for print and for those who see none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """One line of a plot."""

    label: str
    steps: Ints
    """Ascending; at least one."""
    values: Floats
    """Finite and not negative; shape as `steps`."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all curves of a plot share."""

    first: float
    last: float
    top: float

    @classmethod
    def around(cls, curves: Sequence[Curve]) -> _Frame:
        first, last = min(float(c.steps[0]) for c in curves), max(float(c.steps[-1]) for c in curves)
        top = max(float(c.values.max()) for c in curves)
        return cls(first, last if last > first else first + 1, top if top > 0 else 1.0)

    def columns(self, curve: Curve, count: int) -> list[Floats]:
        """The heights, between 0 and 1, that the curve passes through in each column, in their order."""
        edges = np.linspace(self.first, self.last, count + 1)
        steps = np.concatenate([edges, curve.steps])
        order = np.argsort(steps, kind="stable")
        heights = np.interp(steps[order], curve.steps, curve.values) / self.top
        # The edges come first in `steps`, and a stable sort keeps each before a point at the same place.
        at = np.flatnonzero(order <= count)
        return [heights[a : b + 1] for a, b in pairwise(at)]


def plot(curves: Sequence[Curve], *, width: int = 80, height: int = 15, ascii_only: bool = False) -> list[str]:
    """The curves as lines of text of at most `width` characters, with the axes' numbers and `height` rows of drawing.

    A single curve is drawn in braille, or in ASCII where asked for; several have a mark each, and where they meet the
    first is seen.
    """
    frame = _Frame.around(curves)
    labels = [number(frame.top), number(frame.top / 2), "0"]
    gutter = max(map(len, labels))
    room = max(width - gutter - 2, 10)
    if len(curves) == 1 and not ascii_only:
        rows = _braille(frame, curves[0], room, height)
    else:
        rows = _marked(frame, curves, room, height)
    tick, wall, corner, floor = ("+", "|", "+", "-") if ascii_only else ("┤", "│", "└", "─")
    at = {0: labels[0], (height - 1) // 2: labels[1], height - 1: labels[2]}
    lines = [f"{at.get(i, ''):>{gutter}} {tick if i in at else wall}{row}".rstrip() for i, row in enumerate(rows)]
    return [*lines, " " * (gutter + 1) + corner + floor * room, " " * (gutter + 2) + _steps(frame, room)]


def number(value: float) -> str:
    """A rate in at most three digits, as one writes it."""
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e+")


def _steps(frame: _Frame, room: int) -> str:
    left, middle, right = (f"{round(s):,}" for s in (frame.first, (frame.first + frame.last) / 2, frame.last))
    if len(left) + len(middle) + len(right) + 4 > room:
        middle = ""
    line = left + " " * max((room - len(middle)) // 2 - len(left), 1) + middle
    return line + " " * max(room - len(line) - len(right), 1) + right


def _cells(frame: _Frame, curve: Curve, columns: int, rows: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which cells of the grid the curve passes through; row 0 is the top."""
    grid = np.zeros((rows, columns), dtype=np.bool_)
    for column, heights in enumerate(frame.columns(curve, columns)):
        upper, lower = (round((1 - float(h)) * (rows - 1)) for h in (heights.max(), heights.min()))
        grid[upper : lower + 1, column] = True
    return grid


def _braille(frame: _Frame, curve: Curve, width: int, height: int) -> list[str]:
    grid = _cells(frame, curve, 2 * width, 4 * height)
    bits = (grid.reshape(height, 4, width, 2) * _DOTS[None, :, None, :]).sum(axis=(1, 3))
    return ["".join(chr(BRAILLE + bit) if bit else " " for bit in row) for row in bits.tolist()]


def _marked(frame: _Frame, curves: Sequence[Curve], width: int, height: int) -> list[str]:
    canvas = np.full((height, width), " ")
    for index in reversed(range(len(curves))):
        canvas[_cells(frame, curves[index], width, height)] = mark(index)
    return ["".join(row) for row in canvas.tolist()]


def mark(index: int) -> str:
    """The character that draws the curve at this place of several."""
    return MARKS[index % len(MARKS)]


def svg(curves: Sequence[Curve], *, title: str, description: str, width: int = 720, height: int = 360) -> str:
    """The curves as an SVG document that explains itself: title, description, axes and legend; no script, no ids."""
    frame = _Frame.around(curves)
    # Wide enough for the longest numbers at the axes' ends.
    left, right, upper, lower = 84, 36, 40, 44 + 20 * len(curves)
    inner_width, inner_height = width - left - right, height - upper - 44
    x = [left + inner_width * i / 4 for i in range(5)]
    y = [upper + inner_height * i / 4 for i in range(5)]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {upper + inner_height + lower}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{_safe(title)}</title>",
        f"<desc>{_safe(description)}</desc>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{left}" y="24" font-size="15">{_safe(title)}</text>',
        '<g stroke="#ddd">',
        *(f'<line x1="{left}" x2="{left + inner_width}" y1="{b:g}" y2="{b:g}"/>' for b in y),
        "</g>",
        '<g fill="#444" text-anchor="end">',
        *(f'<text x="{left - 8}" y="{b + 4:g}">{number(frame.top * (4 - i) / 4)}</text>' for i, b in enumerate(y)),
        "</g>",
        '<g fill="#444" text-anchor="middle">',
        *(
            f'<text x="{a:g}" y="{y[-1] + 18:g}">{round(frame.first + (frame.last - frame.first) * i / 4):,}</text>'
            for i, a in enumerate(x)
        ),
        f'<text x="{left + inner_width / 2:g}" y="{y[-1] + 36:g}">optimizer steps</text>',
        "</g>",
        '<g fill="none" stroke-width="2" stroke-linejoin="round">',
        *(
            f'<path {_look(i)} d="{_path(frame, curve, left, upper, inner_width, inner_height)}"/>'
            for i, curve in enumerate(curves)
        ),
        "</g>",
        *_legend(curves, left, y[-1] + 56),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _legend(curves: Sequence[Curve], left: float, top: float) -> list[str]:
    lines = []
    for i, curve in enumerate(curves):
        y = top + 20 * i
        lines.append(f'<line x1="{left}" x2="{left + 32}" y1="{y:g}" y2="{y:g}" stroke-width="2" {_look(i)}/>')
        lines.append(f'<text x="{left + 40}" y="{y + 4:g}">{_safe(curve.label)}</text>')
    return lines


def _look(index: int) -> str:
    dash = DASHES[index % len(DASHES)]
    return f'stroke="{COLOURS[index % len(COLOURS)]}"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _path(frame: _Frame, curve: Curve, left: int, upper: int, width: int, height: int) -> str:
    """A line with a point every other pixel, and the extremes in between."""
    points: list[tuple[float, float]] = []
    for column, heights in enumerate(frame.columns(curve, width // 2)):
        turns = sorted({0, int(heights.argmin()), int(heights.argmax())})
        points += [(left + 2 * column, round(upper + (1 - float(heights[i])) * height, 1)) for i in turns]
    points.append((left + width, round(upper + (1 - float(heights[-1])) * height, 1)))
    # Along a level stretch only its ends are needed.
    kept = [
        point
        for i, point in enumerate(points)
        if not (0 < i < len(points) - 1 and points[i - 1][1] == point[1] == points[i + 1][1])
    ]
    return "M" + " ".join(f"{a:g},{b:g}" for a, b in kept)


def _safe(text: str) -> str:
    """Text for XML, which allows no control characters even when they are escaped."""
    return escape("".join(c if c.isprintable() else "�" for c in text))
