from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from lrdoctor.detectors import lr_schedule, optimizer
from lrdoctor.model import Floats, Run, Scalar
from lrdoctor.siblings.member import Member, member
from lrdoctor.testing import Points, constant_rate, make_run

STEPS = 600
START = 2.3
Make = Callable[..., Run]


def bowl(rate: float, best: float = 0.1) -> float:
    """A final loss between 0.3 at the best rate and that of the untrained net far from it."""
    return 0.3 + 2.0 * (1 - float(np.exp(-(np.log10(rate / best) ** 2))))


def falling(final: float, steps: int = STEPS, start: float = START) -> Floats:
    """From `start` to `final`, where it is after a third of the run."""
    t = np.arange(steps) / steps
    return np.asarray(final + (start - final) * np.exp(-t * 20))


@pytest.fixture
def make() -> Make:
    def made(
        name: str,
        rate: float | Floats = 0.1,
        final: float | None = None,
        *,
        steps: int = STEPS,
        hparams: dict[str, Scalar] | None = None,
        nan: bool = False,
        start: float = START,
    ) -> Run:
        rates = constant_rate(steps=steps, peak=rate) if isinstance(rate, float) else rate
        loss = falling(bowl(float(rates.max())) if final is None else final, steps, start)
        if nan:
            loss = np.where(np.arange(steps) > steps // 2, np.nan, loss)
        every = np.arange(0, steps, 20)
        return make_run(name=name, train_loss=loss, val_loss=Points(every, loss[every]), lr=rates, hparams=hparams)

    return made


def members(runs: Sequence[Run]) -> list[Member]:
    """With the findings that tell of their configuration."""
    return [
        member(
            run,
            [
                *lr_schedule.detect(run, lr_schedule.Settings()),
                *optimizer.detect(run, optimizer.Settings()),
            ],
        )
        for run in runs
    ]
