from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrdoctor.doctor import read
from lrdoctor.model import Floats, Incident, Role, Run, Series, Status
from lrdoctor.parsers._same_training import TELLS_NOTHING, merged
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data"
EVENTS = "events.out.tfevents.1795645519.host.1.0"
START = 1.79e9


def loss(seed: int = 0, points: int = 60) -> Floats:
    rng = np.random.default_rng(seed)
    return np.asarray(0.3 + 2 * np.exp(-np.arange(points) / 20) + 0.02 * rng.normal(size=points))


def told(
    path: str,
    form: str,
    values: Floats,
    *,
    every: int = 1,
    tag: str = "loss",
    clock: float | None = None,
    **more: Any,
) -> Run:
    """A record of `values`, logged at every 10th step, as one logger tells it."""
    steps = 10 * np.arange(len(values))[::every]
    times = None if clock is None else np.asarray(clock + 0.5 * steps, dtype=np.float64)
    series = Series(tag=tag, steps=steps, values=values[::every], wall_times=times)
    extra: dict[str, Series] = more.pop("series", {})
    roles: dict[Role, str] = {Role.TRAIN_LOSS: tag, **more.pop("roles", {})}
    return Run(name=path, path=Path("/logs") / path, format=form, series={tag: series, **extra}, roles=roles, **more)


