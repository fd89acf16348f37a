"""Writes every folder of sample_logs/ anew: small real trainings, their logs, and what other rates would have done.

    python benchmarks/make_samples.py [NAME …] [--out DIR] [--measure]

Every point of every log comes out of a seeded training on one CPU thread. With --measure the same trainings are run
again with other rates and schedules, and expected.toml records what those reached: that is what a sample's verdict
rests on. The rule ids in an expected.toml that is already there are kept.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import nn
from torch.utils.tensorboard.summary import hparams

SAMPLE_LOGS = Path(__file__).resolve().parent.parent / "sample_logs"


# ------------------------------------------------------------------------------------------------ what is trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """All that decides the numbers of one run."""

    task: str
    optimizer: str
    rate: float
    steps: int
    batch: int
    schedule: str = "constant"
    warmup: float = 0.0
    """Share of the run over which the rate rises linearly to its peak."""
    seed: int = 0
    bad_batches: range = range(0)
    """Steps whose inputs arrive without their scaling, 30 times too large."""
    late_batch: int = 0
    """Size of the batches in the second half of the run, where it is another than in the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one step of a training had to log. The validation set is looked at now and then only."""

    step: int
    loss: float
    accuracy: float
    rate: float
    grad_norm: float
    val_loss: float | None
    val_accuracy: float | None
    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A net, where its batches come from, and what it is judged by."""

    net: nn.Module
    sample: Callable[[int, torch.Generator], tuple[torch.Tensor, torch.Tensor]]
    validation: tuple[torch.Tensor, torch.Tensor]
    criterion: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def shallow_net() -> nn.Module:
    """A ReLU net with two hidden layers: trains at almost any rate."""
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def deep_net() -> nn.Module:
    """Eleven hidden ReLU layers without normalisation or shortcuts: breaks readily at a high rate."""
    net = nn.Sequential(*[layer for _ in range(11) for layer in (nn.Linear(64, 64), nn.ReLU())], nn.Linear(64, 10))
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return net


def tanh_net() -> nn.Module:
    """Two hidden tanh layers: smooth enough for gradient descent on the whole data set."""
    return nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))


