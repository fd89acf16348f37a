"""What is to be said of each run, and what the gate made of it: one view for every format that lists advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from lrdoctor.model import Advice, Diagnosis, Failure, Pardon, Report, Severity, Verdict
from lrdoctor.reports._words import count


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Remark:
    """A piece of advice, or something else for which a gate fails the run."""

    what: str
    """Id of the rule, or what the gate calls it: `expectation`, `nonfinite` …"""
    severity: Severity
    message: str
    fails: bool
    """By the gate's decision; without a gate, a warning or an error."""
    pardon: Pardon | None = None
    advice: Advice | None = None

    @property
    def title(self) -> str:
        """`LRD101 early-divergence`, or what the gate calls it."""
        return self.what if self.advice is None else f"{self.what} {self.advice.rule.name}"

    @property
    def series(self) -> str:
        """Tag of the series that it is about; empty where it rests on none."""
        return self.advice.because[0].series if self.advice and self.advice.because else ""

    @property
    def step(self) -> int | None:
        """Where it began: some findings cover more than the trouble itself, and measure that."""
        if not self.advice or not self.advice.because:
            return None
        subject = self.advice.because[0]
        onset = subject.evidence.get("onset_step")
        inside = isinstance(onset, int) and subject.span.first <= onset <= subject.span.last
        return int(onset) if inside and onset is not None else subject.span.first

    @property
    def pardoned(self) -> str:
        """By what, and why; empty where nothing was pardoned."""
        if self.pardon is None:
            return ""
        return f"pardoned by the {self.pardon.by}" + (f": {self.pardon.reason}" if self.pardon.reason else "")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """One run with its remarks: what fails first, then by severity, what is pardoned last."""

    diagnosis: Diagnosis
    remarks: tuple[Remark, ...]
    gated: bool
    """Whether a gate decided."""

    @property
    def failing(self) -> tuple[Remark, ...]:
        """What fails, the worst first."""
        return tuple(remark for remark in self.remarks if remark.fails)

    @property
    def outcome(self) -> str:
        """The verdict in words, and with a gate whether the run fails or was pardoned."""
        verdict = str(self.diagnosis.verdict).replace("_", " ")
        if not self.gated:
            return verdict
        return f"{verdict}, fails" if self.failing else f"{verdict}, pardoned" if self.pardoned else verdict

    @property
    def pardoned(self) -> tuple[Remark, ...]:
        """What would have failed."""
        return tuple(remark for remark in self.remarks if remark.pardon)


def judged(report: Report) -> list[Judged]:
    """Every run, what fails first, else worst first."""
    failures: dict[str, list[Failure]] = {}
    pardons: dict[tuple[str, str, str], Pardon] = {}
    if report.gate:
        for failure in report.gate.failures:
            failures.setdefault(failure.run, []).append(failure)
        pardons = {(pardon.run, pardon.rule, pardon.series): pardon for pardon in report.gate.pardons}
    gated = report.gate is not None
    told = [
        Judged(diagnosis=d, remarks=_remarks(d, failures.get(d.name, ()), pardons, gated=gated), gated=gated)
        for d in report.worst_first()
    ]
    # Stable, so that the order within both stays.
    return sorted(told, key=lambda run: not run.failing) if gated else told


def elsewhere(report: Report) -> list[Failure]:
    """What a gate fails for that is in no run of the report."""
    names = {diagnosis.name for diagnosis in report.runs}
    return [failure for failure in report.gate.failures if failure.run not in names] if report.gate else []


def _remarks(
    diagnosis: Diagnosis,
    failures: Sequence[Failure],
    pardons: dict[tuple[str, str, str], Pardon],
    *,
    gated: bool,
) -> tuple[Remark, ...]:
    by_rule = {failure.what: failure for failure in failures}
    found = []
    for advice in diagnosis.advice:
        series = advice.because[0].series if advice.because else ""
        pardon = pardons.get((diagnosis.name, advice.rule.id, series))
        failure = by_rule.get(advice.rule.id)
        found.append(
            Remark(
                what=advice.rule.id,
                severity=advice.rule.severity if failure is None or pardon else failure.severity,
                message=advice.message,
                fails=pardon is None and (failure is not None if gated else advice.rule.severity is not Severity.INFO),
                pardon=pardon,
                advice=advice,
            )
        )
    rules = {advice.rule.id for advice in diagnosis.advice}
    found += [
        Remark(what=failure.what, severity=failure.severity, message=failure.message, fails=True)
        for failure in failures
        if failure.what not in rules
    ]
    return tuple(sorted(found, key=lambda r: (r.pardon is not None, not r.fails, -r.severity.rank)))


def untold(diagnosis: Diagnosis) -> str:
    """Why a run cannot be judged, and what to log; empty for one that could be."""
    if diagnosis.verdict is not Verdict.CANNOT_TELL:
        return ""
    # Advice that withholds judgement says itself what to log.
    withheld = [advice.message for advice in diagnosis.advice if advice.rule.withholds]
    reasons = withheld or list(dict.fromkeys(skipped.reason for skipped in diagnosis.skipped))
    return "; ".join(reasons) or "the log does not tell enough"


def fingerprint(rule: str, run: str, series: str) -> str:
    """Stays the same while the same rule finds fault with the same series of the same run, whatever the numbers."""
    return sha256("\0".join((rule, run, series)).encode("utf-8", "surrogatepass")).hexdigest()


def counted(report: Report) -> str:
    """How many runs there are of each verdict, and how many inputs were of no use."""
    verdicts = [v for v in (Verdict.UNHEALTHY, Verdict.CANNOT_TELL, Verdict.HEALTHY) if report.count(v)]
    told = ", ".join(f"{report.count(verdict):,} {verdict.replace('_', ' ')}" for verdict in verdicts)
    unused = f"; {count(len(report.errors), 'input')} not used" if report.errors else ""
    return count(len(report.runs), "run") + (f": {told}" if told else "") + unused


def decided(report: Report) -> str:
    """What the gate decided, in a few words; empty without one."""
    gate = report.gate
    if gate is None:
        return ""
    beside = [f"{len(gate.pardons):,} pardoned"] if gate.pardons else []
    beside += [f"{len(gate.gone):,} gone"] if gate.gone else []
    # What could not be read may hold what fails.
    well = f"cannot tell for {count(len(report.errors), 'input')}" if report.errors else "passed"
    verdict = well if gate.passed else f"failed for {count(len(gate.failures), 'reason')}"
    return ", ".join([verdict, *beside])
