"""Which published range belongs to which hyperparameters, and that none is guessed."""

from __future__ import annotations

import math

import pytest

from lrdoctor.model import Run, Scalar
from lrdoctor.prescribe.priors import NETS, USUAL, WHOLE, batch_size, priors, scaled_for_batch
from lrdoctor.testing import constant_rate, descent, make_run


def run(**hparams: Scalar) -> Run:
    return make_run(train_loss=descent(steps=50).values, lr=constant_rate(steps=50), hparams=hparams)


@pytest.mark.parametrize(
    ("hparams", "low", "high", "source"),
    [
        ({"optimizer": "adamw", "model_name_or_path": "bert-base-uncased"}, 2e-5, 5e-5, "Devlin"),
        ({"optim": "adamw_torch", "model": "gpt2"}, 1.2e-4, 1e-3, "Pythia"),
        ({"optimizer": "AdamW", "model": "meta-llama/Llama-2-7b", "lora_r": 8}, 1e-4, 2e-4, "QLoRA"),
        ({"optimizer": "adam", "model": "mlp"}, 3e-4, 1e-3, "Kingma"),
        ({"optimizer": "Adam"}, 3e-4, 1e-3, "Kingma"),
        ({"optimizer": "sgd", "arch": "resnet50", "pretrained": False}, 0.01, 0.1, "He et al."),
        ({"optimizer": "sgd", "arch": "resnet50", "pretrained": "True"}, 1e-3, 1e-2, "Li et al."),
        ({"train.optimizer": "SGD", "net": "LSTM", "trainer/clip": 0.25}, 1.0, 20.0, "word_language"),
        ({"optimizer": "sgd", "model": "MLP"}, 0.01, 0.01, "Bengio"),
    ],
)
def test_what_is_usual(hparams: dict[str, Scalar], low: float, high: float, source: str) -> None:
    [prior] = priors(run(**hparams))
    assert (prior.low, prior.high) == pytest.approx((low, high))
    assert source in prior.source


@pytest.mark.parametrize(
    "hparams",
    [
        {},
        {"model": "resnet50"},
        {"optimizer": "ours", "model": "resnet50"},
        {"optimizer": "prodigy", "model": "gpt2"},
        {"optimizer": "adagrad"},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "model": "adoption"},
        {"optimizer": "sgd", "model": "lstm"},
        {"optimizer": "adam", "model": "resnet18", "pretrained": True},
    ],
    ids=[
        "nothing", "no optimizer", "unknown", "finds its own rate", "another kind of rate", "no net", "part of a word",
        "not clipped", "no source",
    ],
)  # fmt: skip
def test_nothing_is_guessed(hparams: dict[str, Scalar]) -> None:
    assert priors(run(**hparams)) == ()


def test_a_range_for_a_batch_size_is_scaled_as_its_source_scales_it() -> None:
    [prior] = priors(run(optimizer="sgd", model="resnet50", batch_size=1024))
    assert (prior.low, prior.high) == pytest.approx((0.04, 0.4))
    assert prior.what.endswith("at a batch of 1024")
    [prior] = priors(run(optimizer="adamw", model="vit_base_patch16", batch_size=256))
    assert prior.high == pytest.approx(2.5e-4)
    [prior] = priors(run(optimizer="adamw", model="gpt2", batch_size=1024))
    assert prior.high == pytest.approx(1e-3)


def test_lion_takes_smaller_steps() -> None:
    [prior] = priors(run(optimizer="Lion", model="gpt2"))
    assert (prior.low, prior.high) == pytest.approx((1.2e-5, 1e-3 / 3), rel=0.01)
    assert "Lion" in prior.source


def test_the_batch_of_one_worker_is_multiplied_by_what_it_accumulates() -> None:
    assert batch_size(run(per_device_train_batch_size=8, gradient_accumulation_steps=4)) == 32
    assert batch_size(run(train_batch_size=8, global_batch_size=512)) == 512
    assert batch_size(run(batch_size="64")) == 64
    assert batch_size(run(optimizer="sgd")) is None


def test_scaling() -> None:
    assert scaled_for_batch(0.1, 256, 1024, "SGD") == pytest.approx(0.4)
    assert scaled_for_batch(1e-3, 256, 1024, "AdamW") == pytest.approx(2e-3)
    assert scaled_for_batch(1e-3, 1024, 256, "adam") == pytest.approx(5e-4)


@pytest.mark.parametrize("numbers", [(0.0, 1, 1), (1, 0, 1), (1, 1, -1), (math.nan, 1, 1)])
def test_scaling_needs_numbers_above_zero(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        scaled_for_batch(*numbers, "sgd")


def test_the_table_is_sound() -> None:
    for usual in USUAL:
        assert 0 < usual.low <= usual.high
        assert usual.net == "any" or usual.net in NETS
        assert usual.source
    assert all(part in (*NETS["vision"], *NETS["transformer"], *NETS["recurrent"]) for part in WHOLE)
