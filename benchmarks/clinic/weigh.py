"""Fit the weights of `lrdoctor.detectors.rate_odds` to the clinic's training tasks, and show how they do.

    python -m benchmarks.clinic weigh [--out DIR] [--write]

What is fitted: boosted stumps of scikit-learn (one threshold on one symptom each), so that the sum is a score card:
each symptom adds its own number, whatever the others are. Each run is shown in many loggings (every step or one in
five or twenty, raw or averaged, without validation, without the rate, without either, without gradient norms), which
share one vote; a log is weighed by the card for what it holds, with and without validation and rate. Runs between
healthy and faulty are left out; so are over-fitted ones and spoiled batches, since the rate is not what ails them.

How sure the sum is, is fitted apart: one temperature, on answers about tasks that had no part in the fit (each left out
in turn). The tasks of `HELD_OUT` are in neither.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.clinic import stages
from benchmarks.clinic.ensemble import Recorded
from benchmarks.clinic.standing import Direction, Standing, Truth, read_truth
from lrdoctor.detectors import rate_odds
from lrdoctor.detectors._symptoms import PHRASES, symptoms
from lrdoctor.model import Floats, Role, Run
from lrdoctor.testing import Points, logged, make_run

BINS = 20
"""Stretches that each symptom's range is cut into, with as many runs in each."""
WANTED: Sequence[tuple[Direction, str]] = (
    (Direction.RAISE, "too_low"),
    (Direction.LOWER, "too_high"),
    (Direction.ANNEAL, "unannealed"),
)
"""Which remedy belongs to which answer."""
LEFT_OUT = ("overfit", "bad_batch", "label_noise")
"""Scenarios whose trouble is not the rate."""
Matrix = np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cases:
    """Every logging of every run: symptoms, the right answer, the share of a vote, and the task."""

    x: Matrix
    y: Matrix
    weight: Floats
    task: Matrix
    run: Matrix

    def only(self, chosen: Matrix) -> Cases:
        """Some of them."""
        return Cases(**{name: getattr(self, name)[chosen] for name in ("x", "y", "weight", "task", "run")})


def as_run(name: str, recorded: Recorded) -> Run:
    """The training with every step logged."""
    steps = np.arange(len(recorded.loss))
    return make_run(
        train_loss=recorded.loss,
        val_loss=Points(recorded.val_steps, recorded.val_loss),
        lr=Points(steps, recorded.rates),
        grad_norm=recorded.grad_norm,
        name=name,
    )


def loggings(run: Run) -> Iterator[Run]:
    """The same training as other loggers would have told it."""
    points = len(run.series[run.roles[Role.TRAIN_LOSS]])
    for every, averaged in ((1, False), (2, True), (5, False), (5, True), (20, False), (20, True)):
        if points // every < 40:
            continue
        seen = logged(run, every=every, averaged=averaged)
        yield seen
        yield _without(seen, Role.VAL_LOSS)
        yield _without(seen, Role.GRAD_NORM)
        yield _without(seen, Role.VAL_LOSS, Role.GRAD_NORM)
        yield _without(seen, Role.LR)
        yield _without(seen, Role.LR, Role.VAL_LOSS)


def _without(run: Run, *roles: Role) -> Run:
    return replace(run, roles={role: tag for role, tag in run.roles.items() if role not in roles})


def answer(truth: Truth) -> str | None:
    """The right answer about a run: what helped most, `sound`, or None where it teaches nothing about the rate."""
    if truth.scenario.startswith(LEFT_OUT) or truth.standing is Standing.GREY:
        return None
    if truth.standing is Standing.HEALTHY:
        return "sound"
    gains = {said: truth.gains[direction] for direction, said in WANTED if direction in truth.helpful}
    return max(gains, key=lambda said: gains[said]) if gains else None


def gather(some: Sequence[stages.Cell], out: Path) -> Cases:
    """The cases of these cells."""
    rows: list[tuple[list[float], str, float, str, str]] = []
    for cell in some:
        truths = {t.run: t for t in read_truth(out / "steps" / cell.split)}
        for name, _, recorded in stages.truths(cell, out):
            right = answer(truths[name])
            if right is None:
                continue
            seen = [found for run in loggings(as_run(name, recorded)) if (found := symptoms(run)) is not None]
            rows += [([s[k] for k in PHRASES], right, 1 / len(seen), cell.task.name, name) for s in seen]
    x, y, weight, task, run = zip(*rows, strict=True)
    return Cases(x=np.array(x), y=np.array(y), weight=np.array(weight), task=np.array(task), run=np.array(run))


