"""How well the diagnoses of a tool agree with the measured truth: false alarms, faults found, directions, calibration.

    python -m benchmarks.clinic score LOGS_DIR... [--tool lrdoctor] [--rivals-python PATH] [--list] [--markdown]

Per tool and folder:

- false alarms: healthy trainings that are called unhealthy (a warning or worse);
- found: faulty trainings that are called unhealthy; diverged ones also apart, and each class of fault;
- direction: among the faulty trainings that some change helped, those whose prescription takes a direction that was
  measured to close most of the regret, or is an annealed schedule with a peak measured to reach the best within 5 %;
- peak off: decades from the prescribed peak to the nearest one that was measured to be good, over the faulty trainings
  with a prescribed number; median and 90th percentile;
- cannot tell: abstentions on trainings that are scored; lower and raise: answers that ask for both at once;
- calibration: whether the confidence of the deciding advice is the share of calls that are right.

`standing` defines healthy, faulty, diverged and grey; grey trainings are not scored.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.clinic.answers import Answer, Said, lrdoctor_answers, right_direction
from benchmarks.clinic.calibration import Calibration, Call, calibrate
from benchmarks.clinic.printed import share, table
from benchmarks.clinic.rivals import RIVALS, NotAvailable, rival_answers
from benchmarks.clinic.standing import Standing, Truth, read_truth, truth_folders

OURS = "lrdoctor"
UNMENTIONED = Answer(said=Said.NOTHING)


@dataclass(slots=True, kw_only=True)
class Tally:
    """How many of some faulty trainings were answered rightly."""

    faulty: int = 0
    found: int = 0
    curable: int = 0
    """Those that some change helped, so that a direction can be right."""
    right: int = 0

    def add(self, answer: Answer, truth: Truth) -> None:
        """Count one faulty training."""
        self.faulty += 1
        self.found += answer.said is Said.UNHEALTHY
        self.curable += bool(truth.helpful)
        self.right += bool(truth.helpful) and right_direction(answer, truth)


@dataclass(slots=True, kw_only=True)
class Score:
    """One tool on one folder."""

    tool: str
    folder: str
    runs: int = 0
    healthy: int = 0
    alarms: int = 0
    all_faults: Tally = field(default_factory=Tally)
    diverged: Tally = field(default_factory=Tally)
    by_fault: dict[str, Tally] = field(default_factory=dict)
    decades: list[float] = field(default_factory=list)
    cannot_tell: int = 0
    """Abstentions, on trainings that are scored."""
    nothing: int = 0
    contradictions: int = 0
    calls: list[Call] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """A line for each training that is answered wrongly."""

    @property
    def calibration(self) -> Calibration | None:
        """None for a tool that states no confidence."""
        return calibrate(self.calls) if self.calls else None


def score(truths: Sequence[Truth], answers: Mapping[str, Answer], *, tool: str, folder: str) -> Score:
    """Count everything that the module's docstring lists."""
    total = Score(tool=tool, folder=folder)
    for truth in truths:
        answer = answers.get(truth.run, UNMENTIONED)
        total.runs += 1
        total.nothing += answer.said is Said.NOTHING
        total.contradictions += answer.contradicts
        total.cannot_tell += answer.said is Said.CANNOT_TELL and truth.standing is not Standing.GREY
        if answer.said is Said.UNHEALTHY and answer.confidence is not None:
            total.calls.append(Call(confidence=answer.confidence, truth=truth.standing))
        if truth.standing is Standing.HEALTHY:
            total.healthy += 1
            total.alarms += answer.said is Said.UNHEALTHY
        elif truth.standing.is_fault:
            _count_fault(total, answer, truth)
        if complaint := _complaint(answer, truth):
            total.wrong.append(
                f"{truth.run:<34} {truth.scenario:<20} {truth.standing.value:<9} regret {truth.regret:.3g} "
                f"{complaint} [{answer.said.value}] {answer.because}"
            )
    return total


def _count_fault(total: Score, answer: Answer, truth: Truth) -> None:
    tallies = [total.all_faults, total.by_fault.setdefault(truth.fault, Tally())]
    if truth.standing is Standing.DIVERGED:
        tallies.append(total.diverged)
    for tally in tallies:
        tally.add(answer, truth)
    off = truth.decades_off(answer.peak_lr) if answer.peak_lr is not None else None
    if off is not None:
        total.decades.append(off)


