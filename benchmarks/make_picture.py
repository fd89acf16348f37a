"""Draw the picture in the README: two sample logs as the terminal shows them, as SVG.

python benchmarks/make_picture.py        writes .github/report.svg
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

import lrdoctor
from lrdoctor.config import Config
from lrdoctor.reports import text

ROOT = Path(__file__).parents[1]
SHOWN = ("early_blowup_to_chance", "rate_too_low")
WIDTH = 120
BRAILLE = range(0x2800, 0x2900)
DOTS = {0x01: (0, 0), 0x02: (1, 0), 0x04: (2, 0), 0x40: (3, 0), 0x08: (0, 1), 0x10: (1, 1), 0x20: (2, 1), 0x80: (3, 1)}
"""Of a character of braille: bit, row and column, as in the Unicode standard."""
CELL_WIDTH, CELL_HEIGHT = 12.2, 24.4
"""Of a character in the SVG that rich writes."""


class _Terminal(io.StringIO):
    """Takes colours, as a terminal does."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def main() -> None:
    """Write the picture."""
    os.environ |= {"COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    os.environ.pop("NO_COLOR", None)
    out = _Terminal()
    text.write(lrdoctor.analyze(*(ROOT / "sample_logs" / name for name in SHOWN), config=Config()), out)
    shown = Text.from_ansi(out.getvalue())
    dots = "".join(_dots(shown.plain))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(out.getvalue().translate(dict.fromkeys(BRAILLE, " "))))
    svg = console.export_svg(title="lrdoctor analyze runs/", unique_id="lrdoctor")
    # No page that shows the picture should fetch fonts for it.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    # Few of the fonts that it is shown with have braille as wide as letters: the dots are drawn.
    svg, places = re.subn(r'(<g class="lrdoctor-matrix">)', rf'\1<path fill="#c5c8c6" d="{dots}"/>', svg)
    assert places == 1
    (ROOT / ".github" / "report.svg").write_text(svg, encoding="utf-8", newline="\n")


def _dots(shown: str) -> Iterator[str]:
    """A small square for each dot of braille."""
    for row, line in enumerate(shown.splitlines()):
        for column, character in enumerate(line):
            for bit, (down, right) in DOTS.items():
                if ord(character) in BRAILLE and (ord(character) - BRAILLE.start) & bit:
                    x = CELL_WIDTH * (column + (right + 0.5) / 2) - 1.5
                    y = CELL_HEIGHT * (row + (down + 0.5) / 4)
                    yield f"M{x:.1f},{y:.1f}h3v3h-3z"


if __name__ == "__main__":
    main()
