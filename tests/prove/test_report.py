from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from lrdoctor.config import Config, settings
from lrdoctor.doctor import diagnose, known_rules
from lrdoctor.model import Diagnosis, Floats, Prescription
from lrdoctor.plugins import detectors
from lrdoctor.prove.compare import compare
from lrdoctor.prove.loop import Proof, Round
from lrdoctor.prove.report import write_json, write_text
from lrdoctor.prove.trial import Outcome, Trial
from lrdoctor.testing import constant_rate, ends_in_nan, make_run

DETECTORS = detectors()
SETTINGS = settings(Config(), {name: module.Settings for name, module in DETECTORS.items()})
RULES = known_rules(Config())
SCHEMA = json.loads((files("lrdoctor.prove") / "proof.schema.json").read_text(encoding="utf-8"))
PRESCRIPTION = Prescription(
    peak_lr=0.01,
    lr_scale=0.1,
    schedule="cosine",
    warmup_steps=100,
    total_steps=2000,
    final_lr=0.0,
    confidence=0.9,
    reason="LRD101 non-finite-loss",
)
NAN = ends_in_nan().values


def diagnosed(values: Floats) -> Diagnosis:
    run = make_run(train_loss=values, lr=constant_rate(steps=len(values), peak=0.1))
    return diagnose(run, DETECTORS, SETTINGS, RULES)


def falling(to: float, steps: int = 2000) -> Floats:
    return np.asarray(to + (2 - to) * np.exp(-np.arange(steps) / 100), dtype=np.float64)


def proof(before: Floats, *rounds: Sequence[Floats], command: tuple[str, ...] = ("t", "{seed}"), **more: str) -> Proof:
    own = diagnosed(before)
    made = []
    for number, curves in enumerate(rounds, 1):
        after = [diagnosed(curve) for curve in curves]
        lost = [bool(np.isnan(curve[-1])) for curve in curves]
        seen = compare(own, after, [False] * len(after))
        assert seen is not None
        trials = tuple(
            Trial(
                number=10 * number + seed,
                seed=seed,
                command=("t\x1b[2J", str(seed)),
                out=Path("o"),
                outcome=Outcome.DIVERGED if gone else Outcome.FINISHED,
                stopped_early=False,
                exit_status=0,
                seconds=1.25,
                diagnosis=diagnosis,
                reused=False,
            )
            for seed, (diagnosis, gone) in enumerate(zip(after, lost, strict=True))
        )
        made.append(Round(number=number, prescription=PRESCRIPTION, trials=trials, comparison=seen))
    best = min(range(len(made)), key=lambda i: made[i].order)
    told = {"next": None, "ended": "the best is healthy"} | more
    return Proof(run=own, command=command, folder=Path("p"), rounds=tuple(made), asked=1, best=best, **told)  # type: ignore[arg-type]


CASES: Mapping[str, tuple[Proof, tuple[str, ...]]] = {
    "better": (
        proof(falling(0.5), [falling(0.2)]),
        (
            "helped  ",
            "better: train_loss 0.2, 0.3 lower, 16.7% of the way down from 2",
            "another seed would give is not",
        ),
    ),
    "worse": (proof(falling(0.2), [falling(0.5)]), ("did not help  ", "worse: train_loss 0.5, 0.3 higher, -16.7%")),
    "the same": (proof(falling(0.2), [falling(0.201)]), ("did not help  ", "no different beyond the noise")),
    "diverged": (proof(falling(0.2), [NAN]), ("did not help  ", "worse: diverged", "diverged at step 1,999")),
    "both diverged": (proof(NAN, [NAN]), ("before: train_loss ended in no number", "no better: diverged as well")),
    "cured": (proof(NAN, [falling(0.2)]), ("helped  ", "100% of the way down", "counts as untrained")),
    "one of three diverged": (
        proof(falling(0.5), [falling(0.1), NAN, falling(0.11)]),
        ("did not help  ", "worse: 1 of 3 seeds diverged"),
    ),
    "seeds": (
        proof(falling(0.5), [falling(0.2), falling(0.21), falling(0.22)]),
        ("helped  ", "train_loss 0.21, 0.29 lower", "by the spread over 3 seeds"),
    ),
    "unused seeds": (
        proof(falling(0.5), [falling(0.2), falling(0.2)], command=("t",)),
        ("all seeds gave one curve, so the command does not use them: it has no {seed}",),
    ),
    "shorter": (
        proof(falling(0.5), [falling(0.2, steps=1000)]),
        ("mind: shorter than the run: 999 steps against 1,999",),
    ),
    "longer": (proof(falling(0.5), [falling(0.2, steps=3000)]), ("mind: longer than the run",)),
    "two rounds": (proof(falling(0.5), [falling(0.2)], [falling(0.3)]), ("round 2: ", "best: round 1")),
    "two in vain": (
        proof(falling(0.2), [falling(0.3)], [NAN]),
        ("did not help  ", "best: the run as it was: no round came out better"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_people_read(case: str) -> None:
    told, words = CASES[case]
    out = io.StringIO()
    write_text(told, out)
    for word in words:
        assert word in out.getvalue()
    assert "\x1b" not in out.getvalue()
    assert ("mind: " in out.getvalue()) is (case in ("shorter", "longer"))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("t",), ""),
        (("t", "{lr_scale}", "{schedule}", "{warmup_fraction}"), "{clip_grad_norm}"),
        (("t", "--lr={peak_lr}"), "{schedule}, {warmup_steps}, {clip_grad_norm}"),
        (("t", "{peak_lr}", "{schedule}", "{warmup_steps}", "{clip_grad_norm}"), ""),
    ],
)
def test_what_the_command_leaves_out(command: tuple[str, ...], said: str) -> None:
    told = proof(falling(0.5), [falling(0.2)], command=command)
    clipped = replace(told.rounds[0], prescription=replace(PRESCRIPTION, clip_grad_norm=1.0))
    out = io.StringIO()
    write_text(replace(told, rounds=(clipped,)), out)
    assert ("mind: the command has no" in out.getvalue()) is bool(said)
    assert f"mind: the command has no {said}" in out.getvalue() or not said


@pytest.mark.parametrize("case", CASES)
def test_what_programs_read(case: str) -> None:
    told, _ = CASES[case]
    first, again = io.StringIO(), io.StringIO()
    write_json(told, first)
    write_json(told, again)
    assert first.getvalue() == again.getvalue()
    assert first.getvalue().isascii()
    document = json.loads(first.getvalue(), parse_constant=pytest.fail)
    jsonschema.validate(document, SCHEMA)
    assert document["helped"] is told.helped
    assert document["comparison"] == document["rounds"][told.best]["comparison"]


def test_what_comes_next() -> None:
    told = replace(proof(falling(0.5), [falling(0.2)]), ended="", next=PRESCRIPTION)
    text, document = io.StringIO(), io.StringIO()
    write_text(told, text)
    write_json(told, document)
    assert "try next: peak_lr=0.01 (0.1x)" in text.getvalue()
    assert json.loads(document.getvalue())["next"]["peak_lr"] == 0.01
    jsonschema.validate(json.loads(document.getvalue()), SCHEMA)


def test_the_schema_refuses_what_is_not_declared() -> None:
    out = io.StringIO()
    write_json(CASES["better"][0], out)
    document = json.loads(out.getvalue())
    for broken in ({**document, "more": 1}, {**document, "helped": None}, {**document, "rounds": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA)
