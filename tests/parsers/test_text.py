from __future__ import annotations

import importlib.util
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError, NotALog
from lrdoctor.limits import Limits, in_force
from lrdoctor.model import Role, Run, Status
from lrdoctor.parsers import _text_lines, text
from lrdoctor.plugins import parsers
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parent.parent / "data" / "text"
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


def _samples() -> Any:
    spec = importlib.util.spec_from_file_location("text_samples", Path(__file__).parent / "text_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SAMPLES = _samples()
WRITERS: dict[str, Callable[[], str]] = {writer.__name__: writer for writer in SAMPLES.WRITERS}
loss = SAMPLES.loss


def runs(content: str, name: str = "train.log") -> list[Run]:
    return list(text.read_lines(content.splitlines(keepends=True), Path(name), RoleNames()))


def one(content: str) -> Run:
    (run,) = runs(content)
    return run


def points(run: Run, tag: str) -> list[tuple[int, float]]:
    series = run.series[tag]
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def by_role(run: Run, role: Role) -> list[tuple[int, float]]:
    return points(run, RoleNames().assign(run.series)[0][role])


def kinds(run: Run) -> list[tuple[str, str, int]]:
    return [(i.place, i.kind, i.dropped) for i in run.incidents]


def steps_of(count: int, every: int = 1, first: int = 0) -> list[int]:
    return [first + every * row for row in range(count)]


# --- what known programs print ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("writer", "steps"),
    [
        ("nanogpt", steps_of(30, 10)),
        ("llm_c", steps_of(30)),
        ("modded_nanogpt", steps_of(30, first=1)),
        ("torchtune", steps_of(30, first=1)),
        ("megatron", steps_of(30, first=1)),
        ("caffe", steps_of(30, 100)),
        ("imagenet", [50 * epoch + at + 1 for epoch in range(3) for at in range(0, 50, 10)]),
        ("mnist", [60000 * epoch + at for epoch in range(3) for at in range(0, 60000, 6400)]),
        ("fairseq", steps_of(30, 100, first=100)),
        ("fairseq_json", steps_of(30, 100, first=100)),
        ("composer_console", steps_of(30, first=1)),
        ("composer_file", steps_of(30)),
        ("hugging_face_4", steps_of(30, 10, first=10)),
        ("keras_2", steps_of(8, first=1)),
        ("keras_2_lines", steps_of(8, first=1)),
        ("mmengine", steps_of(30, 50, first=50)),
        ("detectron2", steps_of(30, 20, first=19)),
        ("two_lines_per_epoch", steps_of(12, first=1)),
        ("chinese", steps_of(12, first=1)),
        ("tacotron2", steps_of(30)),
        ("kohya", steps_of(30)),
        ("clu", steps_of(30, 50)),
        ("swin", steps_of(15, 10)),
        ("skorch", steps_of(20, first=1)),
        ("quickstart", [60000 * epoch + 12800 * at + 64 for epoch in range(3) for at in range(5)]),
    ],
)
def test_reads_every_point_of_the_training_loss(writer: str, steps: list[int]) -> None:
    run = one(WRITERS[writer]())
    read = by_role(run, Role.TRAIN_LOSS)
    assert [step for step, _ in read] == steps
    assert [value for _, value in read] == pytest.approx([loss(row) for row in range(len(steps))], rel=2e-2, abs=1e-3)
    assert run.incidents == ()


@pytest.mark.parametrize(
    ("writer", "expected"),
    [
        ("nanogpt", [(50 * at, loss(5 * at) + 0.5) for at in range(6)]),
        ("llm_c", [(10 * at, loss(10 * at) + 0.5) for at in range(3)]),
        ("modded_nanogpt", [(10 * at, loss(10 * at) + 0.5) for at in range(3)]),
        ("megatron", [(10 * at, loss(10 * at - 1) + 0.5) for at in (1, 2, 3)]),
        ("caffe", [(500 * at, loss(5 * at) + 0.5) for at in range(6)]),
        ("imagenet", [(50 * at + 41, loss(at) + 0.5) for at in range(3)]),
        ("mnist", [(60000 * at + 57600, loss(at + 1) / 100) for at in range(3)]),
        ("fairseq", [(1000 * at, loss(10 * at - 1) + 0.5) for at in (1, 2, 3)]),
        ("keras_2", [(at + 1, loss(at) + 0.5) for at in range(8)]),
        ("keras_2_lines", [(at + 1, loss(at) + 0.5) for at in range(8)]),
        ("two_lines_per_epoch", [(at + 1, loss(at) + 0.5) for at in range(12)]),
        ("tacotron2", [(at, loss(at) + 0.515625) for at in (9, 19, 29)]),
        ("skorch", [(at + 1, loss(at) + 0.5) for at in range(20)]),
        ("quickstart", [(60000 * at + 51264, loss(at) + 0.5) for at in range(3)]),
    ],
)
def test_reads_the_validation_loss_at_the_steps_of_the_training(writer: str, expected: list[tuple[int, float]]) -> None:
    read = by_role(one(WRITERS[writer]()), Role.VAL_LOSS)
    assert [step for step, _ in read] == [step for step, _ in expected]
    assert [value for _, value in read] == pytest.approx([value for _, value in expected], abs=1e-3)


