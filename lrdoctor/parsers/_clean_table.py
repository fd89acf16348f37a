"""The rows of a table many at a time: those that are as they should be go through pandas' C engine.

A block of lines is brought into the form that pandas reads as we do: quotes only around whole cells, one separator, the
decimal point. What stands between good rows and surely is none is counted. Where anything else is odd, it is left to
`_one_by_one`. The result is the same but for a number's last bits.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lrdoctor import limits
from lrdoctor.model import Floats, Ints
from lrdoctor.parsers._cells import Said
from lrdoctor.parsers._damage import PLACES
from lrdoctor.parsers._one_by_one import Place, dropped, wrong_width
from lrdoctor.parsers._table import JOINED_LINES, MISSING, NEWLINE, SEPARATORS, Layout, is_rule, with_point

if TYPE_CHECKING:
    import pandas as pd

BYTES_AT_ONCE = 1 << 22
ROWS_AT_ONCE = 128
"""The fewest for which pandas is worth its beginning, of long rows."""
LONGEST_BLOCK = 1 << 24
NAMES_SOUGHT = 64
"""So many names are soon found not to stand in a block, in which then no line is a header."""
_OUTER_BARS = re.compile(rb"(?:^|\n)[ \t]*\||\|[ \t]*\n")
_NO_DECIMAL_COMMA = re.compile(rb"(?<![0-9]),|,(?![0-9])")
_THOUSANDS = re.compile(rb",[0-9]{3}(?![0-9])")
_ZEROS = re.compile(rb"\0*\n\0*")
_OUTER_TABS = re.compile(rb"(?:^|\n)\s*\t|\t\s*\n")
"""Beside quotes they are no empty cells."""
_BLANK = re.compile(rb"(?:^|\n)\s*\n")
_OTHER_SPACE = b"\v\f\x1c\x1d\x1e\x1f"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """What some lines of a table hold."""

    following: Place
    """Where the next begins."""
    columns: Mapping[str, Floats | Said]
    lines: Ints
    """The line that each row stands in."""
    bad: int
    """Lines that are no rows, without those that say nothing."""
    first_bad: Sequence[tuple[int, str]]
    """Line and fault of the first of these, as many as are told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Records:
    """Where the records of a text are, which are its lines but for cells of several lines."""

    starts: Ints
    lengths: Ints
    """In bytes, without the newline."""
    separators: Ints
    """In each, outside of quotes."""
    lines: Ints
    """The place of its first line among all, from 0 on."""


def block(table: Layout, names: Sequence[str], place: Place) -> Block | None:
    """The rows of some lines from `place` on, below a header of these names; None where pandas might read others."""
    at, line = place
    first = table.body.find(NEWLINE, at) + 1 - at
    size = min(max(BYTES_AT_ONCE, ROWS_AT_ONCE * first), LONGEST_BLOCK)
    raw = table.body[at : table.body.rfind(NEWLINE, at, at + size) + 1]
    if raw.count(b'"') % 2:
        # The last quote opens a cell that ends in the next block.
        raw = raw[: raw.rfind(NEWLINE, 0, raw.rfind(b'"')) + 1]
        if raw.count(b'"') % 2:
            return None
    text = _normal(raw, table, len(names)) if raw else None
    if not text:
        return None
    following = at + len(raw), line + raw.count(NEWLINE)
    width, separator = len(names), table.separator
    bad, first_bad = 0, list[tuple[int, str]]()
    if b'"' not in text and b"\0" not in text and _full(text, separator, width):
        lines = np.arange(line, following[1], dtype=np.int64)
    else:
        records = _records(text, separator)
        if records is None:
            return None
        good = _good(text, records, width)
        faults = _faults(text, records, good, table, width)
        if faults is None:
            return None
        bad, first_bad = faults[0], [(line + number, fault) for number, fault in faults[1]]
        text = np.frombuffer(text, dtype=np.uint8)[np.repeat(good, records.lengths + 1)].tobytes()
        lines = line + records.lines[good]
    columns = _columns(text, table, names, len(lines))
    if columns is None:
        return None
    return Block(following=following, columns=columns, lines=lines, bad=bad, first_bad=first_bad)


