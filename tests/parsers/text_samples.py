"""Logs in the words of the programs that write them, made here: `n` rows each, with the loss 10 / (1 + row)."""

from __future__ import annotations


def loss(row: int) -> float:
    return 10 / (1 + row)


def nanogpt(n: int = 30) -> str:
    lines = [
        "tokens per iteration will be: 491,520",
        "number of parameters: 123.59M",
        "compiling the model... (takes a ~minute)",
    ]
    for row in range(n):
        if row % 5 == 0:
            lines.append(f"step {10 * row}: train loss {loss(row) + 0.1:.4f}, val loss {loss(row) + 0.5:.4f}")
            lines.append("saving checkpoint to out")
        lines.append(f"iter {10 * row}: loss {loss(row):.4f}, time {123.456 + row:.2f}ms, mfu {20 + row / 100:.2f}%")
    return "\n".join(lines) + "\n"


def llm_c(n: int = 30) -> str:
    lines = []
    for row in range(n):
        if row % 10 == 0:
            lines.append(f"s:{row} tel:{loss(row) + 0.5:.4f}")
        lines.append(f"s:{row} trl:{loss(row):.4f} lr:{6e-4 * (row + 1) / n:.6f} norm:{15.37 / (1 + row):.2f}")
    return "\n".join(lines) + "\n"


def modded_nanogpt(n: int = 30) -> str:
    source = """import os
import sys
with open(sys.argv[0]) as f:
    code = f.read() # read the code of this file ASAP, for logging
class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=0.02, momentum=0.95, nesterov=True, ns_steps=5):
        defaults = dict(lr=lr, momentum=momentum)
    def step(self):
        loss = None
        val_loss = 0
        lr = 0.1
        if step == 10:
            print0(f"step:{step}/{args.num_iterations} val_loss:{val_loss:.4f} train_time:{t:.0f}ms "
                   f"step_avg:{t/(timed_steps-1):.2f}ms")
"""
    lines = [
        source,
        "=" * 100,
        "Running pytorch 2.6.0 compiled for CUDA 12.4",
        "| N/A   28C    P0   113W /  700W |   5156MiB /  81559MiB |",
    ]
    for row in range(n):
        if row % 10 == 0:
            lines.append(f"step:{row}/{n - 1} val_loss:{loss(row) + 0.5:.4f} train_time:{row * 145}ms step_avg:nanms")
        lines.append(
            f"step:{row + 1}/{n - 1} train_loss:{loss(row):.4f} train_time:{row * 145}ms step_avg:144.{row:02d}ms"
        )
    return "\n".join(lines) + "\n"


def torchtune(n: int = 30) -> str:
    return "".join(
        f"Step {row + 1} | loss:{loss(row)} lr:{2e-5 * (row + 1) / n} "
        f"tokens_per_second_per_gpu:{1234.5 + row} grad_norm:{1.5 + row / 7} \n"
        for row in range(n)
    )


def megatron(n: int = 30, left_out: dict[int, str] | None = None) -> str:
    lines = [
        "using world size: 8, data-parallel-size: 8",
        "------------------------ arguments ------------------------",
    ]
    lines += [
        "  adam_beta1 ...................................... 0.9",
        "  global_batch_size ............................... 256",
    ]
    lines += [
        "  lr .............................................. 0.00015",
        "  fp16 ............................................ True",
    ]
    for row in range(n):
        kind = (left_out or {}).get(row, "")
        text = (
            f" [2024-03-04 10:00:{row:02d}] iteration {row + 1:8d}/{n:8d} | consumed samples: "
            f"{256 * (row + 1):12d} | "
            f"elapsed time per iteration (ms): {300.5 + row:.1f} | learning rate: "
            f"{0 if kind else 1.5e-4 * (row + 1) / n:.6E} | "
            f"global batch size: {256:5d} | "
        )
        if not kind:
            text += f"lm loss: {loss(row):.6E} | "
        text += f"loss scale: 1.0 | grad norm: {1.5 + row / 10:.3f} | " if not kind else "loss scale: 1.0 | "
        text += f"number of skipped iterations: {kind == 'skipped':3d} | number of nan iterations: {kind == 'nan':3d} |"
        lines.append(text)
        if row % 10 == 9:
            value = loss(row) + 0.5
            lines.append("-" * 80)
            lines.append(
                f" validation loss at iteration {row + 1} | lm loss value: {value:.6E} | lm loss PPL: "
                f"{9.5 + row:.6E} | "
            )
            lines.append("-" * 80)
    return "\n".join(lines) + "\n"


