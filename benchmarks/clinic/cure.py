"""The closed loop: every patient is diagnosed, trained again with exactly what was prescribed, and measured again.

    python -m benchmarks.clinic cure [--out DIR] [--split heldout] [--only NAME] [--rounds 2] [--markdown]

Those who give advice:

- lrdoctor: the prescription for the log alone, as a user has it; a run that is given none is left as it is. In the
  second round the logs of both trainings are analysed together, and the best so far is improved upon;
- lrdoctor beside siblings: the same, with the logs of the patient's cell in the same folder: other rates and schedules,
  spoiled data among them, as a sweep leaves them;
- a third: the peak rate divided by three, whatever the run looks like;
- at random: a configuration from the space below;
- search: optuna's tree-structured Parzen estimator in the same space, told of the patient's own configuration and
  result, as a user would tell it, and of its own trials.

The space: a peak within two decades of the patient's own, log-uniform; constant, cosine, linear or warm-up, stable,
decay; a warm-up of none, 2, 5 or 10 %; gradients clipped at norm 1 or not.

What is counted: the regret (see `stages`), at most 1, for a training that missed the whole way missed everything. Every
trial has the patient's seed and its data, spoiled ones included, and as many steps. A patient improves when its regret
falls by more than `NOISE`. After one round the new training counts, be it better or worse; after more, the best of all
trainings, the patient's own included, since that is what a user keeps. Answers of the baselines and the search are kept
in OUT/cured; lrdoctor is asked anew each time.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.clinic import stages
from benchmarks.clinic.ensemble import Member, Recorded, train
from benchmarks.clinic.patients import Patient, Regimen
from benchmarks.clinic.printed import share, table
from benchmarks.clinic.standing import Standing, Truth, read_truth
from lrdoctor.config import Config
from lrdoctor.doctor import analyze
from lrdoctor.model import Diagnosis, Prescription
from lrdoctor.prescribe.code import planned
from lrdoctor.schedules._plan import rates

NOISE = 0.01
"""Of the way down: two seeds of one configuration differ by about so much."""
WORSE = 0.03
"""The regret up to which a training counts as healthy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One training of a patient: its log, and the regret that it ended with."""

    run: Recorded
    regret: float
    setting: Mapping[str, float | str]
    """What a search needs to know of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A patient with its truth and its log."""

    patient: Patient
    truth: Truth
    own: Trial
    every: int
    averaged: bool
    others: tuple[Path, ...]
    """Logs of the other patients of its cell."""


Next = tuple[Member, Mapping[str, float | str]]
"""A training, and what a search needs to know of it."""
Advisor = Callable[[Case, Sequence[Trial], int], Next | None]
"""The next training of a case after these trials, of which the first is the patient's own; None to leave it."""


def regret(final: float, truth: Truth) -> float:
    """Share of the way to the best known loss that was missed, at most 1."""
    missed = (final - truth.floor - truth.best_known) / (truth.first - truth.best_known)
    return min(missed, 1.0) if math.isfinite(missed) else 1.0


# -------------------------------------------------------------------------------------------------------------- advice


def by_lrdoctor(case: Case, trials: Sequence[Trial], steps: int, others: Sequence[Path] = ()) -> Next | None:
    """What `lrdoctor analyze` prescribes for the best of these trainings."""
    best = min(range(len(trials)), key=lambda i: trials[i].regret)
    prescription = _examined(case, trials, others)[best].prescription
    if prescription is None or prescription.peak_lr is None:
        return None
    return prescribed(case.patient, prescription, steps), {"peak": prescription.peak_lr}


def beside_siblings(case: Case, trials: Sequence[Trial], steps: int) -> Next | None:
    """The same where the other logs of the cell lie in the same folder."""
    return by_lrdoctor(case, trials, steps, case.others)


def _examined(case: Case, trials: Sequence[Trial], others: Sequence[Path]) -> list[Diagnosis]:
    """One diagnosis for each training, of logs in one folder, written as the patient's own was."""
    # Named after the patient, as a user would name another try of it: a run's name is all that tells its siblings here.
    names = [case.truth.run + (f"-again{i}" if i else "") for i in range(len(trials))]
    with tempfile.TemporaryDirectory() as folder:
        for name, trial in zip(names, trials, strict=True):
            log = Path(folder) / name / "metrics.csv"
            stages.write_run(log, trial.run, every=case.every, averaged=case.averaged)
        for other in others:
            shutil.copytree(other, Path(folder) / other.name)
        found = {d.run.path.parent.name: d for d in analyze(folder, config=Config()).runs}
    return [found[name] for name in names]


def prescribed(patient: Patient, prescription: Prescription, steps: int) -> Member:
    """The patient's training under this prescription: its rates and its clipping, and all else as it was."""
    plan = planned(prescription)
    assert plan is not None
    # A log that ends between two of its points plans a few steps less than there are.
    clock = np.minimum(np.arange(steps) + (1 if plan.warmup.steps else 0), plan.total_steps)
    member = patient.regimen.member(steps, patient.seed)
    clip = prescription.clip_grad_norm
    return replace(member, rates=rates(plan, clock), clip=member.clip if clip is None else clip)


