"""Scalar points out of event files, in one of two ways with one result.

The reference is `_by_python`: records by `_tfrecord`, each decoded by `_event`. A scalar record is wall time, step, and
bytes that are the same for every point of its tag but for the value among them; so once a record has been decoded field
by field, others like it are recognised by those bytes. `_events`, in C, does the same for the records that it
understands and leaves every other one, and all damage, to what is here.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from lrdoctor import limits
from lrdoctor.model import Scalar
from lrdoctor.parsers import _event_extras as extras
from lrdoctor.parsers import _tfrecord as tfrecord
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._event import FLOAT, MalformedError, Value, decode
from lrdoctor.parsers._metrics import tell_tags
from lrdoctor.parsers._series import Logged
from lrdoctor.parsers._tfrecord import Batch, anywhere

if TYPE_CHECKING:
    from lrdoctor.parsers import _events

SMALL_TENSOR = 512
"""Bytes. One number with its type and shape takes 20; a longer tensor is no scalar, and is not decoded."""
WINDOW = 1 << 19
"""Bytes that the accelerator reads at once; they stay in the second-level cache."""
WALL_TIME, STEP = 0x09, 0x10
"""Keys of an event's first two fields."""
NOWHERE = 1 << 40
"""Behind the end of every record."""
NO_RECORDS = Batch(0, b"", np.zeros(0, np.int64), np.zeros(0, np.int64), [])
SCALARS = b"scalars"
HPARAMS = b"_hparams_/session_start_info"
ARGUMENTS = b"args/text_summary"


class Column:
    """The points of one tag."""

    def __init__(self) -> None:
        self.steps, self.values, self.times = array("q"), array("d"), array("d")
        self.rows: list[int] = []
        """Records of the present batch that come after these points, each of the shape below."""
        self.before, self.behind = b"", b""
        """What stands in those records between the step and the number, and behind the number."""


class Points:
    """The points of each tag in the order of writing, as the accelerator's `Scanner` keeps them too."""

    def __init__(self) -> None:
        self.tags: dict[bytes, Column] = {}
        self.batch, self.steps = NO_RECORDS, NO_RECORDS.starts
        """The records that are being read, and the step of each, as far as that is a number behind a wall time."""
        self._most = limits.current().tags

    def append(self, tag: bytes, step: int, value: float, time: float) -> bool:
        """Add one point; False where that would be one tag too many."""
        column = self.tags.get(tag)
        if column is None:
            if len(self.tags) >= self._most:
                return False
            column = self.tags[tag] = Column()
        if column.rows:
            self.settle([column])
        column.steps.append(step)
        column.values.append(value)
        column.times.append(time)
        return True

    def begin(self, batch: Batch) -> list[int]:
        """Go on to these records, and where in the data of each its step ends; far behind where there is none."""
        self.batch = batch
        byte, at = anywhere(batch.content, "u1"), batch.starts
        going = (byte.take(at, mode="clip") == WALL_TIME) & (byte.take(at + 9, mode="clip") == STEP)
        ends = np.where(going, 10, NOWHERE)
        self.steps = np.zeros(len(at), np.int64)
        for place in range(9):  # one of ten bytes is negative, and for the slow way
            digit = byte.take(at + (10 + place), mode="clip")
            self.steps |= np.where(going, (digit & 0x7F).astype(np.int64) << 7 * place, 0)
            ends += going
            going &= digit > 0x7F
            if not going.any():
                break
        ends[going] = NOWHERE
        found: list[int] = ends.tolist()
        return found

    def settle(self, columns: Iterable[Column]) -> None:
        """Take the points out of the records that wait: the number stands where the shape says."""
        columns = [column for column in columns if column.rows]
        if not columns:
            return
        counts = [len(column.rows) for column in columns]
        rows = np.fromiter(chain.from_iterable(column.rows for column in columns), np.int64, sum(counts))
        starts = self.batch.starts[rows]
        numbers = self.batch.ends[rows] - np.repeat([4 + len(column.behind) for column in columns], counts)
        steps = self.steps[rows]
        values = anywhere(self.batch.content, "<f4")[numbers].astype("<f8")
        times = anywhere(self.batch.content, "<f8")[starts + 1]
        at = 0
        for column, count in zip(columns, counts, strict=True):
            column.rows.clear()
            column.steps.frombytes(steps[at : at + count].tobytes())
            column.values.frombytes(values[at : at + count].tobytes())
            column.times.frombytes(times[at : at + count].tobytes())
            at += count

    def purge(self, step: int) -> int:
        """Drop each tag's latest points at this step and above it; how many they were."""
        self.settle(self.tags.values())
        gone = 0
        for column in self.tags.values():
            keep = len(column.steps)
            while keep and column.steps[keep - 1] >= step:
                keep -= 1
            gone += len(column.steps) - keep
            del column.steps[keep:], column.values[keep:], column.times[keep:]
        return gone

    def sizes(self) -> list[tuple[bytes, int]]:
        """Each tag that has had points, and how many it has."""
        return [(tag, len(column.steps)) for tag, column in self.tags.items()]

    def take(self) -> Iterator[tuple[bytes, bytes, int, int, int]]:
        """Each tag that has had points; the block that holds its steps, values and wall times, one after the other;
        where in it they begin; the room that each of the three has; and how many points they are.

        Once only, since what was taken is let go of: no two tags are held twice.
        """
        for tag in list(self.tags):
            column = self.tags.pop(tag)
            block = b"".join((column.steps, column.values, column.times))
            count = len(column.steps)
            column.steps, column.values, column.times = array("q"), array("d"), array("d")
            yield tag, block, 0, count, count


