"""What trackers keep as text or JSON -> numbers, hyperparameters, and whether the training ended well."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from lrdoctor import limits
from lrdoctor.errors import LogError
from lrdoctor.model import Scalar, Status
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._settings import flat

DEEPEST = 20
"""Levels of nesting that are looked into; nobody logs below the third or fourth."""
NONFINITE = {
    "nan": math.nan,
    "inf": math.inf,
    "infinity": math.inf,
    "+inf": math.inf,
    "+infinity": math.inf,
    "-inf": -math.inf,
    "-infinity": -math.inf,
}
"""Texts that strict JSON forces on loggers in place of a number."""
STATES = {
    "finished": Status.FINISHED,
    "completed": Status.FINISHED,
    "closed": Status.FINISHED,
    "published": Status.FINISHED,
    "running": Status.RUNNING,
    "in_progress": Status.RUNNING,
    "failed": Status.CRASHED,
    "killed": Status.CRASHED,
    "stopped": Status.CRASHED,
}
"""Words of MLflow (`RunStatus`) and ClearML (`TaskStatusEnum`); a run that was killed did not get to its end."""


def parsed(text: str | bytes) -> Any:
    """The JSON value. Raises `ValueError` for what is none, nests or counts too far, or has too many objects."""
    if len(text) > limits.current().objects:
        objects = sum(map(text.count, "{[")) if isinstance(text, str) else sum(map(text.count, (b"{", b"[")))
        if objects > limits.current().objects:
            said = f"more than {limits.shown('objects')} objects and lists"
            raise ValueError(f"{said}; {limits.raised_by('objects', objects)}")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def number(value: object) -> float | None:
    """The number that a logged value is, or None; `"NaN"` is one, `true` and `"0.5"` are not."""
    if isinstance(value, str):
        return NONFINITE.get(value.strip().lower()) if len(value) < 20 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def numbers(value: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    """The numbers in nested dictionaries, under their keys joined by dots. Histograms and other media are left out."""
    if isinstance(value, Mapping):
        if "_type" not in value and depth < DEEPEST:
            for key, inner in value.items():
                yield from numbers(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif (told := number(value)) is not None:
        yield path, told


def hyperparameters(told: object, damage: Damage, place: str) -> dict[str, Scalar]:
    """A configuration as flat hyperparameters; nothing where it is none, and too large a one is told."""
    try:
        return flat(told)
    except LogError as error:
        damage.add(place, "unreadable_configuration", str(error), 0)
        return {}
