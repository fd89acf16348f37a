"""`lrdoctor compare PATH…`: runs side by side, who won, what differs, and where the best learning rate lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from lrdoctor.cli._output import LOGS, TEXT_OR_JSON, config_option, output_option, spared, write_all
from lrdoctor.cli.rules import format_option


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=LOGS)
@format_option
@output_option(lambda: TEXT_OR_JSON)
@config_option
@click.pass_context
def command(
    ctx: click.Context, paths: Sequence[Path], form: str, outputs: Sequence[tuple[str, Path]], config_file: Path | None
) -> None:
    """Put the runs below the paths side by side, and say where the best peak rate lies.

    \b
    lrdoctor compare runs/                 every sweep below a folder
    lrdoctor compare runs/sgd runs/adam    fixed, decayed and adaptive runs of one model

    Exit status: 0, or 2 when an input cannot be used (the others are still compared) or a file cannot be written.
    """
    from lrdoctor.cli import complain
    from lrdoctor.comparison import json, text
    from lrdoctor.config import load_config
    from lrdoctor.doctor import compare

    comparison = compare(*paths, config=load_config(Path.cwd(), config_file))
    writers = {"text": text.write, "json": json.write}
    outputs, problems = spared(outputs, [*paths, *comparison.logs])
    write_all(lambda name, out: writers[name](comparison, out), form, outputs)
    problems += [f"{problem.path}: {problem.message}" for problem in comparison.errors]
    complain(problems)
    if problems:
        ctx.exit(2)
