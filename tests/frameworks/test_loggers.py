"""Real frameworks train tiny nets and log them with their own loggers: every point they wrote must be read back.

What was written is known from the training itself or from the framework's own history, never from another reader of
logs. Frameworks are imported where they are used, so that collecting this file needs none of them.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT
from tensorboard.plugins.scalar.metadata import create_summary_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

import lrdoctor
from lrdoctor.config import Config
from lrdoctor.doctor import read
from lrdoctor.model import Diagnosis, Role, Run, Status, Verdict
from lrdoctor.roles import RoleNames

pytestmark = [
    pytest.mark.frameworks,
    # Warnings of the frameworks about one another, of which nothing here is the cause:
    # numpy about how Keras' variables become arrays,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    # torch about what Lightning calls of it.
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.:FutureWarning"),
]

Written = dict[str, dict[int, float]]
"""Value by step by tag."""
STYLES = {
    "plain": {},
    "new_style": {"new_style": True},
    "double_precision": {"double_precision": True},
    "new_style_double_precision": {"new_style": True, "double_precision": True},
}
KINDS = ("sound", "broken")


def rate_at(kind: str, done: float) -> float:
    """The rate after a share of the run: one kind of training learns, the other does so until the rate is too high.

    The nets below break at a rate of about 1, so neither kind is a matter of the last digit.
    """
    return {"sound": 0.05 * (1 - done), "broken": 2.0 * done}[kind]


def only_run(path: Path) -> Run:
    runs, problems = read([path], RoleNames())
    assert problems == []
    assert len(runs) == 1, [run.name for run in runs]
    return runs[0]


def assert_holds(run: Run, written: Written, precision: type[np.floating[Any]] = np.float64) -> None:
    """Every tag, step and value, and nothing else; `precision` is what the logger keeps of a number."""
    assert set(run.series) == set(written)
    for tag, points in written.items():
        steps = sorted(points)
        assert run.series[tag].steps.tolist() == steps, tag
        kept = np.array([points[step] for step in steps]).astype(precision).astype(np.float64)
        np.testing.assert_array_equal(run.series[tag].values, kept, err_msg=tag)
    assert run.incidents == ()


def diagnosis(path: Path) -> Diagnosis:
    report = lrdoctor.analyze(path, config=Config())
    assert report.errors == ()
    (only,) = report.runs
    return only


def assert_judged(path: Path, kind: str, losses: Mapping[int, float]) -> None:
    values = [losses[step] for step in sorted(losses)]
    said = diagnosis(path)
    if kind == "sound":
        assert values[-1] < 0.2 * values[0], "this training was meant to succeed"
        assert said.verdict is Verdict.HEALTHY, [advice.message for advice in said.advice]
    else:
        assert values[1] < values[0], "this training was meant to begin well"
        assert math.isnan(values[-1]), "this training was meant to end in NaN"
        assert said.verdict is Verdict.UNHEALTHY
        assert "LRD101" in [advice.rule.id for advice in said.advice]


# ------------------------------------------------------------------------------------------ torch's SummaryWriter


def training(kind: str = "sound", seed: int = 0) -> Written:
    """A loop by hand of 100 steps: a net learns the noisy answers of a fixed linear one."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    teacher = torch.randn(16, 1) / 4
    net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(kind, step / 100))
    written: Written = {"train/loss": {}, "train/lr": {}, "train/grad_norm": {}, "val/loss": {}}

    def loss_of(inputs: Any) -> Any:
        return nn.functional.mse_loss(net(inputs), inputs @ teacher + 1 + 0.1 * torch.randn(len(inputs), 1))

    for step in range(100):
        written["train/lr"][step] = scheduler.get_last_lr()[0]
        loss = loss_of(torch.randn(64, 16))
        optimizer.zero_grad()
        loss.backward()
        written["train/loss"][step] = loss.item()
        written["train/grad_norm"][step] = nn.utils.get_total_norm([p.grad for p in net.parameters()]).item()
        optimizer.step()
        scheduler.step()
        if step % 10 == 9:
            with torch.no_grad():
                written["val/loss"][step] = loss_of(torch.randn(256, 16)).item()
    return written


