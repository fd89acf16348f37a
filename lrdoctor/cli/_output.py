"""What the commands that report share: options for formats, files and the configuration, and how files are written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import click

Names = Callable[[], Sequence[str]]
"""The formats there are, looked up when one is given, so that `--help` imports nothing for them."""
Files = Sequence[tuple[str, Path]]
TEXT_OR_JSON = ("text", "json")

config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file, instead of the nearest lrdoctor.toml or pyproject.toml.",
)


class Format(click.ParamType[str]):
    """A report format."""

    name = "format"

    def __init__(self, names: Names) -> None:
        self.names = names

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself, or a usage error that lists the known ones."""
        known = self.names()
        if value not in known:
            self.fail(f"no report format {value!r}; there are: {', '.join(known)}", param, ctx)
        return value


class Output(click.ParamType[tuple[str, Path]]):
    """`FORMAT=FILE`."""

    name = "format=file"

    def __init__(self, names: Names) -> None:
        self.names = names

    def convert(
        self, value: str | tuple[str, Path], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        """The format's name and the file, or a usage error."""
        if isinstance(value, tuple):
            return value
        form, equals, file = value.partition("=")
        if not equals or not file:
            self.fail(f"{value!r} is not FORMAT=FILE, such as json=report.json", param, ctx)
        return Format(self.names).convert(form, param, ctx), Path(file)


def output_option(names: Names) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--output FORMAT=FILE`, repeatable."""
    return click.option(
        "--output", "outputs", metavar="FORMAT=FILE", type=Output(names), multiple=True, help="Write a file, too."
    )


def write_all(write: Callable[[str, TextIO], None], form: str, outputs: Files) -> None:
    """What `write` makes of each format: on standard output in one, and in files in others.

    A file is replaced only once the new one is whole. Raises `LrdoctorError` where one cannot be written.
    """
    from lrdoctor.errors import LrdoctorError

    for name, file in outputs:
        temporary = file.with_name(f".{file.name}.part")
        try:
            with temporary.open("w", encoding="utf-8", newline="\n") as out:
                write(name, out)
            temporary.replace(file)
        except OSError as error:
            raise LrdoctorError(f"{file}: cannot be written: {error.strerror or error}") from error
        finally:
            temporary.unlink(missing_ok=True)
    write(form, sys.stdout)
