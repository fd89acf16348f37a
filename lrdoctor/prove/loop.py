"""The whole proof: diagnose, prescribe, re-train, compare, and do it again from what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrdoctor.detectors._hyperparameters import by_last_word, numbers
from lrdoctor.doctor import analyze
from lrdoctor.errors import LrdoctorError
from lrdoctor.model import Diagnosis, Prescription, Report, Run, Verdict
from lrdoctor.prove import record
from lrdoctor.prove.compare import Comparison, compare, level
from lrdoctor.prove.placeholders import fill, values
from lrdoctor.prove.trial import Options, Outcome, Trial, folder_name, recorded, train

CLIPPING = ("clip_grad_norm", "max_grad_norm", "gradient_clip_val", "grad_clip", "clip_norm", "clipnorm", "clip")
"""What a run's configuration calls the norm that it clips at."""
LARGEST_SEED = 2**31


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Round:
    """One prescription, tried with every seed."""

    number: int
    prescription: Prescription
    """`lr_scale` is relative to the run that was to be cured, in every round."""
    trials: tuple[Trial, ...]
    comparison: Comparison
    """With that run."""

    @property
    def order(self) -> tuple[float, float]:
        """Lower is better: the share of the seeds that diverged, then the mean level."""
        seen = self.comparison
        return seen.diverged / seen.seeds, float("inf") if seen.after is None else seen.after

    @property
    def middle(self) -> Trial:
        """The trial whose level is nearest to the mean, to stand for all in the next diagnosis."""
        sound = [t for t in self.trials if t.outcome is not Outcome.DIVERGED] or list(self.trials)
        aim = self.comparison.after
        if aim is None or len(sound) < 2:
            return sound[0]
        return min(sound, key=lambda trial: abs((_end(trial, self.comparison) or aim) - aim))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proof:
    """Everything that there is to report."""

    run: Diagnosis
    command: tuple[str, ...]
    folder: Path
    rounds: tuple[Round, ...]
    asked: int
    """Rounds that the user asked for."""
    best: int
    """Index of the best round. It is the one to keep where it helped, and else the run itself is."""
    next: Prescription | None
    """What to try next, `lr_scale` relative to the run that was to be cured."""
    ended: str
    """Why nothing further was tried, or is to be tried; empty where `next` says what is."""

    @property
    def helped(self) -> bool:
        """Whether the best round is better than the run by more than the noise."""
        return self.rounds[self.best].comparison.helped


def prove(
    path: Path, options: Options, *, siblings: Sequence[Path] = (), say: Callable[[str], None] = lambda _: None
) -> Proof:
    """Re-train the run at `path` with what is prescribed for it, round by round.

    `say` gets a line before each trial. Raises `LrdoctorError` where that cannot be done: the run cannot be read, has
    no fault or no number to change, a placeholder is wrong, or the command does not run. A round after the first that
    cannot be run ends the loop with what was found so far.
    """
    own, first = diagnosed(path, siblings, options)
    wanted: Prescription | None = first
    rounds: list[Round] = []
    ended = ""
    while wanted is not None and len(rounds) < options.rounds:
        try:
            rounds.append(_round(len(rounds) + 1, wanted, own, options, say))
        except LrdoctorError as error:
            if not rounds:
                raise
            ended = f"round {len(rounds) + 1} could not be run: {'; '.join(error.problems)}"
            break
        wanted, ended = _after(own, rounds, path, siblings, options)
    best = min(range(len(rounds)), key=lambda i: rounds[i].order)
    return Proof(
        run=own,
        command=options.command,
        folder=options.folder,
        rounds=tuple(rounds),
        asked=options.rounds,
        best=best,
        next=None if ended else wanted,
        ended=ended,
    )


def diagnosed(path: Path, siblings: Sequence[Path], options: Options) -> tuple[Diagnosis, Prescription]:
    """The one run at `path`, which must be ill, and its prescription. Raises `LrdoctorError` where there is none."""
    report = analyze(path, config=options.config)
    ours = options.folder.resolve()
    # Trials of an earlier call may lie below the run itself.
    found = [d for d in report.runs if ours not in d.run.path.resolve().parents]
    if not found:
        raise LrdoctorError([f"{e.path}: {e.message}" for e in report.errors] or f"{path}: no training logs found")
    if len(found) > 1:
        names = ", ".join(str(d.run.path) for d in found[:3]) + (" …" if len(found) > 3 else "")
        raise LrdoctorError(f"{path}: holds {len(found)} runs; name one of them: {names}")
    (own,) = found
    if siblings:
        own = _of(own.run, analyze(path, *siblings, config=options.config)) or own
    if own.verdict is Verdict.HEALTHY:
        raise LrdoctorError(f"{path}: healthy: nothing to try")
    if own.verdict is Verdict.CANNOT_TELL:
        reason = next((s.reason for s in own.skipped), "the log tells too little")
        raise LrdoctorError(f"{path}: cannot tell what is wrong with it, so there is nothing to try: {reason}")
    if own.prescription is None:
        rules = ", ".join(dict.fromkeys(f"{a.rule.id} {a.rule.name}" for a in own.advice))
        raise LrdoctorError(f"{path}: unhealthy ({rules}), but no number of the schedule would cure that")
    return own, own.prescription


def _of(run: Run, report: Report) -> Diagnosis | None:
    return next((d for d in report.runs if (d.run.path, d.run.format) == (run.path, run.format)), None)


