"""Tables of one tag of one run each, which in one folder are that run.

TensorBoard's page lets people download `run-<run>-tag-<tag>.csv`, with the columns Wall time (seconds since 1970), Step
and Value; the browser writes `_` for the `/` in names, and `train` and `validation`, as Keras names its two, are one.
DeepSpeed 0.19 (`monitor/csv_monitor.py`, `runtime/engine.py`) writes `Train_Samples_<tag>.csv` with the columns step,
which counts samples, and `<tag>`; a training that goes on writes the header again.
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
FIRST_BYTES = 256
_NAMED = re.compile(r"run-(?P<run>.*)-tag-(?P<tag>.+?)( \([0-9]+\))?\.csv")
_OF_DEEPSPEED = re.compile(r"Train_Samples_(?P<tag>\w+)\.csv")
_HALF = re.compile(r"(?P<run>.*?)[_\-.]?(?P<half>train|validation)")


def claims(path: Path) -> bool:
    """By the name, and the header."""
    named = _NAMED.fullmatch(path.name)
    tag = None if named else _OF_DEEPSPEED.fullmatch(path.name)
    header = ",".join(NAMES) if named else f"step,{tag['tag']}" if tag else None
    return header is not None and (head(path, FIRST_BYTES) or b"").partition(b"\n")[0].rstrip() == header.encode()


def read(home: Path, paths: Sequence[Path]) -> Iterator[Run]:
    """The runs of a folder's downloads, in the order of their names."""
    runs: dict[str, list[tuple[str, Path]]] = {}
    for path in paths:
        counted = _OF_DEEPSPEED.fullmatch(path.name)
        if counted is not None:
            runs.setdefault("", []).append((f"Train/Samples/{counted['tag']}", path))
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
        found = columns(layout(content(path, "a table of one tag")), damages[-1])
        clock, *names = NAMES if _NAMED.fullmatch(path.name) else (None, "step", tag.rsplit("/")[-1])
        times = found.values.get(clock) if clock else None
        steps, values = (found.values.get(column) for column in names)
        if (clock and times is None) or steps is None or values is None:
            raise LogError(f"{path.name}: no numbers below {', '.join(name for name in (clock, *names) if name)}")
        rows = np.flatnonzero(found.filled[names[0]] & found.filled[names[1]] & np.isfinite(steps))
        whole = np.clip(steps[rows], -BEYOND, BEYOND).astype(np.int64)
        if len(rows):
            logged[tag] = Logged(steps=whole, values=values[rows], wall_times=None if times is None else times[rows])
    if not logged:
        raise NotALog("not a training curve: tables without a point")
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
