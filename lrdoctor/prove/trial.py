"""One training with one prescription and one seed: started, watched while its log grows, read, and recorded."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from lrdoctor.config import Config
from lrdoctor.doctor import analyze
from lrdoctor.errors import LrdoctorError
from lrdoctor.model import Diagnosis, Prescription, Report, Role, Run
from lrdoctor.prove import process, record
from lrdoctor.prove.compare import broken, diverged, level
from lrdoctor.prove.placeholders import environment, fill

OUT = "out"
"""Folder of a trial that is `{out}`; apart from our own file, since some scripts want theirs empty."""
LASTING = 0.1
"""Of the planned steps. An error that stands for so long in a growing log is no spike that comes back."""
CERTAIN = 3
"""Points that are no number, with none after them: as many as the rule on them asks for, and no need to wait."""
NEARLY_DONE = 0.95
"""A command that fails after this much of the training has failed at something else, such as a last plot."""


class Outcome(StrEnum):
    """How a trial ended."""

    FINISHED = "finished"
    DIVERGED = "diverged"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    """It says nothing about the prescription: no log, or broken off for another reason."""
    INTERRUPTED = "interrupted"


COUNTS = frozenset({Outcome.FINISHED, Outcome.DIVERGED, Outcome.TIMED_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for, and how the command is run."""

    command: tuple[str, ...]
    """With its placeholders."""
    folder: Path
    """Holds the record and a folder for each trial."""
    config: Config
    seeds: int = 1
    rounds: int = 1
    timeout: float | None = None
    """Seconds for each trial."""
    early_stop: bool = True
    fresh: bool = False
    """Repeat trials that the record has."""
    every: float = 2.0
    """Seconds between two looks at the growing log."""
    grace: float = process.GRACE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """A training that says something about its prescription."""

    number: int
    seed: int
    command: tuple[str, ...]
    """As it was run."""
    out: Path
    outcome: Outcome
    stopped_early: bool
    exit_status: int
    seconds: float
    diagnosis: Diagnosis
    reused: bool
    """It was in the record already."""


def recorded(entries: Sequence[Mapping[str, Any]], key: str, options: Options, like: Run) -> Trial | None:
    """The trial of this key, if the record has it and its log is still there to be read."""
    for entry in reversed(entries):
        if entry.get("key") != key or options.fresh:
            continue
        try:
            outcome, out = Outcome(entry["outcome"]), options.folder / entry["out"]
            longer = options.timeout is None or options.timeout > (entry["timeout"] or 0)
            again = (outcome is Outcome.TIMED_OUT and longer) or (entry["stopped_early"] and not options.early_stop)
            if outcome not in COUNTS or again or not out.is_dir():
                continue
            diagnosis = pick(analyze(out, config=options.config), like)
            if diagnosis is None:
                continue
            return Trial(
                number=int(entry["trial"]),
                seed=int(entry["seed"]),
                command=tuple(map(str, entry["command"])),
                out=out,
                outcome=outcome,
                stopped_early=bool(entry["stopped_early"]),
                exit_status=int(entry["exit_status"]),
                seconds=float(entry["seconds"]),
                diagnosis=diagnosis,
                reused=True,
            )
        except (KeyError, TypeError, ValueError):
            continue  # somebody has edited it
    return None