TORCH_ROLES = {
    Role.TRAIN_LOSS: "train/loss",
    Role.VAL_LOSS: "val/loss",
    Role.LR: "train/lr",
    Role.GRAD_NORM: "train/grad_norm",
}


def write(
    folder: Path, written: Written, style: Mapping[str, bool] | None = None, *, purge_step: int | None = None
) -> Path:
    """Log step by step, as a training loop does."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder, purge_step=purge_step) as writer:
        for step in sorted({step for points in written.values() for step in points}):
            for tag, points in written.items():
                if step in points:
                    writer.add_scalar(tag, points[step], step, **(style or {}))
    return folder


def kept_by(style: str) -> type[np.floating[Any]]:
    """`double_precision` without `new_style` asks for a tensor and still writes a float."""
    return np.float64 if style == "new_style_double_precision" else np.float32


@pytest.mark.parametrize("style", STYLES)
def test_scalars_of_every_style(tmp_path: Path, style: str) -> None:
    written = training()
    run = only_run(write(tmp_path / "run", written, STYLES[style]))
    assert run.name == "run"
    assert run.format == "tensorboard"
    assert_holds(run, written, kept_by(style))
    assert run.roles == TORCH_ROLES
    assert run.notes == ()


@pytest.mark.parametrize("style", STYLES)
def test_values_that_are_no_ordinary_numbers(tmp_path: Path, style: str) -> None:
    values = [1.5, math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-45, 3.4028234663852886e38, math.nan, 0.1]
    written = {"loss": dict(enumerate(values))}
    run = only_run(write(tmp_path, written, STYLES[style]))
    assert_holds(run, written, kept_by(style))
    assert np.signbit(run.series["loss"].values[4:6]).tolist() == [False, True]


def test_wall_times(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    began = time.time()
    with SummaryWriter(tmp_path) as writer:
        for step in range(5):
            writer.add_scalar("loss", 1.0, step, walltime=1_700_000_000.25 + step)
            writer.add_scalar("lr", 0.1, step)
    run = only_run(tmp_path)
    given, taken = run.series["loss"].wall_times, run.series["lr"].wall_times
    assert given is not None
    assert given.tolist() == [1_700_000_000.25 + step for step in range(5)]
    assert taken is not None
    assert began <= taken[0] <= taken[-1] <= time.time()


def test_a_validation_that_is_counted_in_epochs(tmp_path: Path) -> None:
    """As many scripts do; the writer itself tells the time."""
    from torch.utils.tensorboard import SummaryWriter

    written = training()
    with SummaryWriter(tmp_path) as writer:
        for step in range(100):
            writer.add_scalar("train/loss", written["train/loss"][step], step + 1)
            time.sleep(0.001)
            if step % 10 == 9:
                writer.add_scalar("val/loss", written["val/loss"][step], (step + 1) // 10)
    val = only_run(tmp_path)[Role.VAL_LOSS]
    assert val is not None
    assert val.steps.tolist() == list(range(10, 101, 10))


def test_a_writer_that_is_never_told_the_step(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    losses = training()["train/loss"]
    with SummaryWriter(tmp_path) as writer:
        for value in losses.values():
            writer.add_scalar("loss", value)
    run = only_run(tmp_path)
    assert_holds(run, {"loss": losses}, np.float32)
    assert any("share a step" in note for note in run.notes)


def test_what_is_no_scalar_does_not_disturb(tmp_path: Path) -> None:
    import torch
    from torch.utils.tensorboard import SummaryWriter

    losses = training()["train/loss"]
    with SummaryWriter(tmp_path) as writer:
        for step, value in losses.items():
            writer.add_scalar("loss", value, step)
            writer.add_histogram("weights", torch.linspace(0, 1, 20), step)
            writer.add_text("note", f"loss {value}", step)
        writer.add_image("picture", torch.zeros(3, 4, 4), 0)
        writer.add_custom_scalars({"Losses": {"loss": ["Multiline", ["loss"]]}})
    assert_holds(only_run(tmp_path), {"loss": losses}, np.float32)


def write_together(folder: Path, written: Written, *, purge_step: int | None = None) -> None:
    """Both losses by `add_scalars`, which makes a folder with a writer of its own for each; the rate beside them."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder, purge_step=purge_step) as writer:
        for step, rate in written["train/lr"].items():
            both = {part: written[f"{part}/loss"].get(step) for part in ("train", "val")}
            writer.add_scalars("Loss", {part: value for part, value in both.items() if value is not None}, step)
            writer.add_scalar("lr", rate, step)


