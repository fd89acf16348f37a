"""What the numbers of a line are called: the text around them, which every line of one print statement shares.

A line is cut at its numbers. The pieces of text are the same for all lines that one statement wrote, so they are looked
at once, and reading a further line is one split and one look-up. A number takes its name from the words before it, be
they joined by `:`, by `=` or by nothing but a space.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lrdoctor.roles import TEST, TRAIN, VALIDATION

LONGEST_TEXT = 1 << 12
"""Characters. What stands in a longer line is a dump of an array or of a configuration."""
LONGEST_NAME = 64
MOST_WORDS = 5
PLACE = "#"
"""What `10/500` is called where it has no name: the place in a progress bar."""
OUTER_PLACE = "##"
"""The same where a second such pair follows: `[0/5][100/1583]`."""
NUMBER = re.compile(
    r"([-+.0-9nNiI](?<![\w.#@$].)(?:"
    r"(?<=[0-9])(?:(?<=[1-9])[0-9]{0,2}(?:,[0-9]{3})+(?![0-9])|[0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"
    r"|(?<=[-+])(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|(?<=\.)[0-9]+(?:[eE][-+]?[0-9]+)?"
    r"|(?:(?<=[nN])(?<!of .)(?<!to .)[aA][nN]|(?<=[-+])[nN][aA][nN]"
    r"|(?<=[iI])(?:nf|NF)(?:inity)?|(?<=[-+])(?:inf|Inf|INF)(?:inity)?)(?=ms\b|s\b|%|\b)))"
)
"""Not a digit that belongs to a word, such as that of `top1` or `Acc@5`; no `nan` of `number of nan iterations`."""
# fmt: off
NO_NAMES = frozenset({
    "cuda", "gpu", "cpu", "pid", "rank", "port", "version", "device", "line", "eta", "worker", "node", "seed", "file",
    "at", "in", "to", "from", "of", "than", "with", "by", "for", "after", "on", "and", "the", "or", "per",
    "until", "over", "into", "least", "best", "remaining", "elapsed", "page", "chapter", "python",
})
"""Words that make no quantity out of what follows them, where they stand last."""
BEFORE_A_PLACE = frozenset({
    "at", "for", "after", "in", "on", "of", "end", "finished", "completed", "the", "current", "epoch", "each",
}) | TRAIN | VALIDATION | TEST
PLACES = frozenset({"epoch", "step", "iter", "iteration"})
_OF_A_BAR = TRAIN | VALIDATION | TEST | {"progress"}
"""`Test: [10/196]` counts no tests."""
_BUILD_NANOGPT: Mapping[tuple[str, ...], str] = {("", " train ", ""): "train loss", ("", " val ", ""): "val loss"}
_LLM_C = {"s": "step"}
_LLM_C_LOSSES = frozenset({"trl", "tel"})
# fmt: on
_PLAIN = r"([-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)"
_UNIT = (
    r"(?:ms|us|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|it/s|s/it|img/s|[KMGT]i?B|steps?|iters?|tokens|samples)"
)
_FREE_UNIT = re.compile(rf"\s{{1,9}}{_UNIT}\s{{1,9}}(?=[A-Za-z])")
_GLUED_UNIT = re.compile(r"(?:%|[A-Za-zµ]+(?:/[A-Za-z]+)?)(?![\w])")
_DRESS = " \t'\"~≈$"
"""What may stand between a name and its number beside a separator and a bracket."""
_CALLS = ("tensor", "array", "float16", "float32", "float64", "np.", "numpy.")
_SEPARATORS = (":=", "->", "=>", "→", ":", "=", " is", " was")
_BORDER = re.compile(r"[,;|{}()\[\]<>:=\"'`\t&]|\s-+\s|^\s*-+\s|\s{2,}|[·•—–█▏▎▍▌▋▊▉━╸╺]|->|→|\*+|\.{2,}|>+")
_WORD = re.compile(r"[^\W\d_]")
_SOURCE = re.compile(r"\.(?:py|cpp|cc|cu|cuh|h|hpp|rs|go|js|c)$")
_SCOPES = re.compile(r"(?<![\w./\\-])([A-Za-z]+)(?![\w/\\]|\.\w)")
_RANK = re.compile(
    r"^\s*[\[(]?(?:rank|default|process|worker)[ _:-]?([0-9]+)[\])]?:?|\[rank[ _:-]?([0-9]+)\]", re.IGNORECASE
)
_BAR = re.compile(r"/step\b|/sample\b|/epoch\b|\bETA\b|[━]|\[=*>?\.*\]|^ - [^ ]*s - ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What all lines of one kind say, in order: the columns of their numbers."""

    names: tuple[str, ...]
    """As they stand in the line, all different."""
    tags: tuple[str, ...]
    """The same, with what the line says of the split: `val/loss` for a loss in a line of the validation."""
    totals: tuple[int, ...]
    """For each name the column of its `/M`, or -1."""
    averages: tuple[int, ...]
    """For each name the column of the average in brackets after it, or -1."""
    width: int
    """How many columns there are; the names' own come first."""
    split: str
    """`train`, `val` or an empty string: whose numbers these are, as far as the line says."""
    rank: str
    """Which process wrote it: a number, or an empty string."""
    bar: bool
    """Drawn by a progress bar in the manner of Keras, whose numbers are means since the epoch began."""
    numbered: bool
    """A number without a name comes first: a process of `srun -l`, or a step."""


