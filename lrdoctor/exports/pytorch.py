"""A scheduler of `torch.optim.lr_scheduler`, for a training loop of one's own."""

from __future__ import annotations

from lrdoctor.exports import _torch
from lrdoctor.exports._law import numbers
from lrdoctor.schedules._plan import Plan

TITLE = "PyTorch"


def snippet(plan: Plan) -> str:
    """Code that makes `optimizer` and `scheduler` for the user's `model`."""
    return _code(plan, "step", "once per optimizer step, after optimizer.step(), and not once per epoch")


def per_epoch(plan: Plan) -> str:
    """The same for a plan whose steps are epochs."""
    return _code(plan, "epoch", "once per epoch, after its last batch: these numbers are epochs")


def _code(plan: Plan, unit: str, when: str) -> str:
    made = _torch.scheduler(plan)
    return (
        "\n".join(made.imports)
        + f"\n\n{numbers(plan, unit)}\n{made.head}\n"
        + "optimizer = AdamW(model.parameters(), lr=peak_lr)  # or your own optimizer, at this rate\n"
        + f"scheduler = {made.call}\n# Call scheduler.step() {when}.\n"
    )