def conv_net() -> nn.Module:
    """Two convolutions and a linear layer over the 8×8 picture."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * 16, 10),
    )


def attention_net() -> nn.Module:
    """Twelve post-norm attention blocks over the 8 rows of the picture: the kind of net that warm-up was made for."""
    blocks = [nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True) for _ in range(12)]
    return nn.Sequential(nn.Unflatten(1, (8, 8)), nn.Linear(8, 32), *blocks, nn.Flatten(), nn.Linear(8 * 32, 10))


def regression_net() -> nn.Module:
    """Two hidden ReLU layers and one output: its squared error knows no upper bound."""
    return nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


def digits(build: Callable[[], nn.Module], *, noise: float = 0.3, whole: bool = False) -> Task:
    """scikit-learn's handwritten digits; fresh pixel noise in every batch keeps the loss off zero."""
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(7))
    pixels = (torch.tensor(data.data, dtype=torch.float32) / 8 - 1)[order]
    labels = torch.tensor(data.target)[order]
    kept = 1437  # four fifths; the rest is for validation

    def sample(batch: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        if whole:
            return pixels[:kept], labels[:kept]
        rows = torch.randint(kept, (batch,), generator=generator)
        return pixels[rows] + noise * torch.randn(batch, 64, generator=generator), labels[rows]

    return Task(
        net=build(),
        sample=sample,
        validation=(pixels[kept:], labels[kept:]),
        criterion=nn.functional.cross_entropy,
    )


def teacher() -> Task:
    """Squared error on an endless stream of noisy answers of a fixed net; no student gets below the noise, 0.09."""
    fixed = torch.Generator().manual_seed(3)
    hidden = torch.randn(16, 32, generator=fixed) / 4
    output = torch.randn(32, 1, generator=fixed) * 2 / 32**0.5

    def sample(batch: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = torch.randn(batch, 16, generator=generator)
        return inputs, torch.tanh(inputs @ hidden) @ output + 0.3 * torch.randn(batch, 1, generator=generator)

    return Task(
        net=regression_net(),
        sample=sample,
        validation=sample(512, torch.Generator().manual_seed(4)),
        criterion=nn.functional.mse_loss,
    )


TASKS: dict[str, Callable[[], Task]] = {
    "digits, shallow": partial(digits, shallow_net),
    "digits, deep": partial(digits, deep_net),
    "digits, whole": partial(digits, tanh_net, whole=True),
    "digits, conv": partial(digits, conv_net),
    "digits, attention": partial(digits, attention_net),
    "teacher": teacher,
}

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "adam": torch.optim.Adam,
}

# The part of the run after the warm-up, from 0 to 1, to the share of the peak rate.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "steps": lambda done: 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01,
    # T_max is 15 % of the run, and the rate then stays at its floor.
    "short cosine": lambda done: 1e-4 + (1 - 1e-4) * (1 + math.cos(math.pi * min(done / 0.15, 1.0))) / 2,
    # T_max is 40 % of the run, and torch's CosineAnnealingLR climbs again after it.
    "returning cosine": lambda done: (1 + math.cos(math.pi * done / 0.4)) / 2,
    # Over after 45 % of the run, and then at a thousandth of the peak.
    "early cosine": lambda done: 1e-3 + (1 - 1e-3) * (1 + math.cos(math.pi * min(done / 0.45, 1.0))) / 2,
    # Planned for 36 steps, as many as there are epochs of 45 batches, and stepped with every batch.
    "cosine of epochs": lambda done: (1 + math.cos(math.pi * min(done * 45, 1.0))) / 2,
    # T_max is the number of batches, 36 epochs of 45, and the schedule is stepped with every epoch.
    "cosine of batches": lambda done: (1 + math.cos(math.pi * math.floor(done * 36 + 1e-9) / 1620)) / 2,
    # T_max is the number of epochs, 36, and the schedule is stepped with every epoch: as it should be.
    "cosine by epoch": lambda done: (1 + math.cos(math.pi * math.floor(done * 36 + 1e-9) / 36)) / 2,
    # A one-cycle schedule for twice the steps: a rise over 30 % of them, then a cosine.
    "half a one-cycle": lambda done: one_cycle(done / 2),
    "hasty steps": lambda done: 1.0 if done < 0.2 else 0.1 if done < 0.4 else 0.01,
    "late step": lambda done: 1.0 if done < 0.85 else 0.03,
    # Three cosines of equal length, one after the other.
    "three cosines": lambda done: (1 + math.cos(math.pi * (3 * done % 1.0 if done < 1 else 1.0))) / 2,
    # A cosine that began anew at 70 % of the run, where the training was resumed without the scheduler's state.
    "resumed anew": lambda done: (1 + math.cos(math.pi * (done if done < 0.7 else done - 0.7))) / 2,
    # The same factor at each step, four decades over the run.
    "steep exponential": lambda done: 1e-4**done,
    # The first half of a cosine for twice the steps.
    "half a cosine": lambda done: (1 + math.cos(math.pi * done / 2)) / 2,
    # A straight line down that was lifted to twice its height at half of the run.
    "lifted": lambda done: 1 - 1.2 * done if done < 0.5 else 1.6 * (1 - done),
    # A linear warm-up for a third more steps than the run has.
    "endless warm-up": lambda done: 0.75 * done,
}


def one_cycle(done: float) -> float:
    """torch's OneCycleLR with its own settings: from 1/25 of the peak up, and far below it at the end."""
    if done < 0.3:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * done / 0.3)) / 2
    return 4e-6 + (1 - 4e-6) * (1 + math.cos(math.pi * (done - 0.3) / 0.7)) / 2


