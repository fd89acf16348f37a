"""Which logged name is the training loss, the learning rate, the step …: names to roles, by tables of names.

The names come from what the common loggers write; a configuration may add its own, which then win. A name is compared
by its words, whatever joins them: `train/loss`, `Train_Loss`, `loss.train` and `trainLoss` are one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache

import numpy as np

from lrdoctor._names import (
    ACCURACIES,
    COARSE,
    EPISODES,
    EPOCHS,
    FOREIGN,
    GLUED,
    GRADIENT_NORMS,
    GREATER,
    LESS,
    LOG_CALLS,
    LOSS_WORDS,
    LOSSES,
    MANNERS,
    NO_LOSS,
    NO_RATE,
    OF_A_REWARD,
    RATES,
    REWARDS,
    SCOPES,
    STEPS,
    TEST,
    TRAIN,
    TRAIN_LOSSES,
    TURNED,
    VAL_LOSSES,
    VALIDATION,
)
from lrdoctor.model import Floats, Role, Series

__all__ = ["TEST", "TRAIN", "VALIDATION", "RoleNames", "lower_is_better", "of_episodes"]

SUM = "+"
"""`train/box_loss+cls_loss` is the sum of both, and the total loss where a log has only its parts."""
TIER = 100
"""Names whose ranks differ by so much are not alternatives: the better one wins, however few points it has."""
GROUPS_COMPARED = 64
"""Comparing shapes takes the square of this; a model with more parameter groups has them by layer, all of one shape."""
WHOLE = 0.5
"""A loss that covers less than half of what another does, such as the first hundred steps, tells of no whole run."""
SAME_SHAPE = 1e-3
"""Relative to the peak; far above float32's error, far below any real difference between two schedules."""
KEPT = 1 << 10
"""Lists of tags whose roles are remembered."""
_GROUP = re.compile(r"(pg|group|param|params)?[0-9]*")


_OF_ESPNET = re.compile(r"optim[0-9]+ lr[0-9]+")
_OF_EPISODES = re.compile(r"ep_?rew|ep_?ret(?![a-z])|episod(e|ic)[_ ]?(reward|return)", re.IGNORECASE)
"""What reinforcement learning logs: stable-baselines3's `rollout/ep_rew_mean`, Spinning Up's `AverageEpRet`, CleanRL's
`episodic_return`, RLlib's `episode_reward_mean`."""


