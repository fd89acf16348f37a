"""The runs below the paths that the user gave: which parser reads them, which files belong together, and their names.

The order is the same on every machine, numbers in names sort as numbers, and nothing is opened but regular files.
Links to folders are followed only within the given folder, and no folder is entered twice.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrdoctor import limits
from lrdoctor.model import Problem
from lrdoctor.model.report import NothingThere
from lrdoctor.parsers._files import asked_once, head, natural, reason
from lrdoctor.parsers._text_lines import is_text
from lrdoctor.plugins import Parser

DEEPEST = limits.Limits().depth
"""Levels below the given folder. Nobody nests runs so deep; a file system gone wrong does."""
LOOKED_AT = 1 << 12
"""Bytes that tell text from anything else."""
STANDARD_INPUT = Path("-")
"""Named so, the log is what is piped in; a file of this name is reached by its folder's absolute path."""
NOT_READ = "unsupported"
"""The parser of what is known and not read: no format to name where somebody asks what can be read."""
LAST = "text"
"""The parser that is asked last: it takes any `.log`, also those that another knows better."""
NAMED = 3
"""Files that are named where none is a log."""
NOT_ENTERED = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", "venv", ".tox", "site-packages"}
)
"""Never hold logs of one's own training, and may hold a hundred thousand files."""


SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".log", ".txt", ".wandb", ".db")
"""Of the files that may be logs; event files end in whatever their writer likes."""
CLOSED = "cannot be read: permission denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Files that one parser reads together."""

    parser: str
    home: Path
    files: tuple[Path, ...]
    name: str
    """Relative to the path that the user gave, with `/`; no two in one report are the same."""
    explicit: bool = False
    """The user named this very file, so that it must be a log; otherwise a walk came across it."""
    given: Path = Path()
    """The path, of those that the user gave, below which it was found."""


def discover(paths: Sequence[Path], parsers: Mapping[str, Parser], deepest: int = DEEPEST) -> Iterator[Found | Problem]:
    """What there is to read below the paths, and a `Problem` for each path that leads to nothing."""
    groups: dict[tuple[str, str], Found] = {}
    files: dict[tuple[str, str], set[str]] = {}
    problems: list[Problem] = []
    real: dict[str, str] = {}
    for path in paths:
        with asked_once():
            below = list(_below(path, parsers, deepest, real))
        for found in below:
            if isinstance(found, Problem):
                problems.append(found)
                continue
            # The same run by two ways, as in `runs runs/a` or `out/checkpoint-*/trainer_state.json`, is one run.
            home = (found.parser, _real(found.home, real))
            before = groups.get(home)
            if before is None:
                groups[home] = found
                continue
            there = files.setdefault(home, set())
            there.update(map(os.path.realpath, () if there else before.files))
            further = [file for file in found.files if os.path.realpath(file) not in there]
            there.update(map(os.path.realpath, further))
            if further:
                groups[home] = _with(before, further)
    yield from _distinct([(found.given, found) for found in groups.values()])
    yield from problems


def _real(path: Path, known: dict[str, str]) -> str:
    """The path without links; `known` keeps those that were asked for or entered, and of the folders above them."""
    at, below = str(path), list[str]()
    while at not in known:
        folder, name = os.path.split(at)
        if name in ("", ".", "..") or os.path.islink(at):  # noqa: PTH114
            known[at] = os.path.realpath(at)
        else:
            below.append(at)
            at = folder or "."
    for inner in reversed(below):
        known[inner] = os.path.join(known[at], os.path.basename(inner))  # noqa: PTH118, PTH119
        at = inner
    return known[at]


def _with(found: Found, further: Sequence[Path]) -> Found:
    """The same with files of its home that another path led to; several files are called as their home is."""
    together = replace(found, files=(*found.files, *further))
    return replace(together, name=_own_name(found.home), given=found.home) if found.explicit else together


def _below(path: Path, parsers: Mapping[str, Parser], deepest: int, real: dict[str, str]) -> Iterator[Found | Problem]:
    if path == STANDARD_INPUT:
        yield Found(parser="text", home=path, files=(path,), name=str(path), explicit=True, given=path)
        return
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        yield Problem(path=str(path), message=_missing(path) if missing else f"cannot be read: {reason(error)}")
        return
    if stat.S_ISDIR(mode):
        yield from _in_folder(path, parsers, deepest, real)
        return
    parser = _claiming(path, parsers) if stat.S_ISREG(mode) else None
    # Whoever names a file knows what it is: `python train.py > run.console` is a log under any name.
    if parser is None and LAST in parsers and stat.S_ISREG(mode) and (first := head(path, LOOKED_AT)):
        parser = LAST if is_text(first) else None
    if parser is not None:
        home = parsers[parser].home(path)
        yield Found(parser=parser, home=home, files=(path,), name=_own_name(path), explicit=True, given=path)
    elif _closed(path):
        yield Problem(path=str(path), message=CLOSED)
    elif stat.S_ISREG(mode):
        yield Problem(path=str(path), message=f"no log that we can read; known formats: {_formats(parsers)}")
    else:
        yield Problem(path=str(path), message="neither a file nor a folder")


def _formats(parsers: Mapping[str, Parser]) -> str:
    return ", ".join(name for name in parsers if name != NOT_READ)


