"""Whether real logs are read right: every file of a folder, held against its manifest and a naive second reading.

    python -m benchmarks.real_logs FOLDER [--verdicts] [--all]

FOLDER has a `manifest.csv` with a row per file: `path`, `kind`, `has_lr` (y, n, or config where the rate stands only in
the configuration), `n_points` (of its curve), `labels` (healthy or what is wrong, separated by `;`; empty, n/a or other
for a file without a curve that could be judged) and `confidence` in them. A miss is

- a labelled file without a training loss, unless no name in it is that of one; then its validation loss will do;
- a curve that is shorter than the manifest says, or whose values are not those that a naive reading of the same file
  finds under the same name: more are invented, fewer are lost, unless a note or an incident of the run says so;
- a file with `has_lr` y without a learning rate;
- a file without a curve that is given a verdict, or nothing, instead of a word on why there is none.

`--verdicts` also tells which trainings labelled healthy are called unhealthy, and which labels nothing names. Seconds
are of one reading; the first file of a kind pays for the imports.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lrdoctor.config import Config
from lrdoctor.doctor import analyze, read
from lrdoctor.model import Diagnosis, Problem, Role, Run, Verdict
from lrdoctor.roles import RoleNames

SHORTER = 0.9
"""Of the points in the manifest: those who counted rows also counted repeated steps."""
DIGITS = 6
"""Event files hold float32, which has seven."""
JUDGED = (Role.TRAIN_LOSS, Role.VAL_LOSS, Role.LR)
_NUMBER = r"[-+]?(?:\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf)\b"
_NAMED_NUMBER = re.compile(rf"((?:[A-Za-z]\w* )?[A-Za-z][\w/.-]*)(?::\s*|=|\s+)({_NUMBER})")
"""Not `loss = 0`: that is a line of the source code that some scripts print first."""
NO_LABEL = frozenset({"", "n/a", "other"})
_UNSEEN_DATA = re.compile(r"val|test|eval|dev", re.IGNORECASE)

NAMES = {
    "nan": ("non-finite", "masked", "never-finite"),
    "divergence": ("blow-up", "divergence", "rising-loss", "early-instability", "lost-ground", "non-finite"),
    "plateau": ("plateau", "stood-still", "stuck", "chance", "learned-nothing", "did-not-fall", "no-progress"),
    "oscillation": ("oscillation", "swings", "instability", "clipped-and-restless", "blow-up"),
    "spike": ("spike", "instability", "blow-up", "exploding-gradient", "lost-ground"),
    "overfitting": ("overfitting",),
}
"""What the names of the rules that speak of a label contain."""
KINDS = {
    "nan": {"nonfinite", "masked_nonfinite"},
    "divergence": {"divergence", "early_instability", "nonfinite", "rise_at_end"},
    "plateau": {"plateau", "standstill", "no_progress"},
    "oscillation": {"oscillation", "early_instability"},
    "spike": {"spike", "early_instability"},
    "overfitting": {"overfitting"},
}
"""The findings that measure a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One file of the manifest."""

    path: Path
    name: str
    kind: str
    has_lr: str
    points: int
    labels: tuple[str, ...]
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of one file."""

    row: Row
    runs: Sequence[Run]
    problems: Sequence[Problem]
    seconds: float
    misses: Sequence[str]
    only_validated: bool
    """Whether the file itself has no training loss, but one on unseen data."""