def single(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


def names(*runs: Run, below: str = "/logs") -> list[str]:
    return [run.name for run in merged(runs, [Path(below)])]


def joined(*runs: Run) -> Run:
    (run,) = merged(runs, [Path("/logs")])
    return run


def constant(tag: str, value: float) -> dict[str, Series]:
    return {tag: Series(tag=tag, steps=10 * np.arange(60), values=np.full(60, value))}


def test_two_records_of_one_training_are_one_run() -> None:
    state = told("out/trainer_state", "trainer_state", loss(), planned_steps=600)
    events = told("out/runs/Nov25/tb", "tensorboard", single(loss()), tag="train/loss", status=Status.FINISHED)
    events = replace(events, series={**events.series, **constant("memory", 5.0)}, hparams={"batch_size": 8})
    run = joined(events, state)
    assert (run.name, run.format, run.status, run.planned_steps) == (state.name, state.format, Status.FINISHED, 600)
    assert list(run.series) == ["loss", "memory"]
    assert run.roles == state.roles
    assert run.hparams == {"batch_size": 8}
    assert run.notes == ("also recorded in out/runs/Nov25/tb (tensorboard), which adds memory; 1 hyperparameter",)


@pytest.mark.parametrize("decimals", [4, 5, 7])
def test_what_was_rounded_is_the_same_number(decimals: int) -> None:
    assert len(names(told("a/x", "csv", loss()), told("a/y", "text", np.round(loss(), decimals)))) == 1


def test_significant_digits_are_a_rounding_too() -> None:
    printed = np.array([float(f"{value:.4g}") for value in 30 * loss()])
    assert len(names(told("a/x", "csv", 30 * loss()), told("a/y", "text", printed))) == 1


def test_a_sparse_record_belongs_to_the_dense_one() -> None:
    run = joined(told("a/x", "trainer_state", loss(), every=5), told("a/y", "text", np.round(loss(), 4)))
    assert (run.format, len(run.series["loss"])) == ("text", 60)
    assert run.notes == ("also recorded in a/x (trainer_state)",)


def test_a_few_points_more_do_not_make_a_rounded_record_the_better_one() -> None:
    run = joined(told("a/x", "trainer_state", loss()[:57]), told("a/y", "text", np.round(loss(), 4)))
    assert run.format == "trainer_state"


def test_three_points_are_enough_where_they_are_all_and_exact() -> None:
    few = loss(points=3)
    assert len(names(told("a/x", "csv", few), told("a/y", "tensorboard", single(few)))) == 1
    assert len(names(told("a/x", "csv", few[:2]), told("a/y", "tensorboard", single(few[:2])))) == 2
    assert len(names(told("a/b/x", "csv", few), told("a/c/y", "text", np.round(few, 2)))) == 2


def test_the_losses_of_the_validation_are_a_sign_too() -> None:
    def with_validation(run: Run, values: Floats) -> Run:
        val = Series(tag="val", steps=60 * np.arange(10), values=values)
        return replace(run, series={**run.series, "val": val}, roles={**run.roles, Role.VAL_LOSS: "val"})

    each, mean = told("a/x", "csv", loss()), told("a/y", "wandb", loss(3), tag="train_loss_epoch")
    shared = loss(5, 10)
    assert len(names(with_validation(each, shared), with_validation(mean, shared))) == 1
    assert len(names(with_validation(each, shared), with_validation(mean, loss(6, 10)))) == 2


def by_epoch_and_by_iteration(val: Floats, also: Floats) -> tuple[Run, Run]:
    """A table of epochs and a text log of ten iterations each, as flair leaves them in one folder."""
    epochs = 1 + np.arange(len(val))
    table = Series(tag="DEV_LOSS", steps=epochs, values=val)
    printed = Series(tag="val/loss", steps=10 * (1 + np.arange(len(also))), values=also)
    each = Series(tag="loss", steps=1 + np.arange(10 * len(also)), values=loss(7, 10 * len(also)))
    path = Path("/logs/a")
    table_of, log_of = {"DEV_LOSS": table, **each_epoch(epochs)}, {"loss": each, "val/loss": printed}
    roles = {Role.TRAIN_LOSS: "loss", Role.VAL_LOSS: "val/loss"}
    return (
        Run(
            name="a/loss.tsv",
            path=path / "loss.tsv",
            format="csv",
            series=table_of,
            roles={Role.VAL_LOSS: "DEV_LOSS"},
            planned_steps=40,
        ),
        Run(name="a/training.log", path=path / "training.log", format="text", series=log_of, roles=roles),
    )


def each_epoch(epochs: Any) -> dict[str, Series]:
    return {"DEV_F1": Series(tag="DEV_F1", steps=epochs, values=np.linspace(0.1, 0.9, len(epochs)))}


def test_records_of_one_folder_may_count_differently() -> None:
    exact = loss(5, 20)
    run = joined(*by_epoch_and_by_iteration(np.round(exact, 4), exact))
    assert (run.format, len(run.series["loss"])) == ("text", 200)
    # What is counted in epochs has no place on an axis of iterations, and neither has a plan.
    assert set(run.series) == {"loss", "val/loss"}
    assert run.planned_steps is None
    assert run.notes == ("also recorded in a/loss.tsv (csv)",)


def test_a_table_may_lack_the_row_of_the_last_epoch() -> None:
    exact = loss(5, 20)
    assert len(names(*by_epoch_and_by_iteration(np.round(exact[:-1], 4), exact))) == 1
    assert len(names(*by_epoch_and_by_iteration(np.round(exact[:-2], 4), exact))) == 2


def test_other_losses_in_one_folder_are_other_runs() -> None:
    assert len(names(*by_epoch_and_by_iteration(np.round(loss(5, 20), 4), loss(6, 20)))) == 2


def test_a_second_table_in_the_folder_leaves_open_whose_log_it_is() -> None:
    exact = loss(5, 20)
    table, log = by_epoch_and_by_iteration(np.round(exact, 4), exact)
    other = replace(table, name="a/other.tsv", path=Path("/logs/a/other.tsv"))
    assert len(names(table, log, other)) == 3


def test_what_was_dead_from_the_start_is_one_run_by_its_steps() -> None:
    dead = np.full(60, np.nan)
    assert len(names(told("a/x", "mmengine", dead), told("a/y", "text", dead))) == 1
    assert len(names(told("a/x", "mmengine", dead), told("a/y", "text", dead, every=2))) == 2
    assert len(names(told("a/x", "mmengine", dead), told("a/y", "text", np.where(np.arange(60) > 7, dead, 1.0)))) == 2
    assert len(names(told("a/b/x", "csv", dead), told("a/c/y", "tensorboard", dead))) == 2
    # A single number before it died is more than chance.
    died = np.where(np.arange(60) > 0, np.nan, loss()[0])
    assert len(names(told("a/b/x", "csv", died), told("a/c/y", "tensorboard", single(died)))) == 1
    assert len(names(told("a/b/x", "csv", died), told("a/c/y", "tensorboard", 2 * died))) == 2


def test_a_loss_that_reads_0_from_its_explosion_on_is_one_run_in_its_folder() -> None:
    hidden = np.where(np.arange(60) > 3, 0.0, [1.2, 1.3, 1020.0, 1e12, *[0.0] * 56])
    assert len(names(told("a/x", "llama_factory", hidden), told("a/y", "trainer_state", hidden))) == 1
    rates = constant("lr", 0.1), constant("lr", 1.0)
    apart = [
        told(f"a/{form}", form, hidden, series=its, roles={Role.LR: "lr"})
        for form, its in zip("xy", rates, strict=True)
    ]
    assert len(names(*apart)) == 2


def test_two_seeds_are_two_runs() -> None:
    assert len(names(*(told(f"a/{n}", form, loss(n)) for n, form in enumerate(("csv", "tensorboard", "text"))))) == 3


def test_a_run_that_only_begins_alike_is_another() -> None:
    other = np.concatenate([loss()[:50], loss(1)[50:]])
    assert len(names(told("a/x", "csv", loss()), told("a/y", "tensorboard", other))) == 2


def test_an_overwritten_stretch_does_not_part_a_training() -> None:
    other = loss()
    other[[20, 21]] += 0.1
    other[5] = np.nan
    assert len(names(told("a/x", "csv", loss()), told("a/y", "tensorboard", other))) == 1


@pytest.mark.parametrize(
    "flat",
    [
        np.zeros(60),
        np.full(60, 0.6931),
        np.full(60, np.nan),
        np.where(np.arange(60) == 7, 5.0, 0.6931),
        np.arange(60.0),
    ],
)
def test_what_tells_nothing_is_no_sign(flat: Floats) -> None:
    assert len(names(told("a/b/x", "csv", flat), told("a/c/y", "tensorboard", flat))) == 2


def test_few_decimals_are_no_sign() -> None:
    assert len(names(told("a/b/x", "csv", loss()), told("a/c/y", "text", np.round(loss(), 2)))) == 2


def test_one_format_twice_is_a_repeated_training() -> None:
    assert len(names(told("a/x", "wandb", loss()), told("a/y", "wandb", loss()))) == 2


def test_a_repeated_training_keeps_its_own_records() -> None:
    runs = [told(f"{folder}/{form}/log", form, loss()) for folder in ("a", "b") for form in ("csv", "tensorboard")]
    assert [run.notes for run in merged(runs, [Path("/logs")])] == [
        (f"also recorded in {folder}/csv/log (csv)",) for folder in ("a", "b")
    ]


def test_nobody_guesses_between_two_that_are_equally_near() -> None:
    runs = [told("a/one", "wandb", loss()), told("a/two", "wandb", loss()), told("a/log", "csv", loss())]
    assert len(names(*runs)) == 3


def test_clocks_tell_which_records_belong_together() -> None:
    def at(path: str, form: str, clock: float) -> Run:
        return told(path, form, loss(), clock=clock)

    runs = [at("a/w1", "wandb", START), at("a/w2", "wandb", START + 100), at("a/m1", "mlflow_files", START + 100.2)]
    assert names(*runs) == ["a/w1", "a/w2"]
    assert len(names(at("a/x", "wandb", START), at("a/y", "csv", START + 400))) == 2
    assert len(names(at("a/x", "wandb", START), at("a/y", "csv", START + 7200))) == 1, "another time zone"


def test_strange_folders_need_a_common_clock() -> None:
    assert len(names(told("wandb/x/l", "wandb", loss()), told("mlruns/y/l", "mlflow_files", loss()))) == 2
    clocked = [told("wandb/x/l", "wandb", loss(), clock=START), told("mlruns/y/l", "mlflow_files", loss(), clock=START)]
    assert len(names(*clocked)) == 1
    assert len(names(told("p/wandb/l", "wandb", loss()), told("p/mlruns/l", "mlflow_files", loss()))) == 1
    assert len(names(told("l", "wandb", loss()), told("p/mlruns/l", "mlflow_files", loss()))) == 1


@pytest.mark.parametrize(
    ("one", "other", "runs"),
    [
        ("csv/version_0/x", "tensorboard/version_0/x", 1),
        ("csv/x", "tb_logs/x", 1),
        ("csv_logs/wide/version_0/x", "tensorboard/wide/version_0/x", 1),
        ("csv/version_0/x", "tensorboard/version_1/x", 2),
        ("wide/version_0/x", "deep/version_0/x", 2),
        ("wide/csv/x", "deep/tensorboard/x", 2),
    ],
)
def test_folders_that_differ_in_their_logger_alone_are_no_strangers(one: str, other: str, runs: int) -> None:
    assert len(names(told(one, "csv", loss()), told(other, "tensorboard", single(loss())))) == runs
    assert len(names(told(one, "csv", loss()), told(other, "tensorboard", single(loss(1))))) == 2


def test_what_the_records_say_of_themselves_counts() -> None:
    def seeded(path: str, form: str, seed: int) -> Run:
        return told(path, form, loss(), hparams={"args/seed": seed})

    assert len(names(seeded("a/x", "csv", 1), seeded("a/y", "wandb", 1))) == 1
    assert len(names(seeded("a/x", "csv", 1), seeded("a/y", "wandb", 2))) == 2

    def rated(path: str, form: str, rate: float) -> Run:
        return told(path, form, loss(), series=constant("lr", rate), roles={Role.LR: "lr"})

    # So small a rate that nothing is learned: the losses of a whole sweep are the same.
    assert len(names(rated("a/x", "csv", 1e-9), rated("a/y", "wandb", 1e-9))) == 1
    assert len(names(rated("a/x", "csv", 1e-9), rated("a/y", "wandb", 1e-8))) == 2
    assert len(names(rated("a/x", "csv", 0.001), rated("a/y", "wandb", 0.002))) == 2
    assert len(names(rated("a/x", "csv", 0.0001), rated("a/y", "wandb", 0.00013))) == 1, "rounded"


def test_a_role_that_the_best_record_lacks_is_filled() -> None:
    events = told("a/y", "tensorboard", loss(), series=constant("rate", 0.1), roles={Role.LR: "rate"})
    run = joined(told("a/x", "trainer_state", loss()), events)
    assert run.roles == {Role.TRAIN_LOSS: "loss", Role.LR: "rate"}
    assert run[Role.LR] is not None


def test_nothing_is_added_twice_under_another_name() -> None:
    best = told("a/x", "trainer_state", loss(), series=constant("eval_loss", 1.0) | constant("tokens", 7.0))
    other = told("a/y", "tensorboard", loss(), series=constant("eval/loss", 1.0) | constant("seen", 7.0))
    assert list(joined(best, other).series) == ["loss", "eval_loss", "tokens"]


def test_what_was_lost_is_counted_in_every_record() -> None:
    lost = [Incident(path=path, place="", kind="k", dropped=1, message="m") for path in "xy"]
    runs = [told(f"a/{i.path}", f, loss(), incidents=(i,)) for i, f in zip(lost, ("csv", "wandb"), strict=True)]
    assert set(joined(*runs).incidents) == set(lost)


def test_status_is_from_whichever_record_tells() -> None:
    for one, other, both in [
        (Status.UNKNOWN, Status.CRASHED, Status.CRASHED),
        (Status.RUNNING, Status.FINISHED, Status.FINISHED),
        (Status.FINISHED, Status.RUNNING, Status.FINISHED),
    ]:
        run = joined(told("a/x", "wandb", loss(), status=one), told("a/y", "csv", loss(), status=other))
        assert run.status is both


def test_every_store_of_one_training_becomes_one() -> None:
    forms = ("csv", "text", "wandb", "mlflow_sqlite", "tensorboard", "trainer_state", "trackio")
    runs = [told(f"a/{form}", form, np.round(loss(), 4) if form == "text" else loss()) for form in forms]
    run = joined(*runs)
    assert run.format == "trainer_state"
    others = ["wandb", "mlflow_sqlite", "trackio", "tensorboard", "csv", "text"]
    assert [note.split()[3] for note in run.notes] == [f"a/{form}" for form in others]


def test_a_sweep_of_many_runs_keeps_each_pair() -> None:
    number = 3 * TELLS_NOTHING
    runs = []
    for seed in range(number):
        values = loss(seed)
        values[0] = 2.3026
        runs += [told(f"{seed}/csv", "csv", values), told(f"{seed}/tb", "tensorboard", single(values))]
    found = merged(runs, [Path("/logs")])
    assert [run.notes for run in found] == [(f"also recorded in {n}/csv (csv)",) for n in range(number)]


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_does_not_matter(order: Sequence[int]) -> None:
    runs = [told(f"s{n}/{form}", form, loss(n)) for n in range(2) for form in ("csv", "tensorboard", "wandb")]
    found = merged([runs[at] for at in order], [Path("/logs")])
    assert {(run.name, run.notes) for run in found} == {
        (f"s{n}/wandb", (f"also recorded in s{n}/tensorboard (tensorboard)", f"also recorded in s{n}/csv (csv)"))
        for n in range(2)
    }


def test_two_loggers_of_lightning_side_by_side(tmp_path: Path, made: Any) -> None:
    for version in range(2):
        values = loss(version).round(6).tolist()
        rows = "".join(f"{n // 10},{10 * n},{value}\n" for n, value in enumerate(values))
        made.table(tmp_path / "csv" / f"version_{version}" / "metrics.csv", "epoch,step,train_loss\n" + rows)
        events = [made.event(10 * n, wall_time=START + n, train_loss=value) for n, value in enumerate(values)]
        made.events(tmp_path / "tensorboard" / f"version_{version}" / EVENTS, events)
    runs, problems = read([tmp_path], RoleNames())
    assert problems == []
    assert [run.name for run in runs] == [f"tensorboard/version_{version}" for version in range(2)]
    assert [run.notes[0] for run in runs] == [
        f"also recorded in csv/version_{version}/metrics.csv (csv), which adds epoch" for version in range(2)
    ]


def test_from_files(tmp_path: Path, made: Any) -> None:
    for seed in range(2):
        values = loss(seed).round(4).tolist()
        rows = [{"step": 10 * n + 10, "loss": value, "epoch": n / 20} for n, value in enumerate(values)]
        state = {"global_step": 600, "max_steps": 600, "log_history": rows}
        folder = tmp_path / "runs" / f"seed{seed}"
        events = [made.event(row["step"], train__loss=row["loss"], extra=float(row["step"])) for row in rows]
        made.events(folder / "tb" / EVENTS, events)
        made.table(folder / "trainer_state.json", json.dumps(state))
    runs, problems = read([tmp_path / "runs"], RoleNames())
    assert problems == []
    assert [(run.name, run.format, run.planned_steps) for run in runs] == [
        (f"seed{n}", "trainer_state", 600) for n in range(2)
    ]
    assert all("extra" in run.series for run in runs)
    assert all(f"also recorded in seed{n}/tb (tensorboard), which adds extra" in runs[n].notes for n in range(2))


def test_the_table_and_the_log_of_flair_are_one_run() -> None:
    """flair 0.15.1, `fine_tune` over 8 epochs of 8 iterations, with a rate for the decoder ten times the other one."""
    (run,), problems = read([DATA / "flair"], RoleNames())
    assert (problems, run.format, run.incidents) == ([], "text", ())
    loss, val, rate = run[Role.TRAIN_LOSS], run[Role.VAL_LOSS], run[Role.LR]
    assert loss is not None
    assert val is not None
    assert rate is not None
    assert (len(loss), val.steps.tolist()) == (64, list(range(8, 65, 8)))
    assert (rate.values[:3].tolist(), rate.values.max()) == ([0.0, 0.071429, 0.142857], 0.5)
    assert "also recorded in loss.tsv (csv)" in run.notes
