"""What measuring and judging one run costs: per kind of run, per detector, and per point as runs grow.

    python -m benchmarks.diagnosing [--runs 11] [--ten-million]

Each run is in memory already and holds five series (training and validation loss, rate, gradient norm, accuracy), each
with so many points, written in single precision once in ten steps. Times are those of one core, without imports and
reading; every repetition is another run of its kind, so nothing that one of them remembers helps the next.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from lrdoctor import plugins
from lrdoctor.config import Config
from lrdoctor.doctor import diagnose, known_rules
from lrdoctor.engine.match import advise
from lrdoctor.engine.rule import Rule
from lrdoctor.identify import identify
from lrdoctor.model import Finding, Floats, Run
from lrdoctor.plugins import Detector
from lrdoctor.testing import (
    Made,
    constant_rate,
    cosine_rate,
    descent,
    early_burst,
    ends_in_nan,
    evaluated,
    exponential_rate,
    late_divergence,
    linear_rate,
    make_run,
    oscillation,
    plateau,
    restarted_rate,
    ruled_line,
    spiked,
    stable_rate,
    step_rate,
)

POINTS = 1000
EVERY = 10
"""Steps between two points."""
SIZES = (1_000, 10_000, 100_000, 1_000_000)
HUGE = 10_000_000


def _several_spikes(*, steps: int, seed: int) -> Made:
    """A descent with four spikes that recover, one after the other."""
    each = [spiked(steps=steps, onset=at, width=max(1, steps // 200), seed=seed) for at in (0.3, 0.45, 0.6, 0.75)]
    clean = np.max([made.clean for made in each], axis=0)
    return Made(values=np.max([made.values for made in each], axis=0), clean=clean)


def _resumed(*, steps: int, peak: float) -> Floats:
    """A cosine whose scheduler began anew after two fifths of the run."""
    whole, seam = cosine_rate(steps=steps, peak=peak), 2 * steps // 5
    return np.concatenate([whole[:seam], whole[: steps - seam]])


def _by_hand(*, steps: int, peak: float) -> Floats:
    """A rate that follows no law: it wanders from point to point."""
    walk = np.cumsum(np.random.default_rng(steps).normal(0.0, 1.0, steps)) / steps**0.5
    return np.asarray(peak * np.exp(walk - walk.max()), dtype=np.float64)


KINDS: Mapping[str, tuple[Callable[..., Made], Callable[..., Floats], float]] = {
    "descent, constant": (descent, constant_rate, 0.0),
    "descent, cosine": (descent, cosine_rate, 0.05),
    "descent, linear": (descent, linear_rate, 0.05),
    "descent, exponential": (descent, exponential_rate, 0.0),
    "descent, steps": (descent, step_rate, 0.0),
    "descent, stable then decay": (descent, stable_rate, 0.05),
    "descent, restarts": (descent, restarted_rate, 0.0),
    "descent, resumed": (descent, _resumed, 0.0),
    "descent, by hand": (descent, _by_hand, 0.0),
    "plateau, constant": (plateau, constant_rate, 0.0),
    "plateau, steps": (plateau, step_rate, 0.0),
    "divergence, cosine": (late_divergence, cosine_rate, 0.05),
    "early burst, constant": (early_burst, constant_rate, 0.0),
    "spikes, cosine": (_several_spikes, cosine_rate, 0.05),
    "NaN end, cosine": (ends_in_nan, cosine_rate, 0.05),
    "oscillation, constant": (oscillation, constant_rate, 0.0),
    "ruled line, constant": (ruled_line, constant_rate, 0.0),
}
"""Loss, rate, and the warm-up as a share of the run."""


def made(kind: str, points: int, seed: int) -> Run:
    """One run of this kind; another seed gives another one."""
    loss, law, warm = KINDS[kind]
    rng = np.random.default_rng([seed, points, list(KINDS).index(kind)])
    curve = loss(steps=points, seed=seed)
    # A peak of its own keeps two rates from being the same bytes.
    peak = float(10 ** rng.uniform(-4, -2))
    rate = law(steps=points, peak=peak, **({"warmup": int(warm * points)} if warm else {}))
    norm = (1 + curve.clean) * np.exp(rng.normal(0.0, 0.3, points))
    return make_run(
        train_loss=_written(curve.values),
        val_loss=_written(evaluated(curve, every=1, seed=seed).values),
        lr=_written(rate),
        grad_norm=_written(norm),
        accuracy=_written(np.exp(-curve.values)),
        steps=np.arange(points) * EVERY,
        name=f"{kind} {seed}",
    )


def _written(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


@dataclass
class Clock:
    """Adds up the time of one core by what it was spent on."""

    spent: dict[str, float] = field(default_factory=dict)

    def time(self, what: str, work: Callable[[], Any]) -> Any:
        """What the work returns."""
        start = time.process_time()
        result = work()
        self.spent[what] = self.spent.get(what, 0.0) + time.process_time() - start
        return result


@dataclass(frozen=True)
class Doctor:
    """The installed detectors with their defaults, and the shipped rules."""

    detectors: Mapping[str, Detector]
    settings: Mapping[str, Any]
    rules: tuple[Rule, ...]

    @classmethod
    def usual(cls) -> Doctor:
        """As `lrdoctor.analyze` has them without a configuration."""
        detectors = plugins.detectors()
        chosen = {name: module.Settings() for name, module in detectors.items()}
        return cls(detectors=detectors, settings=chosen, rules=known_rules(Config()))

    def whole(self, run: Run) -> float:
        """Seconds of one core for the diagnosis."""
        start = time.process_time()
        diagnose(run, self.detectors, self.settings, self.rules)
        return time.process_time() - start

    def parts(self, run: Run) -> dict[str, float]:
        """Seconds of one core for each detector, for the law of the rate, for the rules and for all that remains."""
        clock, found = Clock(), list[Finding]()

        def timed(name: str, detector: Detector) -> Detector:
            def detect(run: Run, settings: Any) -> Iterator[Finding]:
                seen = clock.time(name, lambda: list(detector.detect(run, settings)))
                found.extend(seen)
                return iter(seen)

            return cast("Detector", SimpleNamespace(NEEDS=detector.NEEDS, detect=detect))

        watched = {name: timed(name, detector) for name, detector in self.detectors.items()}
        clock.time("whole", lambda: diagnose(run, watched, self.settings, self.rules))
        clock.spent["all that remains"] = 2 * clock.spent["whole"] - sum(clock.spent.values())
        clock.time("of which rules", lambda: advise(self.rules, found))
        return clock.spent


def by_kind(doctor: Doctor, runs: int) -> None:
    """Print the median time of each kind of run."""
    print(f"{f'ms at {POINTS:,} points':<28}{'median':>8}{'worst':>8}")
    medians = []
    for kind in KINDS:
        times = [1000 * doctor.whole(made(kind, POINTS, seed)) for seed in range(runs)]
        medians.append(median(times))
        print(f"{kind:<28}{medians[-1]:>8.2f}{max(times):>8.2f}")
    print(f"{'median of all kinds':<28}{median(medians):>8.2f}")


def by_part(doctor: Doctor, runs: int) -> None:
    """Print what each detector costs: median of the runs of a kind, then the mean over the kinds and the worst."""
    seen: dict[str, list[tuple[float, str]]] = {}
    for kind in KINDS:
        split = [doctor.parts(made(kind, POINTS, seed)) for seed in range(runs, 2 * runs)]
        for part in split[0]:
            seen.setdefault(part, []).append((1000 * median(times[part] for times in split), kind))
    print(f"\n{f'ms at {POINTS:,} points':<28}{'mean':>8}{'worst':>8}  in")
    for part, times in sorted(seen.items(), key=lambda item: -sum(ms for ms, _ in item[1])):
        worst, kind = max(times)
        print(f"{part:<28}{sum(ms for ms, _ in times) / len(times):>8.3f}{worst:>8.3f}  {kind}")


def by_size(doctor: Doctor, sizes: tuple[int, ...]) -> None:
    """Print the time per point of each kind as runs grow, all five series counted as one point."""
    print(f"\n{'us per point':<28}" + "".join(f"{size:>12,}" for size in sizes))
    for kind in KINDS:
        line = f"{kind:<28}"
        for size in sizes:
            times = [doctor.whole(made(kind, size, seed)) for seed in range(7 if size <= 10_000 else 1)]
            line += f"{1e6 * median(times) / size:>12.3f}"
        print(line, flush=True)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11, help="runs of each kind")
    parser.add_argument("--ten-million", action="store_true", help="runs of ten million points too: some minutes")
    args = parser.parse_args()
    doctor = Doctor.usual()
    # What is imported or compiled at the first call is not what a run costs.
    for kind in KINDS:
        doctor.whole(made(kind, POINTS, 10_000))
    identify(np.arange(2), np.ones(2))
    by_kind(doctor, args.runs)
    by_part(doctor, max(3, args.runs // 2))
    by_size(doctor, (*SIZES, HUGE) if args.ten_million else SIZES)


if __name__ == "__main__":
    main()
