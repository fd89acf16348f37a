"""What was typed as a `Plan`: names and parameters with the nearest right one where they are wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lrdoctor import plugins
from lrdoctor.errors import LrdoctorError
from lrdoctor.plugins import ScheduleLaw
from lrdoctor.schedules._defaults import default_params
from lrdoctor.schedules._plan import Plan, Warmup

ROUNDING = 1e-11
"""Relative. A factor per step may be this wrong and still be right to 1e-6 after 100,000 of them."""


def law_named(typed: str) -> tuple[str, ScheduleLaw]:
    """The schedule and its name. Raises `LrdoctorError` that says the nearest one."""
    known = plugins.names("schedules")
    name = typed.lower().replace("-", "_")
    if name in known:
        return name, plugins.schedule(name)
    # People say wsd for warmup_stable_decay.
    initials = [other for other in known if "".join(part[0] for part in other.split("_")) == name]
    near = initials or get_close_matches(name, known, n=1, cutoff=0.0)
    raise LrdoctorError(f"no schedule {typed!r}; did you mean {near[0]!r}? `lrdoctor schedule list` names them all")


def plans(names: Sequence[str], settings: Sequence[str], peak: float, warmup: Warmup, steps: int) -> list[Plan]:
    """A plan for each schedule; every setting must be known to one of them."""
    laws = dict(law_named(name) for name in names)
    given = dict(_split(setting) for setting in settings)
    known = sorted({field.name for law in laws.values() for field in fields(law.Params)})
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0.0)
            hint = f"did you mean {near[0]!r}?" if near else "there is nothing to set"
            raise LrdoctorError(f"{', '.join(laws)} has no parameter {key!r}; {hint}")
    if warmup.steps >= steps:
        raise LrdoctorError(f"a warm-up of {warmup.steps} steps leaves nothing of {steps} steps")
    if warmup.steps and all(law.WHOLE for law in laws.values()):
        raise LrdoctorError(f"{', '.join(laws)} rises by itself: leave the warm-up out")
    return [_plan(name, law, given, peak, Warmup() if law.WHOLE else warmup, steps) for name, law in laws.items()]


def _plan(name: str, law: ScheduleLaw, given: Mapping[str, str], peak: float, warmup: Warmup, steps: int) -> Plan:
    hints = get_type_hints(law.Params)
    own = {key: _value(key, text, hints[key]) for key, text in given.items() if key in hints}
    params = default_params(law, name, steps - warmup.steps, own, warmup_steps=warmup.steps)
    return Plan(schedule=name, params=params, peak_lr=peak, warmup=warmup, total_steps=steps)


def _split(setting: str) -> tuple[str, str]:
    key, equals, value = setting.partition("=")
    if not equals or not key:
        raise LrdoctorError(f"--set {setting!r} is not KEY=VALUE, such as final_fraction=0.1")
    return key.strip().replace("-", "_"), value.strip()


def _value(key: str, text: str, kind: Any) -> Any:
    """The text as what the parameter is annotated with."""
    if get_origin(kind) is Literal:
        if text in get_args(kind):
            return text
        near = get_close_matches(text, get_args(kind), n=1, cutoff=0.0)[0]
        raise LrdoctorError(f"{key}={text}: it is one of {', '.join(get_args(kind))}; did you mean {near!r}?")
    if kind is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise LrdoctorError(f"{key}={text}: it is true or false")
    if get_origin(kind) is tuple:
        return tuple(_whole(key, part) for part in text.split(",") if part.strip())
    if kind is int:
        return _whole(key, text)
    if kind is float:
        try:
            return float(text)
        except ValueError:
            raise LrdoctorError(f"{key}={text}: it is a number") from None
    return text


def _whole(key: str, text: str) -> int:
    try:
        value = float(text)
        if value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise LrdoctorError(f"{key}={text}: it is a whole number")


def shown(value: Any) -> str:
    """A parameter as it is typed after `--set key=`."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def typed(plan: Plan, tolerance: float = 0.0) -> str:
    """What to type after `lrdoctor schedule show` for this plan, without what goes without saying.

    With a `tolerance`, relative to the peak, that is written in as few digits as come within it, and fractions without
    the digits that rounding left.
    """
    spared = ROUNDING if tolerance else 0.0
    warmup = plan.warmup
    law = plugins.schedule(plan.schedule)
    words = [plan.schedule, "--peak", _short(plan.peak_lr, tolerance)]
    if warmup.steps:
        words += ["--warmup", str(warmup.steps)]
        words += ["--warmup-shape", warmup.shape] if warmup.shape != "linear" else []
        words += ["--warmup-start", _short(warmup.start, tolerance)] if warmup.start else []
    words += ["--steps", str(plan.total_steps)]
    chosen: dict[str, Any] = {}
    for field in fields(law.Params):
        value = getattr(plan.params, field.name)
        if isinstance(value, float):
            value = float(_short(value, spared))
        if getattr(_usual(law, plan, chosen), field.name, None) != value:
            chosen[field.name] = value
            words += ["--set", f"{field.name}={shown(value)}"]
    return " ".join(words)


def _usual(law: ScheduleLaw, plan: Plan, chosen: Mapping[str, Any]) -> Any:
    """What would be taken if no more than `chosen` were said; None where that is not possible."""
    left = max(plan.total_steps - plan.warmup.steps, 1)
    try:
        return default_params(law, plan.schedule, left, chosen, warmup_steps=plan.warmup.steps)
    except LrdoctorError:
        return None


def _short(value: float, tolerance: float) -> str:
    for digits in range(1, 17):
        text = f"{value:.{digits}g}"
        if abs(float(text) - value) <= tolerance * abs(value):
            return repr(float(text))
    return repr(value)