class Scalars:
    """What the event files of one folder hold."""

    def __init__(self) -> None:
        built = tfrecord.accelerator()
        self._most = limits.current().tags
        self._points = Points()
        self._scanner: _events.Scanner | None = None
        if built is not None:
            seed = hash("tags") & 0xFFFFFFFF  # another one in each process, so that no file can aim at it
            with suppress(ValueError):  # somebody set limits for which it has no room; Python has
                self._scanner = built.Scanner(self._most, limits.current().record, SMALL_TENSOR, seed, WINDOW)
        self.hparams: dict[str, Scalar] = {}
        self.purged: dict[int, int] = {}
        """Points that were discarded because a session started at this step."""
        self._files = 0
        self._others = 0
        self._later: dict[bytes, list[int]] = {}
        """Where the points of each file but the first begin."""
        self._plugins: dict[bytes, bytes] = {}
        """Which plugin a tag belongs to; only its first value says so."""
        self._known: dict[bytes | tuple[bytes, bytes], Callable[[int], None]] = {}
        """What adds a record's number to the rows of its column, by the shape of the record."""
        self._behind: set[int] = set()
        """How many bytes may stand behind the number in a known shape."""

    @property
    def others(self) -> int:
        """Values that are no scalars: images, histograms, text."""
        return self._others + (self._scanner.others if self._scanner is not None else 0)

    def read(self, descriptor: int, damage: Damage, stop: int = tfrecord.NO_STOP) -> None:
        """Add the points of one open file, which follows those read before, up to the record that begins at `stop`."""
        store = self._scanner or self._points
        for tag, size in store.sizes() if self._files else ():
            self._later.setdefault(tag, []).append(size)
        self._files += 1
        if self._scanner is not None:
            self._by_accelerator(self._scanner, descriptor, damage, stop)
        else:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                self._by_python(file, damage, stop)

    def columns(self) -> dict[str, Logged]:
        """The points of each tag that has some, in the order in which the tags were met; nothing is read after this."""
        found: dict[str, Logged] = {}
        before: object = None
        for tag, block, first, room, size in (self._scanner or self._points).take():
            name = tag.decode("utf-8", "backslashreplace")
            while name in found:
                name += "'"
            if not size:
                continue
            if block is not before:  # short columns share one
                whole_numbers, numbers = np.frombuffer(block, np.int64), np.frombuffer(block)
                before = block
            second, third = first + room, first + 2 * room
            found[name] = Logged(
                steps=whole_numbers[first : first + size],
                values=numbers[second : second + size],
                wall_times=numbers[third : third + size],
                later_files=tuple(self._later.get(tag, ())),
            )
        return found

    # ---------------------------------------------------------------------------------------------------- two ways

    def _by_python(self, file: BinaryIO, damage: Damage, stop: int) -> None:
        known, behind = self._known, self._behind
        for batch in tfrecord.batches(file, damage, stop):
            step_ends = self._points.begin(batch)
            for number, data, at in zip(range(len(step_ends)), batch.datas, step_ends, strict=True):
                add = known.get(data[at:-4])
                if add is None:
                    for size in behind:
                        add = known.get((data[at : -size - 4], data[-size:]))
                        if add is not None:
                            break
                if add is not None:
                    add(number)
                else:
                    self._record(batch.place(number), data, damage)
            self._points.settle(self._points.tags.values())
        self._points.batch = NO_RECORDS  # lets go of the last ones

    def _by_accelerator(self, scanner: _events.Scanner, descriptor: int, damage: Damage, stop: int) -> None:
        from lrdoctor.parsers import _events

        file: BinaryIO | None = None
        at: int | None = 0
        while at is not None:
            what, at, length = scanner.scan(descriptor, at, stop)
            size = tfrecord.HEADER + length + tfrecord.FOOTER
            if what == _events.END:
                tfrecord.truncated(length, at, damage)
                return
            file = file or os.fdopen(descriptor, "rb", closefd=False)  # most files need none
            if what == _events.UNUSUAL:
                file.seek(at + tfrecord.HEADER)
                self._record(at, file.read(length), damage)
                at += size
            elif what == _events.BAD_CHECKSUM:
                tfrecord.bad_checksum(at, damage)
                at += size
            elif what == _events.LOST:
                at = tfrecord.found_again(file, at, damage)
            else:
                at = tfrecord.behind_long(file, at, size, damage)

    # --------------------------------------------------------------------------------------------------- one event

    def _record(self, offset: int, data: bytes, damage: Damage) -> None:
        """One record of any kind. It changes nothing unless all of it is an event."""
        try:
            event = decode(data)
        except MalformedError:
            damage.add(f"byte {offset}", "unreadable_record", "a record's checksum holds, but it is no event")
            return
        if event.session_starts:
            self._purge(event.step)
        for value in event.values:
            self._heed(value)
            number = self._number(value, data)
            if number is None:
                self._others += 1
            elif not (self._scanner or self._points).append(value.tag, event.step, number, event.wall_time):
                tell_tags(damage)
        if self._scanner is None and event.plain and len(event.values) == 1:
            self._remember(event.values[0], data)

    def _purge(self, step: int) -> None:
        store = self._scanner or self._points
        gone = store.purge(step)
        if gone:
            self.purged[step] = self.purged.get(step, 0) + gone
            for tag, size in store.sizes():
                self._later[tag] = [min(start, size) for start in self._later.get(tag, ())]

    def _heed(self, value: Value) -> None:
        """What a value's metadata says: its tag's plugin, or the configuration."""
        for metadata in value.metadata:
            if metadata.plugin and value.tag not in self._plugins and len(self._plugins) < self._most:
                self._plugins[value.tag] = metadata.plugin
                self._known.clear()  # among them may be tensors of this tag
            if value.tag == HPARAMS and metadata.plugin == b"hparams":
                self.hparams.update(extras.hyperparameters(metadata.content))
            elif value.tag == ARGUMENTS and metadata.plugin == b"text":
                self.hparams.update(extras.arguments(value.tensor))
            elif self._scanner is not None and value.tag in self._plugins:
                self._scanner.know(value.tag, self._plugins[value.tag] != SCALARS, metadata.whole)

    def _number(self, value: Value, data: bytes) -> float | None:
        """The number of a value that is a scalar."""
        if value.simple_at >= 0:
            return float(FLOAT(data, value.simple_at)[0])
        if not 0 < len(value.tensor) <= SMALL_TENSOR or self._plugins.get(value.tag, SCALARS) != SCALARS:
            return None
        return float(FLOAT(data, value.float_at)[0]) if value.float_at >= 0 else extras.number(value.tensor)

    def _remember(self, value: Value, data: bytes) -> None:
        """Let records like this one be read the fast way."""
        start = value.simple_at if value.simple_at >= 0 else value.float_at
        column = self._points.tags.get(value.tag)
        at = 9 if data[9] == 0x2A else _end(data)
        if start < at or column is None or len(self._known) >= self._most:
            return
        if value.tag in (HPARAMS, ARGUMENTS) or self._number(value, data) is None:
            return
        self._known.pop(_shape(column.before, column.behind), None)
        column.before, column.behind = data[at:start], data[start + 4 :]
        self._known[_shape(column.before, column.behind)] = column.rows.append
        if column.behind:
            self._behind.add(len(column.behind))


def _shape(before: bytes, behind: bytes) -> bytes | tuple[bytes, bytes]:
    """The key of the records that hold these bytes."""
    return (before, behind) if behind else before


def _end(data: bytes) -> int:
    """Where the step at 9 ends; beyond the data for one of ten bytes, which is negative, and of more."""
    for at in range(10, 19):
        if data[at] < 0x80:
            return at + 1
    return len(data)
