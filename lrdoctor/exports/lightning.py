"""`configure_optimizers` of a LightningModule, with the scheduler stepped per batch."""

from __future__ import annotations

from textwrap import indent

from lrdoctor.exports import _torch
from lrdoctor.exports._law import numbers
from lrdoctor.schedules._plan import Plan

TITLE = "Lightning"


def snippet(plan: Plan) -> str:
    """Code that defines `configure_optimizers(self)`."""
    return _code(plan, "step", "once per optimizer step; Lightning would step it once per epoch otherwise")


def per_epoch(plan: Plan) -> str:
    """The same for a plan whose steps are epochs."""
    return _code(plan, "epoch", "these numbers are epochs")


def _code(plan: Plan, unit: str, why: str) -> str:
    made = _torch.scheduler(plan)
    body = (
        "optimizer = AdamW(self.parameters(), lr=peak_lr)  # or your own optimizer, at this rate\n"
        f"scheduler = {made.call}\n"
        f'# "{unit}": {why}.\n'
        f'return {{"optimizer": optimizer, "lr_scheduler": {{"scheduler": scheduler, "interval": "{unit}"}}}}\n'
    )
    return (
        "\n".join(made.imports)
        + f"\n\n{numbers(plan, unit)}; Trainer(max_{unit}s=total_{unit}s)\n{made.head or chr(10)}\n"
        + "def configure_optimizers(self):  # a method of your LightningModule\n"
        + indent(body, "    ")
    )
