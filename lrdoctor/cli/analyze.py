"""`lrdoctor analyze PATH…`: find every run, diagnose it, prescribe the next one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from lrdoctor.cli._output import Format, config_option, output_option, write_all


def report_formats() -> list[str]:
    """Names of the installed report formats."""
    from lrdoctor import plugins

    return list(plugins.names("reports"))


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=Format(report_formats),
    default="text",
    show_default=True,
    help="What to print: text or json.",
)
@output_option(report_formats)
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    paths: Sequence[Path],
    form: str,
    outputs: Sequence[tuple[str, Path]],
    config_file: Path | None,
) -> None:
    """Diagnose every run below the paths and prescribe the next configuration.

    The path - is a text log on standard input.

    Exit status: 0, or 2 when an input cannot be used (the report on the others is still written).
    """
    from lrdoctor import plugins
    from lrdoctor.cli import complain
    from lrdoctor.config import load_config
    from lrdoctor.doctor import analyze

    report = analyze(*paths, config=load_config(Path.cwd(), config_file))
    write_all(lambda name, out: plugins.writer(name).write(report, out), form, outputs)
    complain([f"{problem.path}: {problem.message}" for problem in report.errors])
    if report.errors:
        ctx.exit(2)
