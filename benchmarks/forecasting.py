"""How well the end of a training is foretold from its log: other schedules, runs in progress, when it keeps silent.

    python -m benchmarks.forecasting CURVES.jsonl [--seed 0] [--folder DIR ...]

The file holds one training a line, a JSON object with `config` (its hyperparameters; `lr` is the peak, `iterations`
the length, `scheduler` cos or wsd), `val_iter`, `val_loss`, `train_iter`, `train_loss` and `train_lr`, as the logs of
github.com/fabian-sp/lr-scheduling hold them. A log that begins in mid-run is a cooldown and goes on from the longest
constant run of the same model and peak. Trainings of one model, data set and peak rate are a group; priors and bands
are calibrated on one half of the groups and all tables are made from the other. `--folder` names logs of other
trainings, of which it is printed how often the forecast keeps silent and why.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from lrdoctor.doctor import read
from lrdoctor.identify import identified
from lrdoctor.model import Expected, Floats, Role, Run, Series
from lrdoctor.prescribe._evidence import warmup_of, window_start
from lrdoctor.prescribe._law import Course, Points, Priors, bin_points, course, grid, laws
from lrdoctor.prescribe._law_fit import fit
from lrdoctor.prescribe._priors_of_law import BENDING_RATES, FLOOR_POWER, RATE_AWARE, expectations
from lrdoctor.prescribe.forecast import BAND, Choice, Forecast, Silence, best_schedule, forecast
from lrdoctor.roles import RoleNames
from lrdoctor.testing import Points as Logged
from lrdoctor.testing import make_run

PARTS = (0.25, 0.5, 0.7, 0.85, 0.95)
"""Of a run, after which its end is foretold."""
TOLD = ("optimizer", "model", "n_layer", "n_head", "n_embd", "dataset", "sequence_length", "batch_size")
"""Of the configuration, what a log has beside it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """One curve with all that precedes it."""

    kind: str
    """cosine, wsd or constant."""
    run: Run
    rates: Floats
    """Of every step up to the last evaluation."""
    end: float
    """Loss of that evaluation."""
    steps: int
    """Length of the training."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Trainings of one model at one peak."""

    peak: float
    trainings: tuple[Training, ...]


def load(path: Path) -> list[Group]:
    """Every group of at least two trainings that did not diverge, largest first."""
    by_group = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        told = row["config"]
        names = ("model", "n_layer", "n_head", "n_embd", "dataset", "batch_size", "acc_steps", "world_size", "lr")
        if row["val_loss"][-1] < row["val_loss"][0]:
            by_group[tuple(told[name] for name in names)].append(row)
    groups = [Group(peak=key[-1], trainings=tuple(_trainings(rows))) for key, rows in by_group.items()]
    return sorted((g for g in groups if len(g.trainings) > 1), key=lambda g: -len(g.trainings))


def _trainings(rows: Sequence[Mapping[str, Any]]) -> Iterator[Training]:
    whole = [row for row in rows if row["val_iter"][0] == 0]
    flat = [row for row in whole if _kind(row) == "constant"]
    trunk = max(flat, key=lambda row: int(row["config"]["iterations"]), default=None)
    for row in rows:
        before = None if row in whole else trunk
        if row in whole or (before is not None and before["val_iter"][-1] >= row["val_iter"][0] - 400):
            yield _training(row, before)


def _kind(row: Mapping[str, Any]) -> str:
    rates = np.array(row["train_lr"])
    # The last value is that of the step after the last.
    if rates[-2] > 0.9 * rates.max():
        return "constant"
    return "cosine" if row["config"]["scheduler"] == "cos" else "wsd"