def train(training: Training, validate_every: int) -> list[Row]:
    """One row for every step of the run; the loss and the gradient are those of the step's own batch."""
    torch.set_num_threads(1)  # with more, sums are taken in another order from run to run
    torch.manual_seed(training.seed)
    task = TASKS[training.task]()
    optimizer = OPTIMIZERS[training.optimizer](task.net.parameters(), lr=training.rate)
    batches = torch.Generator().manual_seed(training.seed + 1)
    rising = round(training.warmup * training.steps)
    rows = []
    for step in range(training.steps):
        if step < rising:
            share = (step + 1) / rising
        else:
            share = SCHEDULES[training.schedule]((step - rising) / (training.steps - rising))
        rate = training.rate * share
        optimizer.param_groups[0]["lr"] = rate
        batch = training.late_batch if training.late_batch and 2 * step >= training.steps else training.batch
        inputs, answers = task.sample(batch, batches)
        if step in training.bad_batches:
            inputs = 30 * inputs
        optimizer.zero_grad()
        outputs = task.net(inputs)
        loss = task.criterion(outputs, answers)
        loss.backward()
        grad_norm = torch.linalg.vector_norm(torch.stack([weights.grad.norm() for weights in task.net.parameters()]))
        optimizer.step()
        looks = (step + 1) % validate_every == 0 or step + 1 == training.steps
        val_loss, val_accuracy = validate(task) if looks else (None, None)
        rows.append(
            Row(
                step=step,
                loss=loss.item(),
                accuracy=accuracy(outputs, answers),
                rate=rate,
                grad_norm=grad_norm.item(),
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                batch=batch,
            )
        )
    return rows


def validate(task: Task) -> tuple[float, float]:
    """Loss and accuracy on the validation set."""
    inputs, answers = task.validation
    with torch.no_grad():
        outputs = task.net(inputs)
        return task.criterion(outputs, answers).item(), accuracy(outputs, answers)


def accuracy(outputs: torch.Tensor, answers: torch.Tensor) -> float:
    """Share of right answers; NaN where there are no classes."""
    if outputs.shape[1] == 1:
        return math.nan
    return float((outputs.argmax(dim=1) == answers).float().mean().item())


# ---------------------------------------------------------------------------------------------- how it is written


def write_plain(rows: Sequence[Row], every: int, folder: Path, *, with_batch: bool = False) -> None:
    """A table of one's own making: one row per logged step, the validation loss blank where nobody looked."""
    table = (
        [
            row.step,
            short(row.loss),
            short(row.rate),
            short(row.grad_norm),
            "" if row.val_loss is None else short(row.val_loss),
            *([row.batch] if with_batch else []),
        ]
        for row in logged(rows, every)
    )
    batch = ["batch_size"] if with_batch else []
    write_csv(folder / "log.csv", ["step", "train_loss", "lr", "grad_norm", "val_loss", *batch], table)


