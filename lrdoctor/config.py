"""The configuration of a project: `lrdoctor.toml`, or `[tool.lrdoctor]` in `pyproject.toml`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from lrdoctor.errors import ConfigError
from lrdoctor.limits import Limits
from lrdoctor.model import Role, Severity
from lrdoctor.tables import Day, read_toml, typed, unknown

RULE = "LRD[0-9]{3}"
BEGINNING = "LRD[0-9]{0,3}"


class FailOn(StrEnum):
    """From which severity on advice fails a gate."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    NEVER = "never"

    @property
    def severity(self) -> Severity | None:
        """None for `never`."""
        return None if self is FailOn.NEVER else Severity(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """`[[waive]]`: one rule does not fail the gate for some runs, for a reason and until a day."""

    rule: str
    """The id in full: what is waived must be said."""
    run: str
    """Glob of the runs' names; as everywhere below, `*` stands for any characters, a slash among them."""
    reason: str
    expires: Day
    """The last day on which it holds."""

    def __post_init__(self) -> None:
        wrong = [] if re.fullmatch(RULE, self.rule) else [f"rule {self.rule!r} is no rule id such as 'LRD101'"]
        wrong += [] if self.reason.strip() else ["reason must not be empty"]
        if wrong:
            raise ValueError("; ".join(wrong))


@dataclass(frozen=True, slots=True, kw_only=True)
class PerRun:
    """`[[per_run]]`: what is decided otherwise for some runs. What is None stays as it is."""

    run: str
    select: tuple[str, ...] | None = None
    ignore: Mapping[str, str] | None = None
    fail_on: FailOn | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """`[[expect]]`: what a metric must have reached. Raises `ValueError` for one that could not be held against a run.

    Every bound that is given must hold.
    """

    metric: str
    """A role such as `val_loss`, or a tag of the log."""
    run: str = "*"
    at: Literal["final", "best", "step"] = "final"
    step: int | None = None
    """For `at = "step"`."""
    below: float | None = None
    above: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    no_worse_than: str | None = None
    """Name of the reference run, or a glob; of several the best is meant. None of them is held against itself."""
    by: float = 0.0
    """How much worse than the reference it may be, as a share of the reference's value."""
    better: Literal["lower", "higher"] | None = None
    """Needed where the name of the metric does not say it."""

    def __post_init__(self) -> None:
        bounds = self.bounds
        wrong = []
        if not bounds and self.no_worse_than is None:
            wrong.append("expects nothing; give below, above, at_most, at_least or no_worse_than")
        if (self.at == "step") is not (self.step is not None):
            wrong.append("step and at = 'step' go together")
        wrong += [f"{name} must be a finite number" for name, bound in bounds.items() if not math.isfinite(bound)]
        if not (math.isfinite(self.by) and self.by >= 0):
            wrong.append("by must be a finite number, 0 or above")
        if self.by and self.no_worse_than is None:
            wrong.append("by needs no_worse_than")
        if wrong:
            raise ValueError("; ".join(wrong))

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds that are given, by their names."""
        named = ((name, getattr(self, name)) for name in ("below", "above", "at_most", "at_least"))
        return {name: bound for name, bound in named if bound is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a project has decided; the fields are the keys of `lrdoctor.toml` and of `[tool.lrdoctor]`."""

    select: tuple[str, ...] = ()
    """Ids of rules, or the beginnings of ids. Empty: all."""
    ignore: Mapping[str, str] = field(default_factory=dict)
    """Ids or beginnings -> why; the reason is empty where the file has a plain list. Wins over `select`."""
    fail_on: FailOn = FailOn.ERROR
    strict: bool = False
    """Whether a run that cannot be judged, or is not over, fails a gate."""
    per_run: tuple[PerRun, ...] = ()
    """Of the tables whose glob matches, the last that has a key decides that key; it takes the place of what stands
    above, `select` and `ignore` too."""
    waive: tuple[Waiver, ...] = ()
    expect: tuple[Expectation, ...] = ()
    roles: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    """Globs of the tags that play a role."""
    detectors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings by detector, unchecked; `settings` checks them."""
    rules: tuple[Path, ...] = ()
    """Further folders of rules."""
    limits: Limits = field(default_factory=Limits)
    source: str = field(default="", metadata={"key": False})
    """The file that says so; empty if there is none."""

    def wants(self, rule: str) -> bool:
        """Whether the rule of this id is selected and not ignored."""
        return (not self.select or rule.startswith(self.select)) and not rule.startswith(tuple(self.ignore))

    def of(self, run: str) -> Config:
        """What is decided for the run of this name."""
        decided: dict[str, Any] = {}
        for table in self.per_run:
            if matches(table.run, run):
                own = {key: getattr(table, key) for key in ("select", "ignore", "fail_on", "strict")}
                decided |= {key: value for key, value in own.items() if value is not None}
        return replace(self, **decided) if decided else self

    def with_everywhere(self, **decided: Any) -> Config:
        """The same with keys that are decided so for every run, whatever `per_run` says of them."""
        unsaid: dict[str, Any] = dict.fromkeys(decided)
        tables = tuple(replace(table, **unsaid) for table in self.per_run)
        return replace(self, per_run=tables, **decided)


def matches(glob: str, name: str) -> bool:
    """Whether the name is meant; case counts, and a name with brackets in it also means itself."""
    return glob == name or fnmatchcase(name, glob)


def load_config(start: Path, explicit: Path | None = None, detectors: Mapping[str, type[Any]] | None = None) -> Config:
    """The nearest configuration at or above `start`, or that of the explicit file; the defaults where there is none.

    In one folder `lrdoctor.toml` wins over `pyproject.toml`, and one without `[tool.lrdoctor]` does not count.
    Raises `ConfigError` with all mistakes; those in the settings of detectors are among them where the types of these
    are given, by the detectors' names.
    """
    if explicit is not None:
        table = _own_table(explicit)
        if table is None:
            raise ConfigError(f"{explicit}: has no [tool.lrdoctor]")
        return _config(table, explicit, detectors)
    for folder in (start.resolve(), *start.resolve().parents):
        for file in (folder / "lrdoctor.toml", folder / "pyproject.toml"):
            if _is_there(file) and (table := _own_table(file)) is not None:
                return _config(table, file, detectors)
    return Config()


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # somewhere above may be folders that are closed to us
        return False


def _own_table(file: Path) -> Any:
    try:
        table = read_toml(file)
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error
    if file.name != "pyproject.toml":
        return table
    tools = table.get("tool")
    return tools.get("lrdoctor") if isinstance(tools, dict) else None


def _config(table: Any, file: Path, types: Mapping[str, type[Any]] | None) -> Config:
    mistakes: list[str] = []
    if isinstance(table, dict):
        table = _with_reasons(table)
        mistakes += _no_rules(table, "")
        overrides = table.get("per_run")
        if isinstance(overrides, list):
            overrides = [_with_reasons(one) if isinstance(one, dict) else one for one in overrides]
            mistakes += [
                line
                for index, one in enumerate(overrides)
                if isinstance(one, dict)
                for line in _no_rules(one, f"per_run.{index}.")
            ]
            table = table | {"per_run": overrides}
    config, wrong = typed(Config, table)
    detectors = table.get("detectors") if isinstance(table, dict) else None
    if types is not None and isinstance(detectors, dict):
        # One that is no table is a mistake already, and hides none of the others.
        mistakes += _settings({name: one for name, one in detectors.items() if isinstance(one, dict)}, types)[1]
    if config is None or wrong or mistakes:
        raise ConfigError([f"{file}: {line}" for line in (*wrong, *mistakes)])
    return replace(config, rules=tuple(file.parent / folder for folder in config.rules), source=str(file))


def _with_reasons(table: dict[str, Any]) -> dict[str, Any]:
    """The same with `ignore` as a table, where it is a plain list."""
    ignored = table.get("ignore")
    if isinstance(ignored, list) and all(isinstance(rule, str) for rule in ignored):
        return table | {"ignore": dict.fromkeys(ignored, "")}
    return table


def _no_rules(table: Mapping[str, Any], at: str) -> Iterator[str]:
    for key in ("select", "ignore"):
        given = table.get(key)
        if isinstance(given, list | dict):
            yield from (f"{at}{key}: {line}" for line in no_beginnings(rule for rule in given if isinstance(rule, str)))


def no_beginnings(given: Iterable[str]) -> list[str]:
    """A line for each that is neither a rule id nor the beginning of one."""
    return [
        f"{rule!r} is no rule id such as 'LRD101' and no beginning of one"
        for rule in given
        if not re.fullmatch(BEGINNING, rule)
    ]


def settings(config: Config, types: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Every detector's settings, from its `Settings` type by the detector's name and what the configuration changes.

    Raises `ConfigError` with all mistakes: unknown detectors, unknown settings, wrong values.
    """
    made, mistakes = _settings(config.detectors, types)
    if mistakes:
        raise ConfigError([f"{config.source}: {line}" for line in mistakes])
    return made


def _settings(
    given: Mapping[str, Mapping[str, Any]], types: Mapping[str, type[Any]]
) -> tuple[dict[str, Any], list[str]]:
    mistakes = [f"detectors: {unknown('detector', name, types)}" for name in given if name not in types]
    made = {}
    for name, kind in types.items():
        made[name], wrong = typed(kind, given.get(name, {}), at=f"detectors.{name}")
        mistakes += wrong
    return made, mistakes
