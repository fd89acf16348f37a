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
from lrdoctor.parsers._text_above import ENDS, LAST_COLUMN, Heading, columns, heading, ruled
from lrdoctor.parsers._text_lines import Block
from lrdoctor.parsers._text_remarks import Said, remarks
from lrdoctor.parsers._text_shape import NO_SHAPE, NUMBER, Shape, layout, matcher
from lrdoctor.roles import RoleNames

LONGEST_ROW = 1 << 13
"""Characters of a line that is looked at; a longer one is a dump of something."""
MOST_LAYOUTS = 20_000
"""Kinds of line remembered at once. A log has some dozens; prose has one per line, and is forgotten."""
MOST_SHAPES = 5_000
"""Kinds of rows kept at once, looked at from block to block like the other."""
LEARNED_AT_ONCE = 5_000
"""Kinds of line that are looked at when they are first seen; of further ones only what is seen again."""
OFTEN = 8
"""Lines with the same texts before a pattern is made for them, which costs as much as splitting some dozens."""
NEVER_A_LOG = 200_000
"""So many lines of which no two name a curve in the same way: a text of another sort."""


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

    def add(self, numbers: Iterable[float], place: int, line: int) -> None:
        """One more row."""
        self.flat.extend(numbers)
        self.places.append(place)
        self.lines.append(line)

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
class Rows:
    """All that was found in one log."""

    kinds: dict[Shape, Kind] = field(default_factory=dict)
    said: Said = field(default_factory=Said)
    lines: int = 0
    learned: int = 0
    """How many kinds of line were looked at."""


def rows(blocks: Iterable[Block], damage: Damage, names: RoleNames) -> Rows:
    """The rows of a log."""
    found = Rows()
    known = _Known()
    split = NUMBER.split
    before, head, table, above = known.start(None), None, None, ""
    parts: Sequence[str]
    for block in blocks:
        if len(known.readers) > MOST_LAYOUTS or len(found.kinds) > MOST_SHAPES:
            known = _Known()
            _forget(found)
            before, head = known.start(None), None
        remarks(block, found.lines, found.said)
        lines, numbers = block.lines, block.numbers
        ended = len(lines) - block.open_ended
        for at, line in enumerate(lines):
            if head is not None and not head.holds(line):
                before, head = known.start(None), None
            # What follows a line is mostly what followed it the last time.
            expected = before.then
            match = expected.match(line)
            if match is not None and at < ended:
                reader, parts = expected, match.groups()
                texts = reader.pick(parts)
            else:
                parts = split(line) if len(line) <= LONGEST_ROW else []
                if len(parts) < 3:
                    if line.endswith(LAST_COLUMN):
                        known.above = columns(line) or known.above
                    elif line and line.rstrip()[-1:] in ENDS:
                        head = heading(line) or head
                        before = known.start(head)
                        table = ruled(lines[at - 1] if at else above, line) or table
                    continue
                place, number = found.lines + at, block.first + at if numbers is None else numbers[at]
                key = "\0".join(parts[::2]) + ("" if head is None else "\0\0" + head.split)
                if at < ended:
                    if key not in known.readers:
                        known.learn(key, parts, head, (place, number), found)
                    after = known.readers.get(key)
                else:
                    after = known.readers.get(key)
                    if after is None or not _whole(parts, after):
                        _cut_off(block.number(at), parts, damage)
                        continue
                if after is None:
                    if table is not None and (row := table.read(line)) is not None:
                        found.kinds.setdefault(row[0], Kind(row[0])).add(row[1], place, number)
                    continue
                reader, texts = after, after.take(parts)
                reader.met(parts[::2])
                before.then = reader
            before = reader
            try:
                reader.extend([*map(float, texts)])
            except ValueError:
                reader.extend(_numbers(texts))
            reader.place(found.lines + at)
            reader.line(block.first + at if numbers is None else numbers[at])
            reader.last = parts
        found.lines += len(lines)
        above = lines[-1] if lines else above
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


def _numbers(texts: Iterable[str]) -> list[float]:
    return [float(text.replace(",", "")) for text in texts]


class _Known:
    """How to read the lines whose texts were met before, by these texts."""

    def __init__(self) -> None:
        self.readers: dict[str, _Reader | None] = {}
        self._waiting: dict[str, tuple[Sequence[str], tuple[int, int]]] = {}
        """Lines of kinds that were seen but once, and where they stand."""
        self._starts: dict[str, _Reader] = {}
        self.above: Sequence[str] = ()
        """The names in the last line of names."""

    def start(self, head: Heading | None) -> _Reader:
        """Stands before the first row below such a heading."""
        return self._starts.setdefault("" if head is None else head.split, _Reader((0,), Kind(NO_SHAPE)))

    def learn(self, key: str, parts: Sequence[str], head: Heading | None, at: tuple[int, int], found: Rows) -> None:
        """Look at a kind of line that is not known yet, or wait whether it comes again."""
        first = self._waiting.pop(key, None)
        if first is None and found.learned >= LEARNED_AT_ONCE:
            if len(self._waiting) >= MOST_LAYOUTS:
                self._waiting.clear()
            self._waiting[key] = parts, at
            return
        found.learned += 1
        its = layout(parts[::2], "" if head is None else head.split, self.above)
        if its is None:
            self.readers[key] = None
            return
        kind = found.kinds.setdefault(its.shape, Kind(its.shape))
        self.readers[key] = reader = _Reader(its.columns, kind)
        if first is not None and (not len(kind) or kind.places[-1] < first[1][0]):
            kind.add(_numbers(reader.take(first[0])), *first[1])


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