def together(written: Written) -> Written:
    return {"Loss/train": written["train/loss"], "Loss/val": written["val/loss"], "lr": written["train/lr"]}


def test_the_folders_of_add_scalars_are_one_run(tmp_path: Path) -> None:
    written = training()
    write_together(tmp_path / "run", written)
    assert (tmp_path / "run" / "Loss_train").is_dir()
    for path in (tmp_path, tmp_path / "run"):
        run = only_run(path)
        assert run.name == "run"
        assert_holds(run, together(written), np.float32)
        assert run.roles == {Role.TRAIN_LOSS: "Loss/train", Role.VAL_LOSS: "Loss/val", Role.LR: "lr"}


def test_add_hparams_is_the_configuration_and_no_run(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    written = training()
    write(tmp_path / "run", written)
    with SummaryWriter(tmp_path / "run") as writer:
        settings = {"rate": 0.05, "batch": 64, "optimizer": "SGD"}
        writer.add_hparams(settings, {"hparam/loss": written["val/loss"][99]})
    run = only_run(tmp_path)
    assert_holds(run, written, np.float32)
    assert run.roles == TORCH_ROLES
    assert run.hparams == settings


def test_add_hparams_under_a_name_is_no_run_either(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    written = training()
    write(tmp_path / "run", written)
    with SummaryWriter(tmp_path / "run") as writer:
        writer.add_hparams({"rate": 0.05}, {"hparam/loss": written["val/loss"][99]}, run_name="settings")
    run = only_run(tmp_path)
    assert_holds(run, written, np.float32)
    assert run.hparams == {"rate": 0.05}


def test_add_hparams_beside_the_curves_leaves_them_whole(tmp_path: Path) -> None:
    """`run_name="."` is how people avoid the extra folder. The final metric is then one more point of its curve."""
    from torch.utils.tensorboard import SummaryWriter

    written = training()
    write(tmp_path / "run", written)
    with SummaryWriter(tmp_path / "run") as writer:
        writer.add_hparams({"rate": 0.05}, {"train/loss": written["train/loss"][99]}, run_name=".")
    run = only_run(tmp_path)
    assert run.series["train/loss"].steps[1:].tolist() == list(range(1, 100))
    assert run.hparams == {"rate": 0.05}


def test_a_run_below_another_that_is_named_like_its_tag(tmp_path: Path) -> None:
    written = training()
    write(tmp_path, {"loss": written["train/loss"]})
    write(tmp_path / "loss_smoothed", {"loss": written["train/loss"], "lr": written["train/lr"]})
    runs, _ = read([tmp_path], RoleNames())
    assert [sorted(run.series) for run in runs] == [["loss"], ["loss", "lr"]]


def taken_up_again(first: Written, second: Written, step: int) -> Written:
    """What holds after a second training went on from a checkpoint at this step."""
    return {
        tag: {at: value for at, value in points.items() if at < step}
        | {at: value for at, value in second[tag].items() if at >= step}
        for tag, points in first.items()
    }


def part_of(written: Written, steps: range) -> Written:
    return {tag: {at: value for at, value in points.items() if at in steps} for tag, points in written.items()}


@pytest.mark.parametrize("purge_step", [50, None])
def test_a_restart_supersedes_what_it_repeats(tmp_path: Path, purge_step: int | None) -> None:
    first, second = training(), training(seed=1)
    write(tmp_path, part_of(first, range(65)))
    write(tmp_path, part_of(second, range(50, 100)), purge_step=purge_step)
    run = only_run(tmp_path)
    assert_holds(run, taken_up_again(first, second, 50), np.float32)
    assert any("restart at step 50" in note for note in run.notes)


@pytest.mark.parametrize("purge_step", [50, None])
def test_a_restart_supersedes_what_add_scalars_wrote(tmp_path: Path, purge_step: int | None) -> None:
    """The writers of the sub-folders are not told of `purge_step`."""
    first, second = training(), training(seed=1)
    write_together(tmp_path / "run", part_of(first, range(65)))
    write_together(tmp_path / "run", part_of(second, range(50, 100)), purge_step=purge_step)
    assert_holds(only_run(tmp_path), together(taken_up_again(first, second, 50)), np.float32)


def test_writers_that_share_a_folder_are_one_run(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    written = training()
    with SummaryWriter(tmp_path) as one, SummaryWriter(tmp_path) as other:
        for tag, points in written.items():
            for step, value in points.items():
                (other if tag == "val/loss" else one).add_scalar(tag, value, step)
    run = only_run(tmp_path)
    assert_holds(run, written, np.float32)
    assert run.roles == TORCH_ROLES
    assert run.notes == ()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", KINDS)
def test_verdict_on_what_a_summary_writer_logged(tmp_path: Path, kind: str, style: str) -> None:
    written = training(kind)
    assert_judged(write(tmp_path, written, STYLES[style]), kind, written["train/loss"])


# ---------------------------------------------------------------------------------------------------------- Keras


@pytest.fixture(scope="module")
def keras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Keras on torch, with its configuration file where it leaves nothing behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        import keras

        assert keras.backend.backend() == "torch"
        yield keras


def compiled(keras: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
    return model


class Killed(Exception):
    """Ends a fit in the middle, as a lost machine does."""


def fitted(
    keras: Any, model: Any, callbacks: list[Any], *, epochs: range = range(25), validation_freq: int = 1
) -> Written:
    """Fit, to the end or until `Killed`, and return what every callback was told at the end of every epoch."""
    random = np.random.default_rng(0)
    inputs = random.standard_normal((256, 16)).astype(np.float32)
    targets = inputs @ random.standard_normal((16, 1)) / 4 + 1 + 0.1 * random.standard_normal((256, 1))
    written: Written = {}

    def remember(epoch: int, logs: Mapping[str, float]) -> None:
        for tag, value in logs.items():
            written.setdefault(tag, {})[epoch] = float(value)

    with suppress(Killed):
        model.fit(
            inputs,
            targets.astype(np.float32),
            batch_size=64,
            epochs=epochs.stop,
            initial_epoch=epochs.start,
            validation_split=0.25,
            validation_freq=validation_freq,
            verbose=0,
            callbacks=[*callbacks, keras.callbacks.LambdaCallback(on_epoch_end=remember)],
        )
    return written


def with_epochs(written: Written) -> Written:
    """With the column that counts them, which stays in the run as a series."""
    return {"epoch": {epoch: float(epoch) for points in written.values() for epoch in points}} | written


KERAS_ROLES = {Role.TRAIN_LOSS: "loss", Role.VAL_LOSS: "val_loss", Role.EPOCH: "epoch"}


@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_logger_of_keras(tmp_path: Path, keras: Any, separator: str) -> None:
    path = tmp_path / "log.csv"
    written = fitted(keras, compiled(keras), [keras.callbacks.CSVLogger(path, separator=separator)])
    assert set(written) == {"loss", "val_loss", "mae", "val_mae"}
    run = only_run(path)
    assert run.format == "csv"
    assert_holds(run, with_epochs(written))
    assert run.roles == KERAS_ROLES
    assert run.notes == ()


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("by", ["ReduceLROnPlateau", "LearningRateScheduler"])
def test_csv_logger_with_a_rate(tmp_path: Path, keras: Any, by: str, separator: str) -> None:
    path = tmp_path / "log.csv"
    schedules = {
        "ReduceLROnPlateau": lambda: keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=0.01),
        "LearningRateScheduler": lambda: keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate),
    }
    # The schedule comes first: it puts the rate among what the logger is then given.
    written = fitted(keras, compiled(keras), [schedules[by](), keras.callbacks.CSVLogger(path, separator=separator)])
    assert len(set(written["learning_rate"].values())) > 2
    run = only_run(path)
    assert_holds(run, with_epochs(written))
    assert run.roles == {**KERAS_ROLES, Role.LR: "learning_rate"}


@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_logger_appending_what_goes_on(tmp_path: Path, keras: Any, separator: str) -> None:
    path, model = tmp_path / "log.csv", compiled(keras)
    parts = []
    for epochs in (range(12), range(12, 25)):
        logger = keras.callbacks.CSVLogger(path, separator=separator, append=True)
        schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate)
        parts.append(fitted(keras, model, [schedule, logger], epochs=epochs))
    first, second = parts
    run = only_run(path)
    assert_holds(run, with_epochs({tag: first[tag] | second[tag] for tag in first}))
    assert run.notes == ()


def test_csv_logger_appending_epochs_that_begin_anew(tmp_path: Path, keras: Any) -> None:
    """The net was trained on, which its loss tells: it goes on where the first fit had brought it."""
    path, model = tmp_path / "log.csv", compiled(keras)
    first, second = (
        fitted(keras, model, [keras.callbacks.CSVLogger(path, append=True)], epochs=range(12)) for _ in range(2)
    )
    run = only_run(path)
    for tag, points in first.items():
        series = run.series[tag]
        assert series.steps.tolist() == list(range(24)), tag
        assert series.values.tolist() == [*points.values(), *second[tag].values()], tag
    assert any("begins anew" in note for note in run.notes)


def test_csv_logger_appending_a_net_that_begins_anew(tmp_path: Path, keras: Any) -> None:
    """A second net in the same file is a second run."""
    path = tmp_path / "log.csv"
    written = [
        fitted(keras, compiled(keras), [keras.callbacks.CSVLogger(path, append=True)], epochs=range(12))
        for _ in range(2)
    ]
    runs, problems = read([path], RoleNames())
    assert problems == []
    assert [run.name for run in runs] == ["log.csv", "log.csv#2"]
    for run, its in zip(runs, written, strict=True):
        assert_holds(run, with_epochs(its))


def killed_before(keras: Any, epoch: int) -> Any:
    def kill(at: int, logs: object) -> None:
        if at == epoch:
            raise Killed

    return keras.callbacks.LambdaCallback(on_epoch_begin=kill)


def test_a_backup_left_behind_says_that_the_fit_broke_off(tmp_path: Path, keras: Any) -> None:
    path = tmp_path / "log.csv"

    def callbacks() -> list[Any]:
        return [keras.callbacks.CSVLogger(path, append=True), keras.callbacks.BackupAndRestore(tmp_path / "backup")]

    logger, backup = callbacks()
    first = fitted(keras, compiled(keras), [logger, backup, killed_before(keras, 8)])
    logger.csv_file.close()  # the end of the process, which this one outlives
    assert list(first["loss"]) == list(range(8))
    run = only_run(tmp_path)
    assert_holds(run, with_epochs(first))
    assert run.status is Status.CRASHED
    assert any("training_metadata.json is still there" in note for note in run.notes)

    second = fitted(keras, compiled(keras), callbacks())
    assert list(second["loss"]) == list(range(8, 25)), "this fit was meant to go on from the backup"
    run = only_run(tmp_path)
    assert_holds(run, with_epochs({tag: first[tag] | second[tag] for tag in first}))
    assert run.status is not Status.CRASHED


def test_csv_logger_appending_rows_under_a_header_that_does_not_fit(tmp_path: Path, keras: Any) -> None:
    """The second fit logs its rate too, and Keras writes no second header: its cells have slipped, and none is used."""
    path, model = tmp_path / "log.csv", compiled(keras)
    first = fitted(keras, model, [keras.callbacks.CSVLogger(path)], epochs=range(15))
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate)
    fitted(keras, model, [schedule, keras.callbacks.CSVLogger(path, append=True)], epochs=range(15, 25))
    run = only_run(path)
    assert sum(incident.dropped for incident in run.incidents) == 10
    assert {tag: len(series) for tag, series in run.series.items()} == dict.fromkeys(with_epochs(first), 15)


