"""One `Run` in place of the several in which a training's loggers told it: the best record, and what the others add."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lrdoctor.model import Role, Run, Scalar, Series, Status

STORES = frozenset({"wandb", "mlflow_files", "mlflow_sqlite", "trackio", "guild"})
LATER = {"tensorboard": 2, "csv": 3, "dvclive": 3, "text": 4}
"""A trainer's own JSON comes first, then the trackers' stores (both write float64), events (float32), tables, and text,
which is rounded."""
CLEARLY_MORE = 1.1
"""Times the points: then even a rounded record is worth more. A few points more are a last line that others lack."""
SHOWN = 5
ROUNDED = 0.05
"""Relative; a text log has two or three digits of a loss."""


def one_run(runs: Sequence[Run]) -> Run:
    """The run that these records tell; its name, notes and points are those of the best of them.

    Series that only the others have are added where their steps count the same, and hyperparameters; incidents of all
    are kept. A note names every other record and the series that are from it.
    """
    best, *others = _ranked(runs)
    series, roles, hparams = dict(best.series), dict(best.roles), dict(best.hparams)
    status, planned, notes = best.status, best.planned_steps, []
    for other in others:
        alike = _counted_alike(best, other)
        added = _lacking(series, roles, other) if alike else []
        series |= {tag: other.series[tag] for tag in added}
        roles |= {role: tag for role, tag in other.roles.items() if role not in roles and tag in added}
        settings = {name: value for name, value in other.hparams.items() if name not in hparams}
        hparams |= settings
        if status in (Status.UNKNOWN, Status.RUNNING) and other.status is not Status.UNKNOWN:
            status = other.status
        planned = other.planned_steps if planned is None and alike else planned
        notes.append(_note(other, added, settings))
    return replace(
        best,
        series=series,
        roles=roles,
        hparams=hparams,
        status=status,
        planned_steps=planned,
        notes=(*best.notes, *notes),
        incidents=tuple(incident for run in (best, *others) for incident in run.incidents),
    )


def _counted_alike(best: Run, other: Run) -> bool:
    """Whether the steps of both mean the same: there the losses are the same, too."""
    for role in (Role.TRAIN_LOSS, Role.VAL_LOSS):
        mine, its = best[role], other[role]
        if mine is not None and its is not None:
            _, at, there = np.intersect1d(mine.steps, its.steps, assume_unique=True, return_indices=True)
            close = np.isclose(mine.values[at], its.values[there], rtol=ROUNDED, atol=0, equal_nan=True)
            if len(at) and 2 * close.sum() >= len(at):
                return True
    return False


def _ranked(runs: Iterable[Run]) -> list[Run]:
    """The best record first, then the others by how exactly their format tells values."""
    by_format = sorted(runs, key=lambda run: (_rank(run.format), -_points(run)))
    most = max(_points(run) for run in by_format)
    best = next(run for run in by_format if _points(run) * CLEARLY_MORE >= most)
    return [best, *(run for run in by_format if run is not best)]


def _rank(form: str) -> int:
    return 1 if form in STORES else LATER.get(form, 0)


def _points(run: Run) -> int:
    loss = run[Role.TRAIN_LOSS] or run[Role.VAL_LOSS]
    return 0 if loss is None else len(loss)


def _lacking(series: dict[str, Series], roles: dict[Role, str], other: Run) -> list[str]:
    """The other's tags that tell something new: under no name, in no role and with no values that are here already."""
    named = {_core(tag) for tag in series}
    valued = {_glance(points) for points in series.values()}
    played = {tag for role, tag in other.roles.items() if role in roles}
    return [
        tag
        for tag, points in other.series.items()
        if tag not in played and _core(tag) not in named and len(points) and _glance(points) not in valued
    ]


def _core(tag: str) -> str:
    """`train/loss` and `loss`, `eval/loss` and `eval_loss` are what loggers make of one name."""
    return re.sub(r"[\W_]+", "_", tag.lower()).strip("_").removeprefix("train_")


def _glance(points: Series) -> tuple[float, ...]:
    if not len(points):
        return ()
    at = [0, len(points) // 2, -1]
    return (len(points), *points.steps[at].tolist(), *np.nan_to_num(points.values[at].astype(np.float32)).tolist())


def _note(other: Run, added: Sequence[str], settings: dict[str, Scalar]) -> str:
    parts = []
    if added:
        more = f" and {len(added) - SHOWN} more" if len(added) > SHOWN else ""
        parts.append(f"{', '.join(added[:SHOWN])}{more}")
    if settings:
        parts.append(f"{len(settings)} hyperparameter{'s' if len(settings) > 1 else ''}")
    known = other.name.endswith(f"({other.format})")
    return (
        f"also recorded in {other.name}"
        + ("" if known else f" ({other.format})")
        + (f", which adds {'; '.join(parts)}" if parts else "")
    )
