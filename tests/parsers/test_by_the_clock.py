from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrdoctor.doctor import read
from lrdoctor.model import Floats, Role, Run, Series
from lrdoctor.parsers._by_the_clock import on_one_axis
from lrdoctor.roles import RoleNames

EACH = 50
"""Steps of an epoch, which takes a second, and its validation a tenth."""
EPOCHS = 8


def series(tag: str, steps: Any, times: Floats | None) -> Series:
    return Series(tag=tag, steps=steps, values=np.linspace(2.0, 1.0, len(steps)), wall_times=times)


def trained(*, every: int = 1, first: int = 1, times: Any = None) -> Run:
    """A training that logs its loss by steps, and the loss of its validation, after each epoch, by epochs."""
    steps = np.arange(1, EACH * EPOCHS + 1)[every - 1 :: every]
    clock = 1.79e9 + steps / EACH + 0.1 * ((steps - 1) // EACH)
    epochs = np.arange(first, first + EPOCHS)
    after: Floats = np.asarray(1.79e9 + 1.1 * np.arange(1, EPOCHS + 1) - 0.01 if times is None else times, np.float64)
    loss, val = series("train/loss", steps, clock), series("val/loss", epochs, after)
    accuracy = series("val/acc", epochs, after)
    tags = {loss.tag: loss, val.tag: val, accuracy.tag: accuracy}
    roles = {Role.TRAIN_LOSS: loss.tag, Role.VAL_LOSS: val.tag}
    return Run(name="a", path=Path("a"), format="tensorboard", series=tags, roles=roles)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("every", [1, 10, 25])
def test_epochs_are_placed_at_the_steps_that_were_reached(every: int, first: int) -> None:
    run = on_one_axis(trained(every=every, first=first))
    assert run.series["val/loss"].steps.tolist() == list(range(EACH, EACH * EPOCHS + 1, EACH))
    assert run.series["val/acc"].steps.tolist() == run.series["val/loss"].steps.tolist()
    assert run.series["val/loss"].values.tolist() == trained().series["val/loss"].values.tolist()
    assert run.notes == (
        "counted in epochs: 'val/loss', 'val/acc'; placed, by the clock, at the steps that 'train/loss' had reached",
    )


def test_what_was_logged_at_those_very_steps_stays() -> None:
    """Losses of the first few steps alone: the clock says that they are no epochs."""
    run = trained()
    clock = run.series["train/loss"].wall_times
    assert clock is not None
    first = trained(times=clock[:EPOCHS] + 1e-4)
    assert on_one_axis(first) is first


def test_times_that_are_not_evenly_apart_say_nothing() -> None:
    late = trained(times=1.79e9 + 1.1 * EPOCHS + np.arange(EPOCHS))
    assert on_one_axis(late) is late
    uneven = trained(times=1.79e9 + 1.1 * EPOCHS * np.linspace(0, 1, EPOCHS + 1)[1:] ** 2)
    assert on_one_axis(uneven) is uneven


def test_without_a_clock_nothing_is_moved() -> None:
    run = trained()
    bare = {tag: replace(points, wall_times=None) for tag, points in run.series.items()}
    without = replace(run, series=bare)
    assert on_one_axis(without) is without
    half = replace(run, series={**run.series, "val/loss": bare["val/loss"], "val/acc": bare["val/acc"]})
    assert on_one_axis(half) is half


def test_from_an_event_file(tmp_path: Path, made: Any) -> None:
    records = []
    for step in range(1, 101):
        records.append(made.event(step, wall_time=1.79e9 + step, **{"Loss/train": 2 - step / 100}))
        if step % 20 == 0:
            records.append(made.event(step // 20, wall_time=1.79e9 + step + 0.5, **{"Loss/val": 2 - step / 90}))
    made.events(tmp_path / "run" / "events.out.tfevents.1790000000.host.1.0", records)
    (run,), problems = read([tmp_path], RoleNames())
    val = run[Role.VAL_LOSS]
    assert problems == []
    assert val is not None
    assert val.steps.tolist() == [20, 40, 60, 80, 100]
