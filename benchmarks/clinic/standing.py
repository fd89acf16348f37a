"""The truth about each training: whether it was sound, what its fault was, and which change helped.

A folder of logs holds one folder per training and a `truth.csv` with one row for each. Every training was repeated with
one thing changed at a time, on the same task and for as many steps, so the table knows what would have helped:

- regret: (final − best known) / (untrained − best known) of the validation loss;
- over-fitted by: final / the training's own best validation loss.

Ratios of losses mean something only from zero upwards. Where a task's loss can be negative, the row counts its losses
from the floor of the task, which the optional column `floor` names.

| standing | definition |
|---|---|
| diverged | the final loss is not finite, or more than 1.02 times the untrained one |
| faulty | regret ≥ 0.08; or final ≥ 1.6 times the best known with regret ≥ 0.02, over-fitted by at most 1.1 |
| healthy | regret ≤ 0.03, final ≤ 1.25 times the best known, over-fitted by at most 1.15 |
| grey | everything between: not scored |

The first line that fits holds. A diverged training counts as faulty too.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

TRUTH = "truth.csv"
NEARLY_AS_GOOD = 0.6
"""A change that closes this share of what the best one closes helps as well."""


class Standing(StrEnum):
    """How a training stands against the best known one of its task."""

    HEALTHY = "healthy"
    FAULTY = "faulty"
    DIVERGED = "diverged"
    GREY = "grey"

    @property
    def is_fault(self) -> bool:
        """Whether a diagnosis should call the training unhealthy."""
        return self in (Standing.FAULTY, Standing.DIVERGED)


class Direction(StrEnum):
    """What to change, as far as a log can tell."""

    LOWER = "lower"
    RAISE = "raise"
    ANNEAL = "anneal"
    """Another course of the rate from the same peak: a decay, or a warm-up."""
    CLIP = "clip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One row of a truth table."""

    run: str
    """Folder of its log."""
    scenario: str
    steps: int
    """The planned length."""
    peak_lr: float
    floor: float
    """What no training of the task can go below; every loss of this row is counted from there."""
    first: float
    """Validation loss of the untrained net; the other losses are validation losses as well."""
    final: float
    own_best: float
    best_known: float
    """What the best setting that was tried reaches on this task in as many steps."""
    regret: float
    gains: Mapping[Direction, float]
    """Share of the regret, in the same unit, that a change of this kind removed."""
    good_low: float
    """From here to `good_high`, an annealed schedule's peak reaches within 5 % of the best known; NaN: not measured."""
    good_high: float

    @property
    def standing(self) -> Standing:
        """As the module's table defines it."""
        if not math.isfinite(self.final) or self.final > 1.02 * self.first:
            return Standing.DIVERGED
        over_fitted = self.final / self.own_best
        clearly_worse = self.final >= 1.6 * self.best_known and self.regret >= 0.02 and over_fitted <= 1.1
        if self.regret >= 0.08 or clearly_worse:
            return Standing.FAULTY
        if self.regret <= 0.03 and self.final <= 1.25 * self.best_known and over_fitted <= 1.15:
            return Standing.HEALTHY
        return Standing.GREY

    @property
    def helpful(self) -> frozenset[Direction]:
        """The directions that close nearly as much of the regret as the best one; empty where none helped."""
        most = max(self.gains.values())
        return frozenset(d for d, gain in self.gains.items() if most > 0 and gain >= NEARLY_AS_GOOD * most)

    @property
    def fault(self) -> str:
        """The class of fault that the training was made with, whether or not it did harm."""
        return fault_class(self.scenario)

    def decades_off(self, peak_lr: float) -> float | None:
        """Distance of a peak from the good ones, in decades; 0 among them, None where they weren't measured."""
        if not (self.good_low > 0 and self.good_high > 0 and peak_lr > 0):
            return None
        low, high, peak = (math.log10(value) for value in (self.good_low, self.good_high, peak_lr))
        return max(0.0, low - peak, peak - high)


FAULTS: tuple[tuple[str, str], ...] = (
    ("healthy.*|sound.*", "meant to be sound"),
    ("no_warm_?up.*|missing_warm_?up.*", "missing warm-up"),
    ("warm_?up_.*", "warm-up too long"),
    (".*(restart|cyclic|periodic|t_max|tmax).*|cosine_short", "T_max too short, restarts"),
    ("cosine_cut|.*cut_short.*", "schedule cut short"),
    ("bad_batch.*", "bad batches"),
    ("noisy_labels?|label_noise.*", "label noise"),
    ("over_?fit.*|few_(examples|data)", "over-fitting"),
    ("resume.*", "resume"),
    (
        "early_.*|fast_.*|.*decay(ed)?_(strong|early|fast).*|(.*_)?too_(early|soon|fast)",
        "decayed too early or too fast",
    ),
    ("no_decay.*|constant_(best|third)", "no decay"),
    (".*_x[0-9]+|too_high.*|.*_too_high", "too high"),
    (".*_d[0-9]+|too_low.*|.*_too_low", "too low"),
)
"""Patterns of whole scenario names, and the class of fault; the first that fits holds."""


def fault_class(scenario: str) -> str:
    """The class of fault of a scenario; a name that no pattern knows is its own class."""
    return next((fault for names, fault in FAULTS if re.fullmatch(names, scenario)), scenario)


def truth_folders(given: list[Path]) -> list[Path]:
    """The folders with a truth table: the given ones, or those right below them. Raises `SystemExit` for none."""
    folders: list[Path] = []
    for folder in given:
        below = [folder] if (folder / TRUTH).is_file() else sorted(path.parent for path in folder.glob(f"*/{TRUTH}"))
        if not below:
            raise SystemExit(f"{folder}: no {TRUTH} in it or right below it")
        folders += below
    return folders


def read_truth(folder: Path) -> list[Truth]:
    """The rows of a folder's table, in its order."""
    with (folder / TRUTH).open(encoding="utf-8", newline="") as file:
        return [_truth(row) for row in csv.DictReader(file)]


def _truth(row: Mapping[str, str]) -> Truth:
    def number(name: str) -> float:
        return float(row.get(name) or "nan")

    gains = {
        Direction.LOWER: number("gain_lower"),
        Direction.RAISE: number("gain_raise"),
        Direction.ANNEAL: max(number("gain_decay"), number("gain_warmup")),
        Direction.CLIP: number("gain_clip"),
    }
    return Truth(
        run=row["run"],
        scenario=row["scenario"],
        # A run that broke off has fewer steps than were planned, and some tables leave one of these at 0.
        steps=int(max(float(row.get(name) or 0) for name in ("steps", "steps_run", "n"))),
        peak_lr=number("peak_lr"),
        floor=float(row.get("floor") or 0),
        first=number("first"),
        final=number("final"),
        own_best=number("own_best"),
        best_known=number("star"),
        regret=number("regret"),
        # What was not tried helped nobody.
        gains={direction: -math.inf if math.isnan(gain) else gain for direction, gain in gains.items()},
        good_low=number("good_low"),
        good_high=number("good_high"),
    )
