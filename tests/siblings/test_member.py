from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lrdoctor.siblings.member import differences
from lrdoctor.testing import cosine_rate, descent, make_run

from .conftest import STEPS, Make, members


def test_the_logged_rate_goes_before_the_configured_and_that_before_the_name(make: Make) -> None:
    loss = descent(steps=STEPS).values
    runs = [
        make("a-lr0.5", 0.1, hparams={"lr": 0.2}),
        make_run(name="b-lr0.5", train_loss=loss, hparams={"lr": 0.2}),
        make_run(name="c-lr0.5", train_loss=loss),
        make_run(name="d", train_loss=loss),
    ]
    assert [m.peak_rate for m in members(runs)] == pytest.approx([0.1, 0.2, 0.5, None])


def test_a_file_that_was_asked_for_by_itself_is_told_apart_by_its_folder() -> None:
    bare = make_run(name="log.csv", train_loss=descent(steps=STEPS).values)
    at = {path: replace(bare, path=Path(path)) for path in ("mlp/log.csv", "lr0.1/log.csv")}
    named = replace(bare, name="cnn/log.csv", path=Path("mlp/cnn/log.csv"))
    words = [m.words for m in members([*at.values(), named])]
    assert words == [("mlp",), (), ("cnn",)]


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("lr_1e-3_cosine", 1e-3),
        ("runs/lr=0.3/seed1", 0.3),
        ("learning-rate-3e-4", 3e-4),
        ("solar0.3", None),
        ("lr_high", None),
        ("v2", None),
    ],
)
def test_rates_in_names(name: str, rate: float | None) -> None:
    (told,) = members([make_run(name=name, train_loss=descent(steps=STEPS).values)])
    assert told.peak_rate == rate


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cnn_digits-adam-017bb1", ("cnn", "digits")),
        ("lr0.1/seed0", ()),
        ("lightning_logs/version_3/metrics.csv", ()),
        ("resnet50-lr3e-4", ("resnet50",)),
        ("higher_lr", ()),
        ("wide-net/run12", ("wide", "net")),
    ],
)
def test_words_say_what_was_trained(name: str, words: tuple[str, ...]) -> None:
    (told,) = members([make_run(name=name, train_loss=descent(steps=STEPS).values)])
    assert told.words == words


def test_optimizer_and_seed_by_configuration_or_name(make: Make) -> None:
    told = members([make("x", hparams={"optimizer": "torch.optim.AdamW", "seed": 3}), make("sgd-seed7"), make("plain")])
    assert [(m.optimizer, m.seed) for m in told] == [("adamw", "3"), ("sgd", "7"), (None, None)]


def test_differences_leave_out_the_rate_the_seed_and_what_keeps_the_books(make: Make) -> None:
    one, other = members(
        [
            make("run1", 0.1, hparams={"lr": 0.1, "seed": 1, "run_name": "a", "out": "runs/a", "num_workers": 2}),
            make("run2", 0.01, hparams={"lr": 0.01, "seed": 2, "run_name": "b", "out": "runs/b", "num_workers": 8}),
        ]
    )
    assert differences(one, other) == ()


def test_differences_in_words(make: Make) -> None:
    one, other = members(
        [
            make("run1", 0.1, hparams={"optimizer": "sgd", "batch_size": 32, "dropout": 0.1}),
            make(
                "run2",
                cosine_rate(steps=STEPS, peak=0.1, warmup=60),
                0.5,
                hparams={"optimizer": "adam", "batch_size": 64, "dropout": 0.2},
            ),
        ]
    )
    assert differences(one, other) == ("optimizer", "batch size", "schedule", "warm-up", "dropout")


def test_what_one_of_two_does_not_tell_is_no_difference(make: Make) -> None:
    one, other = members([make("run1", 0.1, hparams={"optimizer": "sgd", "batch_size": 32}), make("run2", 0.1)])
    assert differences(one, other) == ()