def _normal(text: bytes, table: Layout, width: int) -> bytes | None:
    """The same rows as pandas wants them, line by line; None where that is more than a change of separators."""
    separator = table.separator
    if b'"' in text and separator not in ",;" and (separator != "\t" or not text.isascii() or _OUTER_TABS.search(text)):
        return None
    if b"\0" in text:
        if b'"' in text:
            return None
        text = _ZEROS.sub(b"\n", text.lstrip(b"\0"))
        if b"\0" in text and separator in " |":
            return None
    if separator != "," and b"," in text and _NO_DECIMAL_COMMA.search(text):
        return None
    # Beside another separator than the semicolon 4,400 is four thousand.
    if separator not in ",;" and b"," in text and _THOUSANDS.search(text):
        return None
    if separator in " |" and not text.isascii():
        return None
    if separator in " |\t" and len(text.translate(None, _OTHER_SPACE)) < len(text):
        return None
    if separator == " ":
        return b"\n".join([b" ".join(line.split()) for line in text.split(NEWLINE)])
    if separator == "|":
        return _without_bars(text)
    begins = NEWLINE + text
    if separator == "\t" and (b"\n\t" in begins or b"\n " in begins) and _BLANK.search(text):
        return None
    if (
        width > 1
        and b'"' not in text
        and text.endswith(separator.encode() + NEWLINE)
        and _full(text, separator, width + 1)
    ):
        end = separator.encode() + NEWLINE
        text = text.replace(end, NEWLINE) if text.count(end) == text.count(NEWLINE) else text
    return text


def _without_bars(text: bytes) -> bytes | None:
    """Lines in bars without the outer ones; None where only some lines have them."""
    lines = text.count(NEWLINE)
    begins = NEWLINE + text
    if b"\n||\n" in begins:
        return None  # which would become a line that says nothing
    if b"\n|\n" in begins or not begins.count(b"\n|") == text.count(b"|\n") == lines:
        return None if _OUTER_BARS.search(text) else text
    return text[1:-2].replace(b"|\n|", NEWLINE) + NEWLINE


def _full(text: bytes, separator: str, width: int) -> bool:
    """Whether every line is a row of so many cells, at least two, and none is too long."""
    if width < 2 or text.translate(None, _OTHERS[separator]) != (separator * (width - 1) + "\n").encode() * text.count(
        NEWLINE
    ):
        return False
    longest, start = limits.current().line, 0
    while start < len(text):
        end = text.rfind(NEWLINE, start, start + longest + 1)
        if end < 0:
            return False
        start = end + 1
    return True


_OTHERS = {separator: bytes(set(range(256)) - {ord("\n"), ord(separator)}) for separator in SEPARATORS}
"""What is neither a newline nor this separator."""


def _records(text: bytes, separator: str) -> _Records | None:
    """The records of a text; None where a quote does not stand at the edge of a cell, or a cell has too many lines."""
    characters = np.frombuffer(text, dtype=np.uint8)
    newlines = np.flatnonzero(characters == ord("\n"))
    separators, ends = np.flatnonzero(characters == ord(separator)), newlines
    if b'"' in text:
        quotes = np.flatnonzero(characters == ord('"'))
        opening, closing = quotes[::2], quotes[1::2]
        edge = (characters == ord(separator)) | (characters == ord("\n"))
        if not (edge[opening[opening > 0] - 1].all() and edge[closing + 1].all()):
            return None
        ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
        separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
    starts = np.concatenate(([0], ends[:-1] + 1))
    lines = np.searchsorted(newlines, starts)
    lengths = ends - starts
    if b'"' in text and (np.diff(lines).max(initial=0) > JOINED_LINES or lengths.max() > csv.field_size_limit()):
        return None
    return _Records(
        starts=starts,
        lengths=lengths,
        separators=np.diff(np.searchsorted(separators, ends), prepend=0),
        lines=lines,
    )


def _good(text: bytes, records: _Records, width: int) -> NDArray[np.bool_]:
    """Which records are as long as the header, without anything that pandas might read otherwise."""
    good = (records.separators == width - 1) & (records.lengths <= limits.current().line) & (records.lengths > 0)
    if width == 1:  # an empty line is no row
        good &= np.frombuffer(text, dtype=np.uint8)[records.starts] > ord(" ")
    if b"\0" in text:
        zeros = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == 0)
        good[np.searchsorted(records.starts, zeros, side="right") - 1] = False
    return np.asarray(good)


