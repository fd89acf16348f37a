"""Parameters for a law of which only the length of the run is known: what one would try first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from lrdoctor.errors import LrdoctorError


def default_params(
    law: Any, name: str, total_steps: int, given: Mapping[str, Any] | None = None, *, warmup_steps: int = 0
) -> Any:
    """The law's `Params` for `total_steps` optimizer steps after the warm-up; what is `given` stays as it is.

    A law says its own in a function `defaults(total_steps) -> Params`; without one the table below is asked, and
    `total_steps` is the length itself. Raises `LrdoctorError` for what is still missing and for absurd values.
    """
    given = dict(given or {})
    if name == "inverse_sqrt" and warmup_steps:
        # What the formula of Vaswani et al. (2017) comes to.
        given = {"timescale": warmup_steps, **given}
    known = [field.name for field in fields(law.Params)]
    if hasattr(law, "defaults"):
        own = law.defaults(total_steps)
        usual = {field: getattr(own, field) for field in known}
    else:
        usual = {"total_steps": total_steps, **_USUAL.get(name, _nothing)(total_steps, given)}
    values = {field: value for field, value in {**usual, **given}.items() if field in known}
    missing = [f.name for f in fields(law.Params) if f.default is MISSING and f.name not in values]
    if missing:
        raise LrdoctorError(f"{name} needs {', '.join(missing)}")
    try:
        return law.Params(**values)
    except ValueError as error:
        raise LrdoctorError(f"{name}: {error}") from error


def _nothing(total: int, given: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _stable_then_decay(total: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """A fifth of the run for the cooldown (Hägele et al., 2024); the one follows from the other."""
    decay = given.get("decay_steps", max(1, total - given["stable_steps"] if "stable_steps" in given else total // 5))
    usual = {"stable_steps": max(0, total - decay), "decay_steps": decay}
    # Down to a tenth, as Hu et al. (2024) do; exponentials never reach 0.
    return {**usual, "final_fraction": 0.1} if given.get("cooldown") == "exponential" else usual


_USUAL: Mapping[str, Callable[[int, Mapping[str, Any]], dict[str, Any]]] = {
    "polynomial": lambda total, given: {"power": 2.0},
    # Both end at a hundredth, a tenth of the peak.
    "exponential": lambda total, given: {"decay_rate": 0.1, "decay_steps": max(1, total // 2)},
    "time_based": lambda total, given: {"k": 9 / total},
    "inverse_sqrt": lambda total, given: {"timescale": max(1, total // 10)},
    "warmup_stable_decay": _stable_then_decay,
    # He et al. (2016) cut tenfold, about twice in a run.
    "step": lambda total, given: {"every": max(1, total // 3), "factor": 0.1},
    "multi_step": lambda total, given: {"milestones": _parts(total, 0.5, 0.75), "factor": 0.1},
    "reduce_on_plateau": lambda total, given: {"milestones": _parts(total, 0.4, 0.6, 0.8), "factor": 0.1},
    # Three cycles, each twice as long as the one before: 1 + 2 + 4 (Loshchilov & Hutter, 2017).
    "cosine_restarts": lambda total, given: {"first_period": -(-total // 7), "multiplier": 2},
    # Four cycles; Smith (2017) has the base at a quarter to a third of the top, or lower.
    "cyclical": lambda total, given: {
        "step_up": max(1, total // 8),
        "step_down": max(1, total // 8),
        "base_fraction": 0.1,
    },
    "range_test": lambda total, given: {"start_fraction": 1e-5, "ramp": "exponential"},
}


def _parts(total: int, *shares: float) -> tuple[int, ...]:
    return tuple(sorted({max(1, round(share * total)) for share in shares}))
