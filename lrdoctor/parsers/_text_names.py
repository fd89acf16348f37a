"""The words before a number of a line -> the name of the number, and the split that the words speak of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lrdoctor.model import Role
from lrdoctor.roles import TEST, TRAIN, VALIDATION, RoleNames

LONGEST_NAME = 64
MOST_WORDS = 5
SPLITS = TRAIN | VALIDATION | TEST
# fmt: off
NO_NAMES = frozenset({
    "cuda", "gpu", "cpu", "pid", "rank", "port", "version", "device", "line", "eta", "worker", "node", "seed", "file",
    "at", "in", "to", "from", "of", "than", "with", "by", "for", "after", "on", "and", "the", "or", "per",
    "until", "over", "into", "least", "best", "remaining", "elapsed", "page", "chapter", "python",
})
"""Words that make no quantity out of what follows them, where they stand last."""
BEFORE_A_PLACE = frozenset({
    "at", "for", "after", "in", "on", "of", "end", "finished", "completed", "the", "current", "epoch", "each",
}) | SPLITS
PLACES = frozenset({"epoch", "step", "iter", "iteration"})
_MARIAN = {"Up": "updates", "Cost": "loss", "gNorm": "grad norm", "L.r": "learning rate"}
OF_THEIR_OWN: tuple[tuple[frozenset[str], Mapping[str, str]], ...] = (
    (frozenset({"trl"}), {"s": "step"}),
    (frozenset({"tel"}), {"s": "step"}),
    (frozenset({"Up", "Cost"}), _MARIAN),
    (frozenset({"Up", "Ep"}), _MARIAN),
    (frozenset({"avg loss", "rate", "images"}), {"rate": "learning rate"}),
    (frozenset({"avg", "rate", "images"}), {"avg": "avg loss", "rate": "learning rate"}),
    (frozenset({"E", "#", "SCORE"}), {"E": "epoch", "#": "step"}),
)
"""Names that stand together in the lines of one program and nowhere else, and what it means by its short ones: llm.c,
Marian (`scheduler.h`), darknet (`detector.c`; older versions leave out the word loss), spaCy's training table."""
# fmt: on
_PART = r"(?:s|secs?|it|iter|step|batch|epoch|sample|img|token|gpu|device|chip|min|hr?|day)"
_RATIO = rf"(?:/{_PART})+"
_UNIT = (
    r"(?:ms|us|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|[KMGT]i?B|steps?|iters?|tokens|samples"
    rf"|(?:[A-Za-zµ]{{1,12}})?{_RATIO})"
)
_FREE_UNIT = re.compile(rf"\s{{1,9}}{_UNIT}\s{{1,9}}(?=[A-Za-z])")
_GLUED_UNIT = re.compile(rf"(?:%|{_RATIO}|[A-Za-zµ]+(?:/[A-Za-z]+)*)(?![\w])")
_DRESS = " \t'\"~≈$"
"""What may stand between a name and its number beside a separator and a bracket."""
_CALLS = (
    "tensor", "Tensor", "DeviceArray", "Array", "array", "float16", "float32", "float64", "np.", "jnp.", "numpy.",
    "tf.",
)  # fmt: skip
_SEPARATORS = (":=", "->", "=>", "→", ":", "=", " is", " was")
_BORDER = re.compile(r"[,;|{}()\[\]<>:=\"'`\t&]|\s-+\s|^\s*-+\s|\s{2,}|[·•—–█▏▎▍▌▋▊▉━╸╺]|->|→|\*+|\.{2,}|>+")
_DOTS = re.compile(r"(?i)(?:(?<=epoch)|(?<=step)|(?<=iter))\.{2,4}$")
_WORD = re.compile(r"[^\W\d_]")
_DRESSED_NAME = re.compile(r"^(?:(?:TRACE|DEBUG|INFO|NOTICE|SUCCESS|WARNING|WARN|std(?:out|err) [FP]) +)+(?=\S)")
"""What a logger, or Kubernetes, writes before a message is no part of its first name."""
_PROCESS = re.compile(
    r"(?i)(?:^|[\s\[(,|])(?:(?:local|global|node)[ _]?)?(?:rank|pid|process|worker|proc|gpu)\s?[=:#]?\s?$"
)
_SOURCE = re.compile(r"\.(?:py|cpp|cc|cu|cuh|h|hpp|rs|go|js|c)$")
_SCOPES = re.compile(r"(?<![\w./\\-])([A-Za-z]+)(?![\w/\\]|\.\w)")
_NOT_TOLD = re.compile(r"(?i)[\w./ -]{1,40}[:=]\s{0,3}['\"]?(?:n/?a|none|null|-{1,3})(?![\w/])")
"""`val: n/a`: such a line is none of the validation."""
_OF_ITS_TOTAL = re.compile(r"(.+)/(?:max|total|num)[ _]?\w+")
_AFTER = re.compile(r"%?\s+([A-Za-z][A-Za-z ]{0,30}?)\s*(?:[,;|]|$)")
"""A name that stands after its number: `6.9 loss,`."""
_OF_CURVES = re.compile(r"loss|acc|lr|rate", re.IGNORECASE)
_TABLES = RoleNames()


