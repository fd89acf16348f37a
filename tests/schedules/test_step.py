"""One factor every so many steps."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import step


def test_falls_at_each_multiple() -> None:
    rate = step.lr(np.array([0, 29, 30, 59, 60, 90]), step.Params(every=30, factor=0.1))
    assert rate == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.001])


def test_never_ends() -> None:
    assert step.planned_steps(step.Params(every=30, factor=0.1)) is None


@pytest.mark.parametrize("bad", [{"every": 0}, {"factor": 0.0}, {"factor": 1.0}, {"factor": float("nan")}])
def test_refuses(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        step.Params(**{"every": 10, "factor": 0.5, **bad})  # type: ignore[arg-type]


def test_a_cut_that_did_not_come_is_no_period() -> None:
    t = np.arange(0, 1000, 10)
    [one] = step.fit(t, np.where(t >= 600, 0.1, 1.0), 1e-7)
    assert one.every == 600
    assert one.factor == pytest.approx(0.1)
    assert not list(step.fit(t, np.where(t >= 300, 0.1, 1.0), 1e-7))


def test_native() -> None:
    params = step.Params(every=30, factor=0.1)
    assert step.NATIVE["pytorch"](params) == "torch.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.1)"
