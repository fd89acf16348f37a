"""How well schedules are recognised: a generated grid of every kind, curves that follow no law, real logs, and time.

    python -m benchmarks.identifying [--each 40] [--unknown 400] [--real DIR ...]

The grid draws each kind with random parameters and warm-up, logs it at one of five cadences, as float32 or printed,
whole or with its last 30 % cut off, stepped per batch or, for smooth laws, per epoch. A kind counts as right where
the name is right; parameters where every one that the logged part shows is within 1 %, and periods and warm-ups within
one log interval besides. `--real` reads runs below a folder with a `truth.csv` or a `manifest.csv` that states their
schedules.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from lrdoctor.doctor import read
from lrdoctor.identify import Identified, _identify, identify
from lrdoctor.model import Floats, Ints, Role
from lrdoctor.roles import RoleNames
from lrdoctor.schedules._plan import Plan, Warmup, rates

Random = np.random.Generator
CADENCES = (1, 5, 10, 50, 100)
"""Steps between two logged points; runs have at least 20 points after the cut."""
SMOOTH = ("linear", "cosine", "polynomial", "exponential", "time_based", "inverse_sqrt")
"""Laws that are also stepped per epoch."""
WRITTEN: dict[str, Callable[[Floats], Floats]] = {
    "float32": lambda v: v.astype(np.float32).astype(np.float64),
    "%.6g": lambda v: np.array([float(f"{x:.6g}") for x in v]),
    "%.6f": lambda v: np.array([float(f"{x:.6f}") for x in v]),
}


def _ends(rng: Random) -> float:
    return float(rng.choice([0.0, 0.01, 0.1]))


def _linear(rng: Random, n: int) -> dict[str, Any]:
    return {"total_steps": n, "final_fraction": _ends(rng)}


def _polynomial(rng: Random, n: int) -> dict[str, Any]:
    return {"total_steps": n, "power": float(rng.choice([0.5, 1.5, 2.0, 3.0])), "final_fraction": _ends(rng)}


def _exponential(rng: Random, n: int) -> dict[str, Any]:
    return {"decay_rate": float(rng.uniform(0.05, 0.6)), "decay_steps": n}


def _time_based(rng: Random, n: int) -> dict[str, Any]:
    return {"k": float(rng.uniform(2, 30)) / n}


def _inverse_sqrt(rng: Random, n: int) -> dict[str, Any]:
    return {"timescale": int(n * rng.uniform(0.02, 0.2))}


def _warmup_stable_decay(rng: Random, n: int) -> dict[str, Any]:
    # The decay begins before the cut, or nothing shows that there is one.
    stable = int(n * rng.uniform(0.2, 0.55))
    cooldown = str(rng.choice(["linear", "1-sqrt", "exponential"]))
    return {
        "stable_steps": stable,
        "decay_steps": n - stable,
        "final_fraction": float(rng.choice([0.01, 0.1])) if cooldown == "exponential" else _ends(rng),
        "cooldown": cooldown,
    }


def _step(rng: Random, n: int) -> dict[str, Any]:
    return {"every": int(n * rng.uniform(0.08, 0.22)), "factor": float(rng.choice([0.1, 0.3, 0.5, 0.8]))}


def _multi_step(rng: Random, n: int) -> dict[str, Any]:
    first = int(n * rng.uniform(0.15, 0.35))
    # Unequal stretches: equal ones would be a step decay.
    return {
        "milestones": (first, int(first + n * rng.uniform(0.05, 0.1))),
        "factor": float(rng.choice([0.1, 0.2, 0.5])),
    }


def _cosine_restarts(rng: Random, n: int) -> dict[str, Any]:
    return {
        "first_period": int(n * rng.uniform(0.12, 0.3)),
        "multiplier": int(rng.choice([1, 2])),
        "final_fraction": _ends(rng),
    }


def _cyclical(rng: Random, n: int) -> dict[str, Any]:
    up = int(n * rng.uniform(0.06, 0.15))
    mode = str(rng.choice(["triangular", "triangular2", "exp_range"]))
    down = up if rng.random() < 0.5 else int(up * rng.uniform(0.5, 1.5))
    gamma = float(rng.uniform(0.2, 0.7) ** (1 / n)) if mode == "exp_range" else 1.0
    return {
        "step_up": up,
        "step_down": down,
        "base_fraction": float(rng.choice([0.01, 0.1, 0.25])),
        "mode": mode,
        "gamma": gamma,
    }


def _one_cycle(rng: Random, n: int) -> dict[str, Any]:
    three = bool(rng.random() < 0.3)
    return {
        "total_steps": n,
        # Three phases show as such before the cut.
        "rise_fraction": float(rng.choice([0.2, 0.3] if three else [0.2, 0.3, 0.4])),
        "start_fraction": float(rng.choice([1 / 25, 0.1])),
        "final_fraction": 1 / 25 / 1e4,
        "three_phase": three,
        # A line up and a line down are a warm-up and a linear decay as well; with three phases they are not.
        "anneal": str(rng.choice(["cosine", "linear"])) if three else "cosine",
    }


def _range_test(rng: Random, n: int) -> dict[str, Any]:
    # A linear ramp cannot be told from a warm-up that never ended.
    return {"total_steps": n, "start_fraction": float(10 ** rng.uniform(-7, -3)), "ramp": "exponential"}


LAWS: dict[str, Callable[[Random, int], dict[str, Any]]] = {
    "constant": lambda rng, n: {},
    "linear": _linear,
    "cosine": _linear,
    "polynomial": _polynomial,
    "exponential": _exponential,
    "time_based": _time_based,
    "inverse_sqrt": _inverse_sqrt,
    "warmup_stable_decay": _warmup_stable_decay,
    "step": _step,
    "multi_step": _multi_step,
    "cosine_restarts": _cosine_restarts,
    "cyclical": _cyclical,
    "one_cycle": _one_cycle,
    "range_test": _range_test,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One made rate, and the truth about it."""

    plan: Plan
    steps: Ints
    rates: Floats
    every: int
    interval: int
    written: str
    cut: bool

    @property
    def title(self) -> str:
        """Everything that a failure is traced by."""
        how = f"every {self.every}, interval {self.interval}, {self.written}{', cut' if self.cut else ''}"
        return f"{self.plan.params} {self.plan.warmup} peak {self.plan.peak_lr:.3g}; {how}"


