"""What a delimited text file is made of: its header, its separator, its lines, and what a single cell says.

An empty cell is missing, not NaN; the words nan and inf are numbers. Header and rows may use different separators. A
table may begin after text, if what the first line would be the header of is none.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from lrdoctor import limits
from lrdoctor.errors import LogError, NotALog
from lrdoctor.parsers._damage import Damage

SEPARATORS = ",;\t| "
"""The last one stands for any white space, and is taken where no other fits as well."""
LOOKED_AT = 20
"""Lines that decide which character separates the cells."""
JOINED_LINES = 100
"""A quoted cell may run over so many lines; a stray quote must not swallow the file."""
MISSING = frozenset({"", "na", "n/a", "null", "none", "-", "--"})
NEWLINE = b"\n"
MOST_TRIED = 1_000
"""Lines that may be the header of a table below a text."""
FEWEST_ROWS = 2
"""So many rows of numbers below it make a line within a text the header of a table."""
_LATER = re.compile(
    rb"^[ \t|]*+(?=[a-z_\"])(?>[^\n]*?(?:loss|acc|lr|rate|nll))[^\n]*+\n(?:[ \t|:+-]*+\n)?[ \t|\"]*+[-+]?[.0-9]",
    re.IGNORECASE | re.MULTILINE,
)
"""A line of words, one of which speaks of a curve, above one that begins with a number."""
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+([eE][-+]?[0-9]+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?")
_LIST = re.compile(r"[0-9]+\.[0-9]+(,[0-9]+\.[0-9]+)+")
_TENSOR = re.compile(r"tensor\(([^,()]+)[^()]*\)")
_RULE = re.compile(r":?-{2,}:?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the first lines of a table say of the others."""

    names: tuple[str, ...]
    """All different, none empty."""
    separator: str
    header: str
    first_row: int
    """Number of the line below the header, counted from 1."""
    body: bytes
    """All lines below the header, in UTF-8, each but perhaps the last ended by a bare newline."""
    sample: Sequence[str] = ()
    """The first of them that say anything, as text."""


def layout(content: bytes, speaks: Callable[[Sequence[str]], bool] = bool) -> Layout:
    """Header, separator and rows of a table. Raises `NotALog` for what is none, `LogError` for one of too many columns.

    `speaks` says whether column names are worth a look: of several tables below a text, the first one that does counts.
    """
    content = _plain(content)
    try:
        table = _from_the_start(content, speaks)
    except NotALog:
        later = _below_text(content, speaks)
        if later is None:
            raise
        return later
    return table if _holds_numbers(table) else _below_text(content, speaks) or table


def _from_the_start(content: bytes, speaks: Callable[[Sequence[str]], bool]) -> Layout:
    comment, number, longest = "", 0, limits.current().line
    for start, end in _bounds(content):
        number += 1
        if end - start > longest:
            said = f"not a table: line {number} is longer than {limits.shown('line')}"
            raise NotALog(f"{said}; {limits.raised_by('line', end - start)}")
        line = _text(content[start:end]).strip("\0 ")
        if line.startswith("#"):
            comment = line.lstrip("# ")
            continue
        if not line:
            continue
        if comment and _all_numbers(line):
            # numpy.savetxt writes the header as a comment.
            return _layout(comment, content[start:], number, speaks)
        return _layout(line, content[end + 1 :], number + 1, speaks)
    raise NotALog("an empty file" if not comment else "not a table: nothing but comments")


def _below_text(content: bytes, speaks: Callable[[Sequence[str]], bool]) -> Layout | None:
    """The first table that begins within a text, or None."""
    for found in islice(_LATER.finditer(content), MOST_TRIED):
        end = content.find(b"\n", found.start())
        if end - found.start() > limits.current().line:
            continue
        try:
            table = _layout(_text(content[found.start() : end]).strip("\0 "), content[end + 1 :], 0, speaks)
        except NotALog:
            continue
        named = len(table.names) > 1 and not any(isinstance(number(name), float) for name in table.names)
        if named and speaks(table.names) and _rows_of_numbers(table, 2, FEWEST_ROWS) == FEWEST_ROWS:
            return replace(table, first_row=content.count(b"\n", 0, end) + 2)
    return None


def _holds_numbers(table: Layout) -> bool:
    """Whether some of the first rows, if there are any, is as wide as the header and holds a number.

    Lines of prose have spaces, too: where these separate the cells, half of them must be numbers, and no name be one.
    """
    prose = table.separator == " "
    if prose and any(isinstance(number(name), float) for name in table.names):
        return False
    return _rows_of_numbers(table, 2 if prose else len(table.names), 1) > 0 or not table.sample


def _rows_of_numbers(table: Layout, share: int, enough: int) -> int:
    """How many of the first rows fit the header, and are numbers in at least one cell of so many; at most `enough`."""
    width = len(table.names)
    rows = (fitted(cells(line, table.separator), width) for line in table.sample)
    fitting = (
        row
        for row in rows
        if len(row) == width and share * sum(isinstance(number(cell), float) for cell in row) >= width
    )
    return len(list(islice(fitting, enough)))