def _round(
    number: int, prescription: Prescription, own: Diagnosis, options: Options, say: Callable[[str], None]
) -> Round:
    run = own.run
    clip = next(iter(numbers(by_last_word(run), CLIPPING)), None)
    trials = []
    for seed in _seeds(run, options.seeds):
        known = values(prescription, seed=seed, out="{out}", trial="{trial}", clip=clip)
        # Filled in all but the two that differ from trial to trial; a mistake in it is found before anything runs.
        key = record.key(fill(options.command, known), known)
        entries = record.read(options.folder / record.NAME)
        trial = recorded(entries, key, options, run)
        if trial is None:
            mine = _folder(options.folder, entries)
            say(f"round {number}, trial {mine}, seed {seed}")
            trial = train(mine, key, known, prescription, options, run)
            if trial.stopped_early:
                say(f"trial {mine} diverged and was stopped early")
        trials.append(trial)
    comparison = compare(own, [t.diagnosis for t in trials], [t.stopped_early for t in trials])
    if comparison is None:
        raise LrdoctorError(f"{trials[0].out}: no loss that {run.path} logged was logged there, so nothing is compared")
    return Round(number=number, prescription=prescription, trials=tuple(trials), comparison=comparison)


def _seeds(run: Run, count: int) -> Iterator[int]:
    """The run's own seed first, so that the two trainings differ in what was prescribed alone; 0 where none is told."""
    told = numbers(by_last_word(run), ("seed", "random_seed", "manual_seed"))
    first = int(told[0]) if told and told[0] < LARGEST_SEED and told[0].is_integer() else 0
    return iter(range(first, first + count))


def _folder(folder: Path, entries: Sequence[dict[str, object]]) -> int:
    """The number of a new trial, with its folder made; no two processes get the same."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = [int(m[1]) for p in folder.iterdir() if (m := re.fullmatch(r"trial-([0-9]{3,9})", p.name))]
        taken += [number for entry in entries if isinstance(number := entry.get("trial"), int)]
        number = max(taken, default=0) + 1
        while True:
            try:
                (folder / folder_name(number)).mkdir()
            except FileExistsError:
                number += 1
            else:
                return number
    except OSError as error:
        raise LrdoctorError(f"{folder}: cannot be written: {(error.strerror or str(error)).lower()}") from error


def _after(
    own: Diagnosis, rounds: Sequence[Round], path: Path, siblings: Sequence[Path], options: Options
) -> tuple[Prescription | None, str]:
    """What to try next, or why there is nothing; from the best so far, with all the others as its siblings.

    What has been tried is not tried again: then an alternative is, and then what the last trial itself would need.
    """
    best, last = min(rounds, key=lambda r: r.order), rounds[-1]
    trials = [trial.diagnosis.run.path for r in rounds for trial in r.trials]
    report = analyze(path, *siblings, *trials, config=options.config)
    improved = best.comparison.gain is not None and best.comparison.gain > 0
    chosen = _of(best.middle.diagnosis.run if improved else own.run, report)
    if improved and chosen is not None and chosen.verdict is not Verdict.UNHEALTHY:
        return None, f"the best is {str(chosen.verdict).replace('_', ' ')}: nothing further to try"
    first = _candidates(chosen, best if improved else None)
    latest = _candidates(_of(last.middle.diagnosis.run, report), last)
    # Where nothing is sound yet, the last trial knows most: each was prescribed from the one before.
    candidates = [*latest, *first] if last.comparison.diverged and not improved else [*first, *latest]
    tried = {_numbers(r.prescription) for r in rounds}
    found = next((each for each in candidates if _numbers(each) not in tried), None)
    return found, "" if found else "everything that would be prescribed has been tried"


def _candidates(diagnosis: Diagnosis | None, of: Round | None) -> Iterator[Prescription]:
    """What a diagnosis prescribes, best first; `of` is the round that it is of, None for the run that is to be cured.

    It is told relative to that run, and for a training of the whole length: one that was cut off would have the next
    as short as itself.
    """
    wanted = None if diagnosis is None else diagnosis.prescription
    for each in () if wanted is None else (wanted, *wanted.alternatives):
        if of is None:
            yield each
            continue
        scaled = replace(each, lr_scale=float(f"{each.lr_scale * of.prescription.lr_scale:.3g}"))
        whole = of.middle.outcome is Outcome.FINISHED
        yield scaled if whole else _stretched(scaled, of.prescription.total_steps)


def _stretched(prescription: Prescription, total: int) -> Prescription:
    """The same over so many steps."""
    by = total / prescription.total_steps
    params = {
        k: round(v * by) if k.endswith("_steps") and not isinstance(v, str) else v
        for k, v in prescription.params.items()
    }
    warmup = round(prescription.warmup_steps * by)
    return replace(prescription, total_steps=total, warmup_steps=warmup, params=params)


def _numbers(prescription: Prescription) -> tuple[object, ...]:
    p = prescription
    params = tuple(sorted(p.params.items()))
    return (p.peak_lr or p.lr_scale, p.schedule, p.warmup_steps, p.total_steps, p.final_lr, params, p.clip_grad_norm)


def _end(trial: Trial, comparison: Comparison) -> float | None:
    found = level(trial.diagnosis.run, comparison.metric)
    return None if found is None else found.end


def default_folder(path: Path) -> Path:
    """Where the trials of a run go unless the user says otherwise: below the working directory, named after it."""
    path = path.resolve()
    name = path.name if path.is_dir() or not path.parent.name else f"{path.parent.name}-{path.stem}"
    return Path("lrdoctor-prove") / (re.sub(r"[^\w.-]+", "_", name).strip("._-")[:80] or "run")
