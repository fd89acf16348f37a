"""Final loss against peak rate, drawn with characters that every terminal and every log has."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lrdoctor.draw import number

WIDTH, HEIGHT = 60, 9
RUN, DIVERGED, CURVE, BEST = "o", "x", ".", "|"


def picture(
    points: Sequence[tuple[float, float | None]],
    grid: Sequence[float],
    curve: Sequence[float],
    best_rate: float,
    start: float,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> list[str]:
    """Lines of at most `width` characters: `o` a run, `x` one that diverged, `.` the curve, `|` the best rate.

    `points` are peak rate and final loss (None: diverged), `grid` and `curve` the expected loss at each rate. The
    upper end is the worst of the runs, at most `start`, the loss of the untrained net: what is worse stands there.
    """
    finals = [final for _, final in points if final is not None]
    low = min([*finals, *curve])
    high = min(max(finals), start)
    high = high if high > low else low + 1
    logs = [math.log10(rate) for rate in (*grid, *(rate for rate, _ in points))]
    left, right = min(logs), max(logs)
    gutter = max(len(number(value)) for value in (low, high))
    room = max(width - gutter - 2, 20)
    cells = [[" "] * room for _ in range(height)]

    def column(rate: float) -> int:
        return round((math.log10(rate) - left) / (right - left or 1) * (room - 1))

    def row(loss: float) -> int:
        return min(max(round((high - loss) / (high - low) * (height - 1)), 0), height - 1)

    for line in cells:
        line[column(best_rate)] = BEST
    for rate, loss in zip(grid, curve, strict=True):
        cells[row(loss)][column(rate)] = CURVE
    for rate, final in reversed(points):
        cells[0 if final is None else row(final)][column(rate)] = DIVERGED if final is None else RUN
    labels = {0: number(high), height - 1: number(low)}
    lines = [f"{labels.get(i, ''):>{gutter}} |{''.join(line)}".rstrip() for i, line in enumerate(cells)]
    ends = number(10**left), number(10**right)
    axis = ends[0] + " " * max(room - len(ends[0]) - len(ends[1]), 1) + ends[1]
    return [*lines, " " * (gutter + 1) + "+" + "-" * room, " " * (gutter + 2) + axis]
