"""Draw the picture of the HTML report in the README: five sample logs as a browser shows them, as PNG.

python -m benchmarks.make_html_picture        writes .github/report_html.png

The head of the page and the first run, without what lies between them and after.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

import lrdoctor
from benchmarks.browser import ARGUMENTS, find
from lrdoctor.config import Config
from lrdoctor.reports import html

ROOT = Path(__file__).parents[1]
SHOWN = ("diverged_to_nan", "batch_shrunk", "cut_short", "rate_too_low", "healthy_cosine")
WIDTH, SHARPNESS, COLOURS = 1180, 1.5, 256
LEFT_OUT = (
    ".controls, .compared, section[aria-labelledby=all], #runs-title, .rules, .end, article ~ article, .remarks, .code"
)


def main() -> None:
    """Write the picture."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    found = find()
    assert found, "no Chromium on this machine"
    with tempfile.TemporaryDirectory() as folder:
        page, runs = Path(folder) / "report.html", Path(folder) / "runs"
        for name in SHOWN:
            shutil.copytree(ROOT / "sample_logs" / name, runs / name)
        with page.open("w", encoding="utf-8", newline="\n") as out:
            # They are of different trainings, and no siblings.
            html.write(lrdoctor.analyze(runs, config=Config(), siblings=False), out)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
            tab = browser.new_page(viewport={"width": WIDTH, "height": 900}, device_scale_factor=SHARPNESS)
            tab.goto(page.as_uri())
            tab.evaluate("hide => document.querySelectorAll(hide).forEach(e => { e.hidden = true; })", LEFT_OUT)
            tab.locator("article canvas").first.wait_for()
            tab.wait_for_timeout(500)
            end = tab.locator("article .told").first.bounding_box()
            assert end
            tab.set_viewport_size({"width": WIDTH, "height": round(end["y"] + end["height"]) + 44})
            tab.wait_for_timeout(500)
            picture = Image.open(io.BytesIO(tab.screenshot()))
            browser.close()
    # A page has few colours: a palette is a quarter of the size.
    few = picture.convert("RGB").quantize(colors=COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(ROOT / ".github" / "report_html.png", optimize=True)


if __name__ == "__main__":
    main()
