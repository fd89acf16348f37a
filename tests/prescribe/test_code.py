"""A prescription as code for the framework of the log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrdoctor import plugins
from lrdoctor.model import Prescription, Role, Run, Series
from lrdoctor.prescribe.code import code_for, counts_epochs, framework_of, planned
from lrdoctor.schedules._plan import Warmup


def prescription(**changes: Any) -> Prescription:
    usual = Prescription(
        peak_lr=0.03,
        lr_scale=0.1,
        schedule="cosine",
        warmup_steps=150,
        total_steps=3000,
        final_lr=0.003,
        confidence=0.9,
        reason="LRD101",
    )
    return replace(usual, **changes)


def logged(path: str = "log.csv", form: str = "csv", **tags: Role | None) -> Run:
    """A run with these tags in these roles."""
    steps = np.arange(10)
    names = {tag.replace("__", "/").replace("9", "-"): role for tag, role in tags.items()}
    return Run(
        name="run",
        path=Path(path),
        format=form,
        series={tag: Series(tag=tag, steps=steps, values=steps.astype(np.float64)) for tag in names},
        roles={role: tag for tag, role in names.items() if role is not None},
    )


PLAIN = logged(train_loss=Role.TRAIN_LOSS, lr=Role.LR)


def test_the_plan_is_the_prescription() -> None:
    plan = planned(prescription())
    assert plan is not None
    assert (plan.schedule, plan.peak_lr, plan.total_steps) == ("cosine", 0.03, 3000)
    assert plan.warmup == Warmup(steps=150)
    assert (plan.params.total_steps, plan.params.final_fraction) == (2850, 0.1)


@pytest.mark.parametrize("name", plugins.names("schedules"))
def test_every_schedule_can_be_prescribed(name: str) -> None:
    assert code_for(prescription(schedule=name), PLAIN)


def test_its_own_parameters_come_first() -> None:
    asked = prescription(schedule="warmup_stable_decay", params={"decay_steps": 500.0, "final_fraction": 0.2})
    plan = planned(asked)
    assert plan is not None
    assert (plan.params.stable_steps, plan.params.decay_steps, plan.params.final_fraction) == (2350, 500, 0.2)


def test_no_peak_no_code() -> None:
    assert code_for(prescription(peak_lr=None), PLAIN) is None


@pytest.mark.parametrize(
    ("run", "framework"),
    [
        (PLAIN, "pytorch"),
        (logged("lightning_logs/version_0/metrics.csv", train_loss=Role.TRAIN_LOSS), "lightning"),
        (logged("m.csv", train_loss=Role.TRAIN_LOSS, lr9Adam=Role.LR), "lightning"),
        (logged("runs", "tensorboard", train__learning_rate=Role.LR, train__loss=Role.TRAIN_LOSS), "huggingface"),
        (logged("out", "trainer_state", loss=Role.TRAIN_LOSS, learning_rate=Role.LR), "huggingface"),
        (logged("x", "tensorboard", epoch_loss=Role.TRAIN_LOSS, epoch_learning_rate=Role.LR), "keras"),
        (logged(epoch=Role.EPOCH, loss=Role.TRAIN_LOSS, learning_rate=Role.LR), "keras"),
    ],
)
def test_the_framework_is_known_by_its_names(run: Run, framework: str) -> None:
    assert framework_of(run) == framework
    code = code_for(prescription(), run)
    assert code is not None
    assert code.framework == framework


def test_a_log_in_epochs_gets_code_in_epochs() -> None:
    asked = prescription(warmup_steps=2, total_steps=50)
    by_epoch = logged(epoch=Role.EPOCH, loss=Role.TRAIN_LOSS, learning_rate=Role.LR)
    assert counts_epochs(by_epoch)
    code = code_for(asked, by_epoch)
    assert code is not None
    assert "total_epochs = 50" in code.text
    unknown = logged(epoch=Role.EPOCH, train_loss=Role.TRAIN_LOSS)
    code = code_for(asked, unknown)
    assert code is not None
    assert code.framework == "pytorch"
    assert "once per epoch" in code.text
    assert not counts_epochs(PLAIN)


@pytest.mark.parametrize("framework", [name for name in plugins.names("exports") if name != "csv"])
def test_clipping_is_said_in_the_frameworks_words(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrdoctor.prescribe.code.framework_of", lambda run: framework)
    code = code_for(prescription(clip_grad_norm=1.25), PLAIN)
    assert code is not None
    assert "1.25" in code.text.splitlines()[-1]
    compile(code.text, "snippet", "exec")
