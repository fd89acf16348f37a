"""`lrdoctor config`: what is in force, and from where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from datetime import date
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrdoctor.cli._output import config_option
from lrdoctor.cli.rules import format_option

if TYPE_CHECKING:
    from lrdoctor.config import Config

BY_KEY = ("ignore", "roles", "limits")
"""Tables whose keys are decided one by one; those of detectors, too."""


@click.command()
@config_option
@format_option
def command(config_file: Path | None, form: str) -> None:
    """Show every setting that is in force, as a configuration file would say it, and which file says so.

    Exit status: 0, or 2 when the configuration is broken.
    """
    from lrdoctor import plugins
    from lrdoctor.config import Config, load_config, settings

    types = {name: detector.Settings for name, detector in plugins.detectors().items()}
    config = load_config(Path.cwd(), config_file, types)
    in_force = _table(config, settings(config, types))
    usual = _table(Config(), settings(Config(), types))
    if form == "json":
        click.echo(json.dumps(_listed(config, in_force, usual), indent=2, allow_nan=False))
    else:
        for line in _lines(config, in_force, usual):
            click.echo(line)


def _table(config: Config, detectors: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as the tables of its file."""
    told = {f.name: getattr(config, f.name) for f in fields(config) if f.metadata.get("key", True)}
    told |= {"limits": asdict(config.limits), "detectors": {name: asdict(its) for name, its in detectors.items()}}
    for name in ("per_run", "waive", "expect"):
        told[name] = [{key: v for key, v in asdict(one).items() if v is not None} for one in told[name]]
    table: dict[str, Any] = _plain(told)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else str(value) if isinstance(value, Path) else value


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key that is decided by itself, as a path, with its value."""
    for name, value in table.items():
        if name in BY_KEY:
            yield from (((name, key), item) for key, item in value.items())
        elif name == "detectors":
            yield from (((name, one, key), item) for one, its in value.items() for key, item in its.items())
        else:
            yield (name,), value


def _changed(in_force: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[tuple[str, ...], tuple[Any, Any]]:
    """What is not as it is by default: the value, and the default or None, by the path of the key."""
    default = dict(_leaves(usual))
    return {
        path: (value, default.get(path))
        for path, value in _leaves(in_force)
        if path not in default or default[path] != value
    }


def _listed(config: Config, in_force: Mapping[str, Any], usual: Mapping[str, Any]) -> Any:
    from lrdoctor.reports._strict import strict

    return strict(
        {
            "schema_version": 1,
            "file": config.source or None,
            "in_force": _dated(in_force),
            "changed": [
                {"key": ".".join(path), "value": _dated(value), "default": default, "from": config.source}
                for path, (value, default) in _changed(in_force, usual).items()
            ],
        }
    )


def _dated(value: Any) -> Any:
    """The same with dates as texts, for JSON."""
    if isinstance(value, Mapping):
        return {key: _dated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dated(item) for item in value]
    return str(value) if isinstance(value, date) else value


def _lines(config: Config, in_force: Mapping[str, Any], usual: Mapping[str, Any]) -> Iterator[str]:
    """TOML that says the same as the configuration, with a comment where that is not the default."""
    changed = _changed(in_force, usual)

    def entry(path: tuple[str, ...], value: Any) -> str:
        key = _key(path[-1])
        said = f"{key} = {_toml(value)}" if value is not None else f"# {key} is not set"
        if path not in changed:
            return said
        default = changed[path][1]
        return f"{said}  # from {_shown(config.source)}" + (
            f"; default {_toml(default)}" if default is not None else ""
        )

    yield f"# {_shown(config.source)}" if config.source else "# no configuration file: every value is the default"
    tables = (*BY_KEY, "detectors")
    yield from (entry((name,), in_force[name]) for name in in_force if name not in tables)
    for name in BY_KEY:
        yield from ("", f"[{name}]", *(entry((name, key), value) for key, value in in_force[name].items()))
    for name, its in in_force["detectors"].items():
        yield from ("", f"[detectors.{_key(name)}]")
        yield from (entry(("detectors", name, key), value) for key, value in its.items())


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: Any) -> str:
    """The value on one line. A text keeps nothing that a terminal would obey, though TOML allows some of it."""
    if isinstance(value, str):
        quoted = json.dumps(value, ensure_ascii=False)
        return "".join(
            c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 1 << 16 else f"\\U{ord(c):08x}" for c in quoted
        )
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return str(value)


def _shown(text: str) -> str:
    from lrdoctor.reports._escape import plain

    return plain(text, 1000)
