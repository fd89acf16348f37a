from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.model import Series
from lrdoctor.parsers._series import Logged, Ordered, order


def ordered(steps: list[int], values: list[float] | None = None, later_files: tuple[int, ...] = ()) -> Ordered:
    """One tag; each value is its index, unless given."""
    told = np.array(values if values is not None else range(len(steps)), dtype=float)
    logged = Logged(steps=np.array(steps, dtype=np.int64), values=told, later_files=later_files)
    return order({"loss": logged}, Path("log"))


def points(result: Ordered) -> list[tuple[int, float]]:
    series = result.series["loss"]
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def test_leaves_what_is_in_order() -> None:
    result = ordered([-1, 0, 5, 9], [1.0, float("inf"), float("nan"), 2.0])
    assert result.series["loss"].steps.tolist() == [-1, 0, 5, 9]
    assert np.isnan(result.series["loss"].values[2])
    assert (result.notes, result.incidents) == ((), ())


def test_a_restart_supersedes_what_was_logged_from_there_on() -> None:
    result = ordered([0, 1, 2, 3, 4, 2, 3, 4, 5])
    assert points(result) == [(0, 0), (1, 1), (2, 5), (3, 6), (4, 7), (5, 8)]
    assert result.notes == ("restart at step 2: 3 points superseded",)


def test_a_restart_that_ends_early_leaves_nothing_of_the_first_attempt() -> None:
    assert points(ordered([0, 1, 2, 3, 4, 5, 1, 2])) == [(0, 0), (1, 6), (2, 7)]


def test_restarts_one_after_the_other() -> None:
    result = ordered([0, 1, 2, 3, 2, 3, 4, 1, 2, 3])
    assert points(result) == [(0, 0), (1, 7), (2, 8), (3, 9)]
    assert result.notes == (
        "restart at step 2: 2 points superseded",
        "restart at step 1: 4 points superseded",
    )


def test_one_late_point_is_no_restart() -> None:
    result = ordered([0, 10, 20, 30, 25, 40, 50])
    assert points(result) == [(0, 0), (10, 1), (20, 2), (25, 4), (30, 3), (40, 5), (50, 6)]
    assert result.notes == ("1 points were logged late and sorted into their place",)


def test_one_point_back_in_a_later_file_is_a_restart() -> None:
    result = ordered([0, 10, 20, 30, 15], later_files=(4,))
    assert points(result) == [(0, 0), (10, 1), (15, 4)]
    assert result.notes == ("restart at step 15: 2 points superseded",)


def test_a_later_file_that_goes_on_is_no_restart() -> None:
    result = ordered([0, 10, 20, 30], later_files=(2,))
    assert (len(points(result)), result.notes) == (4, ())


def test_the_later_of_two_equal_steps_counts() -> None:
    result = ordered([0, 1, 1, 2])
    assert points(result) == [(0, 0), (1, 2), (2, 3)]
    assert result.notes == ("1 points were logged again at the same step: the later value counts",)


def test_a_point_logged_twice_is_not_worth_a_word() -> None:
    result = ordered([0, 1, 1, 2, 2], [9.0, 8.0, 8.0, float("nan"), float("nan")])
    assert (len(points(result)), result.notes) == (3, ())


def test_a_table_from_last_to_first_is_sorted() -> None:
    result = ordered(list(range(99, -1, -1)))
    assert points(result)[0] == (0, 99)
    assert len(points(result)) == 100


def test_two_processes_that_write_one_file_are_no_restarts() -> None:
    steps = [step for ahead in range(3, 100) for step in (ahead, ahead - 3)]
    result = ordered(steps)
    assert [step for step, _ in points(result)] == list(range(100))
    assert not any("restart" in note for note in result.notes)


def test_an_epoch_that_is_logged_per_batch_is_counted_finer() -> None:
    logged = {
        "loss": Logged(steps=np.repeat(np.arange(5), 4), values=np.arange(20.0)),
        "lr": Logged(steps=np.repeat(np.arange(5), 4), values=np.full(20, 0.1)),
        "val_loss": Logged(steps=np.arange(5), values=np.arange(5.0)),
        "other": Logged(steps=np.array([0, 700]), values=np.zeros(2)),
    }
    result = order(logged, Path("log"))
    assert result.series["loss"].steps.tolist() == list(range(20))
    assert result.series["loss"].values.tolist() == list(range(20))
    assert result.series["lr"].steps.tolist() == list(range(20))
    assert result.series["val_loss"].steps.tolist() == [3, 7, 11, 15, 19]
    assert result.series["other"].steps.tolist() == [0, 700]
    assert result.notes == ("up to 4 points of 'loss' share a step: steps were multiplied by 4 to tell them apart",)


def test_a_log_without_any_step_is_counted_in_its_order() -> None:
    assert points(ordered([0] * 6)) == [(n, n) for n in range(6)]


def test_an_impossible_step_costs_its_point() -> None:
    result = ordered([0, 1, 2**62, 2, -(2**63)])
    assert points(result) == [(0, 0), (1, 1), (2, 3)]
    assert [(i.kind, i.dropped) for i in result.incidents] == [("impossible_step", 2)]


def test_nothing_but_impossible_steps_is_no_series() -> None:
    assert ordered([2**62]).series == {}


def test_wall_times_stay_with_their_points() -> None:
    logged = Logged(steps=np.array([0, 2, 1, 3]), values=np.zeros(4), wall_times=np.array([10.0, 12.0, 11.0, np.nan]))
    times = order({"x": logged}, Path("log")).series["x"].wall_times
    assert times is not None
    assert times[:3].tolist() == [10.0, 11.0, 12.0]


@given(st.lists(st.tuples(st.integers(-5, 30), st.floats()), max_size=40), st.lists(st.integers(0, 40), max_size=3))
def test_any_log_makes_a_series_of_points_that_were_logged(rows: list[tuple[int, float]], starts: list[int]) -> None:
    result = ordered([s for s, _ in rows], [v for _, v in rows], tuple(sorted(min(s, len(rows)) for s in starts)))
    assert ("loss" in result.series) == bool(rows)
    if rows:
        kept = result.series["loss"]
        assert isinstance(kept, Series)
        logged = {np.float64(value).tobytes() for _, value in rows}
        assert all(value.tobytes() in logged for value in kept.values)
        assert len(kept) <= len(rows)


@pytest.mark.parametrize("kind", ["in order", "restarts", "shuffled", "crowded"])
def test_a_million_points_take_no_time(kind: str) -> None:
    steps = np.arange(1_000_000)
    if kind == "restarts":
        steps = steps - np.arange(1_000_000) // 6 * 3
    elif kind == "shuffled":
        steps = np.random.default_rng(0).permutation(steps)
    elif kind == "crowded":
        steps = steps // 100
    begin = perf_counter()
    result = order({"loss": Logged(steps=steps, values=np.zeros(1_000_000))}, Path("log"))
    assert len(result.series["loss"])
    assert perf_counter() - begin < 4
