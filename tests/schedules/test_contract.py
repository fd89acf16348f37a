"""What every law promises to those who draw, recognise and export it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lrdoctor import plugins
from lrdoctor.schedules import cosine, exponential, inverse_sqrt, linear, polynomial, time_based, warmup_stable_decay
from lrdoctor.schedules._defaults import default_params

NAMES = list(plugins.names("schedules"))
TOTAL = 600
MORE: list[tuple[Any, Any]] = [
    (linear, linear.Params(total_steps=7, final_fraction=0.1)),
    (cosine, cosine.Params(total_steps=500, final_fraction=1 / 3)),
    (polynomial, polynomial.Params(total_steps=500, power=0.9, final_fraction=0.1)),
    (exponential, exponential.Params(decay_rate=0.96, decay_steps=1)),
    (time_based, time_based.Params(k=1e-3)),
    (inverse_sqrt, inverse_sqrt.Params(timescale=1)),
    (
        warmup_stable_decay,
        warmup_stable_decay.Params(stable_steps=0, decay_steps=500, final_fraction=0.1, cooldown="1-sqrt"),
    ),
    (
        warmup_stable_decay,
        warmup_stable_decay.Params(stable_steps=90, decay_steps=410, final_fraction=0.1, cooldown="exponential"),
    ),
]
LAWS = [(plugins.schedules()[name], default_params(plugins.load("schedules")[name], name, TOTAL)) for name in NAMES]
every_law = pytest.mark.parametrize(("law", "params"), [*LAWS, *MORE], ids=[*NAMES, *[str(p) for _, p in MORE]])


@every_law
def test_draws_one_rate_for_each_step(law: Any, params: Any) -> None:
    steps = np.arange(2 * TOTAL)
    rate = law.lr(steps, params)
    assert rate.dtype == np.float64
    assert rate.shape == steps.shape
    assert law.lr(np.array([], dtype=np.int64), params).shape == (0,)
    assert rate.min() >= 0
    assert rate.max() == pytest.approx(1.0, abs=0.01)
    if not law.WHOLE:
        assert rate[0] == 1.0
    # The same for one step as for many, whatever the others are.
    chosen = np.array([3, 599, 17, 17])
    assert law.lr(chosen, params).tolist() == rate[chosen].tolist()


@every_law
def test_the_expression_draws_the_same(law: Any, params: Any) -> None:
    steps = np.arange(2 * TOTAL)
    expression = law.expression(params, "xp")
    known = {"xp": np}
    drawn = np.broadcast_to(eval(expression, known, {"step": steps}), steps.shape)  # noqa: S307  our own
    assert np.allclose(drawn, law.lr(steps, params), rtol=1e-9, atol=1e-15)
    one_by_one = [float(eval(expression, known, {"step": int(t)})) for t in steps[::50]]  # noqa: S307
    assert np.allclose(one_by_one, law.lr(steps[::50], params), rtol=1e-9, atol=1e-15)
    assert "np." not in expression


@every_law
def test_native_code_is_for_known_frameworks_and_holds_plain_numbers(law: Any, params: Any) -> None:
    assert set(law.NATIVE) <= {"pytorch", "optax", "keras", "huggingface"}
    for write in law.NATIVE.values():
        call = write(params)
        assert call is None or ("\n" not in call and "np." not in call)


@every_law
def test_the_planned_length_is_where_it_ends(law: Any, params: Any) -> None:
    planned = law.planned_steps(params)
    assert planned is None or (isinstance(planned, int) and planned >= 1)


@pytest.mark.parametrize(
    ("law", "absurd"),
    [
        (linear, {"total_steps": 0}),
        (linear, {"total_steps": 5, "final_fraction": 1.5}),
        (cosine, {"total_steps": -1}),
        (cosine, {"total_steps": 5, "final_fraction": float("nan")}),
        (polynomial, {"total_steps": 0, "power": 1.0}),
        (polynomial, {"total_steps": 5, "power": 0.0}),
        (polynomial, {"total_steps": 5, "power": float("inf")}),
        (polynomial, {"total_steps": 5, "power": 1.0, "final_fraction": -0.1}),
        (exponential, {"decay_rate": 1.0, "decay_steps": 1}),
        (exponential, {"decay_rate": 0.5, "decay_steps": 0}),
        (time_based, {"k": 0.0}),
        (time_based, {"k": float("nan")}),
        (inverse_sqrt, {"timescale": 0}),
        (warmup_stable_decay, {"stable_steps": -1, "decay_steps": 1}),
        (warmup_stable_decay, {"stable_steps": 1, "decay_steps": 0}),
        (warmup_stable_decay, {"stable_steps": 1, "decay_steps": 1, "final_fraction": 2.0}),
        (warmup_stable_decay, {"stable_steps": 1, "decay_steps": 1, "cooldown": "cosine"}),
        (warmup_stable_decay, {"stable_steps": 1, "decay_steps": 1, "cooldown": "exponential"}),
    ],
)
def test_absurd_parameters_are_refused_by_name(law: Any, absurd: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"^(total_steps|final_fraction|power|decay|k|timescale|stable|cooldown)\w* is "
    ):
        law.Params(**absurd)
