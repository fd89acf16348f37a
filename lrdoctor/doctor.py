"""The whole examination: the only module that knows the order of the stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lrdoctor import plugins
from lrdoctor.comparison.table import Comparison, tabulate
from lrdoctor.config import Config, load_config, settings
from lrdoctor.detectors.lr_schedule import LrSchedule
from lrdoctor.engine.load import load_rules, rules_dir
from lrdoctor.engine.match import advise
from lrdoctor.engine.rule import Rule
from lrdoctor.errors import LogError, NotALog
from lrdoctor.limits import Limits
from lrdoctor.model import (
    Advice,
    Diagnosis,
    Finding,
    Problem,
    Report,
    Role,
    Run,
    Schedule,
    Severity,
    Skipped,
    Verdict,
)
from lrdoctor.parsers._beside import Beside, beside
from lrdoctor.parsers._damage import PLACES
from lrdoctor.parsers._discovery import STANDARD_INPUT, Found, discover
from lrdoctor.parsers._piped import piped
from lrdoctor.parsers._same_training import merged
from lrdoctor.plugins import Detector
from lrdoctor.prescribe.code import code_for
from lrdoctor.prescribe.configuration import prescribe
from lrdoctor.prescribe.expectation import Swept, ending, with_expectation
from lrdoctor.prescribe.priors import priors
from lrdoctor.roles import RoleNames
from lrdoctor.siblings.gap import SiblingGap, gaps
from lrdoctor.siblings.grouping import BY_SUBJECT, Family, families
from lrdoctor.siblings.member import member
from lrdoctor.siblings.recipes import response_of
from lrdoctor.siblings.response import RateResponse


def analyze(*paths: str | Path, config: Config | None = None, siblings: bool = True) -> Report:
    """The report on every run below the paths, in a deterministic order.

    Inputs that cannot be used are in `Report.errors`; the others are still analysed. `config` defaults to the nearest
    `lrdoctor.toml` or `[tool.lrdoctor]`. Without `siblings` each run is judged as if it were alone. Raises `RuleError`,
    `ConfigError` or `PluginError` where those are broken.
    """
    # What a sweep says of the rate must not reach runs that nothing but their folder makes siblings.
    report, _ = _examine(paths, config, siblings=siblings, trust=BY_SUBJECT)
    return report


def compare(*paths: str | Path, config: Config | None = None) -> Comparison:
    """The runs below the paths side by side, by the trainings that they belong to, with the best rate of each sweep.

    Inputs that cannot be used are in `Comparison.errors`. Raises as `analyze` does.
    """
    return tabulate(*_examine(paths, config, siblings=True, trust=0.0))


def _examine(
    paths: Sequence[str | Path], config: Config | None, *, siblings: bool, trust: float
) -> tuple[Report, Mapping[Family, Sequence[RateResponse | None]]]:
    """The report, and each family with what every one of its sweeps says of the rate; below `trust` in it, nothing."""
    config = load_config(Path.cwd()) if config is None else config
    detectors = plugins.detectors()
    chosen = settings(config, {name: module.Settings for name, module in detectors.items()})
    rules = tuple(rule for rule in known_rules(config) if config.wants(rule.id))
    runs, errors = read([Path(p) for p in paths], RoleNames(config.roles), config.limits)
    measured = [_measure(run, detectors, chosen) for run in runs]
    kin = families([member(run, findings) for run, (findings, _) in zip(runs, measured, strict=True)])
    kin = kin if siblings else ()
    responses = {
        family: [response_of(family, sweep) if family.kinship >= trust else None for sweep in family.sweeps]
        for family in kin
    }
    missed, best = _held_against_siblings(responses)
    report = Report(
        runs=tuple(
            _conclude(run, [*findings, *missed.get(run.name, ())], skipped, rules, best.get(run.name))
            for run, (findings, skipped) in zip(runs, measured, strict=True)
        ),
        errors=tuple(errors),
        rules=tuple(rule.info for rule in rules),
        version=own_version(),
    )
    return report, responses


def _held_against_siblings(
    responses: Mapping[Family, Sequence[RateResponse | None]],
) -> tuple[dict[str, list[SiblingGap]], dict[str, Swept]]:
    """What each run missed against its siblings, and what its sweep says of the rate; by the runs' names."""
    missed: dict[str, list[SiblingGap]] = {}
    best: dict[str, Swept] = {}
    for family, told in responses.items():
        for sweep, response in zip(family.sweeps, told, strict=True):
            for sibling, gap in gaps(family, sweep, response):
                missed.setdefault(sibling.name, []).append(gap)
            if response is not None:
                schedules = frozenset(sibling.member.schedule for sibling in sweep.siblings)
                swept = Swept(response=response, metric=family.metric, schedules=schedules)
                best |= {sibling.name: swept for sibling in sweep.siblings}
    return missed, best


