"""Hugging Face's `trainer_state.json`, of the Trainer and all that is built on it: one run per output folder.

Schema: transformers 5.24, `trainer_callback.py`, `TrainerState`: `log_history` holds rows with a `step`, and the last
one, with `train_runtime`, is a summary. Every checkpoint's file is a prefix of the later ones.
`logging_nan_inf_filter`, on by default, leaves NaN out of the logged mean; a window of nothing but NaN reads 0.0 beside
a gradient norm of NaN (huggingface/trl#1473), and that loss is taken for what it was.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrdoctor.errors import LogError
from lrdoctor.model import Run, Scalar, Status
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import head, natural
from lrdoctor.parsers._json import document, text
from lrdoctor.parsers._json_rows import Cell, Table, flat, whole
from lrdoctor.parsers._json_runs import Told, runs
from lrdoctor.parsers._values import hyperparameters
from lrdoctor.roles import RoleNames

NAME = "trainer_state.json"
SUMMARY = "train_runtime"
"""Stands only in the row that is logged when the training has ended."""
NO_SETTINGS = frozenset({
    "log_history", "stateful_callbacks", "epoch", "global_step", "total_flos", "best_metric", "best_global_step",
    "best_model_checkpoint", "num_input_tokens_seen", "is_hyper_param_search", "is_local_process_zero",
    "is_world_process_zero", "max_steps",
})  # fmt: skip
"""What says how far the training came, and not how it was set up."""
_CHECKPOINT = re.compile(r"checkpoint-[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """One file."""

    path: Path
    damage: Damage
    told: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]

    @property
    def reached(self) -> tuple[int, int]:
        """How far it came: by its own word, else by its last row; then by how much it tells."""
        last = max((whole(row.get("step")) or 0 for row in self.rows), default=0)
        return max(whole(self.told.get("global_step")) or 0, last), len(self.rows)


def claims(path: Path) -> bool:
    """The file by its name, so that one that cannot be read is told too."""
    return path.name == NAME and head(path, 1) is not None


def home(path: Path) -> Path:
    """The output folder: the one that the checkpoints lie in."""
    return path.parent.parent if _CHECKPOINT.fullmatch(path.parent.name) else path.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The run of an output folder; more than one where a checkpoint tells of another training. Raises `LogError`."""
    states: list[_State] = []
    refused: dict[Path, LogError] = {}
    for path in sorted(files, key=lambda path: (natural(str(path)), str(path))):
        try:
            states.append(_state(path))
        except LogError as error:
            refused[path] = error
    if not states:
        raise next(iter(refused.values()))
    states.sort(key=lambda state: state.reached, reverse=True)
    for at, (state, parts) in enumerate(_branches(states)):
        notes = [f"{_where(part, home)} tells the beginning of the same training" for part in parts]
        for path, why in refused.items() if at == 0 else ():
            state.damage.add("", "unreadable_file", f"{path.parent.name}/{path.name}: {why}", 0)
        name = f"{home.name} ({_where(state, home)})" if at else home.name
        yield from _run(home, name, state, names, tuple(notes))


def _state(path: Path) -> _State:
    damage = Damage(path)
    told = document(text(path), damage)
    history = told.get("log_history") if isinstance(told, dict) else None
    if not isinstance(history, list):
        raise LogError("no log_history in it")
    rows = [row for row in history if isinstance(row, dict)]
    if not rows:
        raise LogError("its log_history is empty: nothing was logged yet")
    return _State(path=path, damage=damage, told=told, rows=rows)


def _branches(states: Sequence[_State]) -> list[tuple[_State, list[_State]]]:
    """The states that tell the most of a training, each with those that are its beginning."""
    found: list[tuple[_State, list[str], list[_State]]] = []
    for state in states:
        # As text, because NaN is not equal to itself.
        lines = [repr(sorted(row.items())) for row in state.rows]
        whole_ = next((parts for _, all_lines, parts in found if all_lines[: len(lines)] == lines), None)
        if whole_ is None:
            found.append((state, lines, []))
        else:
            whole_.append(state)
    return [(state, parts) for state, _, parts in found]


