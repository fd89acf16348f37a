"""Up once and down once."""

from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.schedules import one_cycle
from lrdoctor.schedules.one_cycle import Anneal


@pytest.mark.parametrize("anneal", ["cosine", "linear"])
def test_corners(anneal: Anneal) -> None:
    two = one_cycle.Params(
        total_steps=101, rise_fraction=21 / 101, start_fraction=0.1, final_fraction=0.01, anneal=anneal
    )
    assert one_cycle.lr(np.array([0, 10, 20, 60, 100, 500]), two) == pytest.approx([0.1, 0.55, 1, 0.505, 0.01, 0.01])
    three = one_cycle.Params(
        total_steps=101,
        rise_fraction=21 / 101,
        start_fraction=0.1,
        final_fraction=0.0,
        three_phase=True,
        anneal=anneal,
    )
    rate = one_cycle.lr(np.array([0, 20, 30, 40, 70, 100, 500]), three)
    assert rate == pytest.approx([0.1, 1, 0.55, 0.1, 0.05, 0, 0])


def test_momentum_falls_while_the_rate_rises() -> None:
    params = one_cycle.Params(total_steps=101, rise_fraction=21 / 101)
    at = np.array([0, 20, 100, 200])
    assert one_cycle.momentum(at, params) == pytest.approx([0.95, 0.85, 0.95, 0.95])
    three = one_cycle.Params(total_steps=101, rise_fraction=21 / 101, three_phase=True)
    assert one_cycle.momentum(np.array([0, 20, 40, 70, 100]), three, base=0.5, top=0.9) == pytest.approx(
        [0.9, 0.5, 0.9, 0.9, 0.9]
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"rise_fraction": 0.01},
        {"rise_fraction": 1.1},
        {"rise_fraction": 0.0},
        {"rise_fraction": 0.6, "three_phase": True},
        {"start_fraction": -0.1},
        {"final_fraction": 2.0},
        {"anneal": "square"},
    ],
)
def test_refuses(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        one_cycle.Params(**{"total_steps": 100, **bad})  # type: ignore[arg-type]


def test_a_rise_over_the_whole_run() -> None:
    params = one_cycle.Params(total_steps=100, rise_fraction=1.0)
    assert one_cycle.lr(np.array([0, 99, 150]), params) == pytest.approx([0.04, 1, 1])


def test_optax_only_where_its_corners_are_ours() -> None:
    write = one_cycle.NATIVE["optax"]
    assert write(one_cycle.Params(total_steps=100)) is not None
    assert write(one_cycle.Params(total_steps=101)) is None
    assert write(one_cycle.Params(total_steps=100, anneal="linear")) is None
    assert write(one_cycle.Params(total_steps=100, anneal="linear", three_phase=True)) is not None
    assert write(one_cycle.Params(total_steps=100, start_fraction=0.0)) is None


def test_what_pytorch_cannot_begin_at_zero() -> None:
    write = one_cycle.NATIVE["pytorch"]
    assert write(one_cycle.Params(total_steps=100, start_fraction=0.0)) is None
    assert write(one_cycle.Params(total_steps=100, start_fraction=0.0, final_fraction=0.0)) is not None
