"""What the writers get: the diagnoses, what could not be used, and what the gate made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lrdoctor.errors import ThresholdError
from lrdoctor.model.judgement import Advice, Expected, Finding, Prescription, RuleInfo, Severity, Verdict
from lrdoctor.model.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A detector, or the diagnosis itself, that could not speak, and what it lacked."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An input that could not be used; the others are still analysed."""

    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The law that the logged learning rate followed."""

    kind: str
    peak_lr: float
    final_lr: float
    warmup_steps: int
    params: Mapping[str, float]
    residual: float
    """Largest misfit of the law, relative to the peak."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diagnosis:
    """Everything that we say about one run."""

    run: Run
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    advice: tuple[Advice, ...] = ()
    """Worst first."""
    prescription: Prescription | None = None
    """None for a healthy run and for one that we cannot judge."""
    schedule: Schedule | None = None
    forecast: Expected | None = None
    """Where a run in progress will end under its own schedule; None where it has ended, or where that is not known."""
    skipped: tuple[Skipped, ...] = ()

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    @property
    def severity(self) -> Severity | None:
        """The worst severity among the advice, or None where there is no advice."""
        return max((a.rule.severity for a in self.advice), key=lambda s: s.rank, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One reason for which a gate does not open."""

    run: str
    """Name of the run; empty where no single run is meant."""
    what: str
    """Id of the rule, or `expectation`, `nonfinite`, `cannot_tell`, `expired_waiver`."""
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pardon:
    """Advice that would have failed, and does not."""

    run: str
    rule: str
    series: str
    """Tag of the series that it was about; empty where it rests on none."""
    by: Literal["baseline", "waiver"]
    reason: str
    """What the waiver says; empty for a baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a gate made of a report."""

    fail_on: Severity | None
    """From which severity on advice fails; None: never."""
    failures: tuple[Failure, ...] = ()
    """Worst first."""
    pardons: tuple[Pardon, ...] = ()
    gone: tuple[str, ...] = ()
    """What the baseline knows and is no longer there, a line each."""

    @property
    def passed(self) -> bool:
        """Whether nothing fails."""
        return not self.failures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """Everything a writer needs: the runs in a deterministic order, what could not be read, and the rules in force."""

    runs: tuple[Diagnosis, ...]
    errors: tuple[Problem, ...] = ()
    rules: tuple[RuleInfo, ...] = ()
    version: str
    gate: Gate | None = None
    """What `lrdoctor check` decided; None where nothing was to be decided."""

    def count(self, verdict: Verdict) -> int:
        """How many runs have this verdict."""
        return sum(d.verdict is verdict for d in self.runs)

    def by_rule(self) -> dict[str, int]:
        """How many runs each rule spoke of, by rule id in alphabetical order."""
        return dict(sorted(Counter(rule for d in self.runs for rule in {a.rule.id for a in d.advice}).items()))

    def worst_first(self) -> Iterator[Diagnosis]:
        """The runs as a tired reader wants them: errors, warnings, untellable, healthy; then by name."""
        order = {Verdict.UNHEALTHY: 0, Verdict.CANNOT_TELL: 1, Verdict.HEALTHY: 2}
        return iter(
            sorted(self.runs, key=lambda d: (order[d.verdict], -(d.severity.rank if d.severity else 0), d.name))
        )

    def raise_if(self, threshold: str) -> None:
        """Raise `ThresholdError` if any advice is at or above `threshold` ("info", "warning" or "error").

        For a pytest: `lrdoctor.analyze("runs/last").raise_if("error")`. Inputs that could not be read raise too: a gate
        must not turn green on what nobody looked at.
        """
        least = Severity(threshold).rank
        said = [
            f"{d.name}: {a.rule.id} {a.rule.name}: {a.message}"
            for d in self.runs
            for a in d.advice
            if a.rule.severity.rank >= least
        ]
        said += [f"{e.path}: {e.message}" for e in self.errors]
        if said:
            raise ThresholdError(said)