def test_csv_logger_with_rare_validation(tmp_path: Path, keras: Any) -> None:
    """Where an epoch has no validation, and below headings of its own that never had any, Keras writes NA."""
    path = tmp_path / "log.csv"
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate)
    callbacks = [schedule, keras.callbacks.CSVLogger(path)]
    written = fitted(keras, compiled(keras), callbacks, validation_freq=5)
    assert "val_learning_rate" in path.read_text(encoding="utf-8").splitlines()[0]
    assert len(written["val_loss"]) == 5
    run = only_run(path)
    assert_holds(run, with_epochs(written))
    assert run.roles == {**KERAS_ROLES, Role.LR: "learning_rate"}


# Keras' TensorBoard callback asks `tensorflow.summary` for its writers, whatever the backend, and TensorFlow is not
# among what these tests install. So the callback writes through the two classes below: folders, names, steps and
# values are its own, the bytes are like TensorFlow's.


class FileWriter:
    """What `tf.summary.create_file_writer` returns: an event file whose scalars are tensors."""

    def __init__(self, folder: str, active: list[FileWriter]) -> None:
        self._file = EventFileWriter(folder, filename_suffix=".v2")
        self._active = active
        self.written: Written = {}

    @contextmanager
    def as_default(self, step: int | None = None) -> Iterator[None]:
        self._active.append(self)
        yield
        self._active.pop()

    def scalar(self, name: str, value: float, step: int) -> None:
        tensor = TensorProto(dtype=DT_FLOAT, tensor_content=struct.pack("<f", value))
        tensor.tensor_shape.SetInParent()
        point = Summary.Value(tag=name, tensor=tensor, metadata=create_summary_metadata("", ""))
        self._file.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[point])))
        self.written.setdefault(name, {})[step] = value

    def close(self) -> None:
        self._file.close()


