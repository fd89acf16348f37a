"""What a project expects of its metrics, held against what the runs came to.

Every answer is one of three: it holds, it does not, or it cannot be said; and only the first passes. So a metric that
was not logged, a reference that is not there, an expectation that meets no run, and NaN all fail.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from lrdoctor.config import Expectation, matches
from lrdoctor.gate.meant import meant
from lrdoctor.gate.measured import Measured, direction, measure, unknown_direction
from lrdoctor.model import Diagnosis, Failure, Severity

HOLDS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "below": (operator.lt, "below"),
    "above": (operator.gt, "above"),
    "at_most": (operator.le, "at most"),
    "at_least": (operator.ge, "at least"),
}


def failed(expectations: Sequence[Expectation], runs: Sequence[Diagnosis]) -> Iterator[Failure]:
    """A failure for each expectation and run that it does not hold for."""
    for wanted in expectations:
        yield from _failed(wanted, runs)


def _failed(wanted: Expectation, runs: Sequence[Diagnosis]) -> Iterator[Failure]:
    reference = wanted.no_worse_than
    references = [] if reference is None else [run for run in runs if matches(reference, run.name)]
    apart = {run.name for run in references}
    held = [run for run in runs if matches(wanted.run, run.name) and run.name not in apart]
    if not held:
        near = meant(wanted.run, [run.name for run in runs])
        yield _failure("", f"expected of {wanted.run!r}, which matches no run: {_said(wanted)}{near}")
    if reference is not None and not references:
        near = meant(reference, [run.name for run in runs])
        yield _failure("", f"{_named(wanted)}: there is no run {reference!r} to hold it against{near}")
    best = cache(lambda lower: _best(wanted, references, lower))
    for run in held:
        lower = direction(run.run, wanted)
        measured = measure(run, wanted, lower)
        if measured.value is None:
            what = "nonfinite" if measured.nonfinite else "expectation"
            yield _failure(run.name, f"{_named(wanted)}: {measured.how}; expected: {_said(wanted)}", what)
            continue
        for name, bound in wanted.bounds.items():
            holds, word = HOLDS[name]
            if not holds(measured.value, bound):
                yield _failure(run.name, f"{_came_to(wanted, measured)}, not {word} {bound:.6g}")
        if references and lower is None:
            yield _failure(run.name, f"{_named(wanted)}: {unknown_direction(wanted.metric)}")
        elif references:
            yield from _worse(wanted, run.name, measured, best(lower), lower=bool(lower))


def _best(wanted: Expectation, references: Sequence[Diagnosis], lower: bool) -> tuple[str, Measured]:
    """The name of the best reference, and what it came to; the first with its reason where none came to a number."""
    reached = [(reference.name, measure(reference, wanted, lower)) for reference in references]
    known = [(told.value, name, told) for name, told in reached if told.value is not None]
    if not known:
        # One that is no number says more than one that was not logged.
        return next((pair for pair in reached if pair[1].nonfinite), reached[0])
    _, name, told = (min if lower else max)(known, key=lambda one: one[0])
    return name, told


def _worse(
    wanted: Expectation, run: str, measured: Measured, reference: tuple[str, Measured], *, lower: bool
) -> Iterator[Failure]:
    """A failure if the run is worse than the reference by more than is allowed, or nobody can tell."""
    name, told = reference
    if told.value is None or measured.value is None:
        what = "nonfinite" if told.nonfinite else "expectation"
        yield _failure(run, f"{_named(wanted)} of the reference {name}: {told.how}", what)
        return
    best = told.value
    worse = measured.value - best if lower else best - measured.value
    allowed = wanted.by * abs(best)
    # A difference that overflows is no number either, and must not pass for a small one.
    if not (worse <= allowed and math.isfinite(allowed)):
        share = f" by {worse / abs(best):.3g} of it" if best and math.isfinite(worse / best) else ""
        more = f", {wanted.by:.3g} allowed" if wanted.by else ""
        yield _failure(run, f"{_came_to(wanted, measured)}, worse than {best:.6g} of {name}{share}{more}")


def _failure(run: str, message: str, what: str = "expectation") -> Failure:
    return Failure(run=run, what=what, severity=Severity.ERROR, message=message)


def _named(wanted: Expectation) -> str:
    return f"{wanted.metric} at step {wanted.step:,}" if wanted.step is not None else f"{wanted.at} {wanted.metric}"


def _came_to(wanted: Expectation, measured: Measured) -> str:
    return f"{_named(wanted)} is {measured.value:.6g} ({measured.how})"


def _said(wanted: Expectation) -> str:
    """The expectation in words."""
    said = [f"{HOLDS[name][1]} {bound:.6g}" for name, bound in wanted.bounds.items()]
    if wanted.no_worse_than is not None:
        said.append(f"no worse than {wanted.no_worse_than!r}" + (f" by more than {wanted.by:.3g}" if wanted.by else ""))
    return f"{_named(wanted)} {' and '.join(said)}"