def caffe(n: int = 30) -> str:
    def glog(line: int, text: str) -> str:
        return f"I1117 21:55:18.451865 33463 solver.cpp:{line}] {text}"

    lines = [glog(42, "Solver scaffolding done."), glog(227, "Learning Rate Policy: step")]
    for row in range(n):
        at = 100 * row
        if row % 5 == 0:
            lines.append(glog(330, f"Iteration {at}, Testing net (#0)"))
            lines.append(glog(397, f"    Test net output #0: accuracy = {1 - loss(row) / 20:.4f}"))
            value = loss(row) + 0.5
            lines.append(glog(397, f"    Test net output #1: loss = {value:.6f} (* 1 = {value:.6f} loss)"))
        speed = f"({10.59 + row:.4f} iter/s, 18.8844s/100 iters)"
        lines.append(glog(218, f"Iteration {at} {speed}, loss = {loss(row):.6f}"))
        lines.append(glog(237, f"    Train net output #0: loss = {loss(row):.6f} (* 1 = {loss(row):.6f} loss)"))
        lines.append(glog(105, f"Iteration {at}, lr = {0.01 / (1 + row):.6f}"))
    lines.append(glog(259, "Optimization Done."))
    return "\n".join(lines) + "\n"


def imagenet(epochs: int = 3, batches: int = 50) -> str:
    lines = ["=> creating model 'resnet18'"]
    for epoch in range(epochs):
        for at in range(0, batches, 10):
            value = loss(epoch * 5 + at // 10)
            lines.append(
                f"Epoch: [{epoch}][{at + 1:3d}/{batches}]\tTime  0.512 ( 0.623)\tData  0.001 ( 0.123)\t"
                f"Loss {value:.4e} ({value + 1:.4e})\tAcc@1  {10 + epoch:6.2f} ({9 + epoch:6.2f})\tAcc@5  30.00 "
                f"( 28.00)"
            )
        lines += [
            f"Test: [{at + 1:2d}/20]\tTime  0.3 ( 0.4)\tLoss {9 + at / 7:.4e} "
            f"({loss(epoch) + 0.5:.4e})\tAcc@1  50.00 ( 49.00)"
            for at in range(0, 20, 10)
        ]
        lines.append(f" *   Acc@1 {40 + epoch:.3f} Acc@5 {70 + epoch:.3f}")
    return "\n".join(lines) + "\n"


def mnist(epochs: int = 3) -> str:
    lines = []
    for epoch in range(1, epochs + 1):
        for at in range(0, 60000, 6400):
            value = loss((epoch - 1) * 10 + at // 6400)
            lines.append(f"Train Epoch: {epoch} [{at}/60000 ({100 * at // 60000}%)]\tLoss: {value:.6f}")
        lines.append(f"\nTest set: Average loss: {loss(epoch) / 100:.4f}, Accuracy: {9000 + epoch}/10000 (90%)\n")
    return "\n".join(lines) + "\n"


def fairseq(n: int = 30) -> str:
    lines = []
    stamp = "2021-03-04 12:34:56 | INFO |"
    for row in range(n):
        epoch, within = row // 10 + 1, row % 10 + 1
        updates = 100 * (row + 1)
        lines.append(
            f"{stamp} train_inner | epoch {epoch:03d}:  {100 * within:5d} / 1000 loss={loss(row):.3f}, "
            f"nll_loss={loss(row) - 0.1:.3f}, "
            f"ppl=331.64, wps=12345.6, ups=3.1, wpb=3921, bsz=120.5, num_updates={updates}, "
            f"lr={1.25e-05 * (row + 1):.6g}, gnorm=5.1{row % 10}, train_wall=31, wall=63"
        )
        if within == 10:
            lines.append(f'{stamp} fairseq_cli.train | begin validation on "valid" subset')
            lines.append(
                f"{stamp} valid | epoch {epoch:03d} | valid on 'valid' subset | loss {loss(row) + 0.5:.3f} | "
                f"nll_loss {loss(row) + 0.4:.3f} | ppl 44.1 | wps 30000 | num_updates {updates}"
            )
            lines.append(
                f"{stamp} train | epoch {epoch:03d} | loss {loss(row) + 0.2:.3f} | nll_loss "
                f"{loss(row) + 0.1:.3f} | ppl 33.2 | num_updates {updates} | lr {1.25e-05 * (row + 1):.6g}"
            )
    return "\n".join(lines) + "\n"


def fairseq_json(n: int = 30) -> str:
    stamp = "[2021-03-04 12:34:56,789][train_inner][INFO] -"
    return "".join(
        f'{stamp} {{"epoch": {row // 10 + 1}, "update": {row / 10:.3f}, "loss": "{loss(row):.3f}", "ppl": "13.4", '
        f'"num_updates": "{100 * (row + 1)}", "lr": "{1.25e-05 * (row + 1):.6g}", "gnorm": "5.1", "wall": "63"}}\n'
        for row in range(n)
    )


def composer_console(n: int = 30) -> str:
    return "".join(
        f"[batch={row + 1}/{n}]:\n\t Train time/epoch: 0\n\t Train time/batch: {row}\n\t Train "
        f"loss/train/total: {loss(row):.4f}\n"
        f"\t Train metrics/train/LanguagePerplexity: {100.5 + row:.4f}\n\t Train lr-DecoupledAdamW/group0: "
        f"{0.0002 * (row + 1) / n:.6f}\n"
        for row in range(n)
    )


def composer_file(n: int = 30) -> str:
    return "[hyperparameter]: optimizer: adamw \n[hyperparameter]: batch_size: 512 \n" + "".join(
        f"[metric][batch={row}]: loss/train/total: {loss(row)} \n[metric][batch={row}]: "
        f"lr-DecoupledAdamW/group0: {0.0002 * (row + 1) / n} \n"
        for row in range(n)
    )


def hugging_face_4(n: int = 30) -> str:
    """As `ProgressCallback` of version 4 prints it: numbers without quotes, the bar drawn again after each row."""
    text = "***** Running training *****\n  Num examples = 1,000\n  Num Epochs = 3\n  Total optimization steps = 300\n"
    for row in range(n):
        at = 10 * (row + 1)
        text += f"\r {at // 3:2d}%|##        | {at - 1}/300 [00:10<01:30,  3.20it/s]"
        text += (
            f"\r{' ' * 40}\r{{'loss': {loss(row):.4f}, 'grad_norm': {1.5 + row}, 'learning_rate': "
            f"{5e-5 * (n - row) / n}, 'epoch': {at / 100:.2f}}}\n"
        )
        text += f"\r {at // 3:2d}%|##        | {at}/300 [00:10<01:30,  3.20it/s]"
    return text + "\r{'train_runtime': 12.3, 'train_samples_per_second': 240.0, 'train_loss': 3.21, 'epoch': 3.0}\n"


def keras_2(n: int = 8) -> str:
    """`verbose=1` of Keras 2."""
    text = "Train on 60000 samples, validate on 10000 samples\n"
    for row in range(n):
        text += f"Epoch {row + 1}/{n}\n"
        text += f"\r  128/60000 [..............................] - ETA: 1:20 - loss: {loss(row) + 1:.4f} - acc: 0.1000"
        text += (
            "\b" * 80
            + f"\r30000/60000 [==============>...............] - ETA: 2s - loss: {loss(row) + 0.5:.4f} - acc: 0.5000"
        )
        text += (
            "\b"
            * 80
            + f"\r60000/60000 [==============================] - 4s 66us/sample - loss: {loss(row):.4f} - acc: "
            f"0.7{row}00 - val_loss: {loss(row) + 0.5:.4f} - val_acc: 0.6{row}00\n"
        )
    return text


def keras_2_lines(n: int = 8) -> str:
    """`verbose=2` of Keras 2."""
    return "".join(
        f"Epoch {row + 1}/{n}\n - 4s - loss: {loss(row):.4f} - acc: 0.7{row}00 - val_loss: "
        f"{loss(row) + 0.5:.4f} - val_acc: 0.6{row}00\n"
        for row in range(n)
    )


def mmengine(n: int = 30) -> str:
    return "".join(
        f"2023/06/01 12:00:{row:02d} - mmengine - INFO - Epoch(train)  "
        f"[{row // 10 + 1}][{50 * (row % 10 + 1):4d}/500]  lr: {1e-3 * (row + 1) / n:.4e}  "
        f"eta: 1 day, 2:03:0{row % 10}  time: 0.3123  data_time: 0.0123  memory: 3000  grad_norm: "
        f"{2.5 + row:.4f}  loss: {loss(row):.4f}  loss_cls: {loss(row) / 2:.4f}\n"
        for row in range(n)
    )


def basicsr(n: int = 30) -> str:
    return "".join(
        f"2021-05-06 10:11:{row:02d},123 INFO: [ESRGA..][epoch:{row // 10:3d}, iter:{100 * (row + 10):8,d}, "
        f"lr:(2.000e-0{4 + row // 10},)] "
        f"[eta: 1 day, 10:00:0{row % 10}, time (data): 0.345 (0.012)] l_pix: {loss(row):.4e} \n"
        for row in range(n)
    )


def detectron2(n: int = 30) -> str:
    return "".join(
        f"\x1b[32m[05/06 10:11:{row:02d} d2.utils.events]: \x1b[0m eta: 0:10:00  iter: {20 * row + 19}  "
        f"total_loss: {loss(row):.4g}  loss_cls: {loss(row) / 2:.4g}  "
        f"time: 0.3  data_time: 0.01  lr: {0.00025 * (row + 1):.5g}  max_mem: 3000M\n"
        for row in range(n)
    )


def lightning(epochs: int = 3) -> str:
    text = ""
    for epoch in range(epochs):
        for at in range(0, 101, 10):
            value = loss(epoch * 10 + at // 10)
            text += (
                f"\rEpoch {epoch}: {at:3d}%|##########| {at}/100 [00:01<00:00, 85.01it/s, v_num=0, "
                f"train_loss={value:.3f}]"
            )
    return text + "\n"


def two_lines_per_epoch(n: int = 12) -> str:
    return "".join(
        f"Epoch {row + 1}/{n}\n----------\ntrain Loss: {loss(row):.4f} Acc: 0.5{row:02d}\nval Loss: "
        f"{loss(row) + 0.5:.4f} Acc: 0.4{row:02d}\n\n"
        for row in range(n)
    )


def chinese(n: int = 12) -> str:
    return "".join(
        f"轮次：{row + 1}，epoch：{row + 1}，损失 loss：{loss(row):.4f}，学习率 lr：{0.1 / (row + 1):.6f}\n"
        for row in range(n)
    )


def tacotron2(n: int = 30) -> str:
    """NVIDIA's: the number of the iteration follows the name of the loss."""
    return "".join(
        f"Train loss {row} {loss(row) + 0.0005:.6f} Grad Norm {1.5 + row / 7:.6f} 0.5{row % 10}s/it\n"
        + f"Validation loss {row}: {loss(row) + 0.515625:9f}  \n" * (row % 10 == 9)
        for row in range(n)
    )


def kohya(n: int = 30) -> str:
    """A bar of tqdm that is named after what it counts."""
    return "\n" + "".join(
        f"\rsteps: {100 * row // n:3d}%|###   | {row}/{n} [00:{row:02d}<03:12,  1.12s/it, avr_loss={loss(row):.4f}]"
        for row in range(n)
    )


def clu(n: int = 30) -> str:
    return "".join(
        f"I0101 10:00:{row:02d}.123456 140000 logging_writer.py:48] [{50 * row}] accuracy=0.5, "
        f"learning_rate={1e-3 * (row + 1):.9f}, loss={loss(row):.6f}\n"
        for row in range(n)
    )


def swin(epochs: int = 3) -> str:
    return "".join(
        f"[2021-01-01 10:00:00 swin_tiny] (main.py 180): INFO Train: [{epoch}/10][{at}/50] eta 0:10:00 lr 0.001000\t "
        f"time 0.4112 (0.4512)\tloss {loss(epoch * 5 + at // 10):.4f} (5.0000)\tgrad_norm 1.5000 (1.6000)\tmem 9123MB\n"
        for epoch in range(epochs)
        for at in range(0, 50, 10)
    )


def skorch(n: int = 20) -> str:
    """The table that it prints, in colours."""
    head = "  epoch    train_loss    valid_loss     dur\n-------  ------------  ------------  ------\n"
    return head + "".join(
        f"{row + 1:7d}       \x1b[36m{loss(row):7.4f}\x1b[0m       \x1b[35m{loss(row) + 0.5:7.4f}\x1b[0m  "
        f"0.04{row % 10}1\n"
        for row in range(n)
    )


def stable_baselines3(n: int = 20) -> str:
    line = "-" * 40 + "\n"
    return "".join(
        f"{line}| rollout/                |             |\n|    ep_rew_mean          | {row * 1.5:.1f}         |\n"
        f"| time/                   |             |\n|    total_timesteps      | {row * 2048}        |\n"
        f"| train/                  |             |\n|    loss                 | {loss(row):.4f}       |\n{line}"
        for row in range(1, n)
    )


def quickstart(epochs: int = 3) -> str:
    """PyTorch's own tutorial."""
    return "".join(
        f"Epoch {epoch + 1}\n-------------------------------\n"
        + "".join(f"loss: {loss(5 * epoch + at):>7f}  [{12800 * at + 64:>5d}/60000]\n" for at in range(5))
        + f"Test Error: \n Accuracy: {60 + epoch:>0.1f}%, Avg loss: {loss(epoch) + 0.5:>8f} \n\n"
        for epoch in range(epochs)
    )


WRITERS = (
    nanogpt, llm_c, modded_nanogpt, torchtune, megatron, caffe, imagenet, mnist, fairseq, fairseq_json,
    composer_console, composer_file, hugging_face_4, keras_2, keras_2_lines, mmengine, basicsr, detectron2, lightning,
    two_lines_per_epoch, chinese, tacotron2, kohya, clu, swin, skorch, stable_baselines3, quickstart,
)  # fmt: skip


PROSE = {
    "pip": "".join(
        f"Collecting package{i}==1.{i}\n  Downloading package{i}-1.{i}.whl ({i}.2 MB)\n     ━━━━ {i}.2/{i}.2 MB "
        f"3.4 MB/s eta 0:00:00\n"
        for i in range(30)
    ),
    "source": "\n".join(
        [
            "def train(lr=0.1, steps=100):",
            "    loss = 0.0",
            "    val_loss = 0",
            "    for step in range(10):",
            "        loss += 1.0",
            "    return loss",
        ]
        * 4
    ),
    "poem": "The loss of 3 ships\nwas at 5 in the morning\nnot 7\n" * 10,
    "config": "".join(f"optimizer group: {{'lr': 0.1, 'momentum': 0.9, 'weight_decay': 0.0{0}}}\n" for i in range(20)),
    "traceback": "Traceback (most recent call last):\n"
    + "".join(f'  File "/a/b.py", line {i}, in f\n    loss = g(x)\n' for i in range(20))
    + "ValueError: 3\n",
    "results": "final loss: 0.3\nbest loss: 0.2 at epoch 7\naccuracy: 0.9\n",
    "build": "".join(f"Step {i}/20 : RUN pip install x=={i}\n ---> {i}abc\n" for i in range(20)),
    "downloads": "\r".join(f"Downloading: {i}%|###| {i}/100 [00:01<00:02, 3.{i}MB/s]" for i in range(100)),
}
