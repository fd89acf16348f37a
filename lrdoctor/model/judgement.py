"""What is measured in a run, what is made of it, and what is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from typing import ClassVar

from lrdoctor.model.run import Span

Evidence = float | int | bool | str | None
"""What a finding may have measured. `None` says that it could not be measured in this run."""


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
    @cache
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
    why: str = ""
    caveats: str = ""
    references: tuple[str, ...] = ()
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