class Summaries:
    """As much of `tf.summary` as the callback uses; it keeps what was logged, by folder."""

    def __init__(self) -> None:
        self._active: list[FileWriter] = []
        self._recording = [True]
        self.written: dict[str, Written] = {}

    def create_file_writer(self, folder: str) -> FileWriter:
        writer = FileWriter(folder, self._active)
        self.written[Path(folder).name] = writer.written
        return writer

    @contextmanager
    def record_if(self, condition: Callable[[], bool]) -> Iterator[None]:
        self._recording.append(condition())
        yield
        self._recording.pop()

    def scalar(self, name: str, value: Any, step: Any) -> None:
        if self._active and self._recording[-1]:
            self._active[-1].scalar(name, float(value), int(step))


def tensorboard_of_keras(keras: Any, folder: Path, **options: Any) -> tuple[Any, Summaries]:
    """The callback itself, which decides on folders, names and steps, over a writer that does without TensorFlow."""
    summaries = Summaries()
    callback = type("TensorBoard", (keras.callbacks.TensorBoard,), {"summary": summaries})
    return callback(folder, write_graph=False, **options), summaries


def in_one_run(summaries: Summaries) -> Written:
    return {f"{part}/{tag}": points for part, tags in summaries.written.items() for tag, points in tags.items()}


