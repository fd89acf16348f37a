"""How near the peaks that finders suggest come to those that are good: range tests, warm-ups and divergences.

    python -m benchmarks.finding [--clinic clinic] [--split train|heldout|both]

Good are the peaks from which an annealed run came within 5 % of the way to the best known loss (the clinic's sweeps,
which have to be there). Range tests are trained here, once, and kept below CLINIC/ranged: each task under each of its
optimizers, eight decades around the task's own guess, exponential, in 100 steps, in 300 and in as many as a training
has. Warm-ups and divergences are those of the clinic's patients. What `lrdoctor.detectors.rate_finder` makes of the
finders was chosen on the training tasks; the held-out ones are looked at to report them.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lrdoctor.config import load_config
from lrdoctor.detectors import divergence_rate, rate_finder
from lrdoctor.model import Floats, Run
from lrdoctor.roles import RoleNames
from lrdoctor.testing import make_run

DECADES = (-5.0, 3.0)
"""Of a range test, around the task's guess."""
LENGTHS = ("100", "300", "whole")
SEEDS = 3


@dataclass(frozen=True, slots=True)
class Case:
    """A log and the peaks that are good for what it trained."""

    kind: str
    split: str
    run: Run
    low: float
    high: float


FINDERS: Mapping[str, Callable[[rate_finder.RateFinder], float | None]] = {
    "steepest": lambda f: f.steepest_lr,
    "valley": lambda f: f.valley_lr,
    "a tenth of the lowest": lambda f: f.tenth_lr,
    "the lowest": lambda f: f.lowest_lr,
    "nine tenths down": lambda f: f.done_lr,
    "half of the onset": lambda f: f.onset_lr and f.onset_lr / 2,
    "suggested": lambda f: f.suggested_lr,
}


def range_tests(clinic: Path) -> Iterator[Case]:
    """Every range test of every cell; trained where it is not there yet."""
    import torch

    from benchmarks.clinic.stages import GOOD, cells, sweep

    torch.set_num_threads(1)
    for cell in cells():
        found = sweep(cell, clinic)
        reached = np.fmin(found.annealed, found.linear)
        good = found.rates[reached - found.best <= GOOD * (found.first - found.best)]
        file = clinic / "ranged" / f"{cell.name}.npz"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(file, **_trained(cell))  # type: ignore[arg-type]
        held = np.load(file)
        for length in LENGTHS:
            for loss in held[f"{length}_loss"]:
                run = make_run(train_loss=loss, lr=held[f"{length}_rates"], name=f"{cell.name} {length}")
                yield Case(f"range test, {length} steps", cell.split, run, float(good.min()), float(good.max()))


def _trained(cell: object) -> dict[str, Floats]:
    from benchmarks.clinic.ensemble import Member, train
    from benchmarks.clinic.stages import Cell

    assert isinstance(cell, Cell)
    kept: dict[str, Floats] = {}
    for length in LENGTHS:
        steps = cell.steps if length == "whole" else int(length)
        rates = cell.task.rates[cell.optimizer] * 10 ** np.linspace(*DECADES, steps)
        members = [Member(rates=rates, seed=cell.seed * 100 + 7 + k) for k in range(SEEDS)]
        kept[f"{length}_rates"] = rates
        kept[f"{length}_loss"] = np.stack([r.loss for r in train(cell.task, cell.optimizer, members)])
    return kept


def patients(logs: Path) -> Iterator[Case]:
    """Every run of the clinic, by its log, as a warm-up and as what may have diverged."""
    from lrdoctor.doctor import read

    names = RoleNames(load_config(logs).roles)
    for split in ("train", "heldout"):
        if not (logs / split / "truth.csv").exists():
            continue
        with (logs / split / "truth.csv").open(newline="") as stream:
            truth = {row["run"]: row for row in csv.DictReader(stream)}
        for name, row in truth.items():
            if (logs / split / name).is_dir():
                for run in read([logs / split / name], names)[0]:
                    yield Case("warm-up", split, run, float(row["good_low"]), float(row["good_high"]))


def away(rate: float, case: Case) -> float:
    """Decades outside of the good peaks: below 0 for a rate that is too low, 0 within."""
    below, above = np.log10(rate / case.low), np.log10(rate / case.high)
    # The ends are points of a grid of half decades, so that a hair beside them is on them.
    return float(min(below, 0.0) + max(above, 0.0)) if min(abs(below), abs(above)) > HAIR else 0.0


HAIR = 0.01


def table(title: str, rows: Mapping[str, list[float]]) -> None:
    """Print one line for each finder."""
    print(f"\n{title:<46}{'runs':>6}{'good':>7}{'median':>8}{'p90':>6}{'too low':>9}{'too high':>9}")
    for name, found in rows.items():
        off = np.array(found)
        far = np.abs(off)
        shares = "".join(f"{np.mean(side):>{width}.0%}" for side, width in ((far == 0, 7), (off < 0, 9), (off > 0, 9)))
        print(f"{name:<46}{len(off):>6}{shares[:7]}{np.median(far):>8.2f}{np.quantile(far, 0.9):>6.2f}{shares[7:]}")


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clinic", type=Path, default=Path("clinic"), help="where `benchmarks.clinic train` put it")
    parser.add_argument("--split", choices=("train", "heldout", "both"), default="both")
    args = parser.parse_args()
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    silent: Counter[tuple[str, str]] = Counter()

    def note(case: Case, kind: str, what: str, rate: float | None) -> None:
        if rate is not None:
            found.setdefault((case.split, kind), {}).setdefault(what, []).append(away(rate, case))

    for case in (*range_tests(args.clinic), *patients(args.clinic / "logs")):
        if args.split not in (case.split, "both"):
            continue
        for seen in rate_finder.detect(case.run, rate_finder.Settings()):
            kind = case.kind
            if kind == "warm-up":
                kind = f"warm-up, {'turned up' if seen.turned else 'fell to the peak'}"
                note(case, kind, "the peak that the run had", seen.peak_lr)
            for what, rate in FINDERS.items():
                note(case, kind, what, rate(seen))
            break
        else:
            silent[case.split, case.kind] += 1
        if case.kind == "warm-up":
            for began in divergence_rate.detect(case.run, divergence_rate.Settings()):
                for what, factor in (("onset", 1.0), ("half of the onset", 0.5), ("a tenth of the onset", 0.1)):
                    note(case, "divergence", what, began.onset_lr and factor * began.onset_lr)
    for (split, kind), rows in sorted(found.items(), key=lambda item: item[0][0] != "train"):
        quiet = silent[split, kind]
        table(f"{split}: {kind}" + (f" (silent: {quiet})" if quiet else ""), rows)


if __name__ == "__main__":
    main()
