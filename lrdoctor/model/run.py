"""What a log tells: the runs, their curves, and what had happened to them on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_FLOAT64, _INT64 = np.dtype(np.float64), np.dtype(np.int64)
_ARRAYS = (("steps", _INT64), ("values", _FLOAT64), ("wall_times", _FLOAT64))
Scalar = str | int | float | bool | None
"""What a hyperparameter may be."""


class Role(StrEnum):
    """What a series means, whatever its logger called it."""

    TRAIN_LOSS = "train_loss"
    VAL_LOSS = "val_loss"
    LR = "lr"
    GRAD_NORM = "grad_norm"
    ACCURACY = "accuracy"
    EPOCH = "epoch"
    STEP = "step"


class Status(StrEnum):
    """Whether the training itself ended well, as far as the log says."""

    FINISHED = "finished"
    RUNNING = "running"
    CRASHED = "crashed"
    UNKNOWN = "unknown"


class Span(NamedTuple):
    """A stretch of the run, in steps, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One logged quantity over the run.

    Raises `ValueError` if the arrays differ in length or the steps do not strictly increase, so nobody downstream
    checks again. The arrays are read-only. Non-finite values are data and stay in.
    """

    tag: str
    """The name that the logger gave it."""
    steps: Ints
    """Shape (n,), optimizer steps (or epochs, where the log counts nothing finer); strictly increasing."""
    values: Floats
    """Shape (n,), in the unit that was logged; NaN and ±inf where the log says so."""
    wall_times: Floats | None = None
    """Shape (n,), seconds since 1970, or None where the log has no clock."""
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """What `lrdoctor.signal` has measured in it already. The arrays never change, so what was true of them stays so."""

    def __post_init__(self) -> None:
        for name, kind in _ARRAYS:
            array = getattr(self, name)
            if array is None:
                continue
            if not _never_changes(array, kind):
                array = np.array(array, dtype=kind)
                array.flags.writeable = False
                object.__setattr__(self, name, array)
            if array.shape != (len(self.steps),):
                raise ValueError(f"series {self.tag!r}: {name} has shape {array.shape}, not ({len(self.steps)},)")
        if np.count_nonzero(self.steps[1:] <= self.steps[:-1]):
            raise ValueError(f"series {self.tag!r}: steps do not strictly increase")

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the memo, which is many times as large; and arrays that come out of a pickle can be written to.
        return _series, (self.tag, self.steps, self.values, self.wall_times)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        where = f", steps {self.steps[0]:,} to {self.steps[-1]:,}" if len(self) else ""
        return f"Series({self.tag!r}, {len(self):,} point{'' if len(self) == 1 else 's'}{where})"

    def finite(self) -> Series:
        """The same series without its non-finite points."""
        keep = np.isfinite(self.values)
        if keep.all():
            return self
        times = None if self.wall_times is None else self.wall_times[keep]
        return Series(tag=self.tag, steps=self.steps[keep], values=self.values[keep], wall_times=times)


def _series(tag: str, steps: Ints, values: Floats, wall_times: Floats | None) -> Series:
    return Series(tag=tag, steps=steps, values=values, wall_times=wall_times)


def _never_changes(given: Any, kind: np.dtype[Any]) -> bool:
    """Whether this is an array of the kind that nobody can write to, so that it need not be copied.

    Its memory must belong to what is read-only itself: a view changes with what it looks at, and an array that owns its
    memory may be made writable again.
    """
    if type(given) is not np.ndarray or given.dtype != kind or given.flags.writeable:
        return False
    owner: Any = given.base
    while type(owner) is np.ndarray and not owner.flags.writeable:
        owner = owner.base
    owner = owner.obj if isinstance(owner, memoryview) else owner
    try:
        return not isinstance(owner, np.ndarray) and memoryview(owner).readonly
    except TypeError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One kind of damage at one place of one input: which points were dropped or replaced, and why."""

    path: str
    """The file, as the user named it."""
    place: str
    """`byte 9301`, `line 17`, or an empty string where the whole file is meant."""
    kind: str
    """Stable name for programs: `truncated_tail`, `bad_record_checksum`, `unreadable_row` …"""
    dropped: int
    """How many points (or records, where points cannot be counted) were lost; 0 if none was."""
    message: str
    """One sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """One training, as its log tells it."""

    name: str
    """Path of the run relative to the argument; unique in a report."""
    path: Path
    """File or folder that it was read from."""
    format: str
    """Name of the parser module that read it."""
    series: Mapping[str, Series]
    """By tag, in the order in which the log introduced them."""
    roles: Mapping[Role, str] = field(default_factory=dict)
    """Which tag plays which role. Every tag named here is in `series`."""
    hparams: Mapping[str, Scalar] = field(default_factory=dict)
    status: Status = Status.UNKNOWN
    planned_steps: int | None = None
    """How many steps the training was meant to take, where the log says so."""
    notes: tuple[str, ...] = ()
    """What was survived without loss: a restart and how many points it superseded, a choice made between two tags."""
    incidents: tuple[Incident, ...] = ()
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """What was found out about it already, as in `Series`: every detector asks for its span."""

    def __repr__(self) -> str:
        where = f", steps {self.span.first:,} to {self.span.last:,}" if self.span else ""
        return f"Run({self.name!r}, {self.format}, {len(self.series):,} series{where})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the loss over the rate, in markup without scripts."""
        from lrdoctor.reports._notebook import run_html

        return run_html(self)

    def __getitem__(self, role: Role) -> Series | None:
        tag = self.roles.get(role)
        return None if tag is None else self.series[tag]

    @property
    def span(self) -> Span | None:
        """First and last step of the training, or None for a run without points.

        The loss decides where there is one: a summary that is logged once, at some other count, is not the run's end.
        """
        try:
            known: Span | None = self.memo["span"]
        except KeyError:
            known = self.memo["span"] = self._span()
        return known

    def forget(self) -> None:
        """Let go of those memories of it and its series that take room: a few numbers each are what is left.

        For whoever holds thousands of runs; what is asked for again is measured again.
        """
        # A series of its own is remembered by no name but the run's.
        own = set(map(id, self.series.values()))
        for memo in (self.memo, *[series.memo for series in self.series.values()]):
            # By the type itself: to ask for what a value is an instance of takes longer than all the rest of it.
            for key in [key for key, value in memo.items() if type(value) in _LARGE and id(value) not in own]:
                del memo[key]

    def _span(self) -> Span | None:
        told = [s for role in (Role.TRAIN_LOSS, Role.VAL_LOSS, Role.LR) if (s := self[role]) is not None and len(s)]
        told = told or [s for s in self.series.values() if len(s)]
        if not told:
            return None
        return Span(min(int(s.steps[0]) for s in told), max(int(s.steps[-1]) for s in told))


_LARGE = frozenset({np.ndarray, Series, dict})
"""What takes room in a memory."""


def finite_or_none(value: float | None) -> float | None:
    """The value where it is a finite number, else None: strict JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None
