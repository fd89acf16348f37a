"""Blocks of lines -> the rows that they hold, by kind of line, and what the prose between them says of the run.

Nothing is judged here: the rows of every kind that names a number are kept, as one flat array per kind.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from lrdoctor.model import Floats, Ints
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._text_lines import Block
from lrdoctor.parsers._text_shape import NO_SHAPE, NUMBER, Shape, layout, matcher
from lrdoctor.roles import RoleNames

LONGEST_ROW = 1 << 13
"""Characters of a line that is looked at; a longer one is a dump of something."""
MOST_LAYOUTS = 20_000
"""Kinds of line remembered at once. A log has some dozens; prose has one per line, and is forgotten."""
MOST_SHAPES = 5_000
"""Kinds of rows kept at once, looked at from block to block like the other."""
OFTEN = 8
"""Lines with the same texts before a pattern is made for them, which costs as much as splitting some dozens."""
NEVER_A_LOG = 200_000
"""So many lines of which no two name a curve in the same way: a text of another sort."""
CRASHES = (
    "Traceback (most recent call last)",
    "CUDA out of memory",
    "OutOfMemoryError",
    "FloatingPointError",
    "Segmentation fault",
    "core dumped",
    "CUDA error",
    "oom-kill",
    "Out Of Memory",
    "CANCELLED AT",
    "ChildFailedError",
)
"""What stands at the end of a log whose training died."""
NOT_A_NUMBER = re.compile(
    r"(?i)\bloss(?: value)? (?:is|was|became|becomes|=|:)? ?(?:nan|inf|infinite|not finite|non-?finite)\b"
    r".{0,20}(?:stop|abort|exit|terminat|quit|break)|FloatingPointError: Loss became infinite or NaN"
    r"|non-finite loss, (?:stop|abort|exit|terminat)|Invalid loss, terminating training"
)
"""DETR, MAE and timm: "Loss is nan, stopping training"; detectron2's FloatingPointError; Keras' TerminateOnNaN, which
says "Batch 3: Invalid loss, terminating training"."""
INTERRUPTED = "KeyboardInterrupt"
FINISHES = ("Optimization Done.", "done training in", "Training finished", "Training completed", "train_runtime")
"""Caffe, fairseq, and what people write; Hugging Face's last line."""
STOPS = ("topping training", "erminating training", "inite loss", "is nan", "is NaN", "is inf", "borting", "xiting")
"""No line says that the loss was no number without one of these: looking for them is quick."""
_SETTING = re.compile(r"^(?:\[[^\]]*\]:? ?|[0-9]+: )?\s*(?:([\w.-]+) \.{3,} (\S.*)|\[hyperparameter\]: ([^:]+): (.*))$")
_NAMESPACE = "Namespace("
_ARGUMENT = re.compile(r"\b(\w{1,64})=('[^']*'|\"[^\"]*\"|[^,()\[\]{}'\"]+)(?:, |$)")
_PLAN = re.compile(r"(Total optimization steps|Num Epochs) = ([0-9,]{1,20})")
LONGEST_SETTING = 200
MOST_SETTINGS = 2_000
MOST_REMARKS = 1_000
LONGEST_NAMESPACE = 1 << 14


@dataclass(slots=True, eq=False)
class Kind:
    """The rows of one kind of line, in their order."""

    shape: Shape
    flat: array[float] = field(default_factory=lambda: array("d"))
    places: array[int] = field(default_factory=lambda: array("q"))
    """How many lines came before each."""
    lines: array[int] = field(default_factory=lambda: array("q"))
    """The line of the file that each stands in."""

    def __len__(self) -> int:
        return len(self.places)

    def values(self) -> Floats:
        """Shape (rows, columns)."""
        return np.frombuffer(self.flat, dtype=np.float64).reshape(-1, self.shape.width)

    def order(self) -> Ints:
        """Shape (rows,): the place of each among all lines."""
        return np.frombuffer(self.places, dtype=np.int64)

    def physical(self) -> NDArray[np.int64]:
        """Shape (rows,): the line of the file."""
        return np.frombuffer(self.lines, dtype=np.int64)


@dataclass(slots=True)
class Remark:
    """A line of prose that says how the training went."""

    place: int
    line: int
    text: str


@dataclass(slots=True)
class Rows:
    """All that was found in one log."""

    kinds: dict[Shape, Kind] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    hparams: dict[str, str] = field(default_factory=dict)
    plan: dict[str, int] = field(default_factory=dict)
    lines: int = 0


def rows(blocks: Iterable[Block], damage: Damage, names: RoleNames) -> Rows:
    """The rows of a log."""
    found = Rows()
    known: dict[str, _Reader | None] = {}
    split = NUMBER.split
    before = _Reader((0,), Kind(NO_SHAPE))
    parts: Sequence[str]
    for block in blocks:
        if len(known) > MOST_LAYOUTS or len(found.kinds) > MOST_SHAPES:
            known.clear()
            _forget(found)
            before = _Reader((0,), Kind(NO_SHAPE))
        _remarks(block, found)
        lines, numbers = block.lines, block.numbers
        ended = len(lines) - block.open_ended
        for at, line in enumerate(lines):
            # What follows a line is mostly what followed it the last time.
            expected = before.then
            match = expected.match(line)
            if match is not None and at < ended:
                reader, parts = expected, match.groups()
                texts = reader.pick(parts)
            else:
                parts = split(line) if len(line) <= LONGEST_ROW else []
                if len(parts) < 3:
                    continue
                key = "\0".join(parts[::2])
                if at < ended:
                    after = known[key] if key in known else _learn(key, parts, known, found)
                else:
                    after = known.get(key)
                    if after is None or not _whole(parts, after):
                        _cut_off(block.number(at), parts, damage)
                        continue
                if after is None:
                    continue
                reader, texts = after, after.take(parts)
                reader.met(parts[::2])
                before.then = reader
            before = reader
            try:
                reader.extend([float(text) for text in texts])
            except ValueError:
                reader.extend([float(text.replace(",", "")) for text in texts])
            reader.place(found.lines + at)
            reader.line(block.first + at if numbers is None else numbers[at])
            reader.last = parts
        found.lines += len(lines)
        if found.lines > NEVER_A_LOG and not _promises(found, names):
            break
    return found


