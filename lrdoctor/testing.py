"""What a detector's author needs to test it: made runs, made curves with the truth beside them, and the contract.

    made = late_divergence(seed=3)
    run = make_run(train_loss=made.values, val_loss=evaluated(made), lr=constant_rate())
    [finding] = my_detector.detect(run, my_detector.Settings())
    assert finding.onset_step == pytest.approx(made.onset_step, abs=80)

    check_detector(my_detector)

Every curve holds one value per optimizer step, from step 0 on. The same arguments give the same curve; another `seed`
gives another one of its kind, with its onset elsewhere. Nothing here needs more than numpy.
"""

from __future__ import annotations

import math
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lrdoctor import plugins
from lrdoctor.model import Finding, Floats, Ints, Role, Run, Scalar, Series, Span, Status
from lrdoctor.plugins import Detector

STEPS = 2000
"""Length of a made curve where nothing else is asked for."""
DOCSTRING_SECTIONS = ("What it measures", "How", "Blind spots", "References")
"""What the docstring of a detector's module must tell, in this order; each is followed by a colon."""


# --------------------------------------------------------------------------------------------------------------- runs


class Points(NamedTuple):
    """Values with steps of their own, for a series that is logged at another cadence than the rest of its run."""

    steps: Ints
    values: Floats


Values = Sequence[float] | Floats | Points


def make_run(
    *,
    train_loss: Values | None = None,
    val_loss: Values | None = None,
    lr: Values | None = None,
    grad_norm: Values | None = None,
    accuracy: Values | None = None,
    steps: Sequence[int] | Ints | None = None,
    name: str = "made",
    hparams: Mapping[str, Scalar] | None = None,
    planned_steps: int | None = None,
    status: Status = Status.UNKNOWN,
) -> Run:
    """A run with these series in these roles; each is tagged with the name of its role.

    `steps` belongs to every series that is not given as `Points`, and is 0, 1, 2 … by default. Raises `ValueError`, as
    `Series` does, for steps that do not fit the values.
    """
    given = {
        Role.TRAIN_LOSS: train_loss,
        Role.VAL_LOSS: val_loss,
        Role.LR: lr,
        Role.GRAD_NORM: grad_norm,
        Role.ACCURACY: accuracy,
    }
    series: dict[str, Series] = {}
    for role, values in given.items():
        if isinstance(values, Points):
            series[role.value] = Series(tag=role.value, steps=values.steps, values=values.values)
        elif values is not None:
            own = np.arange(len(values)) if steps is None else np.asarray(steps, dtype=np.int64)
            series[role.value] = Series(tag=role.value, steps=own, values=np.asarray(values, dtype=np.float64))
    return Run(
        name=name,
        path=Path(name),
        format="made",
        series=series,
        roles={role: role.value for role, values in given.items() if values is not None},
        hparams=hparams or {},
        planned_steps=planned_steps,
        status=status,
    )


def logged(run: Run, *, every: int, averaged: bool = False) -> Run:
    """The same training as a logger would have told it that writes once in `every` steps.

    `averaged` loggers write the mean since they last wrote, at the last of those steps; the others write what the step
    gave, from the first step on. Validation has a cadence of its own and stays as it is.
    """
    kept = {
        tag: series if tag == run.roles.get(Role.VAL_LOSS) else _logged(series, every, averaged)
        for tag, series in run.series.items()
    }
    return replace(run, series=kept)


def _logged(series: Series, every: int, averaged: bool) -> Series:
    if not averaged:
        return Series(tag=series.tag, steps=series.steps[::every], values=series.values[::every])
    whole = len(series) // every
    windows = series.values[: whole * every].reshape(whole, every)
    return Series(tag=series.tag, steps=series.steps[every - 1 : whole * every : every], values=windows.mean(axis=1))


# ------------------------------------------------------------------------------------------------------------- losses


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """A loss, and the truth about it, which is known because it was made."""

    values: Floats
    """Shape (steps,): what a logger would have written at each step."""
    clean: Floats
    """Shape (steps,): the same without the scatter of batches, and without NaN."""
    onset_step: int | None = None
    """The first step that the fault touches; None for a sound curve."""
    peak_step: int | None = None
    """Where a spike or burst is at its highest; None for a curve without one."""


