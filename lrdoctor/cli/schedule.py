"""`lrdoctor schedule …`: what laws there are, how they look, their code for a framework, and which one a log shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lrdoctor.cli._output import LOGS
from lrdoctor.cli.rules import format_option

if TYPE_CHECKING:
    from lrdoctor.draw import Curve
    from lrdoctor.schedules._plan import Plan

F = TypeVar("F", bound=Callable[..., Any])

NARROWEST, WIDEST = 40, 120
FINEST = 200_000
"""Points that a curve is drawn from: many more than there are columns, few enough to be quick."""


@click.group()
def command() -> None:
    """List the learning-rate schedules, draw one, write it as code, or find the one in a log."""


def _described(function: F) -> F:
    """The options that say which schedule is meant."""
    for option in reversed(
        [
            click.option("--peak", type=float, default=1e-3, show_default=True, help="Highest learning rate."),
            click.option(
                "--steps", type=click.IntRange(1), default=10_000, show_default=True, help="Of the whole run."
            ),
            click.option("--warmup", type=click.IntRange(0), default=0, show_default=True, help="Steps to the peak."),
            click.option(
                "--warmup-shape",
                type=click.Choice(["linear", "constant", "cosine"]),
                default="linear",
                show_default=True,
                help="How it rises.",
            ),
            click.option(
                "--warmup-start",
                type=click.FloatRange(0, 1),
                default=0.0,
                show_default=True,
                help="Rate at step 0 as a share of the peak.",
            ),
            click.option(
                "--set", "settings", metavar="KEY=VALUE", multiple=True, help="A parameter of the law; repeatable."
            ),
        ]
    ):
        function = option(function)
    return function


def _plans(names: Sequence[str], options: dict[str, Any]) -> list[Plan]:
    from math import isfinite

    from lrdoctor.cli._plan import plans
    from lrdoctor.errors import LrdoctorError
    from lrdoctor.schedules._plan import Warmup

    if not (options["peak"] > 0 and isfinite(options["peak"])):
        raise LrdoctorError(f"--peak {options['peak']} is no learning rate")
    warmup = Warmup(steps=options["warmup"], shape=options["warmup_shape"], start=options["warmup_start"])
    return plans(names, options["settings"], options["peak"], warmup, options["steps"])


@command.command("list")
@format_option
def list_(form: str) -> None:
    """Every schedule in one line, with its parameters."""
    from dataclasses import MISSING, fields

    from lrdoctor import plugins
    from lrdoctor.reports._escape import plain

    laws = {
        name: (
            (getattr(law, "__doc__", None) or "").strip().partition("\n")[0],
            {field.name: None if field.default is MISSING else field.default for field in fields(law.Params)},
        )
        for name, law in plugins.schedules().items()
    }
    if form == "json":
        listed = [{"name": name, "what": what, "params": params} for name, (what, params) in laws.items()]
        click.echo(json.dumps({"schema_version": 1, "schedules": listed}, indent=2))
        return
    width = max(map(len, laws))
    for name, (what, params) in laws.items():
        said = ", ".join(key if value is None else f"{key}={value}" for key, value in params.items())
        click.echo(plain(f"{name:<{width}}  {what} [{said or 'no parameters'}]", 1000))


@command.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@_described
@click.option("--svg", "file", type=click.Path(path_type=Path, dir_okay=False), help="Draw it into this file, too.")
def show(names: Sequence[str], file: Path | None, **options: Any) -> None:
    """Draw one schedule, or several in one plot.

    \b
    lrdoctor schedule show cosine --peak 3e-4 --warmup 500 --steps 10000
    lrdoctor schedule show cosine linear warmup_stable_decay
    """
    from shutil import get_terminal_size

    from lrdoctor.draw import mark, plot

    curves = [_curve(plan) for plan in _plans(names, options)]
    width = min(max(get_terminal_size((80, 24)).columns, NARROWEST), WIDEST)
    for line in plot(curves, width=width, ascii_only=not _encodable("⣿┤│└─")):
        click.echo(line)
    for index, curve in enumerate(curves):
        click.echo(curve.label if len(curves) == 1 else f"{mark(index)} {curve.label}")
    if file is not None:
        _write_svg(curves, file)


def _curve(plan: Plan) -> Curve:
    import numpy as np

    from lrdoctor.cli._plan import typed
    from lrdoctor.draw import Curve
    from lrdoctor.schedules._plan import rates

    steps = np.unique(np.linspace(0, plan.total_steps - 1, min(plan.total_steps, FINEST)).astype(np.int64))
    values = rates(plan, steps)
    # The last step lasts until the run ends; what the law would do next is no part of it.
    return Curve(label=typed(plan), steps=np.append(steps, plan.total_steps), values=np.append(values, values[-1]))


def _encodable(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _write_svg(curves: Sequence[Curve], file: Path) -> None:
    from lrdoctor.draw import svg
    from lrdoctor.errors import LrdoctorError

    names = ", ".join(curve.label.partition(" ")[0] for curve in curves)
    told = " ".join(_told(curve) for curve in curves)
    text = svg(curves, title=f"Learning rate: {names}", description=f"Learning rate over the steps. {told}")
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise LrdoctorError(f"{file}: cannot be written: {error.strerror or error}") from error


def _told(curve: Curve) -> str:
    from lrdoctor.draw import number

    top = int(curve.values.argmax())
    first, highest, last = (number(float(curve.values[i])) for i in (0, top, -1))
    return f"{curve.label}: starts at {first}, is highest with {highest} at step {curve.steps[top]}, ends at {last}."


@command.command()
@click.argument("name")
@click.option("--framework", default="pytorch", show_default=True, help="pytorch, lightning, keras, csv …")
@_described
def export(name: str, framework: str, **options: Any) -> None:
    """Print a schedule as code for a framework, or as a table of its rates.

    \b
    lrdoctor schedule export cosine --peak 3e-4 --warmup 500 --steps 10000 --framework keras
    """
    from lrdoctor import plugins

    click.echo(plugins.export(framework.lower()).snippet(_plans([name], options)[0]), nl=False)


@command.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=LOGS)
@format_option
@click.pass_context
def identify(ctx: click.Context, paths: Sequence[Path], form: str) -> None:
    """Name the schedule that each run below the paths logged, as something to type.

    Exit status: 0, or 2 when an input cannot be used (the others are still answered).
    """
    from lrdoctor.cli import complain
    from lrdoctor.cli._identified import as_json, as_line, groups, identified
    from lrdoctor.config import load_config
    from lrdoctor.doctor import read
    from lrdoctor.roles import RoleNames

    runs, problems = read(paths, RoleNames(load_config(Path.cwd()).roles))
    found = [(run, identified(run)) for run in runs]
    if form == "json":
        errors = [{"path": problem.path, "message": problem.message} for problem in problems]
        answer = {"schema_version": 1, "runs": [as_json(run, law) for run, law in found], "errors": errors}
        click.echo(json.dumps(answer, indent=2, allow_nan=False))
    else:
        for run, law in found:
            click.echo("\n".join([as_line(run, law), *groups(run)]))
    complain([f"{problem.path}: {problem.message}" for problem in problems])
    if problems:
        ctx.exit(2)
