"""How large the HTML report on many runs becomes, and how soon a browser shows it.

python -m benchmarks.painting [RUNS] [FOLDER]

Makes RUNS trainings (200 unless given) of one to four thousand logged steps with a training loss, a validation loss, a
rate and a gradient norm: sound ones, ones that blow up, stall, swing and are cut short. Writes them and the report to
FOLDER, or to a temporary one, and prints the size of the page and, as medians of five loads in headless Chromium, the
time to the first paint (the browser's own `first-contentful-paint`) and until the page's scripts have run.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd

import lrdoctor
from benchmarks.browser import ARGUMENTS, find
from lrdoctor.config import Config
from lrdoctor.reports import html

LOADS = 5


def training(seed: int) -> pd.DataFrame:
    """One run as a table; what happens in it depends on the seed."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1000, 4001))
    t = np.arange(n)
    peak = float(10 ** rng.uniform(-4, -1))
    rate = peak * np.minimum(t / (0.05 * n) + 1e-3, 0.5 * (1 + np.cos(np.pi * t / n)))
    course = 0.3 + 2.4 * np.exp(-6 * t / n)
    noise = 0.06
    match seed % 5:
        case 1:
            course = np.where(t > 0.4 * n, course * np.exp((t - 0.4 * n) / (0.02 * n)).clip(max=1e6), course)
            course[int(0.7 * n) :] = np.nan
        case 2:
            rate, course = np.full(n, peak), np.maximum(course, 0.9)
        case 3:
            course, noise = course + 0.5 * (t > 0.3 * n) * np.abs(np.sin(t / 9)), 0.2
        case 4:
            rate, course = rate[0] + 0 * rate, 2.7 - 0.9 * t / n
    loss = course * np.exp(noise * rng.standard_normal(n))
    norm = np.exp(0.3 * rng.standard_normal(n)) * np.where(np.isfinite(loss), np.sqrt(course), np.nan)
    validation = np.where(t % 100 == 99, course * 1.05 * np.exp(0.02 * rng.standard_normal(n)), np.nan)
    table = pd.DataFrame({"step": t, "train_loss": loss, "lr": rate, "grad_norm": norm, "val_loss": validation})
    return table.astype({"val_loss": object}).where(table.notna() | (table.columns != "val_loss"), "")


def paints(page: Path) -> tuple[list[float], list[float]]:
    """Milliseconds to the first paint and to the end of loading, of each load in a browser of its own."""
    from playwright.sync_api import sync_playwright

    found = find()
    assert found, "no Chromium on this machine"
    firsts, ends = [], []
    with sync_playwright() as playwright:
        for _ in range(LOADS):
            browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.goto(page.as_uri(), wait_until="load")
            tab.wait_for_timeout(500)
            firsts.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            ends.append(tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
            browser.close()
    return firsts, ends


def main() -> None:
    """Make the runs, analyze them, and measure the page."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(temporary)
        for seed in range(runs):
            home = folder / "runs" / f"{('baseline', 'wide', 'deep')[seed % 3]}-lr{seed:03d}"
            home.mkdir(parents=True, exist_ok=True)
            if not (home / "metrics.csv").exists():
                training(seed).to_csv(home / "metrics.csv", index=False, na_rep="nan", float_format="%.6g")
        report = lrdoctor.analyze(folder / "runs", config=Config())
        began = perf_counter()
        page = folder / "report.html"
        with page.open("w", encoding="utf-8", newline="\n") as out:
            html.write(report, out)
        print(f"{len(report.runs)} runs: {page.stat().st_size / 1e6:.2f} MB, written in {perf_counter() - began:.2f} s")
        firsts, ends = paints(page)
        print(f"first paint {median(firsts):.0f} ms (of {sorted(round(ms) for ms in firsts)})")
        print(f"loaded and drawn {median(ends):.0f} ms (of {sorted(round(ms) for ms in ends)})")


if __name__ == "__main__":
    main()
