"""The tables that TensorBoard's page lets people download: one tag of one run each, `run-<run>-tag-<tag>.csv`.

The columns are Wall time (seconds since 1970), Step and Value. The tables of one run in one folder are that run, and
`train` and `validation`, as Keras names its two, are one. The browser writes `_` for the `/` in names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run
from lrdoctor.parsers._axis import BEYOND
from lrdoctor.parsers._columns import columns
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import content, head
from lrdoctor.parsers._series import Logged, order
from lrdoctor.parsers._table import layout

NAMES = ("Wall time", "Step", "Value")
FIRST_BYTES = 64
_NAMED = re.compile(r"run-(?P<run>.*)-tag-(?P<tag>.+?)( \([0-9]+\))?\.csv")
_HALF = re.compile(r"(?P<run>.*?)[_\-.]?(?P<half>train|validation)")


def claims(path: Path) -> bool:
    """By the name, and the header."""
    if not _NAMED.fullmatch(path.name):
        return False
    return (head(path, FIRST_BYTES) or b"").startswith(",".join(NAMES).encode())


def read(home: Path, paths: Sequence[Path]) -> Iterator[Run]:
    """The runs of a folder's downloads, in the order of their names."""
    runs: dict[str, list[tuple[str, Path]]] = {}
    for path in paths:
        named = _NAMED.fullmatch(path.name)
        if named is not None:
            half = _HALF.fullmatch(named["run"])
            run, tag = (half["run"], f"{half['half']}/{named['tag']}") if half else (named["run"], named["tag"])
            runs.setdefault(run, []).append((tag, path))
    for run, tags in sorted(runs.items()):
        yield _run(home, f"{home.name}#{run}" if len(runs) > 1 else home.name, tags)


def _run(home: Path, name: str, tags: Sequence[tuple[str, Path]]) -> Run:
    logged: dict[str, Logged] = {}
    damages: list[Damage] = []
    for tag, path in tags:
        damages.append(Damage(path))
        found = columns(layout(content(path, "a download")), damages[-1])
        times, steps, values = (found.values.get(column) for column in NAMES)
        if times is None or steps is None or values is None:
            raise LogError(f"{path.name}: no numbers below Wall time, Step and Value")
        rows = np.flatnonzero(found.filled["Step"] & found.filled["Value"] & np.isfinite(steps))
        whole = np.clip(steps[rows], -BEYOND, BEYOND).astype(np.int64)
        if len(rows):
            logged[tag] = Logged(steps=whole, values=values[rows], wall_times=times[rows])
    if not logged:
        raise NotALog("not a training curve: downloads without a point")
    ordered = order(logged, home)
    incidents = [incident for damage in damages for incident in damage.incidents()]
    return Run(
        name=name,
        path=home,
        format="csv",
        series=ordered.series,
        notes=ordered.notes,
        incidents=(*incidents, *ordered.incidents),
    )
