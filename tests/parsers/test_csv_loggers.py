"""Tables as loggers write them: those in tests/data by the libraries themselves, the others here, by their schema."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from lrdoctor import doctor
from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Role, Run, Status
from lrdoctor.parsers import csv
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "csv"


def read(*files: Path) -> list[Run]:
    """All that is claimed, by its home, as a walk would hand it over."""
    homes: dict[Path, list[Path]] = {}
    for path in files:
        assert csv.claims(path)
        homes.setdefault(csv.home(path), []).append(path)
    return [run for home, paths in homes.items() for run in csv.read(home, paths, RoleNames())]


def roles(run: Run) -> dict[Role, str]:
    return RoleNames().assign(run.series)[0]


def steps(run: Run, tag: str) -> list[int]:
    return [int(step) for step in run.series[tag].steps]


# --- Keras 3.15.1 -----------------------------------------------------------------------------------------------------


def test_keras_with_a_backup_that_was_not_removed_has_crashed() -> None:
    (run,) = read(DATA / "keras_crashed" / "log.csv")
    assert run.status is Status.CRASHED
    assert run.notes == ("training_metadata.json is still there: the training broke off behind epoch 6, or goes on",)
    assert steps(run, "val_loss") == [1, 3, 5]  # validation_freq=2: NA between
    assert roles(run)[Role.TRAIN_LOSS] == "loss"


def test_no_half_number_of_a_cut_table_counts(tmp_path: Path) -> None:
    whole = (DATA / "keras_crashed" / "log.csv").read_bytes()
    (complete,) = read(DATA / "keras_crashed" / "log.csv")
    path = tmp_path / "log.csv"
    for cut in range(whole.index(b"NA\r\n") + 4, len(whole)):  # behind the first row
        path.write_bytes(whole[:cut])
        (run,) = read(path)
        for tag, series in run.series.items():
            assert series.values == pytest.approx(complete.series[tag].values[: len(series)], rel=1e-13)


@pytest.mark.parametrize(
    "metadata", ['{"epoch": 40, "batch": 0}', '{"epoch": 6}', "[6]", "", '{"epoch": "6", "batch": 0}']
)
def test_the_backup_of_another_training_says_nothing(tmp_path: Path, metadata: str) -> None:
    shutil.copytree(DATA / "keras_crashed", tmp_path / "run")
    (tmp_path / "run" / "backup" / "training_metadata.json").write_text(metadata)
    (run,) = read(tmp_path / "run" / "log.csv")
    assert (run.status, run.notes) == (Status.UNKNOWN, ())


def test_a_second_fit_that_appends_goes_on() -> None:
    (run,) = read(DATA / "keras_went_on" / "log.csv")
    assert steps(run, "loss") == steps(run, "learning_rate") == list(range(10))
    assert run.status is Status.UNKNOWN


# --- Lightning 2.6.6 --------------------------------------------------------------------------------------------------


def test_lightning_takes_the_rate_and_not_what_stands_beside_it() -> None:
    (run,) = read(DATA / "lightning" / "version_0" / "metrics.csv")
    assert roles(run)[Role.LR] == "lr-SGD/pg2"
    assert run.series["lr-SGD/pg2"].values.max() > 0.09
    assert {role: len(run.series[tag]) for role, tag in roles(run).items()} == {
        Role.TRAIN_LOSS: 16,
        Role.VAL_LOSS: 4,
        Role.LR: 16,
        Role.EPOCH: 16,
    }
    assert run.hparams == {"lr": 0.1, "optimizer": "sgd", "weight_decay": 0.0001}
    assert steps(run, "val_loss") == [7, 15, 23, 31]


# --- stable-baselines3 2.9.2 ------------------------------------------------------------------------------------------


def test_the_monitor_belongs_to_the_progress() -> None:
    (run,) = read(DATA / "sb3" / "0.monitor.csv", DATA / "sb3" / "progress.csv")
    assert run.name == "progress.csv"
    assert run.hparams == {"env_id": "CartPole-v1"}
    assert steps(run, "train/loss")[:2] == [128, 192]  # nothing was learnt from before the first 64 were gathered
    assert run.series["monitor/r"].values.tolist()[:1] == [25.0]
    assert steps(run, "monitor/r")[:1] == [25]
    assert roles(run)[Role.LR] == "train/learning_rate"


def test_monitors_alone_are_a_run(tmp_path: Path) -> None:
    for number in range(2):
        shutil.copy(DATA / "sb3" / "0.monitor.csv", tmp_path / f"{number}.monitor.csv")
    (run,) = read(*sorted(tmp_path.iterdir()))
    assert (run.name, run.path) == (tmp_path.name, tmp_path)
    assert {"0.monitor/r", "1.monitor/r", "0.monitor/t"} <= set(run.series)


def test_a_monitor_without_an_episode_is_no_curve(tmp_path: Path) -> None:
    path = tmp_path / "monitor.csv"
    path.write_text('#{"t_start": 1.5, "env_id": "x"}\nr,l,t\n')
    with pytest.raises(NotALog, match="without an episode"):
        read(path)


def test_a_monitor_that_is_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    whole = (DATA / "sb3" / "0.monitor.csv").read_text()
    (complete,) = read(DATA / "sb3" / "0.monitor.csv")
    path = tmp_path / "0.monitor.csv"
    for cut in range(2, len(whole), 7):
        path.write_text(whole[:cut])
        try:
            (run,) = read(path)
        except LogError:
            continue
        told = run.series["monitor/r"].values.tolist()
        assert told == complete.series["monitor/r"].values.tolist()[: len(told)]


# --- by their schema --------------------------------------------------------------------------------------------------


def ultralytics(folder: Path, made: Any, epochs: int, *, padded: bool = False) -> Path:
    names = "epoch,time,train/box_loss,train/cls_loss,train/dfl_loss,metrics/mAP50-95(B),val/box_loss,val/cls_loss,"
    names += "val/dfl_loss,lr/pg0,lr/pg1,lr/pg2"
    rows = [
        [n, 9.5 * n, 3 / n, 2 / n, 1 / n, 0.1, 3.5 / n, 2.5 / n, 1.5 / n, bias, rate, rate]
        for n, (bias, rate) in enumerate([(0.07, 0.003), (0.04, 0.006), (0.0098, 0.0098), (0.005, 0.005)][:epochs], 1)
    ]
    lines: list[list[Any]] = [[*names.split(",")], *rows]
    text = "\n".join(",".join(f"{cell:>23}" if padded else str(cell) for cell in line) for line in lines)
    made.table(folder / "args.yaml", "task: detect\nepochs: 4\noptimizer: auto\nlr0: 1e-2\nbatch: 16\n")
    path: Path = made.table(folder / "results.csv", text + "\n")
    return path


@pytest.mark.parametrize("padded", [False, True])
def test_ultralytics_sums_its_losses_and_has_no_bias_rate(tmp_path: Path, made: Any, padded: bool) -> None:
    (run,) = read(ultralytics(tmp_path, made, 4, padded=padded))
    assert roles(run) == {
        Role.TRAIN_LOSS: "train/box_loss+cls_loss+dfl_loss",
        Role.VAL_LOSS: "val/box_loss+cls_loss+dfl_loss",
        Role.LR: "lr/pg1",
        Role.EPOCH: "epoch",
    }
    assert run.series["train/box_loss+cls_loss+dfl_loss"].values == pytest.approx([6.0, 3.0, 2.0, 1.5])
    assert steps(run, "lr/pg0") == [1, 2, 3, 4]
    assert (run.planned_steps, run.status) == (4, Status.FINISHED)
    assert (run.hparams["lr0"], run.hparams["optimizer"]) == (0.01, "auto")


def test_ultralytics_that_did_not_come_to_its_end(tmp_path: Path, made: Any) -> None:
    (run,) = read(ultralytics(tmp_path, made, 3))
    assert (run.planned_steps, run.status) == (4, Status.UNKNOWN)


def test_parts_of_a_loss_are_not_summed_where_the_loss_is_there(tmp_path: Path, made: Any) -> None:
    (run,) = read(made.table(tmp_path / "a.csv", "epoch,train/loss,train/cls_loss\n0,3,1\n1,2,1\n"))
    assert list(run.series) == ["epoch", "train/loss", "train/cls_loss"]


def test_timm(tmp_path: Path, made: Any) -> None:
    made.table(tmp_path / "args.yaml", "epochs: 300\nlr: 0.05\nopt: sgd\nsched: cosine\naa: null\n")
    text = "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n0,6.9,6.8,0.1,0.5,1e-06\n1,6.7,6.6,0.3,1.2,0.01\n"
    (run,) = read(made.table(tmp_path / "summary.csv", text))
    assert roles(run) == {
        Role.TRAIN_LOSS: "train_loss",
        Role.VAL_LOSS: "eval_loss",
        Role.LR: "lr",
        Role.ACCURACY: "eval_top1",
        Role.EPOCH: "epoch",
    }
    assert (run.planned_steps, run.hparams["opt"], run.hparams["aa"]) == (300, "sgd", None)


def test_fastai(tmp_path: Path, made: Any) -> None:
    text = "epoch,train_loss,valid_loss,accuracy,time\n0,0.9,0.8,0.6,00:12\n1,0.7,0.75,0.7,00:11\n"
    (run,) = read(made.table(tmp_path / "history.csv", text))
    assert (roles(run)[Role.TRAIN_LOSS], roles(run)[Role.VAL_LOSS]) == ("train_loss", "valid_loss")
    assert "time" not in run.series
    assert run.hparams == {}
    text = text.replace("00:11", "00:12")
    (run,) = read(made.table(tmp_path / "history.csv", text))
    assert run.hparams == {}  # that every epoch took as long is no setting


def test_fastai_going_on_skips_the_epochs_that_were_trained(tmp_path: Path, made: Any) -> None:
    """`SkipToEpoch` of fastai 2.8 lets the recorder write a row for each, with no more than its number and a time."""
    head, rows = "epoch,train_loss,valid_loss,time\n", [f"{n},{3 - n / 100},2,00:01\n" for n in range(100)]
    text = head + "".join(rows[:60]) + head + "".join(f"{n},00:00\n" for n in range(60)) + "".join(rows[60:])
    (run,) = read(made.table(tmp_path / "history.csv", text))
    assert steps(run, "train_loss") == list(range(100))
    assert (run.incidents, run.notes) == ((), ())
    (real,) = read(DATA.parent / "fastai" / "history.csv")  # of 20 epochs, interrupted in the twelfth
    assert (steps(real, "train_loss"), real.incidents, real.hparams) == (list(range(20)), (), {})
    torn = text.replace("70,2.3,2,00:01", "70,2.3")
    (run,) = read(made.table(tmp_path / "history.csv", torn))
    assert [(i.kind, i.dropped) for i in run.incidents] == [("unreadable_row", 1)]


def test_spinning_up(tmp_path: Path, made: Any) -> None:
    made.table(tmp_path / "config.json", '{\n"ac_kwargs":\t{"hidden_sizes":\t[64, 64]},\n"pi_lr":\t0.0003\n}')
    text = "Epoch\tAverageEpRet\tTotalEnvInteracts\tLossPi\tLossV\tTime\n0\t20.5\t4000\t-0.01\t300.0\t5.1\n"
    (run,) = read(made.table(tmp_path / "progress.txt", text + "1\t30.5\t8000\t-0.02\t250.0\t9.9\n"))
    assert steps(run, "LossV") == [4000, 8000]
    assert run.hparams == {"ac_kwargs.hidden_sizes": "[64, 64]", "pi_lr": 0.0003}
    # Which of the two it is meant to be nobody can tell, and a policy's loss is no progress.
    assert Role.TRAIN_LOSS not in roles(run)


def test_flair(tmp_path: Path, made: Any) -> None:
    head = "EPOCH\tTIMESTAMP\tBAD_EPOCHS\tLEARNING_RATE\tTRAIN_LOSS\tDEV_LOSS\tDEV_PRECISION\tDEV_ACCURACY\n"
    rows = "1\t12:00:01\t0\t0.1000\t1.5\t1.2\t0.1\t0.2\n2\t12:03:01\t0\t0.0500\t1.1\t1.0\t0.2\t0.3\n"
    (run,) = read(made.table(tmp_path / "loss.tsv", head + rows))
    assert (roles(run)[Role.LR], roles(run)[Role.VAL_LOSS]) == ("LEARNING_RATE", "DEV_LOSS")
    several = rows.replace("0.1000", "0.0010,0.1000").replace("0.0500", "0.0005,0.0500")
    (run,) = read(made.table(tmp_path / "groups" / "loss.tsv", head + several))
    assert run.series["LEARNING_RATE"].values.tolist() == [0.1, 0.05]


def test_what_tensorboard_lets_people_download(tmp_path: Path, made: Any) -> None:
    head = "Wall time,Step,Value\n"
    files = [
        made.table(tmp_path / f"run-{run}-tag-{tag}.csv", head + f"1700000000.5,0,{value}\n1700000009.5,10,nan\n")
        for run, tag, value in [
            ("a_train", "epoch_loss", 3),
            ("a_validation", "epoch_loss", 4),
            ("a_train", "epoch_learning_rate", 0.1),
            ("b", "loss (1)", 5),
        ]
    ]
    a, b = read(*files)
    assert [a.name, b.name] == [f"{tmp_path.name}#a", f"{tmp_path.name}#b"]
    assert roles(a) == {
        Role.TRAIN_LOSS: "train/epoch_loss",
        Role.VAL_LOSS: "validation/epoch_loss",
        Role.LR: "train/epoch_learning_rate",
    }
    assert math.isnan(a.series["train/epoch_loss"].values[1])
    assert a.series["train/epoch_loss"].wall_times is not None
    assert steps(b, "loss") == [0, 10]


def test_a_download_without_numbers_is_no_curve(tmp_path: Path, made: Any) -> None:
    with pytest.raises(LogError, match="no numbers"):
        read(made.table(tmp_path / "run-a-tag-loss.csv", "Wall time,Step,Value\nx,y,z\n"))
    with pytest.raises(NotALog, match="without a point"):
        read(made.table(tmp_path / "run-b-tag-loss.csv", "Wall time,Step,Value\n"))


def test_tables_of_dvclive_are_not_claimed(tmp_path: Path, made: Any) -> None:
    path = made.table(tmp_path / "dvclive" / "plots" / "metrics" / "loss.tsv", "step\tloss\n0\t1\n1\t2\n")
    assert not csv.claims(path)
    assert csv.claims(made.table(tmp_path / "metrics" / "loss.tsv", "step\tloss\n0\t1\n1\t2\n"))


def deepspeed(folder: Path, **columns: list[float]) -> None:
    """Tables as DeepSpeed's `csvMonitor` writes them: one of each tag, counted in samples."""
    folder.mkdir(parents=True)
    for tag, values in columns.items():
        rows = "".join(f"{64 * n},{value}\n" for n, value in enumerate(values, 1))
        (folder / f"Train_Samples_{tag}.csv").write_text(f"step,{tag}\n{rows}")