def _complaint(answer: Answer, truth: Truth) -> str:
    """What is wrong with an answer, or an empty string."""
    if truth.standing is Standing.HEALTHY:
        return "false alarm" if answer.said is Said.UNHEALTHY else ""
    if not truth.standing.is_fault:
        return ""
    said = [] if answer.said is Said.UNHEALTHY else ["missed"]
    if truth.helpful and not right_direction(answer, truth):
        wanted, got = ("/".join(sorted(d)) or "nothing" for d in (truth.helpful, answer.directions))
        said.append(f"wants {wanted}, got {got}")
    return ", ".join(said)


def summary(scores: Sequence[Score], *, markdown: bool = False) -> str:
    """One line per tool and folder."""
    header = ["tool", "logs", "false alarms", "found", "diverged", "direction", "peak off"]
    header += ["cannot tell", "lower and raise", "no answer"]
    return table("Diagnoses against measured truth", header, [_line(s) for s in scores], markdown=markdown)


def _line(score: Score) -> list[str]:
    faults, diverged, off = score.all_faults, score.diverged, sorted(score.decades)
    return [
        score.tool,
        score.folder,
        share(score.alarms, score.healthy),
        share(faults.found, faults.faulty),
        f"{diverged.found}/{diverged.faulty}" if diverged.faulty else "–",
        share(faults.right, faults.curable),
        f"{median(off):.2f}, {off[int(0.9 * len(off))]:.2f}" if off else "no number",
        str(score.cannot_tell),
        f"{score.contradictions}/{score.runs}",
        str(score.nothing),
    ]


def by_fault(scores: Sequence[Score], *, markdown: bool = False) -> str:
    """Per class of fault, how many are found and given the right direction, by each tool; one folder at a time."""
    pages = []
    for folder in dict.fromkeys(score.folder for score in scores):
        here = [score for score in scores if score.folder == folder]
        faults = sorted({fault for score in here for fault in score.by_fault})
        rows = [[fault, *(_found(score.by_fault[fault]) for score in here)] for fault in faults]
        header = ["fault", *(score.tool for score in here)]
        pages.append(table(f"{folder}: found (direction right) by fault", header, rows, markdown=markdown))
    return "\n".join(pages)


def _found(tally: Tally) -> str:
    return f"{tally.found}/{tally.faulty} ({tally.right}/{tally.curable})"


def calibration_table(score: Score, *, markdown: bool = False) -> str:
    """The bins of one tool's confidence; an empty string for a tool that states none."""
    found = score.calibration
    if found is None:
        return ""
    rows = [
        [
            f"{held.low:.1f} to {held.high:.1f}",
            f"{held.mean_confidence:.2f}" if held.scored else "–",
            share(held.right, len(held.scored)),
            str(len(held.calls) - len(held.scored)),
        ]
        for held in found.bins
    ]
    title = f"{score.tool} on {score.folder}: confidence of the calls of 'unhealthy'"
    if found.brier is not None and found.expected_error is not None:
        title += f"; expected calibration error {found.expected_error:.3f}, Brier score {found.brier:.3f}"
    return table(title, ["confidence", "mean", "in truth faulty", "grey"], rows, markdown=markdown)


def answers_of(tool: str, folder: Path, truths: Sequence[Truth], python: Path | None) -> dict[str, Answer]:
    """What the tool says of each run. Raises `NotAvailable`."""
    if tool == OURS:
        return lrdoctor_answers(folder, truths)
    if python is None:
        raise NotAvailable("--rivals-python names no environment to ask it in")
    return rival_answers(tool, folder, truths, python)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables for every tool and folder that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOGS_DIR")
    parser.add_argument("--tool", action="append", choices=[OURS, *RIVALS], help="may be repeated; default: lrdoctor")
    parser.add_argument("--rivals-python", type=Path, help="interpreter of an environment with the rivals installed")
    parser.add_argument("--list", action="store_true", help="print a line for every run that is answered wrongly")
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args(argv)
    scores = []
    for tool in args.tool or [OURS]:
        for folder in truth_folders(args.logs):
            truths = read_truth(folder)
            try:
                answers = answers_of(tool, folder, truths, args.rivals_python)
            except NotAvailable as error:
                print(f"{tool} is skipped: {error}")
                break
            scores.append(score(truths, answers, tool=tool, folder=folder.name))
    for one in scores:
        for line in one.wrong if args.list else ():
            print(f"{one.tool}: {line}")
    if scores:
        pages = [summary(scores, markdown=args.markdown), by_fault(scores, markdown=args.markdown)]
        pages += [calibration_table(one, markdown=args.markdown) for one in scores]
        print("\n".join(page for page in pages if page))


if __name__ == "__main__":
    main()