def manifest(folder: Path) -> list[Row]:
    """The rows of the manifest, in its order."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return [
            Row(
                path=folder / row["path"],
                name=row["path"],
                kind=row["kind"],
                has_lr=row["has_lr"],
                points=int(row["n_points"] or 0),
                labels=tuple(label for label in row["labels"].split(";") if label not in NO_LABEL),
                confidence=row.get("confidence", ""),
            )
            for row in csv.DictReader(file)
        ]


def examined(row: Row) -> Reading:
    """One file, read and held against what is known of it."""
    start = time.perf_counter()
    runs, problems = read([row.path], RoleNames())
    seconds = time.perf_counter() - start
    if not row.labels:
        misses = list(_without_curve(row))
        return Reading(row=row, runs=runs, problems=problems, seconds=seconds, misses=misses, only_validated=False)
    there = told(row.path)
    only_validated = False
    misses = []
    if not _points(runs, Role.TRAIN_LOSS):
        untaken = sorted(name for name in there or {} if "loss" in name.lower() and not _UNSEEN_DATA.search(name))
        only_validated = bool(_points(runs, Role.VAL_LOSS)) and there is not None and not untaken
        if not only_validated:
            misses.append(f"no training loss; there are {', '.join(untaken[:4]) or 'no names of one'}")
    if row.has_lr == "y" and not _points(runs, Role.LR):
        misses.append("no learning rate")
    most = max(_points(runs, Role.TRAIN_LOSS), _points(runs, Role.VAL_LOSS))
    if 0 < most < SHORTER * row.points:
        misses.append(f"{most} points of {row.points}")
    misses += _differing(runs, there or {})
    return Reading(row=row, runs=runs, problems=problems, seconds=seconds, misses=misses, only_validated=only_validated)


def _points(runs: Sequence[Run], role: Role) -> int:
    return sum(len(series) for run in runs if (series := run[role]) is not None)


def _without_curve(row: Row) -> Iterator[str]:
    report = analyze(row.path, config=Config(), siblings=False)
    if not report.runs and not any(problem.message for problem in report.errors):
        yield "neither a run nor a word"
    for diagnosis in report.runs:
        if diagnosis.verdict is not Verdict.CANNOT_TELL:
            yield f"no curve, and called {diagnosis.verdict.value}"
        elif not any(skipped.what == "diagnosis" and skipped.reason for skipped in diagnosis.skipped):
            yield "cannot tell, and no reason"


def _differing(runs: Sequence[Run], there: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Where the values that we took are not those of the naive reading."""
    plain = {_plain(name): values for name, values in there.items()}
    for tag in {tag: None for run in runs for role, tag in run.roles.items() if role in JUDGED}:
        if _plain(tag) not in plain:
            continue
        naive = _counted(plain[_plain(tag)])
        taken = [run for run in runs if tag in run.series]
        ours = _counted([float(value) for run in taken for value in run.series[tag].values])
        invented, lost = (ours - naive).total(), (naive - ours).total()
        if invented:
            yield f"{tag}: {invented} values that the file has not"
        if lost and not any(run.notes or run.incidents for run in taken):
            yield f"{tag}: {lost} of {naive.total()} values lost without a word"


def _counted(values: Sequence[float]) -> Counter[str]:
    """Only finite values: how a NaN is written, and whether at all, is the parsers' affair."""
    return Counter(f"{value:.{DIGITS}g}" for value in values if np.isfinite(value))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower()).replace("losses", "loss").replace("accuracies", "accuracy")


def told(path: Path) -> Mapping[str, Sequence[float]] | None:
    """Every named number of a file, by the plainest reading of its format; None for one that we have no other for."""
    if "tfevents" in path.name:
        return _of_events(path)
    parts = path.parts
    if "metrics" in parts and not path.suffix:
        name = "/".join(parts[len(parts) - parts[::-1].index("metrics") :])
        return {name: [float(line.split(" ")[1]) for line in path.read_text().splitlines()]}
    if path.suffix in {".csv", ".tsv"}:
        return _of_table(path)
    if path.suffix in {".json", ".jsonl"}:
        return _of_json(path)
    if path.suffix in {".log", ".txt", ".out", ".stdout"}:
        return _of_text(path)
    return None