@pytest.mark.parametrize(
    ("writer", "last"),
    [
        ("llm_c", 6e-4), ("torchtune", 2e-5), ("megatron", 1.5e-4), ("caffe", 0.01 / 30), ("fairseq", 1.25e-5 * 30),
        ("composer_console", 2e-4), ("hugging_face_4", 5e-5 / 30), ("mmengine", 1e-3), ("basicsr", 2e-6),
        ("detectron2", 0.0075), ("chinese", 0.1 / 12),
    ],
)  # fmt: skip
def test_reads_the_learning_rate(writer: str, last: float) -> None:
    assert by_role(one(WRITERS[writer]()), Role.LR)[-1][1] == pytest.approx(last, rel=1e-2)


@pytest.mark.parametrize(
    ("writer", "planned", "status"),
    [
        ("modded_nanogpt", 29, Status.FINISHED),
        ("megatron", 30, Status.FINISHED),
        ("composer_console", 30, Status.FINISHED),
        ("hugging_face_4", 300, Status.FINISHED),
        ("keras_2", 8, Status.FINISHED),
        ("two_lines_per_epoch", 12, Status.FINISHED),
        ("caffe", None, Status.FINISHED),
        ("nanogpt", None, Status.UNKNOWN),
        ("imagenet", None, Status.UNKNOWN),
    ],
)
def test_knows_what_was_planned_and_whether_it_was_reached(writer: str, planned: int | None, status: Status) -> None:
    run = one(WRITERS[writer]())
    assert (run.planned_steps, run.status) == (planned, status)


def test_a_log_that_breaks_off_is_not_finished() -> None:
    lines = SAMPLES.megatron().splitlines()
    run = one("\n".join(lines[:25]) + "\n")
    assert (run.planned_steps, run.status) == (30, Status.UNKNOWN)


def test_reads_settings() -> None:
    assert one(SAMPLES.megatron()).hparams["lr"] == 0.00015
    assert one(SAMPLES.megatron()).hparams["fp16"] is True
    assert one(SAMPLES.composer_file()).hparams == {"optimizer": "adamw", "batch_size": 512}
    namespace = "Namespace(lr=0.1, model='resnet18', batch_size=256, resume=None, path='/a, b', betas=(0.9, 0.999))\n"
    hparams = one(namespace + SAMPLES.imagenet()).hparams
    assert hparams["lr"] == 0.1
    assert (hparams["model"], hparams["batch_size"], hparams["resume"]) == ("resnet18", 256, None)


# --- what transformers 5.24.0 and keras 3.15.1 wrote themselves, on torch 2.13.0 --------------------------------------


def real(name: str) -> Run:
    (run,) = text.read(DATA / name, [DATA / name], RoleNames())
    return run


def test_reads_what_transformers_printed() -> None:
    run = real("transformers-5.txt")
    assert [step for step, _ in points(run, "loss")] == steps_of(15, 5, first=5)
    assert points(run, "loss")[0] == (5, 6.97)
    assert points(run, "learning_rate")[-1] == (75, 0.0001333)
    assert points(run, "eval_loss") == [(25, 4.171), (50, 3.371), (75, 3.12)]
    assert (run.planned_steps, run.status) == (75, Status.FINISHED)
    assert "train_loss" not in run.series