def own_version() -> str:
    """The version of the installed package; `0` in a bare checkout."""
    try:
        return version("lrdoctor")
    except PackageNotFoundError:
        return "0"


def finding_kinds() -> dict[str, type[Finding]]:
    """Every kind of finding that an installed detector can make, and that of the comparison between runs."""
    found = {module.FINDING.kind: module.FINDING for module in plugins.detectors().values()}
    return found | {SiblingGap.kind: SiblingGap}


def known_rules(config: Config, folders: Sequence[Path] = ()) -> tuple[Rule, ...]:
    """The shipped rules, those that the configuration adds, and those of further folders. Raises `RuleError`."""
    return load_rules([rules_dir(), *config.rules, *folders], finding_kinds(), plugins.names("schedules"))


def read(paths: Sequence[Path], names: RoleNames, limits: Limits | None = None) -> tuple[list[Run], list[Problem]]:
    """Every training below the paths once, with its roles, and the inputs that could not be used."""
    limits = Limits() if limits is None else limits
    parsers = plugins.parsers()
    runs: list[Run] = []
    problems: list[Problem] = []
    passed_over: dict[Path, list[Problem]] = {}
    told: set[Path] = set()
    for found in discover(paths, parsers, limits.depth):
        if isinstance(found, Problem):
            problems.append(found)
            continue
        try:
            piped_in = found.home == STANDARD_INPUT
            log = piped(found.home, names) if piped_in else parsers[found.parser].read(found.home, found.files, names)
            here = list(_named(list(log), found, names))
        except NotALog as error:
            # A folder holds many tables that are no curves; only one that was asked for by name is worth a word.
            (problems if found.explicit else passed_over.setdefault(found.given, [])).append(_problem(found, error))
            continue
        except LogError as error:
            problems.append(_problem(found, error))
            told.add(found.given)
            continue
        told.add(found.given)
        room = limits.runs - len(runs)
        runs += here[:room]
        if len(here) > room:
            problems.append(Problem(path=str(found.given), message=_too_many(here[room].name, limits.runs)))
            break
    # Unless a path leads to nothing else: then it is the answer to "where are my runs?".
    for given, some in passed_over.items():
        problems += [] if given in told else _first(some)
    return merged(runs, paths), problems


def _too_many(name: str, most: int) -> str:
    said = f"more than {most} runs: {name} and what comes after it are left out"
    return f"{said}; `runs` under [limits] in the configuration sets it"


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


def _problem(found: Found, error: LogError) -> Problem:
    where = found.files[0] if len(found.files) == 1 else found.home
    return Problem(path=str(where), message=str(error))


def _named(runs: Sequence[Run], found: Found, names: RoleNames) -> Iterator[Run]:
    """The runs of one place with their roles, their names in the report, and the configuration beside their log.

    Where there are several, each adds to the name of the place what its parser added to that of its home, or its own.
    """
    home = found.home.name
    told = Beside(hparams={}, notes=())
    if found.home != STANDARD_INPUT:
        told = beside(found.home if found.home.is_dir() else found.home.parent, found.files)
    met: Counter[str] = Counter()
    for run in runs:
        own = run.name.removeprefix(home) if run.name.startswith(home) else f"/{run.name}"
        own = own if len(runs) > 1 else ""
        met[own] += 1
        own += f" #{met[own]}" if met[own] > 1 else ""
        roles, notes = names.assign(run.series)
        yield replace(
            run,
            name=found.name + own,
            roles=roles,
            hparams={**told.hparams, **run.hparams},
            notes=(*run.notes, *notes, *(note for note in told.notes if note not in run.notes)),
        )


