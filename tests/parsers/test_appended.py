from __future__ import annotations

from pathlib import Path

import pytest

from lrdoctor.parsers import _appended, csv
from lrdoctor.roles import RoleNames

LOSSES = (2.0, 1.0, 0.5, 0.25)


def runs(folder: Path, rows: list[tuple[int, float]]) -> list[int]:
    file = folder / "log.csv"
    file.write_text("step,train_loss\n" + "".join(f"{step},{loss}\n" for step, loss in rows), encoding="utf-8")
    return [len(run.series["train_loss"]) for run in csv.read(file, [file], RoleNames())]


def test_trainings_below_one_another_are_told_apart(tmp_path: Path) -> None:
    assert runs(tmp_path, [*enumerate(LOSSES)] * 3) == [4, 4, 4]


def test_a_counter_of_batches_is_counted_through(tmp_path: Path) -> None:
    falling = [(step, 2.0 * 0.97 ** (4 * epoch + step)) for epoch in range(6) for step in range(4)]
    assert runs(tmp_path, falling) == [24]


def test_a_counter_that_is_always_set_back_counts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_appended, "MOST_RUNS", 5)
    assert runs(tmp_path, [*enumerate(LOSSES)] * 5) == [4] * 5
    assert len(runs(tmp_path, [*enumerate(LOSSES)] * 7)) == 1
    monkeypatch.setattr(_appended, "MOST_RUNS", 100)
    monkeypatch.setattr(_appended, "MOST_BEGINNINGS", 5)
    assert len(runs(tmp_path, [*enumerate(LOSSES)] * 7)) == 1


@pytest.mark.parametrize("late", [1, 2])
def test_points_that_were_written_late_begin_nothing(tmp_path: Path, late: int) -> None:
    rows = [(step, 2.0 * 0.9**step) for step in range(5, 30)]
    rows.insert(10, (late, 1.9))
    assert len(runs(tmp_path, rows)) == 1
