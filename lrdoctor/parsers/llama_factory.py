"""LLaMA-Factory's `trainer_log.jsonl`: one object per logged step, with the planned number of steps in each.

Schema: LLaMA-Factory 0.9, `train/callbacks.py` (`LogCallback`): `current_steps`, `total_steps`, `loss`, `eval_loss`,
`lr`, `epoch`, `percentage`, times as text; what is None is left out, and the last row has no loss. A NaN reads 0.0, as
in the Trainer's own state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lrdoctor.model import Run, Status
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import head
from lrdoctor.parsers._json import records, text
from lrdoctor.parsers._json_rows import Table, flat, whole
from lrdoctor.parsers._json_runs import Told, runs
from lrdoctor.parsers.trainer_state import dead_from, unmasked
from lrdoctor.roles import RoleNames

NAME = "trainer_log.jsonl"
NO_SERIES = frozenset({"current_steps", "total_steps", "percentage", "elapsed_time", "remaining_time"})


def claims(path: Path) -> bool:
    """The file by its name, so that one that cannot be read is told too."""
    return path.name == NAME and head(path, 1) is not None


def home(path: Path) -> Path:
    """The output folder."""
    return path.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The run of an output folder; several where a training was begun again in it. Raises `LogError`."""
    path = files[0]
    damage, table = Damage(path), Table()
    planned, reached = None, -1
    rows = list(records(text(path), damage))
    dead = dead_from([row for _, row in rows], "current_steps")
    for line, row in rows:
        step = whole(row.get("current_steps"))
        if step is None:
            damage.add(f"line {line}", "no_step", "no current_steps in the row: it is left out")
            continue
        planned, reached = whole(row.get("total_steps")) or planned, step
        cells = {key: value for key, value in flat(row).items() if key not in NO_SERIES}
        table.add(unmasked(cells, step, dead, damage), line, step)
    told = Told(
        format="llama_factory",
        home=home,
        status=Status.FINISHED if planned and reached >= planned > 0 else Status.UNKNOWN,
        planned_steps=planned if planned and planned > 0 else None,
        several=True,
    )
    yield from runs(table, names, damage, told)