def _promises(found: Rows, names: RoleNames) -> bool:
    """Whether any kind of line so far may be one of a training."""
    return any(len(kind) > 1 and names.speak_of_curves(kind.shape.tags) for kind in found.kinds.values())


class _Reader:
    """Appends the numbers of lines with certain texts to their kind."""

    __slots__ = ("_split", "columns", "extend", "kind", "last", "line", "match", "pick", "place", "take", "then")

    def __init__(self, columns: Sequence[int], kind: Kind) -> None:
        self.kind, self.columns = kind, columns
        self.extend, self.place, self.line = kind.flat.extend, kind.places.append, kind.lines.append
        self.take = _getter([2 * at + 1 for at in columns])
        self.pick = _getter(columns)
        self.match: Callable[[str], re.Match[str] | None] = _never
        self._split = 0
        self.last: Sequence[str] = ()
        """The pieces of the last of these lines that was split, or the numbers of one that was matched."""
        self.then = self
        """Who read the row that came after."""

    def met(self, texts: Sequence[str]) -> None:
        """Count a line that had to be split; one that is met often is worth a pattern of its own."""
        self._split += 1
        if self._split == OFTEN:
            self.match = matcher(texts).fullmatch


def _never(_: str) -> None:
    return None


def _getter(columns: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    pick = itemgetter(*columns)
    return (lambda parts: (pick(parts),)) if len(columns) == 1 else pick


def _learn(key: str, parts: Sequence[str], known: dict[str, _Reader | None], found: Rows) -> _Reader | None:
    its = layout(parts[::2])
    reader = None
    if its is not None:
        reader = _Reader(its.columns, found.kinds.setdefault(its.shape, Kind(its.shape)))
    known[key] = reader
    return reader


def _forget(found: Rows) -> None:
    """Drop what was seen once; if that is not enough, the text is prose, and only its most frequent lines may count."""
    frequent = sorted(found.kinds.values(), key=len, reverse=True)[: MOST_SHAPES // 2]
    kept = {id(kind) for kind in frequent if len(kind) > 1}
    found.kinds = {shape: kind for shape, kind in found.kinds.items() if id(kind) in kept}


def _whole(parts: Sequence[str], reader: _Reader) -> bool:
    """Whether a line that no newline ends is whole: text follows its last number, or that is as long as the last one.

    The lines above had the same texts, so a text that follows cannot be half a text.
    """
    if parts[-1]:
        return True
    last = reader.last[-1] or reader.last[-2]
    return "." in parts[-2] and _tail(parts[-2]) == _tail(last)


def _tail(number: str) -> int:
    """How many characters follow the decimal point; a number that was cut has fewer."""
    return len(number) - number.find(".")


def _cut_off(line: int, parts: Sequence[str], damage: Damage) -> None:
    if layout(parts[::2]) is not None:
        damage.add(f"line {line}", "truncated_tail", "the last line is perhaps cut off: it is left out")


def _remarks(block: Block, found: Rows) -> None:
    """What the prose says: that the training died or ended, and how it was configured."""
    text = "\n".join(block.lines)
    told: list[int] = []
    for sign in (*CRASHES, INTERRUPTED, *FINISHES, *STOPS):
        start = text.find(sign)
        while start >= 0:
            told.append(start)
            start = text.find("\n", start)
            start = text.find(sign, start) if start >= 0 else -1
    at = counted = 0
    for start in sorted(told):
        at += text.count("\n", counted, start)
        counted = start
        if not found.remarks or found.remarks[-1].place != found.lines + at:
            found.remarks.append(Remark(found.lines + at, block.number(at), block.lines[at][:LONGEST_SETTING]))
    if len(found.remarks) > MOST_REMARKS:
        del found.remarks[MOST_REMARKS // 2 : -MOST_REMARKS // 2]
    if " ..." in text or "[hyperparameter]" in text or _NAMESPACE in text or " = " in text:
        _settings(block.lines, found)


def _settings(lines: list[str], found: Rows) -> None:
    for line in lines:
        if len(found.hparams) >= MOST_SETTINGS:
            return
        if " ..." in line or "[hyperparameter]" in line:
            match = _SETTING.match(line[:1000])
            if match:
                name, value = (match[1], match[2]) if match[1] else (match[3], match[4])
                found.hparams.setdefault(name.strip(), value.strip()[:LONGEST_SETTING])
        elif _NAMESPACE in line and len(line) <= LONGEST_NAMESPACE:
            inside = line.partition(_NAMESPACE)[2].rpartition(")")[0]
            for argument in _ARGUMENT.finditer(inside):
                found.hparams.setdefault(argument[1], argument[2].strip("'\" ")[:LONGEST_SETTING])
        elif " = " in line:
            match = _PLAN.search(line[:1000])
            if match:
                found.plan.setdefault(match[1], int(match[2].replace(",", "")))
