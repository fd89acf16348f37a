"""What the writers get: the diagnoses, what could not be used, and what the gate made of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lrdoctor.errors import ThresholdError
from lrdoctor.model.judgement import Advice, Expected, Finding, Prescription, RuleInfo, Severity, Verdict
from lrdoctor.model.run import Role, Run

PRAISE = frozenset({"LRD001"})
"""Rules that say that all is well: advice of severity info, and no reason to fail."""


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


class NothingThere(Problem):
    """A folder without any log below it: no trouble where somebody says that there need not be any."""

    __slots__ = ()


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
    """What the baseline knows and is no longer there, and what in the configuration meets nothing; a line each."""

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

    def __repr__(self) -> str:
        verdicts = ", ".join(f"{n:,} {verdict.replace('_', ' ')}" for verdict in Verdict if (n := self.count(verdict)))
        runs = f"{len(self.runs):,} run{'' if len(self.runs) == 1 else 's'}"
        unused = f", {len(self.errors):,} not used" if self.errors else ""
        return f"Report({runs}{': ' if verdicts else ''}{verdicts}{unused})"

    def _repr_html_(self) -> str:
        """What a notebook shows: a table, and the unhealthy runs with their curves, in markup without scripts."""
        from lrdoctor.reports._notebook import report_html

        return report_html(self)

    def _repr_markdown_(self) -> str:
        from lrdoctor.reports._notebook import report_markdown

        return report_markdown(self)

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

        For a pytest: `lrdoctor.analyze("runs/last").raise_if("error")`. Inputs that could not be read raise too, and so
        does a run whose loss ends in no number, whatever the rules in force say of it: a gate must not turn green on
        what nobody looked at, nor on NaN. Raises `ValueError` for any other threshold.
        """
        if threshold not in list(Severity):
            raise ValueError(f"no severity {threshold!r}; there are: {', '.join(Severity)}")
        least = Severity(threshold).rank
        said = []
        for d in self.runs:
            wrong = [a for a in d.advice if a.rule.severity.rank >= least and a.rule.id not in PRAISE]
            said += [f"{d.name}: {a.rule.id} {a.rule.name}: {a.message}" for a in wrong]
            ends = nonfinite_ends(d)
            if ends and not any(speaks_of(a, ends) for a in wrong):
                said.append(f"{d.name}: {in_no_number(ends)}")
        said += [f"{e.path}: {e.message}" for e in self.errors]
        if said:
            raise ThresholdError(said)


def nonfinite_ends(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Tags of the losses whose log ends in no number, the training loss first.

    The last point decides; what was not finite and came back is for the rules to judge. A loss that is a number counts
    where no gradient norm is one any more and the loss does not fall, as some trainers leave NaN out of the mean that
    they log: a finding of `masked_nonfinite` as LRD114 and LRD115 want it.
    """
    run = diagnosis.run
    ends = [
        series.tag
        for role in (Role.TRAIN_LOSS, Role.VAL_LOSS)
        if (series := run[role]) is not None and len(series) and not math.isfinite(series.values[-1])
    ]
    return tuple(dict.fromkeys([*ends, *(finding.series for finding in diagnosis.findings if masked(finding))]))


def masked(finding: Finding) -> bool:
    """Whether it says that the numbers of a loss stand for what is none."""
    if finding.kind != "masked_nonfinite":
        return False
    told = finding.evidence
    points = told.get("points")
    several = isinstance(points, int) and points >= 2
    return told.get("gradient") == "nonfinite" and told.get("falling") is False and several


def speaks_of(advice: Advice, ends: Collection[str]) -> bool:
    """Whether the subject of the advice is how one of these losses, of `nonfinite_ends`, ends."""
    subject = next(iter(advice.because), None)
    return subject is not None and subject.kind in ("nonfinite", "masked_nonfinite") and subject.series in ends


def in_no_number(ends: Collection[str]) -> str:
    """What is wrong with a run whose losses end so, as one sentence."""
    return f"{' and '.join(ends)} {'ends' if len(ends) == 1 else 'end'} in no finite number"
