"""How well the best rate is read off a few runs: sweeps of eleven rates, of which only some are shown.

    python -m benchmarks.sweeping [clinic/trained] [--seed 0] [--each 60]

The folder holds what `python -m benchmarks.clinic train` left: a sweep.npz for each task and optimizer, eleven rates
over five decades under three schedules. Regret is (loss at the predicted rate − best) / (untrained − best), where the
loss between two rates of the sweep is read off a straight line over the logarithm of the rate, and what is worse than
untrained counts as untrained. Nothing in `lrdoctor.siblings` was chosen on the tasks of the split `heldout`.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.clinic.tasks import HELD_OUT, TASKS
from lrdoctor.model import Floats
from lrdoctor.siblings.response import RateResponse, respond

LAWS = ("constant", "linear", "annealed")
DIVERGED = 1.02
"""Final loss over the untrained one, as in `benchmarks.clinic.standing`."""
AS_GOOD = 0.01
"""Rates whose regret is at most this are as good as the best: seeds differ by as much."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """What each rate of one task, optimizer and schedule reached."""

    name: str
    held_out: bool
    log_rates: Floats
    losses: Floats
    """inf where the training did not end in a number."""
    start: float

    @property
    def shares(self) -> Floats:
        """What each rate missed of the way down, 1 at most."""
        best = float(self.losses.min())
        return np.minimum((self.losses - best) / (self.start - best), 1.0)

    def regret(self, log_rate: float) -> float:
        """What this rate would miss."""
        return float(np.interp(log_rate, self.log_rates, self.shares))

    def shown(self, which: Sequence[int]) -> RateResponse | None:
        """What lrdoctor makes of these rates alone."""
        limit = self.start + (DIVERGED - 1) * abs(self.start)
        losses = [v if (v := float(self.losses[i])) <= limit else None for i in which]
        return respond([10 ** float(self.log_rates[i]) for i in which], losses, self.start)


def sweeps(folder: Path) -> Iterator[Sweep]:
    """Every sweep of a known task below the folder, in order of names."""
    for file in sorted(folder.glob("*/sweep.npz")):
        task = file.parent.name.rpartition("-")[0]
        if task not in TASKS:
            continue
        held = np.load(file)
        for law in LAWS:
            yield Sweep(
                name=f"{file.parent.name} {law}",
                held_out=task in HELD_OUT,
                log_rates=np.log10(held["rates"]),
                losses=np.where(np.isfinite(held[law]), held[law], np.inf),
                start=float(held["first"]),
            )


# ---------------------------------------------------------------------------------------------- three that bracket it


def brackets(sweep: Sweep) -> Iterator[tuple[int, int, int]]:
    """Any three rates that came to an end, the middle one the best of them, with the best of the sweep inside."""
    y, best = sweep.losses, int(sweep.losses.argmin())
    for a, b, c in itertools.combinations(range(len(y)), 3):
        if np.isfinite(y[[a, b, c]]).all() and y[b] < min(y[a], y[c]) and a < best < c:
            yield a, b, c


def parabola(log_rates: Floats, shares: Floats) -> float:
    """Lowest point of the parabola through three points."""
    a, b, _ = np.polyfit(log_rates, shares, 2)
    return float(np.clip(-b / (2 * a), log_rates[0], log_rates[-1]))


Guess = Callable[[Sweep, tuple[int, int, int]], float]


def ours(sweep: Sweep, shown: tuple[int, int, int]) -> float:
    """lrdoctor's best rate."""
    found = sweep.shown(shown)
    return math.log10(found.best_rate) if found is not None else float(sweep.log_rates[shown[1]])


def best_of_three(sweep: Sweep, shown: tuple[int, int, int]) -> float:
    """The best rate that was tried."""
    return float(sweep.log_rates[shown[1]])


def through_three(sweep: Sweep, shown: tuple[int, int, int]) -> float:
    """The same losses, clipped in the same way, and a parabola."""
    y = sweep.losses[list(shown)]
    return parabola(sweep.log_rates[list(shown)], np.minimum((y - y.min()) / (sweep.start - y.min()), 1.0))


