"""Hyperparameters are found by the last word of their name, whatever section they stand in."""

from __future__ import annotations

import pytest

from lrdoctor.detectors._hyperparameters import by_last_word, numbers
from lrdoctor.model import Scalar
from lrdoctor.testing import make_run


def told(**hparams: Scalar) -> dict[str, Scalar]:
    named = {name.replace("__", "."): value for name, value in hparams.items()}
    return dict(by_last_word(make_run(train_loss=[1.0, 0.5], hparams=named)))


def test_sections_do_not_matter() -> None:
    assert told(optimizer__LR=0.1, batch_size=8) == {"lr": 0.1, "batch_size": 8}


@pytest.mark.parametrize("first", [True, False])
def test_the_name_in_the_fewest_sections_wins(first: bool) -> None:
    pair: list[tuple[str, Scalar]] = [("patience", 5), ("callbacks__early__patience", 2)]
    assert told(**dict(pair if first else pair[::-1])) == {"patience": 5}


def test_of_two_as_deep_the_later_wins() -> None:
    assert told(model__lr=0.3, optimizer__lr=0.1) == {"lr": 0.1}


def test_numbers_may_be_text_and_nonsense_is_left_out() -> None:
    assert numbers({"lr": "0.1", "rate": None, "eta": "fast", "base_lr": 0}, ("lr", "rate", "eta", "base_lr")) == [0.1]
