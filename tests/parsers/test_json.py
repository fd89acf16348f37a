from __future__ import annotations

import json as standard
import math
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.errors import LogError, NotALog
from lrdoctor.limits import Limits, in_force
from lrdoctor.model import Role, Run
from lrdoctor.parsers import json
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data"


def read_all(path: Path, names: RoleNames | None = None) -> list[Run]:
    return list(json.read(path, [path], names or RoleNames()))


@pytest.fixture
def log(tmp_path: Path) -> Any:
    """The runs of a file with this content: text, or a value to be written as JSON, which must be claimed."""

    def of(content: Any, name: str = "log.json") -> list[Run]:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else standard.dumps(content))
        assert json.claims(path)
        return read_all(path)

    return of


@pytest.fixture
def one(log: Any) -> Any:
    """The same where there must be one run."""

    def of(content: Any, name: str = "log.json") -> Run:
        (run,) = log(content, name)
        assert isinstance(run, Run)
        return run

    return of


def points(run: Run, tag: str) -> list[tuple[int, float]]:
    series = run.series[tag]
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def kinds(run: Run) -> list[tuple[str, str, int]]:
    return [(i.place, i.kind, i.dropped) for i in run.incidents]


def lines(*rows: Any) -> str:
    return "".join(standard.dumps(row) + "\n" for row in rows)


ROWS = [{"step": 0, "loss": 2.5, "lr": 0.1}, {"step": 10, "loss": 2.25, "lr": 0.1}, {"step": 20, "loss": 2, "lr": 0.05}]
LOSS = [(0, 2.5), (10, 2.25), (20, 2.0)]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (lines(*ROWS), "metrics.jsonl"),
        (lines(*ROWS), "metrics.json"),
        (lines(*ROWS), "METRICS.JSONL"),
        (lines(*ROWS).rstrip(), "x.ndjson"),
        ("loading …\n" + lines(*ROWS) + "done\n", "train.log"),
        ("\ufeff" + lines(*ROWS), "x.jsonl"),
        ("\n".join(standard.dumps(row, indent=2) for row in ROWS), "x.json"),
        (ROWS, "x.json"),
        (standard.dumps(ROWS, indent=4), "x.json"),
        ({"log_history": ROWS, "best": 2}, "x.json"),
        ({"config": {"lr": 1}, "history": ROWS}, "x.json"),
        ({"result": {"metrics": ROWS}}, "x.json"),
        ({key: [row[key] for row in ROWS] for key in ROWS[0]}, "x.json"),
        ({"history": {key: [row[key] for row in ROWS] for key in ROWS[0]}}, "x.json"),
        ({str(row["step"]): {"loss": row["loss"], "lr": row["lr"]} for row in ROWS}, "x.json"),
        ({f"step_{row['step']}": {"loss": row["loss"], "lr": row["lr"]} for row in ROWS}, "x.json"),
        ({key: {str(row["step"]): row[key] for row in ROWS} for key in ("loss", "lr")}, "x.json"),
        ({key: [[row["step"], row[key]] for row in ROWS] for key in ("loss", "lr")}, "x.json"),
        (lines(*({key: str(its) for key, its in row.items()} for row in ROWS)), "x.jsonl"),
    ],
)
def test_reads_the_same_curve_however_it_is_written(one: Any, content: Any, name: str) -> None:
    run = one(content, name)
    assert points(run, "loss") == LOSS
    assert points(run, "lr") == [(0, 0.1), (10, 0.1), (20, 0.05)]
    assert list(run.series) == ["loss", "lr"]
    assert (run.format, run.path.name, run.incidents, run.notes) == ("json", name, (), ())


@pytest.mark.parametrize(("said", "value"), [("NaN", math.nan), ('"NaN"', math.nan), ('"inf"', math.inf)])
def test_what_is_no_number_is_a_value(one: Any, said: str, value: float) -> None:
    run = one(f'{{"step": 0, "loss": 1}}\n{{"step": 1, "loss": {said}}}\n', "x.jsonl")
    assert str(points(run, "loss")[1]) == str((1, value))


def test_null_is_no_point(one: Any) -> None:
    run = one(lines(*({"step": n, "loss": 1.0 + n, "val_loss": n if n % 5 == 0 else None} for n in range(11))))
    assert points(run, "val_loss") == [(0, 0.0), (5, 5.0), (10, 10.0)]
    assert run.incidents == ()


