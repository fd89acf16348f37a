"""Tables and shares as text or Markdown, one look for every benchmark of the clinic."""

from __future__ import annotations

from collections.abc import Sequence


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool = False) -> str:
    """The rows below their header and a title; the first column is flush left, the others flush right."""
    if markdown:
        lines = [f"**{title}**", "", _piped(header), "|---" + "|---:" * (len(header) - 1) + "|", *map(_piped, rows)]
        return "\n".join(lines) + "\n"
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    return "\n".join([title, *(_aligned(line, widths) for line in (header, *rows))]) + "\n"


def _piped(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  " + "  ".join([first, *others])


def share(part: int, whole: int) -> str:
    """`88/106 = 83.0 %`; a dash for a share of nothing."""
    return f"{part}/{whole} = {100 * part / whole:.1f} %" if whole else "–"
