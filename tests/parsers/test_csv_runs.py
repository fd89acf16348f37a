from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Role, Run
from lrdoctor.parsers import csv
from lrdoctor.roles import RoleNames

fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def read(path: Path) -> list[Run]:
    return list(csv.read(csv.home(path), [path], RoleNames()))


@pytest.fixture
def runs(tmp_path: Path, made: Any) -> Any:
    """The runs of a table with this text."""

    def of(text: str, name: str = "log.csv") -> list[Run]:
        return read(made.table(tmp_path / name, text))

    return of


def points(run: Run, tag: str) -> list[tuple[int, float]]:
    return list(zip(run.series[tag].steps.tolist(), run.series[tag].values.tolist(), strict=True))


def curve(epochs: int, first: float = 2.3, by: float = 0.8, start: int = 0) -> str:
    return "".join(f"{start + n},{first * by**n:.4f}\n" for n in range(epochs))


# --- trainings below one another --------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "epoch,loss\n"])
def test_trainings_that_were_appended_are_several_runs(runs: Any, header: str) -> None:
    first, second, third = runs("epoch,loss\n" + curve(6) + header + curve(4, 2.2) + header + curve(3, 2.4))
    assert [run.name for run in (first, second, third)] == ["log.csv", "log.csv#2", "log.csv#3"]
    assert [len(run.series["loss"]) for run in (first, second, third)] == [6, 4, 3]
    assert points(second, "loss")[0] == (0, 2.2)
    assert first.notes == second.notes == third.notes == ()


def test_a_training_that_broke_off_at_once_is_a_run_too(runs: Any) -> None:
    first, second = runs("epoch,loss\n0,2.3\n1,2.2\n" + curve(5))
    assert [len(run.series["loss"]) for run in (first, second)] == [2, 5]


def test_a_training_after_a_diverged_one_is_another_run(runs: Any) -> None:
    first, second = runs("step,loss\n0,2.3\n1,9\n2,1e9\n3,nan\n" + curve(5))
    assert np.isnan(first.series["loss"].values[-1])
    assert len(second.series["loss"]) == 5


def test_trainings_that_never_learnt_are_told_apart(runs: Any) -> None:
    assert len(runs("epoch,loss\n" + 3 * "0,2.30\n1,2.31\n2,2.30\n3,2.29\n")) == 3


def test_a_training_that_goes_on_with_its_counter_set_back_is_one_run(runs: Any) -> None:
    (run,) = runs("epoch,loss\n" + curve(6) + curve(4, 0.62, 0.9))
    assert run.series["loss"].steps.tolist() == list(range(10))
    assert run.notes == ("'epoch' begins anew at line 8 while the training goes on: steps are counted through",)


def test_a_counter_of_batches_without_an_epoch_is_counted_through(runs: Any) -> None:
    rows = [(n % 10, 2.3 * 0.99**n) for n in range(60)]
    (run,) = runs("batch,loss\n" + "".join(f"{step},{loss:.5f}\n" for step, loss in rows))
    assert run.series["loss"].steps.tolist() == list(range(60))
    assert run.notes == (
        "'batch' begins anew at line 12 while the training goes on; 4 more times: steps are counted through",
    )


def test_a_restart_from_a_checkpoint_is_no_new_run(runs: Any) -> None:
    (run,) = runs("epoch,loss\n" + curve(6) + curve(4, 2.3 * 0.8**3, start=3))
    assert run.notes == ("restart at step 3: 6 points superseded",)  # three of the loss, three of the epoch
    assert len(run.series["loss"]) == 7


def test_a_late_point_is_no_new_run(runs: Any) -> None:
    (run,) = runs("step,loss\n10,3\n20,2\n30,1.5\n5,4\n40,1.2\n50,1\n")
    assert [step for step, _ in points(run, "loss")] == [5, 10, 20, 30, 40, 50]