def write_lightning(rows: Sequence[Row], every: int, folder: Path) -> None:
    """Lightning's CSVLogger with LearningRateMonitor: rate, training and validation loss on rows of their own."""

    def table() -> Iterator[list[object]]:
        per_epoch = 45  # batches of 32 in the digits; an epoch of a stream is as long as one says
        for row in logged(rows, every):
            yield ["", row.rate, row.step, "", ""]
            yield [row.step // per_epoch, "", row.step, row.loss, ""]
            if row.val_loss is not None:
                yield [row.step // per_epoch, "", row.step, "", row.val_loss]

    write_csv(folder / "metrics.csv", ["epoch", "lr-SGD", "step", "train_loss_step", "val_loss"], table())


def write_keras(rows: Sequence[Row], every: int, folder: Path, *, with_rate: bool = True) -> None:
    """Keras' CSVLogger: one row per epoch of means; the rate is there only if a callback of Keras set it."""

    def table() -> Iterator[list[object]]:
        for epoch, start in enumerate(range(0, len(rows), every)):
            part = rows[start : start + every]
            means = [sum(row.accuracy for row in part) / len(part), sum(row.loss for row in part) / len(part)]
            rate = [part[-1].rate] if with_rate else []
            yield [epoch, *means, *rate, part[-1].val_accuracy, part[-1].val_loss]

    rate = ["learning_rate"] if with_rate else []
    write_csv(folder / "training.csv", ["epoch", "accuracy", "loss", *rate, "val_accuracy", "val_loss"], table())


def write_tensorboard(
    rows: Sequence[Row], every: int, folder: Path, configured: Mapping[str, str | float] | None = None
) -> None:
    """An event file like SummaryWriter's, with `add_hparams` where the training was configured.

    Clock, host and process are made up, so that every writing gives the same.
    """
    started = 1700000000
    # SummaryWriter itself names the file by the clock and the host.
    with (folder / f"events.out.tfevents.{started}.sample.0.0").open("wb") as file:
        records = RecordWriter(file)
        records.write(Event(wall_time=started, file_version="brain.Event:2").SerializeToString())
        if configured:
            _, begun, _ = hparams(dict(configured), {})
            records.write(Event(wall_time=started, summary=begun).SerializeToString())
        for row in rows:
            scalars: dict[str, float | None] = {"Loss/val": row.val_loss}
            if row.step % every == 0:
                scalars = {"Loss/train": row.loss, "lr": row.rate, **scalars}
            for tag, value in scalars.items():
                if value is not None:
                    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
                    event = Event(wall_time=started + 0.05 * row.step, step=row.step, summary=summary)
                    records.write(event.SerializeToString())


LAYOUTS: dict[str, Callable[..., None]] = {
    "plain": write_plain,
    "plain with batch": partial(write_plain, with_batch=True),
    "lightning": write_lightning,
    "keras": write_keras,
    "keras without rate": partial(write_keras, with_rate=False),
    "tensorboard": write_tensorboard,
}


def logged(rows: Sequence[Row], every: int) -> Iterator[Row]:
    """The rows of the steps that a logger with this interval writes: the last of each interval."""
    return (row for row in rows if (row.step + 1) % every == 0)


def short(value: float) -> str:
    """Six digits, as people print them."""
    return f"{value:.6g}"


def write_csv(path: Path, header: Sequence[str], table: Iterable[Sequence[object]]) -> None:
    """The same bytes on every system: the csv module and Windows would each end lines in their own way."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(table)


# ------------------------------------------------------------------------------------------------------ the cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One folder of sample_logs/."""

    name: str
    what: str
    verdict: str
    direction: str
    training: Training
    layout: str
    every: int
    validate_every: int
    configured: Mapping[str, str | float] = field(default_factory=dict)
    """Hyperparameters: in the log where the layout is TensorBoard's, else in a `config.json` beside it."""


CASES: tuple[Case, ...] = (
    Case(
        name="healthy_constant",
        what="A two-layer ReLU net on the digits, SGD with momentum at a good constant rate, 1500 steps.",
        verdict="healthy",
        direction="none",
        training=Training(task="digits, shallow", optimizer="momentum", rate=0.03, steps=1500, batch=64),
        layout="plain",
        every=5,
        validate_every=50,
    ),
    Case(
        name="healthy_cosine",
        what="A small convolutional net on the digits, Adam, short warm-up and cosine to zero, 1000 steps.",
        verdict="healthy",
        direction="none",
        training=Training(
            task="digits, conv", optimizer="adam", rate=0.01, steps=1000, batch=32, schedule="cosine", warmup=0.05
        ),
        layout="tensorboard",
        every=4,
        validate_every=50,
    ),
    Case(
        name="healthy_step_decay",
        what="A regression on noisy answers, SGD with momentum, the rate cut tenfold at 50 % and 75 % of 1500 steps.",
        verdict="healthy",
        direction="none",
        training=Training(task="teacher", optimizer="momentum", rate=0.03, steps=1500, batch=16, schedule="steps"),
        layout="lightning",
        every=5,
        validate_every=50,
    ),
    Case(
        name="healthy_early_burst",
        what="Gradient descent on all digits at once with a tanh net; the loss bursts at step 19, comes back by itself "
        "and ends lower than at any other rate tried, 400 steps.",
        verdict="healthy",
        direction="none",
        training=Training(task="digits, whole", optimizer="sgd", rate=1.0, steps=400, batch=1437),
        layout="plain",
        every=1,
        validate_every=20,
    ),
    Case(
        name="healthy_noisy_batches",
        what="A regression on noisy answers in batches of 4, Adam with warm-up and cosine; each point is noisy, "
        "the run is not, 1500 steps.",
        verdict="healthy",
        direction="none",
        training=Training(
            task="teacher", optimizer="adam", rate=0.006, steps=1500, batch=4, schedule="cosine", warmup=0.05
        ),
        layout="plain",
        every=5,
        validate_every=75,
    ),
    Case(
        name="diverged_to_nan",
        what="A regression with squared error, plain SGD at a rate far too high; the loss goes over inf to nan, "
        "240 steps.",
        verdict="unhealthy",
        direction="lower",
        training=Training(task="teacher", optimizer="sgd", rate=0.82, steps=240, batch=32),
        layout="plain",
        every=1,
        validate_every=20,
    ),
    Case(
        name="early_blowup_to_chance",
        what="Eleven ReLU layers on the digits, Adam at a rate far too high; a burst in the first steps, "
        "then flat at chance, 600 steps.",
        verdict="unhealthy",
        direction="lower",
        training=Training(task="digits, deep", optimizer="adam", rate=0.1, steps=600, batch=64),
        layout="tensorboard",
        every=2,
        validate_every=50,
    ),
    Case(
        name="oscillating",
        what="A two-layer ReLU net on the digits, Adam at a constant rate some ten times too high, 1200 steps.",
        verdict="unhealthy",
        direction="lower",
        training=Training(task="digits, shallow", optimizer="adam", rate=0.05, steps=1200, batch=16),
        layout="plain",
        every=4,
        validate_every=40,
    ),
    Case(
        name="rate_too_low",
        what="A small convolutional net on the digits, Adam at a constant rate far below a good one, 1000 steps.",
        verdict="unhealthy",
        direction="raise",
        training=Training(task="digits, conv", optimizer="adam", rate=5e-5, steps=1000, batch=32),
        layout="tensorboard",
        every=4,
        validate_every=25,
    ),
    Case(
        name="plateau_before_decay",
        what="A regression on noisy answers, plain SGD at a constant rate whose own noise keeps the loss up, "
        "1600 steps.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(task="teacher", optimizer="sgd", rate=0.13, steps=1600, batch=8),
        layout="lightning",
        every=4,
        validate_every=80,
    ),
    Case(
        name="decayed_too_early",
        what="A two-layer ReLU net on the digits, SGD with momentum, a cosine that is over after 15 % of 1200 steps.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(
            task="digits, shallow", optimizer="momentum", rate=0.01, steps=1200, batch=32, schedule="short cosine"
        ),
        layout="lightning",
        every=4,
        validate_every=40,
    ),
    Case(
        name="restarts_without_gain",
        what="A two-layer ReLU net on the digits, Adam, three cosines of equal length at a high peak, 1200 steps; "
        "each restart throws the loss back further than the cosine before it had come.",
        verdict="unhealthy",
        direction="lower",
        training=Training(
            task="digits, shallow",
            optimizer="adam",
            rate=0.05,
            steps=1200,
            batch=32,
            schedule="three cosines",
            warmup=0.05,
        ),
        layout="plain",
        every=6,
        validate_every=20,
    ),
    Case(
        name="healthy_restarts",
        what="A small convolutional net on the digits, Adam, three cosines of equal length, 600 steps; "
        "each low of the rate finds the loss lower than the last.",
        verdict="healthy",
        direction="none",
        training=Training(
            task="digits, conv",
            optimizer="adam",
            rate=0.01,
            steps=600,
            batch=32,
            schedule="three cosines",
            warmup=0.05,
        ),
        layout="plain",
        every=3,
        validate_every=10,
    ),
    Case(
        name="rate_rises_again",
        what="A two-layer ReLU net on the digits, Adam, a cosine whose T_max is 40 % of 1200 steps, so that the rate "
        "climbs back to its peak.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(
            task="digits, shallow", optimizer="adam", rate=0.02, steps=1200, batch=32, schedule="returning cosine"
        ),
        layout="plain",
        every=4,
        validate_every=40,
    ),
    Case(
        name="no_rate_logged",
        what="A two-layer ReLU net on the digits, plain SGD at a constant rate that is too low and is not in the log, "
        "150 epochs.",
        verdict="cannot_tell",
        direction="raise",
        training=Training(task="digits, shallow", optimizer="sgd", rate=0.001, steps=150 * 45, batch=32),
        layout="keras without rate",
        every=45,
        validate_every=45,
    ),
    Case(
        name="recovered_spike",
        what="A small convolutional net on the digits, Adam with warm-up and cosine; four batches in the middle came "
        "unscaled, and the loss recovers, 1000 steps.",
        verdict="healthy",
        direction="none",
        training=Training(
            task="digits, conv",
            optimizer="adam",
            rate=0.006,
            steps=1000,
            batch=32,
            schedule="cosine",
            warmup=0.05,
            bad_batches=range(450, 454),
        ),
        layout="tensorboard",
        every=4,
        validate_every=50,
    ),
    Case(
        name="missing_warmup",
        what="Twelve post-norm attention blocks on the digits, Adam with a cosine that starts at its peak; "
        "it never leaves chance, 400 steps.",
        verdict="unhealthy",
        direction="warmup",
        training=Training(
            task="digits, attention", optimizer="adam", rate=0.004, steps=400, batch=32, schedule="cosine", seed=1
        ),
        layout="tensorboard",
        every=2,
        validate_every=40,
    ),
    Case(
        name="学习率过高_发散",
        what="Eleven ReLU layers on the digits, plain SGD at a constant rate too high; it learns for a while "
        "and then diverges to nan, 100 epochs.",
        verdict="unhealthy",
        direction="lower",
        training=Training(task="digits, deep", optimizer="sgd", rate=0.26, steps=100 * 45, batch=32, seed=1),
        layout="keras",
        every=45,
        validate_every=45,
    ),
    Case(
        name="floor_for_half_the_run",
        what="A two-layer ReLU net on the digits, SGD with momentum, a cosine that is over after 45 % of 1200 steps "
        "and stays at a thousandth of its peak.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(
            task="digits, shallow", optimizer="momentum", rate=0.05, steps=1200, batch=32, schedule="early cosine"
        ),
        layout="plain",
        every=6,
        validate_every=48,
    ),
    Case(
        name="epochs_for_batches",
        what="A two-layer ReLU net on the digits, SGD with momentum, a cosine planned for 36 steps, which is the "
        "number of epochs, and stepped with every one of 1620 batches.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(
            task="digits, shallow", optimizer="momentum", rate=0.03, steps=1620, batch=32, schedule="cosine of epochs"
        ),
        layout="lightning",
        every=9,
        validate_every=81,
    ),
    Case(
        name="batches_for_epochs",
        what="A regression on noisy answers, plain SGD, a cosine planned for 1620 steps, which is the number of "
        "batches, and stepped with every one of 36 epochs: the rate hardly moves.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(
            task="teacher", optimizer="sgd", rate=0.13, steps=1620, batch=8, schedule="cosine of batches"
        ),
        layout="lightning",
        every=9,
        validate_every=81,
    ),
    Case(
        name="scheduler_never_stepped",
        what="A regression on noisy answers, plain SGD; the hyperparameters name a cosine, and the rate never moves, "
        "1600 steps.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(task="teacher", optimizer="sgd", rate=0.14, steps=1600, batch=8, seed=2),
        layout="tensorboard",
        every=16,
        validate_every=80,
        configured={"lr": 0.14, "lr_scheduler": "CosineAnnealingLR", "T_max": 1600, "batch_size": 8},
    ),
    Case(
        name="floor_is_the_peak",
        what="A regression on noisy answers, plain SGD; a cosine whose eta_min is its peak, so that the rate never "
        "moves, 1600 steps.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(task="teacher", optimizer="sgd", rate=0.14, steps=1600, batch=8, seed=3),
        layout="tensorboard",
        every=16,
        validate_every=80,
        configured={"lr": 0.14, "lr_scheduler": "CosineAnnealingLR", "T_max": 1600, "eta_min": 0.14, "batch_size": 8},
    ),
    Case(
        name="sum_of_rates_spent",
        what="A two-layer ReLU net on the digits, SGD with momentum, a rate that falls by the same factor at each of "
        "1200 steps, four decades in all: what is left of its sum adds nothing.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(
            task="digits, shallow", optimizer="momentum", rate=0.03, steps=1200, batch=32, schedule="steep exponential"
        ),
        layout="plain",
        every=8,
        validate_every=24,
    ),
    Case(
        name="cut_short",
        what="A regression on noisy answers, plain SGD, a one-cycle schedule for 3200 steps that was stopped "
        "after 1600.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(task="teacher", optimizer="sgd", rate=0.15, steps=1600, batch=8, schedule="half a one-cycle"),
        layout="plain",
        every=8,
        validate_every=80,
        configured={"max_steps": 1600, "batch_size": 8},
    ),
    Case(
        name="cut_too_soon",
        what="A two-layer ReLU net on the digits, SGD with momentum, the rate cut tenfold at 20 % and 40 % of 1200 "
        "steps while the loss was falling.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(
            task="digits, shallow", optimizer="momentum", rate=0.03, steps=1200, batch=32, schedule="hasty steps"
        ),
        layout="plain",
        every=6,
        validate_every=48,
    ),
    Case(
        name="healthy_late_cut",
        what="A regression on noisy answers, plain SGD, the rate cut at 85 % of 1600 steps, long after the loss had "
        "levelled off: it ends where it should, and could have done so sooner.",
        verdict="healthy",
        direction="none",
        training=Training(task="teacher", optimizer="sgd", rate=0.05, steps=1600, batch=8, schedule="late step"),
        layout="plain",
        every=8,
        validate_every=80,
    ),
    Case(
        name="resumed_without_scheduler",
        what="A regression on noisy answers, plain SGD, a cosine that began anew when the training was resumed at 70 % "
        "of 1600 steps.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(task="teacher", optimizer="sgd", rate=0.15, steps=1600, batch=8, schedule="resumed anew"),
        layout="plain",
        every=8,
        validate_every=40,
    ),
    Case(
        name="configured_rate_lost",
        what="A small convolutional net on the digits, Adam; the hyperparameters say 0.003 and the optimizer got a "
        "hundredth of it, 1000 steps.",
        verdict="unhealthy",
        direction="raise",
        training=Training(task="digits, conv", optimizer="adam", rate=3e-5, steps=1000, batch=32, seed=1),
        layout="tensorboard",
        every=10,
        validate_every=25,
        configured={"lr": 0.003, "batch_size": 32},
    ),
    Case(
        name="batch_shrunk",
        what="A regression on noisy answers, plain SGD at a rate for batches of 128; from half of 1600 steps on there "
        "are 2 in a batch, and the rate stays.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(task="teacher", optimizer="sgd", rate=0.06, steps=1600, batch=128, late_batch=2),
        layout="plain with batch",
        every=8,
        validate_every=16,
    ),
    Case(
        name="warmup_outlasts_the_run",
        what="A regression on noisy answers, plain SGD, a linear warm-up for a third more than the 1600 steps taken.",
        verdict="unhealthy",
        direction="anneal",
        training=Training(task="teacher", optimizer="sgd", rate=0.17, steps=1600, batch=8, schedule="endless warm-up"),
        layout="plain",
        every=8,
        validate_every=40,
    ),
    Case(
        name="healthy_stepped_by_epoch",
        what="A regression on noisy answers, SGD with momentum, a cosine over 36 epochs that is stepped once per "
        "epoch, as configured.",
        verdict="healthy",
        direction="none",
        training=Training(
            task="teacher", optimizer="momentum", rate=0.01, steps=1620, batch=16, schedule="cosine by epoch"
        ),
        layout="tensorboard",
        every=15,
        validate_every=90,
        configured={"lr": 0.01, "lr_scheduler": "CosineAnnealingLR", "T_max": 36, "epochs": 36, "batch_size": 16},
    ),
    Case(
        name="healthy_scaled_rate",
        what="A two-layer ReLU net on the digits, SGD with momentum at a good constant rate, three times the one that "
        "is configured; a scheduler is named and never stepped, 1500 steps.",
        verdict="healthy",
        direction="none",
        training=Training(task="digits, shallow", optimizer="momentum", rate=0.03, steps=1500, batch=64, seed=4),
        layout="tensorboard",
        every=15,
        validate_every=75,
        configured={"lr": 0.01, "lr_scheduler": "StepLR", "step_size": 2000, "batch_size": 64},
    ),
    Case(
        name="healthy_half_a_cosine",
        what="A two-layer ReLU net on the digits, SGD with momentum, the first 1500 steps of a cosine for 3000.",
        verdict="healthy",
        direction="none",
        training=Training(
            task="digits, shallow", optimizer="momentum", rate=0.03, steps=1500, batch=64, schedule="half a cosine"
        ),
        layout="plain",
        every=10,
        validate_every=75,
    ),
    Case(
        name="healthy_long_warmup",
        what="Gradient descent on all digits at once with a tanh net, the first 900 steps of a linear warm-up for "
        "1200; the loss fell to the end.",
        verdict="healthy",
        direction="none",
        training=Training(
            task="digits, whole", optimizer="sgd", rate=0.8, steps=900, batch=1437, schedule="endless warm-up"
        ),
        layout="plain",
        every=9,
        validate_every=45,
    ),
    Case(
        name="healthy_rate_lifted",
        what="A two-layer ReLU net on the digits, SGD with momentum, a straight line down that somebody lifted to "
        "twice its height at half of 1500 steps; the loss took no notice.",
        verdict="healthy",
        direction="none",
        training=Training(
            task="digits, shallow", optimizer="momentum", rate=0.07, steps=1500, batch=64, schedule="lifted"
        ),
        layout="plain",
        every=10,
        validate_every=75,
    ),
    Case(
        name="healthy_batches_for_epochs",
        what="A two-layer ReLU net on the digits, SGD with momentum, a cosine planned for as many steps as there are "
        "batches and stepped with every one of 36 epochs, at a rate that does well without a descent, 1620 steps.",
        verdict="healthy",
        direction="none",
        training=Training(
            task="digits, shallow", optimizer="momentum", rate=0.03, steps=1620, batch=64, schedule="cosine of batches"
        ),
        layout="lightning",
        every=9,
        validate_every=81,
    ),
    Case(
        name="healthy_batch_grown",
        what="A regression on noisy answers, SGD with momentum at a constant rate, batches of 16 and from half of 1600 "
        "steps on of 128, which is as good as a decay.",
        verdict="healthy",
        direction="none",
        training=Training(task="teacher", optimizer="momentum", rate=0.01, steps=1600, batch=16, late_batch=128),
        layout="plain with batch",
        every=8,
        validate_every=80,
    ),
)


