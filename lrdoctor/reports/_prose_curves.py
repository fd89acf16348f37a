"""The loss above the learning rate on the same steps, and below them where each piece of advice points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lrdoctor.model import Advice, Diagnosis, Finding, Role, Run, Series, Severity
from lrdoctor.reports._braille import chart, pointer
from lrdoctor.reports._lines import Line, line
from lrdoctor.reports._sparkline import Axis, is_log
from lrdoctor.reports._words import STYLES, number

WIDTH = 60
"""Columns of a curve where no terminal says how wide it may be."""
NARROWEST = 20
LEFT, RIGHT = 17, 28
"""Columns that the numbers beside a curve take."""
LOSS_ROWS, RATE_ROWS = 3, 2
SCHEDULE_TRIM = 0.1
"""See `is_log`."""


@dataclass(frozen=True, slots=True)
class Room:
    """What there is to draw on."""

    width: int
    """Columns of a curve."""
    beside: bool
    """Whether there is room for words beside it."""
    braille: bool


def room(width: int | None, *, braille: bool) -> Room:
    """On a terminal of so many columns; None for what is none."""
    if width is None:
        return Room(WIDTH, beside=True, braille=braille)
    if width - LEFT - RIGHT >= NARROWEST:
        return Room(width - LEFT - RIGHT, beside=True, braille=braille)
    return Room(max(width - LEFT, NARROWEST), beside=False, braille=braille)


def curves(diagnosis: Diagnosis, space: Room) -> Iterator[Line]:
    """The charts of the loss and of the rate, and the markers; nothing where neither was logged."""
    run = diagnosis.run
    loss, rate = loss_of(run), run[Role.LR]
    if run.span is None or (not loss and not rate):
        return
    axis = Axis(run.span.first, run.span.last, space.width)
    if loss:
        low = loss.finite()
        least = f"min {number(low.values.min())} at {low.steps[low.values.argmin()]:,}" if len(low) else ""
        yield from _chart("loss", axis, loss, [least], space, rows=LOSS_ROWS, trim=0.0)
    if rate:
        law = str(diagnosis.schedule.kind) if diagnosis.schedule else ""
        yield from _chart("lr", axis, rate, [law], space, rows=RATE_ROWS, trim=SCHEDULE_TRIM)
    yield from _markers(diagnosis, axis, space)


def loss_of(run: Run) -> Series | None:
    """What a person looks at first."""
    return run[Role.TRAIN_LOSS] or run[Role.VAL_LOSS]


def _chart(
    label: str, axis: Axis, series: Series, notes: Sequence[str], space: Room, *, rows: int, trim: float
) -> Iterator[Line]:
    """The curve between its highest and its lowest value; a series that never changes takes one line."""
    finite = series.finite().values
    ends = [number(finite.max()), number(finite.min())] if len(finite) else ["", ""]
    constant = len(finite) == len(series) and finite.min() == finite.max()
    first, last = number(series.values[0]), number(series.values[-1])
    said = [*([] if constant else [f"{first} to {last}"]), *(note for note in notes if note)]
    said += ["log scale"] if is_log(series.values, trim=trim) else []
    if constant:
        rows, ends = 1, ends[:1]
    drawn = chart(axis, series, rows, trim=trim, braille=space.braille)
    labels = [ends[0], *[""] * (rows - 2), *ends[1:]]
    # What has no line of its own stands in the last one.
    beside = [*said[: rows - 1], ", ".join(said[rows - 1 :]), *[""] * rows] if space.beside else [""] * rows
    for place, (row, end, note) in enumerate(zip(drawn, labels, beside, strict=False)):
        yield _row(label if place == 0 else "", end, row, note, dim=place > 0)
    if said and not space.beside:
        yield line(LEFT, (", ".join(said), "dim"))


def _row(label: str, end: str, row: str, note: str, *, dim: bool) -> Line:
    return line(2, f"{label:4} {end:>9} ", row, (f" {note}" if note else "", "dim" if dim else ""))


def _markers(diagnosis: Diagnosis, axis: Axis, space: Room) -> Iterator[Line]:
    """One line for each stretch of the run that a warning or an error rests on."""
    pointing: dict[tuple[int, int], list[Advice]] = {}
    for advice in diagnosis.advice:
        if advice.because and advice.rule.severity is not Severity.INFO:
            subject = advice.because[0]
            pointing.setdefault((_onset(subject), subject.span.last), []).append(advice)
    for (onset, last), advices in pointing.items():
        style = STYLES[max((a.rule.severity for a in advices), key=lambda severity: severity.rank)]
        rules = ", ".join(a.rule.id for a in advices)
        drawn = pointer(axis, onset, last, braille=space.braille)
        yield line(LEFT, (f"{drawn} step {onset:,}", style), (f"  {rules}", "dim"))


def _onset(finding: Finding) -> int:
    """Where it began: some findings cover more than the trouble itself, and measure that."""
    onset = finding.evidence.get("onset_step")
    return onset if isinstance(onset, int) and finding.span.first <= onset <= finding.span.last else finding.span.first
