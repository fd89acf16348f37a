"""The code compiles, says the numbers in full, and its formulas give the plan's rates; without the frameworks."""

from __future__ import annotations

import ast
import bisect
import math
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lrdoctor import plugins
from lrdoctor.errors import LrdoctorError, PluginError
from lrdoctor.exports import _scalar, _torch
from lrdoctor.exports._law import arguments, folded
from lrdoctor.schedules import constant, cosine, linear, warmup_stable_decay
from lrdoctor.schedules._plan import Plan, Warmup, rates

CODE = [name for name in plugins.names("exports") if name != "csv"]
UGLY = 0.1 + 0.2
"""Only its repr says it in full."""


def planned(**changes: Any) -> Plan:
    params = cosine.Params(total_steps=900, final_fraction=UGLY)
    return replace(Plan(schedule="cosine", params=params, peak_lr=UGLY / 7, total_steps=1000), **changes)


def rise(steps: int = 100, **changes: Any) -> Warmup:
    return Warmup(steps=steps, **changes)


def same(drawn: Any, plan: Plan) -> bool:
    expected = rates(plan, np.arange(plan.total_steps))
    return np.allclose(np.asarray(drawn, dtype=np.float64), expected, rtol=1e-9, atol=1e-12 * plan.peak_lr)


def test_the_scalar_function_gives_the_rate(plan: Plan) -> None:
    modules, text = _scalar.function(plan)
    known: dict[str, Any] = {"math": math, "bisect": bisect}
    exec(text, known)  # noqa: S102  the code is our own
    assert set(modules) <= {"math", "bisect"}  # numpy is needed by no law of ours
    drawn = [known["lr_at"](step) for step in range(plan.total_steps)]
    assert same(np.array(drawn) * plan.peak_lr, plan)
    assert {type(rate) for rate in drawn} <= {float, int}


