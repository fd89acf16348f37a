"""Whether a divergence is named while it happens, not only when the training is over.

    python -m benchmarks.clinic early LOGS_DIR... [--after 0.02] [--list] [--markdown]

For each training that diverged in truth, the log is cut shortly after the onset, and the diagnosis of what is left must
hold a warning or an error about divergence. As a control, logs of healthy trainings are cut at the same places: whoever
shouts early at everything gains nothing.

The onset is measured without any detector. The level of the training loss at a point is the median of the points around
it, 1 % of the log and at least 5; a non-finite point counts as infinite. Learned is what lies between the untrained
validation loss and the lowest level so far.

- The level is lost where it is infinite, more than 2 % above the untrained loss, or where half of what had been learned
  is gone, if that was at least a tenth of the untrained loss.
- It has returned where more than half of what had been learned is back, and a tenth of the untrained loss at least, by
  the median over 5 % of the log: noise around a lost level dips now and then.
- The onset is the first point after the last return at which the level is lost and the loss itself as high. Where only
  the validation loss diverged, the training loss shows no onset, and the run is counted apart.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.clinic.answers import examiner, read_run
from benchmarks.clinic.printed import share, table
from benchmarks.clinic.standing import Standing, Truth, read_truth, truth_folders
from lrdoctor.model import Diagnosis, Floats, Role, Run, Series, Severity

ABOVE_UNTRAINED = 1.02
"""As far above its start, a training counts as diverged in truth too."""
LEARNED_SOMETHING = 0.1
"""Share of the untrained loss; less than that is noise around a level of which nothing can be lost."""
WINDOW = 0.01
LASTING = 0.05
"""Fractions of the log's points: what a level is the median of, and what a return has to last for."""
DIVERGENCE = "LRD1"
"""Beginning of the ids of the rules about divergence."""
FEW = 25
"""Points of the training loss, below which a cut log can hardly tell anything; such runs are counted apart as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A log that ends early, and what was said of it."""

    truth: Truth
    onset: int | None
    """Step; None for a control."""
    at: float
    """Fraction of the planned length at which the log ends."""
    points: int
    """Of the training loss."""
    warned: bool
    """About divergence."""
    anything: bool
    """A warning or an error about anything."""
    because: str


def onset_step(loss: Series, untrained: float, *, floor: float = 0.0) -> int | None:
    """The step from which the loss was lost for good; None if it was not. `untrained` counts from the floor."""
    values = loss.values - floor
    levels, lasting = running_level(values, WINDOW), running_level(values, LASTING)
    best = np.minimum(np.minimum.accumulate(levels), untrained)
    half_way = untrained - (untrained - best) / 2
    learned = untrained - best >= LEARNED_SOMETHING * untrained
    limit = np.where(learned, half_way, ABOVE_UNTRAINED * untrained)
    returned = np.flatnonzero(lasting < np.minimum(half_way, (1 - LEARNED_SOMETHING) * untrained))
    after = int(returned[-1]) + 1 if len(returned) else 0
    lost = np.flatnonzero(levels[after:] > limit[after:])
    if not len(lost):
        return None
    begins = after + int(lost[0])
    # Half of the points that make a level come after it, so it rises before the loss itself does.
    high = ~(values[begins:] <= limit[begins])
    return int(loss.steps[begins + int(np.argmax(high))])