def _where(state: _State, home: Path) -> str:
    return state.path.parent.name if state.path.parent != home else state.path.name


def _run(home: Path, name: str, state: _State, names: RoleNames, notes: tuple[str, ...]) -> Iterator[Run]:
    table, lost, finished = Table(), 0, False
    dead = dead_from(state.rows, "step")
    for number, row in enumerate(state.rows, 1):
        step = whole(row.get("step"))
        if SUMMARY in row:
            finished = True  # its train_loss is a mean over the whole run
        elif step is None:
            lost += 1
        else:
            cells = {key: value for key, value in flat(row).items() if key != "step"}
            table.add(unmasked(_unmasked(cells, step, state.damage), step, dead, state.damage), number, step)
    if lost:
        state.damage.add("", "no_step", f"{lost} rows of log_history without a step: they are left out", lost)
    planned = whole(state.told.get("max_steps"))
    if not table.rows:
        raise LogError("nothing but a summary in its log_history: set logging_steps")
    ended = finished or _stopped(state.told) or bool(planned and state.reached[0] >= planned > 0)
    told = Told(
        format="trainer_state",
        home=home,
        hparams=_settings(state.told, state.damage),
        status=Status.FINISHED if ended else Status.UNKNOWN,
        planned_steps=planned if planned and planned > 0 else None,
        notes=notes,
    )
    for run in runs(table, names, state.damage, told):
        yield replace(run, name=name)


def _settings(told: Mapping[str, Any], damage: Damage) -> dict[str, Scalar]:
    found = {key: value for key, value in told.items() if key not in NO_SETTINGS and value is not None}
    return hyperparameters(found, damage, "")


def _stopped(told: Mapping[str, Any]) -> bool:
    """Whether the Trainer meant to stop when it wrote this: at the planned end, or because a callback asked for it."""
    at: Any = told
    for key in ("stateful_callbacks", "TrainerControl", "args", "should_training_stop"):
        at = at.get(key) if isinstance(at, dict) else None
    return at is True


def _unmasked(row: dict[str, Cell], step: int, damage: Damage) -> dict[str, Cell]:
    """The row with NaN for a loss of exactly 0.0 whose gradient is no number: no batch with a loss of 0 has that."""
    norm = row.get("grad_norm")
    if row.get("loss") != 0.0 or not isinstance(norm, float) or not math.isnan(norm):
        return row
    message = "the loss reads 0.0 while the gradient norm is no number: it is taken for the NaN that the Trainer hides"
    damage.add(f"step {step}", "hidden_nonfinite", message, 0)
    return {**row, "loss": float("nan")}


def dead_from(rows: Sequence[Mapping[str, Any]], count: str) -> int | None:
    """The step from which the loss reads exactly 0 to the end, if an evaluation since then was no number; else None."""
    first, proved = None, False
    for row in rows:
        loss, evaluated = row.get("loss"), row.get("eval_loss")
        if isinstance(loss, int | float):
            first, proved = (whole(row.get(count)) if first is None else first, proved) if loss == 0 else (None, False)
        proved = proved or (first is not None and isinstance(evaluated, float) and math.isnan(evaluated))
    return first if proved else None


def unmasked(row: dict[str, Cell], step: int, dead: int | None, damage: Damage) -> dict[str, Cell]:
    """The row with NaN for a loss of exactly 0.0 from the step `dead` on."""
    if dead is None or step < dead or row.get("loss") != 0.0:
        return row
    message = "the loss reads 0.0 to the end while the evaluation is no number: it is taken for the NaN that is hidden"
    damage.add(f"step {step}", "hidden_nonfinite", message, 0)
    return {**row, "loss": float("nan")}
