"""The whole examination: the only module that knows the order of the stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lrdoctor import plugins
from lrdoctor._garbage import young_only
from lrdoctor.comparison.table import Comparison, tabulate
from lrdoctor.config import Config, load_config, settings
from lrdoctor.detectors.lr_schedule import LrSchedule
from lrdoctor.engine.load import load_rules, rules_dir
from lrdoctor.engine.match import advise
from lrdoctor.engine.rule import Rule
from lrdoctor.limits import Limits, in_force
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
from lrdoctor.parsers._discovery import STANDARD_INPUT, Found, discover
from lrdoctor.parsers._files import asked_once
from lrdoctor.parsers._same_training import merged
from lrdoctor.plugins import Detector
from lrdoctor.prescribe.code import code_for
from lrdoctor.prescribe.configuration import prescribe
from lrdoctor.prescribe.expectation import Swept, ending, with_expectation
from lrdoctor.prescribe.priors import priors
from lrdoctor.reading import Home, gathered, lost, read_home
from lrdoctor.reading import read as read
from lrdoctor.roles import RoleNames
from lrdoctor.siblings.gap import SiblingGap, gaps
from lrdoctor.siblings.grouping import BY_SUBJECT, Family, families
from lrdoctor.siblings.member import member
from lrdoctor.siblings.recipes import response_of
from lrdoctor.siblings.response import RateResponse
from lrdoctor.spread import spread

Progress = Callable[[int, int | None], None]
"""Is told how much has been done, and of how much; None while that is not known yet."""
NEARLY = 0.8
"""How much of the time is gone when everything is measured."""
Measured = tuple[Sequence[Finding], Sequence[Skipped]]
"""What the detectors found in a run, and those that could not speak."""


def analyze(
    *paths: str | Path,
    config: Config | None = None,
    siblings: bool = True,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Report:
    """The report on every run below the paths, in a deterministic order.

    Inputs that cannot be used are in `Report.errors`; the others are still analysed. `config` defaults to the nearest
    `lrdoctor.toml` or `[tool.lrdoctor]`. Without `siblings` each run is judged as if it were alone.

    `jobs` is the number of processes that read and measure, as in joblib: -1 stands for one per core. The report is the
    same for any number; `joblib.parallel_config` around the call chooses another backend, such as Dask. `progress` is
    called in this process, with how many of the places where a log was found are done, and how many there are; None
    while they are looked for. A place that was measured and is not yet judged is nearly done, and counts as such.

    Raises `RuleError`, `ConfigError` or `PluginError` where those are broken, and `ValueError` for 0 jobs.
    """
    # What a sweep says of the rate must not reach runs that nothing but their folder makes siblings.
    with young_only():
        report, _ = _examine(paths, config, siblings=siblings, trust=BY_SUBJECT, jobs=jobs, progress=progress)
    return report


def compare(
    *paths: str | Path, config: Config | None = None, jobs: int = 1, progress: Progress | None = None
) -> Comparison:
    """The runs below the paths side by side, by the trainings that they belong to, with the best rate of each sweep.

    Inputs that cannot be used are in `Comparison.errors`. Takes and raises what `analyze` does.
    """
    with young_only():
        return tabulate(*_examine(paths, config, siblings=True, trust=0.0, jobs=jobs, progress=progress))


def _examine(
    paths: Sequence[str | Path],
    config: Config | None,
    *,
    siblings: bool,
    trust: float,
    jobs: int,
    progress: Progress | None,
) -> tuple[Report, Mapping[Family, Sequence[RateResponse | None]]]:
    """The report, and each family with what every one of its sweeps says of the rate; below `trust` in it, nothing."""
    if jobs == 0:
        raise ValueError("0 jobs do nothing")
    tell = progress or (lambda done, total: None)
    config = load_config(Path.cwd()) if config is None else config
    detectors = plugins.detectors()
    chosen = settings(config, {name: module.Settings for name, module in detectors.items()})
    known = known_rules(config)
    tell(0, None)
    places = list(discover([Path(p) for p in paths], plugins.parsers(), config.limits.depth))
    found = [place for place in places if isinstance(place, Found)]
    # What is piped in is there for this process alone.
    jobs = 1 if any(place.home == STANDARD_INPUT for place in found) else jobs
    look = partial(_looked_at, names=RoleNames(config.roles), limits=config.limits, chosen=chosen)
    results = spread(look, found, jobs, lambda place: (lost(place), ()))
    findings: dict[Run, Measured] = {}
    runs, errors = gathered(_homes(places, results, findings, tell), config.limits)
    runs = merged(runs, [Path(p) for p in paths])
    # One that is made of several is measured anew.
    measure = _measuring(detectors, chosen)
    measured = [findings.get(run) or measure(run) for run in runs]
    kin = families([member(run, told) for run, (told, _) in zip(runs, measured, strict=True)]) if siblings else ()
    responses = {
        family: [response_of(family, sweep) if family.kinship >= trust else None for sweep in family.sweeps]
        for family in kin
    }
    missed, best = _held_against_siblings(responses)
    in_force = {run.name: _wanted(known, config.of(run.name)) for run in runs} if config.per_run else {}
    usual = _wanted(known, config)
    ids = {rule.id for some in (usual, *in_force.values()) for rule in some}
    judged = []
    for run, (told, skipped) in zip(runs, measured, strict=True):
        rules = in_force.get(run.name, usual)
        judged.append(_conclude(run, [*told, *missed.get(run.name, ())], skipped, rules, best.get(run.name)))
        run.forget()
        tell(int(len(found) * (NEARLY + (1 - NEARLY) * len(judged) / len(runs))), len(found))
    report = Report(
        runs=tuple(judged),
        errors=tuple(errors),
        rules=tuple(rule.info for rule in known if rule.id in ids),
        version=own_version(),
    )
    return report, responses


def _looked_at(
    places: Sequence[Found], names: RoleNames, limits: Limits, chosen: Mapping[str, Any]
) -> list[tuple[Home, Sequence[Measured]]]:
    """What some places hold, and what the detectors find in each of their runs; also in a process of its own."""
    parsers, measure = plugins.parsers(), _measuring(plugins.detectors(), chosen)
    seen: list[tuple[Home, Sequence[Measured]]] = []
    with asked_once(), in_force(limits):
        for place in places:
            home = read_home(place, parsers, names)
            seen.append((home, [measure(run) for run in home.runs]))
            for run in home.runs:
                run.forget()
    return seen


def _homes(
    places: Sequence[Found | Problem],
    results: Iterator[tuple[Home, Sequence[Measured]]],
    findings: dict[Run, Measured],
    tell: Progress,
) -> Iterator[Home | Problem]:
    """Each place with what was read there, in order; what was measured goes to `findings`."""
    count, total = 0, sum(isinstance(place, Found) for place in places)
    for place in places:
        if isinstance(place, Problem):
            yield place
            continue
        home, measured = next(results)
        findings |= zip(home.runs, measured, strict=True)
        count += 1
        tell(int(NEARLY * count), total)
        yield home


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


def _wanted(rules: Iterable[Rule], config: Config) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if config.wants(rule.id))


def known_rules(config: Config, folders: Sequence[Path] = ()) -> tuple[Rule, ...]:
    """The shipped rules, those that the configuration adds, and those of further folders. Raises `RuleError`."""
    return load_rules([rules_dir(), *config.rules, *folders], finding_kinds(), plugins.names("schedules"))


def diagnose(
    run: Run, detectors: Mapping[str, Detector], chosen: Mapping[str, Any], rules: Iterable[Rule]
) -> Diagnosis:
    """Everything that we say about one run by itself."""
    findings, skipped = _measuring(detectors, chosen)(run)
    return _conclude(run, findings, skipped, rules, None)


def _measuring(detectors: Mapping[str, Detector], chosen: Mapping[str, Any]) -> Callable[[Run], Measured]:
    """What tells of a run what the detectors find in it, and which could not speak."""

    @cache
    def able(played: frozenset[Role]) -> list[tuple[str, Callable[[Run, Any], Iterator[Finding]], Any, Skipped | None]]:
        """Name, function and settings of each; and why it cannot speak of a run in which these roles are played."""
        return [
            (name, each.detect, chosen[name], _lacking_roles(name, each.NEEDS - played))
            for name, each in detectors.items()
        ]

    def measure(run: Run) -> Measured:
        findings: list[Finding] = []
        skipped: list[Skipped] = []
        for name, detect, its, lacking in able(frozenset(run.roles)):
            if lacking is not None:
                skipped.append(lacking)
                continue
            try:
                findings += list(detect(run, its))
            except Exception as error:
                # A stranger's detector must not cost the user the report; a bug of ours must not hide.
                if plugins.is_built_in("detectors", name):
                    raise
                skipped.append(Skipped(what=name, reason=f"failed: {type(error).__name__}: {error}"))
        return findings, skipped

    return measure


def _lacking_roles(detector: str, missing: frozenset[Role]) -> Skipped | None:
    """Why it cannot speak, where any are missing."""
    if not missing:
        return None
    roles = ", ".join(sorted(role.value for role in missing))
    return Skipped(what=detector, reason=f"no series plays the role {roles}")


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
