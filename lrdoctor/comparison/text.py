"""The comparison for people: one table for each family of runs, the winner, the picture, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from lrdoctor.comparison.picture import picture
from lrdoctor.comparison.table import Comparison, Row, SweepTable, Table
from lrdoctor.model import Verdict
from lrdoctor.reports._escape import plain
from lrdoctor.reports._lines import BLANK, Line, line, terminal, write_lines
from lrdoctor.reports._words import columns, count, number

STYLES = {Verdict.HEALTHY: "green", Verdict.UNHEALTHY: "yellow", Verdict.CANNOT_TELL: "dim"}
HEAD = (
    "run",
    "optimizer",
    "peak lr",
    "schedule",
    "warm-up",
    "final",
    "best",
    "missed",
    "90% after",
    "restless",
    "verdict",
)
UNSURE = 0.7
"""Below, the runs were put together on the strength of their names and first losses alone."""
NAME_WIDTH = 60


def write(comparison: Comparison, out: TextIO) -> None:
    """Write the whole comparison, with colour on a terminal and as plain uncut lines everywhere else."""
    write_lines(_lines(comparison), out, terminal(out))


def _lines(comparison: Comparison) -> Iterator[Line]:
    for table in comparison.tables:
        yield from _family(table)
        yield BLANK
    if comparison.alone:
        alone = ", ".join(plain(name) for name in comparison.alone)
        yield line(0, ("not compared, for want of a sibling: ", "dim"), alone)
    for error in comparison.errors:
        yield line(0, ("not used: ", "bold red"), f"{plain(error.path)}: {error.message}")
    runs = sum(len(table.rows) for table in comparison.tables)
    told = f"{count(runs, 'run')} in {count(len(comparison.tables), 'table')}" if runs else "nothing to compare"
    yield line(0, (told, "bold"))


def _family(table: Table) -> Iterator[Line]:
    winner = table.rows[0]
    yield line(
        0, (f"{plain(table.metric)}", "bold"), f" of {count(len(table.rows), 'run')}, untrained {number(table.start)}"
    )
    if table.kinship < UNSURE:
        yield line(
            2, ("no configuration says that these are one model; their names and first losses suggest it", "dim")
        )
    yield from _rows(table.rows)
    if winner.final is None:
        yield line(0, "every run diverged")
        return
    yield line(0, ("best: ", "bold"), plain(winner.name), f", {plain(table.metric)} {number(winner.final)}")
    for sweep in table.sweeps:
        yield from _sweep(sweep, table)


def _rows(rows: Sequence[Row]) -> Iterator[Line]:
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [min(max(columns(row[i]) for row in cells), NAME_WIDTH) for i in range(len(HEAD))]
    for place, row in enumerate(cells):
        text = "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True))
        style = "dim" if place == 0 else STYLES[rows[place - 1].verdict]
        differs = "" if place < 2 else f"  differs in {', '.join(rows[place - 1].differs) or 'nothing but the seed'}"
        yield line(2, (text, style), (differs, "dim"))


def _cells(row: Row) -> tuple[str, ...]:
    calm = None if row.restlessness is None else f"{row.restlessness:.0%}"
    spikes = f", {count(row.spikes, 'spike')}" if row.spikes else ""
    return (
        plain(row.name),
        plain(row.optimizer or "-"),
        _told(row.peak_lr),
        plain(row.schedule or "-"),
        "-" if row.warmup_fraction is None else f"{row.warmup_fraction:.0%}",
        "diverged" if row.final is None else number(row.final),
        _told(row.best),
        "-" if row.missed is None else f"{row.missed:.1%}",
        "never" if row.arrival_steps is None else f"{row.arrival_steps:,} steps",
        (calm or "-") + spikes,
        str(row.verdict).replace("_", " "),
    )


def _told(value: float | None) -> str:
    return "-" if value is None else number(value)


def _sweep(sweep: SweepTable, table: Table) -> Iterator[Line]:
    title = plain(sweep.optimizer or "all runs") + (f", batch size {sweep.batch_size:g}" if sweep.batch_size else "")
    response = sweep.response
    yield BLANK
    if response is None:
        yield line(
            0, (title, "bold"), f": {count(sweep.rates, 'peak rate')}; three that learn are needed to see an optimum"
        )
    else:
        yield line(0, (title, "bold"), f": final {plain(table.metric)} against peak rate")
        drawn = picture(sweep.points, response.grid, response.curve, response.best_rate, table.start)
        yield from (line(2, each) for each in drawn)
        yield line(
            2,
            f"best peak rate {number(response.best_rate)}, with 80% between {number(response.low)} and "
            f"{number(response.high)}; there expect {number(response.value)}, with 90% between "
            f"{number(response.value_low)} and {number(response.value_high)}",
        )
        if response.on_border is not None:
            end = {"low": ("lowest", "below"), "high": ("highest", "above")}[response.on_border]
            yield line(2, (f"the best rate is the {end[0]} that was tried: the optimum may lie {end[1]} it", "yellow"))
    yield from _doubts(sweep)
    if response is not None:
        yield line(2, ("try next: ", "bold"), "peak rate ", (" or ".join(map(number, response.next_rates)), "bold"))


def _doubts(sweep: SweepTable) -> Iterator[Line]:
    """What the sweep cannot tell apart."""
    response = sweep.response
    if sweep.noise is not None:
        yield line(2, f"runs of one setting differ by {sweep.noise:.1%} of the way down (standard deviation)")
    if response is not None and response.seeds_dominate and response.seed_spread is not None:
        told = f"seeds differ by more ({response.seed_spread:.1%}) than rates do ({response.rate_spread:.1%})"
        yield line(2, (f"{told}: repeat runs before you believe the order", "yellow"))
    # A name is no setting; that names differ shows in the table.
    settings = {plain(what): with_rate for what, with_rate in sweep.varies.items() if what != "name"}
    confounded = [what for what, with_rate in settings.items() if with_rate]
    free = [what for what, with_rate in settings.items() if not with_rate]
    if confounded and sweep.rates > 1:
        told = f"{', '.join(confounded)} changed whenever the rate did: which of them helped cannot be told"
        yield line(2, (told, "yellow"))
    elif confounded:
        yield line(2, f"these differ in {', '.join(confounded)}")
    if free:
        yield line(2, f"besides the rate these differ in {', '.join(free)}")
