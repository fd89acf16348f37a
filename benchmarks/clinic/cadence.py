"""Whether the diagnosis of a training depends on how it was logged.

    python -m benchmarks.clinic cadence LOGS_DIR... [--runs 40] [--list] [--markdown]

Each log is told again as other loggers would have: every point, or one in 5, 20 or 100, each as it was or as the mean
since the last one written; with and without validation; with and without the learning rate. Loggings that leave fewer
than 25 points of the training loss are skipped and counted.

- same verdict: runs of which no two loggings get opposite verdicts. `cannot_tell` opposes neither verdict, and the
  runs that get it at least once are counted beside.
- false alarms, found: as `scoring` defines them, for each way of logging by itself.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from benchmarks.clinic.answers import examiner, read_run
from benchmarks.clinic.printed import share, table
from benchmarks.clinic.standing import Standing, Truth, read_truth, truth_folders
from lrdoctor.model import Diagnosis, Role, Run, Verdict
from lrdoctor.testing import logged

FEWEST = 25
"""Points of the training loss, below which a log is not expected to tell anything."""
EVERY = (1, 5, 20, 100)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Kept:
    """Which curves a logger writes, beside the training loss and the gradient norm."""

    rate: bool
    validation: bool

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that are left."""
        more = [(Role.LR, self.rate), (Role.VAL_LOSS, self.validation)]
        return (Role.TRAIN_LOSS, Role.GRAD_NORM, *(role for role, kept in more if kept))

    def __str__(self) -> str:
        names = {
            (True, True): "everything",
            (True, False): "no validation",
            (False, True): "no rate",
            (False, False): "neither",
        }
        return names[self.rate, self.validation]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Logging:
    """One way of logging a training."""

    every: int
    averaged: bool
    kept: Kept

    @property
    def cadence(self) -> str:
        """How often and how, without which curves."""
        return "every point" if self.every == 1 else f"1 in {self.every}{', averaged' if self.averaged else ''}"


# Each point alone is its own mean.
LOGGINGS = tuple(
    Logging(every=every, averaged=averaged, kept=Kept(rate=rate, validation=validation))
    for rate, validation, every, averaged in product((True, False), (True, False), EVERY, (False, True))
    if every > 1 or not averaged
)


def retold(run: Run, logging: Logging) -> Run | None:
    """The run as this logger would have written it; None if that leaves too few points."""
    roles = {role: tag for role, tag in run.roles.items() if role in logging.kept.roles}
    only = replace(run, roles=roles, series={tag: run.series[tag] for tag in roles.values()})
    told = logged(only, every=logging.every, averaged=logging.averaged)
    loss = told[Role.TRAIN_LOSS]
    return told if loss is not None and len(loss) >= FEWEST else None


@dataclass(slots=True, kw_only=True)
class Retold:
    """One training and its verdict under each logging that leaves enough points."""

    truth: Truth
    verdicts: dict[Logging, Verdict] = field(default_factory=dict)
    rules: dict[Logging, str] = field(default_factory=dict)

    def under(self, kept: Kept | None = None) -> dict[Logging, Verdict]:
        """The verdicts of the loggings with these curves, or of all."""
        return {logging: v for logging, v in self.verdicts.items() if kept in (None, logging.kept)}


def contradicted(verdicts: Sequence[Verdict]) -> bool:
    """Whether two of them are opposite."""
    return {Verdict.HEALTHY, Verdict.UNHEALTHY} <= set(verdicts)


def retell(
    folder: Path, truths: Sequence[Truth], examine: Callable[[Run], Diagnosis], *, most: int | None = None
) -> Iterator[Retold]:
    """Each run of the folder, or `most` of them spread over it, diagnosed under every logging."""
    chosen = truths[:: max(1, -(-len(truths) // most))] if most else truths
    for truth in chosen:
        run = read_run(folder, truth.run)
        if run is None:
            continue
        told = Retold(truth=truth)
        for logging in LOGGINGS:
            made = retold(run, logging)
            if made is not None:
                diagnosis = examine(made)
                told.verdicts[logging] = diagnosis.verdict
                told.rules[logging] = ",".join(advice.rule.id for advice in diagnosis.advice)
        yield told


def agreement(runs: Sequence[Retold], title: str, *, markdown: bool = False) -> str:
    """How many runs keep their verdict over all cadences, for each choice of curves and over all of them."""
    rows = []
    choices = sorted({logging.kept for logging in LOGGINGS}, reverse=True)
    for name, kept in [*((str(kept), kept) for kept in choices), ("all loggings", None)]:
        # One logging alone cannot disagree.
        judged = [list(run.under(kept).values()) for run in runs if len(run.under(kept)) > 1]
        same = sum(not contradicted(verdicts) for verdicts in judged)
        abstained = sum(Verdict.CANNOT_TELL in verdicts for verdicts in judged)
        told = sum(len(verdicts) for verdicts in judged)
        rows.append([name, share(same, len(judged)), str(abstained), str(told)])
    header = ["logged", "same verdict", "runs with cannot_tell", "loggings"]
    return table(f"{title}: one training, one verdict", header, rows, markdown=markdown)


def by_logging(runs: Sequence[Retold], title: str, *, markdown: bool = False) -> str:
    """False alarms, faults found and abstentions of each logging by itself."""
    rows = []
    for logging in sorted(LOGGINGS, key=lambda one: (not one.kept.rate, not one.kept.validation, one)):
        told = [(run.truth.standing, run.verdicts[logging]) for run in runs if logging in run.verdicts]
        counts: dict[str, int] = defaultdict(int)
        for standing, verdict in told:
            counts["healthy"] += standing is Standing.HEALTHY
            counts["alarms"] += standing is Standing.HEALTHY and verdict is Verdict.UNHEALTHY
            counts["faulty"] += standing.is_fault
            counts["found"] += standing.is_fault and verdict is Verdict.UNHEALTHY
            counts["abstained"] += verdict is Verdict.CANNOT_TELL
        rows.append(
            [
                f"{logging.kept}, {logging.cadence}",
                share(counts["alarms"], counts["healthy"]),
                share(counts["found"], counts["faulty"]),
                share(counts["abstained"], len(told)),
                str(len(runs) - len(told)),
            ]
        )
    header = ["logged", "false alarms", "found", "cannot tell", "too short"]
    return table(f"{title}: by way of logging", header, rows, markdown=markdown)


def _disagreements(runs: Sequence[Retold]) -> Iterator[str]:
    for run in runs:
        if contradicted(list(run.verdicts.values())):
            yield f"{run.truth.run} ({run.truth.scenario}, in truth {run.truth.standing.value})"
            for logging, verdict in run.verdicts.items():
                yield f"    {logging.kept}, {logging.cadence}: {verdict.value} {run.rules[logging]}"


def main(argv: Sequence[str] | None = None) -> None:
    """Print both tables for each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOGS_DIR")
    parser.add_argument("--runs", type=int, help="at most so many runs of each folder, spread evenly over it")
    parser.add_argument("--list", action="store_true", help="print every verdict of the runs that change theirs")
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args(argv)
    examine = examiner()
    for folder in truth_folders(args.logs):
        runs = list(retell(folder, read_truth(folder), examine, most=args.runs))
        if args.list:
            print(*_disagreements(runs), sep="\n")
        print(agreement(runs, folder.name, markdown=args.markdown))
        print(by_logging(runs, folder.name, markdown=args.markdown))


if __name__ == "__main__":
    main()
