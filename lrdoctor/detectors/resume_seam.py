"""A place where the training was taken up again, and the rate or the loss did not go on where it had stopped.

What it measures: where the rate left its law and went on from another of its steps, or jumped up by half or more where
no law is known; whether the schedule began anew there; and how far the loss was thrown back.
How: warm restarts and cycles jump too, but a law explains the whole of them, and they are no seams. A lost scheduler
state leaves two pieces of one law that do not fit together. Levels of the loss just before the seam are compared with
the highest soon after.
Blind spots: a single restart of a periodic schedule looks like a resume. A rate that jumps down without a law is taken
for a cut. A resume that lost the optimizer's state alone leaves no trace in the rate.
References: PyTorch, "Saving and loading a general checkpoint": the optimizer's and the scheduler's state belong in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lrdoctor.identify import identified, never_moves
from lrdoctor.model import Finding, Floats, Role, Run, Series, Span
from lrdoctor.ordering import diff, median
from lrdoctor.signal import between, finite_loss, finite_rate, level, margin, peak_of

NEEDS: frozenset[Role] = frozenset({Role.LR})

_NOTE = re.compile(r"restart at step (-?[0-9]+)")
"""How parsers tell of a restart in `Run.notes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a jump is."""

    jump: float = 1.5
    gained: float = 0.1
    """It also gains a tenth of the peak."""
    low: float = 0.1
    """Below this share of the peak a period may have ended: then a jump is a warm restart."""
    reach: float = 0.03
    """Levels of the loss are taken over this fraction of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeSeam(Finding):
    """The rate did not go on as it had begun."""

    kind: ClassVar[str] = "resume_seam"
    seam_step: int
    rate_before: float
    rate_after: float
    rate_jump: float
    """Rate after the seam over that before it."""
    begins_anew: bool
    """From the seam on the law goes on from its own step 0."""
    noted: bool
    """The log tells of a restart there."""
    thrown_back: float
    """Rise of the loss soon after the seam, as a share of all that had been learned by then."""


FINDING = ResumeSeam


def detect(run: Run, settings: Settings) -> Iterator[ResumeSeam]:
    """At most one finding."""
    rate, span = finite_rate(run), run.span
    if rate is None or span is None or never_moves(rate):
        return
    losses = [s for s in (finite_loss(run, Role.VAL_LOSS), finite_loss(run, Role.TRAIN_LOSS)) if s is not None]
    series = next((s for s in losses if len(s) >= 20), None)
    if series is None or len(rate) < 10 or peak_of(rate) <= 0:
        return
    seam, anew = _seam(rate, settings)
    if seam is None:
        return
    reach = settings.reach * (span.last - span.first)
    before, after = float(rate.values[seam - 1]), float(rate.values[seam])
    thrown = _thrown_back(series, int(rate.steps[seam - 1]), reach)
    if thrown is None or before <= 0 or after <= 0:
        return
    step = int(rate.steps[seam])
    noted = [int(m.group(1)) for note in run.notes if (m := _NOTE.match(note))]
    yield ResumeSeam(
        series=series.tag,
        span=Span(step, span.last),
        confidence=margin(max(after / before, before / after) - 1, 0.5),
        seam_step=step,
        rate_before=before,
        rate_after=after,
        rate_jump=after / before,
        begins_anew=anew,
        noted=any(abs(step - told) <= reach for told in noted),
        thrown_back=thrown,
    )


def _seam(rate: Series, settings: Settings) -> tuple[int | None, bool]:
    """Index of the first point behind the seam, if there is one, and whether the law began anew there."""
    found = identified(rate)
    if found is not None:
        if not found.seams:
            return None, False
        seam = int(rate.steps.searchsorted(found.seams[0]))
        clock = found.seams[0] - found.first_step - found.lags[0]
        # The law began anew somewhere between the last point before the seam and the first behind it.
        return seam, 0 <= clock <= int(rate.steps[seam]) - int(rate.steps[seam - 1])
    jumps = _jumps(rate.values / peak_of(rate), settings)
    # Several are a law of their own, and one out of the depth is the restart of a period.
    only = jumps[0] if len(jumps) == 1 and rate.values[jumps[0] - 1] > settings.low * peak_of(rate) else None
    return only, False


def _jumps(u: Floats, settings: Settings) -> list[int]:
    """First indices behind the jumps up that come after the first peak."""
    top = int((u >= 0.995).argmax())
    up = ((u[1:] >= settings.jump * u[:-1]) & (diff(u) >= settings.gained)).nonzero()[0] + 1
    return [int(i) for i in up if i > top + 2 and i - 1 not in up]


def _thrown_back(series: Series, seam: int, reach: float) -> float | None:
    before = level(series, seam - reach, seam)
    levels = [median(v) for k in range(3) if len(v := between(series, seam + 1 + k * reach, seam + (k + 1) * reach))]
    if before is None or not levels:
        return None
    learned = float(series.values[0]) - before
    return max(0.0, (max(levels) - before) / learned) if learned > 1e-3 * abs(before) else None
