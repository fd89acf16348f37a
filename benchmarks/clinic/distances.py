"""Fit the trees of `lrdoctor.detectors.rate_distance` to the clinic's training tasks, and show how far off they are.

    python -m benchmarks.clinic distances [--out DIR] [--write]

The target is the middle of the peaks that reach within 5 % of the best when annealed, in decades from the run's own
peak, for runs whose regret is that of a fault. A prediction within the middle half of that range costs nothing. Runs on
spoiled data have no part, since it is not known which peaks are good for them. Each run is shown in the loggings of
`weigh`, which share one vote. The tasks of `HELD_OUT` are not looked at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from benchmarks.clinic import stages
from benchmarks.clinic.weigh import LEFT_OUT, Matrix, as_run, loggings
from lrdoctor.detectors import rate_distance
from lrdoctor.detectors._symptoms import PHRASES, symptoms
from lrdoctor.detectors.rate_odds import logged_as
from lrdoctor.model import Floats

FAULT = 0.08
"""Regret from which a run is faulty, as in `standing`."""
FARTHEST = 3.0
"""Decades: what lies farther is no matter of degree."""
FREE = 0.25
"""Half the width, as a share of the good range, within which a prediction costs nothing."""
ROUNDS, DEPTH, STEP, TRIED, LEAF = 100, 3, 0.1, 0.3, 0.01
"""Of boosting: 60 to 200 rounds and depths of 2 to 4 came out alike on tasks that were left out."""
WITHIN = 0.8
"""Share of the errors that the stated one covers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cases:
    """Every logging of every faulty run."""

    x: Matrix
    low: Floats
    """Decades to the lowest good peak."""
    high: Floats
    weight: Floats
    task: Matrix

    def only(self, chosen: Matrix) -> Cases:
        """Some of them."""
        return Cases(**{name: getattr(self, name)[chosen] for name in ("x", "low", "high", "weight", "task")})

    @property
    def middle(self) -> Floats:
        """Decades to the middle of the good peaks."""
        return (self.low + self.high) / 2


def gather(some: Sequence[stages.Cell], out: Path) -> dict[str, Cases]:
    """The cases of these cells, by kind of log."""
    rows: dict[str, list[tuple[list[float], float, float, float, str]]] = {}
    for cell in some:
        for name, truth, recorded in stages.truths(cell, out):
            regret, peak = float(str(truth["regret"])), float(str(truth["peak_lr"]))
            if str(truth["scenario"]).startswith(LEFT_OUT) or regret < FAULT:
                continue
            low, high = (np.log10(float(str(truth[side])) / peak) for side in ("good_low", "good_high"))
            seen = [found for run in loggings(as_run(name, recorded)) if (found := symptoms(run)) is not None]
            for found in seen:
                row = ([found[k] for k in PHRASES], low, high, 1 / len(seen), cell.task.name)
                rows.setdefault(logged_as(found), []).append(row)
    return {kind: _cases(told) for kind, told in sorted(rows.items())}


def _cases(rows: Sequence[tuple[list[float], float, float, float, str]]) -> Cases:
    x, low, high, weight, task = zip(*rows, strict=True)
    far = (-FARTHEST, FARTHEST)
    return Cases(
        x=np.array(x),
        low=np.clip(low, *far),
        high=np.clip(high, *far),
        weight=np.array(weight),
        task=np.array(task),
    )


def fit(cases: Cases) -> dict[str, object]:
    """Base and trees, as `rate_distance.decades` reads them."""
    middle = cases.middle
    free = FREE * (cases.high - cases.low)
    base = float(np.average(middle, weights=cases.weight))
    said = np.full(len(middle), base)
    trees: list[object] = []
    for n in range(ROUNDS):
        left = np.clip(middle - free - said, 0, None) + np.clip(middle + free - said, None, 0)
        tree = DecisionTreeRegressor(max_depth=DEPTH, max_features=TRIED, min_weight_fraction_leaf=LEAF, random_state=n)
        # No single run pulls by more than a decade at once.
        tree.fit(cases.x, left.clip(-1, 1), sample_weight=cases.weight)
        said += STEP * tree.predict(cases.x)
        trees.append(_nested(tree.tree_, 0))
    return {"base": round(base, 4), "trees": trees}


def _nested(tree: object, node: int) -> object:
    """A tree of scikit-learn as nested lists; thresholds in few digits."""
    t: dict[str, Matrix] = {
        n: getattr(tree, n)
        for n in ("children_left", "children_right", "feature", "threshold", "value", "missing_go_to_left")
    }
    if t["children_left"][node] < 0:
        return round(STEP * float(t["value"][node].item()), 4)
    return [
        int(t["feature"][node]),
        float(f"{t['threshold'][node]:.4g}"),
        int(t["missing_go_to_left"][node]),
        _nested(tree, int(t["children_left"][node])),
        _nested(tree, int(t["children_right"][node])),
    ]


def left_out(cases: Cases) -> Floats:
    """What is said of every case by trees that never saw its task."""
    said = np.zeros(len(cases.low))
    for task in np.unique(cases.task):
        mine = cases.task == task
        fitted = fit(cases.only(~mine))
        said[mine] = [rate_distance.decades(fitted, list(row)) for row in cases.x[mine]]
    return said


def off(said: Floats, cases: Cases) -> Floats:
    """Decades from what is said to the nearest good peak."""
    return np.maximum(0.0, np.maximum(cases.low - said, said - cases.high))


def main(argv: Sequence[str]) -> int:
    """Fit, print how far off the answers about tasks left out are, and with --write keep the trees."""
    parser = argparse.ArgumentParser(prog="clinic distances", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("clinic"))
    parser.add_argument("--write", action="store_true", help=f"replace {rate_distance.TREES.name}")
    chosen = parser.parse_args(argv)
    some = [
        c for c in stages.cells() if c.split == "train" and (chosen.out / "trained" / c.name / "remedies.npz").exists()
    ]
    kept = {}
    for kind, cases in gather(some, chosen.out).items():
        said = left_out(cases)
        error = np.abs(said - cases.middle)
        order = error.argsort()
        within = cases.weight[order].cumsum() / cases.weight.sum()
        fitted = fit(cases)
        kept[kind] = {"error": round(float(error[order][within.searchsorted(WITHIN)]), 3), **fitted}
        missed = off(said, cases)
        print(
            f"{kind}: {len(said)} loggings; of tasks left out "
            f"{np.average(missed == 0, weights=cases.weight):.0%} were good, "
            f"{np.average(missed, weights=cases.weight):.2f} decades off in the mean, "
            f"four in five within {kept[kind]['error']} of the middle",
            flush=True,
        )
    if chosen.write:
        lines = ",\n".join(f'"{kind}":{json.dumps(told, separators=(",", ":"))}' for kind, told in kept.items())
        rate_distance.TREES.write_text(f"{{{lines}}}\n", encoding="utf-8")
        print(f"written: {rate_distance.TREES.name}, {rate_distance.TREES.stat().st_size:,} bytes")
    return 0
