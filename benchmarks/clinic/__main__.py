"""Run the clinic: `python -m benchmarks.clinic STAGE`; see benchmarks/README.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.clinic import cadence, early, records, scoring

DEFAULT = Path("clinic")
"""Where everything is kept, unless --out says otherwise."""


def _train(out: Path, shrink: float, name: str) -> str:
    import torch

    from benchmarks.clinic import stages

    torch.set_num_threads(1)
    began = time.monotonic()
    for cell in stages.cells(name, shrink):
        stages.examine(cell, out)
    return f"{name}: {time.monotonic() - began:.0f} s"


def train(argv: Sequence[str]) -> int:
    """Sweeps, patients and remedies, then the logs; what is there already is not done again."""
    from benchmarks.clinic import stages

    parser = argparse.ArgumentParser(prog="clinic train", description=train.__doc__)
    parser.add_argument("--out", type=Path, default=DEFAULT)
    parser.add_argument("--only", default="", help="cells whose name contains this")
    parser.add_argument("--shrink", type=float, default=1.0, help="shorten every training to this share")
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args(argv)
    some = stages.cells(chosen.only, chosen.shrink)
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for line in pool.map(partial(_train, chosen.out, chosen.shrink), [c.name for c in some]):
            print(line, flush=True)
    stages.write_logs(some, chosen.out)
    return 0


def weigh(argv: Sequence[str]) -> int:
    """Fit the score cards of `rate_odds` to the training tasks."""
    from benchmarks.clinic import weigh as fitting

    return fitting.main(argv)


def cure(argv: Sequence[str]) -> int:
    """Train every patient again as each advisor says, and print how they fare."""
    from benchmarks.clinic import cure as treatment

    return treatment.main(argv)


def distances(argv: Sequence[str]) -> int:
    """Fit the trees of `rate_distance` to the training tasks."""
    from benchmarks.clinic import distances as fitting

    return fitting.main(argv)


STAGES: Mapping[str, Callable[[Sequence[str]], int | None]] = {
    "train": train,
    "weigh": weigh,
    "distances": distances,
    "record": records.main,
    "score": scoring.main,
    "cadence": cadence.main,
    "early": early.main,
    "cure": cure,
}


def main(argv: Sequence[str]) -> int:
    """The exit status of the stage that the first argument names."""
    if not argv or argv[0] not in STAGES:
        print(f"usage: python -m benchmarks.clinic {{{','.join(STAGES)}}} …", file=sys.stderr)
        return 2
    return STAGES[argv[0]](argv[1:]) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
