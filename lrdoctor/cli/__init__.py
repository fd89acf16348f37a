"""The command line: one module per command, found by where it lies and imported when it is asked for."""

from __future__ import annotations

import errno
import os
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

# numpy's linear algebra starts a thread per core when it is imported, and nothing here is large enough to use them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click
from click.shell_completion import CompletionItem

from lrdoctor.errors import LrdoctorError

WELCOME = """\
lrdoctor says what went wrong with a training's learning rate, and what to try next.

  lrdoctor analyze runs/     Examine every run below a folder: what is wrong with it, how that is
                             known, and the configuration to try next.
  lrdoctor check runs/       The same as a gate for CI: the exit status is 1 where a run is faulty
                             and 0 where none is.
  lrdoctor explain LRD103    Read up on a rule: what it looks for, why that is bad, what to do, and
                             where the rule is wrong.

lrdoctor --help lists all commands, and lrdoctor COMMAND --help explains one."""
"""What there is to see without any argument."""
SECTIONS = {
    "Examine": ("analyze", "check", "compare", "watch"),
    "Treat": ("prove", "schedule"),
    "Rules and configuration": ("explain", "rules", "config"),
}
"""How `--help` groups the commands; any other stands below them."""
READER_GONE = 141
"""What a shell says of a program that wrote into a closed pipe: 128 + SIGPIPE."""
INTERRUPTED = 130
"""The same after Ctrl-C: 128 + SIGINT."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Not a bug of ours, wherever it was noticed."""


class _Commands(click.Group):
    """Commands by module name; problems that we expect end in a line each, and bugs of ours in one."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        _open_streams()
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            # Help is written before there is a command that could be invoked.
            if error.errno not in DISK_FULL:
                raise
            _no_room(error)
            sys.exit(2)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"lrdoctor.cli.{name}").command
        command.name = name
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(WELCOME)
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        known = self.list_commands(ctx)
        if name in known or (ctx.resilient_parsing and not _is_path(name)):
            return super().resolve_command(ctx, args)
        if not _is_path(name):
            from difflib import get_close_matches

            near = get_close_matches(name, [*known, *_here()], n=1)
            if not near or near[0] in known:
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise click.UsageError(f"No such command, file or folder {name!r}.{hint}", ctx)
        # Where it is a path that is not there, the command says which one may be meant.
        return super().resolve_command(ctx, ["analyze", *args])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        known = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        # Long enough for any first sentence: it is wrapped, not cut.
        told = {name: command.get_short_help_str(1000) for name, command in known.items() if command}
        named = {name for names in SECTIONS.values() for name in names}
        for title, names in (*SECTIONS.items(), ("More", tuple(name for name in told if name not in named))):
            if rows := [(name, told[name]) for name in names if name in told]:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return super().shell_complete(ctx, incomplete) or [CompletionItem(incomplete, type="file")]

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LrdoctorError as error:
            complain(error.problems)
            ctx.exit(2)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except BrokenPipeError:
            from lrdoctor.cli._files import forget_stdout

            forget_stdout()
            ctx.exit(READER_GONE)
        except KeyboardInterrupt:
            if sys.stderr.isatty():
                click.echo(err=True)  # after the ^C
            complain(["interrupted"])
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                _no_room(error)
                ctx.exit(2)
            if os.environ.get("LRDOCTOR_DEBUG") == "1":
                raise
            complain([f"a bug in lrdoctor: {type(error).__name__}: {error}; LRDOCTOR_DEBUG=1 shows where"])
            ctx.exit(3)


def _open_streams() -> None:
    """Let what a closed stream would get go nowhere: Python has None in its place, and nothing there could be written.

    The exit status and the files say what came of it.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for good


def _no_room(error: OSError) -> None:
    from lrdoctor.cli._files import forget_stdout

    forget_stdout()
    complain([f"cannot write: {error.strerror}"])


def _is_path(name: str) -> bool:
    """Whether this can only be meant as a path: one that exists, or has more than one part."""
    try:
        return name == "-" or "/" in name or Path(name).exists()
    except OSError:  # too long, for instance
        return True


def _here() -> list[str]:
    """What lies in the current folder."""
    try:
        return sorted(path.name for path in Path().iterdir())
    except OSError:
        return []


def complain(problems: list[str] | tuple[str, ...]) -> None:
    """Each problem as one line on stderr, escaped: what names a file was written by a stranger."""
    from lrdoctor.reports._commands import inert
    from lrdoctor.reports._escape import plain

    for problem in problems:
        line = inert(f"lrdoctor: {plain(problem, limit=1000)}")
        encoding = sys.stderr.encoding or "utf-8"
        click.echo(line.encode(encoding, "backslashreplace").decode(encoding), err=True)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lrdoctor", message="lrdoctor %(version)s")
def main() -> None:
    """Say what went wrong with a training's learning rate, and what to try next.

    \b
    lrdoctor analyze runs/     the post-mortem of every run below a folder; lrdoctor runs/ for short
    lrdoctor check runs/       the same as a gate for CI
    lrdoctor explain LRD103    what a rule looks for, and what to do

    Completion of commands, options and rules in bash (zsh and fish alike):

    \b
    eval "$(_LRDOCTOR_COMPLETE=bash_source lrdoctor)"
    """