def test_rows_in_any_order_are_one_run(runs: Any) -> None:
    rows = [f"{n},{5 / (n + 1)}\n" for n in (7, 3, 9, 1, 8, 2, 6, 0, 5, 4)]
    (run,) = runs("step,loss\n" + "".join(rows))
    assert run.series["loss"].steps.tolist() == list(range(10))


def test_an_evaluation_on_its_own_clock_begins_no_run(runs: Any) -> None:
    rows = "".join(f"{100 * n},{3 - n / 10},\n" + (f"{n},,2.5\n" if n % 2 else "") for n in range(12))
    (run,) = runs("step,loss,val_loss\n" + rows)
    assert len(run.series["loss"]) == 12


def test_an_epoch_that_goes_on_keeps_the_training_together(runs: Any) -> None:
    rows = "".join(f"{epoch},{step},2.3\n" for epoch in range(4) for step in range(5))
    (run,) = runs("epoch,step,loss\n" + rows)
    assert run.series["loss"].steps.tolist() == list(range(20))


def test_appended_trainings_with_epochs_and_their_steps(runs: Any) -> None:
    one = "".join(f"{e},{s},{2.3 - 0.1 * (5 * e + s)}\n" for e in range(3) for s in range(5))
    first, second = runs("epoch,step,loss\n" + one + one)
    assert first.series["loss"].steps.tolist() == second.series["loss"].steps.tolist() == list(range(15))


@fuzzed
@given(st.lists(st.integers(2, 8), min_size=1, max_size=4), st.integers(0, 500))
def test_every_prefix_of_appended_trainings_gives_a_prefix_of_their_points(
    tmp_path: Path, lengths: list[int], cut: int
) -> None:
    path = tmp_path / "log.csv"

    def told(text: str) -> list[list[float]]:
        path.write_text(text)
        try:
            return [run.series["loss"].values.tolist() for run in read(path) if "loss" in run.series]
        except LogError:
            return []

    whole = "epoch,loss\n" + "".join(curve(length, 2.3 + n / 10) for n, length in enumerate(lengths))
    complete = told(whole)
    assert [len(values) for values in complete] == lengths
    for values, all_values in zip(told(whole[:cut]), complete, strict=False):
        assert values == all_values[: len(values)]


# --- runs that a column tells apart -----------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["run", "run_name", "experiment", "seed", "fold"])
def test_a_column_that_names_the_run_tells_them_apart(runs: Any, column: str) -> None:
    a, b = runs(f"{column},step,loss\n1,0,3\n1,1,2\n2,0,4\n1,2,1\n2,1,3\n")
    assert [a.name, b.name] == ["log.csv#1", "log.csv#2"]
    assert points(a, "loss") == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert points(b, "loss") == [(0, 4.0), (1, 3.0)]
    assert a.hparams == {column: "1"}


def test_names_of_runs_may_be_text(runs: Any) -> None:
    assert [run.name for run in runs("run,step,loss\nbase,0,3\nbase,1,2\nlr 0.1,0,3\nlr 0.1,1,2\n")] == [
        "log.csv#base",
        "log.csv#lr 0.1",
    ]


@pytest.mark.parametrize("column", ["run", "trial"])
def test_one_row_per_run_is_a_sweep(runs: Any, column: str) -> None:
    for rows in ("1,100,3\n2,110,2\n3,120,1\n", "a,100,3\nb,110,2\nc,120,1\n"):
        with pytest.raises(NotALog, match=f"one row per '{column}'"):
            runs(f"{column},step,loss\n{rows}")


def test_a_seed_that_is_drawn_for_every_row_is_no_run(runs: Any) -> None:
    (run,) = runs("seed,step,loss\n7,0,3\n5,1,2\n1,2,1\n")
    assert len(run.series["loss"]) == 3


def test_too_many_runs_are_refused(runs: Any) -> None:
    with pytest.raises(LogError, match="more than 1000 runs"):
        runs("run,step,loss\n" + "".join(f"{n},{step},1\n" for n in range(1001) for step in range(2)))


