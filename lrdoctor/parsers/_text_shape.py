"""What the numbers of a line are called: the text around them, which every line of one print statement shares.

A line is cut at its numbers. The pieces of text are the same for all lines that one statement wrote, so they are looked
at once, and reading a further line is one split and one look-up. A number takes its name from the words before it, be
they joined by `:`, by `=` or by nothing but a space.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lrdoctor.parsers._text_names import (
    PLACES,
    beside,
    counts,
    is_of_a_process,
    lead,
    name_before,
    names_after,
    of_its_total,
    split_of,
    tags_of,
    tells_a_curve,
    translated,
)
from lrdoctor.roles import TEST, TRAIN, VALIDATION

LONGEST_TEXT = 1 << 12
"""Characters. What stands in a longer line is a dump of an array or of a configuration."""
PLACE = "#"
"""What `10/500` is called where it has no name: the place in a progress bar."""
OUTER_PLACE = "##"
"""The same where a second such pair follows: `[0/5][100/1583]`; also the number in `Train: 0 [50/1251`."""
BRACKETED = "[]"
"""What a number in brackets is called that stands before the first name: `[50] loss=2.0`, `[50 | 12.3] loss=2.0`."""
PROCESS = "pid"
"""What the number is called that tells one process from another."""
SHARE = "%"
"""What the percentage is called that a bar under a line of names has reached."""
OUTER_BRACKETED = "[][]"
"""The first of two: `[1, 2000] loss: 2.0`."""
NUMBER = re.compile(
    r"([-+.0-9nNiI](?<![\w.#@$].)(?:"
    r"(?<=[0-9])(?:(?<=[1-9])[0-9]{0,2}(?:,[0-9]{3})+(?![0-9])|[0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"
    r"|(?<=[-+])(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|(?<=\.)[0-9]+(?:[eE][-+]?[0-9]+)?"
    r"|(?:(?<=[nN])(?<!of .)(?<!to .)[aA][nN]|(?<=[-+])[nN][aA][nN]"
    r"|(?<=[iI])(?:nf|NF)(?:inity)?|(?<=[-+])(?:inf|Inf|INF)(?:inity)?)(?=ms\b|s\b|%|\b)))"
)
"""Not a digit that belongs to a word, such as that of `top1` or `Acc@5`; no `nan` of `number of nan iterations`."""
_BUILD_NANOGPT: Mapping[tuple[str, ...], str] = {("", " train ", ""): "train loss", ("", " val ", ""): "val loss"}
_OF_A_BAR = TRAIN | VALIDATION | TEST | {"progress"}
"""`Test: [10/196]` counts no tests."""
_DRAWN = re.compile(r"%\s*(?:\|[^|]*\|)?\s*")
"""Between the percentage of tqdm's bar and the pair that it is a share of."""
_PLAIN = r"([-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)"
_RANK = re.compile(
    r"^\s*[\[(]?(?:rank|gpu|default|process|worker)[ _:-]?([0-9]+)[\])]?:?|\[(?:rank|gpu)[ _:-]?([0-9]+)\]",
    re.IGNORECASE,
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
    followers: tuple[int, ...]
    """For each name of a curve the column of the nameless number right after its own, as in `loss 100 2.3`, or -1."""
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


NO_SHAPE = Shape(
    names=(), tags=(), totals=(), averages=(), followers=(), width=1, split="", rank="", bar=False, numbered=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How to read a line whose texts are these."""

    shape: Shape
    columns: tuple[int, ...]
    """Which of the line's numbers they are, counted from 0."""


def layout(texts: Sequence[str], heading: str = "", above: Sequence[str] = ()) -> Layout | None:
    """What a line with these texts between its numbers says; None where no number has a name.

    `heading` is the split that a heading above it tells, such as `Test Error:`, `above` the names in a line above it.
    """
    if sum(map(len, texts)) > LONGEST_TEXT:
        return None
    found = _Numbers(texts)
    if tuple(texts) in _BUILD_NANOGPT:
        found.named = {"step": 0, _BUILD_NANOGPT[tuple(texts)]: 1}
    before = bool(found.named)
    if above and (below := _below(texts, above)):
        found.named, found.totals = below, {above[0]: 1}
    if all(map(counts, found.named)):
        used = set(found.named.values())
        found.named |= {name: at for name, at in names_after(texts).items() if at not in used}
    if not found.named:
        return None
    names = list(translated(found.named))
    columns = list(found.named.values())
    others: list[tuple[int, ...]] = []
    for beside_it in (found.totals, found.averages, found.followers):
        its = []
        for name in found.named:
            its.append(len(columns) if name in beside_it else -1)
            columns += [beside_it[name]] if name in beside_it else []
        others.append(tuple(its))
    after = texts[1].lstrip()
    first = not texts[0].strip() and texts[1] != ":" and 0 not in columns  # no hour of the day
    numbered = first and (after.startswith((":", "|")) or not (before or after))
    if numbered:
        columns.append(0)
    rank = _RANK.search(" ".join(texts[: min(found.named.values()) + 1]))
    split = split_of(found.said)
    if heading and not split and PLACE not in names and not any(map(counts, names)):
        split = heading
    return Layout(
        shape=Shape(
            names=tuple(names),
            tags=tuple(tags_of(names, split, found.repeated)),
            totals=others[0],
            averages=others[1],
            followers=others[2],
            width=len(columns),
            split=split,
            rank=(rank[1] or rank[2]) if rank else "",
            bar=PLACE in names and bool(_BAR.search(PLACE.join(texts))),
            numbered=numbered,
        ),
        columns=tuple(columns),
    )


def _below(texts: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """The numbers of a row `1/60 2.5G 1.2 640: 100%` that stands below as many names; nothing for another line."""
    last = len(names)
    row = len(texts) > last + 2 and not texts[0].strip() and texts[1] == "/"
    if not row or not texts[last + 1].startswith(":") or not texts[last + 2].startswith("%"):
        return {}
    return {names[0]: 0, **{name: at for at, name in enumerate(names[1:], 2)}, SHARE: last + 1}


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
        self.followers: dict[str, int] = {}
        self.repeated: dict[str, str] = {}
        """Names that were met twice in the line, and the split of whose numbers each of them was one."""
        said: list[str] = []
        bracketed: list[int] = []
        process = -1
        last, split, told, drawn, at, count = "", "", "", "", 0, len(texts) - 1
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
            name, words = name_before(before, first=at == 0)
            if not self.named and is_of_a_process(before, after):
                process = at
            said.append(words)
            if not name and told and before.strip() in (":", "=", "is", "|"):
                name = told
            told = lead(before) if name.lower() in PLACES else ""
            if after.startswith("%") and (name or drawn):
                # What a percentage is one of, the pair behind the bar counts.
                bar = _is_drawn(texts, at)
                drawn = name if bar else ""
                name = "" if bar or counts(name) else name
            elif pair and drawn:
                name, drawn = name or (drawn if counts(drawn) or _of_a_bar(drawn) else ""), ""
            elif name:
                name = of_its_total(name) if pair else beside(name, last)
            if pair and (_of_a_bar(name) or (not name and _a_place(before, texts[at + 2], bool(self.named)))):
                if not name and before.strip() == "[" and _of_a_bar(last) and last not in self.totals:
                    self.named[OUTER_PLACE] = self.named.pop(last)
                name = PLACE
                if PLACE in self.named and OUTER_PLACE not in self.named:
                    self.named[OUTER_PLACE] = self.named.pop(PLACE)
                    self.totals[OUTER_PLACE] = self.totals.pop(PLACE)
            if name:
                split = split_of([name]) or split_of([before]) or split
                if name in self.named and name not in (PLACE, OUTER_PLACE):
                    name = f"{split}/{name}" if split else ""
                    self.repeated[name] = split
            if name and name not in self.named:
                self.named[name] = at
                if pair:
                    self.totals[name] = at + 1
            elif last and not name and before.strip() in ("(", "(avg", "(avg:") and after.lstrip().startswith(")"):
                self.averages.setdefault(last, at)
            elif last and not name and before.strip() in ("", ":") and tells_a_curve([last]):
                self.followers.setdefault(last, at)
            elif not name and not self.named and _in_brackets(before, after, second=bracketed[-1:] == [at - 1]):
                bracketed.append(at)
            last = name
            at += 2 if pair else 1
        if self.named and bracketed:
            self.named |= dict(zip((BRACKETED, OUTER_BRACKETED), reversed(bracketed[-2:]), strict=False))
        if self.named and process >= 0:
            self.named.setdefault(PROCESS, process)
        self.said = said if self.named else []


def _is_drawn(texts: Sequence[str], at: int) -> bool:
    """Whether a percentage is that of a progress bar: `12%|#   | 25/200 [`."""
    pair = at + 3 < len(texts) and texts[at + 2].strip() == "/" and texts[at + 3].lstrip().startswith("[")
    return pair and _DRAWN.fullmatch(texts[at + 1]) is not None


def _of_a_bar(name: str) -> bool:
    return bool(name) and _OF_A_BAR.issuperset(name.lower().split())


def _in_brackets(before: str, after: str, *, second: bool) -> bool:
    """Whether a number stands alone in brackets, or is one of two, the second right after the first."""
    left, right = before.rstrip()[-1:], after.lstrip()[:1]
    return (left == "[" and right in ("]", "|", ",")) or (second and left == "," and right == "]")


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