# ---------------------------------------------------------------------------------------------------------- fitting


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A fitted score card, before its temperature."""

    edges: list[Floats]
    model: HistGradientBoostingClassifier

    def scores(self, x: Matrix) -> Matrix:
        """Shape (cases, answers), in the order of `rate_odds.ANSWERS`."""
        raw = self.model.decision_function(binned(x, self.edges))
        return np.asarray(raw[:, [list(self.model.classes_).index(a) for a in rate_odds.ANSWERS]])


def binned(x: Matrix, edges: Sequence[Floats]) -> Matrix:
    """Each symptom as the number of its stretch; NaN stays NaN."""
    # A symptom that is unknown throughout, or the same, has no edges and no say.
    x = x[:, [len(e) > 0 for e in edges]]
    edges = [e for e in edges if len(e)]
    columns = [
        np.where(np.isnan(c), np.nan, np.searchsorted(e, c, side="right")) for c, e in zip(x.T, edges, strict=True)
    ]
    return np.stack(columns, 1)


def fit(cases: Cases) -> Fit:
    """The score card of these cases; every answer has the same weight in all."""
    edges = []
    for column in cases.x.T:
        known = column[np.isfinite(column)]
        cuts = np.quantile(known, np.arange(1, BINS) / BINS) if len(np.unique(known)) > 1 else np.empty(0)
        edges.append(np.unique([float(f"{c:.3g}") for c in cuts]))
    share = {a: cases.weight[cases.y == a].sum() for a in rate_odds.ANSWERS}
    # Soundness weighs as much as all faults together: that is the prior that the answers are given under.
    balance = {a: (3.0 if a == "sound" else 1.0) / s for a, s in share.items()}
    weight = cases.weight * np.array([balance[a] for a in cases.y])
    model = HistGradientBoostingClassifier(
        max_depth=1,
        max_iter=ROUNDS,
        learning_rate=0.1,
        max_features=0.3,
        min_samples_leaf=40,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
    )
    model.fit(binned(cases.x, edges), cases.y, sample_weight=weight / weight.mean())
    return Fit(edges=edges, model=model)


ROUNDS = 120
"""Of boosting: with 400, tasks that were left out came out worse; pairs of symptoms did not help either."""


def left_out_scores(cases: Cases) -> Matrix:
    """Scores of every case by a card that never saw its task."""
    scores = np.zeros((len(cases.y), len(rate_odds.ANSWERS)))
    for task in np.unique(cases.task):
        mine = cases.task == task
        scores[mine] = fit(cases.only(~mine)).scores(cases.x[mine])
    return scores


def temperature(scores: Matrix, cases: Cases) -> float:
    """By what the scores must be divided for their odds to be true on tasks that were not seen: least log loss."""
    right = np.array([rate_odds.ANSWERS.index(a) for a in cases.y])
    tried = np.geomspace(0.5, 5, 60)

    def loss(t: float) -> float:
        z = scores / t
        z = z - z.max(1, keepdims=True)
        logs = z - np.log(np.exp(z).sum(1, keepdims=True))
        return -float((cases.weight * logs[np.arange(len(right)), right]).sum())

    return float(f"{tried[int(np.argmin([loss(t) for t in tried]))]:.3g}")


def card(fitted: Fit, heat: float) -> dict[str, object]:
    """The score card as `rate_odds` reads it: additive, so each symptom's part is read off with all others unknown."""
    names = [name for name, edges in zip(PHRASES, fitted.edges, strict=True) if len(edges)]
    known = [edges for edges in fitted.edges if len(edges)]
    unknown = np.full((1, len(names)), np.nan)
    order = [list(fitted.model.classes_).index(a) for a in rate_odds.ANSWERS]
    base = fitted.model.decision_function(unknown)[0, order]
    table = {}
    for i, (name, edges) in enumerate(zip(names, known, strict=True)):
        rows = np.repeat(unknown, len(edges) + 1, 0)
        rows[:, i] = np.arange(len(rows))
        parts = fitted.model.decision_function(rows)[:, order] - base
        if np.abs(parts).max() > 0:
            table[name] = {
                "edges": [float(e) for e in edges],
                "points": [[round(float(p), 3) + 0.0 for p in part] for part in parts],
            }
    return {"temperature": heat, "base": [round(float(b), 3) for b in base], "symptoms": table}


def print_reliability(odds: Matrix, cases: Cases) -> None:
    """How often runs were faulty of which so much was said, weighed so that each run has one vote."""
    fault = 1 - odds[:, 0]
    for low, high in itertools.pairwise((0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 1.001)):
        there = (fault >= low) & (fault < high)
        if there.any():
            share = float(np.average(cases.y[there] != "sound", weights=cases.weight[there]))
            print(f"  said {low:.2f} to {min(high, 1):.2f}: faulty {share:.2f} of {there.sum()}")


# ------------------------------------------------------------------------------------------------------------ stage


def main(argv: Sequence[str]) -> int:
    """Fit, print what the answers about tasks left out are worth, and with --write keep the score card."""
    parser = argparse.ArgumentParser(prog="clinic weigh", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("clinic"))
    parser.add_argument("--write", action="store_true", help=f"replace {rate_odds.CARDS.name}")
    chosen = parser.parse_args(argv)
    some = [
        c for c in stages.cells() if c.split == "train" and (chosen.out / "trained" / c.name / "remedies.npz").exists()
    ]
    cases = gather(some, chosen.out)
    print(f"{len(np.unique(cases.run))} runs of {len(np.unique(cases.task))} tasks, {len(cases.y)} loggings")
    kinds = np.array([rate_odds.logged_as(dict(zip(PHRASES, row, strict=True))) for row in cases.x])
    cards = {}
    for kind in np.unique(kinds):
        mine = cases.only(kinds == kind)
        scores = left_out_scores(mine)
        heat = temperature(scores, mine)
        cards[str(kind)] = card(fit(mine), heat)
        print(f"\n{kind} (temperature {heat}), loggings of tasks that were left out:")
        print_reliability(rate_odds.softmax(scores / heat), mine)
    if chosen.write:
        lines = ",\n".join(f'"{kind}":{json.dumps(told, separators=(",", ":"))}' for kind, told in cards.items())
        rate_odds.CARDS.write_text(f"{{{lines}}}\n", encoding="utf-8")
        print(f"\nwritten: {rate_odds.CARDS.name}, {rate_odds.CARDS.stat().st_size:,} bytes")
    return 0
