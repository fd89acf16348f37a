"""`lrdoctor check PATH…`: the gate for CI."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrdoctor.cli._examining import Asked, configured, examined, examining, logs_of, tell
from lrdoctor.cli._output import spared

if TYPE_CHECKING:
    from lrdoctor.gate.baseline import Known
    from lrdoctor.model import Gate, Report


@click.command()
@examining
@click.option(
    "--fail-on",
    type=click.Choice(["info", "warning", "error", "never"]),
    help="The severity from which on advice fails.  [default: the configuration's, else error]",
)
@click.option("--exit-zero", is_flag=True, help="Exit 0 where the gate fails; 2 stays 2.")
@click.option(
    "--baseline",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Advice that this file knows does not fail.",
)
@click.option("--write-baseline", is_flag=True, help="Let the file of --baseline know what fails now.")
@click.option("--strict", is_flag=True, help="A run that cannot be judged fails, and so does one that is not over.")
@click.option("--allow-empty", is_flag=True, help="Nothing to check is well.")
@click.pass_context
def command(
    ctx: click.Context,
    asked: Asked,
    fail_on: str | None,
    file: Path | None,
    *,
    exit_zero: bool,
    write_baseline: bool,
    strict: bool,
    allow_empty: bool,
) -> None:
    """Analyze every run below the paths, and fail where advice is severe enough.

    \b
    lrdoctor check runs/ --fail-on warning
    lrdoctor check runs/ --baseline known.json --write-baseline

    Waivers, expectations of metrics and exceptions for some runs stand in the configuration. A loss that ends in NaN
    fails whatever rules are left out.

    Exit status: 0 it passes; 1 it fails; 2 that cannot be told: bad usage or configuration, nothing to check, an input
    that cannot be used (the report on the others is still written).
    """
    from lrdoctor.config import FailOn
    from lrdoctor.gate import baseline
    from lrdoctor.gate.judge import judge, worth_knowing
    from lrdoctor.gate.waivers import today
    from lrdoctor.model.report import NothingThere

    if write_baseline and file is None:
        raise click.UsageError("--write-baseline needs --baseline FILE")
    config = configured(asked)
    if fail_on is not None:
        config = config.with_everywhere(fail_on=FailOn(fail_on))
    if strict:
        config = config.with_everywhere(strict=True)
    known = baseline.read(file) if file is not None and not write_baseline else frozenset()
    report = examined(asked, config)
    if allow_empty:
        report = replace(report, errors=tuple(e for e in report.errors if not isinstance(e, NothingThere)))
    further = [] if report.runs or report.errors or allow_empty else ["nothing to check; --allow-empty lets that pass"]
    day = today()
    if file is not None and write_baseline and not further:
        known = worth_knowing(report, config, day)
        _, refused = spared([("baseline", file)], logs_of(asked, report))
        further = refused or _written(file, known, report)
    gate = judge(report, config, day=day, known=known)
    usable = tell(asked, replace(report, gate=gate), further)
    if not asked.quiet:
        _say(file, gate, known if write_baseline and not further else None)
    if not usable:
        ctx.exit(2)
    if not (gate.passed or exit_zero):
        ctx.exit(1)


def _written(file: Path, known: Collection[Known], report: Report) -> list[str]:
    """Write the baseline; why it was not, if it was not."""
    from lrdoctor.cli._files import replace_file
    from lrdoctor.gate.baseline import dumps

    if report.errors:
        # What is not there now would fail as soon as it can be read again.
        return [f"{file}: not written, as there are inputs that could not be used"]
    try:
        replace_file(file, lambda out: print(dumps(known), end="", file=out))
    except OSError as error:
        return [f"{file}: cannot be written: {error.strerror or error}"]
    return []


def _say(file: Path | None, gate: Gate, written: Collection[Known] | None) -> None:
    from lrdoctor.cli import complain
    from lrdoctor.gate.judge import BASELINE

    if written is not None:
        complain([f"{file}: knows {len(written)} finding{'' if len(written) == 1 else 's'} now"])
    elif any(line.startswith(BASELINE) for line in gate.gone):
        complain([f"{file}: knows what is gone; --write-baseline takes it out"])
