"""Which runs of a report are siblings: trainings of one model on one task, of one length, under other settings.

Two runs are kin when they log the same loss, are about as long, agree in every hyperparameter that is a word (model,
data set, loss), and carry names that speak of the same thing. Where no configuration lies beside the logs the names
and the loss of the untrained net are all there is, and the kinship is less sure. Runs of different optimizers or batch
sizes are kin, but no one sweep: their rates do not compare.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from lrdoctor.model import Role, Scalar, Status
from lrdoctor.ordering import median
from lrdoctor.siblings.measured import Reached, ended_badly, first_loss, reached, start_of
from lrdoctor.siblings.member import Member
from lrdoctor.signal import finite_loss

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

SHORTER = 0.9
"""Of the longest: runs that are shorter by more than a tenth had less time, and their final losses do not compare."""
LIKE_START = 2.0
"""Untrained losses that differ by more than this factor belong to different nets or data: seeds change them by some per
cent."""
SAME_START = 1e-3
"""Relative: so near to each other first losses come from one seed on one task, to the digits that are printed."""
OTHER_START = 0.1
"""Relative: the untrained losses of two groups of runs that their names alone set apart."""
FINE = 0.01
"""Of the run: a log whose first two points lie further apart tells no untrained loss."""
BY_CONFIGURATION, BY_NAME, BY_SUBJECT, BY_FOLDER = 0.95, 0.8, 0.6, 0.4
"""How sure it is that runs are siblings: configurations agree; names differ in settings alone; names begin alike and
differ in other words; nothing but the folder in common. Our own order of trust, no measured shares."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sibling:
    """One run of a family."""

    member: Member
    reached: Reached

    @property
    def name(self) -> str:
        """The run's name."""
        return self.member.name

    @property
    def final(self) -> float | None:
        """Its final loss; None for a run that diverged."""
        return self.reached.final


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """Runs of one family whose rates compare: one optimizer, one batch size. Best first, diverged ones last."""

    siblings: tuple[Sibling, ...]

    @property
    def optimizer(self) -> str | None:
        """Of all of them."""
        return self.siblings[0].member.optimizer

    @property
    def batch_size(self) -> float | None:
        """Of all of them."""
        return self.siblings[0].member.batch_size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Family:
    """Trainings of one model: at least two."""

    role: Role
    """The loss that they are compared by: that on the validation set where all have logged it."""
    metric: str
    """Its tag."""
    start: float
    """Loss of the untrained net."""
    kinship: float
    """How sure it is that they are siblings, between 0 and 1."""
    siblings: tuple[Sibling, ...]
    """Best first, diverged ones last."""
    sweeps: tuple[Sweep, ...]
    """The same runs, by optimizer and batch size; the sweep of the best run first."""


def families(members: Sequence[Member]) -> tuple[Family, ...]:
    """Every family of at least two comparable runs, in the order in which their first runs came."""
    able = [m for m in members if m.run.span is not None and (m.run[Role.TRAIN_LOSS] or m.run[Role.VAL_LOSS])]
    found: list[Family] = []
    for alike in _parted(_without_identifiers(able), _kind).values():
        for long in _by_length(alike):
            for named, kinship in _by_name(long, depth=0, parted=False):
                family = _family(named, kinship)
                found += [] if family is None else [family]
    order = {id(m.run): i for i, m in enumerate(members)}
    return tuple(sorted(found, key=lambda f: min(order[id(s.member.run)] for s in f.siblings)))


