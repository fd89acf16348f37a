"""JSON of a training that no format of its own claims: rows below one another, a list of rows, or a history by name.

Covers JSON Lines, alone or among a log's other lines, so also stable-baselines3's `progress.json` (its `logger.py`,
`JSONOutputFormat`) and StyleGAN's `stats.jsonl`; a list of objects; the dictionary of lists that Keras calls `history`;
and what pandas and TensorBoard export. One file is one run, unless a column names several, each part has a history of
its own, or the count begins again with an untrained loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Scalar
from lrdoctor.parsers import chainer, deepobs, detectron2, llama_factory, mmengine, ray_tune, sacred, trainer_state
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._json import beginning, document, is_one_document, records, text
from lrdoctor.parsers._json_rows import Table, flat
from lrdoctor.parsers._json_runs import Told, runs
from lrdoctor.parsers._json_shapes import shapes
from lrdoctor.parsers._values import hyperparameters
from lrdoctor.roles import RoleNames

SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".jsonlines"})
PERHAPS = frozenset({".log", ".txt", ".out"})
"""Mostly prose. A log of rows only if two lines that are objects tell of curves."""
OF_THEIR_OWN = (chainer, deepobs, detectron2, llama_factory, mmengine, ray_tune, sacred, trainer_state)
"""Formats that are JSON, too."""


def claims(path: Path) -> bool:
    """JSON whose first bytes hold numbers under the name of a curve, and that no format of its own claims."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES | PERHAPS or any(parser.claims(path) for parser in OF_THEIR_OWN):
        return False
    found, names = beginning(path), RoleNames()
    if suffix in PERHAPS:
        rows = [row for row in found if _tells(row, names)] if isinstance(found, list) else []
        return len(rows) > 1
    if isinstance(found, list) and len(found) > 1 and any(_tells(row, names) for row in found):
        return True
    return _one_row(found, path, names) or next(shapes(found, names, path.stem), None) is not None


def _tells(row: object, names: RoleNames) -> bool:
    """Whether an object is a row of a curve: it has a number under such a name."""
    if not isinstance(row, dict):
        return False
    numbers = [name for name, value in flat(row).items() if isinstance(value, float)]
    return names.speak_of_curves(numbers)


def _one_row(found: object, path: Path, names: RoleNames) -> bool:
    """Whether a single object is the first row of a log; in a file for one document it is a summary."""
    return path.suffix.lower() != ".json" and _tells(found, names)


def home(path: Path) -> Path:
    """The file itself."""
    return path


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The runs of a file. Raises `NotALog` for JSON that holds no curve."""
    (path,) = files
    damage = Damage(path)
    plain = text(path)
    one = is_one_document(plain)
    value = document(plain, damage) if one else None
    found = list(shapes(value, names, path.stem)) if one else []
    if not found and (not one or _one_row(value, path, names)):
        table, hparams = _rows(plain, path, names, damage)
        del plain, value  # half of the memory
        yield from _of_rows(table, hparams, path, names, damage)
        return
    made: list[Run] = []
    for shape in found:
        told = Told(format="json", home=home, hparams=hyperparameters(shape.beside, damage, ""), several=True)
        try:
            some = list(runs(shape.table, names, damage, told))
        except NotALog:
            continue
        damage = Damage(path)  # what is wrong with the file is said once
        made += [replace(run, name=f"{run.name} {shape.label[:80]}") if len(found) > 1 else run for run in some]
    if not made:
        raise NotALog("not a training curve: no numbers in it are known as a loss or an accuracy, step after step")
    yield from made


def _rows(plain: str, path: Path, names: RoleNames, damage: Damage) -> tuple[Table, dict[str, Scalar]]:
    """The objects below one another, and what those above the first row of a curve say of the run."""
    table, hparams = Table(), dict[str, Scalar]()
    among_text = path.suffix.lower() in PERHAPS
    for line, row in records(plain, damage, among_text=among_text):
        cells = flat(row) if row else {}
        if not table.lines and not _tells(row, names) and names.step_column(list(cells)) is None:
            hparams |= hyperparameters(row, damage, f"line {line}")
        elif cells:
            table.add(cells, line)
    return table, hparams


def _of_rows(table: Table, hparams: dict[str, Scalar], path: Path, names: RoleNames, damage: Damage) -> Iterator[Run]:
    try:
        yield from runs(table, names, damage, Told(format="json", home=path, hparams=hparams, several=True))
    except NotALog as error:
        left_out = [incident.message for incident in damage.incidents() if incident.kind == "line_limit"]
        raise LogError(f"{error}: {left_out[0]}") if left_out else error from None
