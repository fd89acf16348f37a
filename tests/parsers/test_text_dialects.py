"""Lines in the words of many programs, one statement each, with the loss 10 / (1 + row) and the rate 0.001 x (1 + row).

Those of Tacotron 2, darknet, Marian, tinygrad, ms-swift, transformers' Flax examples, YOLOv5 and ultralytics 8 were
held against what public repositories print; those of open_clip, stable-baselines3, Spinning Up, CleanRL, kohya's
sd-scripts, diffusers, Rasa, Levanter, Swin Transformer, timm, clu, gpt-2-simple, OLMo, YOLOX, LitGPT, skorch, spaCy and
PyTorch's tutorials are written from memory, and the others are in the manner of loggers and of people.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lrdoctor.errors import NotALog
from lrdoctor.model import Role, Run, Status
from lrdoctor.parsers import text
from lrdoctor.roles import RoleNames

ROWS = 24


def loss(row: int) -> float:
    return round(10 / (1 + row), 4)


def rate(row: int) -> float:
    return round(0.001 * (1 + row), 4)


def log(line: Callable[[int], str], rows: int = ROWS) -> str:
    return "".join(line(row) + "\n" for row in range(rows))


def runs(content: str) -> list[Run]:
    return list(text.read_lines(content.splitlines(keepends=True), Path("train.log"), RoleNames()))


def one(content: str) -> Run:
    (run,) = runs(content)
    return run


def role(run: Run, which: Role) -> list[tuple[int, float]]:
    series = run.series[RoleNames().assign(run.series)[0][which]]
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


@pytest.mark.parametrize(
    ("line", "step"),
    [
        (lambda r: f"Train loss {r} {loss(r):.6f} Grad Norm {1.5 + r / 7:.6f} 0.5{r % 10}s/it", lambda r: r),
        (lambda r: f"[TRAIN] loss {100 * r}: {loss(r)}", lambda r: 100 * r),
        (lambda r: f"\rsteps: {4 * r:3d}%|█▏  | {r}/24 [00:12<03:12,  1.12s/it, avr_loss={loss(r)}]", lambda r: r),
        (
            lambda r: (f"\rSteps: {4 * r:3d}%|█▏  | {r}/24 [00:12<03, 1.1s/it, lr={rate(r)}, step_loss={loss(r)}]"),
            lambda r: r,
        ),
        (
            lambda r: (f"\rEpochs: {4 * r:3d}%|█▏  | {r}/24 [00:12<03:12, 1.12s/it, t_loss={loss(r)}, i_acc=0.5]"),
            lambda r: r,
        ),
        (lambda r: f"\rtrain:   {4 * r}% {r}/24 [00:12<01:00,  2.1it/s, loss={loss(r)}]", lambda r: r),
        (
            lambda r: (f"\rTraining progress: {4 * r:3d}%|▎  | {r}/24 [00:12<05:00, 95.1it/s, Loss={loss(r)}]"),
            lambda r: r,
        ),
        (
            lambda r: (f"I0101 10:00:00.123456 140000 logging_writer.py:48] [{50 * r}] accuracy=0.5, loss={loss(r)}"),
            lambda r: 50 * r,
        ),
        (lambda r: f"[{10 * r} | {12.34 * r:.2f}] loss={loss(r)} avg=3.1", lambda r: 10 * r),
        (lambda r: f"[{r // 6 + 1}, {2000 * (r % 6 + 1):5d}] loss: {loss(r)}", lambda r: 2000 * (r + 1)),
        (
            lambda r: (f" {r}: {loss(r) + 1:.6f}, {loss(r):.6f} avg loss, {rate(r):.6f} rate, 3.1 seconds, "
            f"{64 * r} images, 12.3 hours left"),
            lambda r: r,
        ),
        (
            lambda r: (f" {r}: {loss(r) + 1:.6f}, {loss(r):.6f} avg, {rate(r):.6f} rate, 3.1 seconds, {64 * r} "
            "images"),
            lambda r: r,
        ),
        (
            lambda r: (f"{r:3d} 1001.12 ms run, 100.1 ms python, 900.12 ms GPU, {loss(r)} loss, {rate(r)} "
            "LR, 10.1 GB used, 1000.12 GFLOPS"),
            lambda r: r,
        ),
        (
            lambda r: (f"[2021-01-01 10:00:00] Ep. 1 : Up. {500 * r} : Sen. 1,000 : Cost {loss(r)} * 9,100 "
            f"@ 4,000 after 1,000,000 : Time 12.3s : 50.1 words/s : gNorm 1.2 : L.r. {rate(r):.4e}"),
            lambda r: 500 * r,
        ),
        (
            lambda r: (f"2024-01-01 10:00:00.123\thost:0\tolmo.train:967\tINFO\t[step={10 * r}/480,epoch=0]\n "
            f"   optim/total_grad_norm=1.5\n    train/CrossEntropyLoss={loss(r)}"),
            lambda r: 10 * r,
        ),
        (lambda r: f"step {r}: 1000 tokens, {loss(r)} loss, {rate(r)} lr", lambda r: r),
        (lambda r: f"Step... ({500 * r} | Loss: {loss(r)}, Learning Rate: {rate(r)})", lambda r: 500 * r),
        (lambda r: f"训练轮次: {r + 1}/24, 训练损失: {loss(r)}, 学习率: {rate(r)}", lambda r: r + 1),
        (
            lambda r: (f"{{'loss': {loss(r)}, 'epoch': {r / 10:.3f}, 'global_step/max_steps': '{5 * r}/120', "
            "'percentage': '4.00%'}"),
            lambda r: 5 * r,
        ),
        (
            lambda r: (f"2022-01-01,10:00:00 | INFO | Train Epoch: 0 [{256 * r:>7}/6144 (5%)] Data (t): 0.1, "
            f"1000.1/s, 125.1/s/gpu LR: {rate(r)} Logit Scale: 14.2 Loss: {loss(r)} (5.0)"),
            lambda r: 256 * r,
        ),
        (lambda r: f"step {r} 1000 tok/s loss {loss(r)} 12.5 samples/s/device lr {rate(r)}", lambda r: r),
        (lambda r: f"{10 + r // 4:02d}:{r % 60:02d}:07 step {r} loss {loss(r)}", lambda r: r),
        (lambda r: f"{1.37 * r:.2f} | step {r} | loss {loss(r)}", lambda r: r),
        (lambda r: f"{1700000000 + r // 3}: step {r} loss {loss(r)}", lambda r: r),
        (lambda r: f"2024-01-01T10:00:00.123456789Z stdout F step {r} loss {loss(r)} lr {rate(r)}", lambda r: r),
        (
            lambda r: (f"step {r}: loss = Array({loss(r)}, dtype=float32), lr = Array({rate(r)}, dtype=float32, "
            "weak_type=True)"),
            lambda r: r,
        ),
        (lambda r: f"Epoch {r} Loss tf.Tensor({loss(r)}, shape=(), dtype=float32)", lambda r: r),
        (lambda r: f"{{'step': {r}, 'loss': np.float32({loss(r)}), 'lr': np.float64({rate(r)})}}", lambda r: r),
        (lambda r: f"エポック {r + 1}/24, 損失: {loss(r)}, 学習率: {rate(r)}, 精度: 0.5", lambda r: r + 1),
        (lambda r: f"에폭 {r + 1}/24 | 손실: {loss(r)} | 학습률: {rate(r)} | 정확도: 0.5", lambda r: r + 1),
        (lambda r: f"Эпоха {r + 1}/24: потери={loss(r)}, скорость обучения={rate(r)}", lambda r: r + 1),
        (lambda r: f"[Epoch 0] 迭代 {10 * r}, 训练loss: {loss(r)}, 学习率: {rate(r)}", lambda r: 10 * r),
    ],
)  # fmt: skip
def test_reads_the_loss_and_the_rate_at_the_steps_of(line: Callable[[int], str], step: Callable[[int], int]) -> None:
    run = one(log(line))
    assert role(run, Role.TRAIN_LOSS) == [(step(row), loss(row)) for row in range(ROWS)]
    if str(rate(7)) in line(7) or f"{rate(7):.4e}" in line(7):
        assert role(run, Role.LR) == [(step(row), rate(row)) for row in range(ROWS)]


def test_a_count_is_not_the_loss_that_it_is_named_after() -> None:
    lines = [f"Train loss {r} {loss(r)} Grad Norm 1.5" for r in range(ROWS)]
    lines.insert(20, f"Validation loss 19: {loss(5):9f}  ")
    run = one("\n".join(lines) + "\n")
    assert role(run, Role.VAL_LOSS) == [(19, loss(5))]
    assert role(run, Role.TRAIN_LOSS)[-1] == (23, loss(23))


def test_other_pairs_of_numbers_are_none_of_a_count_and_a_value() -> None:
    run = one(log(lambda r: f"step {r} loss 0.5{r:02d} 0.6{r:02d}"))
    assert role(run, Role.TRAIN_LOSS) == [(r, 0.5 + r / 1000) for r in range(ROWS)]
    run = one(log(lambda r: f"step {r} loss {2 * (r % 5)} 7.5"))
    assert role(run, Role.TRAIN_LOSS) == [(r, 2 * (r % 5)) for r in range(ROWS)]


def test_a_top_1_accuracy_is_no_count() -> None:
    run = one(log(lambda r: f"step {r} loss {loss(r)} top 1 0.7{r:02d}"))
    assert role(run, Role.TRAIN_LOSS)[3] == (3, loss(3))
    assert run.series["top"].values.tolist() == [1.0] * ROWS


# --- plans ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "planned"),
    [
        (
            "(main.py 180): INFO Train: [{epoch}/10][{at}/200] eta 0:10:00 lr 0.1\t time 0.4 (0.5)\tloss "
            "{loss} (1.0)",
            2000,
        ),
        ("Train: {epoch} [{at:4d}/200 ( 10%)]  Loss: {loss} (1.0)  Time: 0.1s,  1034.12/s  (0.1s,  980.12/s)", None),
        ("Epoch [{epoch1}/10], Step [{at}/200], Loss: {loss}", 2000),
        ("step {at}/200 loss {loss}", None),
        (
            "2021-08-01 | INFO     | yolox.core.trainer:257 - epoch: {epoch1}/10, iter: {at}/200, "
            "total_loss: {loss}",
            2000,
        ),
    ],
)  # fmt: skip
def test_the_steps_of_one_epoch_are_not_those_of_the_training(line: str, planned: int | None) -> None:
    rows = log(lambda r: line.format(epoch=r // 8, epoch1=r // 8 + 1, at=25 * (r % 8) + 24, loss=loss(r)))
    run = one(rows)
    assert (run.planned_steps, run.status) == (planned, Status.UNKNOWN)
    assert [step for step, _ in role(run, Role.TRAIN_LOSS)] == [25 * r + 24 for r in range(ROWS)]


@pytest.mark.parametrize(
    ("line", "planned"),
    [
        ("Epoch [1/5], Step [{0}/24], Loss: {1}", None),
        ("Epoch 1 | batch {0}/24 | loss {1}", None),
        ("Epoch [1/1], Step [{0}/24], Loss: {1}", 24),
        ("[step={0}/24,epoch=0] loss={1}", 24),
        ("step {0}/24 loss {1}", 24),
    ],
)
def test_a_total_within_the_first_epoch_is_that_of_the_training_only_where_nothing_says_else(
    line: str, planned: int | None
) -> None:
    assert one(log(lambda r: line.format(r + 1, loss(r)))).planned_steps == planned


# --- rewards ----------------------------------------------------------------------------------------------------------


def stable_baselines3(row: int) -> str:
    cells = {"ep_rew_mean": f"{1.5 * row:.1f}", "total_timesteps": str(2048 * row), "learning_rate": "0.0003"}
    cells |= {"loss": f"{0.1 + row:.3f}", "value_loss": f"{3.25 * row:.2f}"}
    return "-" * 30 + "".join(f"\n|    {name:20} | {value:10} |" for name, value in cells.items())


def spinning_up(row: int) -> str:
    cells = {
        "Epoch": str(row),
        "AverageEpRet": f"{row - 300.5}",
        "TotalEnvInteracts": str(4000 * row),
        "LossPi": "0.01",
    }
    return (
        "-" * 30 + "".join(f"\n| {name:>20} | {value:>15} |" for name, value in cells.items()) + f"\n loss {0.1 * row}"
    )


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        (stable_baselines3, "ep_rew_mean"),
        (spinning_up, "AverageEpRet"),
        (lambda r: f"global_step={123 * r}, episodic_return=[{1.1 * r:.1f}]", "episodic_return"),
        (lambda r: f"Episode: {r} | Reward: {1.5 * r} | Loss: {0.1 + r} | Epsilon: 0.5", "Reward"),
        (lambda r: f"frames: {1000 * r} score: {r - 21} loss: {0.01 + r / 50}", "score"),
    ],
)
def test_a_training_on_rewards_is_not_judged_by_its_loss(line: Callable[[int], str], tag: str) -> None:
    run = one(log(line))
    assert tag in run.series
    assert Role.TRAIN_LOSS not in RoleNames().assign(run.series)[0]


def test_a_rate_that_never_changes_stands_in_every_box() -> None:
    assert role(one(log(stable_baselines3)), Role.LR)[-1] == (2048 * 23, 0.0003)


# --- what stands beside the training ----------------------------------------------------------------------------------


def test_a_bare_split_word_names_the_loss_that_was_named_before_it() -> None:
    run = one(
        log(
            lambda r: (
                f"Epoch 1 | iter {4 * r} step {r} | loss train: {loss(r)}, val: {'n/a' if r < 6 else loss(r - 6)}"
                f" | iter time: 100.25 ms (step) remaining time: 0:10:00"
            )
        )
    )
    assert role(run, Role.TRAIN_LOSS) == [(r, loss(r)) for r in range(ROWS)]
    assert role(run, Role.VAL_LOSS) == [(r, loss(r - 6)) for r in range(6, ROWS)]


@pytest.mark.parametrize(
    "line",
    [
        "Epoch {0} Loss: train {1}, val {2}",
        "Epoch {0} | loss {1} | val loss {2} (best {2} @ epoch {0})",
        "Epoch {0}: {{'train': {{'loss': {1}, 'acc': 0.5}}, 'val': {{'loss': {2}, 'acc': 0.4}}}}",
        "Epoch: {0} Train: (loss = {1}, acc = 0.5) Test: (loss = {2}, acc = 0.4)",
        "Epoch {0}\nTraining:\n  loss: {1}\nValidation:\n  loss: {2}",
        "Epoch {0}\nloss: {1}\n***** Eval results *****\n  loss = {2}",
        "Époque {0}/24 : perte = {1}, perte de validation = {2}",
        "Época {0} | perda de treino: {1} | perda de validação: {2}",
    ],
)
def test_a_line_about_both_splits_tells_both_losses(line: str) -> None:
    run = one(log(lambda r: line.format(r, loss(r), loss(r) + 0.5)))
    assert role(run, Role.TRAIN_LOSS) == [(r, loss(r)) for r in range(ROWS)]
    read = role(run, Role.VAL_LOSS)
    assert [step for step, _ in read] == list(range(ROWS))
    assert [value for _, value in read] == pytest.approx([loss(r) + 0.5 for r in range(ROWS)])


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        ("step {0} loss {1} val 0.5", "loss"),
        ("Eval {0}: loss {1}", "val/loss"),
        ("Val step {0} loss {1}", "val/loss"),
        ("step {0} loss {1}, val: n/a", "loss"),
        ("step {0} loss {1}, val_loss: None", "loss"),
    ],
)
def test_whose_the_loss_is(line: str, tag: str) -> None:
    run = one(log(lambda r: line.format(r, loss(r))))
    assert run.series[tag].values.tolist() == [loss(r) for r in range(ROWS)]


def test_a_test_error_stands_below_its_heading() -> None:
    run = one(
        log(
            lambda r: (
                (f"Epoch {r // 8 + 1}\n-----------------\n" if r % 8 == 0 else "")
                + f"loss: {loss(r)}  [{6400 * (r % 8) + 64:>5d}/60000]"
                + (f"\nTest Error: \n Accuracy: 75.{r}%, Avg loss: {loss(r) + 0.5:>8f} \n" if r % 8 == 7 else "")
            )
        )
    )
    assert [value for _, value in role(run, Role.VAL_LOSS)] == pytest.approx([loss(r) + 0.5 for r in (7, 15, 23)])
    assert len(role(run, Role.TRAIN_LOSS)) == ROWS


def test_a_row_of_the_training_is_not_below_a_heading() -> None:
    run = one(log(lambda r: f"Validation:\nstep {2 * r} loss {loss(r)}\nTest:\n  step {2 * r + 1} loss {loss(r)}"))
    assert len(run.series["loss"]) == 2 * ROWS


def test_values_of_both_splits_are_no_share() -> None:
    run = one(log(lambda r: f"epoch {r}: loss (train/val): {loss(r)}/{loss(r) + 0.1}, acc: 0.{500 + r}/0.{400 + r}"))
    assert role(run, Role.ACCURACY) == [(r, 0.5 + r / 1000) for r in range(ROWS)]


# --- several processes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [
        "Rank {0} | ", "2024-01-01 10:00:00 INFO rank={0} ", "[{0}] ", "[1,{0}]<stdout>:", "GPU {0}: ",
        "\x1b[36m(RayTrainWorker pid=123{0}, ip=10.0.0.{0})\x1b[0m ", "[2024-01-01 10:00:00,123] [rank{0}] ",
        "10:00:07 [GPU{0}] ",
    ],
)  # fmt: skip
def test_one_of_several_processes_speaks_for_all(start: str) -> None:
    run = one("".join(f"{start.format(k)}step {r} loss {loss(r) + k}\n" for r in range(ROWS) for k in range(3)))
    assert role(run, Role.TRAIN_LOSS) == [(r, loss(r)) for r in range(ROWS)]
    assert run.notes == (f"{2 * ROWS} lines of other processes say the same and were left out",)


def test_a_later_process_is_another_training() -> None:
    log_ = "".join(f"(pid={pid}) step {r} loss {loss(r)}\n" for pid in (100, 200) for r in range(ROWS))
    assert [len(run.series["loss"]) for run in runs(log_)] == [ROWS, ROWS]


# --- decimal commas ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["epoch={0} loss={1} lr={2}", "Epoche {0}; Verlust: {1}; Lernrate: {2}"])
@pytest.mark.parametrize("digits", [3, 4])
def test_reads_decimal_commas(line: str, digits: int) -> None:
    def number(value: float) -> str:
        return f"{value:.{digits}f}".replace(".", ",")

    run = one(log(lambda r: line.format(r, number(loss(r)), number(rate(r)))))
    assert role(run, Role.TRAIN_LOSS) == [(r, round(loss(r), digits)) for r in range(ROWS)]
    assert role(run, Role.LR)[0] == (0, 0.001)


def test_reads_the_exponents_of_fortran() -> None:
    run = one(log(lambda r: f" step = {r:8d}  loss = {loss(r):.6E}".replace("E", "D")))
    assert role(run, Role.TRAIN_LOSS) == [(r, loss(r)) for r in range(ROWS)]


def test_commas_between_numbers_are_none_where_points_are_decimal() -> None:
    run = one(log(lambda r: f"step {1000 * r:,d} loss {loss(r)} shape 0,5 ids 1,2"))
    assert role(run, Role.TRAIN_LOSS) == [(1000 * r, loss(r)) for r in range(ROWS)]
    assert run.series["shape"].values.tolist() == [0.0] * ROWS


# --- tables -----------------------------------------------------------------------------------------------------------


def skorch(rows: int = ROWS) -> str:
    head = "  epoch    train_loss    valid_loss    cp      dur\n-------  ------------  ------------  ----  -------\n"
    return head + "".join(
        f"{r + 1:7d}        \x1b[36m{loss(r):.4f}\x1b[0m       {loss(r) + 0.5:7.4f}     {'+' if r % 2 else ' '}   "
        f"0.04{r % 10}1\n"
        for r in range(rows)
    )


def test_a_row_may_be_narrower_than_its_rule() -> None:
    head = "  epoch                             train_loss    valid_loss     dur\n"
    rule = "-------  -------------------------------------  ------------  ------\n"
    first = "      1  \x1b[36m45690538954184128627214519369728.0000\x1b[0m           inf  0.0770\n"
    run = one(
        head
        + rule
        + first
        + "".join(f"     {epoch:2d}           nan           nan  0.0{epoch}00\n" for epoch in range(2, 12))
    )
    train, val = run.series["train_loss"].values, run.series["valid_loss"].values
    assert len(train) == len(val) == 11
    assert np.isfinite(train[0])
    assert np.isnan(train[1:]).all()
    assert np.isposinf(val[0])
    assert np.isnan(val[1:]).all()


def test_reads_the_table_of_skorch() -> None:
    run = one("Starting\n" + skorch())
    assert role(run, Role.TRAIN_LOSS) == [(r + 1, loss(r)) for r in range(ROWS)]
    assert [value for _, value in role(run, Role.VAL_LOSS)] == pytest.approx([loss(r) + 0.5 for r in range(ROWS)])


def test_reads_the_table_of_spacy() -> None:
    head = "E    #       LOSS NER  ENTS_F  SCORE \n---  ------  --------  ------  ------\n"
    run = one(head + log(lambda r: f"{r // 8:3d}  {200 * r:6d}  {loss(r):8.2f}  {60 + r / 2:6.2f}  {0.6:6.2f}"))
    assert run.series["LOSS NER"].steps.tolist() == [200 * r for r in range(ROWS)]
    assert np.allclose(run.series["LOSS NER"].values, [round(loss(r), 2) for r in range(ROWS)])


@pytest.mark.parametrize(
    "content",
    [
        skorch().replace("------  ------------", "------ -------------"),
        skorch().replace("epoch    train_loss", "epoch train_loss   "),
        skorch().replace("\n-------  ------------  ------------  ----  -------\n", "\n"),
        "name  loss\n----  ----\n" + "1.0  2.0\n" * 9,
        "Results of the epoch and loss\n-----  -----  -----\n" + "1.0  2.0  3.0\n" * 9,
    ],
)
def test_other_lines_of_dashes_begin_no_table(content: str) -> None:
    with pytest.raises(NotALog):
        runs(content)


def yolo(bar: Callable[[int], str], epochs: int = 9) -> str:
    head = "\n      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n"
    row = "\r{:>7}/9      2.5G     {:.4g}      {:.4g}     1.234         10        640: {}"
    val = "\n        Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|##| 4/4 [00:01]\n"
    val += "          all        128        929      0.6      0.5      0.6      0.4\n"
    return "".join(
        head + "".join(row.format(e + 1, loss(e) + (8 - at), 2 * loss(e), bar(at)) for at in (1, 4, 8, 8)) + val
        for e in range(epochs)
    )


@pytest.mark.parametrize(
    "bar",
    [
        lambda at: f"{100 * at // 8:3d}%|{'█' * at:10}| {at}/8 [00:05<00:00,  1.5it/s]",
        lambda at: f"{100 * at // 8:3d}% {'━' * at}{'─' * (12 - at)} {at}/8 1.5it/s 5.3s",
    ],
)
def test_reads_the_bars_of_yolo(bar: Callable[[int], str]) -> None:
    run = one(yolo(bar))
    assert [step for step, _ in role(run, Role.TRAIN_LOSS)] == list(range(1, 10))
    assert run.series["box_loss"].values.tolist() == pytest.approx([loss(e) for e in range(9)], rel=1e-3)
    assert run.series["cls_loss"].values.tolist() == pytest.approx([2 * loss(e) for e in range(9)], rel=1e-3)
    assert (run.planned_steps, run.status) == (9, Status.FINISHED)


def test_rows_below_other_names_are_not_those_of_yolo() -> None:
    with pytest.raises(NotALog):
        runs(yolo(lambda at: f"{100 * at // 8:3d}%").replace("GPU_mem", "memory"))


# --- other texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "{0} losses, {0}.5 wins",
        "the market: 5 lost, {0} rate of 0.3",
        "[{0}] train-logloss:0.5{0}",
        "{0}:\tlearn: 0.5{0}\ttest: 0.4\tbest: 0.4 ({0})\ttotal: 1.1ms\tremaining: 1m 3s",
        "Score at iteration {0} is 2.3{0}",
        "Up. {0} : Sen. 5 : Time 3",
        "Downloading: {0}%|#  | {0}/100 [00:01<00:02, 3.1MB/s]",
        "loss #{0}: seen",
    ],
)
def test_other_lines_are_no_curves(line: str) -> None:
    with pytest.raises(NotALog):
        runs(log(lambda r: line.format(r)))


def test_a_training_is_found_among_thousands_of_kinds_of_line() -> None:
    words = [chr(97 + a) + chr(97 + b) + chr(97 + c) for a in range(26) for b in range(26) for c in range(26)]
    prose = [f"{words[at]} {words[-at]}: {at} loss={at}.5 {words[at * 7 % 17576]}" for at in range(1, 12_000)]
    rows = [f"step {r} loss {loss(r)}" for r in range(ROWS)]
    content = "\n".join([*prose[:6000], *rows[:12], *prose[6000:], *rows[12:]]) + "\n"
    assert role(one(content), Role.TRAIN_LOSS) == [(r, loss(r)) for r in range(ROWS)]
