"""The plain values that flow between the stages; every one is frozen and none knows a file format.

Parsers make `Run`s, detectors make `Finding`s, rules make `Advice`, `prescribe` makes a `Prescription`, and a
`Report` holds all of it for the writers. This module imports numpy and nothing else, so every stage may use it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrdoctor.errors import ThresholdError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Scalar = str | int | float | bool | None
"""What a hyperparameter may be."""
Evidence = float | int | bool | str | None
"""What a finding may have measured. `None` says that it could not be measured in this run."""


class Role(StrEnum):
    """What a series means, whatever its logger called it."""

    TRAIN_LOSS = "train_loss"
    VAL_LOSS = "val_loss"
    LR = "lr"
    GRAD_NORM = "grad_norm"
    ACCURACY = "accuracy"
    EPOCH = "epoch"
    STEP = "step"


class Status(StrEnum):
    """Whether the training itself ended well, as far as the log says."""

    FINISHED = "finished"
    RUNNING = "running"
    CRASHED = "crashed"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """What we say of a run: `unhealthy` exactly when some advice is a warning or an error."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    CANNOT_TELL = "cannot_tell"


class Severity(StrEnum):
    """How much a piece of advice matters. Belongs to rules; detectors know nothing of it."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for error: comparable, unlike the names."""
        return list(Severity).index(self)


