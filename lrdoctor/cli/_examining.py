"""What the commands that examine runs share: their options, and the examination itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrdoctor._garbage import young_only
from lrdoctor.cli._output import LOGS, Files, Format, config_option, output_option, same_file

if TYPE_CHECKING:
    from lrdoctor.config import Config
    from lrdoctor.model import Report


def report_formats() -> list[str]:
    """Names of the installed report formats."""
    from lrdoctor import plugins

    return list(plugins.names("reports"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asked for on the command line."""

    paths: Sequence[Path]
    form: str
    outputs: Files
    config_file: Path | None
    select: Sequence[str]
    ignore: Sequence[str]
    limits: Sequence[str]
    jobs: int | None
    quiet: bool
    verbose: bool


_OPTIONS = (
    click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=LOGS),
    click.option(
        "--format",
        "form",
        type=Format(report_formats),
        default="text",
        show_default=True,
        help="What to print: text, json, markdown, html …",
    ),
    output_option(report_formats),
    config_option,
    click.option(
        "--select",
        metavar="RULES",
        multiple=True,
        help="Only these rules: ids or their beginnings, with commas between; repeatable. Wins over the configuration.",
    ),
    click.option("--ignore", metavar="RULES", multiple=True, help="Not these rules; as --select, and wins over it."),
    click.option(
        "--limit",
        "limits",
        metavar="NAME=N",
        multiple=True,
        help="How much is read at most, such as runs=100k or line=8MiB; repeatable. `lrdoctor config` lists them.",
    ),
    click.option("--jobs", "-j", type=int, metavar="N", help="Processes that read and judge; -1: one for each core."),
    click.option("--quiet", "-q", is_flag=True, help="Print what is wrong, and nothing else."),
    click.option("--verbose", "-v", is_flag=True, help="Print every run in full."),
)


def examining(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the arguments and options of `Asked`, which it gets as its first argument."""

    @wraps(command)
    def with_options(**given: Any) -> None:
        asked = Asked(**{name: given.pop(name) for name in Asked.__slots__})
        if asked.quiet and asked.verbose:
            raise click.UsageError("--quiet and --verbose exclude each other")
        files = [file for _, file in asked.outputs]
        if twice := [
            file for place, file in enumerate(files) if any(same_file(file, other) for other in files[:place])
        ]:
            raise click.UsageError(f"--output: {twice[0]} would be written twice")
        if asked.jobs == 0:
            raise click.BadParameter("0 processes do nothing; -1 is one for each core", param_hint="'--jobs'")
        # Around all of it, so that nobody goes through a large report between its making and its writing.
        with young_only():
            command(asked, **given)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


def configured(asked: Asked) -> Config:
    """The configuration with what the command line says instead. Raises `ConfigError` with all mistakes of the file."""
    from lrdoctor import plugins
    from lrdoctor.config import load_config
    from lrdoctor.limits import parse

    types = {name: detector.Settings for name, detector in plugins.detectors().items()}
    config = load_config(Path.cwd(), asked.config_file, types)
    try:
        config = replace(config, limits=parse(asked.limits, config.limits))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--limit'") from error
    if asked.select:
        config = config.with_everywhere(select=_rules(asked.select, "--select"))
    if asked.ignore:
        config = config.with_everywhere(ignore=dict.fromkeys(_rules(asked.ignore, "--ignore"), ""))
    _all_known(config, asked)
    return config


def _rules(given: Sequence[str], option: str) -> tuple[str, ...]:
    from lrdoctor.config import no_beginnings

    rules = tuple(rule for text in given for part in text.split(",") if (rule := part.strip()))
    # A list that came out empty, of a variable that is not set, must not select everything.
    wrong = no_beginnings(rules) if rules else ["no rule is named"]
    if wrong:
        raise click.BadParameter("; ".join(wrong), param_hint=f"'{option}'")
    return rules


def _all_known(config: Config, asked: Asked) -> None:
    """Refuse what begins no rule's id: a slip in `--select` would leave nothing to fail."""
    from lrdoctor.doctor import known_rules
    from lrdoctor.errors import ConfigError

    told = [("select", config.select), ("ignore", config.ignore)]
    told += [(f"per_run.{i}.select", table.select or ()) for i, table in enumerate(config.per_run)]
    told += [(f"per_run.{i}.ignore", table.ignore or ()) for i, table in enumerate(config.per_run)]
    told += [(f"waive.{i}", (waiver.rule,)) for i, waiver in enumerate(config.waive)]
    if not any(rules for _, rules in told):
        return
    ids = [rule.id for rule in known_rules(config)]
    unknown = [
        (key, f"there is no rule {rule!r}; `lrdoctor rules` lists them")
        for key, rules in told
        for rule in rules
        if not any(known.startswith(rule) for known in ids)
    ]
    for key, message in unknown:
        if getattr(asked, key, None):
            raise click.BadParameter(message, param_hint=f"'--{key}'")
    if unknown:
        raise ConfigError([f"{config.source}: {key}: {message}" for key, message in unknown])


def examined(asked: Asked, config: Config) -> Report:
    """The report on what lies below the paths, with progress on a terminal."""
    from lrdoctor.cli._progress import progress
    from lrdoctor.doctor import analyze

    with progress(quiet=asked.quiet) as shown:
        how: dict[str, Any] = {} if shown is None else {"progress": shown}
        how |= {} if asked.jobs is None else {"jobs": asked.jobs}
        return analyze(*asked.paths, config=config, **how)


def logs_of(asked: Asked, report: Report) -> list[Path]:
    """What was read, as far as it is files: not to be written over."""
    return [*asked.paths, *(run.run.path for run in report.runs)]


def tell(asked: Asked, report: Report, more: Sequence[str] = ()) -> bool:
    """Write the report, and each problem as a line on standard error; whether there was none.

    Every report that can be written is, whatever becomes of another.
    """
    from lrdoctor.cli import complain
    from lrdoctor.cli._output import spared, write_report
    from lrdoctor.errors import LrdoctorError

    problems = [f"{problem.path}: {problem.message}" for problem in report.errors]
    outputs, not_written = spared(asked.outputs, logs_of(asked, report))
    problems += not_written
    try:
        write_report(report, asked.form, outputs, quiet=asked.quiet, verbose=asked.verbose)
    except LrdoctorError as error:
        problems += error.problems
    problems += more
    complain(problems)
    return not problems