def _parted(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    parts: dict[K, list[T]] = {}
    for item in items:
        parts.setdefault(key(item), []).append(item)
    return parts


def _kind(m: Member) -> Hashable:
    """What siblings share to the letter: the tag of the loss, and every hyperparameter that is a word."""
    tag = m.run.roles.get(Role.TRAIN_LOSS) or m.run.roles.get(Role.VAL_LOSS)
    return tag, m.configured, tuple((name, value) for name, value in m.told if _is_word(value))


def _is_word(value: Scalar) -> bool:
    """Whether it is text, and no number that a logger kept as text."""
    return isinstance(value, str) and re.fullmatch(r"[-+.\deE]+|nan|inf|[Tt]rue|[Ff]alse", value) is None


def _without_identifiers(members: Sequence[Member]) -> list[Member]:
    """The same, without words that no two runs share: a time, a commit, a name of the run. Two runs prove nothing."""
    values: dict[str, list[Scalar]] = {}
    for m in members:
        for name, value in m.told:
            values.setdefault(name, []).append(value)
    unique = {
        name for name, each in values.items() if len(set(each)) == len(each) > 2 and all(_is_word(v) for v in each)
    }
    if not unique:
        return list(members)
    return [replace(m, told=tuple(pair for pair in m.told if pair[0] not in unique)) for m in members]


def _steps(m: Member) -> int:
    span = m.run.span
    return 0 if span is None else span.last - span.first + 1


def _by_length(members: list[Member]) -> list[list[Member]]:
    """The longest and all that are nearly as long, and so on. A run that broke off in NaN goes with the longer ones."""
    parts: list[list[Member]] = []
    whole = [m for m in members if not (ended_badly(m.run) or m.run.status is Status.CRASHED)]
    in_whole = set(map(id, whole))
    for m in sorted(whole, key=_steps, reverse=True):
        if parts and _steps(m) >= SHORTER * _steps(parts[-1][0]):
            parts[-1].append(m)
        else:
            parts.append([m])
    for m in members:
        if id(m) in in_whole:
            continue
        longer = [part for part in parts if _steps(part[0]) >= SHORTER * _steps(m)]
        if longer and (ended_badly(m.run) or _steps(m) >= SHORTER * _steps(longer[0][0])):
            max(longer, key=len).append(m)
    return parts


def _by_name(members: list[Member], *, depth: int, parted: bool) -> list[tuple[list[Member], float]]:
    """Runs whose names begin with the same words, each part with its kinship.

    A word that several runs share where others have another is what was trained: `mlp-1, mlp-2, cnn-1, cnn-2`. Deeper
    in the name it may as well be a setting, so there the untrained losses must differ too.
    """
    words = [m.words[depth] if depth < len(m.words) else None for m in members]
    shared = [word for word, count in Counter(words).items() if word is not None and count > 1]
    if len(members) < 2 or (not shared and set(words) == {None}):
        return [(members, _kinship(members, alike=True, begun=depth > 0))]
    parts = [[m for m, w in zip(members, words, strict=True) if w == word] for word in shared]
    rest = [m for m, w in zip(members, words, strict=True) if w not in shared]
    if not parts or (parted and not _start_apart(parts)):
        return [(members, _kinship(members, alike=False, begun=depth > 0))]
    found = [part for each in parts for part in _by_name(each, depth=depth + 1, parted=parted or len(parts) > 1)]
    return found + ([(rest, _kinship(rest, alike=set(words) <= {None, *shared}, begun=depth > 0))] if rest else [])


def _start_apart(parts: list[list[Member]]) -> bool:
    starts = [s for part in parts if (s := start_of([m.run for m in part], Role.TRAIN_LOSS)) is not None]
    return len(starts) > 1 and max(starts) - min(starts) > OTHER_START * max(abs(s) for s in starts)


def _kinship(members: list[Member], *, alike: bool, begun: bool) -> float:
    """`alike` names have no word that others lack; `begun` names have a first word in common."""
    if all(m.configured and m.peak_rate is not None for m in members):
        return BY_CONFIGURATION
    if alike:
        return BY_NAME
    firsts = [first for m in members if (first := _untrained(m)) is not None]
    middle = median(np.array(firsts)) if len(firsts) == len(members) and firsts else 0.0
    one_seed = middle != 0 and all(abs(first / middle - 1) <= SAME_START for first in firsts)
    return BY_SUBJECT if begun or one_seed else BY_FOLDER


def _untrained(m: Member) -> float | None:
    """The first loss of a log that is fine enough for that to be the untrained net's; the validation loss at step 0."""
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        series, span = finite_loss(m.run, role), m.run.span
        if series is None or span is None:
            continue
        length = span.last - span.first
        if role is Role.VAL_LOSS and int(series.steps[0]) - span.first <= FINE * length:
            return float(series.values[0])
        if role is Role.TRAIN_LOSS and int(series.steps[1]) - int(series.steps[0]) <= FINE * length:
            return float(series.values[0])
    return None


def _family(members: list[Member], kinship: float) -> Family | None:
    members = _one_start(members)
    for role in (Role.VAL_LOSS, Role.TRAIN_LOSS):
        tags = {m.run.roles.get(role) for m in members}
        start = start_of([m.run for m in members], role) if len(tags) == 1 and None not in tags else None
        if start is None or len(members) < 2:
            continue
        found = [(m, reached(m.run, role, start)) for m in members]
        told = [Sibling(member=m, reached=r) for m, r in found if r is not None]
        siblings = tuple(sorted(told, key=_rank))
        if len(siblings) == len(members):
            sweeps = tuple(Sweep(siblings=tuple(each)) for each in _sweeps(siblings))
            metric = siblings[0].reached.series
            return Family(role=role, metric=metric, start=start, kinship=kinship, siblings=siblings, sweeps=sweeps)
    return None


def _rank(s: Sibling) -> tuple[bool, float, str]:
    return s.final is None, s.final or 0.0, s.name


def _one_start(members: list[Member]) -> list[Member]:
    """Without those whose untrained loss belongs to another net, as far as it is known."""
    firsts = {id(m): first for m in members if (first := _first_of(m)) is not None and first > 0}
    if not firsts:
        return members
    middle = median(np.array(list(firsts.values())))
    return [m for m in members if 1 / LIKE_START <= firsts.get(id(m), middle) / middle <= LIKE_START]


def _first_of(m: Member) -> float | None:
    """The untrained loss where the log is fine enough to tell it; a run that blew up at once tells none."""
    first, train = _untrained(m), first_loss(m.run, Role.TRAIN_LOSS)
    return None if ended_badly(m.run) or first is None else max(first, train if train is not None else first)


def _sweeps(siblings: Sequence[Sibling]) -> list[list[Sibling]]:
    """Runs whose rates compare. In a grid each combination of the rest is a sweep, and a random search is one."""
    found: list[list[Sibling]] = []
    for part in _parted(siblings, lambda s: (s.member.optimizer, s.member.batch_size)).values():
        cells = list(_parted(part, lambda s: s.member.told).values())
        in_grid = sum(len(cell) for cell in cells if len({s.member.peak_rate for s in cell}) > 1)
        found += cells if 2 * in_grid >= len(part) else [part]
    return found
