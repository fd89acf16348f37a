"""Arguments of Hugging Face's Trainer, or a scheduler that is handed to it."""

from __future__ import annotations

from lrdoctor import plugins
from lrdoctor.exports import _torch
from lrdoctor.exports._law import arguments, is_ramp, native, numbers
from lrdoctor.schedules._plan import Plan

TITLE = "Hugging Face Trainer"
_STEPPED = "# Trainer steps the scheduler once per optimizer step; max_steps counts those, not epochs.\n"


def snippet(plan: Plan) -> str:
    """Code that makes `args`, and `trainer` where the arguments alone do not say it."""
    said = _arguments(plan)
    if said is not None:
        given = ['output_dir="out"', "learning_rate=peak_lr", "max_steps=total_steps"]
        given += [f"warmup_steps={plan.warmup.steps}"] if plan.warmup.steps else []
        lines = "".join(f"    {argument},\n" for argument in [*given, *arguments(said)])
        return (
            "from transformers import TrainingArguments\n\n"
            f"{numbers(plan)}\n\nargs = TrainingArguments(\n{lines})\n{_STEPPED}"
        )
    made = _torch.scheduler(plan)
    return (
        "\n".join(made.imports)
        + "\nfrom transformers import Trainer, TrainingArguments\n"
        + f"\n{numbers(plan)}\n{made.head}\n"
        + "optimizer = AdamW(model.parameters(), lr=peak_lr)  # or your own optimizer, at this rate\n"
        + f"scheduler = {made.call}\n"
        + 'args = TrainingArguments(output_dir="out", learning_rate=peak_lr, max_steps=total_steps)\n'
        + "trainer = Trainer(model=model, args=args, train_dataset=train_dataset, optimizers=(optimizer, scheduler))\n"
        + _STEPPED
    )


def _arguments(plan: Plan) -> str | None:
    """The schedule as arguments, or None where the Trainer has no schedule that follows the plan at every step."""
    warmup = plan.warmup
    # Its warm-ups are straight lines from 0, but for one law, whose begins at the height where it ends.
    start = plan.params.final_fraction if plan.schedule == "warmup_stable_decay" else 0.0
    if warmup.steps and not (is_ramp(warmup) and warmup.start == start):
        return None
    if plan.schedule == "constant" and warmup.steps:
        return 'lr_scheduler_type="constant_with_warmup"'
    # Trainer takes the decay to last for whatever the warm-up leaves of max_steps.
    planned = plugins.schedule(plan.schedule).planned_steps(plan.params)
    if planned is not None and planned != plan.total_steps - warmup.steps:
        return None
    return native(plan, "huggingface")