def name_before(before: str, *, first: bool) -> tuple[str, str]:
    """The name at the end of a text, or nothing; and all its words, from which to see of which split it speaks."""
    whole = before
    if not first:
        unit = _GLUED_UNIT.match(before) or _FREE_UNIT.match(before)
        before = before[unit.end() :] if unit else before
    text = _undressed(before)
    separator = next((its for its in _SEPARATORS if text.endswith(its)), "")
    if not separator and text.endswith("|"):
        separator = "|"  # a cell of a box: `|    loss     | 0.5    |`
    if not separator and text == before:
        return "", whole  # glued to the number: a part of some word
    text = text.removesuffix(separator).rstrip("'\" \t")
    opened = text.rfind("(")
    if text.endswith(")") and opened >= 0 and ")" not in text[opened:-1]:
        text = text[:opened].rstrip()  # `elapsed time (ms): 3`
    if text.endswith(".."):
        text = _DOTS.sub("", text)
    *others, name = [piece.strip(" .-#/\\+!?%↓↑") for piece in _BORDER.split(text)]
    name = _DRESSED_NAME.sub("", name)
    words = name.split()
    if name.lower() in SPLITS and (of := next(filter(None, reversed(others)), "")) and tells_a_curve([of]):
        return f"{of} {name}", whole  # `Loss: train 2.3, val 2.4`
    if not words or not _WORD.search(name) or len(name) > LONGEST_NAME:
        return "", whole
    if words[-1].lower() in NO_NAMES or _SOURCE.search(name):
        return "", whole
    if len(words) > 1 and words[-1].lower() in PLACES and {word.lower() for word in words[-3:-1]} & BEFORE_A_PLACE:
        return words[-1], whole
    if len(words) > MOST_WORDS:
        return "", whole
    return name.removesuffix(" value"), whole


def _undressed(text: str) -> str:
    """The text without the brackets, quotes and calls at its end that only dress the number: `lr: tensor([`."""
    text = text.rstrip(_DRESS)
    while text.endswith(("(", "[", "{", "<")):
        text = text[:-1].rstrip(_DRESS)
        for call in _CALLS:
            text = text.removesuffix(call)
        text = text.rstrip(_DRESS)
    return text


def lead(before: str) -> str:
    """What is told at a step, in `Loss at step 100: 2.3`; nothing for other words before a step."""
    told, at, _ = before.rpartition(" at ")
    return name_before(told + ":", first=True)[0] if at else ""


def names_after(texts: Sequence[str]) -> dict[str, int]:
    """The names that stand after their numbers, as in `6.9 loss, 0.1 lr`; none unless one of them tells a curve."""
    if not _OF_CURVES.search(" ".join(texts[1:])):
        return {}
    named: dict[str, int] = {}
    for at, after in enumerate(texts[1:]):
        found = _AFTER.match(after)
        if found:
            named.setdefault(found[1], at)
    named = translated(named)
    return named if len(named) > 1 and tells_a_curve(named) else {}


def translated(named: Mapping[str, int]) -> dict[str, int]:
    """The same, with plain names for the short ones that some programs use."""
    for sign, plain in OF_THEIR_OWN:
        if sign <= named.keys():
            return {name if (its := plain.get(name, name)) in named else its: at for name, at in named.items()}
    return dict(named)


def is_of_a_process(before: str, after: str) -> bool:
    """Whether a number tells which of several processes wrote the line: `[Rank 0]`, `(pid=123)`, `[1,0]<stdout>`."""
    return _PROCESS.search(before) is not None or after.startswith("]<std")


def counts(name: str) -> bool:
    """Whether a name is one of steps or of epochs."""
    return _TABLES.of(name) in (Role.STEP, Role.EPOCH)


def tells_a_curve(names: Iterable[str]) -> bool:
    """Whether one of these names is that of a loss, a rate or an accuracy."""
    return _TABLES.speak_of_curves(list(names))


def of_its_total(name: str) -> str:
    """`global_step` for `global_step/max_steps`, whose number is a pair."""
    found = _OF_ITS_TOTAL.fullmatch(name)
    return found[1] if found and counts(found[1]) else name


def beside(name: str, last: str) -> str:
    """`loss val` for a bare `val` right after `loss train`."""
    of, _, split = last.rpartition(" ")
    return f"{of} {name}" if of and name.lower() in SPLITS and split.lower() in SPLITS else name


def split_of(said: Sequence[str]) -> str:
    """Whose numbers these are: `val` beats `train`, since "trained model on validation" is about the latter."""
    words = Counter(word.lower() for text in said for word in _SCOPES.findall(_NOT_TOLD.sub(" ", text)))
    if any(word in VALIDATION or word in TEST or word == "validating" for word in words):
        return "test" if not any(word in VALIDATION or word == "validating" for word in words) else "val"
    return "train" if any(word in TRAIN for word in words) else ""


def tags_of(names: Sequence[str], split: str, repeated: Mapping[str, str]) -> list[str]:
    """The names, each with the split of the line where it says none itself."""
    owns = [split_of([name.replace("_", " ").replace("/", " ")]) for name in names]
    # A line about both says so in its names.
    mixed = bool(repeated) or len(set(owns) - {""}) > 1
    mixed = mixed or {Role.TRAIN_LOSS, Role.VAL_LOSS} <= {_TABLES.of(name) for name in names}
    bare = next((at for at, name in enumerate(names) if name.lower() in SPLITS), 0)
    mixed = mixed or tells_a_curve(names[:bare])  # `loss 2.3 val 2.4`, but not `Eval 3: loss 2.4`
    tags = []
    for name, own in zip(names, owns, strict=True):
        tags.append(name if own or mixed or not split else f"{split}/{name}")
    return tags
