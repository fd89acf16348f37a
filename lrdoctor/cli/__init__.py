"""The command line: one module per command, found by where it lies and imported when it is asked for."""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib import import_module

# numpy's linear algebra starts a thread per core when it is imported, and nothing here is large enough to use them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click

from lrdoctor.errors import LrdoctorError


class _Commands(click.Group):
    """Commands by module name; problems that we expect end in a line each, and bugs of ours in one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"lrdoctor.cli.{name}").command
        command.name = name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise click.UsageError(
                f"{error.message} Did you mean {near[0]!r}?" if near else error.message, ctx
            ) from None

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LrdoctorError as error:
            complain(error.problems)
            ctx.exit(2)
        except (click.exceptions.Exit, click.ClickException, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if os.environ.get("LRDOCTOR_DEBUG") == "1":
                raise
            complain([f"a bug in lrdoctor: {type(error).__name__}: {error}; LRDOCTOR_DEBUG=1 shows where"])
            ctx.exit(3)


def complain(problems: list[str] | tuple[str, ...]) -> None:
    """Each problem as one line on stderr, escaped: what names a file was written by a stranger."""
    from lrdoctor.reports._escape import plain

    for problem in problems:
        line = f"lrdoctor: {plain(problem, limit=1000)}"
        encoding = sys.stderr.encoding or "utf-8"
        click.echo(line.encode(encoding, "backslashreplace").decode(encoding), err=True)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lrdoctor", message="lrdoctor %(version)s")
def main() -> None:
    """Say what went wrong with a training's learning rate, and what to try next.

    \b
    lrdoctor analyze runs/     the post-mortem of every run below a folder
    lrdoctor explain LRD103    what a rule looks for, and what to do
    """
