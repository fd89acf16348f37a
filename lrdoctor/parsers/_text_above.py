"""What the lines without a number say of the rows below them: a heading tells their split, a ruled one their names.

`Test Error:` stands above the test loss of PyTorch's own tutorial. A line of dashes under a line of names begins the
tables of skorch (`callbacks/logging.py`, `PrintLog`) and spaCy (`training/loggers.py`, `console_logger`): the dashes
tell which columns the numbers below stand in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lrdoctor.parsers._text_names import split_of, translated
from lrdoctor.parsers._text_shape import Shape

ENDS = frozenset(":*=-#")
"""What a heading, or the line under one, ends in."""
LONGEST_HEADING = 60
FEWEST_COLUMNS = 3
FIRST_COLUMNS = ("Epoch", "GPU_mem")
LAST_COLUMN = "Size"
_HEADING = re.compile(r"\s*(?:[*=#-]+\s*)?((?:[A-Za-z]+\s?){1,4}):?(?:\s*[*=#-]+)?\s*")
_RULE = re.compile(r"\s*-{2,}(?:\s{2,}-{2,})+\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A line such as `Test Error:`."""

    split: str
    indent: int

    def holds(self, line: str) -> bool:
        """Whether a row stands below it: further in."""
        return _indent(line) > self.indent


def heading(line: str) -> Heading | None:
    """The heading that a line is, if it speaks of a held-out set and of nothing else."""
    if len(line) > LONGEST_HEADING or not (found := _HEADING.fullmatch(line)):
        return None
    split = split_of([found[1]])
    return Heading(split=split, indent=_indent(line)) if split in ("val", "test") else None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def columns(line: str) -> tuple[str, ...]:
    """The names in the line that stands above each epoch of YOLO; nothing for another line."""
    names = tuple(line.split())
    known = names[: len(FIRST_COLUMNS)] == FIRST_COLUMNS and names[-1] == LAST_COLUMN and len(set(names)) == len(names)
    return names if known else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """The columns of a table whose names have a line of dashes below them."""

    names: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def read(self, line: str) -> tuple[Shape, Sequence[float]] | None:
        """The numbers of a row by its names; None for a line that is no row of this table."""
        told: dict[str, float] = {}
        filled = -1
        words = list(re.finditer(r"\S+", line))
        # Colours are counted by who pads a column, so that a row may be narrower than its rule.
        filled_up = len(words) == len(self.spans)
        for number, word in enumerate(words):
            at = number if filled_up else self._column(word)
            if at <= filled:
                return None
            filled = at
            try:
                told[self.names[at]] = float(word[0])
            except ValueError:
                if word[0] != "+":  # skorch: a checkpoint was saved
                    return None
        if len(told) < FEWEST_COLUMNS or self.names[0] not in told:
            return None
        return _shape(tuple(told)), list(told.values())

    def _column(self, word: re.Match[str]) -> int:
        return next((at for at, (start, end) in enumerate(self.spans) if word.end() > start and word.start() < end), -1)


def ruled(names: str, rule: str) -> Ruled | None:
    """The table that begins with two such lines; None where they are something else."""
    if not _RULE.fullmatch(rule):
        return None
    spans = tuple(found.span() for found in re.finditer(r"-+", rule))
    columns = [names[start:end].strip() for start, end in spans]
    between = "".join(names[end:start] for (_, end), (start, _) in zip(spans, (*spans[1:], (None, None)), strict=True))
    told = list(translated({name: at for at, name in enumerate(columns)}))
    if between.strip() or names[: spans[0][0]].strip() or len(told) < max(len(spans), FEWEST_COLUMNS) or not all(told):
        return None
    return Ruled(names=tuple(told), spans=spans)


def _shape(names: tuple[str, ...]) -> Shape:
    nothing = (-1,) * len(names)
    return Shape(
        names=names,
        tags=names,
        totals=nothing,
        averages=nothing,
        followers=nothing,
        width=len(names),
        split="",
        rank="",
        bar=False,
        numbered=False,
    )