EXPORT = (
    '"Step","a-1 - train/loss","a-1 - train/loss__MIN","a-1 - train/loss__MAX",'
    '"b - 2 - train/loss","b - 2 - train/loss__MIN","b - 2 - train/loss__MAX"\n'
    '"0","3.5","3.5","3.5","4","4","4"\n"10","inf","inf","inf","","",""\n"15","","","","2","2","2"\n"20","","","","1","1","1"\n'
)


def test_an_export_of_weights_and_biases_holds_a_run_per_column(runs: Any) -> None:
    a, b = runs(EXPORT)
    assert [a.name, b.name] == ["log.csv#a-1", "log.csv#b - 2"]
    assert points(a, "train/loss") == [(0, 3.5), (10, float("inf"))]
    assert points(b, "train/loss") == [(0, 4.0), (15, 2.0), (20, 1.0)]
    assert list(a.series) == ["train/loss"]
    assert a.incidents == ()


def test_an_export_of_one_run_is_that_run(runs: Any) -> None:
    head = '"trainer/global_step","a - lr","a - lr__MIN","a - lr__MAX"\n'
    (run,) = runs(head + '"0","0.1","0.1","0.1"\n"9","0.2","0.2","0.2"\n')
    assert (run.name, points(run, "lr")) == ("log.csv", [(0, 0.1), (9, 0.2)])


def test_a_history_from_the_api_has_its_own_axis(runs: Any) -> None:
    (run,) = runs(
        "_step,_runtime,_timestamp,train/loss,train/global_step\n0,1,1,3,0\n1,2,2,2,50\n2,3,3,1,100\n", "run.csv"
    )
    assert points(run, "train/loss") == [(0, 3.0), (50, 2.0), (100, 1.0)]
    assert list(run.series) == ["train/loss"]


def test_a_name_with_a_dash_is_no_export(runs: Any) -> None:
    (run,) = runs("step,net - loss\n0,3\n1,2\n")
    assert list(run.series) == ["net - loss"]


# --- long tables ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["phase", "split"])
def test_the_data_set_of_a_row_belongs_to_its_loss(runs: Any, column: str) -> None:
    (run,) = runs(f"epoch,{column},loss,lr\n0,train,3,0.1\n0,val,4,0.1\n1,train,2,0.2\n1,val,3.5,0.2\n")
    assert points(run, "train/loss") == [(0, 3.0), (1, 2.0)]
    assert points(run, "val/loss") == [(0, 4.0), (1, 3.5)]
    assert points(run, "lr") == [(0, 0.1), (1, 0.2)]
    assert column not in run.hparams


def test_a_table_of_one_data_set_says_which(runs: Any) -> None:
    (run,) = runs("epoch,phase,loss\n0,val,3\n1,val,2\n")
    assert RoleNames().assign(run.series)[0][Role.VAL_LOSS] == "val/loss"


def test_a_phase_of_the_training_is_no_data_set(runs: Any) -> None:
    (run,) = runs("epoch,phase,loss\n0,warmup,3\n1,main,2\n")
    assert list(run.series) == ["epoch", "loss"]


def test_a_metric_that_a_row_names_is_a_series(runs: Any) -> None:
    (run,) = runs("step,tag,value\n0,train/loss,3\n0,lr,0.1\n10,train/loss,nan\n10,lr,0.2\n20,lr,0.3\n")
    assert points(run, "lr") == [(0, 0.1), (10, 0.2), (20, 0.3)]
    assert [step for step, _ in points(run, "train/loss")] == [0, 10]


def test_a_list_of_settings_is_no_curve(runs: Any) -> None:
    with pytest.raises(NotALog):
        runs("step,name,value\n0,loss,0.1\n0,seed,3\n")
    with pytest.raises(NotALog, match="no column is known as a loss"):
        runs("name,value\nloss,0.1\nseed,3\nseed,4\nloss,4\n")
