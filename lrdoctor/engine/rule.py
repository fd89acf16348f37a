"""The rule file as frozen dataclasses: every field below is a key of the TOML file, of the same name and shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Literal, get_args

from lrdoctor.engine.reading import LARGEST, PLACES, measured
from lrdoctor.model import Evidence, Fix, RuleInfo, Severity

Value = bool | int | float | str
"""What TOML may hold where a measurement or a parameter stands."""
FixSpec = Mapping[str, Value]
"""`action`, and the parameters of the `Fix` of that name. A numeric one may be the name of a reading of the subject."""
Sample = Mapping[str, Value]
"""`kind`, and those readings of a finding that an example needs."""

ACTIONS: Mapping[str, type[Fix]] = {fix.action: fix for fix in get_args(Fix)}
"""Every fix that a rule may propose, by its action."""

_NUMBERS = frozenset({int, float})

ORDER = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What one reading must satisfy: everything that is given here. Unknown values satisfy only `known = false`."""

    lt: float | None = None
    le: float | None = None
    gt: float | None = None
    ge: float | None = None
    eq: Value | None = None
    one_of: tuple[Value, ...] = ()
    known: bool | None = None

    def holds(self, value: Evidence) -> bool:
        """Whether the value is known to lie within, or is unknown where the bound asks for just that."""
        if value is None or not measured(value):
            return self.known is False
        if self.known is False:
            return False
        if self.eq is not None and not _same(value, self.eq):
            return False
        if self.one_of and not any(_same(value, other) for other in self.one_of):
            return False
        if self.lt is self.le is self.gt is self.ge is None:
            return True
        return (
            value is not None
            and not isinstance(value, str | bool)
            and (self.lt is None or value < self.lt)
            and (self.le is None or value <= self.le)
            and (self.gt is None or value > self.gt)
            and (self.ge is None or value >= self.ge)
        )

    @property
    def check(self) -> Callable[[Evidence], bool]:
        """`holds`, or what says the same sooner where one thing only is asked: a run is held against some hundreds."""
        given = [name for name in ("lt", "le", "gt", "ge", "eq", "known") if getattr(self, name) is not None]
        if self.one_of or len(given) != 1 or not measured(getattr(self, given[0])):
            return self.holds
        if given == ["eq"]:
            return self._equals if isinstance(self.eq, str | bool) else self.holds
        return {"le": self._at_most, "ge": self._at_least}.get(given[0], self.holds)

    def _equals(self, value: Any) -> bool:
        return bool(value == self.eq) if type(value) is type(self.eq) else self.holds(value)

    def _at_most(self, value: Any) -> bool:
        return bool(-LARGEST <= value <= self.le) if type(value) in _NUMBERS else self.holds(value)

    def _at_least(self, value: Any) -> bool:
        return bool(self.ge <= value <= LARGEST) if type(value) in _NUMBERS else self.holds(value)

    def lines(self) -> tuple[str, ...]:
        """Each condition as a few words that follow the name: `>= 3`, `is one of a, b`."""
        limits = ((symbol, getattr(self, key)) for key, symbol in ORDER.items())
        said = [f"{symbol} {show(limit)}" for symbol, limit in limits if limit is not None]
        if self.eq is not None:
            said.append(f"= {show(self.eq)}")
        if self.one_of:
            said.append(f"is one of {', '.join(show(v) for v in self.one_of)}")
        if self.known is not None:
            said.append("is known" if self.known else "is not known")
        return tuple(said)


def _same(value: Evidence, other: Value) -> bool:
    # True is not 1 here, though Python says so.
    return isinstance(value, bool) is isinstance(other, bool) and value == other


def show(value: Value) -> str:
    """The value as one would write it in the rule file, without quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Holds in a run that has a finding of this kind within all the bounds."""

    finding: str
    where: Mapping[str, Bound] = field(default_factory=dict)
    checks: tuple[tuple[str, Callable[[Any], bool]], ...] = field(
        init=False, repr=False, compare=False, metadata={"key": False}
    )
    """The bounds as what is asked of a finding's attributes: thousands of runs are held against them."""

    def __post_init__(self) -> None:
        checks = tuple(_of_attribute(name, bound.check) for name, bound in self.where.items())
        object.__setattr__(self, "checks", checks)


def _of_attribute(name: str, check: Callable[[Evidence], bool]) -> tuple[str, Callable[[Any], bool]]:
    attribute, _, inner = PLACES.get(name, name).partition(".")
    return attribute, partial(_of_inner, inner, check) if inner else check


def _of_inner(name: str, check: Callable[[Evidence], bool], value: Any) -> bool:
    return check(getattr(value, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Findings of a run, and whether the rule must speak of it. A reading that is not given is unknown."""

    title: str
    fires: bool
    findings: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How often the rule was right about trainings whose truth was measured (`benchmarks/clinic`, training tasks)."""

    faulty: int
    """Runs it spoke of that re-training showed to be faulty."""
    sound: int
    """Runs it spoke of that were as good as the best known; those in between are in neither."""

    @property
    def confidence(self) -> float:
        """The share that was faulty, drawn towards a half where there are few (Laplace's rule of succession, 1814)."""
        return (self.faulty + 1) / (self.faulty + self.sound + 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One judgement, the argument for it, and the examples that prove it."""

    id: str
    name: str
    severity: Severity
    what: str
    why: str
    message: str
    when: tuple[Clause, ...]
    """All must hold. The finding of the first is the subject: the message and the fixes speak of it."""
    unless: tuple[Clause, ...] = ()
    """None may hold."""
    fix: tuple[FixSpec, ...] = ()
    caveats: str = ""
    references: tuple[str, ...]
    example: tuple[Example, ...]
    record: Record | None = None
    """Counted by `python -m benchmarks.clinic record`; None for a rule that spoke of none of those trainings."""
    alone: bool = False
    """Speaks only where no warning and no error does; and says "all is well" only where no rule withholds judgement.

    Only for severity info."""
    instead: bool = False
    """Where it speaks, no other rule does but those of this kind: the run is no training to be judged.

    Only for severity info."""
    verdict: Literal["cannot_tell"] | None = None
    """`cannot_tell`: the rule withholds judgement. Only for severity info."""
    memo: dict[str, Any] = field(init=False, repr=False, compare=False, metadata={"key": False})
    """What `match` has made of it: thousands of runs are held against it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "memo", {})

    @property
    def info(self) -> RuleInfo:
        """What reports need to know of it."""
        given = (self.id, self.name, self.severity, self.what, self.why, self.caveats, self.references)
        return _info(*given, self.verdict == "cannot_tell", self.instead)


@lru_cache(maxsize=1 << 10)
def _info(
    number: str,
    name: str,
    severity: Severity,
    what: str,
    why: str,
    caveats: str,
    references: tuple[str, ...],
    withholds: bool,
    instead: bool,
) -> RuleInfo:
    """One for each rule: thousands of runs have the same advice."""
    return RuleInfo(
        id=number,
        name=name,
        severity=severity,
        what=what.strip(),
        why=why.strip(),
        caveats=caveats.strip(),
        references=references,
        withholds=withholds,
        instead=instead,
    )
