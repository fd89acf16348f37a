"""The peak, then a cooldown."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from lrdoctor.schedules import warmup_stable_decay
from lrdoctor.schedules.warmup_stable_decay import Cooldown, Params

COOLDOWNS: tuple[Cooldown, ...] = get_args(Cooldown)


@pytest.mark.parametrize(
    ("cooldown", "fallen"), [("linear", 0.25), ("1-sqrt", 0.5), ("exponential", (1 - 0.1**0.25) / 0.9)]
)
def test_stable_cooldown_end_and_after(cooldown: Cooldown, fallen: float) -> None:
    params = Params(stable_steps=800, decay_steps=200, final_fraction=0.1, cooldown=cooldown)
    rate = warmup_stable_decay.lr(np.array([-5, 0, 800, 850, 1000, 5000]), params)
    assert rate == pytest.approx([1.0, 1.0, 1.0, 1 - 0.9 * fallen, 0.1, 0.1])
    assert warmup_stable_decay.planned_steps(params) == 1000


@pytest.mark.parametrize("cooldown", COOLDOWNS)
@pytest.mark.parametrize("final", [0.0, 0.1])
def test_is_found_with_its_cooldown(cooldown: Cooldown, final: float) -> None:
    final = final or (0.01 if cooldown == "exponential" else 0.0)
    params = Params(stable_steps=7001, decay_steps=1999, final_fraction=final, cooldown=cooldown)
    steps = np.arange(0, 10_001, 50)
    assert next(warmup_stable_decay.fit(steps, warmup_stable_decay.lr(steps, params), 1e-7)) == params


def test_a_cooldown_that_the_log_cuts_off_is_told_to_zero_first_and_to_its_last_rate_second() -> None:
    params = Params(stable_steps=7000, decay_steps=2000)
    steps = np.arange(0, 8001, 50)
    first, second, *_ = warmup_stable_decay.fit(steps, warmup_stable_decay.lr(steps, params), 1e-7)
    assert first == params
    assert (second.stable_steps, second.decay_steps) == (7000, 1000)
    assert second.final_fraction == pytest.approx(0.5)


def test_an_exponential_cooldown_that_the_log_cuts_off_is_told_to_the_next_round_rate() -> None:
    params = Params(stable_steps=7000, decay_steps=2000, final_fraction=0.1, cooldown="exponential")
    steps = np.arange(0, 9000, 128)
    assert steps[-1] < 9000
    assert next(warmup_stable_decay.fit(steps, warmup_stable_decay.lr(steps, params), 1e-7)) == params
    early = np.arange(0, 8001, 50)
    told = next(warmup_stable_decay.fit(early, warmup_stable_decay.lr(early, params), 1e-7))
    assert told.stable_steps == 7000
    assert 8000 <= warmup_stable_decay.planned_steps(told) <= 8050
    ahead = np.arange(8001)
    assert warmup_stable_decay.lr(ahead, told) == pytest.approx(warmup_stable_decay.lr(ahead, params), abs=1e-3)


def test_an_exponential_cooldown_to_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="must end above 0"):
        Params(stable_steps=8, decay_steps=2, cooldown="exponential")


def test_without_a_cooldown_there_is_none() -> None:
    steps = np.arange(0, 5000, 50)
    rate = warmup_stable_decay.lr(steps, Params(stable_steps=7000, decay_steps=2000))
    assert list(warmup_stable_decay.fit(steps, rate, 1e-7)) == []


def test_optax_knows_the_straight_cooldown_only() -> None:
    assert warmup_stable_decay.NATIVE["optax"](Params(stable_steps=8, decay_steps=2)) is not None
    assert warmup_stable_decay.NATIVE["optax"](Params(stable_steps=8, decay_steps=2, cooldown="1-sqrt")) is None


def test_no_framework_has_the_exponential_cooldown() -> None:
    params = Params(stable_steps=8, decay_steps=2, final_fraction=0.1, cooldown="exponential")
    assert all(native(params) is None for native in warmup_stable_decay.NATIVE.values())