def running_level(values: Floats, window: float) -> Floats:
    """The median of the points around each one, fewer at both ends; infinite where most of them are not finite."""
    half = max(2, round(window * len(values) / 2))
    known = np.where(np.isfinite(values), values, np.inf)
    # The upper of two middle points, as the mean of a number and infinity is none.
    near = (np.sort(known[max(0, i - half) : i + half + 1]) for i in range(len(known)))
    return np.array([points[len(points) // 2] for points in near])


def until(run: Run, step: float) -> Run:
    """The log as it stood at this step."""
    series = {}
    for tag, one in run.series.items():
        kept = one.steps <= step
        times = None if one.wall_times is None else one.wall_times[kept]
        series[tag] = Series(tag=tag, steps=one.steps[kept], values=one.values[kept], wall_times=times)
    return replace(run, series=series)


def cut_at(run: Run, truth: Truth, step: float, examine: Callable[[Run], Diagnosis], *, onset: int | None) -> Cut:
    """What is said of the log as it stood at this step."""
    told = until(run, step)
    diagnosis = examine(told)
    serious = [advice.rule.id for advice in diagnosis.advice if advice.rule.severity is not Severity.INFO]
    loss = told[Role.TRAIN_LOSS]
    return Cut(
        truth=truth,
        onset=onset,
        at=step / truth.steps,
        points=0 if loss is None else len(loss),
        warned=any(rule.startswith(DIVERGENCE) for rule in serious),
        anything=bool(serious),
        because=",".join(advice.rule.id for advice in diagnosis.advice),
    )


def diverged_cuts(
    folder: Path, truths: Sequence[Truth], examine: Callable[[Run], Diagnosis], *, after: float
) -> Iterator[Cut | None]:
    """Every training that diverged, cut at `after` of its planned length behind the onset; None where no onset is."""
    for truth in truths:
        run = read_run(folder, truth.run) if truth.standing is Standing.DIVERGED else None
        loss = run[Role.TRAIN_LOSS] if run is not None else None
        if run is not None and loss is not None:
            onset = onset_step(loss, truth.first, floor=truth.floor)
            yield None if onset is None else cut_at(run, truth, onset + after * truth.steps, examine, onset=onset)


def control_cuts(
    folder: Path, truths: Sequence[Truth], examine: Callable[[Run], Diagnosis], places: Sequence[float]
) -> Iterator[Cut]:
    """The healthy trainings, each cut at one of these fractions of its planned length, in turn."""
    healthy = [truth for truth in truths if truth.standing is Standing.HEALTHY]
    for number, truth in enumerate(healthy if places else []):
        run = read_run(folder, truth.run)
        if run is not None:
            yield cut_at(run, truth, places[number % len(places)] * truth.steps, examine, onset=None)


def page(cuts: Sequence[Cut], control: Sequence[Cut], without_onset: int, *, title: str, markdown: bool = False) -> str:
    """The shares, and how many runs they leave out."""
    rows = []
    for name, some in (
        ("diverged, just after the onset", cuts),
        (f"of these, logs of {FEW} points or more", [cut for cut in cuts if cut.points >= FEW]),
        ("healthy, cut at the same places", control),
    ):
        warned, anything = (sum(flags) for flags in ([c.warned for c in some], [c.anything for c in some]))
        rows.append([name, share(warned, len(some)), share(anything, len(some))])
    header = ["logs", "warned of divergence", "warned of anything"]
    printed = table(title, header, rows, markdown=markdown)
    if without_onset:
        printed += f"\nOf {without_onset} diverged runs the training loss shows no onset.\n"
    return printed


def main(argv: Sequence[str] | None = None) -> None:
    """Print the shares for each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOGS_DIR")
    parser.add_argument("--after", type=float, default=0.02, help="fraction of the planned length; default 0.02")
    parser.add_argument("--list", action="store_true", help="print a line for every cut log that is answered wrongly")
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args(argv)
    examine = examiner()
    for folder in truth_folders(args.logs):
        truths = read_truth(folder)
        found = list(diverged_cuts(folder, truths, examine, after=args.after))
        cuts = [cut for cut in found if cut is not None]
        control = list(control_cuts(folder, truths, examine, [cut.at for cut in cuts]))
        for cut in (*cuts, *control) if args.list else ():
            if cut.warned is (cut.onset is None):
                onset = math.nan if cut.onset is None else cut.onset
                print(
                    f"{cut.truth.run:<34} {cut.truth.standing.value:<9} onset {onset:g}, {cut.points} points: ", end=""
                )
                print(cut.because or "nothing said")
        title = f"{folder.name}: a word {args.after:.0%} of the run after the onset"
        print(page(cuts, control, len(found) - len(cuts), title=title, markdown=args.markdown))


if __name__ == "__main__":
    main()
