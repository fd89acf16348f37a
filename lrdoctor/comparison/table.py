"""The comparison as plain values: each family of runs with its rows, the best first, and each sweep with what it says.

Made from the same diagnoses as a report; the formats beside this module only write it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lrdoctor.model import Diagnosis, Problem, Report, Verdict
from lrdoctor.siblings.gap import NEAR_RATE
from lrdoctor.siblings.grouping import Family, Sibling, Sweep
from lrdoctor.siblings.measured import arrival
from lrdoctor.siblings.member import differences
from lrdoctor.siblings.recipes import noise_of, rates_of, varies
from lrdoctor.siblings.response import RateResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run of a family."""

    name: str
    verdict: Verdict
    optimizer: str | None
    batch_size: float | None
    peak_lr: float | None
    schedule: str | None
    warmup_fraction: float | None
    seed: str | None
    final: float | None
    """Level of the metric over the last twentieth; None for a run that diverged."""
    best: float | None
    """The lowest level that it held."""
    missed: float | None
    """Share of the way from untrained to the winner's final value that it did not come; None where it diverged."""
    arrival_steps: int | None
    """Steps until nine tenths of the winner's drop had been made; None if never."""
    restlessness: float | None
    """Share of its way that the loss went up again: 0 only falls, 0.5 gets nowhere."""
    spikes: int
    """Short excursions of the training loss."""
    differs: tuple[str, ...]
    """In what it differs from the winner; empty for the winner."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweepTable:
    """Runs whose rates compare."""

    optimizer: str | None
    batch_size: float | None
    winner: str
    points: tuple[tuple[float, float | None], ...]
    """Peak rate and final value of each run whose rate is known; None where it diverged."""
    rates: int
    response: RateResponse | None
    """None below three rates, and where nothing came down."""
    noise: float | None
    """Standard deviation between seeds as a share of the way down; None without repetitions."""
    varies: Mapping[str, bool]
    """What else varies, and whether it is confounded with the rate: changed whenever the rate was."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """One family: trainings of one model."""

    metric: str
    start: float
    """The metric of the untrained net."""
    kinship: float
    """How sure it is that the runs belong together, between 0 and 1."""
    rows: tuple[Row, ...]
    sweeps: tuple[SweepTable, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Everything that a format needs."""

    tables: tuple[Table, ...]
    alone: tuple[str, ...]
    """Runs that no other can be compared with."""
    errors: tuple[Problem, ...]
    logs: tuple[Path, ...]
    """The files and folders that were read."""
    version: str


def tabulate(report: Report, responses: Mapping[Family, Sequence[RateResponse | None]]) -> Comparison:
    """The comparison of these runs: `responses` has each family with what its sweeps say of the rate."""
    known = {diagnosis.name: diagnosis for diagnosis in report.runs}
    kin = {sibling.name for family in responses for sibling in family.siblings}
    return Comparison(
        tables=tuple(_table(family, told, known) for family, told in responses.items()),
        alone=tuple(name for name in known if name not in kin),
        errors=report.errors,
        logs=tuple(diagnosis.run.path for diagnosis in report.runs),
        version=report.version,
    )


def _table(family: Family, responses: Sequence[RateResponse | None], known: Mapping[str, Diagnosis]) -> Table:
    winner = family.siblings[0]
    return Table(
        metric=family.metric,
        start=family.start,
        kinship=family.kinship,
        rows=tuple(_row(family, sibling, winner, known[sibling.name]) for sibling in family.siblings),
        sweeps=tuple(_sweep(family, sweep, told) for sweep, told in zip(family.sweeps, responses, strict=True)),
    )


def _row(family: Family, sibling: Sibling, winner: Sibling, diagnosis: Diagnosis) -> Row:
    member = sibling.member
    came_down = winner.final is not None and winner.final < family.start
    best = winner.final if winner.final is not None else family.start
    return Row(
        name=sibling.name,
        verdict=diagnosis.verdict,
        optimizer=member.optimizer,
        batch_size=member.batch_size,
        peak_lr=member.peak_rate,
        schedule=member.schedule,
        warmup_fraction=member.warmup_fraction,
        seed=member.seed,
        final=sibling.final,
        best=sibling.reached.best,
        missed=(sibling.final - best) / (family.start - best) if came_down and sibling.final is not None else None,
        arrival_steps=arrival(member.run, family.role, family.start, best) if came_down else None,
        restlessness=sibling.reached.restlessness,
        spikes=sum(finding.kind == "spike" for finding in diagnosis.findings),
        differs=(*_rate(sibling, winner), *differences(member, winner.member)),
    )


def _rate(sibling: Sibling, winner: Sibling) -> tuple[str, ...]:
    own, best = sibling.member.peak_rate, winner.member.peak_rate
    return ("peak rate",) if own and best and not 1 / NEAR_RATE < own / best < NEAR_RATE else ()


def _sweep(family: Family, sweep: Sweep, response: RateResponse | None) -> SweepTable:
    return SweepTable(
        optimizer=sweep.optimizer,
        batch_size=sweep.batch_size,
        winner=sweep.siblings[0].name,
        points=tuple((s.member.peak_rate, s.final) for s in sweep.siblings if s.member.peak_rate is not None),
        rates=rates_of(sweep),
        response=response,
        noise=noise_of(family, sweep),
        varies=varies(sweep),
    )
