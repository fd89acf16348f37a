"""The clinic's stages: sweep, patients with their remedies, truth and logs; each is kept on disk and never done twice.

    OUT/trained/TASK-OPTIMIZER/sweep.npz, patients.npz, remedies.csv     what was trained
    OUT/logs/{train,heldout}/RUN/metrics.csv, truth.csv                  what a user would have, and what is true of it
    OUT/steps/{train,heldout}/RUN/metrics.csv, truth.csv                 the same runs with every step logged

Truth is counterfactual: a run is as good as what the same net could have reached with as many steps, and a remedy is
worth what the same run, from the same seed, gained by it. `regret` is the share of the whole way down that was missed:
(final − best known) / (first − best known), in the validation loss.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.clinic.ensemble import Member, Recorded, train
from benchmarks.clinic.patients import Patient, Regimen, patients, remedies
from benchmarks.clinic.tasks import HELD_OUT, TASKS, Task
from lrdoctor.model import Floats

GRID = np.arange(-5, 6) / 2
"""Rates of the sweep, in decades around the task's own guess."""
GOOD = 0.05
"""A peak rate is good where an annealed run misses at most 5 % of the way to the best known loss."""
LOGGING = ((1, False), (2, False), (5, False), (5, True), (2, True))
"""How a run may have been logged: once in so many steps, and whether as the mean over them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One task under one optimizer: the smallest unit of work."""

    task: Task
    optimizer: str
    steps: int

    @property
    def name(self) -> str:
        """The folder's name."""
        return f"{self.task.name}-{self.optimizer}"

    @property
    def split(self) -> str:
        """train or heldout."""
        return "heldout" if self.task.name in HELD_OUT else "train"

    @property
    def seed(self) -> int:
        """The same in every run of the bench."""
        return sum(self.name.encode()) % 1000


def cells(only: str = "", shrink: float = 1.0) -> list[Cell]:
    """Every task under each of its optimizers; `shrink` shortens every training to this share."""
    return [
        Cell(task=task, optimizer=optimizer, steps=round(task.steps * shrink))
        for task in TASKS.values()
        for optimizer in task.rates
        if only in f"{task.name}-{optimizer}"
    ]


# ----------------------------------------------------------------------------------------------------------- training


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """What each peak rate reached: constant, linear to zero, and warmed up and annealed by a cosine (mean of two)."""

    rates: Floats
    constant: Floats
    linear: Floats
    annealed: Floats
    first: float
    """Loss of the untrained net: the median over the seeds."""

    @property
    def best_rate(self) -> float:
        """The peak rate of the best annealed run."""
        return float(self.rates[np.nanargmin(self.annealed)])

    @property
    def best(self) -> float:
        """The best loss that an annealed run reached."""
        return float(min(np.nanmin(self.annealed), np.nanmin(self.linear)))


def sweep(cell: Cell, out: Path) -> Sweep:
    """The sweep of this cell: read if it is there, trained if not."""
    file = out / "trained" / cell.name / "sweep.npz"
    if not file.exists():
        grid = cell.task.rates[cell.optimizer] * 10**GRID
        settings = [Regimen(peak=r) for r in grid] + [Regimen(peak=r, law="linear") for r in grid]
        settings += [Regimen(peak=r, law="cosine", warmup=0.08) for r in grid for _ in range(2)]
        members = [s.member(cell.steps, cell.seed * 100 + n % 2) for n, s in enumerate(settings)]
        found = train(cell.task, cell.optimizer, members)
        final = np.array([f.final if np.isfinite(f.final) else np.inf for f in found])
        n = len(grid)
        _keep(
            file,
            rates=grid,
            constant=final[:n],
            linear=final[n : 2 * n],
            annealed=final[2 * n :].reshape(n, 2).mean(1),
            first=np.median([f.val_loss[0] for f in found]),
        )
    held = np.load(file)
    return Sweep(first=float(held["first"]), **{k: held[k] for k in ("rates", "constant", "linear", "annealed")})


SERIES = ("rates", "loss", "grad_norm", "val_steps", "val_loss", "val_accuracy")


