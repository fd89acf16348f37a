"""What a law writes for a framework draws in that framework the rate that we drew."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from lrdoctor.model import Floats

pytestmark = pytest.mark.frameworks

PEAK = 0.3
TOTAL = 500
LAWS: list[tuple[str, dict[str, Any]]] = [
    ("constant", {}),
    ("linear", {"total_steps": TOTAL}),
    ("linear", {"total_steps": TOTAL, "final_fraction": 0.1}),
    ("linear", {"total_steps": TOTAL, "final_fraction": 1.0}),
    ("cosine", {"total_steps": TOTAL}),
    ("cosine", {"total_steps": TOTAL, "final_fraction": 0.13}),
    ("polynomial", {"total_steps": TOTAL, "power": 2.0}),
    ("polynomial", {"total_steps": TOTAL, "power": 0.9}),
    ("polynomial", {"total_steps": TOTAL, "power": 3.0, "final_fraction": 0.1}),
    ("exponential", {"decay_rate": 0.998, "decay_steps": 1}),
    ("exponential", {"decay_rate": 0.1, "decay_steps": 300}),
    ("time_based", {"k": 0.013}),
    ("inverse_sqrt", {"timescale": 37}),
    ("inverse_sqrt", {"timescale": 4000}),
    ("warmup_stable_decay", {"stable_steps": 300, "decay_steps": 200}),
    ("warmup_stable_decay", {"stable_steps": 300, "decay_steps": 200, "final_fraction": 0.1}),
    ("warmup_stable_decay", {"stable_steps": 300, "decay_steps": 200, "cooldown": "1-sqrt"}),
    ("warmup_stable_decay", {"stable_steps": 0, "decay_steps": TOTAL, "final_fraction": 0.1, "cooldown": "1-sqrt"}),
]
every_law = pytest.mark.parametrize(("name", "given"), LAWS, ids=[f"{n} {p}" for n, p in LAWS])
STEPS = np.arange(TOTAL + 1)


def written(framework: str, name: str, given: dict[str, Any]) -> tuple[str, Floats]:
    """The call, and the rates that it has to give."""
    law = import_module(f"lrdoctor.schedules.{name}")
    params = law.Params(**given)
    write: Callable[[Any], str | None] | None = law.NATIVE.get(framework)
    call = write(params) if write else None
    if call is None:
        pytest.skip("no class of its own")
    return call, PEAK * law.lr(STEPS, params)


def stepped(optimizer: Any, scheduler: Any) -> list[float]:
    drawn = []
    for _ in STEPS:
        drawn.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return drawn


@every_law
def test_pytorch(name: str, given: dict[str, Any]) -> None:
    torch: Any = pytest.importorskip("torch")
    call, expected = written("pytorch", name, given)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = eval(call, {"torch": torch, "optimizer": optimizer, "peak_lr": PEAK})  # noqa: S307  our own
    assert np.allclose(stepped(optimizer, scheduler), expected, rtol=1e-6, atol=1e-12)


@every_law
def test_keras(name: str, given: dict[str, Any]) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras: Any = pytest.importorskip("keras")
    call, expected = written("keras", name, given)
    schedule = eval(call, {"keras": keras, "peak_lr": PEAK})  # noqa: S307
    drawn = [float(schedule(int(step))) for step in STEPS]
    # Keras computes its schedules in single precision.
    assert np.allclose(drawn, expected, rtol=1e-6, atol=1e-6 * PEAK)


@every_law
def test_optax(name: str, given: dict[str, Any]) -> None:
    jax: Any = pytest.importorskip("jax")
    optax: Any = pytest.importorskip("optax")
    call, expected = written("optax", name, given)
    schedule = eval(call, {"optax": optax, "peak_lr": PEAK})  # noqa: S307
    with jax.enable_x64(True):
        drawn = [float(schedule(int(step))) for step in STEPS]
    assert np.allclose(drawn, expected, rtol=1e-6, atol=1e-12)
    # In single precision, which is JAX's default.
    assert np.allclose([float(schedule(int(step))) for step in STEPS], expected, rtol=1e-6, atol=1e-6 * PEAK)


@every_law
@pytest.mark.parametrize("warmup", [0, 50])
def test_huggingface(name: str, given: dict[str, Any], warmup: int) -> None:
    torch: Any = pytest.importorskip("torch")
    transformers: Any = pytest.importorskip("transformers")
    call, expected = written("huggingface", name, given)
    arguments: dict[str, Any] = eval(f"dict({call})", {"peak_lr": PEAK})  # noqa: S307
    if name == "constant" and warmup:
        pytest.skip("constant_with_warmup is another name")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = transformers.get_scheduler(
        arguments["lr_scheduler_type"],
        optimizer,
        num_warmup_steps=warmup,
        num_training_steps=warmup + TOTAL,
        scheduler_specific_kwargs=arguments.get("lr_scheduler_kwargs"),
    )
    for _ in range(warmup):
        optimizer.step()
        scheduler.step()
    assert np.allclose(stepped(optimizer, scheduler), expected, rtol=1e-6, atol=1e-12)


def test_pytorchs_cosine_rises_again() -> None:
    """Why the export does not use it for a run that is longer than its schedule."""
    torch: Any = pytest.importorskip("torch")
    call, _ = written("pytorch", "cosine", {"total_steps": TOTAL // 2})
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = eval(call, {"torch": torch, "optimizer": optimizer, "peak_lr": PEAK})  # noqa: S307
    assert stepped(optimizer, scheduler)[-1] == pytest.approx(PEAK)