def _of_events(path: Path) -> Mapping[str, Sequence[float]] | None:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        return None
    found = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    numbers = {tag: [float(event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
    for tag in found.Tags()["tensors"]:
        arrays = [make_ndarray(event.tensor_proto) for event in found.Tensors(tag)]
        if arrays and all(array.size == 1 and array.dtype.kind == "f" for array in arrays):
            numbers[tag] = [float(array.item()) for array in arrays]
    return numbers


def _of_table(path: Path) -> Mapping[str, Sequence[float]]:
    found: dict[str, list[float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","):
            for name, cell in row.items():
                if isinstance(name, str) and isinstance(cell, str) and re.fullmatch(_NUMBER, cell.strip(), re.I):
                    found.setdefault(name, []).append(float(cell))
    return found


def _of_json(path: Path) -> Mapping[str, Sequence[float]]:
    found: dict[str, list[float]] = {}

    def walk(value: object, name: str) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(inner, f"{name}/{key}" if name else str(key))
        elif isinstance(value, list):
            for inner in value:
                walk(inner, name)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.setdefault(name, []).append(float(value))

    text = path.read_text(encoding="utf-8")
    try:
        walk(json.loads(text), "")
    except json.JSONDecodeError:
        for line in text.splitlines():
            walk(json.loads(line), "")
    return found


def _of_text(path: Path) -> Mapping[str, Sequence[float]]:
    found: dict[str, list[float]] = {}
    for name, number in _NAMED_NUMBER.findall(path.read_text(encoding="utf-8", errors="replace")):
        found.setdefault(name, []).append(float(number.replace(",", "")))
    return found


def verdicts(rows: Sequence[Row]) -> list[str]:
    """What speaks against the labels: false alarms on sure health, and labels that nothing names."""
    lines, alarms, sound = [], 0, 0
    named: dict[str, Counter[str]] = {label: Counter() for label in NAMES}
    for row in rows:
        report = analyze(row.path, config=Config(), siblings=False)
        if row.labels == ("healthy",) and row.confidence == "high":
            sound += 1
            for diagnosis in report.runs:
                if diagnosis.verdict is Verdict.UNHEALTHY:
                    alarms += 1
                    lines.append(f"    healthy, called {_said(diagnosis)}: {row.name}")
        for label in NAMES.keys() & row.labels:
            how = _how_named(label, report.runs)
            named[label][how] += 1
            if how == "nothing":
                said = "; ".join(_said(diagnosis) for diagnosis in report.runs)
                lines.append(f"    {label} ({row.confidence}), named by nothing: {said}: {row.name}")
    lines.append(f"called unhealthy: {alarms} of {sound} that are surely healthy")
    for label, ways in named.items():
        told_so = ", ".join(f"{ways[way]} by {way}" for way in ("a rule", "a finding", "nothing"))
        lines.append(f"{label:<12} of {ways.total()} files named {told_so}")
    return lines


def _how_named(label: str, runs: Sequence[Diagnosis]) -> str:
    rules = [advice.rule.name for diagnosis in runs for advice in diagnosis.advice]
    if any(part in rule for rule in rules for part in NAMES[label]):
        return "a rule"
    kinds = {finding.kind for diagnosis in runs for finding in diagnosis.findings}
    return "a finding" if kinds & KINDS[label] else "nothing"


def _said(diagnosis: Diagnosis) -> str:
    return " ".join([diagnosis.verdict.value, *(f"{a.rule.id} {a.rule.name}" for a in diagnosis.advice)])


def described(reading: Reading) -> str:
    """One line on what was read."""
    roles = "; ".join(
        ", ".join(f"{role.value} {tag!r} {len(run.series[tag])}" for role, tag in run.roles.items() if role in JUDGED)
        for run in reading.runs
    )
    said = roles or "; ".join(problem.message for problem in reading.problems) or "no role"
    return f"{reading.seconds:6.2f} s  {reading.row.kind:<24} {said[:150]}  {reading.row.name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the misses and the sums; 1 where there is a miss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--verdicts", action="store_true", help="hold the verdicts against the labels, too")
    parser.add_argument("--all", action="store_true", help="a line for every file")
    args = parser.parse_args(arguments)
    rows = manifest(args.folder)
    readings = [examined(row) for row in rows]
    for reading in readings:
        if args.all or reading.misses:
            print(described(reading))
        for miss in reading.misses:
            print(f"    MISS {miss}")
        for incident in [incident for run in reading.runs for incident in run.incidents]:
            print(f"    counted: {incident.dropped} points, {incident.place}: {incident.message}: {reading.row.name}")
    _print_sums(readings)
    if args.verdicts:
        print("\n".join(verdicts(rows)))
    return int(any(reading.misses for reading in readings))


def _print_sums(readings: Sequence[Reading]) -> None:
    labelled = [reading for reading in readings if reading.row.labels]
    rated = [reading for reading in labelled if reading.row.has_lr == "y"]
    configured = [reading for reading in labelled if reading.row.has_lr == "config"]
    trained = sum(bool(_points(reading.runs, Role.TRAIN_LOSS)) for reading in labelled)
    only = sum(reading.only_validated for reading in labelled)
    print(f"training loss: {trained} of {len(labelled)} labelled files, and {only} that log only a validation loss")
    print(
        f"learning rate: {sum(bool(_points(reading.runs, Role.LR)) for reading in rated)} of {len(rated)} that log it"
    )
    told_rate = sum(any("learning_rate" in run.hparams for run in reading.runs) for reading in configured)
    print(f"learning rate as a hyperparameter: {told_rate} of {len(configured)} that have it in their configuration")
    rest = [reading for reading in readings if not reading.row.labels]
    print(f"a clear word: {sum(not reading.misses for reading in rest)} of {len(rest)} files without a curve")
    seconds = np.array([reading.seconds for reading in readings])
    slowest = max(readings, key=lambda reading: reading.seconds)
    print(
        f"seconds per file: median {np.median(seconds):.3f}, in all {seconds.sum():.1f}; slowest {described(slowest)}"
    )
    print(f"files with a miss: {sum(bool(reading.misses) for reading in readings)} of {len(readings)}")


if __name__ == "__main__":
    raise SystemExit(main())
