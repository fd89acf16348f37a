"""What the commands that report share: options for formats, files and the configuration, and how files are written."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from lrdoctor.model import Report

Names = Callable[[], Sequence[str]]
"""The formats there are, looked up when one is given, so that `--help` imports nothing for them."""
Files = Sequence[tuple[str, Path]]
TEXT_OR_JSON = ("text", "json")

LOGS = click.Path(path_type=Path, readable=False)
"""Where logs are. One that is closed to us is told as the other problems are, and the rest is looked at."""

config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, readable=False),
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
            near = get_close_matches(value, known, n=1)
            instead = f"; did you mean {near[0]!r}?" if near else ";"
            self.fail(f"no report format {value!r}{instead} there are: {', '.join(known)}", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The formats that begin so."""
        return [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]


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
        if file == "-":
            self.fail(f"{value!r}: standard output takes one format: --format {form}", param, ctx)
        return Format(self.names).convert(form, param, ctx), Path(file)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The formats that begin so; files behind the equals sign are the shell's."""
        return [CompletionItem(f"{name}=") for name in self.names() if name.startswith(incomplete)]


def output_option(names: Names) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--output FORMAT=FILE`, repeatable."""
    return click.option(
        "--output", "outputs", metavar="FORMAT=FILE", type=Output(names), multiple=True, help="Write a file, too."
    )


def same_file(file: Path, other: Path) -> bool:
    """Whether both are one regular file, there or not; what is no such file, as /dev/null, can be written twice."""
    try:
        if file.exists() and not file.is_file():
            return False
        return file.resolve() == other.resolve() or (file.exists() and other.exists() and file.samefile(other))
    except OSError:
        return False


def spared(outputs: Files, logs: Iterable[Path]) -> tuple[Files, list[str]]:
    """The files that may be written, and a line for each that was read: a slip must not cost a training's only log."""
    read = {_identity(log) for log in logs} - {None} if outputs else set()
    over = [file for _, file in outputs if _identity(file) in read]
    said = [f"{file}: not written, as it is a log that was read" for file in over]
    return [(name, file) for name, file in outputs if file not in over], said


def _identity(file: Path) -> tuple[int, int] | None:
    """The same for every name of one regular file; None for what is none."""
    try:
        about = file.stat()
    except OSError:
        return None
    return (about.st_dev, about.st_ino) if stat.S_ISREG(about.st_mode) else None


def write_report(report: Report, form: str, outputs: Files, *, quiet: bool = False, verbose: bool = False) -> None:
    """The report on standard output in one format, and in files in others.

    `verbose` prints `full` where `text` was asked for; `quiet` prints what is wrong and nothing else, and leaves every
    format that is no prose as it is. Files are whole in any case. Raises `LrdoctorError` as `write_all` does.
    """
    from lrdoctor import plugins
    from lrdoctor.reports.text import write_quietly

    if form == "text" and verbose:
        form = "full"
    prose = form in ("text", "full")

    def printed(out: TextIO) -> None:
        if quiet and prose:
            write_quietly(report, out)
        else:
            plugins.writer(form).write(report, out)

    # What programs read is UTF-8 whatever the locale says, as in a file.
    if plugins.writer(form).SUFFIX != ".txt" and isinstance(sys.stdout, TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")
    write_all(lambda name, out: plugins.writer(name).write(report, out), form, outputs, printed=printed)


def write_all(
    write: Callable[[str, TextIO], None],
    form: str,
    outputs: Files,
    *,
    printed: Callable[[TextIO], None] | None = None,
) -> None:
    """What `write` makes of each format: in files first, then in one, or what `printed` makes, on standard output.

    Raises `LrdoctorError` with a line for each file that cannot be written, once all the others are.
    """
    from lrdoctor.cli._files import forget_stdout, replace_file
    from lrdoctor.errors import LrdoctorError

    if isinstance(sys.stdout, TextIOWrapper):
        # A name from a log must not end the report where the terminal knows no such letter.
        sys.stdout.reconfigure(errors="backslashreplace")
    problems = []
    for name, file in outputs:
        try:
            replace_file(file, partial(write, name))
        except OSError as error:
            problems.append(f"{file}: cannot be written: {error.strerror or error}")
    try:
        if printed is None:
            write(form, sys.stdout)
        else:
            printed(sys.stdout)
        # Here, and not at the interpreter's end, a reader that has gone can still be told from a bug.
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        forget_stdout()
        problems.append(f"standard output: cannot be written: {error.strerror or error}")
    if problems:
        raise LrdoctorError(problems)
