"""The code that we hand over gives the rates that we drew, in the real frameworks."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrdoctor import plugins
from lrdoctor.identify import explained, identify
from lrdoctor.model import Floats
from lrdoctor.schedules._plan import Plan, rates

pytestmark = pytest.mark.frameworks


def _plans() -> list[Any]:
    file = Path(__file__).resolve().parents[1] / "exports" / "plans.py"
    spec = importlib.util.spec_from_file_location("export_plans", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.plans())


PLANS = _plans()
SINGLE = 3e-7
"""Of the peak: what is left of 1 + cos near its end in single precision. Keras computes in it whatever floatx says."""
every_plan = pytest.mark.parametrize("plan", PLANS)


def run(framework: str, plan: Plan, **known: Any) -> dict[str, Any]:
    """The names that the snippet leaves behind."""
    exec(plugins.export(framework).snippet(plan), known)  # noqa: S102  the code is our own
    return known


def same(drawn: Any, plan: Plan, *, relative: float = 1e-6, absolute: float = 1e-9) -> bool:
    expected = rates(plan, np.arange(plan.total_steps))
    got: Floats = np.asarray(drawn, dtype=np.float64)
    return np.allclose(got, expected, rtol=relative, atol=absolute * plan.peak_lr)


def stepped(optimizer: Any, scheduler: Any, plan: Plan) -> list[float]:
    drawn = []
    for _ in range(plan.total_steps):
        drawn.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return drawn


@pytest.fixture(scope="module")
def model() -> Any:
    torch: Any = pytest.importorskip("torch")
    return torch.nn.Linear(1, 1)


@every_plan
def test_pytorch(plan: Plan, model: Any) -> None:
    made = run("pytorch", plan, model=model)
    drawn = stepped(made["optimizer"], made["scheduler"], plan)
    assert same(drawn, plan)
    # A numpy number in the state would be refused when the checkpoint is loaded.
    assert {type(rate) for rate in made["scheduler"].get_last_lr()} == {float}


SAME_CURVE = {
    "polynomial": "linear",  # of power 1
    "cosine": "one_cycle",  # behind a cosine warm-up
    "range_test": "constant",  # a linear ramp is a warm-up that never ended
    "warmup_stable_decay": "constant",  # cut before its cooldown
}
"""What a law may be called instead, because for some parameters both draw one curve."""


@pytest.mark.parametrize("plan", [p for p in PLANS if p.values[0].schedule != "reduce_on_plateau"])
def test_what_pytorch_logs_is_recognised(plan: Plan, model: Any) -> None:
    """As TensorBoard keeps it, in single precision. A plateau's cuts are recognised only beside the metric."""
    made = run("pytorch", plan, model=model)
    drawn = np.array(stepped(made["optimizer"], made["scheduler"], plan), dtype=np.float32).astype(np.float64)
    steps = np.arange(plan.total_steps)
    found = identify(steps, drawn)
    assert found is not None
    assert found.plan.schedule in (plan.schedule, SAME_CURVE.get(plan.schedule))
    # A line whose floor is never reached is as good a line to zero, whose last point then lies one step off.
    assert np.allclose(explained(found, steps), drawn, rtol=0, atol=5e-3 * plan.peak_lr)


@every_plan
def test_lightning(plan: Plan) -> None:
    lightning: Any = pytest.importorskip("lightning")
    torch: Any = pytest.importorskip("torch")
    made = run("lightning", plan)

    class Module(lightning.LightningModule):  # type: ignore[misc, unused-ignore]
        configure_optimizers = made["configure_optimizers"]

        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

    configured = Module().configure_optimizers()
    assert configured["lr_scheduler"]["interval"] == "step"
    assert same(stepped(configured["optimizer"], configured["lr_scheduler"]["scheduler"], plan), plan)


