"""`lrdoctor compare PATH…`: runs side by side, who won, what differs, and where the best learning rate lies."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrdoctor.cli.rules import format_option

if TYPE_CHECKING:
    from lrdoctor.comparison.table import Comparison

FORMATS = ("text", "json")


class Output(click.ParamType[tuple[str, Path]]):
    """`FORMAT=FILE`."""

    name = "format=file"

    def convert(
        self, value: str | tuple[str, Path], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        """The format's name and the file, or a usage error."""
        if isinstance(value, tuple):
            return value
        form, equals, file = value.partition("=")
        if not equals or not file or form not in FORMATS:
            self.fail(f"{value!r} is not FORMAT=FILE with a format of {', '.join(FORMATS)}", param, ctx)
        return form, Path(file)


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@format_option
@click.option(
    "--output",
    "outputs",
    metavar="FORMAT=FILE",
    type=Output(),
    multiple=True,
    help="Write the comparison to a file, too.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file, instead of the nearest lrdoctor.toml or pyproject.toml.",
)
@click.pass_context
def command(
    ctx: click.Context, paths: Sequence[Path], form: str, outputs: Sequence[tuple[str, Path]], config_file: Path | None
) -> None:
    """Put the runs below the paths side by side, and say where the best peak rate lies.

    \b
    lrdoctor compare runs/                 every sweep below a folder
    lrdoctor compare runs/sgd runs/adam    fixed, decayed and adaptive runs of one model

    Exit status: 0, or 2 when an input cannot be used (the others are still compared).
    """
    from lrdoctor.cli import complain
    from lrdoctor.config import load_config
    from lrdoctor.doctor import compare

    comparison = compare(*paths, config=load_config(Path.cwd(), config_file))
    _write_all(comparison, form, outputs)
    complain([f"{problem.path}: {problem.message}" for problem in comparison.errors])
    if comparison.errors:
        ctx.exit(2)


def _write_all(comparison: Comparison, form: str, outputs: Sequence[tuple[str, Path]]) -> None:
    """On standard output in one format, and in files in others; a file is replaced only once the new one is whole."""
    from lrdoctor.comparison import json, text
    from lrdoctor.errors import LrdoctorError

    writers = {"text": text.write, "json": json.write}
    for name, file in outputs:
        temporary = file.with_name(f".{file.name}.part")
        try:
            with temporary.open("w", encoding="utf-8", newline="\n") as out:
                writers[name](comparison, out)
            temporary.replace(file)
        except OSError as error:
            raise LrdoctorError(f"{file}: cannot be written: {error.strerror or error}") from error
        finally:
            temporary.unlink(missing_ok=True)
    writers[form](comparison, sys.stdout)
