"""What a tool answers about each training, in one form for all tools; and lrdoctor's answers.

An answer moves the rate in the directions that its prescription takes from the training's own peak: `lower` below 0.6
times that peak, `raise` above 1.7 times. Only a prescription that keeps the peak is read as `anneal` (a schedule that
decays, or a warm-up) or `clip`, because lrdoctor writes a whole configuration and nearly always anneals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.clinic.standing import Direction, Truth
from lrdoctor import plugins
from lrdoctor.config import Config, settings
from lrdoctor.doctor import analyze, diagnose, known_rules, read
from lrdoctor.model import Advice, Diagnosis, Prescription, Run, Severity, Verdict
from lrdoctor.roles import RoleNames

LOWER_BELOW = 0.6
RAISE_ABOVE = 1.7


class Said(StrEnum):
    """The verdict of any tool."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    CANNOT_TELL = "cannot_tell"
    NOTHING = "nothing"
    """It failed on this log, or never mentioned it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one tool says of one training."""

    said: Said
    directions: frozenset[Direction] = frozenset()
    peak_lr: float | None = None
    """The prescribed peak, where the tool states a number."""
    anneals: bool = False
    """Whether a schedule that decays is prescribed behind that peak."""
    contradicts: bool = False
    """Whether one finding asks for a lower rate and another one for a higher."""
    confidence: float | None = None
    """Of the advice that decided, between 0 and 1; None for a tool that gives none."""
    because: str = ""
    """The rules or checks that spoke, for a person."""


def cures(answer: Answer, truth: Truth) -> bool:
    """Whether the prescription is annealed, with a peak that was measured to reach within 5 % of the best known."""
    peak = answer.peak_lr
    # Peaks are printed with some six digits; the last one should not decide.
    return peak is not None and answer.anneals and truth.good_low <= 1.001 * peak and peak <= 1.001 * truth.good_high


def right_direction(answer: Answer, truth: Truth) -> bool:
    """Whether it moves the rate as the counterfactual trainings show to help, or prescribes what is known to do."""
    return bool(answer.directions & truth.helpful) or cures(answer, truth)


def lrdoctor_answers(folder: Path, truths: Sequence[Truth]) -> dict[str, Answer]:
    """lrdoctor's answer on each run below the folder, with its default settings."""
    # A run is named after its folder, or after the one file in it.
    said = {
        diagnosis.name.split("/")[0]: diagnosis for diagnosis in analyze(folder, config=Config(), siblings=False).runs
    }
    return {truth.run: answer_of(said[truth.run], truth) for truth in truths if truth.run in said}


def answer_of(diagnosis: Diagnosis, truth: Truth) -> Answer:
    """A diagnosis in the common form."""
    decided = deciding(diagnosis)
    prescription = diagnosis.prescription
    return Answer(
        said=Said.UNHEALTHY if diagnosis.verdict is Verdict.UNHEALTHY else Said(diagnosis.verdict.value),
        directions=_moves(prescription, truth) if prescription is not None else frozenset(),
        peak_lr=prescription.peak_lr if prescription is not None else None,
        anneals=prescription is not None and prescription.schedule != "constant",
        confidence=decided.confidence if decided is not None else None,
        because=",".join(advice.rule.id for advice in diagnosis.advice),
    )


def deciding(diagnosis: Diagnosis) -> Advice | None:
    """The advice that makes a run unhealthy: the first warning or error; None for any other run."""
    return next((advice for advice in diagnosis.advice if advice.rule.severity is not Severity.INFO), None)


def _moves(prescription: Prescription, truth: Truth) -> frozenset[Direction]:
    peak = prescription.peak_lr
    ratio = prescription.lr_scale if peak is None else peak / truth.peak_lr
    if ratio <= LOWER_BELOW:
        return frozenset({Direction.LOWER})
    if ratio >= RAISE_ABOVE:
        return frozenset({Direction.RAISE})
    taken = set()
    if prescription.schedule != "constant" or prescription.warmup_steps:
        taken.add(Direction.ANNEAL)
    if prescription.clip_grad_norm:
        taken.add(Direction.CLIP)
    return frozenset(taken)


def read_run(folder: Path, name: str) -> Run | None:
    """The log of one training, read as lrdoctor reads it; None if there is none."""
    runs, _ = read([folder / name], RoleNames({}))
    return runs[0] if runs else None


def examiner() -> Callable[[Run], Diagnosis]:
    """`lrdoctor.analyze` with its default settings, for runs that are in memory already."""
    config = Config()
    detectors = plugins.detectors()
    chosen = settings(config, {name: module.Settings for name, module in detectors.items()})
    rules = known_rules(config)
    return lambda run: diagnose(run, detectors, chosen, rules)
