"""Schedules that began anew in mid-run, rates that somebody lifted, and laws that jump by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lrdoctor.detectors import resume_seam
from lrdoctor.model import Floats, Run
from lrdoctor.testing import constant_rate, cosine_rate, descent, make_run, restarted_rate, step_rate

T = np.arange(2000)
ANEW = np.concatenate([cosine_rate()[:1200], cosine_rate()[:800]])
LIFTED = np.where(T < 1000, 1 - 0.6 * T / 1000, 1.6 * (1 - T / 2000)) * 1e-3


def found(run: Run) -> list[resume_seam.ResumeSeam]:
    return list(resume_seam.detect(run, resume_seam.Settings()))


def thrown_back(seam: int, height: float) -> Floats:
    """Falls from 2 to 1 until the seam, jumps by `height`, and comes down again."""
    return np.asarray(np.where(seam > T, 2 - T / seam, 1 + height * np.exp((seam - T) / 200)), dtype=np.float64)


@pytest.mark.parametrize("every", [1, 5, 20])
def test_a_schedule_that_began_anew(every: int) -> None:
    run = make_run(train_loss=thrown_back(1200, 0.3)[::every], lr=ANEW[::every], steps=T[::every])
    [finding] = found(run)
    assert finding.seam_step == 1200
    assert finding.rate_before == pytest.approx(ANEW[1199], rel=0.1)
    assert finding.rate_after == pytest.approx(1e-3)
    assert finding.begins_anew
    assert not finding.noted
    assert finding.thrown_back == pytest.approx(0.3, rel=0.25)


def test_the_log_tells_of_the_restart() -> None:
    run = make_run(train_loss=thrown_back(1200, 0.3), lr=ANEW)
    [finding] = found(replace(run, notes=("restart at step 1190: 10 points superseded",)))
    assert finding.noted


def test_a_lifted_rate_and_a_loss_that_takes_no_notice() -> None:
    [finding] = found(make_run(train_loss=descent(noise=0.0).values, lr=LIFTED))
    assert finding.seam_step == 1000
    assert finding.rate_jump == pytest.approx(2.0, rel=0.01)
    assert not finding.begins_anew
    assert finding.thrown_back == 0.0


@pytest.mark.parametrize(
    "rate",
    [constant_rate(), cosine_rate(warmup=200), step_rate(), restarted_rate(), cosine_rate(period=900)],
    ids=["constant", "cosine", "step", "restarts", "a period that is too short"],
)
def test_laws_have_no_seams(rate: Floats, cadence: Callable[[Run], Run]) -> None:
    assert not found(cadence(make_run(train_loss=descent().values, lr=rate)))