# Lightning asks PyTorch in a way that newer ones warn of.
@pytest.mark.filterwarnings("ignore")
def test_lightning_trains_with_it(tmp_path: Path) -> None:
    lightning: Any = pytest.importorskip("lightning")
    torch: Any = pytest.importorskip("torch")
    (plan,) = (p.values[0] for p in PLANS if p.id == "cosine-1-linear")
    made = run("lightning", plan)
    drawn: list[float] = []

    class Module(lightning.LightningModule):  # type: ignore[misc, unused-ignore]
        configure_optimizers = made["configure_optimizers"]

        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            drawn.append(self.optimizers().param_groups[0]["lr"])
            return self.layer(batch).pow(2).mean()

    trainer = lightning.Trainer(
        max_steps=made["total_steps"],
        default_root_dir=tmp_path,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(torch.ones(50, 1), batch_size=10))
    assert same(drawn, plan)


@pytest.fixture
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


@every_plan
def test_keras(plan: Plan, keras: Any) -> None:
    schedule = run("keras", plan)["schedule"]
    drawn = [float(schedule(keras.ops.array(s))) if callable(schedule) else schedule for s in range(plan.total_steps)]
    assert same(drawn, plan, absolute=SINGLE)


def test_keras_trains_with_it(keras: Any) -> None:
    (plan,) = (p.values[0] for p in PLANS if p.id == "multi_step-0-linear")
    optimizer = run("keras", plan)["optimizer"]
    drawn: list[float] = []

    class Listener(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            drawn.append(float(self.model.optimizer.learning_rate))

    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    network.compile(optimizer=optimizer, loss="mse")
    ones = np.ones((48, 1), dtype=np.float32)
    network.fit(ones, ones, batch_size=2, epochs=plan.total_steps // 24, callbacks=[Listener()], verbose=0)
    assert same(drawn, plan, absolute=SINGLE)


# It takes the stretch at the peak from us, as older versions need it, and says that it could have reckoned it.
@pytest.mark.filterwarnings("ignore:Both num_training_steps and num_stable_steps")
@every_plan
def test_huggingface(plan: Plan, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transformers: Any = pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    made = run("huggingface", plan, model=model, train_dataset=[0])
    trainer = made.get("trainer") or transformers.Trainer(model=model, args=made["args"], train_dataset=[0])
    trainer.create_optimizer_and_scheduler(num_training_steps=made["args"].max_steps)
    assert same(stepped(trainer.optimizer, trainer.lr_scheduler, plan), plan)


# On a machine without a graphics card, torch warns that it cannot use one.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("id_", ["cosine-1-linear", "one_cycle-0-none"])
def test_huggingface_trains_with_it(id_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transformers: Any = pytest.importorskip("transformers")
    torch: Any = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    (plan,) = (p.values[0] for p in PLANS if p.id == id_)

    class Network(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x: Any) -> Any:
            return {"loss": self.layer(x).pow(2).mean()}

    drawn: list[float] = []

    class Listener(transformers.TrainerCallback):  # type: ignore[misc, unused-ignore]
        def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            drawn.append(others["optimizer"].param_groups[0]["lr"])

    network, data = Network(), [{"x": torch.ones(1)}] * 64
    made = run("huggingface", plan, model=network, train_dataset=data)
    trainer = made.get("trainer") or transformers.Trainer(model=network, args=made["args"], train_dataset=data)
    trainer.add_callback(Listener())
    trainer.train()
    assert same(drawn, plan)


@pytest.fixture
def jax() -> Iterator[Any]:
    pytest.importorskip("optax")
    jax: Any = pytest.importorskip("jax")
    yield jax
    jax.config.update("jax_enable_x64", False)


@every_plan
@pytest.mark.parametrize("wide", [False, True])
def test_optax(plan: Plan, jax: Any, wide: bool) -> None:
    jax.config.update("jax_enable_x64", wide)
    schedule = run("optax", plan)["schedule"]
    drawn = jax.jit(jax.vmap(schedule))(jax.numpy.arange(plan.total_steps))
    assert same(drawn, plan, absolute=1e-9 if wide else SINGLE)
