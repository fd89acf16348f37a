"""What every framework's code is written from: the framework's own class where it is exact, else the formula."""

from __future__ import annotations

import ast
from textwrap import indent
from typing import cast

from lrdoctor import plugins
from lrdoctor.schedules._plan import Plan, Warmup


def native(plan: Plan, framework: str) -> str | None:
    """The framework's own class as a constructor call, or None where it would not follow the plan at every step."""
    law = plugins.schedule(plan.schedule)
    planned = law.planned_steps(plan.params)
    # Beyond its end a law holds its rate; the frameworks' classes do as they please.
    if planned is not None and plan.total_steps > plan.warmup.steps + planned:
        return None
    # A law that rises by itself sets the rate of step 0 too, and cannot follow anything.
    if law.WHOLE and plan.warmup.steps:
        return None
    write = law.NATIVE.get(framework)
    return write(plan.params) if write else None


def expression(plan: Plan, xp: str) -> str:
    """The law after the warm-up, relative to the peak, as a Python expression of `step`."""
    return plugins.schedule(plan.schedule).expression(plan.params, xp)


def rise(warmup: Warmup, step: str, xp: str) -> str:
    """The warm-up, relative to the peak, as a Python expression of the variable `step`."""
    if warmup.shape == "constant":
        return repr(warmup.start)
    if warmup.shape == "linear":
        risen, scale = f"{step} / {warmup.steps}", ""
    else:
        risen, scale = f"(1 - {xp}.cos({xp}.pi * {step} / {warmup.steps}))", " / 2"
    if not warmup.start:
        return risen + scale
    return f"{warmup.start!r} + {1 - warmup.start!r} * {risen}{scale}"


def joined(plan: Plan, xp: str) -> tuple[str, str]:
    """Name of the argument and body of a function that returns the rate, in expressions of arrays."""
    if not plan.warmup.steps:
        return "step", f"return peak_lr * ({expression(plan, xp)})\n"
    return "count", (
        f"rise = {rise(plan.warmup, 'count', xp)}\n"
        f"step = {xp}.maximum(count - {plan.warmup.steps}, 0)  # the law begins after the warm-up\n"
        f"law = {expression(plan, xp)}\n"
        f"return peak_lr * {xp}.where(count < {plan.warmup.steps}, rise, law)\n"
    )


def is_ramp(warmup: Warmup) -> bool:
    """Whether the warm-up is a straight line, which every framework can join to a law."""
    return warmup.steps > 0 and warmup.shape == "linear"


def arguments(text: str) -> list[str]:
    """The arguments of a call, each as it was written."""
    source = f"f({text})"
    call = cast("ast.Call", ast.parse(source, mode="eval").body)
    return [ast.get_source_segment(source, node) or "" for node in (*call.args, *call.keywords)]


def folded(call: str, room: int = 100) -> str:
    """The constructor call with one argument per line, if it is longer than a line of code should be."""
    if len(call) <= room:
        return call
    name, _, rest = call.partition("(")
    return f"{name}(\n" + indent(",\n".join(arguments(rest.removesuffix(")"))), "    ") + ",\n)"


def numbers(plan: Plan, unit: str = "step") -> str:
    """The two lines that every snippet begins with."""
    what = "optimizer steps" if unit == "step" else f"{unit}s"
    return f"peak_lr = {float(plan.peak_lr)!r}\ntotal_{unit}s = {plan.total_steps}  # {what} of the whole run"