@pytest.mark.parametrize("name", ["keras-3-bars.txt", "keras-3-lines.txt"])
def test_reads_what_keras_printed(name: str) -> None:
    run = real(name)
    assert points(run, "val_loss") == [(1, 0.5199), (2, 0.5127), (3, 0.5056), (4, 0.4994), (5, 0.4932), (6, 0.4875)]
    assert points(run, "loss")[0] == (1, 0.5707)
    assert points(run, "loss")[-1] == (6, 0.5167)
    assert (run.planned_steps, run.status) == (6, Status.FINISHED)


# --- how lines are dressed --------------------------------------------------------------------------------------------

PLAIN = [f"step {10 * row} loss {loss(row):.4f} lr {1e-3 / (1 + row):.6f}" for row in range(12)]
READ = [(10 * row, round(loss(row), 4)) for row in range(12)]


@pytest.mark.parametrize(
    "dress",
    [
        lambda line: line,
        lambda line: line.replace(" ", "  "),
        lambda line: line.replace(" loss", ", loss").replace(" lr", ", lr"),
        lambda line: line.replace("loss ", "loss=").replace("lr ", "lr="),
        lambda line: line.replace("step ", "step: ").replace("loss ", "loss: ").replace("lr ", "lr: "),
        lambda line: line.replace("step ", "step：").replace(" loss ", "，loss：").replace(" lr ", "，lr："),
        lambda line: line.replace("step ", "step\t").replace(" loss ", "\tloss\t").replace(" lr ", "\tlr\t"),
        lambda line: "| " + line.replace(" loss", " | loss").replace(" lr", " | lr") + " |",
        lambda line: "\x1b[32m" + line.replace("loss", "\x1b[1mloss\x1b[0m") + "\x1b[0m",
        lambda line: "2024-05-06 10:11:12,123 - INFO - train.py:123 - " + line,
        lambda line: "[2024/05/06 10:11:12 root] " + line,
        lambda line: "INFO:root:" + line,
        lambda line: "[rank0]:" + line,
        lambda line: "[default0]: " + line,
        lambda line: "0: " + line,
        lambda line: line.replace("loss ", "loss tensor(").replace(" lr", ", device='cuda:0', grad_fn=<X>) lr"),
        lambda line: line.replace("lr ", "lr (") + ",)",
        lambda line: line.replace("lr ", "lr [") + "]",
        lambda line: "{" + re.sub(r"(\w+) ([0-9.]+) ?", r"'\1': '\2', ", line) + "}",
        lambda line: line + " 1.23s/it eta 0:12:13 max_mem 3000M",
        lambda line: line + "\r",
    ],
)  # fmt: skip
def test_reads_the_same_however_a_line_is_dressed(dress: Callable[[str], str]) -> None:
    run = one("\n".join(map(dress, PLAIN)) + "\n")
    assert points(run, "loss") == READ
    assert [step for step, _ in points(run, "lr")] == steps_of(12, 10)


def test_reads_thousands_and_exponents() -> None:
    run = one(
        "".join(
            f"iter: {1000 * row:7,d}, loss: {1234567.5 / (row + 1):,.2f}, lr: {1e-5 * (row + 1):.2E}\n"
            for row in range(8)
        )
    )
    assert points(run, "loss")[:2] == [(0, 1234567.5), (1000, 617283.75)]
    assert points(run, "lr")[-1] == (7000, 8e-05)


@pytest.mark.parametrize("word", ["nan", "NaN", "-nan", "inf", "-inf", "Infinity"])
@pytest.mark.parametrize(
    "line", ["iter {}: loss {}, time 3ms", "iter={} loss={}", "{{'step': {}, 'loss': '{}'}}", "step {} loss {}"]
)
def test_non_finite_values_are_kept(word: str, line: str) -> None:
    run = one("".join(line.format(row, 3.5 + row if row < 8 else word) + "\n" for row in range(12)))
    values = run.series["loss"].values
    assert len(values) == 12
    assert np.isfinite(values).tolist() == [True] * 8 + [False] * 4
    assert math.isnan(values[-1]) == ("nan" in word.lower())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_reads_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "train.log"
    path.write_bytes(("début é\n" + "\n".join(PLAIN) + "\n").encode(encoding))
    (run,) = text.read(path, [path], RoleNames())
    assert points(run, "loss") == READ