def _missing(path: Path) -> str:
    """What is not there, and what may have been meant: the nearest name where the path leaves what exists."""
    nothing = "no such file or folder"
    try:
        gone = next(below for below in (path, *path.parents) if not below.exists() and below.parent.exists())
        close = difflib.get_close_matches(gone.name, sorted(entry.name for entry in gone.parent.iterdir()), n=1)
        if not close:
            return nothing
        near = gone.parent / close[0]
        whole = near / path.relative_to(gone)
        meant = whole if whole.exists() else near
        return f"{nothing}; did you mean '{meant}{'/' if meant.is_dir() else ''}'?"
    except (OSError, StopIteration):
        return nothing


def _in_folder(
    root: Path, parsers: Mapping[str, Parser], deepest: int, real: dict[str, str]
) -> Iterator[Found | Problem]:
    groups: dict[tuple[str, Path], list[Path]] = {}
    unlisted: list[Problem] = []
    unclaimed, named = 0, list[str]()
    depth = len(root.parts)
    for path in _walk(root, unlisted, deepest, real):
        parser = _claiming(path, parsers)
        if parser is not None:
            home = parsers[parser].home(path)
            # A parser may look above the given folder; the user asked for nothing there.
            home = home if home.parts[:depth] == root.parts else root
            groups.setdefault((parser, home), []).append(path)
        elif _closed_log(path):
            unlisted.append(Problem(path=str(path), message=CLOSED))
        else:
            unclaimed += 1
            named += [path.name] if len(named) < NAMED else []
    for (parser, home), files in groups.items():
        name = "/".join(home.parts[depth:]) or _own_name(root)
        yield Found(parser=parser, home=home, files=tuple(files), name=name, given=root)
    if not groups and not unlisted:
        yield NothingThere(
            path=str(root), message=f"no training logs {_among(unclaimed, named)}; looked for: {_formats(parsers)}"
        )
    yield from unlisted


def _closed_log(path: Path) -> bool:
    """Whether this may be a log, by its name, that nobody lets us look into: a gate must not pass over it."""
    return ("tfevents" in path.name or path.suffix.lower() in SUFFIXES) and _closed(path)


def _closed(path: Path) -> bool:
    # By the effective user, where the system can tell, as reading goes by that one.
    return not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)


def _among(files: int, named: Sequence[str]) -> str:
    """Where none was found, in words: whoever reads it sees whether it is the right folder."""
    if not files:
        return "found"
    more = f" and {files - len(named):,} more" if files > len(named) else ""
    return f"found among {', '.join(named)}{more}"


def _walk(root: Path, unlisted: list[Problem], deepest: int, real: dict[str, str]) -> Iterator[Path]:
    """The regular files below a folder: those of each folder before its sub-folders, both in natural order.

    `real` learns where the folders are that are no links.
    """
    real_root = real[str(root)] = os.path.realpath(root)
    entered: set[tuple[int, int]] = set()
    waiting = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            about = folder.stat()
            if (about.st_dev, about.st_ino) in entered:
                continue
            entered.add((about.st_dev, about.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: (natural(entry.name), entry.name))
        except OSError as error:
            unlisted.append(Problem(path=str(folder), message=f"cannot be listed: {reason(error)}"))
            continue
        folders, here = [], real.get(str(folder))
        for entry in entries:
            try:
                linked = entry.is_symlink()
                if linked and not _within(entry.path, real_root):
                    continue
                if entry.is_dir():
                    inside = folder / entry.name
                    folders.append(inside)
                    if here is not None and not linked:
                        real[str(inside)] = os.path.join(here, entry.name)  # noqa: PTH118
                elif entry.is_file():
                    yield folder / entry.name
            except OSError:
                continue  # it vanished, or its link leads nowhere
        inner = [below for below in folders if below.name not in NOT_ENTERED]
        if depth < deepest:
            waiting += [(below, depth + 1) for below in reversed(inner)]
        elif inner:
            unlisted.append(Problem(path=str(folder), message=_too_deep(deepest)))


def _too_deep(deepest: int) -> str:
    return f"folders deeper than {deepest} levels are not entered; {limits.raised_by('depth')}"


def _within(path: str, real_root: str) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(real_root)


def _claiming(path: Path, parsers: Mapping[str, Parser]) -> str | None:
    for name, parser in parsers.items():
        if name != LAST and parser.claims(path):
            return name
    return LAST if LAST in parsers and parsers[LAST].claims(path) else None


def _own_name(path: Path) -> str:
    """The last part of a path, also of `.` and `runs/..`."""
    return path.name if path.name not in ("", "..") else path.resolve().name or str(path)


def _distinct(groups: Sequence[tuple[Path, Found]]) -> Iterator[Found]:
    """The same with names of which no two are equal: told apart by the parser where two read one folder, then by the
    argument, then by the parser after all, then by a number.
    """
    times = Counter((given, found.name) for given, found in groups)
    by_parser = [f" ({found.parser})" for _, found in groups]
    names = [
        found.name + parser if times[given, found.name] > 1 else found.name
        for (given, found), parser in zip(groups, by_parser, strict=True)
    ]
    by_argument = []
    for (given, found), name in zip(groups, names, strict=True):
        whole = found.explicit or found.name == _own_name(given)
        by_argument.append(given.as_posix() + (name.removeprefix(found.name) if whole else f"/{name}"))
    names = _where_repeated(names, by_argument)
    names = _where_repeated(names, [name + parser for name, parser in zip(names, by_parser, strict=True)])
    names = _where_repeated(names, [f"{name} #{number}" for number, name in enumerate(names, 1)])
    for (_, found), name in zip(groups, names, strict=True):
        yield found if name == found.name else replace(found, name=name)


def _where_repeated(names: list[str], instead: list[str]) -> list[str]:
    times = Counter(names)
    return [other if times[name] > 1 else name for name, other in zip(names, instead, strict=True)]
