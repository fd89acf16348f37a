"""Find the extensions: built-in modules by where they lie, third-party ones by entry point. The module is the plugin.

A parser, detector, schedule, report or export is one module that offers what its protocol below says; its file name is
its name. Third parties use the entry-point groups `lrdoctor.parsers`, `.detectors`, `.schedules`, `.reports` and
`.exports`, each entry naming a module. Modules whose name starts with `_` are not plugins.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TextIO, cast

from lrdoctor.errors import PluginError
from lrdoctor.model import Finding, Floats, Ints, Report, Role, Run
from lrdoctor.roles import RoleNames
from lrdoctor.schedules._plan import Plan


class Parser(Protocol):
    """Reads one format."""

    def claims(self, path: Path) -> bool:
        """Whether this file is of the format: by its name first, then by its first bytes; cheap, and never raises."""

    def home(self, path: Path) -> Path:
        """The file or folder that the run of this claimed file is named after; files with one home are read
        together."""

    def read(self, home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
        """The runs of one home, without roles. Raises `LogError` for what cannot be used at all."""


class Detector(Protocol):
    """Measures one thing."""

    NEEDS: frozenset[Role]
    """Without these roles it is skipped, and the report says so."""
    FINDING: type[Finding]
    Settings: type[Any]
    """Frozen dataclass, every field with a default: how to measure, never how to judge."""

    def detect(self, run: Run, settings: Any) -> Iterator[Finding]:
        """What was seen, in order of steps."""


class ScheduleLaw(Protocol):
    """Knows one family of learning-rate schedules: draws it, recognises it and writes it as code.

    Steps are optimizer steps counted from the end of the warm-up, rates are relative to the peak.
    """

    WHOLE: bool
    """Whether it rises by itself: then it has no warm-up before it, and its steps count from the start of the run."""
    Params: type[Any]
    """Frozen dataclass. Raises `ValueError` for what no schedule can be."""
    NATIVE: Mapping[str, Callable[[Any], str | None]]
    """Framework (pytorch, optax, keras, huggingface) -> a call of its own class, for `optimizer` and `peak_lr`.

    Only where that class follows the law exactly, from step 0 to the planned last one; None for parameters that it
    does not cover. What it does after the plan has ended is its own affair: some hold the rate, some let it rise.
    """

    def lr(self, steps: Ints, params: Any) -> Floats:
        """Rate relative to the peak, per optimizer step; shape as `steps`."""

    def fit(self, steps: Ints, relative: Floats, noise: float) -> Iterator[Any]:
        """Parameters that may have drawn these points, the best first; nothing where the law cannot be meant.

        `steps` ascend, and `relative` is rounded by about `noise`. A point may show the law as it was up to one logging
        interval, or one epoch, earlier.
        """

    def planned_steps(self, params: Any) -> int | None:
        """The length that it was planned for; None for laws without an end."""

    def expression(self, params: Any, xp: str) -> str:
        """The relative rate as Python in `step`, a number or an array; `xp` names a module with numpy's functions.

        Not in parentheses: whoever multiplies it puts it into some.
        """


class Writer(Protocol):
    """Writes one report format."""

    SUFFIX: str

    def write(self, report: Report, out: TextIO) -> None:
        """Write the whole report; no analysis, no exit code."""


class Export(Protocol):
    """Writes a schedule as code for one framework."""

    TITLE: str

    def snippet(self, plan: Plan) -> str:
        """Complete code with its imports that gives the plan's rate at every step, or a table of the rates."""


GROUPS = ("parsers", "detectors", "schedules", "reports", "exports")


@dataclass(frozen=True, slots=True)
class _Found:
    module: str
    distribution: str


def names(group: str) -> Mapping[str, str]:
    """Plugin name -> module name, sorted by name, nothing imported. Raises `PluginError` for a name taken twice."""
    return {name: found.module for name, found in sorted(_find(group).items())}


def _find(group: str) -> Mapping[str, _Found]:
    if group not in GROUPS:
        raise ValueError(f"no plugin group {group!r}")
    return _installed(group, entry_points)


@cache
def _installed(group: str, entry_points: Callable[..., Iterable[EntryPoint]]) -> Mapping[str, _Found]:
    """Searched for once: what is installed stays so while a process lives, and a search takes milliseconds."""
    package = import_module(f"lrdoctor.{group}")
    found = {
        info.name: _Found(f"lrdoctor.{group}.{info.name}", "lrdoctor")
        for info in pkgutil.iter_modules(package.__path__)
        if not info.name.startswith("_")
    }
    for entry in entry_points(group=f"lrdoctor.{group}"):
        distribution = entry.dist.name if entry.dist else entry.value
        if entry.name in found:
            first = found[entry.name].distribution
            raise PluginError(f"{distribution}: its {group[:-1]} {entry.name!r} is already offered by {first}")
        found[entry.name] = _Found(entry.value, distribution)
    return found


def _load(group: str, name: str, found: _Found) -> ModuleType:
    try:
        return import_module(found.module)
    except Exception as error:
        if found.distribution == "lrdoctor":
            raise
        raise PluginError(f"{found.distribution}: its {group[:-1]} {name!r} does not load: {error}") from error


def load(group: str) -> dict[str, ModuleType]:
    """All plugins of a group by name, in alphabetical order."""
    return {name: _load(group, name, found) for name, found in sorted(_find(group).items())}


def is_built_in(group: str, name: str) -> bool:
    """Whether this plugin is one of ours."""
    return _find(group)[name].distribution == "lrdoctor"


def parsers() -> dict[str, Parser]:
    """Every parser by name."""
    return {name: cast("Parser", module) for name, module in load("parsers").items()}


def detectors() -> dict[str, Detector]:
    """Every detector by name."""
    return {name: cast("Detector", module) for name, module in load("detectors").items()}


def schedules() -> dict[str, ScheduleLaw]:
    """Every schedule by name."""
    return {name: cast("ScheduleLaw", module) for name, module in load("schedules").items()}


def schedule(name: str) -> ScheduleLaw:
    """One schedule; the others are not imported. Raises `PluginError` for an unknown name."""
    return cast("ScheduleLaw", _one("schedules", "schedule", name))


def export(name: str) -> Export:
    """One framework's export; the others are not imported. Raises `PluginError` for an unknown name."""
    return cast("Export", _one("exports", "framework", name))


def _one(group: str, what: str, name: str) -> ModuleType:
    found = _find(group)
    if name not in found:
        near = get_close_matches(name, found, n=1, cutoff=0.0)
        raise PluginError(f"no {what} {name!r}; did you mean {near[0]!r}? There are: {', '.join(sorted(found))}")
    return _load(group, name, found[name])


def writer(name: str) -> Writer:
    """One report writer; the others are not imported. Raises `PluginError` for an unknown name."""
    found = _find("reports")
    if name not in found:
        raise PluginError(f"no report format {name!r}; there are: {', '.join(sorted(found))}")
    return cast("Writer", _load("reports", name, found[name]))
