"""Text logs: what a training printed, or what its logger wrote as lines for people.

Any log counts in which a line is printed again and again that names a loss, a rate or an accuracy beside its number:
`iter 10: loss 5.9`, `Epoch: [0][10/5005] Loss 6.9 (7.0)`, `step=3, lr=[1e-05], loss=2.0`. How a number finds its name
is in `_text_names` and `_text_shape`, what stands above it in `_text_above`, how a row finds its step in `_text_clock`.
The lines were read off the sources of nanoGPT, llm.c, modded-nanogpt, torchtune, Composer, fairseq, Caffe, MMEngine,
detectron2, BasicSR and PyTorch's ImageNet and MNIST examples, which need no more than that. Hugging Face's Trainer 4
and 5, Keras 2 and 3, Megatron-LM and YOLO say something in a way of their own: `_text_huggingface`, `_text_keras`,
`_text_megatron`, `_text_ultralytics`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._files import LFS_POINTER, head, open_regular, reason
from lrdoctor.parsers._series import order
from lrdoctor.parsers._text_dialects import tidied
from lrdoctor.parsers._text_end import scalars, status, with_last_nan
from lrdoctor.parsers._text_huggingface import planned
from lrdoctor.parsers._text_lines import Block, blocks, blocks_of_lines, is_text
from lrdoctor.parsers._text_rows import rows
from lrdoctor.parsers._text_runs import chosen, trainings
from lrdoctor.parsers._text_tables import tables
from lrdoctor.roles import RoleNames

LOGS = frozenset({".log", ".out", ".err", ".stdout", ".stderr"})
"""Claimed whatever they hold, so that `read` can say why they are no log of a training."""
PERHAPS = frozenset({"", ".txt", ".output", ".text"})
"""Claimed where their beginning shows such lines, or, for a long `.txt`, is no proof that none come."""
FIRST_BYTES = 1 << 16
_NUMBERED = re.compile(r"\.(?:log|out|err|o|e)[.-]?[0-9]+")
"""What a rotated log, and the output of a job of PBS or Grid Engine, ends in."""


def claims(path: Path) -> bool:
    """Logs by their name; other text only where its beginning shows lines that tell a curve."""
    suffix = path.suffix.lower()
    sure = suffix in LOGS or _NUMBERED.search(path.name.lower()[-16:]) is not None
    if not sure and suffix not in PERHAPS:
        return False
    first = head(path, FIRST_BYTES)
    if not first:
        return first is not None and sure
    if first.startswith(LFS_POINTER):
        return sure
    if not is_text(first):
        return False
    return sure or _shows(first) or (suffix == ".txt" and len(first) == FIRST_BYTES)


def _shows(first: bytes) -> bool:
    damage = Damage(Path())
    try:
        names = RoleNames()
        found = rows(blocks(BytesIO(first), damage), damage, names)
        chosen(tidied(tables(list(found.kinds.values()), names)[0], found.said.plan, damage), names)
    except LogError:
        return False
    return True


def home(path: Path) -> Path:
    """The file itself."""
    return path


def read(home: Path, files: Sequence[Path], names: RoleNames) -> Iterator[Run]:
    """The runs of a log. Raises `NotALog` where no line that tells a curve is repeated."""
    (path,) = files
    damage = Damage(path)
    try:
        with open_regular(path) as file:
            runs = list(_runs(blocks(file, damage), path, home.name, names, damage))
    except OSError as error:
        raise LogError(f"cannot be read: {reason(error)}") from error
    yield from runs


def read_lines(lines: Iterable[str], path: Path, names: RoleNames) -> Iterator[Run]:
    """The runs of a log that comes line by line, as from standard input; `path` is what reports call it."""
    damage = Damage(path)
    yield from list(_runs(blocks_of_lines(lines, damage), path, path.name, names, damage))


def _runs(blocks: Iterable[Block], path: Path, name: str, names: RoleNames, damage: Damage) -> Iterator[Run]:
    found = rows(blocks, damage, names)
    told, notes = tables(list(found.kinds.values()), names)
    plan = planned(told, found.said.plan)
    kept, beside = chosen(tidied(told, found.said.plan, damage), names)
    several = list(trainings(kept, beside, names))
    if not several:
        raise NotALog("not a training log: no line that tells a curve says where it stands")
    ends = [*(training.first for training in several[1:]), found.lines]
    hparams = scalars(found.said.hparams)
    for number, (training, end) in enumerate(zip(several, ends, strict=True)):
        after = [remark for remark in found.said.remarks if training.last < remark.place < end]
        logged, said = with_last_nan(training.logged, after, names)
        own = Damage(path)
        if said is not None:
            own.add(
                f"line {said.line}", "hidden_nonfinite", "the log says that the loss was no number: NaN is added", 0
            )
        if training.unplaced:
            message = f"{training.unplaced} lines above the first that tells a step"
            own.add(f"line {training.lines[0]}", "no_step", message, training.unplaced)
        ordered = order(logged, path)
        length = training.planned or plan
        how, why = status(after, training.steps[1], length)
        beginning = [f"one of {len(several)} trainings in this log, from line {training.lines[0]} on"]
        yield Run(
            name=name,
            path=path,
            format="text",
            series=ordered.series,
            hparams=hparams,
            status=how,
            planned_steps=length,
            notes=(*(beginning if len(several) > 1 else ()), *training.notes, *ordered.notes, *why, *notes),
            incidents=(*(damage.incidents() if not number else ()), *own.incidents(), *ordered.incidents),
        )
