"""`lrdoctor prove RUN -- COMMAND…`: train again with what is prescribed, and say whether it helped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from lrdoctor.cli._output import LOGS, TEXT_OR_JSON, config_option, output_option, write_all
from lrdoctor.cli.rules import format_option


@click.command(context_settings={"max_content_width": 100})
@click.argument("run", metavar="RUN", type=LOGS)
@click.argument("words", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the trials and their record go.  [default: lrdoctor-prove/ and the run's name]",
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trainings of each prescription.")
@click.option(
    "--rounds", type=click.IntRange(1), default=1, show_default=True, help="Prescriptions, one after another."
)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="For each training.")
@click.option("--early-stop/--no-early-stop", default=True, show_default=True, help="End a training that diverges.")
@click.option(
    "--siblings",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Other runs of the same training to learn from; repeatable.",
)
@click.option("--fresh", is_flag=True, help="Repeat the trainings that the record has already.")
@click.option(
    "--every",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks at a growing log.",
)
@format_option
@output_option(lambda: TEXT_OR_JSON)
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    run: Path,
    words: Sequence[str],
    folder: Path | None,
    seeds: int,
    rounds: int,
    timeout: float | None,
    early_stop: bool,
    siblings: Sequence[Path],
    fresh: bool,
    every: float,
    form: str,
    outputs: Sequence[tuple[str, Path]],
    config_file: Path | None,
) -> None:
    """Train again with what is prescribed for RUN, and say whether it helped.

    \b
    lrdoctor prove runs/3 -- python train.py --lr {peak_lr} --warmup {warmup_steps} --out {out}

    COMMAND is run without a shell, with these filled in: {peak_lr} {lr_scale} {warmup_steps} {warmup_fraction}
    {schedule} {total_steps} {final_lr} {clip_grad_norm} {seed} {out} {trial}, and {param_NAME} for a parameter of the
    schedule; {{name}} stays {name}. The same is in the environment as LRDOCTOR_PEAK_LR and so on, and in the JSON file
    that LRDOCTOR_PRESCRIPTION names. Its log must appear below {out}; its output goes to standard error.

    The same command goes on where it was interrupted.

    Exit status: 0 it helped; 1 it did not; 2 it could not be run, or there is nothing to try.
    """
    from lrdoctor.config import load_config
    from lrdoctor.errors import LrdoctorError
    from lrdoctor.prove.loop import default_folder, prove
    from lrdoctor.prove.report import WRITERS
    from lrdoctor.prove.trial import Options

    options = Options(
        command=tuple(words),
        folder=default_folder(run) if folder is None else folder,
        config=load_config(Path.cwd(), config_file),
        seeds=seeds,
        rounds=rounds,
        timeout=timeout,
        early_stop=early_stop,
        fresh=fresh,
        every=every,
    )
    try:
        proof = prove(run, options, siblings=siblings, say=_progress())
    except KeyboardInterrupt:
        raise LrdoctorError("interrupted, and the training ended; the same command goes on from here") from None
    write_all(lambda name, out: WRITERS[name](proof, out), form, outputs)
    ctx.exit(0 if proof.helped else 1)


def _progress() -> Callable[[str], None]:
    """A line on standard error, where that is a terminal."""
    return (lambda text: click.echo(f"lrdoctor: {text}", err=True)) if sys.stderr.isatty() else lambda _: None
