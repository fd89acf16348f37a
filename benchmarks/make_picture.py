"""Draw the picture in the README: two sample logs as the terminal shows them, as SVG.

python benchmarks/make_picture.py        writes .github/report.svg
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

import lrdoctor
from lrdoctor.config import Config
from lrdoctor.reports import text

ROOT = Path(__file__).parents[1]
SHOWN = ("early_blowup_to_chance", "rate_too_low")


class _Terminal(io.StringIO):
    """Takes colours, as a terminal does."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def main() -> None:
    """Write the picture."""
    out = _Terminal()
    text.write(lrdoctor.analyze(*(ROOT / "sample_logs" / name for name in SHOWN), config=Config()), out)
    console = Console(record=True, width=120, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(out.getvalue()))
    svg = console.export_svg(title="lrdoctor analyze runs/", unique_id="lrdoctor")
    # No page that shows the picture should fetch fonts for it.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (ROOT / ".github" / "report.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