def case(kind: str, rng: Random) -> Case:
    """One drawn rate of this kind."""
    every = int(rng.choice(CADENCES))
    # From 40 logged points to some thousand steps.
    n = int(every * 40 * np.exp(rng.uniform(0, 2))) if every > 1 else int(rng.integers(300, 4000))
    module = import_module(f"lrdoctor.schedules.{kind}")
    interval = int(rng.integers(max(2, n // 60), max(3, n // 30))) if kind in SMOOTH and rng.random() < 0.25 else 1
    # One logged value per stair at most would show no stair, and there would be nothing to find.
    interval = interval if interval >= 3 * every else 1
    span = n // interval * interval
    params = module.Params(**LAWS[kind](rng, span))
    warmup = Warmup()
    if not module.WHOLE and rng.random() < 0.6:
        length = int(span * rng.uniform(0.03, 0.12)) // interval * interval
        # A cosine up and a cosine down are one_cycle as well.
        shapes = ["linear", "linear", "linear", "constant", *(["cosine"] if kind != "cosine" else [])]
        shape = str(rng.choice(shapes))
        start = float(rng.choice([0.0, 0.001, 0.1])) if shape != "constant" else float(rng.choice([0.1, 0.3]))
        # A warm-up that falls between two logged points leaves no trace.
        if length >= 4 * max(every, interval):
            warmup = Warmup(steps=length, shape=shape, start=start)  # type: ignore[arg-type]
    total = warmup.steps + span
    # Peaks that six decimals resolve to three digits at least.
    written = str(rng.choice(list(WRITTEN)))
    low = -2.0 if written == "%.6f" else -5.0
    plan = Plan(
        schedule=kind, params=params, peak_lr=float(10 ** rng.uniform(low, 0)), warmup=warmup, total_steps=total
    )
    cut = bool(rng.random() < 0.5)
    steps = np.arange(0, int((0.7 if cut else 1.0) * total), every)
    values = WRITTEN[written](rates(plan, steps // interval * interval))
    return Case(plan=plan, steps=steps, rates=values, every=every, interval=interval, written=written, cut=cut)


def params_right(case: Case, found: Identified) -> bool:
    """Whether the parameters are the true ones, within 1 % or one log interval."""
    true, seen = case.plan, found.plan
    slack = max(case.every, case.interval)
    if abs(true.warmup.steps - seen.warmup.steps) > max(slack, 0.01 * true.warmup.steps):
        return False
    at = np.arange(0, case.steps[-1] + 1)
    peak = true.peak_lr
    if true.schedule == "range_test":
        # Where the ramp was to end cannot be seen; how it climbs can.
        return bool(np.abs(rates(seen, at) / rates(true, at) - 1).max() <= 0.01)
    drift = np.abs(np.diff(rates(true, at[at >= true.warmup.steps]))).max(initial=0) * slack
    # A peak that lies between two logged points is known as well as the law shows how it falls there.
    if abs(peak - seen.peak_lr) > 0.01 * peak + drift:
        return False
    if true.schedule == "exponential":
        rate = [np.log(p.decay_rate) / p.decay_steps for p in (true.params, seen.params)]
        return bool(abs(rate[1] / rate[0] - 1) <= 0.01)
    end = import_module(f"lrdoctor.schedules.{true.schedule}").planned_steps(true.params)
    if end is not None and case.steps[-1] < true.warmup.steps + end:
        # An end that was not logged shows in the way to it, if at all: what counts is where that leads.
        ahead = np.arange(case.steps[-1] + 1)
        apart = np.abs(rates(true, ahead) - rates(seen, ahead))[ahead > true.warmup.steps + slack].max(initial=0)
        if apart <= 0.01 * peak + drift:
            return True
    for field in fields(true.params):
        a, b = (getattr(p.params, field.name) for p in (true, seen))
        for x, y in zip(*(v if isinstance(v, tuple) else (v,) for v in (a, b)), strict=False):
            if isinstance(x, str | bool):
                if x != y:
                    return False
            else:
                # Steps to one log interval, fractions near 0 to a thousandth of the peak.
                least = slack if isinstance(x, int) else 1e-3
                if abs(x - y) > max(least, 0.01 * abs(x)):
                    return False
    return True


def grid(each: int, seed: int = 0) -> None:
    """Print the share of right kinds and parameters."""
    wrong: list[str] = []
    print(f"{'kind':<22}{'cases':>6}{'kind right':>12}{'parameters':>12}{'ms':>8}")
    sums = np.zeros(3)
    by: dict[str, list[bool]] = defaultdict(list)
    for number, kind in enumerate(LAWS):
        rng = np.random.default_rng([seed, number])
        right = exact = 0
        began = 0.0
        for _ in range(each):
            made = case(kind, rng)
            start = time.perf_counter()
            found = identify(made.steps, made.rates)
            began += time.perf_counter() - start
            named = found is not None and found.plan.schedule == kind
            good = named and found is not None and params_right(made, found)
            right += named
            exact += good
            for key in (made.written, f"every {made.every}", "cut" if made.cut else "whole"):
                by[key].append(named)
            if not good:
                wrong.append(
                    f"{kind}: {made.title}\n    -> {found and (found.plan, found.interval_steps, found.residual)}"
                )
        sums += (each, right, exact)
        print(f"{kind:<22}{each:>6}{right / each:>12.1%}{exact / each:>12.1%}{1000 * began / each:>8.1f}")
    print(f"{'all':<22}{sums[0]:>6.0f}{sums[1] / sums[0]:>12.2%}{sums[2] / sums[0]:>12.2%}")
    print("kind right:", ", ".join(f"{key} {np.mean(hits):.1%}" for key, hits in by.items()))
    for line in wrong:
        print(line)


STRANGE = (
    "random walk",
    "sum of two laws",
    "two laws in a row",
    "noisy law",
    "piecewise line",
    "random levels",
    "waves",
)


def unknown(rng: Random) -> tuple[str, Ints, Floats]:
    """A rate that follows none of the laws."""
    n = int(rng.choice([20, 40, int(rng.integers(60, 1500))]))
    t = np.linspace(0.0, 1.0, n)
    kind = str(rng.choice(STRANGE))
    if kind == "random walk":
        u = np.exp(np.cumsum(rng.normal(0, 3 / n**0.5, n)))
    elif kind == "sum of two laws":
        # Weights and laws that no third law can pass for.
        share = rng.uniform(0.3, 0.7)
        parts = [(1 + np.cos(np.pi * t)) / 2, 1 - t, np.exp(-rng.uniform(3, 8) * t), 1 / (1 + rng.uniform(10, 40) * t)]
        one, two = rng.choice(len(parts), 2, replace=False)
        u = share * parts[one] + (1 - share) * parts[two]
    elif kind == "noisy law":
        law = [(1 + np.cos(np.pi * t)) / 2, 1 - t, np.exp(-3 * t), np.ones(n)][int(rng.integers(4))]
        u = np.abs(law + rng.normal(0, rng.uniform(0.01, 0.1), n))
    elif kind == "piecewise line":
        knots = np.concatenate([[0], np.sort(rng.uniform(0.1, 0.9, 3)), [1]])
        u = np.interp(t, knots, rng.uniform(0.05, 1, 5))
    elif kind == "two laws in a row":
        first, second = (1 + np.cos(0.8 * np.pi * t)) / 2, rng.uniform(0.2, 0.8) * np.exp(-3 * t) + 0.05
        cut = int(n * rng.uniform(0.3, 0.7))
        u = np.concatenate([0.2 + first[:cut], second[cut:]])
    elif kind == "waves":
        u = 1.2 + 0.5 * np.sin(rng.uniform(3, 20) * t + rng.uniform(0, 6)) + 0.3 * np.sin(rng.uniform(3, 30) * t)
    else:
        levels = rng.uniform(0.05, 1, int(rng.integers(4, 9)))
        u = levels[np.minimum((t * len(levels)).astype(int), len(levels) - 1)]
    written = WRITTEN[str(rng.choice(["float32", "%.6g"]))]
    every = int(rng.choice(CADENCES))
    return kind, np.arange(n) * every, written(u / u.max() * float(10 ** rng.uniform(-4, 0)))


def strangers(count: int, seed: int = 1) -> None:
    """Print how many of the rates without a law are given one."""
    rng = np.random.default_rng(seed)
    seen: Counter[str] = Counter()
    named: dict[str, list[str]] = defaultdict(list)
    start = time.perf_counter()
    for _ in range(count):
        kind, steps, values = unknown(rng)
        found = identify(steps, values)
        seen[kind] += 1
        if found is not None:
            named[kind].append(f"{found.plan.schedule} {found.residual:.1e}")
    for kind, cases in sorted(seen.items()):
        print(f"{kind:<22}{cases:>6}{len(named[kind]) / cases:>12.1%} named {named[kind][:6]}")
    took = 1000 * (time.perf_counter() - start) / count
    print(f"{'wrong names in all':<22}{count:>6}{sum(map(len, named.values())) / count:>12.2%}{took:>8.1f} ms each")


def long_series() -> None:
    """Print the time that 100,000 points take, for each kind: the median of five."""
    n = 100_000
    for number, kind in enumerate(LAWS):
        module = import_module(f"lrdoctor.schedules.{kind}")
        warm = Warmup() if module.WHOLE else Warmup(steps=2000)
        params = module.Params(**LAWS[kind](np.random.default_rng(number), n - warm.steps))
        plan = Plan(schedule=kind, params=params, peak_lr=3e-4, warmup=warm, total_steps=n)
        steps = np.arange(n)
        values = WRITTEN["float32"](rates(plan, steps))
        times = []
        for _ in range(5):
            _identify.cache_clear()
            start = time.perf_counter()
            found = identify(steps, values)
            times.append(time.perf_counter() - start)
        print(f"{kind:<22}{1000 * float(np.median(times)):>8.1f} ms  {found and found.plan.schedule}")


SAME: dict[str, tuple[str, ...]] = {
    "onecycle": ("one_cycle",),
    "wsd": ("warmup_stable_decay",),
    "restarts": ("cosine_restarts",),
    "cyclic": ("cyclical",),
    "time": ("time_based",),
    # One cut, or two of one factor, may be a step decay, milestones or a plateau's reaction.
    "step": ("step", "multi_step", "reduce_on_plateau"),
    "early_step": ("step", "multi_step", "reduce_on_plateau"),
    "cosine_periodic": ("cosine",),
}
"""The words of truth tables for our names."""


def real(folder: Path) -> None:
    """Print the share of right kinds among the runs whose schedule is stated."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for name, stated, steps, values in _stated(folder):
        found = identify(steps, values)
        behind = stated.removeprefix("warmup+")
        seen = found.plan.schedule if found is not None else "piecewise"
        if stated == "warmup":
            ramp = found is not None and seen == "constant" and found.plan.warmup.steps >= steps[-1] - found.first_step
            right = ramp or seen == "range_test"
        else:
            right = seen in SAME.get(behind, (behind,))
        hits[stated].append(right)
        if not right:
            print(f"    {name}: {stated}, named {seen}")
    for stated, right in sorted(hits.items()):
        print(f"{stated:<22}{len(right):>6}{np.mean(right):>12.1%}")
    every = [hit for right in hits.values() for hit in right]
    if every:
        print(f"{'all of ' + folder.name:<22}{len(every):>6}{np.mean(every):>12.2%}")


def _stated(folder: Path) -> Iterator[tuple[str, str, Ints, Floats]]:
    if (folder / "truth.csv").exists():
        rows = list(csv.DictReader((folder / "truth.csv").open()))
        stated = [(folder / row["run"], row["schedule"]) for row in rows]
    else:
        rows = [row for row in csv.DictReader((folder / "manifest.csv").open()) if row["has_lr"] == "y"]
        stated = [(folder / row["path"], row["schedule"]) for row in rows if row["schedule"]]
    for path, schedule in stated:
        runs, _ = read([path], RoleNames({}))
        for run in runs:
            series = run[Role.LR]
            if series is not None and len(series) > 1:
                yield str(path.relative_to(folder)), schedule, series.steps, series.values


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=40, help="cases of each kind")
    parser.add_argument("--unknown", type=int, default=400, help="rates without a law")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="folders with a truth.csv or manifest.csv")
    args = parser.parse_args()
    grid(args.each, args.seed)
    strangers(args.unknown, args.seed + 1)
    long_series()
    for folder in args.real:
        real(folder)


if __name__ == "__main__":
    main()