@dataclass(frozen=True, slots=True)
class RoleNames:
    """The tables, and what the user's configuration adds to them."""

    extra: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    """Globs over whole tags, case-insensitive. They win over every table."""
    memo: dict[tuple[str, ...], tuple[Mapping[Role, str], tuple[str, ...]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What was assigned to tags by their names alone: thousands of runs log the same ones."""

    def of(self, tag: str) -> Role | None:
        """What this name means by itself, or None. A name that only its neighbours explain is left to `assign`."""
        return (self._wanted(tag) if self.extra else None) or _named(tag)[0]

    def assign(self, series: Mapping[str, Series]) -> tuple[dict[Role, str], tuple[str, ...]]:
        """Which tag plays each role, and a note wherever one was chosen among several or taken for what it resembles.

        The user's names come first, then the plainer names; among equals the tag with more finite points wins, then
        the one that stands earlier in the table, then the one that was logged first.
        """
        tags = tuple([tag for tag, points in series.items() if len(points.steps)])
        if tags in self.memo:
            known, said = self.memo[tags]
            return dict(known), said
        roles: dict[Role, str] = {}
        notes: list[str] = []
        meant = {tag: self.of(tag) for tag in tags}
        by_name = True
        for role in Role:
            told = [tag for tag, its in meant.items() if its is role]
            told = [tag for tag in told if self._wanted(tag)] or told
            by_name = by_name and len(told) < 2
            tag, note = _choose(role, told, series)
            if tag is None and role in (Role.TRAIN_LOSS, Role.VAL_LOSS):
                tag, note = _resembling(role, [tag for tag, its in meant.items() if its is None])
            if tag is not None:
                roles[role] = tag
            if note:
                notes.append(note)
        returns = next((tag for tag in meant if of_episodes(tag)), None) or _rewarded(tags)
        judged = roles.get(Role.TRAIN_LOSS)
        if returns is not None and judged is not None and self._wanted(judged) is None:
            roles = {role: tag for role, tag in roles.items() if role not in (Role.TRAIN_LOSS, Role.VAL_LOSS)}
            notes.append(f"it learns from rewards ({returns!r}): {judged!r} need not fall, and is not judged as a loss")
        if by_name:
            if len(self.memo) == KEPT:
                self.memo.clear()
            self.memo[tags] = dict(roles), tuple(notes)
        return roles, tuple(notes)

    def speak_of_curves(self, names: Sequence[str]) -> bool:
        """Whether any of these names is worth a look: by a table, or because a word in it says that it is a loss."""
        axes = (None, Role.STEP, Role.EPOCH)
        for name in names:
            role = self.of(name)
            if role not in axes or (role is None and _like_a_loss(name)):
                return True
        return False

    def step_columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names that can be an x axis, best first: the user's, then whatever counts steps, then epochs."""

        def key(name: str) -> tuple[int, int] | None:
            role = self._wanted(name)
            if role in (Role.STEP, Role.EPOCH):
                return 0, int(role is Role.EPOCH)
            named, rank = _named(name)
            if role is not None or named not in (Role.STEP, Role.EPOCH):
                return None
            return (1 if named is Role.STEP else 2), rank

        keyed = [(found, name) for name in names if (found := key(name)) is not None]
        return tuple(name for _, name in sorted(keyed, key=lambda pair: pair[0]))

    def step_column(self, names: Sequence[str]) -> str | None:
        """The best x axis among these names, or None."""
        return next(iter(self.step_columns(names)), None)

    def _wanted(self, tag: str) -> Role | None:
        if not self.extra:
            return None
        lower = tag.lower()
        for role, globs in self.extra.items():
            if any(fnmatchcase(lower, glob.lower()) for glob in globs):
                return role
        return None


def of_episodes(tag: str) -> bool:
    """Whether a name is that of a reward per episode: what reinforcement learning learns from."""
    return _OF_EPISODES.search(tag) is not None


def _rewarded(tags: Sequence[str]) -> str | None:
    """The reward or the score that is logged beside a count of episodes, or beside the epsilon of a greedy policy."""
    if not any(EPISODES.intersection(_words(tag)) for tag in tags):
        return None
    return next((tag for tag in tags if (left := set(_words(tag)) - OF_A_REWARD) and left <= REWARDS), None)


def lower_is_better(tag: str) -> bool | None:
    """Whether a smaller value is the better one, by the name alone; None where the name does not say.

    Nothing is guessed: Keras, too, refuses a name that it does not know.
    """
    words = {word.rstrip("0123456789") or word for word in _words(tag)}
    if words & TURNED or (words & LESS and words & (NO_LOSS - TURNED - {"best", "min", "max", "gap"})):
        return None
    # An accuracy's error and a reward's loss are errors and losses.
    return True if words & LESS else False if words & GREATER else None


@lru_cache(maxsize=1 << 15)
def _words(tag: str) -> tuple[str, ...]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tag.strip())
    words = [word for word in re.split(r"[\W_]+", spaced.lower()) if word]
    if len(words) > 1 and (plain := FOREIGN.get(" ".join(words))):
        return tuple(plain.split())
    return tuple(part for word in words for part in GLUED.get(word, FOREIGN.get(word, word)).split())


@lru_cache(maxsize=1 << 15)
def _named(tag: str) -> tuple[Role | None, int]:
    """The role that the tables give a tag, and how plain the name is for it: smaller is plainer."""
    words = _words(tag)
    plain = " ".join(words)
    if tag.strip().lower() == LOG_CALLS:
        return Role.STEP, len(STEPS)
    for role, table in ((Role.STEP, STEPS), (Role.EPOCH, EPOCHS)):
        if plain in table:
            return role, table.index(plain)
    if SUM in tag and (parts := tag.split(SUM))[0] and all(_like_a_loss(part) for part in parts):
        train, validation, _ = _split(words)
        return Role.TRAIN_LOSS if train or not validation else Role.VAL_LOSS, 0
    for judge in (_loss, _rate, _gradient_norm, _accuracy):
        found = judge(words)
        if found is not None:
            return found
    return None, 0


def _core(words: Sequence[str], *dropped: frozenset[str]) -> str:
    """What is left of a name without the words that do not matter; a word said twice counts once."""
    left = [word for word in words if not any(word in some for some in dropped)]
    return " ".join(dict.fromkeys(left))


def _split(words: Sequence[str]) -> tuple[bool, bool, bool]:
    """Whether a name speaks of the training, of the validation, of the test set."""
    said = set(words)
    return bool(said & TRAIN), bool(said & VALIDATION), bool(said & TEST)


def _loss(words: Sequence[str]) -> tuple[Role, int] | None:
    train, validation, test = _split(words)
    core = _core(words, TRAIN, VALIDATION, TEST, SCOPES, MANNERS, COARSE)
    rank = 10 * LOSSES.index(core) if core in LOSSES else 0
    rank += 2 * sum(word in MANNERS for word in words) + 2 * TIER * any(word in COARSE for word in words)
    if core in TRAIN_LOSSES or (core in LOSSES and not validation and not test):
        return Role.TRAIN_LOSS, rank + (not train)
    if core in VAL_LOSSES or (core in LOSSES and not train):
        # A test set is looked at once, at the end, where there is a validation set.
        return Role.VAL_LOSS, rank + TIER * test
    return None


def _rate(words: Sequence[str]) -> tuple[Role, int] | None:
    words = [word for word in words if word not in TRAIN | SCOPES]
    while words and words[0] in {"epoch", "batch", "current", "event"}:
        words = words[1:]
    joined = " ".join(words)
    if _OF_ESPNET.fullmatch(joined):
        return Role.LR, TIER
    for rank, rate in enumerate(RATES):
        if joined == rate:
            return Role.LR, rank
        if joined.startswith(rate + " ") and not NO_RATE.intersection(words):
            tail = joined[len(rate) + 1 :].split(" ")
            if rate == "lr" or all(_GROUP.fullmatch(word) or word in MANNERS for word in tail):
                return Role.LR, TIER
    return None


def _gradient_norm(words: Sequence[str]) -> tuple[Role, int] | None:
    core = _core(words, TRAIN, SCOPES, MANNERS)
    return (Role.GRAD_NORM, GRADIENT_NORMS.index(core)) if core in GRADIENT_NORMS else None


def _accuracy(words: Sequence[str]) -> tuple[Role, int] | None:
    _, validation, test = _split(words)
    core = _core(words, TRAIN, VALIDATION, TEST, SCOPES, MANNERS)
    if core not in ACCURACIES:
        return None
    # What counts is how the model does on what it has not seen.
    return Role.ACCURACY, ACCURACIES.index(core) + (0 if validation else TIER if test else 2 * TIER)


def _choose(role: Role, told: Sequence[str], series: Mapping[str, Series]) -> tuple[str | None, str | None]:
    """One tag of several that the tables allow, and the note that says so."""
    if len(told) < 2:
        return (told[0] if told else None), None
    if role is Role.LR and all(_named(tag) == (Role.LR, TIER) for tag in told):
        return _parameter_group(told[:GROUPS_COMPARED], series)
    longest = max(_reach(series[tag]) for tag in told)

    def key(tag: str) -> tuple[int, bool, int, int]:
        named, points = _named(tag)[1], series[tag]
        return named // TIER, _reach(points) < WHOLE * longest, -len(points.finite()), named

    best = min(told, key=key)
    if role not in (Role.TRAIN_LOSS, Role.VAL_LOSS, Role.LR):
        return best, None  # Nothing that is judged depends on it.
    # A name of another rank was no choice.
    others = [tag for tag in told if tag != best and _named(tag)[1] // TIER == _named(best)[1] // TIER]
    note = f"{_called(role)}: took {_counted(best, series)}, not {_listed(others, series)}"
    return best, note if others else None


def _reach(points: Series) -> int:
    """How many steps of the run a series covers, NaN or not; 0 where it holds no number at all."""
    return int(points.steps[-1] - points.steps[0]) if np.isfinite(points.values).any() else 0


def _parameter_group(told: Sequence[str], series: Mapping[str, Series]) -> tuple[str, str]:
    """Of the groups whose rate has the most common shape the one with the largest peak.

    A bias group may start high and fall while all others warm up, so neither the first nor the highest will do. A group
    that is frozen, at a rate of 0, has no shape. Where no two agree, one that rises at first is taken before one that
    starts at its peak, as the bias group does.
    """
    peaks = [_peak(series[tag]) for tag in told]
    shapes = [series[tag].values / (peak or 1.0) for tag, peak in zip(told, peaks, strict=True)]
    alike = [
        sum(_same(shape, other) for other, its in zip(shapes, peaks, strict=True) if its > 0) if peak > 0 else 0
        for shape, peak in zip(shapes, peaks, strict=True)
    ]
    rises = [_rises(series[tag]) if max(alike) <= 1 else False for tag in told]
    best = max(range(len(told)), key=lambda at: (alike[at], rises[at], peaks[at], -at))
    why = (
        f"{alike[best]} of {len(told)} parameter groups follow its shape" if alike[best] > 1 else "no two shapes agree"
    )
    return told[best], f"learning rate: took {told[best]!r}: {why}, and it peaks highest among them"


def _peak(points: Series) -> float:
    return float(np.max(points.values, initial=0.0, where=np.isfinite(points.values)))


def _rises(points: Series) -> bool:
    values = points.finite().values
    return len(values) > 1 and bool(values[0] < (1 - SAME_SHAPE) * values.max())


def _same(one: Floats, other: Floats) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=SAME_SHAPE, equal_nan=True))


