"""The numbers of a prescription, put into the user's command, the environment and a JSON file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from lrdoctor import plugins
from lrdoctor.errors import LrdoctorError
from lrdoctor.model import Prescription
from lrdoctor.prescribe.code import planned

PREFIX = "LRDOCTOR_"
"""Before the name of each value in the environment."""
OF_A_PARAMETER = "param_"
NO_CLIPPING = "inf"
"""Clipping at infinity changes nothing; at 0, which some scripts take for "off", others stop all learning."""
_PLACEHOLDER = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)\}", re.ASCII)


def values(prescription: Prescription, *, seed: int, out: str, trial: str, clip: float | None) -> dict[str, str | None]:
    """What each placeholder stands for; None for a rate that is not known because none was logged.

    `clip` is the norm that the run itself was clipped at, which stays where nothing else is prescribed. Numbers are
    written without an exponent: YAML takes `1e-05` for a text.
    """
    norm = prescription.clip_grad_norm if prescription.clip_grad_norm is not None else clip
    found: dict[str, str | None] = {
        "peak_lr": _typed(prescription.peak_lr),
        "lr_scale": _typed(prescription.lr_scale),
        "warmup_steps": _typed(prescription.warmup_steps),
        "warmup_fraction": _typed(float(f"{prescription.warmup_steps / prescription.total_steps:.6g}")),
        "schedule": prescription.schedule,
        "total_steps": _typed(prescription.total_steps),
        "final_lr": _typed(prescription.final_lr),
        "clip_grad_norm": NO_CLIPPING if norm is None else _typed(norm),
        "seed": str(seed),
        "out": out,
        "trial": trial,
    }
    return found | {f"{OF_A_PARAMETER}{name}": _typed(value) for name, value in parameters(prescription).items()}


def parameters(prescription: Prescription) -> dict[str, Any]:
    """All parameters of the prescribed schedule: those that were prescribed, and the usual ones for the rest."""
    # They are relative to the peak; where that is not known, any will do.
    plan = planned(prescription if prescription.peak_lr else replace(prescription, peak_lr=1.0, final_lr=None))
    return (asdict(plan.params) if plan else {}) | dict(prescription.params)


def fill(command: Sequence[str], known: Mapping[str, str | None]) -> list[str]:
    """The command with every `{name}` replaced; `{{name}}` becomes `{name}`, and other braces stay.

    Raises `LrdoctorError` with a line for each placeholder that is unknown, naming the nearest known one, or that
    stands for a rate that nobody logged.
    """
    used = [name for part in command for _, name in _PLACEHOLDER.findall(part) if name]
    wrong = [_mistake(name, known) for name in dict.fromkeys(used) if known.get(name) is None]
    if wrong:
        raise LrdoctorError(wrong)
    return [_PLACEHOLDER.sub(lambda m: f"{{{m[1]}}}" if m[1] else str(known[m[2]]), part) for part in command]


def uses(command: Sequence[str], name: str) -> bool:
    """Whether the command has this placeholder."""
    return any(found == name for part in command for _, found in _PLACEHOLDER.findall(part))


def environment(known: Mapping[str, str | None], prescription_file: str) -> dict[str, str]:
    """The same values as variables: `LRDOCTOR_PEAK_LR` …, and where the JSON file lies."""
    told = {f"{PREFIX}{name.upper()}": value for name, value in known.items() if value is not None}
    return told | {f"{PREFIX}PRESCRIPTION": prescription_file}


def _mistake(name: str, known: Mapping[str, str | None]) -> str:
    if name in known:
        hint = " use {lr_scale}" if name == "peak_lr" else " it is not known"
        return f"{{{name}}}: the run logged no learning rate, so only its change is known:{hint}"
    if name.startswith(OF_A_PARAMETER) and name.removeprefix(OF_A_PARAMETER) in _all_parameters():
        return f"{{{name}}}: the prescribed schedule {known['schedule']} has no such parameter"
    near = get_close_matches(name, known, n=1, cutoff=0.0)[0]
    return f"unknown placeholder {{{name}}}; did you mean {{{near}}}? {{{{{name}}}}} stands for {{{name}}} itself"


def _all_parameters() -> set[str]:
    from dataclasses import fields

    return {field.name for law in plugins.schedules().values() for field in fields(law.Params)}


def _typed(value: Any) -> str | None:
    """As a program reads it."""
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case int() | str():
            return str(value)
        case float():
            whole = value.is_integer() and abs(value) < 1e15
            return str(int(value)) if whole else format(Decimal(repr(value)), "f")
        case tuple() | list():
            return ",".join(_typed(each) or "" for each in value)
        case _:
            return str(value)