def evaluated(made: Made, *, every: int = 25, noise: float = 0.002, seed: int = 0) -> Points:
    """The same training on a fixed validation set: the clean curve once in `every` steps, NaN where the loss was."""
    steps = np.arange(0, len(made.values), every)
    seen = _scattered(made.clean, noise, np.random.default_rng([seed, 1]))[steps]
    return Points(steps, np.where(np.isfinite(made.values[steps]), seen, np.nan))


def descent(
    *,
    steps: int = STEPS,
    start: float = 2.3,
    floor: float = 0.3,
    power: float = 0.7,
    noise: float = 0.03,
    seed: int = 0,
) -> Made:
    """A sound training: a power law from `start` towards `floor`, with a scatter of `noise` times its height."""
    clean = floor + (start - floor) * (1 + 100 * np.arange(steps) / steps) ** -power
    return Made(values=_scattered(clean, noise, np.random.default_rng(seed)), clean=clean)


def ends_in_nan(*, steps: int = STEPS, onset: float | None = None, noise: float = 0.03, seed: int = 0) -> Made:
    """A descent that is NaN from its onset, a fraction of the run, to the end."""
    sound, start = descent(steps=steps, noise=noise, seed=seed), _onset(onset, (0.1, 0.9), steps, seed)
    return replace(sound, values=np.where(np.arange(steps) < start, sound.values, np.nan), onset_step=start)