def test_a_bar_that_draws_over_itself_gives_one_row_per_drawing() -> None:
    bars = "\r".join(
        f" {at}%|{'#' * at}| {at}/100 [00:0{at % 10}<00:09, 9.{at}it/s, loss={100 / at:.3f}]" for at in range(1, 101)
    )
    read = points(one("\n" + bars + "\n"), "loss")
    assert read == [(at, round(100 / at, 3)) for at in range(1, 101)]


# --- several processes, several trainings, one log --------------------------------------------------------------------


def test_one_process_speaks_for_all(tmp_path: Path) -> None:
    lines = [f"[rank{rank}]: step {row} loss {loss(row) + rank:.4f}" for row in range(10) for rank in (1, 0, 2)]
    run = one("\n".join(lines) + "\n")
    assert points(run, "loss") == [(row, round(loss(row) + 1, 4)) for row in range(10)]
    assert run.notes == ("20 lines of other processes say the same and were left out",)


def test_one_process_of_srun_speaks_for_all() -> None:
    run = one("".join(f"{rank}: step {row} loss {loss(row) + rank:.4f}\n" for row in range(10) for rank in (0, 1)))
    assert points(run, "loss") == [(row, round(loss(row), 4)) for row in range(10)]


def test_a_leading_number_counts_where_nothing_else_does() -> None:
    run = one("".join(f"{7 * row}: loss {loss(row):.4f}\n" for row in range(10)))
    assert points(run, "loss") == [(7 * row, round(loss(row), 4)) for row in range(10)]


def test_trainings_one_after_another_are_told_apart() -> None:
    first, second, third = SAMPLES.modded_nanogpt(12), SAMPLES.modded_nanogpt(30), SAMPLES.modded_nanogpt(20)
    broken_off = "\n".join(first.splitlines()[:-5]) + "\n"
    found = runs(broken_off + second + third)
    assert [len(run.series["train_loss"]) for run in found] == [8, 30, 20]
    assert [run.planned_steps for run in found] == [11, 29, 19]
    assert [run.status for run in found] == [Status.UNKNOWN, Status.FINISHED, Status.FINISHED]
    assert all(run.notes[0].startswith("one of 3 trainings in this log, from line ") for run in found)