GUESSES: dict[str, Guess] = {"lrdoctor": ours, "the best of the three": best_of_three, "a parabola": through_three}


def print_brackets(some: Sequence[Sweep]) -> None:
    """Regret of each way to guess, over all brackets; a sweep has as many votes as it has brackets."""
    cases = [(sweep, shown) for sweep in some for shown in brackets(sweep)]
    print(f"  three rates that bracket the optimum: {len(cases):,} of {len(some)} sweeps; regret")
    print(f"    {'':24}{'median':>8}{'mean':>8}{'9 of 10':>9}")
    for name, guess in GUESSES.items():
        regrets = np.array([sweep.regret(guess(sweep, shown)) for sweep, shown in cases])
        print(f"    {name:24}{np.median(regrets):8.3f}{regrets.mean():8.3f}{np.quantile(regrets, 0.9):9.3f}")


# ---------------------------------------------------------------------------------------------------- any three to five


@dataclass(slots=True)
class Tally:
    """How often something that could be right was."""

    right: int = 0
    of: int = 0

    def add(self, right: bool) -> None:
        """One more case."""
        self.right += right
        self.of += 1

    def __str__(self) -> str:
        return f"{self.right / max(self.of, 1):.1%} of {self.of:,}"


def print_subsets(some: Sequence[Sweep], each: int, seed: int) -> None:
    """Borders and intervals, over random subsets of three to five rates."""
    rng = np.random.default_rng(seed)
    announced, clearly, wrongly, wrongly_clear = Tally(), Tally(), Tally(), Tally()
    covered, expected, regrets = Tally(), Tally(), []
    for sweep in some:
        for _ in range(each):
            shown = sorted(rng.choice(len(sweep.losses), rng.integers(3, 6), replace=False).tolist())
            found = sweep.shown(shown)
            if found is None:
                continue
            first, last, best = shown[0], shown[-1], int(sweep.losses.argmin())
            good = np.flatnonzero(sweep.shares <= AS_GOOD)
            beyond = not first < best < last
            (announced if beyond else wrongly).add(found.on_border is not None)
            if beyond and not ((good > first) & (good < last)).any():
                clearly.add(found.on_border is not None)
            elif not beyond and good.min() > first and good.max() < last:
                wrongly_clear.add(found.on_border is not None)
            if found.on_border is None and not beyond:
                # Half a step of the sweep: nothing is known between its rates.
                near = [abs(math.log10(end) - sweep.log_rates[best]) < 0.25 for end in (found.low, found.high)]
                covered.add(found.low <= 10 ** sweep.log_rates[best] <= found.high or any(near))
                regrets.append(sweep.regret(math.log10(found.best_rate)))
                loss = float(np.interp(math.log10(found.best_rate), sweep.log_rates, np.minimum(sweep.losses, 1e9)))
                expected.add(found.value_low <= loss <= found.value_high)
    print(f"  three to five rates, {each} draws from each sweep")
    print(f"    the best of the sweep lies at their border or beyond: announced in {announced}")
    print(f"      the same where no rate between them is as good:     announced in {clearly}")
    print(f"    it lies between them: a border announced all the same in {wrongly}")
    print(f"      the same where no rate at the border or beyond is as good: {wrongly_clear}")
    print(f"    bracketed: regret {np.median(regrets):.3f} in the median, {np.mean(regrets):.3f} in the mean;")
    print(f"      the 80 % interval holds the best of the sweep in {covered}, the 90 % band the loss in {expected}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of the training tasks and of those held out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweeping", description=main.__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("clinic/trained"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=60, help="subsets of each sweep")
    parser.add_argument("--split", choices=("training", "heldout"), help="only this split")
    chosen = parser.parse_args(argv)
    known = list(sweeps(chosen.folder))
    if not known:
        parser.error(f"{chosen.folder}: no sweep.npz below it")
    for split in ("training", "heldout"):
        some = [sweep for sweep in known if sweep.held_out is (split == "heldout")]
        if some and chosen.split in (None, split):
            print(f"{split} tasks")
            print_brackets(some)
            print_subsets(some, chosen.each, chosen.seed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
