"""What a prescription is expected to reach, where something is known of it; and where a run in progress will end.

Sibling runs tell where the prescribed peak lies within what was tried, under the schedule that was tried. Else the law
of `forecast` does, at about the same rate level; there it also says which of the standard schedules ends lowest. Where
neither knows, nothing is said: a guess is worth less.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from lrdoctor.model import Expected, Prescription, Run, Status
from lrdoctor.prescribe.code import planned
from lrdoctor.prescribe.forecast import LONGEST, Choice, Forecast, best_schedule, forecast
from lrdoctor.schedules._plan import Plan
from lrdoctor.siblings.response import RateResponse

SAME_PEAK = 0.02
"""Peaks that differ by less are one, written in three digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What the sweep of a run says of the rate, and under which schedules it was swept."""

    response: RateResponse
    metric: str
    """Tag of the loss that the runs were compared by."""
    schedules: frozenset[str | None]


def with_expectation(prescription: Prescription, run: Run, swept: Swept | None) -> Prescription:
    """The same with what it is expected to reach; under another schedule where the law is sure that it ends lower."""
    if swept is not None:
        expected = _of_siblings(prescription, swept)
        return prescription if expected is None else replace(prescription, expected=expected)
    if not 1 / LONGEST <= prescription.lr_scale <= LONGEST:
        return prescription
    found = forecast(run)
    if not isinstance(found, Forecast):
        return prescription
    better = best_schedule(run, found)
    # The law was measured at one level; only there may it choose.
    if abs(prescription.lr_scale - 1) < SAME_PEAK and isinstance(better, Choice) and better.convincing:
        prescription = _under(prescription, better.plan)
    plan = planned(prescription)
    reached = None if plan is None else found.reach(plan)
    return replace(prescription, expected=reached if isinstance(reached, Expected) else None)


def ending(run: Run) -> Expected | None:
    """Where a run in progress will end under its own schedule, with the 90 % band; None where that is not known."""
    if run.status is not Status.RUNNING and run.planned_steps is None:
        return None
    found = forecast(run)
    if not isinstance(found, Forecast):
        return None
    end = found.end()
    return end if isinstance(end, Expected) else None


def _of_siblings(prescription: Prescription, swept: Swept) -> Expected | None:
    """What the sweep says of the prescribed peak, if that is the best rate that it knows, under the same schedule."""
    response, peak = swept.response, prescription.peak_lr
    if response.on_border or peak is None or abs(peak / response.best_rate - 1) > SAME_PEAK:
        return None
    if swept.schedules != {prescription.schedule}:
        return None
    return Expected(metric=swept.metric, value=response.value, low=response.value_low, high=response.value_high)


def _under(prescription: Prescription, plan: Plan) -> Prescription:
    """The same peak and length under this plan's schedule."""
    params = asdict(plan.params)
    total = params.pop("total_steps", None)
    final = params.get("final_fraction", 0.0 if plan.schedule != "constant" else 1.0)
    return replace(
        prescription,
        schedule=plan.schedule,
        params=params,
        warmup_steps=plan.warmup.steps,
        total_steps=plan.total_steps if total is not None else prescription.total_steps,
        final_lr=None if prescription.peak_lr is None else float(f"{prescription.peak_lr * final:.3g}"),
        reason=f"{prescription.reason}; schedule from the law of its own curve",
    )