def _resembling(role: Role, tags: Sequence[str]) -> tuple[str | None, str | None]:
    """The only tag that is clearly such a loss, though no table has its name."""
    alike = [tag for tag in tags if _like_a_loss(tag)]
    if role is Role.TRAIN_LOSS:
        alike = [tag for tag in alike if not any(_split(_words(tag))[1:])]
        named = [tag for tag in alike if _split(_words(tag))[0]]
    else:
        alike = [tag for tag in alike if any(_split(_words(tag))[1:]) and not _split(_words(tag))[0]]
        named = [tag for tag in alike if _split(_words(tag))[1]]
    for some in (named, alike):
        if len(some) == 1:
            return some[0], f"{_called(role)}: took {some[0]!r}, the only tag that looks like one"
    if role is Role.TRAIN_LOSS and alike:
        shown = ", ".join(repr(tag) for tag in alike[:3]) + (" …" if len(alike) > 3 else "")
        return None, f"{_called(role)}: none taken, nothing tells which of {shown} it is; name it in the configuration"
    return None, None


def _like_a_loss(tag: str) -> bool:
    words = _words(tag)
    return bool(LOSS_WORDS.intersection(words)) and not NO_LOSS.intersection(words)


def _called(role: Role) -> str:
    return {Role.TRAIN_LOSS: "training loss", Role.VAL_LOSS: "validation loss", Role.LR: "learning rate"}.get(
        role, role.value.replace("_", " ").replace("grad norm", "gradient norm")
    )


def _counted(tag: str, series: Mapping[str, Series]) -> str:
    return f"{tag!r} ({len(series[tag])} points)"


def _listed(tags: Sequence[str], series: Mapping[str, Series]) -> str:
    return ", ".join(_counted(tag, series) for tag in tags[:3]) + (
        f" and {len(tags) - 3} more" if len(tags) > 3 else ""
    )