def test_trainings_that_were_broken_off_at_once_are_told_apart() -> None:
    log = "".join(
        "step:0/3500 val_loss:10.82585 train_time:0s\n"
        + "".join(f"step:{step}/3500 train_time:{step}s\n" for step in range(1, 8))
        for _ in range(6)
    )
    log += "step:125/3500 val_loss:5.23456 train_time:9s\n"
    assert [len(run.series["val_loss"]) for run in runs(log)] == [1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize(
    "epochs", ["Epoch {}/9 loss: {:.4f}", "Epoch {}: training loss {:.4f}", "epoch={} loss={:.4f}"]
)
def test_trainings_that_count_epochs_are_told_apart(epochs: str) -> None:
    log = "".join(epochs.format(row + 1, loss(row)) + "\n" for _ in range(3) for row in range(9))
    found = runs(log)
    assert len(found) == 3
    assert [step for step, _ in by_role(found[2], Role.TRAIN_LOSS)] == steps_of(9, first=1)


def test_a_training_that_was_resumed_is_one_run() -> None:
    log = "".join(f"step {10 * row} loss {loss(row):.4f}\n" for row in [*range(20), *range(12, 30)])
    run = one(log)
    assert [step for step, _ in points(run, "loss")] == steps_of(30, 10)
    assert run.notes == ("restart at step 120: 8 points superseded",)


def test_steps_that_begin_anew_with_every_epoch_are_counted_through() -> None:
    log = "".join(f"epoch {row // 10} iter {50 * (row % 10)} loss {loss(row):.4f}\n" for row in range(30))
    run = one(log)
    assert [step for step, _ in points(run, "loss")] == steps_of(30, 50)
    assert run.notes == ("the steps in the log begin anew with every epoch: they are counted through",)


def test_steps_that_begin_anew_below_headings_are_counted_through() -> None:
    log = "".join(
        f"===== Epoch {row // 10 + 1}/3 =====\n" * (row % 10 == 0)
        + f"[{100 * (row % 10 + 1)}/1000] loss: {loss(row):.4f}\n"
        for row in range(30)
    )
    run = one(log)
    assert [step for step, _ in points(run, "loss")] == steps_of(30, 100, first=100)
    assert (run.planned_steps, run.status) == (3000, Status.FINISHED)


def test_steps_that_begin_anew_without_a_word_are_counted_through() -> None:
    log = "".join(f"iter {50 * (row % 10)} loss {loss(row):.4f}\n" for row in range(30))
    assert [step for step, _ in points(one(log), "loss")] == steps_of(30, 50)


def test_two_processes_that_write_one_log_are_one_run() -> None:
    log = (
        "step 0 loss 5.0000\nstep 10 loss 4.0000\nstep 0 loss 5.1000\nstep 20 loss 3.0000\nstep 10 loss 4.1000\n"
        + "".join(f"step {10 * row} loss {loss(row):.4f}\n" for row in range(3, 12))
    )
    assert [step for step, _ in points(one(log), "loss")] == steps_of(12, 10)


def test_a_summary_below_the_rows_does_not_replace_them() -> None:
    log = "".join(
        f"Epoch: [{epoch}]  [{at:4d}/100]  lr: 0.0001  loss: {loss(10 * epoch + at // 10):.4f} (5.0000)  time: 0.3\n"
        + "Averaged stats: lr: 0.0001  loss: 7.0000 (7.0000)\n" * (at == 90)
        for epoch in range(6)
        for at in range(0, 100, 10)
    )
    run = one(log)
    assert points(run, "loss") == [(10 * row, round(loss(row), 4)) for row in range(60)]
    assert run.notes == ("steps are counted through: epoch × 100 + the step in it",)


@pytest.mark.parametrize(
    "line",
    [
        "epoch: 1 step: {0}, loss is {1:.4f}",
        "Loss at step {0}: {1:.4f}",
        "Training loss (for one batch) at step {0}: {1:.4f}",
        "INFO:tensorflow:loss = {1:.4f}, step = {0} (1.234 sec)",
        "{0} train {1:.4f}",
        "{0} | loss {1:.4f} | lr 1.000000e-03 | 12.34ms | mfu 20.00%",
        "[Epoch 1/1] [Batch {0}/30] [loss: {1:.4f}]",
        "[2021-05-06 10:11:12,123 INFO] Step {0}/30; acc: 3.5; xent: {1:.4f}; lr: 0.0001; 3200/3100 tok/s; {0} sec",
        "-----\n| time/           |    |\n|    total_timesteps | {0} |\n| train/ |  |\n|    loss | {1:.4f} |\n-----",
        "2024-05-06 - epoch 1 - iter {0}/30 - loss {1:.4f} - time (sec): 3.{0} - samples/sec: 9.0 - lr: 0.100000",
        "[2024-05-06 10:11:12,123] [INFO] [logging.py:96:log_dist] [Rank 0] step={0}, lr=[1e-05], loss={1:.4f}",
    ],
)
def test_reads_other_ways_to_say_it(line: str) -> None:
    run = one("".join(line.format(row, loss(row)) + "\n" for row in range(12)))
    assert by_role(run, Role.TRAIN_LOSS) == [(row, round(loss(row), 4)) for row in range(12)]


def test_lines_are_counted_where_nothing_counts_steps() -> None:
    run = one("".join(f"training loss: {loss(row):.4f}\n" for row in range(9)))
    assert points(run, "training loss") == [(row, round(loss(row), 4)) for row in range(9)]
    assert run.notes == ("nothing in the log counts steps: its lines are counted instead",)


# --- what a log hides, and how it ends --------------------------------------------------------------------------------


def test_a_loss_that_megatron_leaves_out_was_none() -> None:
    run = one(SAMPLES.megatron(left_out={0: "skipped", 1: "skipped", 7: "nan", 12: "skipped"}))
    read = points(run, "lm loss")
    # At the start mixed precision looks for its scale: there is nothing hidden in the first two lines.
    assert [step for step, _ in read] == steps_of(28, first=3)
    assert [step for step, value in read if math.isnan(value)] == [8, 13]
    assert kinds(run) == [("line 14", "hidden_nonfinite", 0), ("line 22", "hidden_nonfinite", 0)]


def test_the_rate_of_a_skipped_step_is_no_rate() -> None:
    run = one(SAMPLES.megatron(left_out={0: "skipped", 7: "nan"}))
    assert (run.series["learning rate"].values > 0).all()
    assert len(run.series["learning rate"]) == 28


def test_a_zero_rate_of_a_step_that_was_taken_stays() -> None:
    log = SAMPLES.megatron().replace("learning rate: 5.000000E-06", "learning rate: 0.000000E+00")
    assert one(log).series["learning rate"].values[0] == 0


@pytest.mark.parametrize(
    "said",
    [
        "Loss is nan, stopping training",
        "FloatingPointError: Loss became infinite or NaN at iteration=12!",
        "Batch 12: Invalid loss, terminating training",
        "loss is inf, aborting",
    ],
)
def test_a_loss_that_the_log_only_speaks_of_is_added(said: str) -> None:
    run = one("\n".join(PLAIN) + "\n" + said + "\n")
    assert points(run, "loss")[:-1] == READ
    assert points(run, "loss")[-1][0] == 111
    assert math.isnan(points(run, "loss")[-1][1])
    assert kinds(run) == [("line 13", "hidden_nonfinite", 0)]
    assert run.status is Status.CRASHED


@pytest.mark.parametrize(
    "said", ["if loss is nan: stop", "loss is fine", "training was stopped by the user", "nan_to_num is used"]
)
def test_prose_adds_nothing(said: str) -> None:
    run = one(said + "\n" + "\n".join(PLAIN) + "\n")
    assert points(run, "loss") == READ
    assert run.incidents == ()
    assert run.status is Status.UNKNOWN


@pytest.mark.parametrize(
    "end",
    [
        'Traceback (most recent call last):\n  File "/a/train.py", line 3, in <module>\nZeroDivisionError: no\n',
        "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB\n",
        "torch.OutOfMemoryError: CUDA out of memory.\n",
        "slurmstepd: error: *** JOB 123 ON node7 CANCELLED AT 2024-05-06T10:11:12 DUE TO TIME LIMIT ***\n",
        "Segmentation fault (core dumped)\n",
    ],
)
def test_a_training_that_died_is_told(end: str) -> None:
    assert one("\n".join(PLAIN) + "\n" + end).status is Status.CRASHED
    assert one(end + "\n".join(PLAIN) + "\n").status is Status.UNKNOWN


def test_a_training_that_was_interrupted_is_no_crash() -> None:
    end = 'Traceback (most recent call last):\n  File "/a/train.py", line 3, in <module>\nKeyboardInterrupt\n'
    run = one("\n".join(PLAIN) + "\n" + end)
    assert run.status is Status.UNKNOWN
    assert run.notes == ("the training was interrupted by hand (KeyboardInterrupt)",)


def test_half_a_line_is_left_out() -> None:
    whole = "\n".join(PLAIN)
    assert len(points(one(whole + "\n"), "loss")) == 12
    # The last number has as many digits as the one above, so nothing was cut.
    assert one(whole).incidents == ()
    assert len(points(one(whole), "loss")) == 12
    run = one(whole[:-2])
    assert len(points(run, "loss")) == 11
    assert kinds(run) == [("line 12", "truncated_tail", 1)]


@pytest.mark.parametrize("block", [400, 1 << 18])
def test_a_line_too_long_to_hold_is_left_out(block: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_text_lines, "BLOCK", block)
    path = tmp_path / "train.log"
    path.write_text("\n".join(PLAIN[:6]) + "\n" + "loss 1 " * 1000 + "\n" + "\n".join(PLAIN[6:]) + "\n")
    with in_force(Limits(line=1000)):
        (run,) = text.read(path, [path], RoleNames())
    assert points(run, "loss") == READ
    assert kinds(run) == [("line 7", "line_limit", 1)]


# --- what is no log ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SAMPLES.PROSE))
def test_other_texts_are_no_logs(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotALog, match="not a training log"):
        runs(SAMPLES.PROSE[name])
    path = tmp_path / "notes.txt"
    path.write_text(SAMPLES.PROSE[name])
    assert not text.claims(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", "git-lfs"),
        (b"\x7fELF\0\0\1\2" * 100, "binary"),
    ],
)
def test_says_why_a_file_is_no_log(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "train.log"
    path.write_bytes(content)
    with pytest.raises(NotALog, match=message):
        list(text.read(path, [path], RoleNames()))


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be opened"):
        list(text.read(tmp_path / "x.log", [tmp_path / "x.log"], RoleNames()))


@pytest.mark.parametrize(
    "name",
    ["train.log", "log.txt", "stdout", "slurm-123.out", "job.o1234", "job.e77", "train.log.1", "a.STDERR", "x.err"],
)
def test_claims_logs(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(SAMPLES.nanogpt())
    assert text.claims(path)
    assert text.home(path) == path


@pytest.mark.parametrize("name", ["train.py", "metrics.csv", "trainer_state.json", "scalars.jsonl", "a.md", "a.yaml"])
def test_leaves_other_files_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(SAMPLES.nanogpt())
    assert not text.claims(path)


@pytest.mark.parametrize("name", ["LICENSE", "Makefile", "requirements.txt", "README.txt"])
def test_leaves_prose_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("numpy==2.1\nCopyright (c) 2024\n" * 20)
    assert not text.claims(path)


def test_a_log_that_begins_with_much_else_is_claimed(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text("import torch  # and so on\n" * 5000 + SAMPLES.modded_nanogpt())
    assert text.claims(path)
    (run,) = text.read(path, [path], RoleNames())
    assert len(run.series["train_loss"]) == 30


def test_claims_never_hang_or_raise(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.log")
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "dangling.log").symlink_to(tmp_path / "nothing")
    for name in ("fifo.log", "folder.log", "dangling.log", "missing.log"):
        assert not text.claims(tmp_path / name)


def test_tables_and_json_lines_are_left_to_their_parsers(tmp_path: Path) -> None:
    table = tmp_path / "metrics.txt"
    table.write_text("step,loss,lr\n" + "".join(f"{row},{loss(row)},0.1\n" for row in range(20)))
    first = next(name for name, parser in parsers().items() if parser.claims(table))
    assert first == "csv"


# --- whatever happens to a file ---------------------------------------------------------------------------------------


CONTENTS = {name: writer() for name, writer in WRITERS.items()} | {
    path.name: path.read_bytes().decode() for path in sorted(DATA.iterdir())
}


@pytest.mark.parametrize("name", sorted(CONTENTS))
@fuzzed
@given(data=st.data())
def test_a_prefix_gives_some_of_the_points(name: str, data: st.DataObject) -> None:
    content = CONTENTS[name]
    whole = one(content)
    cut = data.draw(st.integers(0, len(content)))
    try:
        part = one(content[:cut])
    except LogError:
        return
    for tag in part.series:
        assert set(map(repr, points(part, tag))) <= set(map(repr, points(whole, tag)))


MUTATIONS = st.tuples(
    st.sampled_from(["flip", "cut", "insert", "repeat"]),
    st.floats(0, 1),
    st.binary(max_size=8) | st.sampled_from([b"\r", b"\0", b"nan", b"\x1b[", b"9" * 400, b"1e999", b"\xff", b"\n" * 3]),
)


@fuzzed
@given(name=st.sampled_from(sorted(WRITERS)), changes=st.lists(MUTATIONS, max_size=6))
def test_a_mutated_file_raises_nothing_but_log_errors(
    tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[str, float, bytes]]
) -> None:
    content = bytearray(WRITERS[name]().encode())
    for what, where, other in changes:
        at = int(where * len(content))
        match what:
            case "flip":
                content[at : at + len(other)] = other
            case "cut":
                del content[at : at + 100]
            case "insert":
                content[at:at] = other
            case _:
                content[at:at] = content[max(0, at - 300) : at]
    path = tmp_path_factory.mktemp("mutated") / "train.log"
    path.write_bytes(bytes(content))
    text.claims(path)
    try:
        found = list(text.read(path, [path], RoleNames()))
    except LogError:
        return
    assert found


@fuzzed
@given(content=st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_raise_nothing_but_log_errors(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "train.log"
    path.write_bytes(content)
    text.claims(path)
    with pytest.raises(NotALog):
        list(text.read(path, [path], RoleNames()))


def test_standard_input_gives_what_the_file_gives(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    for writer in WRITERS.values():
        path.write_text(writer(), newline="")
        (of_file,) = text.read(path, [path], RoleNames())
        with path.open(newline="\n") as lines:
            (of_lines,) = text.read_lines(lines, path, RoleNames())
        assert list(of_file.series) == list(of_lines.series)
        for tag, series in of_file.series.items():
            np.testing.assert_array_equal(series.steps, of_lines.series[tag].steps)
            np.testing.assert_array_equal(series.values, of_lines.series[tag].values)
        assert (of_file.status, of_file.hparams, of_file.notes) == (of_lines.status, of_lines.hparams, of_lines.notes)