@pytest.fixture
def without_frameworks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins with just what a snippet needs around its formula."""
    known: dict[str, dict[str, Any]] = {
        "jax": {},
        "jax.numpy": vars(np),
        "optax": {"adamw": SimpleNamespace},
        "keras": {
            "ops": SimpleNamespace(**vars(np), cast=lambda value, dtype: np.asarray(value, dtype=dtype)),
            "config": SimpleNamespace(floatx=lambda: "float64"),
            "saving": SimpleNamespace(register_keras_serializable=lambda: lambda made: made),
            "optimizers": SimpleNamespace(Adam=SimpleNamespace, schedules=SimpleNamespace(LearningRateSchedule=object)),
        },
    }
    for name, inside in known.items():
        module = ModuleType(name)
        vars(module).update({key: value for key, value in inside.items() if not key.startswith("__")})
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["jax"].numpy = sys.modules["jax.numpy"]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("without_frameworks")
@pytest.mark.parametrize("framework", ["optax", "keras"])
def test_a_function_of_arrays_gives_the_rate(framework: str, plan: Plan) -> None:
    text = plugins.export(framework).snippet(plan)
    if "def " not in text:
        return  # the framework's own class: tests/frameworks has the framework
    known: dict[str, Any] = {}
    exec(text, known)  # noqa: S102
    steps = np.arange(plan.total_steps)
    assert same(known["schedule"](steps), plan)
    assert same([known["schedule"](step) for step in steps], plan)


def test_every_snippet_compiles_and_explains_itself(plan: Plan) -> None:
    for framework in CODE:
        compiles_and_explains_itself(plugins.export(framework).snippet(plan), plan)


def compiles_and_explains_itself(text: str, plan: Plan) -> None:
    tree = ast.parse(text)
    assigned = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    assert assigned["peak_lr"] == plan.peak_lr
    assert assigned["total_steps"] == plan.total_steps
    assert "once per optimizer step" in text
    assert text.endswith("\n")
    imported = {name.asname or name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    for module in ("math", "bisect"):
        assert (module in imported) is (f"{module}." in text)


@pytest.mark.parametrize(
    ("framework", "said"),
    [
        ("pytorch", ["CosineAnnealingLR(optimizer, T_max=900", "SequentialLR(", "LinearLR(", "milestones=[100]"]),
        ("lightning", ["CosineAnnealingLR(optimizer, T_max=900", "SequentialLR(", '"interval": "step"']),
        ("keras", ["CosineDecay(", "warmup_target=peak_lr", "warmup_steps=100"]),
        ("optax", ["cosine_decay_schedule(", "join_schedules(", "boundaries=[100]"]),
    ],
)
def test_the_frameworks_own_classes_are_used(framework: str, said: list[str]) -> None:
    text = plugins.export(framework).snippet(planned(warmup=rise(start=0.1)))
    for part in [*said, repr(UGLY), repr(UGLY / 7)]:
        assert part in text
    assert "def lr_at" not in text


def test_huggingface_takes_arguments_where_they_say_it_all() -> None:
    export = plugins.export("huggingface")
    text = export.snippet(planned(warmup=rise()))
    for part in ("warmup_steps=100", '"cosine_with_min_lr"', f'{{"min_lr_rate": {UGLY!r}}}', "max_steps=total_steps"):
        assert part in text
    for plan in (planned(warmup=rise(start=0.1)), planned(warmup=rise(shape="cosine")), planned(warmup=rise(50))):
        assert "optimizers=(optimizer, scheduler)" in export.snippet(plan)
    flat = planned(schedule="constant", params=constant.Params(), warmup=rise())
    assert 'lr_scheduler_type="constant_with_warmup"' in export.snippet(flat)


def test_huggingfaces_warm_up_for_one_law_begins_at_its_end() -> None:
    params = warmup_stable_decay.Params(stable_steps=700, decay_steps=200, final_fraction=0.1)
    export = plugins.export("huggingface")
    plan = planned(schedule="warmup_stable_decay", params=params, warmup=rise())
    assert "LambdaLR" in export.snippet(plan)
    plan = planned(schedule="warmup_stable_decay", params=params, warmup=rise(start=0.1))
    assert 'lr_scheduler_type="warmup_stable_decay"' in export.snippet(plan)


@pytest.mark.parametrize("framework", CODE)
def test_a_law_that_ends_before_the_run_comes_as_a_function(framework: str) -> None:
    # The frameworks' cosines rise again.
    text = plugins.export(framework).snippet(planned())
    assert "def " in text
    assert "CosineDecay(" not in text
    assert "CosineAnnealingLR" not in text


def test_a_plain_rate_needs_no_schedule_in_keras() -> None:
    plan = planned(schedule="constant", params=constant.Params())
    assert "schedule = peak_lr\n" in plugins.export("keras").snippet(plan)


@pytest.mark.parametrize("framework", ["pytorch", "lightning", "keras"])
def test_a_plan_in_epochs_is_stepped_by_epochs(framework: str) -> None:
    text = getattr(plugins.export(framework), "per_epoch")(planned(total_steps=900))  # noqa: B009  not all have it
    compile(text, "snippet", "exec")
    assert "total_epochs = 900" in text
    assert "optimizer step" not in text
    assert {"lightning": '"interval": "epoch"', "keras": "LearningRateScheduler"}.get(framework, "per epoch") in text


def test_the_table_has_every_step_and_loses_no_digit() -> None:
    plan = planned(warmup=rise())
    head, *rows = plugins.export("csv").snippet(plan).splitlines()
    assert head == "step,lr"
    assert [int(row.partition(",")[0]) for row in rows] == list(range(1000))
    assert [float(row.partition(",")[2]) for row in rows] == rates(plan, np.arange(1000)).tolist()


def test_the_table_has_an_end() -> None:
    params = linear.Params(total_steps=1_000_001)
    with pytest.raises(LrdoctorError, match="1000000"):
        plugins.export("csv").snippet(planned(schedule="linear", params=params, total_steps=1_000_001))


def test_an_unknown_framework_names_the_nearest() -> None:
    with pytest.raises(PluginError, match="did you mean 'keras'"):
        plugins.export("kers")
    with pytest.raises(PluginError, match="did you mean 'cosine'"):
        plugins.schedule("cosin")


def test_long_calls_are_folded_at_their_own_arguments() -> None:
    assert arguments('1, a=f(x, y), b={"k": (1, 2)}') == ["1", "a=f(x, y)", 'b={"k": (1, 2)}']
    assert folded("f(1, a=2)") == "f(1, a=2)"
    assert folded("f(1, a=g(2, 3))", room=5) == "f(\n    1,\n    a=g(2, 3),\n)"


def test_the_scheduler_of_a_sweep_is_made_once() -> None:
    one = planned(warmup=rise())
    assert _torch.scheduler(replace(one, peak_lr=0.5)) is _torch.scheduler(one)
    assert _torch.scheduler(replace(one, warmup=rise(50))) != _torch.scheduler(one)


def test_numbers_that_are_equal_need_not_be_written_alike() -> None:
    texts = [_torch.scheduler(planned(params=cosine.Params(total_steps=1000, final_fraction=f))).call for f in (1, 1.0)]
    assert texts[0] != texts[1]


def test_more_schedulers_than_are_remembered() -> None:
    plans = [planned(total_steps=1000 + more) for more in range(2 * _torch.KEPT)]
    assert [_torch.scheduler(plan) for plan in plans] == [_torch.scheduler(plan) for plan in plans]
