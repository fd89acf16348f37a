"""MLflow's file store: a folder per run with a file per metric, as written up to MLflow 2 by default.

Schema: `mlflow/store/tracking/file_store.py` of MLflow 3.17 (2026). `<experiment>/<run>/metrics/<name>` holds lines
`milliseconds value step`, in old ones without the step, in new ones perhaps followed by a dataset; a `/` in the name
makes folders. `params/<name>` holds a text, and `meta.yaml` the run's name and state.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from lrdoctor import limits
from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Scalar, Status
from lrdoctor.parsers._beside import planned
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import LFS_POINTER, changed, head, natural, open_regular, reason
from lrdoctor.parsers._metrics import Metric, last_step, logged, tell_tags
from lrdoctor.parsers._series import order
from lrdoctor.parsers._settings import flat, scalar, settings
from lrdoctor.roles import RoleNames

METRICS, PARAMS, META = "metrics", "params", "meta.yaml"
STATES = {1: Status.RUNNING, 3: Status.FINISHED, 4: Status.CRASHED, 5: Status.CRASHED}
"""`RunStatus` as a number; 2 is scheduled."""
FIRST_BYTES = 256
LONGEST_LINE = 1 << 12
LARGEST_META = 1 << 16
LONGEST_PARAM = 1 << 9
"""Bytes; what is longer is a document and no setting. MLflow allows 6,000."""
MOST_PARAMS = 2_000
DEEPEST = 8
"""Parts of a metric's name; `system/gpu_0/utilization` has three."""
_RUN = re.compile(r"[0-9a-f]{32}")
_METRIC_LINE = re.compile(rb"([0-9]{1,19}) (\S{1,40})(?: (-?[0-9]{1,19})(?: .*)?)?")


def claims(path: Path) -> bool:
    """A file below `metrics/` of a folder that is a run by its `meta.yaml` or its name, and begins as one of a metric.

    A damaged or empty one is claimed where `meta.yaml` bears it out.
    """
    run = _run_of(path)
    if run is None:
        return False
    first = head(path, FIRST_BYTES)
    if first is None:
        return False
    line = first.split(b"\n", 1)[0].rstrip(b"\r")
    return bool(_METRIC_LINE.fullmatch(line)) or (_is_run(run) and b"\0" not in first and not line)


def _run_of(path: Path) -> Path | None:
    """The run's folder, if there is one above the file: it holds the folder `metrics`."""
    if METRICS not in path.parts:
        return None
    parents = list(path.parents)[:DEEPEST]
    for folder, above in pairwise(parents):
        if folder.name == METRICS and (_RUN.fullmatch(above.name) or _is_run(above)):
            return above
    return None


def _is_run(folder: Path) -> bool:
    try:
        return _is_run_at(folder, changed(str(folder)))
    except (OSError, ValueError):
        return False


@lru_cache(maxsize=1 << 14)
def _is_run_at(folder: Path, changed: int) -> bool:
    """Asked once per file, while the answer is one per folder. A logged model has such folders too, but no run's id."""
    first = head(folder / META, LARGEST_META)
    return first is not None and re.search(rb"^run_(?:id|uuid):", first, re.MULTILINE) is not None


def home(path: Path) -> Path:
    """The run's folder."""
    return _run_of(path) or path.parent


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The one run of these files. Raises `LogError` where none of them holds a point."""
    run = _run_of(files[0]) or home
    meta = _meta(run)
    if meta.get("lifecycle_stage") == "deleted":
        raise NotALog("the user has deleted this run")
    damages: list[Damage] = []
    metrics: dict[str, Metric] = {}
    notes: list[str] = []
    most = limits.current().tags
    if len(files) > most:
        damages.append(Damage(home))
        tell_tags(damages[0], len(files) - most)
    for path in sorted(files, key=lambda path: (natural(str(path)), str(path)))[:most]:
        damage = Damage(path)
        damages.append(damage)
        try:
            tag = path.relative_to(run / METRICS).as_posix()
            metrics[tag], counted = _read_file(path, damage)
        except (LogError, ValueError) as error:
            damage.add("", "unreadable_file", str(error), 0)
            continue
        if counted:
            notes.append(f"{tag!r} has no steps: its points are counted")
    series = logged(metrics)
    incidents = [incident for damage in damages for incident in damage.incidents()]
    if not series:
        if incidents:
            raise LogError(f"{incidents[0].place}: {incidents[0].message}".removeprefix(": "))
        raise NotALog("no metric in it has a value")
    ordered = order(series, home)
    hparams = _params(run / PARAMS)
    name = meta.get("run_name") or meta.get("name")
    status = meta.get("status")
    yield Run(
        name=str(name) if name else run.name,
        path=home,
        format="mlflow_files",
        series=ordered.series,
        hparams=hparams,
        status=STATES.get(status, Status.UNKNOWN) if isinstance(status, int) else Status.UNKNOWN,
        planned_steps=planned(hparams, False, last_step(ordered.series)),
        notes=(*notes, *ordered.notes),
        incidents=(*incidents, *ordered.incidents),
    )


def _read_file(path: Path, damage: Damage) -> tuple[Metric, bool]:
    """The points of one metric, and whether their steps were counted because the lines have none."""
    metric = Metric()
    without = 0
    with open_regular(path) as file:
        number = 0
        while True:
            try:
                line = file.readline(LONGEST_LINE)
            except OSError as error:
                damage.add("", "read_failed", f"the file could not be read to its end: {reason(error)}", 0)
                break
            if not line:
                break
            number += 1
            if number == 1 and line.startswith(LFS_POINTER):
                raise LogError("a git-lfs pointer: the file itself was not fetched (git lfs pull)")
            whole = line.endswith(b"\n")
            content = line.strip(b"\r\n\0 ")
            if not content:
                continue
            point = _point(content)
            if not whole and len(line) < LONGEST_LINE:
                # MLflow ends every line; a number that was cut is still a number.
                damage.add(f"line {number}", "truncated_tail", "the last line is cut off: it is left out")
            elif point is None:
                damage.add(f"line {number}", "unreadable_row", "not `milliseconds value step`: the line is left out")
            else:
                time, value, step = point
                without += step is None
                metric.add(len(metric.steps) if step is None else step, value, time)
    return metric, bool(without)


def _point(line: bytes) -> tuple[float, float, int | None] | None:
    told = _METRIC_LINE.fullmatch(line)
    if told is None:
        return None
    try:
        return float(told[1]), float(told[2]), None if told[3] is None else int(told[3])
    except ValueError:
        return None


def _meta(run: Path) -> Mapping[str, Scalar]:
    content = head(run / META, LARGEST_META)
    try:
        return settings(content, ".yaml") if content else {}
    except LogError:
        return {}


def _params(folder: Path) -> dict[str, Scalar]:
    """Every file below `params/`, under its path; links are not followed."""
    found: dict[str, Scalar] = {}
    for place, folders, files in os.walk(folder):
        folders.sort(key=natural)
        if len(Path(place).relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        for name in sorted(files, key=natural)[: MOST_PARAMS - len(found)]:
            path = Path(place) / name
            content = head(path, LONGEST_PARAM + 1)
            if content is not None and len(content) <= LONGEST_PARAM:
                text = content.decode("utf-8", "replace").strip("\r\n")
                found[path.relative_to(folder).as_posix()] = scalar(text)
    return flat(found)