@pytest.mark.parametrize("update_freq", ["epoch", 1])
def test_tensorboard_callback_of_keras(tmp_path: Path, keras: Any, update_freq: str | int) -> None:
    logger, summaries = tensorboard_of_keras(keras, tmp_path / "run", update_freq=update_freq)
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate)
    history = fitted(keras, compiled(keras), [schedule, logger])
    assert ("batch_loss" in summaries.written["train"]) is (update_freq == 1)
    assert summaries.written["train"]["epoch_loss"] == history["loss"]
    assert summaries.written["validation"]["epoch_loss"] == history["val_loss"]
    assert (tmp_path / "run" / "train").is_dir()
    assert (tmp_path / "run" / "validation").is_dir()
    for path in (tmp_path, tmp_path / "run"):
        run = only_run(path)
        assert run.name == "run"
        assert_holds(run, in_one_run(summaries), np.float32)
        assert run.roles == {
            Role.TRAIN_LOSS: "train/epoch_loss",
            Role.VAL_LOSS: "validation/epoch_loss",
            Role.LR: "train/epoch_learning_rate",
        }


def test_tensorboard_callback_of_keras_in_two_fits(tmp_path: Path, keras: Any) -> None:
    """Each fit begins new files in the same two folders."""
    model = compiled(keras)
    parts = []
    for epochs in (range(12), range(12, 25)):
        logger, summaries = tensorboard_of_keras(keras, tmp_path)
        fitted(keras, model, [logger], epochs=epochs)
        parts.append(in_one_run(summaries))
    first, second = parts
    run = only_run(tmp_path)
    assert_holds(run, {tag: first[tag] | second[tag] for tag in first}, np.float32)
    assert run.notes == ()


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("kind", KINDS)
def test_verdict_on_what_the_csv_logger_of_keras_logged(tmp_path: Path, keras: Any, kind: str, separator: str) -> None:
    path = tmp_path / "log.csv"
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: rate_at(kind, epoch / 25))
    logger = keras.callbacks.CSVLogger(path, separator=separator)
    assert_judged(path, kind, fitted(keras, compiled(keras), [schedule, logger])["loss"])


