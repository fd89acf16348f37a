"""The scheduler that PyTorch's own loops, Lightning and Hugging Face's Trainer have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lrdoctor import plugins
from lrdoctor.exports import _scalar
from lrdoctor.exports._law import folded, is_ramp, native, rise
from lrdoctor.schedules._plan import Plan, Warmup

_MODULE = "torch.optim.lr_scheduler"
KEPT = 1 << 6
"""Schedulers that are remembered."""
_CLASS = re.compile(rf"\b{re.escape(_MODULE)}\.(\w+)")


@dataclass(frozen=True, slots=True)
class Scheduler:
    """A constructor call of an object that multiplies or sets the rate of `optimizer`."""

    imports: tuple[str, ...]
    """Whole lines, the standard library first."""
    function: str
    """A definition that the call needs, or an empty string."""
    call: str

    @property
    def head(self) -> str:
        """The function with the space around it that goes before the code that uses it."""
        return f"\n\n{self.function}\n\n" if self.function else ""


_known: dict[str, Scheduler] = {}


def scheduler(plan: Plan) -> Scheduler:
    """PyTorch's own class where it follows the plan at every step, else `LambdaLR` with a function.

    The peak is not in it: the runs of a sweep have it in common.
    """
    if not plugins.is_built_in("schedules", plan.schedule):
        return _made(plan)  # its parameters may not tell all by their text
    # By their text, in which 0 and 0.0 differ, as they do in the code.
    told = repr((plan.schedule, plan.params, plan.warmup, plan.total_steps))
    found = _known.get(told)
    if found is None:
        if len(_known) == KEPT:
            _known.clear()
        found = _known[told] = _made(plan)
    return found


def _made(plan: Plan) -> Scheduler:
    law = native(plan, "pytorch")
    if law is None or (plan.warmup.steps and not is_ramp(plan.warmup)):
        modules, function = _scalar.function(plan)
        return _scheduler(f"{_MODULE}.LambdaLR(optimizer, lr_at)", modules, function)
    if not plan.warmup.steps:
        return _scheduler(folded(law))
    both = "".join(f"        {call},\n" for call in (_ramp(plan.warmup), law))
    return _scheduler(
        f"{_MODULE}.SequentialLR(\n    optimizer,\n    [\n{both}    ],\n    milestones=[{plan.warmup.steps}],\n)"
    )


def _ramp(warmup: Warmup) -> str:
    # LinearLR refuses to start at 0.
    if warmup.start > 0:
        return f"{_MODULE}.LinearLR(optimizer, start_factor={warmup.start!r}, total_iters={warmup.steps})"
    return f"{_MODULE}.LambdaLR(optimizer, lambda step: {rise(warmup, 'step', 'np')})"


def _scheduler(call: str, modules: tuple[str, ...] = (), function: str = "") -> Scheduler:
    classes = ", ".join(sorted(set(_CLASS.findall(call))))
    plain = [f"import {module}" for module in modules]
    return Scheduler(
        imports=(*plain, *([""] if plain else []), f"from torch.optim import AdamW\nfrom {_MODULE} import {classes}"),
        function=function,
        call=_CLASS.sub(r"\1", call),
    )
