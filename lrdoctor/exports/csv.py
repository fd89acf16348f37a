"""The rate of every step as a table, for whatever has no code here."""

from __future__ import annotations

import numpy as np

from lrdoctor.errors import LrdoctorError
from lrdoctor.schedules._plan import Plan, rates

TITLE = "CSV table"
MOST_ROWS = 1_000_000
"""About 30 MB of text: what a spreadsheet or an editor still opens."""


def snippet(plan: Plan) -> str:
    """Two columns, `step,lr`, one row per optimizer step."""
    if plan.total_steps > MOST_ROWS:
        raise LrdoctorError(f"a table of {plan.total_steps} steps is too long; the most is {MOST_ROWS}")
    values = rates(plan, np.arange(plan.total_steps)).tolist()
    return "step,lr\n" + "".join(f"{step},{value!r}\n" for step, value in enumerate(values))