def test_null_after_an_explosion_is_nan(one: Any) -> None:
    losses = [2.0, 1.9, 1.8, 1.7, 1.6, 60.0, None, None, None]
    run = one({"epoch": list(range(9)), "loss": losses, "lr": [0.1] * 9})
    assert points(run, "loss")[:6] == list(enumerate(losses[:6]))
    assert run.series["loss"].steps.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert math.isnan(run.series["loss"].values[-1])
    assert [i.kind for i in run.incidents] == ["blank_after_explosion"]
    calm = one({"epoch": list(range(9)), "loss": [2.0, 1.9, 1.8, 1.7, 1.6, 1.5, None, None, None]})
    assert (len(calm.series["loss"]), calm.incidents) == (6, ())


# --- what a row may be ------------------------------------------------------------------------------------------------


def test_nested_names_are_joined(one: Any) -> None:
    run = one(lines(*({"step": n, "train": {"loss": 3 - n}, "optim": {"lr": [0.1, 0.2]}} for n in range(3))))
    assert list(run.series) == ["train/loss", "optim/lr/0", "optim/lr/1"]


def test_a_summary_of_a_batch_counts_by_its_mean(one: Any) -> None:
    run = one(lines(*({"step": n, "loss": {"num": 4, "mean": 3.0 - n, "std": 1.0}} for n in range(3))))
    assert points(run, "loss") == [(0, 3.0), (1, 2.0), (2, 1.0)]


