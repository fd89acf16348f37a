"""An Optax schedule: a function of the step that gives the rate itself."""

from __future__ import annotations

from textwrap import indent

from lrdoctor.exports._law import folded, is_ramp, joined, native, numbers
from lrdoctor.schedules._plan import Plan, Warmup

TITLE = "Optax"


def snippet(plan: Plan) -> str:
    """Code that makes `schedule` and `optimizer`."""
    warmup, law = plan.warmup, native(plan, "optax")
    if law is None or (warmup.steps and not is_ramp(warmup)):
        head = "import jax.numpy as jnp\nimport optax\n"
        argument, body = joined(plan, "jnp")
        made = f"\n\ndef schedule({argument}):\n{indent(body, '    ')}\n\n"
    else:
        head, made = "import optax\n", f"\nschedule = {_after_ramp(warmup, law)}\n"
    return (
        f"{head}\n{numbers(plan)}\n{made}"
        "optimizer = optax.adamw(learning_rate=schedule)  # or your own optimizer\n"
        "# Optax steps the schedule once per optimizer step, that is per call of optimizer.update().\n"
    )


def _after_ramp(warmup: Warmup, law: str) -> str:
    if not warmup.steps:
        return folded(law)
    start = f"{warmup.start!r} * peak_lr" if warmup.start else "0.0"
    ramp = f"optax.linear_schedule(init_value={start}, end_value=peak_lr, transition_steps={warmup.steps})"
    both = indent(f"[\n{indent(f'{folded(ramp)},{chr(10)}{folded(law)},', '    ')}\n],\n", "    ")
    return f"optax.join_schedules(\n{both}    boundaries=[{warmup.steps}],\n)"
