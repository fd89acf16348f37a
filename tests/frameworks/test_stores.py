"""Hugging Face's Trainer trains a tiny net and leaves four logs of it: each must be read as that one training.

They are `trainer_state.json`, those of its checkpoints, TensorBoard's events, and what it prints. What was logged is
known from a callback. transformers is imported where it is used, so that collecting this file does not need it.
"""

from __future__ import annotations

import io
import logging
import math
import shutil
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrdoctor
from lrdoctor.config import Config
from lrdoctor.doctor import read
from lrdoctor.model import Diagnosis, Role, Run, Series, Status, Verdict
from lrdoctor.roles import RoleNames

pytestmark = pytest.mark.frameworks

BATCH, STEPS_OF_EPOCH, EPOCHS = 16, 20, 3
STEPS = STEPS_OF_EPOCH * EPOCHS
LOGGED, EVALUATED, SAVED = 5, 10, 30
PEAK = 0.03
BROKEN_FROM = 22
"""Within a window of the log, whose mean then holds finite losses only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One training and what the Trainer told its callbacks, by name and step."""

    folder: Path
    printed: Path
    told: Mapping[str, Mapping[int, float]]


def train(folder: Path, *, broken: bool = False, stop_at: int | None = None) -> Trained:
    """Train into `out/`, with what is printed in `train.log`; a broken training's loss is NaN from some step on.

    With `stop_at`, the process dies at that step.
    """
    import torch
    import transformers
    from torch import nn

    torch.manual_seed(0)
    told: dict[str, dict[int, float]] = {}

    class Regression(nn.Module):  # type: ignore[misc]  # nor is torch
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))
            self.steps = 0

        def forward(self, inputs: Any, labels: Any) -> dict[str, Any]:
            answers = self.net(inputs)
            loss = nn.functional.mse_loss(answers, labels)
            self.steps += self.training
            return {"loss": loss * math.nan if broken and self.steps > BROKEN_FROM else loss, "logits": answers}

    class Witness(transformers.TrainerCallback):  # type: ignore[misc]  # transformers is not known to mypy
        def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_: Any) -> None:
            for name, value in logs.items():
                told.setdefault(name, {})[state.global_step] = value

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == stop_at:
                raise KeyboardInterrupt

    inputs = torch.randn(STEPS_OF_EPOCH * BATCH, 16)
    targets = inputs @ torch.randn(16, 1) / 4 + 1 + 0.1 * torch.randn(len(inputs), 1)
    rows = [{"inputs": one, "labels": label} for one, label in zip(inputs, targets, strict=True)]
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "out"),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        learning_rate=PEAK,
        warmup_steps=6,
        weight_decay=0.01,
        logging_steps=LOGGED,
        eval_strategy="steps",
        eval_steps=EVALUATED,
        save_steps=SAVED,
        report_to=["tensorboard"],
        disable_tqdm=True,
        use_cpu=True,
    )
    printed = io.StringIO()
    handler = logging.StreamHandler(printed)
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_info()
    transformers.logging.add_handler(handler)
    try:
        with redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
            patch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
            trainer = transformers.Trainer(
                model=Regression(), args=arguments, train_dataset=rows, eval_dataset=rows[:64], callbacks=[Witness]
            )
            try:
                trainer.train()
            except KeyboardInterrupt:
                assert stop_at is not None
    finally:
        transformers.logging.remove_handler(handler)
        transformers.logging.set_verbosity(before)
    (folder / "train.log").write_text(printed.getvalue(), encoding="utf-8")
    return Trained(folder=folder / "out", printed=folder / "train.log", told=told)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("broken"), broken=True)


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("dead"), stop_at=47)


def only_run(path: Path) -> Run:
    runs, problems = read([path], RoleNames())
    assert problems == []
    assert len(runs) == 1, [(run.name, run.format) for run in runs]
    return runs[0]


def store(run: Trained, name: str) -> Path:
    """One of the logs by itself."""
    folder = run.folder
    newest = f"checkpoint-{max(int(path.name.split('-')[1]) for path in folder.glob('checkpoint-*'))}"
    return {"state": folder / newest / "trainer_state.json", "events": folder / "runs", "text": run.printed}[name]


def diagnosis(path: Path) -> Diagnosis:
    report = lrdoctor.analyze(path, config=Config())
    assert report.errors == ()
    (only,) = report.runs
    return only


def assert_curve(run: Run, role: Role, points: Mapping[int, float], precision: str = "float64") -> None:
    """Every point of the curve, at its step; the text keeps four digits."""
    series = run[role]
    assert isinstance(series, Series), role
    assert series.steps.tolist() == list(points), role
    values = [float(f"{value:.4g}") if precision == "text" else value for value in points.values()]
    kept = np.array(values, dtype=np.float32 if precision == "float32" else np.float64).astype(np.float64)
    np.testing.assert_array_equal(series.values, kept, err_msg=role)


CURVES = {Role.TRAIN_LOSS: "loss", Role.VAL_LOSS: "eval_loss", Role.LR: "learning_rate", Role.GRAD_NORM: "grad_norm"}
PRECISION = {"state": "float64", "events": "float32", "text": "text"}


