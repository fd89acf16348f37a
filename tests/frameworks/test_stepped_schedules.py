"""The frameworks' own classes draw the laws with jumps, corners and cycles exactly as we do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lrdoctor.schedules import cosine_restarts, cyclical, multi_step, one_cycle, range_test, step

pytestmark = pytest.mark.frameworks

PEAK = 0.3
STEPS = 700
CASES: list[tuple[Any, dict[str, Any]]] = [
    (step, {"every": 30, "factor": 0.1}),
    (step, {"every": 1, "factor": 0.99}),
    (multi_step, {"milestones": (1, 50, 75), "factor": 0.2}),
    (multi_step, {"milestones": (50,), "factor": 0.5}),
    (cosine_restarts, {"first_period": 30}),
    (cosine_restarts, {"first_period": 1}),
    (cosine_restarts, {"first_period": 30, "multiplier": 2, "final_fraction": 0.1}),
    (cosine_restarts, {"first_period": 7, "multiplier": 3}),
    *(
        (cyclical, {"step_up": 20, "step_down": 30, "base_fraction": 0.1, "mode": mode})
        for mode in ("triangular", "triangular2")
    ),
    *(
        (cyclical, {"step_up": up, "step_down": 30, "base_fraction": 0.1, "mode": "exp_range", "gamma": 0.99})
        for up in (20, 200)
    ),
    *(
        (
            one_cycle,
            {
                "total_steps": total,
                "rise_fraction": rise,
                "three_phase": three,
                "anneal": anneal,
                "start_fraction": start,
            },
        )
        for total in (100, 237, 700)
        for rise in (0.1, 0.3, 0.5)
        for three in (False, True)
        for anneal in ("cosine", "linear")
        for start in (0.04, 0.2)
    ),
    (one_cycle, {"total_steps": 100, "rise_fraction": 1.0}),
    (one_cycle, {"total_steps": 100, "start_fraction": 0.0, "final_fraction": 0.0}),
    (one_cycle, {"total_steps": 100, "start_fraction": 0.1, "final_fraction": 0.0}),
    *((range_test, {"total_steps": 400, "start_fraction": 1e-5, "ramp": ramp}) for ramp in ("exponential", "linear")),
]


def named(case: tuple[Any, dict[str, Any]]) -> str:
    law = str(case[0].__name__).rpartition(".")[2]
    return "-".join([law, *map(str, case[1].values())])


def ours(law: Any, given: dict[str, Any]) -> tuple[Any, np.ndarray[Any, Any]]:
    """Params, and the rates from step 0 to the last planned one."""
    params = law.Params(**given)
    return params, PEAK * law.lr(np.arange(law.planned_steps(params) or STEPS), params)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_pytorch(case: tuple[Any, dict[str, Any]]) -> None:
    torch: Any = pytest.importorskip("torch")
    law, given = case
    params, rates = ours(law, given)
    source = law.NATIVE["pytorch"](params)
    if source is None:
        assert law is range_test
        pytest.skip("PyTorch has no class for it")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = eval(source, {"torch": torch, "optimizer": optimizer, "peak_lr": PEAK})  # noqa: S307  our own
    drawn = []
    for i in range(len(rates)):
        drawn.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if i < len(rates) - 1:
            scheduler.step()
    assert np.abs(np.array(drawn) - rates).max() <= 1e-13


@pytest.mark.parametrize("three", [False, True])
@pytest.mark.parametrize("anneal", ["cosine", "linear"])
def test_pytorch_momentum(three: bool, anneal: one_cycle.Anneal) -> None:
    torch: Any = pytest.importorskip("torch")
    params = one_cycle.Params(total_steps=237, three_phase=three, anneal=anneal)
    source = one_cycle.NATIVE["pytorch"](params)
    assert source is not None
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK, momentum=0.9)
    known = {"torch": torch, "optimizer": optimizer, "peak_lr": PEAK}
    scheduler = eval(source.replace("cycle_momentum=False", "cycle_momentum=True"), known)  # noqa: S307  our own
    drawn = []
    for _ in range(237):
        drawn.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        scheduler.step()
    assert np.abs(np.array(drawn) - one_cycle.momentum(np.arange(237), params)).max() <= 1e-13


@pytest.mark.parametrize("case", [c for c in CASES if "keras" in c[0].NATIVE], ids=named)
def test_keras(case: tuple[Any, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras: Any = pytest.importorskip("keras")
    law, given = case
    params, rates = ours(law, given)
    schedule = eval(law.NATIVE["keras"](params), {"keras": keras, "peak_lr": PEAK})  # noqa: S307  our own
    # Keras reckons in single precision.
    assert np.abs(np.array([float(schedule(i)) for i in range(len(rates))]) - rates).max() <= 1e-6 * PEAK


@pytest.mark.parametrize("case", [c for c in CASES if "optax" in c[0].NATIVE], ids=named)
def test_optax(case: tuple[Any, dict[str, Any]]) -> None:
    jax: Any = pytest.importorskip("jax")
    optax: Any = pytest.importorskip("optax")
    law, given = case
    params, rates = ours(law, given)
    source = law.NATIVE["optax"](params)
    if source is None:
        pytest.skip("Optax has no schedule for it")
    schedule = eval(source, {"optax": optax, "peak_lr": PEAK})  # noqa: S307  our own
    drawn = np.asarray(jax.vmap(schedule)(np.arange(len(rates))))
    # So does Optax.
    assert np.abs(drawn - rates).max() <= 1e-6 * PEAK