def examine(cell: Cell, out: Path) -> tuple[list[Patient], list[Recorded], list[list[tuple[str, float]]]]:
    """The patients of this cell, what they logged, and what each remedy reached: read if there, trained if not."""
    found = sweep(cell, out)
    folder = out / "trained" / cell.name
    sick = patients(found.best_rate, seed=cell.seed)
    if not (folder / "patients.npz").exists():
        runs = train(cell.task, cell.optimizer, [p.regimen.member(cell.steps, p.seed) for p in sick])
        _keep(folder / "patients.npz", **{name: np.stack([getattr(r, name) for r in runs]) for name in SERIES})
    held = np.load(folder / "patients.npz")
    runs = [Recorded(**{name: held[name][i].astype(_kind(name)) for name in SERIES}) for i in range(len(sick))]
    sound = [r for p, r in zip(sick, runs, strict=True) if p.scenario.startswith("healthy")]
    clip = float(np.median([np.nanmedian(r.grad_norm[: max(1, cell.steps // 5)]) for r in sound]))
    tried = [(i, name, regimen) for i, p in enumerate(sick) for name, regimen in remedies(p, clip)]
    if not (folder / "remedies.npz").exists():
        members: Sequence[Member] = [regimen.member(cell.steps, sick[i].seed) for i, _, regimen in tried]
        _keep(folder / "remedies.npz", final=np.array([r.final for r in train(cell.task, cell.optimizer, members)]))
    final = np.load(folder / "remedies.npz")["final"]
    reached: list[list[tuple[str, float]]] = [[] for _ in sick]
    for (i, name, _), value in zip(tried, final, strict=True):
        reached[i].append((name, float(value)))
    return sick, runs, reached


def _kind(name: str) -> type:
    return np.int64 if name == "val_steps" else np.float64


def _keep(file: Path, **arrays: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part.npz")
    with part.open("wb") as stream:
        np.savez_compressed(stream, **{k: _small(np.asarray(v)) for k, v in arrays.items()})  # type: ignore[arg-type]
    os.replace(part, file)  # noqa: PTH105 (whole or not at all)


def _small(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float64 and array.ndim > 1 else array


# -------------------------------------------------------------------------------------------------------------- truth


def truths(cell: Cell, out: Path) -> Iterator[tuple[str, dict[str, object], Recorded]]:
    """Name, row of truth.csv and log of every patient of this cell."""
    found = sweep(cell, out)
    base = cell.task.floor
    sick, runs, reached = examine(cell, out)
    lowest = np.fmin(found.annealed, found.linear)
    good = found.rates[lowest - found.best <= GOOD * (found.first - found.best)]
    for patient, run, tries in zip(sick, runs, reached, strict=True):
        first = found.first - base
        final = run.final - base
        own = patient.regimen
        # Spoiled data change what can be reached; then only runs on the same data count.
        spoiled = own.noisy_labels or own.few_examples
        known = [value - base for _, value in tries if np.isfinite(value)]
        star = min(v for v in (final, *known) if np.isfinite(v)) if spoiled else found.best - base
        regret = (final - star) / (first - star)
        gains = dict.fromkeys(("lower", "raise", "decay", "warmup", "clip"), 0.0)
        for name, value in tries:
            gain = (final - (value - base)) / (first - star) if np.isfinite(value) else -np.inf
            if not np.isfinite(final) and np.isfinite(value):
                gain = (first - (value - base)) / (first - star)
            gains[name] = max(gains[name], gain)
        every, averaged = LOGGING[patient.seed % len(LOGGING)]
        yield (
            f"{cell.name}-{patient.scenario}",
            {
                "run": f"{cell.name}-{patient.scenario}",
                "format": "csv-averaged" if averaged else "csv",
                "log_every": every,
                "scenario": patient.scenario,
                "task": cell.task.name,
                "optimizer": cell.optimizer,
                "peak_lr": float(run.rates.max()),
                "schedule": own.law,
                "warmup_frac": own.warmup,
                "clip": "" if np.isinf(own.clip) else own.clip,
                "steps": cell.steps,
                "factor": patient.factor,
                "floor": base,
                "first": first,
                "final": final,
                "own_best": float(np.nanmin(run.val_loss)) - base,
                "star": star,
                "regret": regret,
                **{f"gain_{name}": value for name, value in gains.items()},
                "good_low": float(good.min()),
                "good_high": float(good.max()),
            },
            run,
        )


# --------------------------------------------------------------------------------------------------------------- logs


def write_logs(some: Sequence[Cell], out: Path) -> None:
    """The logs and the truth of these cells, and of no others, below `OUT/logs` and `OUT/steps`."""
    rows: dict[Path, list[Mapping[str, object]]] = {}
    for cell in some:
        for name, row, run in truths(cell, out):
            every, averaged = int(str(row["log_every"])), row["format"] == "csv-averaged"
            write_run(out / "logs" / cell.split / name / "metrics.csv", run, every=every, averaged=averaged)
            write_run(out / "steps" / cell.split / name / "metrics.csv", run, every=1, averaged=False)
            for kind in ("logs", "steps"):
                rows.setdefault(out / kind / cell.split, []).append(row)
    for folder, told in rows.items():
        with (folder / "truth.csv").open("w", newline="") as stream:
            table = csv.DictWriter(stream, list(told[0]))
            table.writeheader()
            table.writerows(told)


def write_run(file: Path, run: Recorded, *, every: int, averaged: bool) -> None:
    """One run as a sparse table, as Lightning's CSVLogger writes it: a row per step at which anything was logged."""
    file.parent.mkdir(parents=True, exist_ok=True)
    steps = np.arange(len(run.loss))
    kept = steps[every - 1 :: every] if averaged else steps[::every]
    loss, norm = run.loss[kept], run.grad_norm[kept]
    if averaged:
        loss, norm = (s[: len(kept) * every].reshape(-1, every).mean(1) for s in (run.loss, run.grad_norm))
    trained = {int(s): (f"{a:.6g}", f"{b:.6g}") for s, a, b in zip(kept, loss, norm, strict=True)}
    judged = {
        int(s): (f"{a:.6g}", "" if np.isnan(b) and np.isfinite(a) else f"{b:.6g}")
        for s, a, b in zip(run.val_steps, run.val_loss, run.val_accuracy, strict=True)
    }
    with file.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["step", "train_loss", "lr", "grad_norm", "val_loss", "val_metric"])
        for step in sorted(trained.keys() | judged.keys()):
            a, b = trained.get(step, ("", ""))
            table.writerow([step, a, f"{run.rates[step]:.8g}", b, *judged.get(step, ("", ""))])