def train(
    number: int, key: str, known: Mapping[str, str | None], prescription: Prescription, options: Options, like: Run
) -> Trial:
    """Run the command for this trial, whose folder is there, and add it to the record.

    Raises `LrdoctorError` where that says nothing about the prescription: the command cannot be started, fails or
    leaves no log; `KeyboardInterrupt` once it has been ended. Both are recorded.
    """
    folder = options.folder / folder_name(number)
    out = folder / OUT
    mine = {**known, "out": str(out), "trial": str(number)}
    command = tuple(fill(options.command, mine))
    entry: dict[str, Any] = {
        "trial": number,
        "key": key,
        "seed": int(known["seed"] or 0),
        "command": [_text(part) for part in command],
        "prescription": as_json(prescription),
        "out": f"{folder.name}/{OUT}",
        "timeout": options.timeout,
    }
    file = folder / "prescription.json"
    try:
        out.mkdir()
        file.write_text(json.dumps({"placeholders": mine, **as_json(prescription)}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise LrdoctorError(f"{folder}: cannot be written: {(error.strerror or str(error)).lower()}") from error
    try:
        ended = process.run(
            command,
            environment=environment(mine, str(file)),
            look=watcher(out, prescription.total_steps, options.config, like) if options.early_stop else _never,
            every=options.every,
            timeout=options.timeout,
            grace=options.grace,
        )
        report = analyze(out, config=options.config)
        found = pick(report, like)
        outcome, trouble = judged(ended, found, prescription.total_steps, like)
        if found is None and any(out.iterdir()):
            trouble += "".join(f"; {error.path}: {error.message}" for error in report.errors[:1])
    except BaseException as error:
        stopped = Outcome.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Outcome.FAILED
        record.append(options.folder / record.NAME, {**entry, "outcome": stopped})
        raise
    stopped_early = ended.reason is process.Reason.STOPPED
    told = {"outcome": outcome, "stopped_early": stopped_early, "exit_status": ended.status, "trouble": trouble}
    record.append(
        options.folder / record.NAME, {**entry, **told, "seconds": round(ended.seconds, 3), **_measured(found)}
    )
    if trouble or found is None:
        raise LrdoctorError(f"{out}: {trouble}")
    return Trial(
        number=number,
        seed=entry["seed"],
        command=command,
        out=out,
        outcome=outcome,
        stopped_early=stopped_early,
        exit_status=ended.status,
        seconds=ended.seconds,
        diagnosis=found,
        reused=False,
    )


def folder_name(number: int) -> str:
    """The folder of a trial, within that of the record."""
    return f"trial-{number:03}"


def judged(ended: process.Ended, found: Diagnosis | None, planned: int, like: Run) -> tuple[Outcome, str]:
    """What came of it, and what was in the way of judging the prescription by it: empty where nothing was."""
    failed = ended.reason is process.Reason.EXITED and ended.status != 0
    how = f"was killed by signal {-ended.status}" if ended.status < 0 else f"failed with exit status {ended.status}"
    if found is None or found.run.span is None:
        if failed:
            return Outcome.FAILED, f"the command {how} before there was a log"
        limit = " within the time limit" if ended.reason is process.Reason.TIMED_OUT else ""
        return Outcome.FAILED, f"no log appeared{limit}: does the command write to {{out}}, or to LRDOCTOR_OUT?"
    if found.run[Role.TRAIN_LOSS] is None and found.run[Role.VAL_LOSS] is None:
        return Outcome.FAILED, f"no loss in its log (logged: {', '.join(list(found.run.series)[:5])})"
    if ended.reason is process.Reason.STOPPED or diverged(found):
        return Outcome.DIVERGED, ""
    if ended.reason is process.Reason.TIMED_OUT:
        return Outcome.TIMED_OUT, ""
    last = found.run.span.last
    whole = min(planned, like.span.last) if like.span else planned
    if failed and last < NEARLY_DONE * whole:
        return Outcome.FAILED, f"the command {how} at step {last:,}, without having diverged"
    return Outcome.FINISHED, ""


def pick(report: Report, like: Run) -> Diagnosis | None:
    """The run that is most like the one to compare with, of all that the trial logged; None where it logged none."""

    def likeness(diagnosis: Diagnosis) -> tuple[int, bool, int]:
        run = diagnosis.run
        points = max((len(s) for r in (Role.TRAIN_LOSS, Role.VAL_LOSS) if (s := run[r]) is not None), default=0)
        return len(run.roles.keys() & like.roles.keys()), run.format == like.format, points

    return max((d for d in report.runs if d.run.span is not None), key=likeness, default=None)


def watcher(out: Path, planned: int, config: Config, like: Run) -> Callable[[], bool]:
    """A look at the growing log that says whether the training is lost.

    It is where several losses in a row were no number, or where an error that means divergence has stood over a tenth
    of the planned steps. Looks at a log that has not grown cost nothing.
    """
    size: dict[str, int] = {}
    since: int | None = None

    def look() -> bool:
        nonlocal size, since
        now = _sizes(out)
        if now == size:
            return False
        size = now
        try:
            found = pick(analyze(out, config=config), like)
        except (LrdoctorError, OSError):
            return False  # half written, or renamed just now: the next look sees it
        if found is None or found.run.span is None:
            return False
        if certainly_lost(found):
            return True
        last = found.run.span.last
        if broken(found) is None:
            since = None
        elif since is None:
            since = last
        return since is not None and last - since >= LASTING * planned

    return look


def certainly_lost(diagnosis: Diagnosis) -> bool:
    """Whether a rule calls it an error that the loss stopped being a number, and several points say so."""
    advice = broken(diagnosis, frozenset({"nonfinite"}))
    told = {} if advice is None else advice.because[0].evidence
    return told.get("persistent") is True and int(told.get("points") or 0) >= CERTAIN


def _never() -> bool:
    return False


def _sizes(folder: Path) -> dict[str, int]:
    found = {}
    for below, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(below, name)  # noqa: PTH118 (a thousand files, every other second)
            try:
                found[path] = os.stat(path).st_size  # noqa: PTH116
            except OSError:
                continue
    return found


def _measured(found: Diagnosis | None) -> dict[str, Any]:
    if found is None:
        return {}
    run = found.run
    levels = {role.value: told for role in (Role.TRAIN_LOSS, Role.VAL_LOSS) if (told := level(run, role)) is not None}
    return {
        "verdict": found.verdict,
        "rules": [a.rule.id for a in found.advice],
        "last_step": run.span.last if run.span else None,
        "levels": {role: {"start": told.start, "end": told.end, "best": told.best} for role, told in levels.items()},
    }


def as_json(prescription: Prescription) -> dict[str, Any]:
    """The numbers of a prescription, for a program; without its alternatives and its code."""
    told = asdict(replace(prescription, alternatives=(), code=None))
    return {name: value for name, value in told.items() if name not in ("alternatives", "code")}


def _text(part: str) -> str:
    """Without the lone surrogates that stand for bytes of no encoding, and that strict readers of JSON refuse."""
    return part.encode("utf-8", "backslashreplace").decode()
