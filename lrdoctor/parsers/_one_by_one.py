"""The rows of a table one by one, where they are few or not all of one kind: slow, and what rules in case of doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from lrdoctor import limits
from lrdoctor.parsers._cells import Growing
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._table import JOINED_LINES, Layout, cells, fitted, is_rule, number

Place = tuple[int, int]
"""Where a line begins: how many bytes into the body, and the number of the line."""
NUL_BYTES = "NUL bytes in the line: it is left out"


def one_by_one(growing: Growing, table: Layout, place: Place, end: int, damage: Damage) -> Place:
    """Take the rows that begin from `place` on and before the byte `end`; where the next one begins.

    The last of them may run over `end`, as a quoted cell does that has several lines.
    """
    headers: dict[str, list[str]] = {}
    for line, text, following in _lines(table.body, place, damage):
        row = headers.get(text) or fitted(cells(text, table.separator), len(growing.names))
        again = headers.get(text) or _header(row, table.names)
        if again is not None:
            # A logger that was started again wrote its header again, perhaps with other columns.
            growing.begin_anew(again)
            headers = {text: again}
        elif says_nothing(row, growing.names):
            pass
        elif len(row) != len(growing.names):
            damage.add(f"line {line}", "unreadable_row", wrong_width(len(row), len(growing.names)))
        elif not is_rule(row):
            growing.add(row, line)
        place = following
        if place[0] >= end:
            break
    else:
        return len(table.body), place[1]
    return place


def first_row(growing: Growing, table: Layout, damage: Damage) -> Place:
    """Take the row below the header if it only lacks its last columns; where the next one begins."""
    place, width = (0, table.first_row), len(table.names)
    ahead = list(islice(_lines(table.body, place, Damage(Path(damage.path))), 2))
    rows = [fitted(cells(text, table.separator), width) for _, text, _ in ahead]
    if not _begins_short(rows, width):
        return place
    line, _, following = ahead[0]
    row = rows[0]
    message = f"{len(row)} cells where the header has {width}: the row before the first step lacks the others"
    damage.add(f"line {line}", "short_row", message, 0)
    growing.add([*row, *[""] * (width - len(row))], line)
    return following


def dropped(line: bytes, table: Layout, width: int) -> str | None:
    """Why a line is no row, empty for one that says nothing; None where it may be one, or a header."""
    text = line.decode("utf-8", "replace").strip("\0")
    if not text.strip():
        return ""
    if "\0" in text:
        return NUL_BYTES
    if '"' in text:
        return None
    row = fitted(cells(text, table.separator), width)
    if says_nothing(row, table.names):
        return ""
    return None if len(row) == width or _header(row, table.names) is not None else wrong_width(len(row), width)


def says_nothing(row: Sequence[str], names: Sequence[str]) -> bool:
    """Whether this is the row of an epoch that fastai skips where it takes up a training: its number and a time."""
    return len(row) == 2 < len(names) and (names[0], names[-1]) == ("epoch", "time") and row[1] == "00:00"


def wrong_width(cells: int, width: int) -> str:
    """What is said of a row with so many cells."""
    return f"{cells} cells where the header has {width}: the row is left out"


def _begins_short(rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the first row only lacks its last columns: some writers log before the first step what they have by then.

    It must hold half of the columns, of the same kinds as the full row below, with a lower count in front. Further down
    a short row may as well be torn, or lack a column in its middle.
    """
    if len(rows) < 2 or not width / 2 <= len(rows[0]) < width == len(rows[1]):
        return False
    first, second = ([number(cell) for cell in row] for row in rows)
    if not (isinstance(first[0], float) and isinstance(second[0], float) and first[0] < second[0]):
        return False
    return all(one is not None and type(one) is type(other) for one, other in zip(first, second, strict=False))


def _lines(body: bytes, place: Place, damage: Damage) -> Iterator[tuple[int, str, Place]]:
    """Number and text of every line that may be a row, and where the next begins.

    One whose quoted cell runs over several lines is joined.
    """
    (at, line), longest = place, limits.current().line
    while at < len(body):
        number = line
        text, at, taken = _joined(body, at)
        line += taken
        if not text.strip():
            continue
        if "\0" in text:
            damage.add(f"line {number}", "unreadable_row", NUL_BYTES)
        elif len(text) > longest:
            damage.over("line", f"a line of more than {limits.shown('line')} is left out", 1, f"line {number}")
        else:
            yield number, text, (at, line)


def _joined(body: bytes, at: int) -> tuple[str, int, int]:
    """The text of the line at this byte with those that its quoted cell runs over, where it ends, and how many."""
    end = body.find(b"\n", at)
    text = body[at:end].decode("utf-8", "replace").strip("\0")
    if not text.count('"') % 2:
        return text, end + 1, 1
    pieces, start = [text], end + 1
    while start < len(body) and len(pieces) <= JOINED_LINES:
        until = body.find(b"\n", start)
        piece, start = body[start:until].decode("utf-8", "replace"), until + 1
        pieces.append(piece)
        if piece.count('"') % 2:
            return "\n".join(pieces), start, len(pieces)
    return text, end + 1, 1


def _header(row: Sequence[str], names: Sequence[str]) -> list[str] | None:
    """The names in a row that is a header: only different texts, half of them known."""
    if len(set(row) & set(names)) * 2 < len(row) or len(set(row)) != len(row):
        return None
    return list(row) if all(isinstance(number(cell), str) for cell in row) else None