# ------------------------------------------------------------------------------------------------------- the truth

COUNTERFACTUALS: dict[str, Callable[[Training], Training]] = {
    "lower_10x": lambda own: replace(own, rate=own.rate / 10),
    "lower_3x": lambda own: replace(own, rate=own.rate / 3),
    "raise_3x": lambda own: replace(own, rate=own.rate * 3),
    "raise_10x": lambda own: replace(own, rate=own.rate * 10),
    "cosine": lambda own: replace(own, schedule="cosine"),
    "warmup": lambda own: replace(own, warmup=0.1),
    "without_bad_batches": lambda own: replace(own, bad_batches=range(0)),
}


def measure(own: Training) -> dict[str, float]:
    """The final training loss of the run itself and of its counterfactuals; with `_val`, the validation loss."""
    runs = {"own": own} | {name: change(own) for name, change in COUNTERFACTUALS.items()}
    finals = {name: final(training) for name, training in runs.items() if name == "own" or training != own}
    return {name: loss for name, (loss, _) in finals.items()} | {
        f"{name}_val": loss for name, (_, loss) in finals.items()
    }


def final(training: Training) -> tuple[float, float]:
    """Mean training loss over the last twentieth of the run, and the validation loss at its end."""
    rows = train(training, training.steps)
    tail = rows[-(len(rows) // 20) :]
    assert rows[-1].val_loss is not None
    return sum(row.loss for row in tail) / len(tail), rows[-1].val_loss


def write_expected(case: Case, measured: dict[str, float], path: Path) -> None:
    """expected.toml; what somebody has filled in by hand already, rules and missed, stays as it is."""
    known: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    listed = ", ".join(f'"{rule}"' for rule in known.get("rules", []))
    lines = [
        f'what = "{case.what}"',
        f'verdict = "{case.verdict}"',
        *([f'missed = "{known["missed"]}"'] if "missed" in known else []),
        f"rules = [{listed}]",
        f'direction = "{case.direction}"',
        "[measured]",
        # Four digits, and always with a point or an exponent: a bare 2 would be an integer in TOML.
        *(f"{name} = {float(f'{loss:.4g}')!r}" for name, loss in measured.items()),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the cases asked for, by default all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a folder of sample_logs/; by default all")
    parser.add_argument("--out", type=Path, default=SAMPLE_LOGS, metavar="DIR", help="where the folders go")
    parser.add_argument("--measure", action="store_true", help="train the counterfactuals too and write expected.toml")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(case.name for case in CASES)}")
    for case in CASES:
        if options.names and case.name not in options.names:
            continue
        folder = options.out / case.name
        folder.mkdir(parents=True, exist_ok=True)
        layout = LAYOUTS[case.layout]
        if case.configured and case.layout == "tensorboard":
            layout = partial(layout, configured=case.configured)
        elif case.configured:
            told = json.dumps(case.configured, indent=2) + "\n"
            (folder / "config.json").write_text(told, encoding="utf-8", newline="\n")
        layout(train(case.training, case.validate_every), case.every, folder)
        if options.measure:
            write_expected(case, measure(case.training), folder / "expected.toml")
        sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
