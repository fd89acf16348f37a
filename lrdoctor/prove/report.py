"""The proof for people and for programs; the latter is described by `proof.schema.json`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, TextIO

from lrdoctor.doctor import own_version
from lrdoctor.model import Diagnosis, Prescription
from lrdoctor.prove.compare import Comparison, NoiseFrom, diverged, level
from lrdoctor.prove.loop import Proof, Round
from lrdoctor.prove.placeholders import uses
from lrdoctor.prove.record import NAME
from lrdoctor.prove.trial import Outcome, Trial, as_json
from lrdoctor.reports._escape import plain
from lrdoctor.reports._lines import BLANK, Line, line, terminal, write_lines
from lrdoctor.reports._strict import strict
from lrdoctor.reports._words import number, settings

SCHEMA_VERSION = 1
ANOTHER_LENGTH = 0.05
"""Of the run: the tail in which levels are taken. What ends nearer than that has the same length."""


def write_text(proof: Proof, out: TextIO) -> None:
    """What was tried, what came of it and what to try next, with colour on a terminal."""
    write_lines(_lines(proof), out, terminal(out))


def write_json(proof: Proof, out: TextIO) -> None:
    """The same as one JSON document: strict, in ASCII, the same bytes for the same proof."""
    out.write(json.dumps(strict(_proof(proof)), indent=2, ensure_ascii=True, allow_nan=False) + "\n")


WRITERS = {"text": write_text, "json": write_json}


# For people


def _lines(proof: Proof) -> Iterator[Line]:
    best = proof.rounds[proof.best]
    verdict, style = ("helped", "bold green") if proof.helped else ("did not help", "bold red")
    yield line(0, (f"{verdict}  ", style), (plain(str(proof.run.run.path)), "bold"))
    yield line(2, "before: ", _before(best.comparison), f" ({_rules(proof.run)})")
    for each in proof.rounds:
        yield line(2, (f"round {each.number}: ", "bold"), settings(each.prescription))
        yield from (line(4, _trial(trial, each.comparison)) for trial in each.trials)
        yield line(4, _judged(each))
        yield from (line(4, (remark, "dim")) for remark in _lengths(proof, each))
    if left_out := _left_out(proof, best):
        yield line(2, f"mind: the command has no {left_out}, so unless it reads the environment it trained without")
    if len(proof.rounds) > 1:
        kept = f"round {best.number}" if _improved(best.comparison) else "the run as it was: no round came out better"
        yield line(2, "best: ", (kept, "bold"))
    if best.comparison.gain is not None:
        yield line(2, "noise: ", _noise(proof, best.comparison))
    yield BLANK
    if proof.ended:
        yield line(2, ("next: ", "bold"), proof.ended)
    elif proof.next:
        yield line(2, ("try next: ", "bold"), (settings(proof.next), "bold"))
        yield line(4, "why: ", proof.next.reason)
    yield line(2, (f"record: {plain(str(proof.folder / NAME))}", "dim"))


def _before(seen: Comparison) -> str:
    if seen.before is None:
        best = f"; its best level was {number(seen.before_best)}" if seen.before_best < seen.start else ""
        return f"{seen.metric} ended in no number{best}"
    return f"{seen.metric} {number(seen.before)}" + (", diverged" if seen.before_diverged else "")


def _rules(diagnosis: Diagnosis) -> str:
    return ", ".join(dict.fromkeys(f"{a.rule.id} {a.rule.name}" for a in diagnosis.advice))


def _trial(trial: Trial, seen: Comparison) -> str:
    run = trial.diagnosis.run
    last = "" if run.span is None else f" at step {run.span.last:,}"
    how = {
        Outcome.FINISHED: "finished",
        Outcome.DIVERGED: "stopped early, diverging" if trial.stopped_early else "diverged",
        Outcome.TIMED_OUT: "out of time",
    }[trial.outcome]
    found = level(run, seen.metric)
    reached = "" if found is None or found.end is None else f", {seen.metric} {number(found.end)}"
    source = ", from the record" if trial.reused else f", {number(round(trial.seconds, 1))} s"
    failed = f", exit status {trial.exit_status}" if trial.exit_status > 0 and not trial.stopped_early else ""
    return f"trial {trial.number}, seed {trial.seed}: {how}{last}{reached}{failed}{source}"


def _judged(each: Round) -> str:
    seen = each.comparison
    if seen.gain is None or seen.after is None:
        some = f"{seen.diverged} of {seen.seeds} seeds " if seen.seeds > 1 else ""
        return f"no better: {some}diverged as well" if seen.before_diverged else f"worse: {some}diverged"
    what = "better" if seen.helped else "worse" if seen.hurt else "no different beyond the noise"
    share = "" if seen.share is None else f", {100 * seen.share:.3g}% of the way down from {number(seen.start)}"
    untrained = " (what diverged counts as untrained)" if seen.before_diverged else ""
    short = ""
    if seen.before_diverged and seen.after > seen.before_best:
        short = f"; the run had been at {number(seen.before_best)} before it diverged"
    amount = "lower" if seen.gain >= 0 else "higher"
    return f"{what}: {seen.metric} {number(seen.after)}, {number(abs(seen.gain))} {amount}{share}{untrained}{short}"


def _lengths(proof: Proof, each: Round) -> Iterator[str]:
    before = proof.run.run.span
    lasts = [
        t.diagnosis.run.span.last for t in each.trials if t.diagnosis.run.span and t.outcome is not Outcome.DIVERGED
    ]
    if before is None or not lasts:
        return
    off = (min(lasts) - before.last) / max(1, before.last)
    if abs(off) > ANOTHER_LENGTH:
        longer = "shorter" if off < 0 else "longer"
        yield f"mind: {longer} than the run: {min(lasts):,} steps against {before.last:,}"


def _left_out(proof: Proof, best: Round) -> str:
    """What was prescribed and does not stand in the command; empty where nothing does: then it reads it elsewhere."""
    ways = [("peak_lr", "lr_scale"), ("schedule",), ("warmup_steps", "warmup_fraction")]
    ways += [("clip_grad_norm",)] if best.prescription.clip_grad_norm is not None else []
    missing = [names[0] for names in ways if not any(uses(proof.command, name) for name in names)]
    return ", ".join(f"{{{name}}}" for name in missing) if len(missing) < len(ways) else ""


def _noise(proof: Proof, seen: Comparison) -> str:
    upto = "unknown" if seen.noise is None else f"a difference up to {number(seen.noise)} may be chance"
    if seen.noise_from is NoiseFrom.SEEDS:
        return f"{upto}, by the spread over {seen.seeds} seeds"
    told = f"{upto}, by the scatter at the end of the curves and what seeds make of calm nets"
    if seen.same_curves:
        named = "" if uses(proof.command, "seed") else ": it has no {seed}"
        return f"{told}; all seeds gave one curve, so the command does not use them{named}"
    if seen.seeds > 1:
        return f"{told}; too few seeds came through to tell more"
    return f"{told}; what another seed would give is not known (--seeds 3 tells)"


def _improved(seen: Comparison) -> bool:
    return seen.gain is not None and seen.gain > 0


# For programs


def _proof(proof: Proof) -> dict[str, Any]:
    run = proof.run
    best = proof.rounds[proof.best]
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "lrdoctor", "version": own_version()},
        "run": {
            "path": run.run.path.as_posix(),
            "verdict": run.verdict,
            "rules": list(dict.fromkeys(a.rule.id for a in run.advice)),
            "diverged": diverged(run),
            "last_step": run.run.span.last if run.run.span else None,
        },
        "command": list(proof.command),
        "helped": proof.helped,
        "best": best.number if _improved(best.comparison) else None,
        "comparison": _comparison(best.comparison),
        "rounds": [
            {
                "round": each.number,
                "prescription": as_json(each.prescription),
                "trials": [_told(trial) for trial in each.trials],
                "comparison": _comparison(each.comparison),
            }
            for each in proof.rounds
        ],
        "next": _next(proof.next),
        "ended": proof.ended or None,
        "record": (proof.folder / NAME).as_posix(),
    }


def _told(trial: Trial) -> dict[str, Any]:
    run = trial.diagnosis.run
    return {
        "trial": trial.number,
        "seed": trial.seed,
        "command": list(trial.command),
        "command_line": shlex.join(trial.command),
        "log": run.path.as_posix(),
        "outcome": trial.outcome,
        "stopped_early": trial.stopped_early,
        "exit_status": trial.exit_status,
        "seconds": round(trial.seconds, 3),
        "last_step": run.span.last if run.span else None,
        "verdict": trial.diagnosis.verdict,
        "rules": list(dict.fromkeys(a.rule.id for a in trial.diagnosis.advice)),
        "from_record": trial.reused,
    }


def _comparison(seen: Comparison) -> dict[str, Any]:
    return {**asdict(seen), "helped": seen.helped, "hurt": seen.hurt}


def _next(prescription: Prescription | None) -> dict[str, Any] | None:
    return None if prescription is None else as_json(prescription)