@pytest.mark.parametrize("kind", KINDS)
def test_verdict_on_what_the_tensorboard_callback_of_keras_logged(tmp_path: Path, keras: Any, kind: str) -> None:
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: rate_at(kind, epoch / 25))
    logger, _ = tensorboard_of_keras(keras, tmp_path)
    assert_judged(tmp_path, kind, fitted(keras, compiled(keras), [schedule, logger])["loss"])


# ------------------------------------------------------------------------------------------------------ Lightning


def fit_lightning(folder: Path, kind: str = "sound", *, groups: int = 1) -> Written:
    """Train once under both loggers, into `csv/` and `tensorboard/`; what Lightning told a third logger comes back."""
    import lightning
    import torch
    from lightning.pytorch.callbacks import LearningRateMonitor
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
    from lightning.pytorch.utilities import grad_norm
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    written: Written = {}

    class Witness(CSVLogger):  # type: ignore[misc]  # lightning is not known to mypy
        def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
            for tag, value in metrics.items():
                written.setdefault(tag, {})[step] = float(value)

    class Regression(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self, kind: str, groups: int) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))

        def training_step(self, batch: Any, index: int) -> Any:
            loss = nn.functional.mse_loss(self.net(batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            loss = nn.functional.mse_loss(self.net(batch[0]), batch[1])
            self.log_dict({"val_loss": loss, "val_acc": torch.exp(-loss)})

        def test_step(self, batch: Any, index: int) -> None:
            self.log("test_loss", nn.functional.mse_loss(self.net(batch[0]), batch[1]))

        def on_before_optimizer_step(self, optimizer: Any) -> None:
            self.log_dict(grad_norm(self.net, norm_type=2))

        def configure_optimizers(self) -> Any:
            # The larger of the two rates is the second's.
            parameters = [
                {"params": layer.parameters(), "lr": rate} for layer, rate in ((self.net[0], 0.5), (self.net[2], 1.0))
            ]
            chosen = parameters if groups == 2 else self.parameters()
            optimizer = torch.optim.SGD(chosen, lr=1.0, momentum=0.1, weight_decay=1e-4)
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(kind, step / 120))
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    inputs = torch.randn(480, 16)
    targets = inputs @ torch.randn(16, 1) / 4 + 1 + 0.1 * torch.randn(480, 1)
    trainer = lightning.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        max_epochs=10,
        log_every_n_steps=2,
        logger=[
            CSVLogger(folder, name="csv"),
            TensorBoardLogger(folder, name="tensorboard"),
            Witness(folder, name="witness"),
        ],
        callbacks=[LearningRateMonitor("step", log_momentum=True, log_weight_decay=True)],
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    model = Regression(kind, groups)
    unseen = DataLoader(TensorDataset(inputs[360:], targets[360:]), batch_size=120)
    trainer.fit(model, DataLoader(TensorDataset(inputs[:360], targets[:360]), batch_size=30), unseen)
    trainer.test(model, unseen, verbose=False)
    return written


LIGHTNING_ROLES = {
    Role.TRAIN_LOSS: "train_loss_step",
    Role.VAL_LOSS: "val_loss",
    Role.LR: "lr-SGD",
    Role.GRAD_NORM: "grad_2.0_norm_total",
    Role.ACCURACY: "val_acc",
    Role.EPOCH: "epoch",
}


@pytest.fixture(scope="module")
def lightning_logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    folder = tmp_path_factory.mktemp("lightning") / "run"
    return folder, fit_lightning(folder)


def test_lightning_told_its_loggers_what_it_was_meant_to(lightning_logs: tuple[Path, Written]) -> None:
    """What the two tests below rest on: steps from 0, the rate and both losses in rows of their own."""
    _, written = lightning_logs
    assert list(written["train_loss_step"]) == list(range(1, 120, 2))
    assert list(written["lr-SGD"]) == list(range(1, 120, 2))
    assert list(written["val_loss"]) == list(written["train_loss_epoch"]) == list(range(11, 120, 12))
    assert list(written["test_loss"]) == [120]
    assert {"lr-SGD-momentum", "lr-SGD-weight_decay", "epoch"} < set(written)


def test_csv_logger_of_lightning(lightning_logs: tuple[Path, Written]) -> None:
    folder, written = lightning_logs
    run = only_run(folder / "csv")
    assert run.name == "version_0/metrics.csv"
    assert_holds(run, written)
    assert run.roles == LIGHTNING_ROLES
    # From the hparams.yaml beside it.
    assert run.hparams == {"kind": "sound", "groups": 1}


def test_tensorboard_logger_of_lightning(lightning_logs: tuple[Path, Written]) -> None:
    folder, written = lightning_logs
    run = only_run(folder / "tensorboard")
    assert run.name == "version_0"
    # Without the hp_metric of -1, which Lightning adds for TensorBoard to put beside the hyperparameters.
    assert_holds(run, written, np.float32)
    assert run.roles == LIGHTNING_ROLES
    assert run.hparams == {"kind": "sound", "groups": 1}


def test_parameter_groups_of_lightning(tmp_path: Path) -> None:
    written = fit_lightning(tmp_path, groups=2)
    assert {"lr-SGD/pg1", "lr-SGD/pg2", "lr-SGD/pg1-momentum", "lr-SGD/pg2-weight_decay"} < set(written)
    for logger in ("csv", "tensorboard"):
        run = only_run(tmp_path / logger)
        assert run.roles == {**LIGHTNING_ROLES, Role.LR: "lr-SGD/pg2"}
        rate = run[Role.LR]
        assert rate is not None
        assert rate.steps.tolist() == list(written["lr-SGD/pg2"])
        assert rate.values[0] == pytest.approx(rate_at("sound", 1 / 120))


def test_both_loggers_of_lightning_are_one_run(lightning_logs: tuple[Path, Written]) -> None:
    """The events are kept, which have a clock; so the values are those of float32."""
    folder, written = lightning_logs
    run = only_run(folder.parent)
    assert run.roles == LIGHTNING_ROLES
    assert_holds(run, written, np.float32)
    assert run.hparams == {"kind": "sound", "groups": 1}
    assert any("also recorded in run/csv/version_0/metrics.csv (csv)" in note for note in run.notes)


@pytest.mark.parametrize("kind", KINDS)
def test_verdict_on_what_lightning_logged(tmp_path: Path, kind: str) -> None:
    written = fit_lightning(tmp_path, kind)
    for logger in ("csv", "tensorboard"):
        assert_judged(tmp_path / logger, kind, written["train_loss_step"])
