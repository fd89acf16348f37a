"""A Keras 3 learning-rate schedule, for any of its backends."""

from __future__ import annotations

from textwrap import indent

from lrdoctor.exports._law import folded, is_ramp, joined, native, numbers
from lrdoctor.schedules._plan import Plan

TITLE = "Keras"


def snippet(plan: Plan) -> str:
    """Code that makes `schedule` and `optimizer`."""
    return (
        f"{_schedule(plan, 'step')}"
        "optimizer = keras.optimizers.Adam(learning_rate=schedule)  # or your own optimizer\n"
        "# Keras steps the schedule once per optimizer step (a batch); leave out any callback that sets the rate.\n"
    )


def per_epoch(plan: Plan) -> str:
    """Code that makes `callback` and `optimizer` for a plan whose steps are epochs."""
    rate = "schedule" if _native(plan) == "peak_lr" else "float(schedule(epoch))"
    return (
        f"{_schedule(plan, 'epoch')}"
        "optimizer = keras.optimizers.Adam(learning_rate=peak_lr)  # or your own optimizer\n"
        f"callback = keras.callbacks.LearningRateScheduler(lambda epoch: {rate})\n"
        "# These numbers are epochs: model.fit(..., epochs=total_epochs, callbacks=[callback])\n"
    )


def _schedule(plan: Plan, unit: str) -> str:
    law = _native(plan)
    if law is not None:
        return f"import keras\n\n{numbers(plan, unit)}\n\nschedule = {folded(law)}\n"
    made = _class(plan)
    head = ("import math\n\n" if "math." in made else "") + "import keras\nfrom keras import ops\n"
    return f"{head}\n{numbers(plan, unit)}\n{made}"


def _native(plan: Plan) -> str | None:
    warmup = plan.warmup
    if plan.schedule == "constant" and not warmup.steps:
        return "peak_lr"
    if not warmup.steps:
        return native(plan, "keras")
    if plan.schedule != "cosine" or not is_ramp(warmup) or native(plan, "keras") is None:
        return None
    # The one class of Keras that knows a warm-up.
    start = f"{warmup.start!r} * peak_lr" if warmup.start else "0.0"
    return (
        f"keras.optimizers.schedules.CosineDecay({start}, decay_steps={plan.params.total_steps}, "
        f"alpha={plan.params.final_fraction!r}, warmup_target=peak_lr, warmup_steps={warmup.steps})"
    )


def _class(plan: Plan) -> str:
    argument, body = joined(plan, "ops")
    # Keras has numpy's functions, but not its constant.
    body = body.replace("ops.pi", "math.pi")
    return (
        "\n\n@keras.saving.register_keras_serializable()\n"
        "class Schedule(keras.optimizers.schedules.LearningRateSchedule):\n"
        "    def __call__(self, step):\n"
        f"        {argument} = ops.cast(step, keras.config.floatx())\n"
        f"{indent(body, '        ')}\n"
        "    def get_config(self):\n"
        "        return {}\n"
        "\n\nschedule = Schedule()\n"
    )
