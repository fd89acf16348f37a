"""A training and its validation as two tables of one folder, such as `train.csv` and `valid.csv`: one run.

Catalyst 22 writes them so (`loggers/csv.py`: one table for each loader, counted alike), and many a script does. In its
own table a validation loss is often called just `loss`, so that the name of the table has to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lrdoctor.model import Role, Run
from lrdoctor.roles import TEST, TRAIN, VALIDATION, RoleNames

TRAININGS, OTHERS = ("train", "training"), ("valid", "val", "validation", "eval", "dev", "test")
_NAMED = re.compile(
    rf"(?P<half>{'|'.join((*TRAININGS, *OTHERS))})"
    r"(?P<rest>([_-](log|logs|metrics|loss|losses|history|results))?\.[ct]sv)",
    re.IGNORECASE,
)
COUNTED_ALIKE = 0.5
"""Of the longer one's last step: a table that ends before counts something else, such as epochs beside iterations."""


def claims(path: Path) -> bool:
    """By the name, where a table with the name of the other half lies beside it."""
    named = _NAMED.fullmatch(path.name)
    if named is None:
        return False
    others = OTHERS if named["half"].lower() in TRAININGS else TRAININGS
    return any(path.with_name(other + named["rest"]).is_file() for other in others)


def joined(home: Path, runs: Sequence[Run], names: RoleNames) -> Iterator[Run]:
    """The one run that the tables of a folder tell, or each for itself where they are not one of each kind, alike.

    A tag that does not say which half it is of is given the name of the table.
    """
    told = [_told(run, names) for run in runs]
    halves = [_half(run) for run in runs]
    lasts = [max(int(series.steps[-1]) for series in run.series.values()) for run in runs]
    first = next((at for at, half in enumerate(halves) if half in TRAININGS), None)
    if first is None or len(set(halves)) < len(halves) or min(lasts) < COUNTED_ALIKE * max(lasts):
        yield from told
        return
    train, others = told[first], [run for at, run in enumerate(told) if at != first]
    series = dict(train.series)
    for run in others:
        series |= {tag: points for tag, points in run.series.items() if tag not in series}
    yield replace(
        train,
        name=home.name,
        path=home,
        series=series,
        hparams={name: value for run in (*others, train) for name, value in run.hparams.items()},
        notes=tuple(dict.fromkeys(note for run in (train, *others) for note in run.notes)),
        incidents=tuple(incident for run in (train, *others) for incident in run.incidents),
    )


def _half(run: Run) -> str:
    named = _NAMED.fullmatch(run.path.name)
    return named["half"].lower() if named else ""


def _told(run: Run, names: RoleNames) -> Run:
    half = _half(run)
    series = {}
    for tag, points in run.series.items():
        says = set(re.split(r"[\W_]+", tag.lower())) & (TRAIN | VALIDATION | TEST)
        plain = says or names.of(tag) in (Role.STEP, Role.EPOCH)
        name = tag if plain else f"{half}/{tag}"
        series[name] = replace(points, tag=name)
    return replace(run, series=series)
