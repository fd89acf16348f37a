"""Curves that are counted in epochs beside others that are counted in steps: put where the clock says they belong.

`writer.add_scalar("val/loss", loss, epoch)` beside `writer.add_scalar("train/loss", loss, step)` is what many scripts
do, and PyTorch-Ignite's `TensorboardLogger` with `global_step_from_engine`. Both are called steps in the log. Where all
points have a time, that of each epoch tells which step the training had reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lrdoctor.model import Floats, Ints, Role, Run, Series

FEWEST = 3
"""Epochs that show that they are evenly apart."""
APART = 4
"""Steps of an epoch, at least: with fewer, nothing is lost where the two counts are taken for one."""
EVEN = 0.1
"""Of an epoch's steps, beside the interval at which they were logged: how far from its place a point may have been."""
MOSTLY = 0.9
"""Of the points must lie so; the first may wait for something."""
SHOWN = 3


def on_one_axis(run: Run) -> Run:
    """The run with such curves at the steps that the training had reached; as it is where there are none."""
    counted = [
        series
        for role in (Role.TRAIN_LOSS, Role.LR, Role.GRAD_NORM)
        if (series := run[role]) is not None and series.wall_times is not None and len(series) > FEWEST
    ]
    if not counted:
        return run
    by_steps = max(counted, key=lambda series: int(series.steps[-1]))
    moved = dict(_moved(run, by_steps))
    if not moved:
        return run
    listed = ", ".join(repr(tag) for tag in [*moved][:SHOWN]) + (" …" if len(moved) > SHOWN else "")
    note = f"counted in epochs: {listed}; placed, by the clock, at the steps that {by_steps.tag!r} had reached"
    return replace(run, series={**run.series, **moved}, notes=(*run.notes, note))


def _moved(run: Run, by_steps: Series) -> Iterator[tuple[str, Series]]:
    clock, most = by_steps.wall_times, int(by_steps.steps[-1]) // APART
    for tag, series in run.series.items():
        # The last step first: of nearly all curves it says enough.
        if len(series) < FEWEST or series.steps[-1] > most or series.wall_times is None or clock is None:
            continue
        first = int(series.steps[0])
        one_by_one = first in (0, 1) and int(series.steps[-1]) - first == len(series) - 1
        if not one_by_one or (clock[1:] < clock[:-1]).any():
            continue
        reached = _reached(by_steps.steps, clock, series.wall_times)
        if reached is not None:
            yield tag, replace(series, steps=reached)


def _reached(steps: Ints, clock: Floats, times: Floats) -> Ints | None:
    """The step that was logged last at each of these times; None where they are not evenly apart, as epochs are."""
    at = np.searchsorted(clock, times, side="right") - 1
    if at[0] < 0:
        return None
    reached = steps[at]
    epochs = np.arange(1, len(times) + 1)
    each = float(reached[-1]) / len(times)
    interval = float(np.median(steps[1:] - steps[:-1]))
    near = np.abs(reached - each * epochs) <= interval + EVEN * each
    even = each >= APART and near.mean() >= MOSTLY and bool((reached[1:] > reached[:-1]).all())
    return reached if even else None