def _faults(
    text: bytes, records: _Records, good: NDArray[np.bool_], table: Layout, width: int
) -> tuple[int, list[tuple[int, str]]] | None:
    """How many of the others are bad, and of the first the place and the fault; None where one may be a row."""
    odd = np.flatnonzero(~good)
    if not len(odd):
        return 0, []
    if records.lengths.max() > limits.current().line:
        return None
    first = np.frombuffer(text, dtype=np.uint8)[records.starts[odd]]
    cells, blank = records.separators[odd] + 1, records.lengths[odd] == 0
    named = len(table.names) > NAMES_SOUGHT or any(name.encode() in text for name in table.names)
    # No white space to be stripped, and a cell more or less than would do, beside that of a last separator.
    last = np.frombuffer(text, dtype=np.uint8)[(records.starts + records.lengths)[odd] - 1]
    empty = (last <= ord(" ")) | (last > 126) | (last == ord(table.separator)) | (last == ord('"'))
    plain = (first > ord(" ")) & (first < 127) & (cells != width) & ((cells != width + 1) | ~empty)
    if named or b"\0" in text:
        plain[:] = False
    bad, faults = plain.copy(), dict[int, str]()
    for at in np.flatnonzero(~plain & ~blank).tolist():
        start = int(records.starts[odd[at]])
        line = text[start : start + int(records.lengths[odd[at]])]
        if table.separator == "|":
            fault = None if line.isspace() else dropped(b"|%b|" % line, table, width)
        else:
            fault = dropped(line, table, width)
        if fault is None:
            return None
        bad[at] = bool(fault)
        faults[at] = fault
    worst = np.flatnonzero(bad)[: PLACES + 1].tolist()
    told = [(int(records.lines[odd[at]]), faults.get(at) or wrong_width(int(cells[at]), width)) for at in worst]
    return int(bad.sum()), told


def _columns(text: bytes, table: Layout, names: Sequence[str], rows: int) -> dict[str, Floats | Said] | None:
    """The columns of full rows; None where pandas sees other rows than we do, or one is no row to us."""
    import pandas as pd

    if not rows:
        return {}
    if text.startswith(b"\xef\xbb\xbf"):  # which pandas would leave out
        return None
    found: dict[str, Floats | Said] = {}
    # A row of nothing but dashes is the rule below a header.
    missing = sorted(MISSING - {"--"} if b"--" in text else MISSING)
    comma = table.separator != "," and b"," in text
    how: dict[str, Any] = {"decimal": ","} if comma else {}
    try:
        frame = _frame(text, table, names, keep_default_na=False, na_values=missing, **how)
        # A cell that says nan makes a column of text; so in one of numbers, NaN is an empty cell.
        odd = [name for name in names if frame[name].dtype.kind not in "fiu"]
        texts = _frame(text, table, names, usecols=odd, dtype=str, na_filter=False) if odd else frame
    except ValueError:  # pandas' own errors among them
        return None
    if len(frame) != rows or len(texts) != rows:
        return None
    for name in names:
        if name in odd:
            codes, said = pd.factorize(texts[name].to_numpy(dtype=object))
            cells = [cell.strip() for cell in said.tolist()]
            found[name] = codes, [with_point(cell, table.separator) for cell in cells] if comma else cells
        else:
            found[name] = frame[name].to_numpy(dtype=np.float64)
    return None if len(odd) == len(names) and _may_be_none(found, table.names) else found


def _may_be_none(found: Mapping[str, Floats | Said], names: Sequence[str]) -> bool:
    """Whether a row of a text in every column may be a header, or the rule below one."""
    said = [cells[1] for cells in found.values() if isinstance(cells, tuple)]
    return any(is_rule([cell]) for cell in said[0]) or not all(set(names).isdisjoint(cells) for cells in said)


def _frame(text: bytes, table: Layout, names: Sequence[str], **how: Any) -> pd.DataFrame:
    """The rows, read as `how` says to pandas."""
    import pandas as pd

    frame: pd.DataFrame = pd.read_csv(
        io.BytesIO(text),
        sep=table.separator,
        header=None,
        names=list(names),
        index_col=False,
        skip_blank_lines=False,
        low_memory=False,
        encoding_errors="replace",
        **how,
    )
    return frame