def by_a_third(case: Case, trials: Sequence[Trial], steps: int) -> Next:
    """A third of the rate, again and again."""
    peak = case.patient.regimen.peak / 3 ** len(trials)
    return replace(case.patient.regimen, peak=peak).member(steps, case.patient.seed), {"peak": peak}


WARMUPS = (0.0, 0.02, 0.05, 0.1)
LAWS: Mapping[str, Mapping[str, float]] = {
    "constant": {},
    "cosine": {},
    "linear": {},
    "warmup_stable_decay": {"stable_steps": 0.7, "decay_steps": 0.3},
}
CLIPS = (math.inf, 1.0)
DECADES = 2.0


def drawn(patient: Patient, setting: Mapping[str, float | str], steps: int) -> Member:
    """The patient's training under one setting of the space."""
    own = patient.regimen
    law = str(setting["law"])
    regimen = Regimen(
        peak=own.peak * 10 ** float(setting["decades"]),
        law=law,
        params=LAWS[law],
        warmup=float(setting["warmup"]),
        clip=float(setting["clip"]),
        bad_batches_at=own.bad_batches_at,
        noisy_labels=own.noisy_labels,
        few_examples=own.few_examples,
        resumed_at=own.resumed_at,
    )
    return regimen.member(steps, patient.seed)


def _seed(case: Case, trials: Sequence[Trial]) -> int:
    return int(hashlib.sha256(f"{case.truth.run} {len(trials)}".encode()).hexdigest()[:8], 16)


def at_random(case: Case, trials: Sequence[Trial], steps: int) -> Next:
    """A configuration from the space."""
    rng = np.random.default_rng(_seed(case, trials))
    setting: dict[str, float | str] = {
        "decades": float(rng.uniform(-DECADES, DECADES)),
        "law": str(rng.choice(list(LAWS))),
        "warmup": float(rng.choice(WARMUPS)),
        "clip": float(rng.choice(CLIPS)),
    }
    return drawn(case.patient, setting, steps), setting


def by_search(case: Case, trials: Sequence[Trial], steps: int) -> Next:
    """What optuna's default sampler suggests after these trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {
        "decades": optuna.distributions.FloatDistribution(-DECADES, DECADES),
        "law": optuna.distributions.CategoricalDistribution(list(LAWS)),
        "warmup": optuna.distributions.CategoricalDistribution(WARMUPS),
        "clip": optuna.distributions.CategoricalDistribution(CLIPS),
    }
    # With its usual ten random trials before it begins to think, it would be the random search.
    sampler = optuna.samplers.TPESampler(seed=_seed(case, trials), n_startup_trials=1)
    study = optuna.create_study(sampler=sampler)
    for trial in trials:
        study.add_trial(optuna.trial.create_trial(params=dict(trial.setting), distributions=space, value=trial.regret))
    setting = study.ask(space).params
    return drawn(case.patient, setting, steps), setting


def own_setting(patient: Patient) -> Mapping[str, float | str]:
    """The nearest setting of the space to what the patient was trained with."""
    regimen = patient.regimen
    return {
        "decades": 0.0,
        "law": regimen.law if regimen.law in LAWS else ("constant" if "cycl" in regimen.law else "cosine"),
        "warmup": min(WARMUPS, key=lambda w: abs(w - regimen.warmup)),
        "clip": math.inf,
    }


OURS, BESIDE = "lrdoctor", "lrdoctor beside siblings"
ONCE = ("a third of the rate", "at random")
"""Baselines that learn nothing from a trial, so that a second round of them says nothing."""
ADVISORS: Mapping[str, Advisor] = {
    OURS: by_lrdoctor,
    BESIDE: beside_siblings,
    "a third of the rate": by_a_third,
    "at random": at_random,
    "optuna": by_search,
}


# ---------------------------------------------------------------------------------------------------------------- loop


def cases(cell: stages.Cell, out: Path) -> list[Case]:
    """Every patient of this cell that is plainly healthy or faulty."""
    folder = out / "logs" / cell.split
    truths = {t.run: t for t in read_truth(folder)}
    with (folder / "truth.csv").open(newline="") as file:
        logged = {row["run"]: (int(row["log_every"]), row["format"] == "csv-averaged") for row in csv.DictReader(file)}
    sick, runs, _ = stages.examine(cell, out)
    found = []
    for patient, run in zip(sick, runs, strict=True):
        name = f"{cell.name}-{patient.scenario}"
        if truths[name].standing is Standing.GREY:
            continue
        own = Trial(run=run, regret=regret(run.final, truths[name]), setting=own_setting(patient))
        every, averaged = logged[name]
        others = tuple(folder / f"{cell.name}-{p.scenario}" for p in sick if p is not patient)
        found.append(Case(patient=patient, truth=truths[name], own=own, every=every, averaged=averaged, others=others))
    return found


def treated(cell: stages.Cell, advisor: Advisor, some: Sequence[Case], rounds: int) -> list[list[Trial]]:
    """The trainings of each case, the patient's own first; shorter where the advisor left it as it was."""
    trials = [[case.own] for case in some]
    for past in range(rounds):
        asked = [
            (i, next_one)
            for i, case in enumerate(some)
            if len(trials[i]) == 1 + past and (next_one := advisor(case, trials[i], cell.steps)) is not None
        ]
        runs = train(cell.task, cell.optimizer, [member for _, (member, _) in asked])
        for (i, (_, setting)), run in zip(asked, runs, strict=True):
            trials[i].append(Trial(run=run, regret=regret(run.final, some[i].truth), setting=setting))
    return trials


