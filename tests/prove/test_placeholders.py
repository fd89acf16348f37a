from __future__ import annotations

from dataclasses import replace

import pytest

from lrdoctor.errors import LrdoctorError
from lrdoctor.model import Prescription
from lrdoctor.prove.placeholders import environment, fill, uses, values

PRESCRIPTION = Prescription(
    peak_lr=3e-5,
    lr_scale=0.1,
    schedule="cosine",
    warmup_steps=30,
    total_steps=600,
    final_lr=3e-6,
    clip_grad_norm=1.0,
    confidence=0.9,
    reason="LRD101",
)
KNOWN = values(PRESCRIPTION, seed=7, out="o", trial="2", clip=None)


@pytest.mark.parametrize(
    ("part", "filled"),
    [
        ("{peak_lr}", "0.00003"),
        ("--lr={peak_lr}", "--lr=0.00003"),
        ("{lr_scale}", "0.1"),
        ("{warmup_steps}/{total_steps}", "30/600"),
        ("{warmup_fraction}", "0.05"),
        ("{schedule}", "cosine"),
        ("{final_lr}", "0.000003"),
        ("{clip_grad_norm}", "1"),
        ("{seed}-{trial}-{out}", "7-2-o"),
        ("{param_final_fraction}", "0.1"),
        ("{{peak_lr}}", "{peak_lr}"),
        ('{"a": {"lr": {peak_lr}}}', '{"a": {"lr": 0.00003}}'),
        ("${HOME.x} {} {0} { peak_lr }", "${HOME.x} {} {0} { peak_lr }"),
        ("{{{{", "{{{{"),
    ],
)
def test_what_is_filled_in(part: str, filled: str) -> None:
    assert fill([part], KNOWN) == [filled]


def test_what_was_filled_in_is_not_filled_in_again() -> None:
    assert fill(["{out}"], {**KNOWN, "out": "{seed}"}) == ["{seed}"]


def test_every_mistake_is_a_line_with_the_nearest_name() -> None:
    with pytest.raises(LrdoctorError) as caught:
        fill(["{peak_rl}", "{warmup_step}", "{peak_lr}", "{peak_rl}"], KNOWN)
    first, second = caught.value.problems
    assert "{peak_rl}; did you mean {peak_lr}?" in first
    assert "did you mean {warmup_steps}?" in second


def test_a_parameter_of_another_schedule_is_said_to_be_one() -> None:
    with pytest.raises(LrdoctorError, match="the prescribed schedule cosine has no such parameter"):
        fill(["{param_power}"], KNOWN)
    with pytest.raises(LrdoctorError, match="unknown placeholder"):
        fill(["{param_pwr}"], KNOWN)


def test_without_a_rate_only_the_scale_is_known() -> None:
    relative = values(replace(PRESCRIPTION, peak_lr=None, final_lr=None), seed=0, out="o", trial="1", clip=None)
    assert fill(["{lr_scale}", "{schedule}"], relative) == ["0.1", "cosine"]
    with pytest.raises(LrdoctorError, match=r"\{peak_lr\}.*no learning rate.*use \{lr_scale\}"):
        fill(["{peak_lr}"], relative)


@pytest.mark.parametrize(("prescribed", "own", "told"), [(0.5, 2.0, "0.5"), (None, 2.0, "2"), (None, None, "inf")])
def test_what_is_clipped_at(prescribed: float | None, own: float | None, told: str) -> None:
    known = values(replace(PRESCRIPTION, clip_grad_norm=prescribed), seed=0, out="o", trial="1", clip=own)
    assert known["clip_grad_norm"] == told


def test_the_environment_says_the_same() -> None:
    told = environment({**KNOWN, "final_lr": None}, "p.json")
    assert told["LRDOCTOR_PEAK_LR"] == "0.00003"
    assert told["LRDOCTOR_PARAM_FINAL_FRACTION"] == "0.1"
    assert told["LRDOCTOR_PRESCRIPTION"] == "p.json"
    assert "LRDOCTOR_FINAL_LR" not in told


def test_uses() -> None:
    assert uses(["a", "--seed={seed}"], "seed")
    assert not uses(["{{seed}}", "seed"], "seed")
