"""Figures as inline SVG that needs no style sheet and no script, explains itself, and takes colours from a page's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lrdoctor.draw import COLOURS
from lrdoctor.model import Floats, Ints, Severity
from lrdoctor.reports._escape import plain
from lrdoctor.reports._panels import Band, Figure, Interval, Panel
from lrdoctor.reports._scale import Scale, over
from lrdoctor.reports._svg import FOOT, LEFT, RIGHT, WIDTH, opening, path, safe, steps_axis, stroke, values_axis
from lrdoctor.reports._words import number

END = 96
"""What stands at the right where a value is expected, instead of `RIGHT`."""
LANE = 19
"""Height of one marked stretch above the curves."""
TALL, SMALL = 220, 78
"""Heights of the first panel and of the others."""
HEAD = 24
"""Above every panel, for its name."""

LOOKS = {
    "raw": (COLOURS[0], 1.0, 0.42),
    "loss": (COLOURS[0], 2.0, 1.0),
    "val": (COLOURS[1], 1.8, 1.0),
    "lr": (COLOURS[2], 1.8, 1.0),
    "grad": ("#a2568a", 1.2, 1.0),
}
"""Colour, width and opacity of a curve by its kind."""
SEVERITIES = {Severity.ERROR: "#b42318", Severity.WARNING: "#9a5b00", Severity.INFO: "#0b5cad"}


def chart(figure: Figure, *, name: str, ident: str, paper: bool = False) -> str:
    """The figure as one `<svg>` element.

    `ident` is a prefix, unique in the page, for the two ids that it needs. `paper` paints a white ground, for pages
    whose own may be dark.
    """
    right = END if any(panel.intervals for panel in figure.panels) else RIGHT
    inner = WIDTH - LEFT - right
    x = over(figure.first, figure.last)
    top = 6 + LANE * len(figure.bands)
    tops = [top + HEAD + i * HEAD + (TALL + (i - 1) * SMALL if i else 0) for i in range(len(figure.panels))]
    heights = [SMALL if i else TALL for i in range(len(figure.panels))]
    bottom = tops[-1] + heights[-1]
    lines = opening(
        bottom + FOOT,
        ident,
        title=f"{plain(name)}: {', '.join(panel.label for panel in figure.panels)} over the steps",
        description=describe(figure),
        more=f' data-left="{LEFT}" data-width="{inner}" data-first="{figure.first}" data-last="{figure.last}"',
    )
    if paper:
        lines.append(f'<rect width="{WIDTH}" height="{bottom + FOOT}" fill="#fff"/>')
    for lane, band in enumerate(figure.bands):
        lines += _band(band, lane, x, inner, tops[0] - 2, bottom)
    for panel, upper, height in zip(figure.panels, tops, heights, strict=True):
        lines += _panel(panel, x, upper, height, inner)
    lines += steps_axis(x, inner, [upper + height for upper, height in zip(tops, heights, strict=True)])
    lines.append("</svg>")
    return "\n".join(lines)


def spark(steps: Ints, values: Floats, scale: Scale, *, kind: str = "loss", width: int = 120, height: int = 26) -> str:
    """A curve without axes, as a small `<svg>` that is only seen."""
    good = np.isfinite(values)
    x = over(int(steps[0]), int(steps[-1]))
    colour, _, _ = LOOKS[kind]
    drawn = path(x.at(steps.astype(np.float64)) * width, (1 - scale.at(values)) * (height - 4) + 2, good)
    bad = x.at(steps[~good].astype(np.float64)) * width
    red = f'<path class="bad" stroke="{SEVERITIES[Severity.ERROR]}" stroke-width="2" d="{_ticks(bad, 0, 5)}"/>'
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" aria-hidden="true" '
        f'fill="none"><path class="k-{kind}" {stroke(colour, 1.5)} d="{drawn}"/>'
        f"{red if len(bad) else ''}</svg>"
    )


def describe(figure: Figure) -> str:
    """The figure in words."""
    said = [f"Steps {figure.first:,} to {figure.last:,}."]
    for panel in figure.panels:
        for line in panel.lines:
            good = line.values[np.isfinite(line.values)]
            if line.kind != "raw" and len(good):
                ends = f"from {number(float(good[0]))} to {number(float(good[-1]))}"
                least, most = number(float(good.min())), number(float(good.max()))
                said.append(f"{plain(line.tag)} goes {ends}, lowest {least}, highest {most}.")
        for tag, count in _not_finite(panel).items():
            said.append(f"{count:,} points of {plain(tag)} are not finite.")
        said += [f"Expected at the end, {_expected(interval)}." for interval in panel.intervals]
    for band in figure.bands:
        said.append(f"Marked: steps {band.first:,} to {band.last:,}, {plain(', '.join(band.rules))}.")
    return " ".join(said)


def _not_finite(panel: Panel) -> dict[str, int]:
    counts: dict[str, int] = {}
    for tag, gap in panel.gaps:
        counts[tag] = counts.get(tag, 0) + gap.count
    return counts


def _expected(interval: Interval) -> str:
    band = interval.expected
    return (
        f"{interval.what}: {plain(band.metric)} {number(band.value)}, 90% between {number(band.low)} "
        f"and {number(band.high)}"
    )


def _band(band: Band, lane: int, x: Scale, inner: int, top: int, bottom: int) -> Iterator[str]:
    """A bracket with its rules in a lane of its own, and a tint behind the curves."""
    ends = x.at(np.array([band.first, band.last], dtype=np.float64)).clip(0, 1) * inner + LEFT
    left, right = float(ends[0]), max(float(ends[1]), float(ends[0]) + 2)
    colour, y = SEVERITIES[band.severity], 6 + LANE * lane + LANE / 2
    told = f"steps {band.first:,} to {band.last:,}: {', '.join(band.rules)}. {band.because}"
    label = ", ".join(plain(rule, 40) for rule in band.rules[:2])
    label += f" and {len(band.rules) - 2} more" if len(band.rules) > 2 else ""
    # Seven units a letter is more than any of them needs, so that no label leaves the figure.
    before = left + 6.6 * len(label) > LEFT + inner
    at = f'x="{min(left, LEFT + inner):.1f}" text-anchor="end" dx="-7"' if before else f'x="{left:.1f}" dx="7"'
    yield (
        f'<g class="band s-{band.severity}" data-first="{band.first}" data-last="{band.last}" fill="{colour}">'
        f"<title>{safe(told)}</title>"
    )
    if band.shaded:
        yield (
            f'<rect class="tint" x="{left:.1f}" y="{top}" width="{right - left:.1f}" height="{bottom - top}" '
            'fill-opacity="0.09"/>'
        )
        edge = f'x="{left - 0.5:.1f}" y="{y:g}" width="1" height="{bottom - y:g}"'
        yield f'<rect class="onset" {edge} fill-opacity="0.6"/>'
    yield f'<rect class="extent" x="{left:.1f}" y="{y + 4:g}" width="{right - left:.1f}" height="3" rx="1.5"/>'
    yield f'<text {at} y="{y + 1:g}" font-size="11.5">{safe(label)}</text></g>'


def _panel(panel: Panel, x: Scale, top: int, height: int, inner: int) -> Iterator[str]:
    def y(values: Floats) -> Floats:
        return top + (1 - panel.scale.at(values)) * height

    yield from values_axis(panel.scale, panel.label, top, height, inner)
    for line in panel.lines:
        colour, width, opacity = LOOKS[line.kind]
        across = LEFT + x.at(line.steps.astype(np.float64)) * inner
        drawn = path(across, y(line.values), np.isfinite(line.values))
        faint = f' stroke-opacity="{opacity:g}"' if opacity < 1 else ""
        yield f'<path class="k-{line.kind}" {stroke(colour, width)}{faint} d="{drawn}"/>'
    for tag, gap in panel.gaps:
        ends = LEFT + x.at(np.array([gap.first, gap.last], dtype=np.float64)).clip(0, 1) * inner
        left, right = float(ends[0]), float(ends[1])
        where = f"step {gap.first:,}" if gap.count == 1 else f"steps {gap.first:,} to {gap.last:,}"
        told = f"{plain(tag)}: {gap.count:,} not finite, {where}"
        yield (
            f'<g class="bad" stroke="{SEVERITIES[Severity.ERROR]}" stroke-width="2"><title>{safe(told)}</title>'
            f'<path d="M{left - 4:.1f} {top + 2}l8 8m0-8l-8 8{f"m8-4H{right:.1f}" if right - left > 8 else ""}"/></g>'
        )
    yield from _intervals(panel.intervals, panel.scale, top, height, inner)


def _intervals(intervals: Sequence[Interval], scale: Scale, top: int, height: int, inner: int) -> Iterator[str]:
    """Beyond the end of the curves: there is no curve between here and there, and none is drawn."""
    for place, interval in enumerate(intervals):
        expected = interval.expected
        values = np.array([expected.low, expected.value, expected.high])
        low, middle, high = (top + (1 - scale.at(values).clip(0, 1)) * height).tolist()
        x = LEFT + inner + 14 + 22 * place
        colour, _, _ = LOOKS["val"] if place else LOOKS["lr"]
        yield (
            f'<g class="expected e-{place}" stroke="{colour}" fill="{colour}" stroke-width="2">'
            f"<title>{safe(_expected(interval))}</title>"
            f'<path d="M{x - 5} {low:.1f}h10m-5 0V{high:.1f}m-5 0h10"/><circle cx="{x}" cy="{middle:.1f}" r="3.5"/>'
            f'<text x="{x + 9}" y="{middle + 4 + 14 * place:.1f}" stroke="none" font-size="11">'
            f"{number(expected.value)}</text>"
            f'<text x="{x - 6}" y="{high - 8:.1f}" stroke="none" font-size="11">{safe(interval.what)}</text></g>'
        )


def _ticks(across: Floats, top: int, height: int) -> str:
    return "".join(dict.fromkeys(f"M{x:.0f} {top}v{height}" for x in across.tolist()))