NO_SHAPE = Shape(names=(), tags=(), totals=(), averages=(), width=1, split="", rank="", bar=False, numbered=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How to read a line whose texts are these."""

    shape: Shape
    columns: tuple[int, ...]
    """Which of the line's numbers they are, counted from 0."""


def layout(texts: Sequence[str]) -> Layout | None:
    """What a line with these texts between its numbers says; None where no number has a name."""
    if sum(map(len, texts)) > LONGEST_TEXT:
        return None
    found = _Numbers(texts)
    if tuple(texts) in _BUILD_NANOGPT:
        found.named = {"step": 0, _BUILD_NANOGPT[tuple(texts)]: 1}
    if not found.named:
        return None
    names = [_LLM_C.get(name, name) if _LLM_C_LOSSES & found.named.keys() else name for name in found.named]
    columns = list(found.named.values())
    totals: list[int] = []
    averages: list[int] = []
    for name in found.named:
        for its, other in ((totals, found.totals.get(name)), (averages, found.averages.get(name))):
            its.append(-1 if other is None else len(columns))
            columns += [] if other is None else [other]
    numbered = not texts[0].strip() and texts[1].lstrip().startswith((":", "|")) and 0 not in columns
    if numbered:
        columns.append(0)
    rank = _RANK.search(texts[0])
    split = _split(found.said)
    return Layout(
        shape=Shape(
            names=tuple(names),
            tags=tuple(_tags(names, split, found.repeated)),
            totals=tuple(totals),
            averages=tuple(averages),
            width=len(columns),
            split=split,
            rank=(rank[1] or rank[2]) if rank else "",
            bar=PLACE in names and bool(_BAR.search(PLACE.join(texts))),
            numbered=numbered,
        ),
        columns=tuple(columns),
    )


def matcher(texts: Sequence[str]) -> re.Pattern[str]:
    """Finds the numbers of a line with exactly these texts, in a fifth of the time that a split takes.

    It knows no thousands' commas and no NaN: a line with such is split.
    """
    return re.compile(_PLAIN.join(map(re.escape, texts)))


class _Numbers:
    """The numbers of a line that have a name, and those that belong to one of these."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.named: dict[str, int] = {}
        self.totals: dict[str, int] = {}
        self.averages: dict[str, int] = {}
        self.repeated: dict[str, str] = {}
        """Names that were met twice in the line, and the split of whose numbers each of them was one."""
        said: list[str] = []
        last, split, lead, at, count = "", "", "", 0, len(texts) - 1
        while at < count:
            before, after = texts[at], texts[at + 1]
            pair = at + 1 < count and after.strip() in ("/", "of", "out of")
            chained = pair and at + 2 < count and texts[at + 2].strip() == "/"
            clock = at + 1 < count and after in (":", "-", ".")
            if chained or clock:
                # A date or a time of day: none of its numbers is anything.
                while at + 1 < count and texts[at + 1].strip() in ("/", ":", "-", "."):
                    at += 1
                at += 1
                last = ""
                continue
            name, words = _name(before, first=at == 0)
            said.append(words)
            if not name and lead and before.strip() in (":", "=", "is", "|"):
                name = lead
            lead = _lead(before) if name.lower() in PLACES else ""
            if pair and (name.lower() in _OF_A_BAR or (not name and _a_place(before, texts[at + 2], bool(self.named)))):
                name = PLACE
                if PLACE in self.named and OUTER_PLACE not in self.named:
                    self.named[OUTER_PLACE] = self.named.pop(PLACE)
                    self.totals[OUTER_PLACE] = self.totals.pop(PLACE)
            if name:
                split = _split([name]) or split
                if name in self.named and name not in (PLACE, OUTER_PLACE):
                    name = f"{split}/{name}" if split else ""
                    self.repeated[name] = split
            if name and name not in self.named:
                self.named[name] = at
                if pair:
                    self.totals[name] = at + 1
            elif last and not name and before.strip() in ("(", "(avg", "(avg:") and after.lstrip().startswith(")"):
                self.averages.setdefault(last, at)
            last = name
            at += 2 if pair else 1
        self.said = said if self.named else []


def _lead(before: str) -> str:
    """What is told at a step, in `Loss at step 100: 2.3`; nothing for other words before a step."""
    told, at, _ = before.rpartition(" at ")
    return _name(told + ":", first=True)[0] if at else ""


def _a_place(before: str, after: str, named: bool) -> bool:
    """Whether a nameless `10/500` says how far the work is: in brackets, after a bar, or at the start of the line."""
    left, right = before.rstrip(), after.lstrip()
    if left.endswith("[") and right.startswith(("]", "(", ",")):
        return True
    if left.endswith("(") and right.startswith(")"):
        return named
    if not named:
        return not left or left.endswith(("|", ":", "]"))
    return left.endswith(("|", ":", "]")) or right.startswith(("|", ",")) or not right


def _name(before: str, *, first: bool) -> tuple[str, str]:
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
    name = _BORDER.split(text)[-1].strip(" .-#/\\+!?%")
    words = name.split()
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


def _split(said: Sequence[str]) -> str:
    """Whose numbers these are: `val` beats `train`, since "trained model on validation" is about the latter."""
    words = Counter(word.lower() for text in said for word in _SCOPES.findall(text))
    if any(word in VALIDATION or word in TEST or word == "validating" for word in words):
        return "test" if not any(word in VALIDATION or word == "validating" for word in words) else "val"
    return "train" if any(word in TRAIN for word in words) else ""


def _tags(names: Sequence[str], split: str, repeated: dict[str, str]) -> list[str]:
    """The names, each with the split of the line where it says none itself."""
    # A line about both says so in its names.
    mixed = bool(repeated) or len({_split([name.replace("_", " ").replace("/", " ")]) for name in names} - {""}) > 1
    tags = []
    for name in names:
        own = _split([name.replace("_", " ").replace("/", " ")])
        tags.append(name if own or mixed or not split else f"{split}/{name}")
    return tags
