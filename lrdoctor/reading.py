"""Every training below some paths once, with its roles, and the inputs that could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrdoctor import plugins
from lrdoctor.errors import LogError, NotALog
from lrdoctor.limits import Limits, in_force, raised_by
from lrdoctor.model import Problem, Run
from lrdoctor.parsers._beside import Beside, beside, remembered
from lrdoctor.parsers._by_the_clock import on_one_axis
from lrdoctor.parsers._damage import PLACES
from lrdoctor.parsers._discovery import STANDARD_INPUT, Found, discover
from lrdoctor.parsers._files import asked_once
from lrdoctor.parsers._piped import piped
from lrdoctor.parsers._same_training import merged
from lrdoctor.plugins import Parser
from lrdoctor.roles import RoleNames


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Home:
    """What one place gave."""

    found: Found
    runs: tuple[Run, ...] = ()
    problem: Problem | None = None
    """Why it has no runs; None where it has."""
    no_log: bool = False
    """It turned out to be no log at all, which is worth a word only where somebody asked for it by name."""


def read(paths: Sequence[Path], names: RoleNames, limits: Limits | None = None) -> tuple[list[Run], list[Problem]]:
    """Every training below the paths once, with its roles, and the inputs that could not be used."""
    limits = Limits() if limits is None else limits
    with in_force(limits), asked_once():
        parsers = plugins.parsers()
        places = list(discover(paths, parsers, limits.depth))
        homes = (place if isinstance(place, Problem) else read_home(place, parsers, names) for place in places)
        runs, problems = gathered(homes, limits)
        return merged(runs, paths), problems


def read_home(found: Found, parsers: Mapping[str, Parser], names: RoleNames) -> Home:
    """The runs of one place, or why there are none; the limits in force hold."""
    try:
        piped_in = found.home == STANDARD_INPUT
        log = piped(found.home, names) if piped_in else parsers[found.parser].read(found.home, found.files, names)
        with remembered():
            return Home(found=found, runs=tuple(_named(list(log), found, names)))
    except LogError as error:
        return Home(found=found, problem=_problem(found, str(error)), no_log=isinstance(error, NotALog))


def lost(found: Found) -> Home:
    """What is said of a place at which the process died that read it."""
    return Home(found=found, problem=_problem(found, "the process that read it died, perhaps for want of memory"))


def gathered(homes: Iterable[Home | Problem], limits: Limits) -> tuple[list[Run], list[Problem]]:
    """The runs of all places, up to the limit, and the problems, both in their order; no more places are asked for
    once there are too many runs.
    """
    runs: list[Run] = []
    problems: list[Problem] = []
    passed_over: dict[Path, list[Problem]] = {}
    told: set[Path] = set()
    for home in homes:
        if isinstance(home, Problem):
            problems.append(home)
            continue
        given = home.found.given
        if home.problem is not None and home.no_log:
            # A folder holds many tables that are no curves; only one that was asked for by name is worth a word.
            (problems if home.found.explicit else passed_over.setdefault(given, [])).append(home.problem)
            continue
        told.add(given)
        if home.problem is not None:
            problems.append(home.problem)
            continue
        room = limits.runs - len(runs)
        runs += home.runs[:room]
        if len(home.runs) > room:
            problems.append(Problem(path=str(given), message=_too_many(home.runs[room].name, limits.runs)))
            break
    # Unless a path leads to nothing else: then it is the answer to "where are my runs?".
    for given, some in passed_over.items():
        problems += [] if given in told else _first(some)
    return runs, problems


def _too_many(name: str, most: int) -> str:
    return f"more than {most} runs: {name} and what comes after it are left out; {raised_by('runs')}"


def _first(problems: Sequence[Problem]) -> list[Problem]:
    """The first few of each kind, the last of them with the number of the others."""
    by_message: dict[str, list[Problem]] = {}
    for problem in problems:
        by_message.setdefault(problem.message, []).append(problem)
    named = [problem for some in by_message.values() for problem in some[:PLACES]]
    more = {some[PLACES - 1]: len(some) - PLACES for some in by_message.values() if len(some) > PLACES}
    return [
        replace(problem, message=f"{problem.message} (and {more[problem]} more)") if problem in more else problem
        for problem in named
    ]


def _problem(found: Found, message: str) -> Problem:
    where = found.files[0] if len(found.files) == 1 else found.home
    return Problem(path=str(where), message=message)


def _named(runs: Sequence[Run], found: Found, names: RoleNames) -> Iterator[Run]:
    """The runs of one place with their roles, their names in the report, and the configuration beside their log.

    Where there are several, each adds to the name of the place what its parser added to that of its home, or its own.
    """
    home = found.home.name
    told = Beside(hparams={}, notes=())
    if found.home != STANDARD_INPUT:
        a_file = found.home in found.files or not found.home.is_dir()
        told = beside(found.home.parent if a_file else found.home, found.files)
    met: dict[str, int] = {}
    for run in runs:
        own = run.name.removeprefix(home) if run.name.startswith(home) else f"/{run.name}"
        own = own if len(runs) > 1 else ""
        met[own] = met.get(own, 0) + 1
        own += f" #{met[own]}" if met[own] > 1 else ""
        roles, notes = names.assign(run.series)
        named = replace(
            run,
            name=found.name + own,
            roles=roles,
            hparams={**told.hparams, **run.hparams},
            notes=(*run.notes, *notes, *(note for note in told.notes if note not in run.notes)),
        )
        yield on_one_axis(named)
