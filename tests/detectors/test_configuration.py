"""Hyperparameters that agree with the logged rate, and that do not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lrdoctor.detectors import configuration
from lrdoctor.model import Floats, Scalar
from lrdoctor.testing import constant_rate, cosine_rate, descent, make_run

RATE = constant_rate(peak=0.001)


def found(hparams: Mapping[str, Scalar], rate: Floats = RATE) -> list[configuration.Configuration]:
    run = make_run(train_loss=descent().values, lr=rate, hparams=hparams)
    return list(configuration.detect(run, configuration.Settings()))


@pytest.mark.parametrize("name", ["lr", "learning_rate", "optimizer/lr", "model.optim.lr0", "LR"])
@pytest.mark.parametrize("value", [0.01, "1e-2"])
def test_the_configured_rate(name: str, value: Scalar) -> None:
    [finding] = found({name: value})
    assert finding.configured_lr == 0.01
    assert finding.rate_ratio == pytest.approx(0.1)


def test_of_several_rates_the_closest_counts() -> None:
    [finding] = found({"lr": 0.1, "max_lr": 0.001})
    assert finding.rate_ratio == pytest.approx(1.0)


def test_a_scheduler_and_a_rate_that_never_moved() -> None:
    [finding] = found({"lr_scheduler": "StepLR"})
    assert finding.scheduler == "StepLR"
    assert not finding.moved
    [finding] = found({"lr_scheduler": "cosine"}, cosine_rate())
    assert finding.moved


def test_one_call_in_a_hundred_is_a_move() -> None:
    [finding] = found({"scheduler": "cosine"}, cosine_rate(period=200_000))
    assert finding.moved


@pytest.mark.parametrize("name", ["constant", "none", "ReduceLROnPlateau", "constant_with_warmup", ""])
def test_schedulers_that_may_leave_the_rate_alone(name: str) -> None:
    [finding] = found({"lr_scheduler": name, "lr": 0.001})
    assert finding.scheduler is None


def test_a_floor_that_is_the_peak() -> None:
    [finding] = found({"lr": 0.001, "eta_min": 0.001})
    assert finding.floor_ratio == pytest.approx(1.0)


@pytest.mark.parametrize(
    "hparams", [{}, {"batch_size": 64}, {"lr": "auto"}, {"lr": 0}, {"lr": float("nan")}, {"lr": None}, {"lr": -1.0}]
)
def test_nothing_to_hold_the_rate_against(hparams: Mapping[str, Scalar]) -> None:
    assert not found(hparams)