def test_rows_name_their_data_set(one: Any) -> None:
    rows = [{"epoch": n, "phase": phase, "loss": n + k} for n in range(3) for k, phase in enumerate(("train", "val"))]
    run = one(lines(*rows))
    assert points(run, "train/loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert points(run, "val/loss") == [(0, 1.0), (1, 2.0), (2, 3.0)]


def test_rows_name_their_metric(one: Any) -> None:
    rows = [{"step": n, "tag": tag, "value": n} for n in range(3) for tag in ("loss", "lr")]
    run = one(lines(*rows), "x.jsonl")
    assert list(run.series) == ["loss", "lr"]


def test_vectors_and_texts_are_no_curves(one: Any) -> None:
    run = one(lines(*({"step": n, "loss": n, "grad": [0.5] * 100, "note": f"n{n}", "ok": True} for n in range(3))))
    assert list(run.series) == ["loss"]


def test_the_first_rows_may_be_the_configuration(one: Any) -> None:
    run = one(lines({"config": {"optimizer": "adamw", "batch_size": 64}}, {"model": "gpt"}, *ROWS))
    assert run.hparams == {"config.optimizer": "adamw", "config.batch_size": 64, "model": "gpt"}
    assert points(run, "loss") == LOSS


def test_what_every_row_repeats_is_configuration(one: Any) -> None:
    run = one(lines(*({**row, "optimizer": "sgd", "seed": 3} for row in ROWS)))
    assert run.hparams == {"optimizer": "sgd", "seed": 3}
    assert list(run.series) == ["loss", "lr"]


def test_what_stands_beside_the_history_is_configuration(one: Any) -> None:
    run = one({"optimizer": {"name": "sgd", "momentum": 0.9}, "batch_size": 64, "history": ROWS})
    assert run.hparams["batch_size"] == 64
    assert run.hparams["optimizer.momentum"] == 0.9


def test_wall_times_are_taken_from_the_rows(one: Any) -> None:
    run = one(lines(*({**row, "timestamp": 1.7e9 + row["step"]} for row in ROWS)))
    assert run.series["loss"].wall_times is not None
    assert run.series["loss"].wall_times.tolist() == [1.7e9, 1.7e9 + 10, 1.7e9 + 20]
    assert "timestamp" not in run.series
    assert one(lines(*({**row, "time": 0.25} for row in ROWS))).series["loss"].wall_times is None


# --- the x axis -------------------------------------------------------------------------------------------------------


def test_entries_are_counted_where_nothing_counts_steps(one: Any) -> None:
    run = one({"loss": [3, 2, 1], "val_loss": [4, 3, 2]})
    assert points(run, "val_loss") == [(0, 4.0), (1, 3.0), (2, 2.0)]
    assert len(run.notes) == 1


def test_an_evaluation_without_a_step_stands_where_the_training_was(one: Any) -> None:
    rows: list[Any] = [{"iter": n, "loss": 5.0 - n} for n in range(1, 5)]
    run = one(lines(*rows[:2], {"val_loss": 4.5}, *rows[2:], {"val_loss": 3.5}))
    assert points(run, "val_loss") == [(2, 4.5), (4, 3.5)]


def test_a_shorter_list_is_spread_over_the_longer(one: Any) -> None:
    run = one({"train_loss": [float(n) for n in range(100, 0, -1)], "val_loss": [5.0, 4.0, 3.0, 2.0]})
    assert points(run, "val_loss") == [(24, 5.0), (49, 4.0), (74, 3.0), (99, 2.0)]
    first = one({"train_loss": [3.0, 2.0, 1.0], "val_loss": [4.0, 3.0, 2.0, 1.0]})
    assert points(first, "train_loss") == [(0, 3.0), (1, 2.0), (2, 1.0)]


def test_training_and_validation_rows_apart_share_the_count(one: Any) -> None:
    run = one({"train": [{"epoch": n, "loss": n} for n in range(3)], "val": [{"epoch": n, "loss": n} for n in (1, 2)]})
    assert points(run, "train/loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert points(run, "val/loss") == [(1, 1.0), (2, 2.0)]


def test_a_restart_supersedes_and_is_told(one: Any) -> None:
    rows = [{"step": n, "loss": 9.0 - n} for n in (0, 1, 2, 3, 2, 3, 4)]
    run = one(lines(*rows))
    assert run.series["loss"].steps.tolist() == [0, 1, 2, 3, 4]
    assert run.notes == ("restart at step 2: 2 points superseded",)


def test_reads_the_download_of_tensorboard(tmp_path: Path) -> None:
    path = tmp_path / "run-a-tag-Loss_train.json"
    path.write_text(standard.dumps([[1.7e9 + n, 10 * n, 3.0 - n] for n in range(3)]))
    (run,) = read_all(path)
    assert points(run, "Loss_train") == [(0, 3.0), (10, 2.0), (20, 1.0)]
    assert run.series["Loss_train"].wall_times is not None


# --- several runs -----------------------------------------------------------------------------------------------------


def fall(start: float, end: float, count: int) -> list[float]:
    return [start + (end - start) * n / (count - 1) for n in range(count)]


def test_a_training_that_was_begun_again_is_another_run(log: Any) -> None:
    rows = [{"step": n, "loss": loss} for n, loss in enumerate(fall(10.0, 3.0, 8))]
    first, second = log(lines(*rows, *rows[:5]))
    assert (len(first.series["loss"]), len(second.series["loss"])) == (8, 5)
    assert first.name != second.name
    assert first.notes == second.notes == ("one of 2 runs in the same file",)


def test_a_column_may_name_the_run(log: Any) -> None:
    rows = [{"trial": k, "step": n, "loss": 9.0 - n - k} for n in range(4) for k in range(2)]
    first, second = log(lines(*rows))
    assert points(first, "loss") == [(n, 9.0 - n) for n in range(4)]
    assert points(second, "loss") == [(n, 8.0 - n) for n in range(4)]


@pytest.mark.parametrize(
    "value",
    [
        {"lr0.1": {"loss": [3, 2, 1]}, "lr0.3": {"loss": [9, 8, 7]}},
        {"lr0.1": {"history": {"loss": [3, 2, 1]}}, "lr0.3": {"history": {"loss": [9, 8, 7]}}},
        [{"loss": [3, 2, 1]}, {"loss": [9, 8, 7]}],
        {"a": [{"epoch": n, "loss": 3 - n} for n in range(3)], "b": [{"epoch": n, "loss": 9 - n} for n in range(3)]},
    ],
)
def test_histories_beside_one_another_are_several_runs(log: Any, value: Any) -> None:
    first, second = log(value)
    assert first.series["loss"].values.tolist() == [3.0, 2.0, 1.0]
    assert second.series["loss"].values.tolist() == [9.0, 8.0, 7.0]
    assert first.name != second.name


def test_damage_is_told_once_for_all_runs(log: Any) -> None:
    whole = standard.dumps({"a": {"loss": [3, 2, 1]}, "b": {"loss": [9, 8, 7]}})
    first, second = log(whole[:-1])
    assert (kinds(first), kinds(second)) == ([("line 1", "truncated_tail", 1)], [])


# --- what is no curve -------------------------------------------------------------------------------------------------

NO_CURVES: list[tuple[str, Any]] = [
    ("config.json", {"lr": 0.1, "epochs": 3, "betas": [0.9, 0.999], "loss": "mse"}),
    ("config.json", {"optimizer": {"lr": [0.1, 0.2]}, "milestones": [30, 60]}),
    ("summary.json", {"step": 100, "loss": 0.3, "val/loss": 0.4}),
    ("package.json", {"name": "x", "version": "1"}),
    ("tokenizer.json", {"vocab": {"a": 0, "b": 1}}),
    ("coco.json", {"images": [{"id": 1, "width": 3}], "annotations": [{"id": 1, "bbox": [1, 2, 3, 4]}]}),
    ("data.jsonl", lines({"text": "loss", "label": 1}, {"text": "y", "label": 0})),
    ("data.jsonl", lines({"prompt": "loss: 0.5", "loss_type": "x"}, {"prompt": "", "loss_type": "y"})),
    ("a.log", "epoch 1 loss 0.5\nepoch 2 loss 0.4\n"),
    ("a.log", 'config: {"lr": 0.1}\n{"lr": 0.1}\nepoch 1 loss 0.5\n'),
    ("a.log", "{'loss': 0.5, 'epoch': 1}\n{'loss': 0.4, 'epoch': 2}\n"),
    ("a.py", lines(*ROWS)),
    ("a.csv", lines(*ROWS)),
    ("x.json", "[1, 2, 3]"),
    ("x.json", "{"),
    ("x.json", ""),
]


@pytest.mark.parametrize(("name", "content"), NO_CURVES)
def test_does_not_claim_what_is_no_curve(tmp_path: Path, name: str, content: Any) -> None:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else standard.dumps(content))
    assert not json.claims(path)
    if path.suffix not in (".py", ".csv"):
        with pytest.raises(NotALog) as caught:
            read_all(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lines(*({"model": m, "lr": 0.1, "val_loss": 3} for m in ("resnet", "vit", "mlp"))), "one row per 'model'"),
        (lines(*({"trial": n, "step": 100, "val_loss": 3} for n in range(5))), "one row per 'trial'"),
        (lines({"step": 1, "samples": 2}, {"step": 2, "samples": 3}), "nothing is known as a loss"),
    ],
)
def test_results_are_told_from_curves(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(NotALog, match=why):
        read_all(path)


def test_of_too_many_names_the_first_are_read(one: Any) -> None:
    run = one(lines(*({"step": n, "loss": 1, **{f"x{n}_{k}": 1 for k in range(1000)}} for n in range(21))), "x.jsonl")
    assert len(run.series["loss"]) == 21
    assert len(run.series) == 20_000 - 1
    assert [(i.kind, i.dropped) for i in run.incidents] == [("columns_limit", 21_002 - 20_000)]


def test_many_names_in_many_rows_take_no_more_room_than_they_need(one: Any) -> None:
    run = one(lines(*({"step": n, "loss": 1.0, f"x{n}": 1} for n in range(15_000))), "x.jsonl")
    assert len(run.series) == 15_001


def test_a_pair_of_adversaries_is_a_run_of_which_the_loss_is_unknown(one: Any) -> None:
    run = one(lines(*({"tick": n, "Loss/G/loss": 1.0, "Loss/D/loss": 2.0} for n in range(4))), "stats.jsonl")
    roles, notes = RoleNames().assign(run.series)
    assert Role.TRAIN_LOSS not in roles
    assert "none taken" in notes[0]


def test_the_users_names_are_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(lines(*({"tokens": 100 * n, "Kosten": 3 - n} for n in range(3))))
    run = read_all(path, RoleNames({Role.TRAIN_LOSS: ("kosten",), Role.STEP: ("tokens",)}))[0]
    assert points(run, "Kosten") == [(0, 3.0), (100, 2.0), (200, 1.0)]


# --- files of real loggers --------------------------------------------------------------------------------------------


def test_reads_what_stable_baselines3_wrote() -> None:
    """Written by stable-baselines3 2.9.2, `logger.configure(…, ["json"])`."""
    path = DATA / "stable_baselines3" / "progress.json"
    assert json.claims(path)
    (run,) = read_all(path)
    loss = run.series["train/loss"]
    assert loss.steps.tolist() == [2048 * n for n in range(1, 12)]
    assert math.isnan(loss.values[-1])
    assert len(run.series["rollout/ep_rew_mean"]) == 12
    assert run.series["train/learning_rate"].values[0] == pytest.approx(2.75e-4)


def test_where_a_limit_left_nothing_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(lines({"loss": 1, "text": "x" * 100}, {"loss": 2}))
    with in_force(Limits(line=50)), pytest.raises(LogError, match=r"a single row.*: a line of .* `--limit line=100`"):
        read_all(path)
    path.write_text(lines({"loss": 2}))
    with in_force(Limits(line=50)), pytest.raises(NotALog, match=r"a single row, and nothing counts the steps$"):
        read_all(path)


def test_what_skorch_wrote() -> None:
    """skorch 1.4.0's history of 20 epochs, with the rate of its `LRScheduler(event_name="event_lr")`."""
    (run,) = read_all(DATA / "skorch" / "history.json")
    roles, _ = RoleNames().assign(run.series)
    assert (roles[Role.TRAIN_LOSS], roles[Role.VAL_LOSS], roles[Role.LR]) == ("train_loss", "valid_loss", "event_lr")
    assert run.series["train_loss"].steps.tolist() == list(range(1, 21))
    # That every epoch was the best so far is no setting.
    assert (run.hparams, run.incidents) == ({}, ())