def regrets(cell: stages.Cell, name: str, some: Sequence[Case], rounds: int, out: Path) -> list[list[float]]:
    """What each case's trainings ended with, its own first."""
    file = out / "cured" / f"{cell.name} {name} {rounds}.json"
    if name not in (OURS, BESIDE) and file.exists():
        kept: list[list[float]] = json.loads(file.read_text())
        return kept
    found = [[t.regret for t in trials] for trials in treated(cell, ADVISORS[name], some, rounds)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))
    return found


# ------------------------------------------------------------------------------------------------------------- printed


def line(name: str, some: Sequence[Case], after: Sequence[float]) -> list[str]:
    """One line of the table: faulty trainings improved, regret lost, healthy trainings made worse."""
    before = [case.own.regret for case in some]
    faulty = [i for i, case in enumerate(some) if case.truth.standing.is_fault]
    healthy = [i for i, case in enumerate(some) if case.truth.standing is Standing.HEALTHY]
    lost = sorted((before[i] - after[i]) / before[i] for i in faulty) or [math.nan]
    worse = sum(after[i] - before[i] > WORSE for i in healthy)
    return [
        name,
        share(sum(before[i] - after[i] > NOISE for i in faulty), len(faulty)),
        share(sum(after[i] - before[i] > NOISE for i in faulty), len(faulty)),
        f"{median(lost):.1%}",
        f"{lost[len(lost) // 4]:.1%}",
        f"{median(after[i] for i in faulty):.3f}",
        share(worse, len(healthy)),
    ]


HEADER = [
    "",
    "improved",
    "made worse",
    "median regret lost",
    "lower quartile",
    "median regret after",
    "healthy made worse",
]


def _treat(out: Path, rounds: int, named: tuple[str, str]) -> tuple[list[Case], list[list[float]]]:
    import torch

    torch.set_num_threads(1)
    name, advisor = named
    (cell,) = [c for c in stages.cells(name) if c.name == name]
    some = cases(cell, out)
    return some, regrets(cell, advisor, some, rounds, out)


def main(argv: Sequence[str]) -> int:
    """Treat every patient as each advisor says, and print how they fare."""
    parser = argparse.ArgumentParser(
        prog="clinic cure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("clinic"))
    parser.add_argument("--split", choices=["train", "heldout"], default="heldout")
    parser.add_argument("--only", default="", help="cells whose name contains this")
    parser.add_argument("--advisor", action="append", choices=list(ADVISORS), help="may be repeated; default: all")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--markdown", action="store_true")
    chosen = parser.parse_args(argv)
    some = [c.name for c in stages.cells(chosen.only) if c.split == chosen.split]
    some = [name for name in some if (chosen.out / "trained" / name / "remedies.npz").exists()]
    rows: dict[int, list[list[str]]] = {}
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for advisor in chosen.advisor or ADVISORS:
            most = 1 if advisor in ONCE else chosen.rounds
            told = list(pool.map(partial(_treat, chosen.out, most), [(name, advisor) for name in some]))
            sick = [case for there, _ in told for case in there]
            ended = [trials for _, there in told for trials in there]
            if not rows:
                rows = {
                    n: [line("left as it is", sick, [case.own.regret for case in sick])]
                    for n in range(1, chosen.rounds + 1)
                }
            for n, lines in rows.items():
                if n > most:
                    continue
                after = [trials[min(1, len(trials) - 1)] if n == 1 else min(trials[: n + 1]) for trials in ended]
                lines.append(line(advisor, sick, after))
                if advisor in (OURS, BESIDE):
                    treated = [i for i, trials in enumerate(ended) if len(trials) > 1]
                    lines.append(
                        line("of it, those it treats", [sick[i] for i in treated], [after[i] for i in treated])
                    )
    for n, lines in rows.items():
        print(
            table(
                f"{chosen.split}: after {n} {'round' if n == 1 else 'rounds'}", HEADER, lines, markdown=chosen.markdown
            )
        )
    return 0