def test_the_tables_of_deepspeed_are_one_run(tmp_path: Path) -> None:
    deepspeed(tmp_path / "job", train_loss=[3.0, 2.0, math.nan], lr=[0.1, 0.2, 0.1], loss_scale=[4.0, 4.0, 2.0])
    (run,), problems = doctor.read([tmp_path], RoleNames())
    assert (run.name, problems, run.notes, run.incidents) == ("job", [], (), ())
    assert (roles(run)[Role.TRAIN_LOSS], roles(run)[Role.LR]) == ("Train/Samples/train_loss", "Train/Samples/lr")
    assert steps(run, "Train/Samples/train_loss") == [64, 128, 192]
    assert math.isnan(run.series["Train/Samples/train_loss"].values[-1])


def test_deepspeed_going_on(tmp_path: Path) -> None:
    deepspeed(tmp_path / "job", train_loss=[3.0, 2.0, 1.0])
    with (tmp_path / "job" / "Train_Samples_train_loss.csv").open("a") as file:
        file.write("step,train_loss\n128,1.5\n192,0.5\n256,0.25\n")
    (run,), _ = doctor.read([tmp_path], RoleNames())
    assert run.series["Train/Samples/train_loss"].values.tolist() == [3.0, 1.5, 0.5, 0.25]
    assert run.notes == ("restart at step 128: 2 points superseded",)


def test_a_table_that_is_only_named_like_those_of_deepspeed(tmp_path: Path, made: Any) -> None:
    path = made.table(tmp_path / "Train_Samples_loss.csv", "step,loss,lr\n1,3,0.1\n2,2,0.1\n")
    assert set(doctor.read([path], RoleNames())[0][0].series) == {"loss", "lr"}
