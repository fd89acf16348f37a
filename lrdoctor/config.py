"""The configuration of a project: `lrdoctor.toml`, or `[tool.lrdoctor]` in `pyproject.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lrdoctor.errors import ConfigError
from lrdoctor.limits import Limits
from lrdoctor.model import Role, Severity
from lrdoctor.tables import read_toml, typed, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a project has decided; the fields are the keys of `lrdoctor.toml` and of `[tool.lrdoctor]`."""

    select: tuple[str, ...] = ()
    """Ids of rules, or the beginnings of ids. Empty: all."""
    ignore: Mapping[str, str] = field(default_factory=dict)
    """Ids or beginnings -> why; the reason is empty where the file has a plain list. Wins over `select`."""
    fail_on: Severity = Severity.ERROR
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


def load_config(start: Path, explicit: Path | None = None) -> Config:
    """The nearest configuration at or above `start`, or that of the explicit file; the defaults where there is none.

    In one folder `lrdoctor.toml` wins over `pyproject.toml`, and one without `[tool.lrdoctor]` does not count.
    Raises `ConfigError` with all mistakes.
    """
    if explicit is not None:
        table = _own_table(explicit)
        if table is None:
            raise ConfigError(f"{explicit}: has no [tool.lrdoctor]")
        return _config(table, explicit)
    for folder in (start.resolve(), *start.resolve().parents):
        for file in (folder / "lrdoctor.toml", folder / "pyproject.toml"):
            if _is_there(file) and (table := _own_table(file)) is not None:
                return _config(table, file)
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


def _config(table: Any, file: Path) -> Config:
    mistakes = []
    if isinstance(table, dict):
        ignored = table.get("ignore")
        if isinstance(ignored, list) and all(isinstance(rule, str) for rule in ignored):
            table = table | {"ignore": dict.fromkeys(ignored, "")}
        mistakes += [
            f"{key}: {rule!r} is no rule id such as 'LRD101' and no beginning of one"
            for key in ("select", "ignore")
            if isinstance(given := table.get(key), list | dict)
            for rule in given
            if isinstance(rule, str) and not re.fullmatch("LRD[0-9]{0,3}", rule)
        ]
    config, wrong = typed(Config, table)
    if config is None or wrong or mistakes:
        raise ConfigError([f"{file}: {line}" for line in (*wrong, *mistakes)])
    return replace(config, rules=tuple(file.parent / folder for folder in config.rules), source=str(file))


def settings(config: Config, types: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Every detector's settings, from its `Settings` type by the detector's name and what the configuration changes.

    Raises `ConfigError` with all mistakes: unknown detectors, unknown settings, wrong values.
    """
    mistakes = [f"detectors: {unknown('detector', name, types)}" for name in config.detectors if name not in types]
    made = {}
    for name, kind in types.items():
        made[name], wrong = typed(kind, config.detectors.get(name, {}), at=f"detectors.{name}")
        mistakes += wrong
    if mistakes:
        raise ConfigError([f"{config.source}: {line}" for line in mistakes])
    return made
