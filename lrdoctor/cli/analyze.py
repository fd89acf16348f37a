"""`lrdoctor analyze PATH…`: find every run, diagnose it, prescribe the next one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lrdoctor.model import Report


def report_formats() -> list[str]:
    """Names of the installed report formats."""
    from lrdoctor import plugins

    return list(plugins.names("reports"))


class Format(click.ParamType[str]):
    """A report format; the names are looked up when one is given, so that `--help` imports nothing for them."""

    name = "format"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself, or a usage error that lists the known ones."""
        known = report_formats()
        if value not in known:
            self.fail(f"no report format {value!r}; there are: {', '.join(known)}", param, ctx)
        return value


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
        if not equals or not file:
            self.fail(f"{value!r} is not FORMAT=FILE, such as json=report.json", param, ctx)
        return Format().convert(form, param, ctx), Path(file)


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=Format(), default="text", show_default=True, help="What to print: text or json.")
@click.option(
    "--output", "outputs", metavar="FORMAT=FILE", type=Output(), multiple=True, help="Write a report to a file, too."
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file, instead of the nearest lrdoctor.toml or pyproject.toml.",
)
@click.pass_context
def command(
    ctx: click.Context,
    paths: Sequence[Path],
    form: str,
    outputs: Sequence[tuple[str, Path]],
    config_file: Path | None,
) -> None:
    """Diagnose every run below the paths and prescribe the next configuration.

    Exit status: 0, or 2 when an input cannot be used (the report on the others is still written).
    """
    from lrdoctor.cli import complain
    from lrdoctor.config import load_config
    from lrdoctor.doctor import analyze

    report = analyze(*paths, config=load_config(Path.cwd(), config_file))
    write_all(report, form, outputs)
    complain([f"{problem.path}: {problem.message}" for problem in report.errors])
    if report.errors:
        ctx.exit(2)


def write_all(report: Report, form: str, outputs: Sequence[tuple[str, Path]]) -> None:
    """The report on standard output in one format, and in files in others.

    A file is replaced only once the new report is whole. Raises `LrdoctorError` where one cannot be written.
    """
    from lrdoctor import plugins
    from lrdoctor.errors import LrdoctorError

    for name, file in outputs:
        temporary = file.with_name(f".{file.name}.part")
        try:
            with temporary.open("w", encoding="utf-8", newline="\n") as out:
                plugins.writer(name).write(report, out)
            temporary.replace(file)
        except OSError as error:
            raise LrdoctorError(f"{file}: cannot be written: {error.strerror or error}") from error
        finally:
            temporary.unlink(missing_ok=True)
    plugins.writer(form).write(report, sys.stdout)
