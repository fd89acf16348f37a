"""The parts that all our figures are made of: axes, and lines in few characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from lrdoctor import draw
from lrdoctor.model import Floats
from lrdoctor.reports._escape import plain
from lrdoctor.reports._scale import Scale

WIDTH = 760
LEFT, RIGHT = 62, 14
FOOT = 40
"""Below the last panel, for the steps."""
FINE = 4
"""Points are placed to this part of a unit."""
GREY, RULE = "#57606a", "#d8dee4"


def opening(height: int, ident: str, *, title: str, description: str, more: str = "") -> list[str]:
    """The beginning of a figure that explains itself; `more` are further attributes.

    The size is written as attributes too, for pages without a style sheet.
    """
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fig" role="img" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="system-ui, sans-serif" font-size="12" '
        f'aria-labelledby="{ident}-t {ident}-d"{more}>',
        f'<title id="{ident}-t">{safe(title)}</title>',
        f'<desc id="{ident}-d">{safe(description, 4000)}</desc>',
    ]


def values_axis(scale: Scale, label: str, top: int, height: int, inner: int) -> Iterator[str]:
    """The name of a panel, and a line across it with its value for each tick."""
    yield (
        f'<g class="axis" fill="{GREY}" text-anchor="end">'
        f'<text class="name" x="{LEFT}" y="{top - 8}" text-anchor="start" font-weight="600">{safe(label)}</text>'
    )
    ticks = scale.ticks(5 if height > 100 else 3)
    for tick, at in zip(ticks, (top + (1 - scale.at(np.array(ticks))) * height).tolist(), strict=True):
        yield f'<path class="rule" stroke="{RULE}" d="M{LEFT} {at:.1f}h{inner}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}">{draw.number(tick).replace("e+", "e")}</text>'
    yield "</g>"


def steps_axis(x: Scale, inner: int, floors: Sequence[int]) -> Iterator[str]:
    """A line under each panel, and the steps under the last."""
    bottom = floors[-1]
    yield f'<g class="axis" fill="{GREY}" text-anchor="middle">'
    for floor in floors:
        yield f'<path class="rule" stroke="{GREY}" stroke-opacity="0.5" d="M{LEFT} {floor}h{inner}"/>'
    for tick in x.ticks(6):
        if tick.is_integer():
            at = LEFT + float(x.at(np.array([tick]))[0]) * inner
            yield f'<path class="rule" stroke="{GREY}" d="M{at:.1f} {bottom}v4"/>'
            yield f'<text x="{at:.1f}" y="{bottom + 17}">{int(tick):,}</text>'
    yield f'<text x="{LEFT + inner / 2:g}" y="{bottom + 33}">step</text></g>'


def path(across: Floats, down: Floats, good: NDArray[np.bool_]) -> str:
    """A line through the good points, broken where one is not, as the `d` of a path that is scaled by 1/`FINE`.

    Each point is relative to the last: in whole numbers that takes a third less room than with decimals.
    """
    with np.errstate(invalid="ignore"):
        points = np.where(good[:, None], np.column_stack([across, down]), 0.0)
    said: list[str] = []
    last: tuple[int, int] | None = None
    for (x, y), drawn in zip((points * FINE).round().astype(np.int64).tolist(), good.tolist(), strict=True):
        if not drawn:
            last = None
        elif last is None:
            # A point between two gaps is still to be seen: as a dash.
            said.append(f"M{x - 2} {y}h4")
            last = (x + 2, y)
        elif (x, y) != last:
            dx, dy = x - last[0], y - last[1]
            said.append(f"h{dx}" if not dy else f"v{dy}" if not dx else f"l{dx}{dy}" if dy < 0 else f"l{dx} {dy}")
            last = (x, y)
    return "".join(said)


def stroke(colour: str, width: float, dash: str = "") -> str:
    """Attributes for such a path."""
    dashes = " ".join(f"{FINE * float(part):g}" for part in dash.split())
    return (
        f'transform="scale({1 / FINE:g})" fill="none" stroke="{colour}" stroke-width="{FINE * width:g}" '
        f'stroke-linejoin="round"' + (f' stroke-dasharray="{dashes}"' if dashes else "")
    )


def safe(text: str, limit: int = 600) -> str:
    """Text for markup."""
    return escape(plain(text, limit))