def diagnose(
    run: Run, detectors: Mapping[str, Detector], chosen: Mapping[str, Any], rules: Iterable[Rule]
) -> Diagnosis:
    """Everything that we say about one run by itself."""
    findings, skipped = _measure(run, detectors, chosen)
    return _conclude(run, findings, skipped, rules, None)


def _measure(
    run: Run, detectors: Mapping[str, Detector], chosen: Mapping[str, Any]
) -> tuple[list[Finding], list[Skipped]]:
    """What the detectors find in the run, and those that could not speak."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    for name, detector in detectors.items():
        missing = [role.value for role in detector.NEEDS if run[role] is None]
        if missing:
            skipped.append(Skipped(what=name, reason=f"no series plays the role {', '.join(sorted(missing))}"))
        else:
            findings += _measured(name, detector, run, chosen[name], skipped)
    return findings, skipped


def _conclude(
    run: Run,
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],
    rules: Iterable[Rule],
    swept: Swept | None,
) -> Diagnosis:
    """What follows from the findings; `swept` is what the run's sweep says of the rate, or None."""
    advice = advise(rules, findings)
    verdict = _verdict(advice, findings)
    if verdict is Verdict.CANNOT_TELL:
        skipped = [Skipped(what="diagnosis", reason=_lacking(run, advice)), *skipped]
    schedule = _schedule(findings)
    prescription = None
    if verdict is Verdict.UNHEALTHY:
        prescription = prescribe(run, advice, schedule, findings, None if swept is None else swept.response)
    if prescription is not None:
        prescription = with_expectation(prescription, run, swept)
        prescription = replace(prescription, priors=priors(run), code=code_for(prescription, run))
    return Diagnosis(
        run=run,
        verdict=verdict,
        findings=tuple(findings),
        advice=advice,
        prescription=prescription,
        schedule=schedule,
        forecast=ending(run),
        skipped=tuple(skipped),
    )


def _measured(name: str, detector: Detector, run: Run, chosen: Any, skipped: list[Skipped]) -> list[Finding]:
    try:
        return list(detector.detect(run, chosen))
    except Exception as error:
        # A stranger's detector must not cost the user the report; a bug of ours must not hide.
        if plugins.is_built_in("detectors", name):
            raise
        skipped.append(Skipped(what=name, reason=f"failed: {type(error).__name__}: {error}"))
        return []


def _verdict(advice: Sequence[Advice], findings: Sequence[Finding]) -> Verdict:
    if any(a.rule.severity is not Severity.INFO for a in advice):
        return Verdict.UNHEALTHY
    if any(a.rule.withholds for a in advice) or not any(f.kind in ("progress", "nonfinite") for f in findings):
        return Verdict.CANNOT_TELL
    return Verdict.HEALTHY


def _lacking(run: Run, advice: Sequence[Advice]) -> str:
    said = [a.message for a in advice if a.rule.withholds]
    if said:
        return said[0]
    if run[Role.TRAIN_LOSS] is None and run[Role.VAL_LOSS] is None:
        tags = ", ".join(list(run.series)[:5]) or "nothing"
        return f"no series is known to be a loss (logged: {tags}); log the loss, or name it under [roles]"
    return "fewer than two finite points of the loss; log it more often"


def _schedule(findings: Sequence[Finding]) -> Schedule | None:
    found = next((f for f in findings if isinstance(f, LrSchedule)), None)
    if found is None:
        return None
    params = {"period_steps": found.period_steps, "decay_factor": found.decay_factor}
    return Schedule(
        kind=found.shape,
        peak_lr=found.peak_lr,
        final_lr=found.final_lr,
        warmup_steps=found.warmup_steps,
        params={name: float(value) for name, value in params.items() if value is not None},
        residual=found.residual,
    )