def early_burst(
    *,
    steps: int = STEPS,
    height: float = 20.0,
    recovers: bool = False,
    start: float = 2.3,
    noise: float = 0.03,
    seed: int = 0,
) -> Made:
    """A burst to `height` times the untrained loss; after it the loss is flat at chance or, if it `recovers`, falls.

    The peak comes 2 to 4 % into the run, after a rise and before a fall of 1 % each.
    """
    peak, t = _onset(None, (0.02, 0.04), steps, seed), np.arange(steps)
    reach = max(1, steps // 100)
    rest = descent(steps=steps, start=start, noise=0.0).clean if recovers else np.full(steps, start)
    clean = rest + (height * start - rest) * np.clip(1 - np.abs(t - peak) / reach, 0.0, 1.0)
    values = _scattered(clean, noise, np.random.default_rng(seed))
    return Made(values=values, clean=clean, onset_step=peak - reach + 1, peak_step=peak)


def late_divergence(
    *, steps: int = STEPS, onset: float | None = None, lost: float = 0.9, noise: float = 0.03, seed: int = 0
) -> Made:
    """A descent that climbs from its onset on, within a tenth of the run, and loses that share of all it had
    learned."""
    sound, start = descent(steps=steps, noise=0.0).clean, _onset(onset, (0.3, 0.7), steps, seed)
    best, climb = sound[start], np.clip((np.arange(steps) - start) / (0.1 * steps), 0.0, 1.0)
    clean = np.where(np.arange(steps) < start, sound, best + lost * (sound[0] - best) * climb)
    return Made(values=_scattered(clean, noise, np.random.default_rng(seed)), clean=clean, onset_step=start)


def plateau(
    *, steps: int = STEPS, onset: float | None = None, level: float = 0.8, noise: float = 0.05, seed: int = 0
) -> Made:
    """A straight fall from 2.3 to `level`, and from the onset on nothing but noise around it."""
    start = _onset(onset, (0.15, 0.45), steps, seed)
    clean = level + (2.3 - level) * np.clip(1 - np.arange(steps) / start, 0.0, 1.0)
    return Made(values=_scattered(clean, noise, np.random.default_rng(seed)), clean=clean, onset_step=start)


def spiked(
    *,
    steps: int = STEPS,
    onset: float | None = None,
    height: float = 0.8,
    width: int | None = None,
    recovers: bool = True,
    noise: float = 0.03,
    seed: int = 0,
) -> Made:
    """A descent that jumps by `height` times what had been learned, and is back, or half-way back, `width` steps later.

    A spike that does not recover leaves the loss higher by half of its height to the end. `width` is 1 % of the run by
    default. The jump is sudden, so the onset is the peak.
    """
    sound, start = descent(steps=steps, noise=0.0).clean, _onset(onset, (0.3, 0.8), steps, seed)
    width = max(1, steps // 100) if width is None else width
    t = np.arange(steps)
    jump = height * (sound[0] - sound[start])
    stays = 0.0 if recovers else 0.5 * jump
    clean = sound + np.where(t < start, 0.0, np.maximum(jump * (1 - (t - start) / width), stays))
    values = _scattered(clean, noise, np.random.default_rng(seed))
    return Made(values=values, clean=clean, onset_step=start, peak_step=start)


def ruled_line(
    *, steps: int = STEPS, start: float = 2.3, drop: float = 0.3, noise: float = 0.03, seed: int = 0
) -> Made:
    """A rate far too low: the loss falls by `drop` of its height along a straight line and has not levelled off."""
    clean = start * (1 - drop * np.arange(steps) / max(1, steps - 1))
    return Made(values=_scattered(clean, noise, np.random.default_rng(seed)), clean=clean)


def oscillation(
    *,
    steps: int = STEPS,
    level: float = 0.8,
    swing: float = 0.2,
    period: int | None = None,
    noise: float = 0.03,
    seed: int = 0,
) -> Made:
    """A quick fall over a twentieth of the run, and then swings of `swing` times the level that gain nothing.

    One goes up and the next down. Each lasts for `period` steps, 2 % of the run by default, and has its own height,
    from half to one and a half of `swing`. They belong to the clean curve: the weights swing, not the batches.
    """
    start = max(1, steps // 20)
    period = max(1, steps // 50) if period is None else period
    rng, t = np.random.default_rng(seed), np.arange(steps)
    swings = np.arange(steps // period + 1)
    heights = level * (1 + swing * rng.uniform(0.5, 1.5, len(swings)) * (-1.0) ** swings)
    clean = np.where(t < start, 2.3 + (level - 2.3) * t / start, heights[t // period])
    return Made(values=_scattered(clean, noise, rng), clean=clean, onset_step=start)


def _scattered(clean: Floats, noise: float, rng: np.random.Generator) -> Floats:
    """Batches scatter in proportion to the loss; beyond 2.5 deviations they are cut, lest one be an outlier by
    chance."""
    return np.asarray(clean * (1 + noise * np.clip(rng.standard_normal(len(clean)), -2.5, 2.5)), dtype=np.float64)


def _onset(fraction: float | None, between: tuple[float, float], steps: int, seed: int) -> int:
    """The step at this fraction of the run; where none is given, the seed draws one."""
    fraction = float(np.random.default_rng([seed, 2]).uniform(*between)) if fraction is None else fraction
    return max(1, round(fraction * steps))


# -------------------------------------------------------------------------------------------------------------- rates


def constant_rate(*, steps: int = STEPS, peak: float = 0.001) -> Floats:
    """The same rate at each step."""
    return np.full(steps, peak)


def cosine_rate(
    *, steps: int = STEPS, peak: float = 0.001, warmup: int = 0, final_fraction: float = 0.0, period: int | None = None
) -> Floats:
    """A linear warm-up and then half a cosine, down to `final_fraction` of the peak after `period` steps.

    By default the period is what the warm-up leaves of the run. A shorter one rises again, as PyTorch's does.
    """
    period = steps - warmup - 1 if period is None else period
    wave = 0.5 * (1 + np.cos(np.pi * np.arange(steps - warmup) / period))
    return _after_warmup(final_fraction + (1 - final_fraction) * wave, peak, warmup)


def linear_rate(*, steps: int = STEPS, peak: float = 0.001, warmup: int = 0, final_fraction: float = 0.0) -> Floats:
    """A linear warm-up and then a straight line down to `final_fraction` of the peak."""
    return _after_warmup(np.linspace(1.0, final_fraction, steps - warmup), peak, warmup)


def step_rate(
    *,
    steps: int = STEPS,
    peak: float = 0.001,
    warmup: int = 0,
    factor: float = 0.1,
    cuts: Sequence[float] = (0.5, 0.75),
) -> Floats:
    """A linear warm-up, then the peak, multiplied by `factor` at each of these fractions of the run."""
    passed = sum((np.arange(warmup, steps) >= cut * steps).astype(np.float64) for cut in cuts)
    return _after_warmup(factor ** np.asarray(passed, dtype=np.float64), peak, warmup)


def exponential_rate(
    *, steps: int = STEPS, peak: float = 0.001, warmup: int = 0, final_fraction: float = 0.01
) -> Floats:
    """A linear warm-up, then the same factor at each step, down to `final_fraction` of the peak."""
    return _after_warmup(final_fraction ** np.linspace(0.0, 1.0, steps - warmup), peak, warmup)


def stable_rate(*, steps: int = STEPS, peak: float = 0.001, warmup: int = 0, decay: float = 0.2) -> Floats:
    """Warm-up, stable, decay: the peak until the last `decay` of the run, and a straight line to zero over that."""
    left = np.linspace(1.0, 0.0, steps)[warmup:] / decay
    return _after_warmup(np.minimum(1.0, left), peak, warmup)


def restarted_rate(
    *, steps: int = STEPS, peak: float = 0.001, warmup: int = 0, cycles: int = 4, final_fraction: float = 0.0
) -> Floats:
    """A linear warm-up, then equal cosines one after the other, each beginning at the peak: `cycles` − 1 restarts."""
    phase = np.arange(steps - warmup) * cycles / (steps - warmup) % 1.0
    return _after_warmup(final_fraction + (1 - final_fraction) * 0.5 * (1 + np.cos(np.pi * phase)), peak, warmup)


def _after_warmup(relative: Floats, peak: float, warmup: int) -> Floats:
    return np.asarray(peak * np.concatenate([np.arange(1, warmup + 1) / (warmup + 1), relative]), dtype=np.float64)


# ----------------------------------------------------------------------------------------------------------- contract


def check_detector(detector: Detector) -> None:
    """Raise `AssertionError`, with a line for each breach, unless the detector keeps the contract of all detectors.

    It declares itself: a docstring with `DOCSTRING_SECTIONS`, `NEEDS`, `Settings` with a default for every field, and a
    frozen, slotted `FINDING` whose kind no other installed detector has. It says nothing about a run without points, or
    with one. Whatever a log may hold (NaN, infinities, constants, zeros, negative and huge values, gaps), it neither
    raises nor warns, says the same twice, and what it says is plain and finite: evidence of Python's own types, a
    confidence from 0 to 1, a span within the run. And a loss in another unit, ten times as large, has the same kinds of
    findings.
    """
    # A detector that does not declare itself cannot be run.
    breaches = list(_undeclared(detector)) or [*_hasty(detector), *_fragile(detector), *_tied_to_a_unit(detector)]
    if breaches:
        raise AssertionError("\n- ".join([f"{_name(detector)} breaks the contract of detectors:", *breaches]))


def _name(detector: Detector) -> str:
    return str(getattr(detector, "__name__", detector))


def _undeclared(detector: Detector) -> Iterator[str]:
    docstring = getattr(detector, "__doc__", None) or ""
    places = [docstring.find(f"{section}:") for section in DOCSTRING_SECTIONS]
    yield from (f"its docstring lacks {s!r}" for s, at in zip(DOCSTRING_SECTIONS, places, strict=True) if at < 0)
    if min(places) >= 0 and places != sorted(places):
        yield f"its docstring has its sections in another order than {', '.join(DOCSTRING_SECTIONS)}"
    for attribute in ("NEEDS", "Settings", "FINDING", "detect"):
        if not hasattr(detector, attribute):
            yield f"it has no {attribute}"
            return
    if not isinstance(detector.NEEDS, frozenset) or not all(isinstance(role, Role) for role in detector.NEEDS):
        yield "NEEDS is no frozenset of roles"
    yield from _unsettled(detector.Settings)
    yield from _unfit(detector.FINDING)


def _unsettled(settings: type[Any]) -> Iterator[str]:
    if not is_dataclass(settings) or not _frozen(settings):
        yield "Settings is no frozen dataclass"
        return
    if "__slots__" not in vars(settings):
        yield "Settings has no slots"
    for field in fields(settings):
        if field.default is MISSING and field.default_factory is MISSING:
            yield f"Settings.{field.name} has no default"


def _unfit(finding: type[Finding]) -> Iterator[str]:
    if not (isinstance(finding, type) and issubclass(finding, Finding)) or not _frozen(finding):
        yield "FINDING is no frozen subclass of Finding"
        return
    if "__slots__" not in vars(finding):
        yield f"{finding.__name__} has no slots"
    kind = vars(finding).get("kind")
    if not isinstance(kind, str) or not kind:
        yield f"{finding.__name__}.kind is no name"
    for name, other in plugins.detectors().items():
        if other.FINDING is not finding and other.FINDING.kind == kind:
            yield f"{finding.__name__}.kind {kind!r} is also that of the detector {name!r}"
    hints = typing.get_type_hints(finding)
    for name in finding.evidence_names():
        if not set(typing.get_args(hints[name]) or (hints[name],)) <= _PLAIN:
            yield f"{finding.__name__}.{name} is declared as {hints[name]}, which no rule can bound"


def _frozen(cls: type[Any]) -> bool:
    return bool(getattr(getattr(cls, "__dataclass_params__", None), "frozen", False))


_PLAIN = {float, int, bool, str, type(None)}


def _hasty(detector: Detector) -> Iterator[str]:
    """Findings from nothing."""
    for points in (0, 1):
        for title, roles in _CASTS.items():
            if points and not roles >= detector.NEEDS:
                continue
            run = _cast(roles, np.ones(points), np.arange(points), rate=np.ones(points))
            found, breaches = _seen(detector, run)
            yield from (f"{title}, {points} points: {breach}" for breach in breaches)
            if found:
                yield f"{title}, {points} points: finds {', '.join(f.kind for f in found)}"


def _fragile(detector: Detector) -> Iterator[str]:
    """What breaks on the odd logs that there are."""
    for title, roles in _CASTS.items():
        for what, (steps, values, rate) in _oddities().items():
            run = _cast(roles, values, steps, rate)
            found, breaches = _seen(detector, run)
            again, _ = _seen(detector, run)
            yield from (f"{title}, {what}: {breach}" for breach in breaches)
            if found != again:
                yield f"{title}, {what}: finds another thing the second time"


def _tied_to_a_unit(detector: Detector) -> Iterator[str]:
    """Kinds that change when the loss is written in another unit."""
    for make in TRAININGS:
        for seed in range(3):
            made = make(seed=seed)
            for rate in (constant_rate(), cosine_rate(warmup=50)):
                loss, val = made.values, evaluated(made)
                kinds = [
                    [f.kind for f in _seen(detector, run)[0]]
                    for run in (
                        make_run(train_loss=unit * loss, val_loss=Points(val.steps, unit * val.values), lr=rate)
                        for unit in (1.0, 10.0)
                    )
                ]
                if kinds[0] != kinds[1]:
                    what = f"{make.__name__}(seed={seed})"
                    yield f"{what}: finds {kinds[0]}, and {kinds[1]} when the loss is ten times as large"


def _seen(detector: Detector, run: Run) -> tuple[list[Finding], list[str]]:
    """What it finds in the run, and what is wrong with that."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = list(detector.detect(run, detector.Settings()))
    except Exception as error:
        return [], [f"{'warns' if isinstance(error, Warning) else 'raises'} {type(error).__name__}: {error}"]
    return found, [breach for finding in found for breach in finding_breaches(detector, finding, run)]


def finding_breaches(detector: Detector, finding: Finding, run: Run) -> Iterator[str]:
    """What keeps this finding from being bounded by rules, printed and written as JSON; nothing for a good one."""
    if type(finding) is not detector.FINDING:
        yield f"finds a {type(finding).__name__}, not its FINDING"
        return
    if finding.series not in run.series:
        yield f"series {finding.series!r} is not in the run"
    for name, value in finding.evidence.items():
        if type(value) not in _PLAIN:
            yield f"{name} is a {type(value).__module__}.{type(value).__name__}"
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{name} is {value}"
    if type(finding.confidence) is not float or not 0 <= finding.confidence <= 1:
        yield f"confidence is {finding.confidence!r}"
    span = finding.span
    if not isinstance(span, Span) or type(span.first) is not int or type(span.last) is not int:
        yield f"span is {span!r}"
        return
    # A gradient norm may be logged for a step more than the loss, which is what `Run.span` goes by.
    ends = [int(s.steps[i]) for s in run.series.values() if len(s) for i in (0, -1)]
    if not ends or not min(ends) <= span.first <= span.last <= max(ends):
        yield f"{span} is not within the run, steps {min(ends, default=None)} to {max(ends, default=None)}"


TRAININGS: tuple[Callable[..., Made], ...] = (
    descent,
    ends_in_nan,
    early_burst,
    late_divergence,
    plateau,
    spiked,
    ruled_line,
    oscillation,
)
"""Every kind of loss that is made here. Each takes `steps`, `noise` and `seed`."""

_CASTS = {
    "only a training loss": frozenset({Role.TRAIN_LOSS}),
    "only a validation loss": frozenset({Role.VAL_LOSS}),
    "only a rate": frozenset({Role.LR}),
    "no rate": frozenset({Role.TRAIN_LOSS, Role.VAL_LOSS}),
    "all series": frozenset({Role.TRAIN_LOSS, Role.VAL_LOSS, Role.LR, Role.GRAD_NORM}),
}
"""Which roles a run may have."""


def _cast(roles: frozenset[Role], values: Floats, steps: Ints, rate: Floats) -> Run:
    return make_run(
        train_loss=values if Role.TRAIN_LOSS in roles else None,
        # Half as often, and beginning later, as validations are.
        val_loss=Points(steps[1::2], values[1::2]) if Role.VAL_LOSS in roles else None,
        lr=rate if Role.LR in roles else None,
        grad_norm=values if Role.GRAD_NORM in roles else None,
        steps=steps,
    )


def _oddities() -> dict[str, tuple[Ints, Floats, Floats]]:
    """Steps, loss and rate of logs that are odd, and that somebody's training has written."""
    n = 120
    plain = np.arange(n, dtype=np.int64)
    falling = descent(steps=n).values
    sawtooth = np.where(plain % 2 == 0, 1.0, -1.0)
    flat = np.ones(n)

    def holed(values: Floats, hole: float, where: slice) -> Floats:
        holed = values.copy()
        holed[where] = hole
        return holed

    odd = {
        "a constant loss": flat,
        "a loss of zero": 0 * flat,
        "a loss of minus one": -flat,
        "a loss that falls below zero": falling - 1,
        "a loss that alternates between 1 and -1": sawtooth,
        "a loss near the largest float": 1e308 * sawtooth,
        "a loss near the smallest float": 1e-308 * falling,
        "a loss that leaps from 1e-300 to 1e300": np.where(plain < n // 2, 1e-300, 1e300),
        "a loss that falls from 1e300 to 1e-300": np.where(plain < n // 2, 1e300, 1e-300),
        "NaN throughout": math.nan * flat,
        "infinity throughout": math.inf * flat,
        "minus infinity throughout": -math.inf * flat,
        "NaN at the first step": holed(falling, math.nan, slice(1)),
        "NaN at the last step": holed(falling, math.nan, slice(n - 1, n)),
        "NaN in between": holed(falling, math.nan, slice(40, 60)),
        "infinity in between": holed(falling, math.inf, slice(40, 60)),
        "one finite value": holed(math.nan * flat, 1.0, slice(5, 6)),
        "every other value NaN": holed(falling, math.nan, slice(None, None, 2)),
    }
    logs = {what: (plain, values, cosine_rate(steps=n)) for what, values in odd.items()}
    logs |= {
        f"{points} points": (plain[:points], falling[:points], linear_rate(steps=n)[:points]) for points in range(2, 9)
    }
    rates = {
        "a rate of zero": 0 * flat,
        "a negative rate": -flat,
        "a rate that changes its sign": sawtooth,
        "a rate of NaN": math.nan * flat,
        "a rate with NaN": holed(cosine_rate(steps=n), math.nan, slice(0, n, 3)),
        "an infinite rate": holed(flat, math.inf, slice(40, 60)),
        "a rate near the largest float": 1e308 * sawtooth,
        "a rate near the smallest float": 5e-324 * flat,
        "a rate with a single spike": holed(1e-6 * flat, 1.0, slice(60, 61)),
        "a rate that rises again and again": restarted_rate(steps=n, cycles=20),
    }
    logs |= {what: (plain, falling, rate) for what, rate in rates.items()}
    far = np.iinfo(np.int64)
    paces = {
        "a gap in the steps": np.where(plain < n // 2, plain, plain + 10**6),
        "steps below zero": plain - n // 2,
        "steps far from zero": plain + 10**15,
        "steps up to the largest integer": far.max - plain[::-1],
        "steps from end to end of the integers": np.linspace(-1, 1, n) * 9.2e18,
        "steps that grow tenfold": np.unique(np.geomspace(1, 1e17, n).astype(np.int64) + plain),
    }
    return logs | {what: (steps.astype(np.int64), falling, cosine_rate(steps=n)) for what, steps in paces.items()}