def test_the_trainer_told_its_callbacks_what_it_was_meant_to(sound: Trained, broken: Trained) -> None:
    """What the tests below rest on."""
    for told in (sound.told, broken.told):
        for name in ("loss", "learning_rate", "grad_norm"):
            assert list(told[name]) == list(range(LOGGED, STEPS + 1, LOGGED))
        assert list(told["eval_loss"]) == list(range(EVALUATED, STEPS + 1, EVALUATED))
    assert max(sound.told["learning_rate"].values()) > 0.9 * PEAK
    assert sound.told["loss"][STEPS] < 0.2 * sound.told["loss"][LOGGED]
    assert [broken.told["loss"][step] for step in (30, STEPS)] == [0.0, 0.0]
    assert math.isnan(broken.told["grad_norm"][30])


@pytest.mark.parametrize("name", ["state", "events", "text"])
def test_every_curve_of_a_store(sound: Trained, name: str) -> None:
    run = only_run(store(sound, name))
    assert run.format == {"state": "trainer_state", "events": "tensorboard", "text": "text"}[name]
    for role, tag in CURVES.items():
        assert_curve(run, role, sound.told[tag], PRECISION[name])
    assert run.status is Status.FINISHED
    assert run.planned_steps == STEPS
    assert run.incidents == ()


def test_checkpoints_are_one_run(tmp_path: Path, sound: Trained) -> None:
    checkpoints = [path.parent for path in sound.folder.glob("checkpoint-*/trainer_state.json")]
    assert len(checkpoints) == STEPS // SAVED
    for checkpoint in checkpoints:
        shutil.copytree(checkpoint, tmp_path / "out" / checkpoint.name)
    run = only_run(tmp_path)
    assert run.name == "out"
    assert_curve(run, Role.TRAIN_LOSS, sound.told["loss"])
    assert any(f"checkpoint-{SAVED} tells the beginning" in note for note in run.notes)


def test_the_arguments_are_hyperparameters(sound: Trained) -> None:
    """The events hold all of them, the state those that say how often what is done."""
    hparams = only_run(store(sound, "events")).hparams
    wanted = {
        "learning_rate": PEAK,
        "per_device_train_batch_size": BATCH,
        "weight_decay": 0.01,
        "num_train_epochs": EPOCHS,
        "max_grad_norm": 1.0,
        "lr_scheduler_type": "linear",
    }
    assert {name: hparams.get(name) for name in wanted} == wanted
    hparams = only_run(store(sound, "state")).hparams
    assert (hparams["train_batch_size"], hparams["num_train_epochs"]) == (BATCH, EPOCHS)


def test_the_whole_folder_is_one_run(sound: Trained) -> None:
    """The state has every digit; the events add the arguments."""
    run = only_run(sound.folder.parent)
    for role, tag in CURVES.items():
        assert_curve(run, role, sound.told[tag])
    assert run.planned_steps == STEPS
    assert run.status is Status.FINISHED
    assert run.hparams["weight_decay"] == 0.01
    assert [sum(f"({kind})" in note for note in run.notes) for kind in ("tensorboard", "text")] == [1, 1]


def test_the_whole_folder_of_a_training_that_died_is_one_run(dead: Trained) -> None:
    """The state ends at the last checkpoint, so the densest of the others tells the curve."""
    run = only_run(dead.folder.parent)
    assert_curve(run, Role.TRAIN_LOSS, dead.told["loss"], "float32")
    assert run.status is not Status.FINISHED
    assert run.planned_steps == STEPS


@pytest.mark.parametrize("name", ["state", "events", "text"])
def test_a_sound_training_is_not_called_broken(sound: Trained, name: str) -> None:
    said = diagnosis(store(sound, name))
    assert not {"LRD101", "LRD112", "LRD114"}.intersection(advice.rule.id for advice in said.advice)
    loss = said.run[Role.TRAIN_LOSS]
    assert loss is not None
    assert np.isfinite(loss.values).all()


def test_the_hidden_nan_is_read_out_of_the_state(broken: Trained) -> None:
    """The Trainer leaves NaN out of its mean: a window of nothing else reads 0.0, and one in part reads as sound."""
    run = only_run(store(broken, "state"))
    loss = run[Role.TRAIN_LOSS]
    assert loss is not None
    windows = list(range(30, STEPS + 1, LOGGED))
    assert loss.steps[np.isnan(loss.values)].tolist() == windows
    hidden = [incident.place for incident in run.incidents if incident.kind == "hidden_nonfinite"]
    assert hidden == [f"step {step}" for step in windows]


@pytest.mark.parametrize(("name", "rule"), [("state", "LRD101"), ("events", "LRD114"), ("text", "LRD114")])
def test_the_hidden_nan_is_judged(broken: Trained, name: str, rule: str) -> None:
    """Where the log is not known to be the Trainer's, losses of 0 stay and are judged by what is beside them."""
    said = diagnosis(store(broken, name))
    assert said.verdict is Verdict.UNHEALTHY
    assert rule in [advice.rule.id for advice in said.advice]


@pytest.mark.parametrize("name", ["state", "events", "text"])
def test_a_training_that_died_is_not_finished(dead: Trained, name: str) -> None:
    """The state is that of the last checkpoint; the others tell all that was logged."""
    run = only_run(store(dead, name))
    last = SAVED if name == "state" else 45
    points = {step: value for step, value in dead.told["loss"].items() if step <= last}
    assert list(points)[-1] == last
    assert_curve(run, Role.TRAIN_LOSS, points, PRECISION[name])
    assert run.status is not Status.FINISHED
    assert run.planned_steps == STEPS