def _plain(content: bytes) -> bytes:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16", "replace").encode("utf-8", "replace")  # what PowerShell's `>` writes
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.endswith(b"\0"):
        # Room that a file system gave and nobody filled; behind half a line it says that this is one.
        written = content.rstrip(b"\0")
        content = written if written.endswith((b"\n", b"\r")) else content
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _bounds(content: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        yield start, end
        start = end + 1


def _layout(header: str, body: bytes, first_row: int, speaks: Callable[[Sequence[str]], bool]) -> Layout:
    sample = _sample(body)
    above, below = _separators(header, sample)
    names = cells(header, above)
    while len(names) > 1 and not names[-1]:
        names.pop()
    if len(names) > limits.current().columns:
        said = f"more than {limits.shown('columns')} columns; {limits.raised_by('columns', len(names))}"
        # A matrix of data is no log that anybody missed; a log with so many columns is.
        raise LogError(said) if speaks(names[: limits.current().columns]) else NotALog(f"not a training curve: {said}")
    if all(isinstance(number(name), float) for name in names):
        raise NotALog("not a training curve: the first line names no columns")
    return Layout(names=_distinct(names), separator=below, header=header, first_row=first_row, body=body, sample=sample)


def _sample(body: bytes) -> list[str]:
    end = 0
    for _ in range(LOOKED_AT):
        end = body.find(b"\n", end) + 1 or len(body)
    longest = limits.current().line
    return [line[:longest] for line in _text(body[:end]).split("\n")[:LOOKED_AT] if line.strip()]


def _separators(header: str, sample: list[str]) -> tuple[str, str]:
    """What separates the names, and what the cells: the pair under which most lines are as long as the header."""

    def agreement(pair: tuple[str, str]) -> tuple[int, bool, bool, int]:
        width = len(cells(header, pair[0]))
        return _fitting(sample, pair[1], width) if width > 1 else 0, " " not in pair, pair[0] == pair[1], width

    there = [separator for separator in SEPARATORS if separator in header]
    surely = [separator for separator in there if separator != " "]
    # No other pair can do better than the only one of its kind.
    if len(surely) == 1 and sample and agreement((surely[0], surely[0]))[0] == len(sample):
        return surely[0], surely[0]
    return max(((above, below) for above in there for below in SEPARATORS), key=agreement, default=(",", ","))


def _fitting(lines: Sequence[str], separator: str, width: int) -> int:
    """How many of the lines have so many cells."""
    plain, fitting = separator in ",;\t", 0
    for line in lines:
        surely = plain and line.count(separator) == width - 1 and '"' not in line
        if surely or len(fitted(cells(line, separator), width)) == width:
            fitting += 1
    return fitting


def _distinct(names: list[str]) -> tuple[str, ...]:
    """As they are, but for the second of two equal ones and for those without any."""
    if all(names) and len(set(names)) == len(names):
        return tuple(names)
    taken: dict[str, int] = {}
    distinct = []
    for at, name in enumerate(names, 1):
        name = name or f"column {at}"
        taken[name] = taken.get(name, 0) + 1
        distinct.append(name if taken[name] == 1 else f"{name}.{taken[name] - 1}")
    return tuple(distinct) if len(set(distinct)) == len(distinct) else tuple(f"{n}#{at}" for at, n in enumerate(names))


def cells(line: str, separator: str) -> list[str]:
    """The cells of one line, at least one, without what pads them; the outer bars of a table in bars are no cells."""
    if '"' in line:
        try:
            found = next(csv.reader([line.strip()], delimiter=separator, skipinitialspace=True), [""])
        except csv.Error:
            found = [line]  # a cell beyond csv's limit of 128 KiB: no row of numbers
    else:
        found = line.split(separator) if separator != " " else line.split()
    found = [cell.strip() for cell in found]
    if separator != "," and "," in line:
        found = [with_point(cell, separator) for cell in found]
    if separator == "|" and len(found) > 1:
        found = found[not found[0] : len(found) - (not found[-1])]
    return found or [""]


def with_point(cell: str, separator: str) -> str:
    """Where a comma does not separate the cells, it separates the decimals; 4,400 only where Germans write tables."""
    if not _DECIMAL_COMMA.fullmatch(cell) or (separator != ";" and _THOUSANDS.fullmatch(cell)):
        return cell
    return cell.replace(",", ".")


def fitted(row: list[str], width: int) -> list[str]:
    """The row without the empty cell that a separator at its end makes."""
    return row[:-1] if len(row) == width + 1 and not row[-1] else row


def is_rule(row: list[str]) -> bool:
    """Whether this is the line under the header of a Markdown table."""
    return all(_RULE.fullmatch(cell) for cell in row)


def number(cell: str) -> float | str | None:
    """What a cell without padding says: a number, nothing (None), or the text itself."""
    try:
        # Python reads 1_000 as a number, and no logger writes it.
        return float(cell) if "_" not in cell else cell
    except ValueError:
        pass
    if cell.lower() in MISSING:
        return None
    tensor = _TENSOR.fullmatch(cell)
    if tensor:
        return number(tensor[1])
    return _with_commas(cell) if "," in cell else cell


def _with_commas(cell: str) -> float | str:
    """4,400 is a number; several rates in one cell, as flair writes those of its groups, are told by the largest."""
    if _THOUSANDS.fullmatch(cell):
        return float(cell.replace(",", ""))
    return max(map(float, cell.split(","))) if _LIST.fullmatch(cell) else cell


def _all_numbers(line: str) -> bool:
    return any(all(isinstance(number(cell), float) for cell in cells(line, separator)) for separator in SEPARATORS)


def terminated(content: bytes, damage: Damage) -> bytes:
    """The lines of a logger that ends each with a newline: what follows the last is half a line, and half a number."""
    end = content.rfind(b"\n") + 1
    if content[end:].strip(b"\0 "):
        place = f"line {content.count(NEWLINE) + 1}"
        damage.add(place, "truncated_tail", "the last line is cut off: it is left out")
    return content[:end]


def unfinished(body: bytes) -> tuple[bytes, str]:
    """The lines that are ended by a newline, and what follows them: perhaps half a line."""
    end = body.rfind(b"\n") + 1
    return body[:end], _text(body[end:])
