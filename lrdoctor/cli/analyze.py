"""`lrdoctor analyze PATH…`: find every run, diagnose it, prescribe the next one."""

from __future__ import annotations

import click

from lrdoctor.cli._examining import Asked, configured, examined, examining, tell


@click.command()
@examining
@click.pass_context
def command(ctx: click.Context, asked: Asked) -> None:
    """Diagnose every run below the paths and prescribe the next configuration.

    The path - is a text log on standard input.

    Exit status: 0, or 2 when an input cannot be used (the report on the others is still written).
    """
    if not tell(asked, examined(asked, configured(asked))):
        ctx.exit(2)