def _training(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> Training:
    def joined(steps: str, values: str) -> Logged:
        at, seen = np.array(row[steps], dtype=np.int64), np.array(row[values], dtype=np.float64)
        if before is not None:
            earlier = np.array(before[steps]) < at[0]
            at = np.append(np.array(before[steps])[earlier], at)
            seen = np.append(np.array(before[values])[earlier], seen)
        return Logged(at, seen)

    val, train, rate = (
        joined("val_iter", "val_loss"),
        joined("train_iter", "train_loss"),
        joined("train_iter", "train_lr"),
    )
    if rate.values[-1] < 0.5 * rate.values[-2]:
        rate = Logged(rate.steps[:-1], rate.values[:-1])
    told = {**row["config"], "optimizer": row["config"]["opt"]}
    hparams = {name: told[name] for name in TOLD}
    if _kind(row) == "constant":
        hparams["scheduler"] = "constant"
    return Training(
        kind=_kind(row),
        run=make_run(train_loss=train, val_loss=val, lr=rate, hparams=hparams),
        rates=np.interp(np.arange(val.steps[-1] + 1), rate.steps, rate.values),
        end=float(val.values[-1]),
        steps=int(told["iterations"]),
    )


# -------------------------------------------------------------------------------------------------------- calibration


def halves(groups: Sequence[Group], seed: int) -> tuple[list[Group], list[Group]]:
    """Two halves, by lot between each two groups of like size."""
    rng = np.random.default_rng(seed)
    first: list[Group] = []
    second: list[Group] = []
    for i in range(0, len(groups), 2):
        pair = list(groups[i : i + 2])
        if rng.random() < 0.5:
            pair.reverse()
        for half, group in zip((first, second), pair, strict=False):
            half.append(group)
    return first, second


def calibrated(groups: Sequence[Group]) -> Priors:
    """Priors from joint fits to all trainings of each group: median and robust deviation of their logarithms.

    A group of one kind of schedule does not tell the floor from the rest; its fit leans on the shipped priors, weakly.
    """
    fitted = np.array([_joint(group) for group in groups])
    alpha, floor, tau = fitted.T
    floor = floor - FLOOR_POWER * np.log(np.array([g.peak for g in groups]) / 1e-3)

    def deviation(values: Floats) -> float:
        return max(1.4826 * float(np.median(np.abs(values - np.median(values)))), 0.1)

    return replace(
        RATE_AWARE,
        alpha=float(np.exp(np.median(alpha))),
        alpha_sd=deviation(alpha),
        floor=float(np.exp(np.median(floor))),
        floor_sd=deviation(floor),
        tau=float(np.exp(np.median(tau))),
        tau_sd=max(deviation(tau), 0.5),
    )


def _joint(group: Group) -> tuple[float, float, float]:
    """Logarithms of α, C over the loss and τ of one law for all trainings, at the middle bend."""
    bends, seen = np.array([group.peak / BENDING_RATES[1]]), [_seen(t.run) for t in group.trainings]
    reference = np.array([[median(float(c.clock[-1]) for c, _ in seen)]])
    end = median(t.end for t in group.trainings)
    weak = np.array([math.log(0.5), math.log(0.073 * end) + FLOOR_POWER * math.log(group.peak / 1e-3), math.log(60.0)])
    spread = np.array([0.3, 0.6, 1.2])

    def misfits(theta: Floats) -> Floats:
        each = [
            (laws(theta[None], c, bends, p.steps, reference)[0][0] - p.values)
            / (0.001 * end * math.sqrt(len(p.values)))
            for c, p in seen
        ]
        return np.concatenate([*each, (theta[2:5] - weak) / spread])

    start = np.array([0.9 * end, math.log(0.1 * end), *weak, math.log(0.6)])
    found = least_squares(misfits, start, loss="soft_l1").x
    return float(found[2]), float(found[3] - math.log(end)), float(found[4])


def _seen(run: Run) -> tuple[Course, Points]:
    rate, val, span = run[Role.LR], run[Role.VAL_LOSS], run.span
    assert rate is not None
    assert val is not None
    assert span is not None
    steps = grid(span.last)
    own = course(steps, np.interp(steps, rate.steps, rate.values), float(rate.values.max()))
    return own, bin_points(val.steps, val.values, window_start(warmup_of(rate, identified(rate)), span.last))


# -------------------------------------------------------------------------------------------------------------- pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A training foretold from another one of its group."""

    group: int
    origin: int
    kind: str
    """Of the one that was logged."""
    same_length: bool
    own: float
    """End of the logged one."""
    own_expected: float
    expected: Expected | None
    """None for silence."""
    truth: float


def pairs(groups: Sequence[Group], priors: Priors, band: float, *, train: bool = False) -> Iterator[Pair]:
    """All pairs of one group; with `train`, foretold from the training loss alone."""
    for g, group in enumerate(groups):
        for i, origin in enumerate(group.trainings):
            run = _without(origin.run, Role.VAL_LOSS) if train else origin.run
            found = forecast(run, priors, band)
            for j, other in enumerate(group.trainings):
                if i == j or not 0.5 <= other.steps / origin.steps <= 2:
                    continue
                expected = found if isinstance(found, Silence) else found.reach_rates(other.rates)
                own = math.nan if isinstance(found, Silence) else found.own().value
                yield Pair(
                    group=g,
                    origin=i,
                    kind=origin.kind,
                    same_length=other.steps == origin.steps,
                    own=origin.end,
                    own_expected=own,
                    expected=None if isinstance(expected, Silence) else expected,
                    # The training loss is of other data, at another level.
                    truth=own + other.end - origin.end if train else other.end,
                )


def _without(run: Run, role: Role) -> Run:
    return replace(run, roles={r: tag for r, tag in run.roles.items() if r is not role})


def covering(found: Sequence[Pair], share: float = 0.9) -> float:
    """By which factor the bands must grow to cover this share of the pairs."""
    far = [abs(p.truth - p.expected.value) / (p.expected.high - p.expected.value) for p in found if p.expected]
    return float(np.quantile(far, share))


def print_pairs(found: Sequence[Pair]) -> None:
    """Print errors and coverage, by the kind of the run that was logged."""
    names = ("pairs", "silent", "no change", "error", "same length", "covered", "band")
    print(f"{'logged run':<12}" + "".join(f"{n:>{w}}" for n, w in zip(names, (7, 8, 11, 8, 13, 9, 8), strict=True)))
    for kind in ("cosine", "wsd", "constant"):
        mine = [p for p in found if p.kind == kind]
        told = [(p, p.expected) for p in mine if p.expected]
        if not told:
            continue
        errors = [abs(e.value - p.truth) for p, e in told]
        same = [abs(e.value - p.truth) for p, e in told if p.same_length]
        covered = mean(e.low <= p.truth <= e.high for p, e in told)
        stay = mean(abs(p.own - p.truth) for p, _ in told)
        half = median(e.high - e.value for _, e in told)
        print(
            f"{kind:<12}{len(mine):>7}{len(mine) - len(told):>8}{stay:>11.4f}"
            f"{mean(errors):>8.4f}{mean(same):>13.4f}{100 * covered:>7.1f} %{half:>8.4f}"
        )


def print_choices(found: Sequence[Pair]) -> None:
    """Print what is lost by staying with the logged schedule, and what by choosing the lowest forecast."""
    by_origin: dict[tuple[int, int], list[Pair]] = defaultdict(list)
    for pair in found:
        if pair.same_length and pair.expected:
            by_origin[pair.group, pair.origin].append(pair)
    stayed, chosen, gated, harmed = [], [], [], []
    for others in (many for many in by_origin.values() if len(many) > 1):
        own = others[0].own
        lowest = min([own, *(p.truth for p in others)])
        best, end = min(((p, p.expected) for p in others if p.expected), key=lambda pair: pair[1].value)
        taken = best.truth if end.value < best.own_expected else own
        sure = best.truth if best.own_expected - end.value > end.high - end.value else own
        stayed.append(own - lowest)
        chosen.append(taken - lowest)
        gated.append(sure - lowest)
        harmed.append(taken > own + 0.003)
    print(
        f"{'choosing among the same length':<36}{'runs':>6}{'lost by staying':>17}{'by choosing':>13}{'recovered':>11}"
    )
    for name, lost in (("the lowest forecast", chosen), ("only where the gain exceeds the band", gated)):
        share = 1 - sum(lost) / sum(stayed)
        print(f"{name:<36}{len(lost):>6}{mean(stayed):>17.4f}{mean(lost):>13.4f}{100 * share:>9.1f} %")
    print(f"chosen worse than the own schedule by more than 0.003: {100 * mean(harmed):.1f} %")


# ---------------------------------------------------------------------------------------------- runs in progress, time


def cut(run: Run, part: float, steps: int) -> Run:
    """What the log held after this part of the training, which is known to take so many steps."""
    until = part * steps
    series = {}
    for tag, one in run.series.items():
        keep = one.steps <= until
        series[tag] = Series(tag=tag, steps=one.steps[keep], values=one.values[keep])
    return replace(run, series=series, planned_steps=steps)


def print_progress(groups: Sequence[Group], priors: Priors, band: float) -> None:
    """Print the error of each run's own end, foretold from parts of its log."""
    print(f"{'own end, error after':<22}" + "".join(f"{f'{100 * part:.0f} %':>18}" for part in PARTS))
    for kind in ("cosine", "wsd", "constant"):
        line = f"{kind:<22}"
        for part in PARTS:
            errors, covered, silent = [], [], 0
            for training in (t for group in groups for t in group.trainings if t.kind == kind):
                found = forecast(cut(training.run, part, len(training.rates)), priors, band)
                end = found if isinstance(found, Silence) else found.end()
                if isinstance(end, Silence):
                    silent += 1
                    continue
                truth = _end(training, end.metric)
                errors.append(abs(end.value - truth))
                covered.append(end.low <= truth <= end.high)
            said = f"{mean(errors):.4f} {100 * mean(covered):3.0f} %" if errors else "-"
            line += f"{f'{said} ({silent})':>18}"
        print(line, flush=True)
    print("(mean error, share within the band, and in brackets how often it kept silent)")


def _end(training: Training, metric: str) -> float:
    """Where the loss that was foretold ended; of the noisy training loss the last points tell."""
    series = training.run.series[metric]
    return training.end if metric == training.run.roles[Role.VAL_LOSS] else float(series.values[-10:].mean())


def print_time(groups: Sequence[Group]) -> None:
    """Print what a fit costs, with all bends, and the whole forecast with the naming of the schedule."""
    fits, wholes = [], []
    for training in (t for group in groups for t in group.trainings):
        own, points = _seen(training.run)
        if len(points.values) < 15:
            continue
        known = expectations(training.run, float(training.rates.max()))
        begin = time.process_time()
        fit(points, own, known.priors, known.bends)
        fits.append(time.process_time() - begin)
        fresh = replace(training.run, series={tag: replace_series(s) for tag, s in training.run.series.items()})
        begin = time.process_time()
        forecast(fresh)
        wholes.append(time.process_time() - begin)
    print(f"{'ms, one core':<22}{'median':>8}{'95 %':>8}")
    for name, spent in (("fit", fits), ("whole forecast", wholes)):
        print(f"{name:<22}{1000 * median(spent):>8.1f}{1000 * float(np.quantile(spent, 0.95)):>8.1f}")


def replace_series(series: Series) -> Series:
    """The same without what was remembered of it."""
    return Series(tag=series.tag, steps=series.steps, values=series.values)


# ------------------------------------------------------------------------------------------------------------- silence


def spiked(run: Run, seed: int) -> Run:
    """The same with three spikes of the training loss, each half of what had been learned and gone after a hundredth
    of the run."""
    train = run[Role.TRAIN_LOSS]
    assert train is not None
    rng = np.random.default_rng(seed)
    values = train.values.copy()
    last = float(train.steps[-1])
    for at in rng.uniform(0.2, 0.9, 3) * last:
        since = (train.steps - at) / (0.01 * last)
        jump = 0.5 * (values[0] - values[-1])
        values += np.where((since >= 0) & (since < 1), jump * (1 - since), 0.0)
    return replace(run, series={**run.series, train.tag: Series(tag=train.tag, steps=train.steps, values=values)})


def print_silence(name: str, runs: Sequence[Run]) -> None:
    """Print how often the forecast keeps silent, the commonest reasons, and the runs that it speaks of."""
    found = [(run, forecast(run)) for run in runs]
    reasons = Counter(_kind_of_reason(f.reason) for _, f in found if isinstance(f, Silence))
    print(f"{name}: silent on {sum(reasons.values())} of {len(found)}")
    for reason, count in reasons.most_common():
        print(f"  {count:>5}  {reason}")
    chosen = [best_schedule(run, f) for run, f in found if isinstance(f, Forecast)]
    promised = sum(isinstance(choice, Choice) and choice.convincing for choice in chosen)
    print(f"  {len(chosen):>5}  spoken of, {promised} with the promise of a gain")


def _kind_of_reason(reason: str) -> str:
    """Without numbers and tags."""
    return " ".join(word for word in reason.split() if not any(c.isdigit() or c == "'" for c in word))


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="which halves")
    parser.add_argument("--folder", type=Path, action="append", default=[], help="logs of other trainings")
    args = parser.parse_args()
    groups = load(args.curves)
    learned_from, tested = halves(groups, args.seed)
    priors = calibrated(learned_from)
    # Two or three large groups tell little of how far the next may lie off, so the shipped band has a say.
    band = BAND * (1 + covering(list(pairs(learned_from, priors, BAND)))) / 2
    print(f"{len(groups)} groups, {sum(len(g.trainings) for g in groups)} trainings; half of them calibrate:")
    print(f"  {priors}\n  band {band:.2f}")
    for title, p, b in (("calibrated on the other half", priors, band), ("as shipped", RATE_AWARE, BAND)):
        print(f"\n== {title} ==")
        found = list(pairs(tested, p, b))
        print_pairs(found)
        print_choices(found)
    print("\n== calibrated on the other half, from the training loss alone ==")
    print_pairs(list(pairs(tested, priors, band, train=True)))
    print("\n== runs in progress ==")
    print_progress(tested, priors, band)
    print()
    print_time(tested)
    print()
    print_silence("the same with spikes", [spiked(t.run, i) for g in tested for i, t in enumerate(g.trainings)])
    for folder in args.folder:
        print_silence(str(folder), read([folder], RoleNames({}))[0])


if __name__ == "__main__":
    main()
