"""One plan of every kind for the tests of the exports: each law, with its defaults and with other parameters."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from lrdoctor import plugins
from lrdoctor.schedules._defaults import default_params
from lrdoctor.schedules._plan import Plan, Warmup

STEPS = 240
PEAK = 0.037

OTHERS: dict[str, list[dict[str, Any]]] = {
    "linear": [{"final_fraction": 0.13}],
    "cosine": [{"final_fraction": 0.13}],
    "polynomial": [{"power": 1.0}, {"power": 0.9, "final_fraction": 0.13}],
    "exponential": [{"decay_rate": 0.96, "decay_steps": 1}],
    "warmup_stable_decay": [
        {"cooldown": "1-sqrt"},
        {"cooldown": "exponential"},
        {"final_fraction": 0.13},
        {"decay_steps": 200, "cooldown": "exponential", "final_fraction": 0.013},
        {"decay_steps": 200, "cooldown": "1-sqrt", "final_fraction": 0.13},
    ],
    "step": [{"every": 50, "factor": 0.5}],
    "multi_step": [{"milestones": (30,), "factor": 0.3}],
    "cosine_restarts": [{"first_period": 60, "multiplier": 1}, {"multiplier": 3, "final_fraction": 0.13}],
    "cyclical": [
        {"mode": "triangular2", "step_up": 20, "step_down": 40},
        {"mode": "exp_range", "gamma": 0.995},
    ],
    "one_cycle": [
        {"anneal": "linear"},
        {"three_phase": True, "anneal": "linear", "start_fraction": 0.1, "final_fraction": 0.01},
        {"three_phase": True},
        {"rise_fraction": 0.4, "start_fraction": 0.0, "final_fraction": 0.0},
        {"rise_fraction": 0.4, "start_fraction": 0.1, "final_fraction": 0.013},
    ],
    "reduce_on_plateau": [{"milestones": (50, 90, 150, 180), "factor": 0.5, "floor_fraction": 0.1}],
    "range_test": [{"ramp": "linear"}],
}

WARMUPS = {
    "none": Warmup(),
    "linear": Warmup(steps=30),
    "linear_from": Warmup(steps=30, start=0.13),
    "constant": Warmup(steps=30, shape="constant", start=0.13),
    "cosine": Warmup(steps=30, shape="cosine", start=0.13),
}


def plans(*, total_steps: int = STEPS, peak_lr: float = PEAK) -> Iterator[Any]:
    """Every law behind every warm-up that it can stand behind, as parameters for pytest."""
    for name in plugins.names("schedules"):
        law = import_module(f"lrdoctor.schedules.{name}")
        for shape, warmup in WARMUPS.items():
            if law.WHOLE and warmup.steps:
                continue
            for number, other in enumerate([{}, *OTHERS.get(name, [])]):
                params = default_params(law, name, total_steps - warmup.steps, other)
                plan = Plan(schedule=name, params=params, peak_lr=peak_lr, warmup=warmup, total_steps=total_steps)
                yield pytest.param(plan, id=f"{name}-{number}-{shape}")
    for name, total in (("cosine", 150), ("linear", 150), ("one_cycle", 150), ("warmup_stable_decay", 150)):
        law = import_module(f"lrdoctor.schedules.{name}")
        params = default_params(law, name, total, {"final_fraction": 0.13})
        yield pytest.param(
            Plan(schedule=name, params=params, peak_lr=peak_lr, total_steps=total_steps), id=f"{name}-too_short"
        )
        yield pytest.param(Plan(schedule=name, params=params, peak_lr=peak_lr, total_steps=100), id=f"{name}-cut_short")
