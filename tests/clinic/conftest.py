"""Folders of logs with a truth table, written by hand: no training, no network, no rival installed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from lrdoctor.model import Role, Run

# Benchmarks aren't part of the package, so nothing else leads to them.
sys.path.append(str(Path(__file__).parents[2]))

SOUND = {
    "scenario": "healthy_cosine",
    "peak_lr": 0.1,
    "steps": 2000,
    "first": 2.3,
    "final": 0.31,
    "own_best": 0.30,
    "star": 0.3,
    "regret": 0.005,
    "gain_lower": 0.0,
    "gain_raise": 0.0,
    "gain_decay": 0.0,
    "gain_warmup": 0.0,
    "gain_clip": 0.0,
    "good_low": 0.03,
    "good_high": 0.3,
    "steps_run": 2000,
    "n": 2000,
}
"""The row of a healthy training."""
COLUMNS = {
    Role.TRAIN_LOSS: "train_loss",
    Role.LR: "lr",
    Role.GRAD_NORM: "grad_norm",
    Role.VAL_LOSS: "val_loss",
}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Mapping[str, Mapping[str, object]], Mapping[str, Run]], Path]:
    """Writes a folder: for each name, what its row has other than `SOUND`, and the logs of those that have one."""

    def write(rows: Mapping[str, Mapping[str, object]], runs: Mapping[str, Run]) -> Path:
        with (tmp_path / "truth.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["run", *SOUND])
            writer.writeheader()
            writer.writerows({**SOUND, **changed, "run": name} for name, changed in rows.items())
        for name, run in runs.items():
            (tmp_path / name).mkdir()
            _write_log(run, tmp_path / name / "metrics.csv")
        return tmp_path

    return write


def _write_log(run: Run, path: Path) -> None:
    cells: dict[int, dict[str, object]] = {}
    for role, column in COLUMNS.items():
        series = run[role]
        if series is None:
            continue
        for step, value in zip(series.steps, series.values, strict=True):
            cells.setdefault(int(step), {"step": int(step)})[column] = np.format_float_positional(value, 6)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["step", *COLUMNS.values()])
        writer.writeheader()
        writer.writerows(cells[step] for step in sorted(cells))