class Span(NamedTuple):
    """A stretch of the run, in steps, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One logged quantity over the run.

    Raises `ValueError` if the arrays differ in length or the steps do not strictly increase, so nobody downstream
    checks again. The arrays are read-only. Non-finite values are data and stay in.
    """

    tag: str
    """The name that the logger gave it."""
    steps: Ints
    """Shape (n,), optimizer steps (or epochs, where the log counts nothing finer); strictly increasing."""
    values: Floats
    """Shape (n,), in the unit that was logged; NaN and ±inf where the log says so."""
    wall_times: Floats | None = None
    """Shape (n,), seconds since 1970, or None where the log has no clock."""
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """What `lrdoctor.signal` has measured in it already. The arrays never change, so what was true of them stays so."""

    def __post_init__(self) -> None:
        for name, kind in (("steps", np.int64), ("values", np.float64), ("wall_times", np.float64)):
            given = getattr(self, name)
            if given is None:
                continue
            array = np.array(given, dtype=kind)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
            if array.shape != (len(self.steps),):
                raise ValueError(f"series {self.tag!r}: {name} has shape {array.shape}, not ({len(self.steps)},)")
        if not (self.steps[1:] > self.steps[:-1]).all():
            raise ValueError(f"series {self.tag!r}: steps do not strictly increase")

    def __len__(self) -> int:
        return len(self.steps)

    def finite(self) -> Series:
        """The same series without its non-finite points."""
        keep = np.isfinite(self.values)
        if keep.all():
            return self
        times = None if self.wall_times is None else self.wall_times[keep]
        return Series(tag=self.tag, steps=self.steps[keep], values=self.values[keep], wall_times=times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One kind of damage at one place of one input: which points were dropped or replaced, and why."""

    path: str
    """The file, as the user named it."""
    place: str
    """`byte 9301`, `line 17`, or an empty string where the whole file is meant."""
    kind: str
    """Stable name for programs: `truncated_tail`, `bad_record_checksum`, `unreadable_row` …"""
    dropped: int
    """How many points (or records, where points cannot be counted) were lost; 0 if none was."""
    message: str
    """One sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """One training, as its log tells it."""

    name: str
    """Path of the run relative to the argument; unique in a report."""
    path: Path
    """File or folder that it was read from."""
    format: str
    """Name of the parser module that read it."""
    series: Mapping[str, Series]
    """By tag, in the order in which the log introduced them."""
    roles: Mapping[Role, str] = field(default_factory=dict)
    """Which tag plays which role. Every tag named here is in `series`."""
    hparams: Mapping[str, Scalar] = field(default_factory=dict)
    status: Status = Status.UNKNOWN
    planned_steps: int | None = None
    """How many steps the training was meant to take, where the log says so."""
    notes: tuple[str, ...] = ()
    """What was survived without loss: a restart and how many points it superseded, a choice made between two tags."""
    incidents: tuple[Incident, ...] = ()
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """What was found out about it already, as in `Series`: every detector asks for its span."""

    def __getitem__(self, role: Role) -> Series | None:
        tag = self.roles.get(role)
        return None if tag is None else self.series[tag]

    @property
    def span(self) -> Span | None:
        """First and last step of the training, or None for a run without points.

        The loss decides where there is one: a summary that is logged once, at some other count, is not the run's end.
        """
        if "span" not in self.memo:
            self.memo["span"] = self._span()
        found: Span | None = self.memo["span"]
        return found

    def _span(self) -> Span | None:
        told = [s for role in (Role.TRAIN_LOSS, Role.VAL_LOSS, Role.LR) if (s := self[role]) is not None and len(s)]
        told = told or [s for s in self.series.values() if len(s)]
        if not told:
            return None
        return Span(min(int(s.steps[0]) for s in told), max(int(s.steps[-1]) for s in told))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that was measured in a run; no judgement. Each detector subclasses it with what it measures.

    Every field beyond those below is evidence: rules bound it by name, messages print it, JSON lists it.
    """

    kind: ClassVar[str]
    calibrated: ClassVar[bool] = False
    """Whether `confidence` is a share of right answers, counted on runs whose truth is known, and not a mere margin."""

    series: str
    """Tag of the series that it was seen in."""
    span: Span
    """The steps that it covers."""
    confidence: float
    """Between 0 and 1: how far the measurement stands above the noise of this run."""

    @classmethod
    def evidence_names(cls) -> tuple[str, ...]:
        """Names of the measured fields, in order of definition."""
        return tuple(f.name for f in fields(cls) if f.name not in COMMON_FIELDS)

    @property
    def evidence(self) -> dict[str, Evidence]:
        """The measured fields by name."""
        return {name: getattr(self, name) for name in self.evidence_names()}


COMMON_FIELDS = frozenset(f.name for f in fields(Finding))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleLr:
    """Multiply the peak learning rate."""

    action: ClassVar[str] = "scale_lr"
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AddWarmup:
    """Start with a linear warm-up, or lengthen the one that there is."""

    action: ClassVar[str] = "add_warmup"
    fraction: float
    """Of the whole run, between 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseSchedule:
    """Let the rate follow another law after the warm-up."""

    action: ClassVar[str] = "use_schedule"
    schedule: str
    """Name of a module in `lrdoctor.schedules`."""
    final_fraction: float = 0.0
    """The rate at the end, as a fraction of the peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipGrad:
    """Clip the gradient's norm, at the 90th percentile of what was logged (Tuning Playbook, 2023) or at `max_norm`."""

    action: ClassVar[str] = "clip_grad"
    max_norm: float = 1.0
    """Used where the log has no gradient norm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Something to do that no number expresses."""

    action: ClassVar[str] = "say"
    text: str


Fix = ScaleLr | AddWarmup | UseSchedule | ClipGrad | Say


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInfo:
    """What a report needs to know of a rule."""

    id: str
    name: str
    severity: Severity
    what: str
    withholds: bool = False
    """Whether it says that the run cannot be judged, rather than judging it."""
    instead: bool = False
    """Whether it speaks in place of all others, of a run that is no training to be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A judgement: the rule that spoke, the findings it rests on, and what to change."""

    rule: RuleInfo
    message: str
    because: tuple[Finding, ...]
    """The first is the subject; the others had to hold beside it."""
    fixes: tuple[Fix, ...]
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a prescription is expected to reach, with its 90 % band."""

    metric: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """A range of peak rates that others use: published practice, which decides nothing."""

    what: str
    """What they are usual for, in a few words."""
    low: float
    high: float
    """The same as `low` where one rate is usual."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A prescription as code to paste."""

    framework: str
    """Name of a module in `lrdoctor.exports`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescription:
    """One consistent configuration for the next run."""

    peak_lr: float | None
    """None where no rate was logged: then only `lr_scale` is known."""
    lr_scale: float
    """The peak relative to the run's own peak."""
    schedule: str
    warmup_steps: int
    total_steps: int
    final_lr: float | None
    params: Mapping[str, float | str] = field(default_factory=dict)
    clip_grad_norm: float | None = None
    confidence: float
    reason: str
    expected: Expected | None = None
    alternatives: tuple[Prescription, ...] = ()
    priors: tuple[Prior, ...] = ()
    """What is usual for such a training, to hold the peak against."""
    code: Code | None = None
    """For the framework that the log came from; None where no rate was logged, and for alternatives."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """Everything a writer needs: the runs in a deterministic order, what could not be read, and the rules in force."""

    runs: tuple[Diagnosis, ...]
    errors: tuple[Problem, ...] = ()
    rules: tuple[RuleInfo, ...] = ()
    version: str

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


def finite_or_none(value: float | None) -> float | None:
    """The value where it is a finite number, else None: strict JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None
