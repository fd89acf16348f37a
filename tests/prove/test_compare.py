from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lrdoctor.config import Config, settings
from lrdoctor.doctor import diagnose, known_rules
from lrdoctor.model import Diagnosis, Floats, Role, Run
from lrdoctor.plugins import detectors
from lrdoctor.prove.compare import NoiseFrom, compare, diverged, level, metric
from lrdoctor.testing import constant_rate, descent, ends_in_nan, make_run

STEPS = 2000
DETECTORS = detectors()
SETTINGS = settings(Config(), {name: module.Settings for name, module in DETECTORS.items()})
RULES = known_rules(Config())


def diagnosed(run: Run) -> Diagnosis:
    return diagnose(run, DETECTORS, SETTINGS, RULES)


def falling(to: float, noise: float = 0.0, seed: int = 0) -> Floats:
    """From 2 down to a level, on which it stays."""
    course = to + (2 - to) * np.exp(-np.arange(STEPS) / 100)
    return np.asarray(course + noise * np.random.default_rng(seed).normal(size=STEPS), dtype=np.float64)


def run(values: Floats | Sequence[float]) -> Run:
    return make_run(train_loss=values, lr=constant_rate())


def test_a_level_is_the_median_of_the_last_twentieth() -> None:
    values = falling(0.5, noise=0.02)
    values[-30] = 1e6
    found = level(run(values), Role.TRAIN_LOSS)
    assert found is not None
    assert found.end == pytest.approx(0.5, abs=0.01)
    assert found.start == pytest.approx(2, abs=0.1)
    # 100 points: a standard error of about 0.02 × 1.25 / 10.
    assert found.error == pytest.approx(0.0025, rel=0.5)


def test_a_level_needs_numbers() -> None:
    assert level(run(falling(0.5)), Role.VAL_LOSS) is None
    assert level(run(np.full(STEPS, np.nan)), Role.TRAIN_LOSS) is None
    found = level(run(ends_in_nan().values), Role.TRAIN_LOSS)
    assert found is not None
    assert found.end is None


def test_the_validation_loss_counts_where_both_have_it() -> None:
    with_val = make_run(train_loss=falling(0.1), val_loss=falling(0.2), lr=constant_rate())
    assert metric(with_val, [with_val]) is Role.VAL_LOSS
    assert metric(with_val, [with_val, run(falling(0.1))]) is Role.TRAIN_LOSS
    assert metric(run(falling(0.1)), [make_run(val_loss=falling(0.2))]) is None


@pytest.mark.parametrize(
    ("before", "after", "helped", "hurt"),
    [(0.5, 0.3, True, False), (0.3, 0.5, False, True), (0.5, 0.498, False, False), (0.498, 0.5, False, False)],
)
def test_one_seed(before: float, after: float, helped: bool, hurt: bool) -> None:
    seen = compare(diagnosed(run(falling(before, 0.02))), [diagnosed(run(falling(after, 0.02, seed=1)))], [False])
    assert seen is not None
    assert (seen.helped, seen.hurt) == (helped, hurt)
    assert seen.noise_from is NoiseFrom.TAILS
    assert seen.gain == pytest.approx(before - after, abs=0.01)
    assert seen.share == pytest.approx((before - after) / (2 - min(before, after)), abs=0.01)


def test_curves_that_end_without_scatter_are_not_without_noise() -> None:
    seen = compare(diagnosed(run(falling(0.5))), [diagnosed(run(falling(0.495)))], [False])
    assert seen is not None
    assert seen.noise is not None
    assert seen.gain == pytest.approx(0.005)
    assert not seen.helped


def test_noisy_tails_need_more() -> None:
    seen = compare(diagnosed(run(falling(0.5, 0.5))), [diagnosed(run(falling(0.44, 0.5, seed=1)))], [False])
    assert seen is not None
    assert seen.noise is not None
    assert seen.noise > 0.1


@pytest.mark.parametrize(("levels", "helped"), [((0.30, 0.31, 0.32), True), ((0.1, 0.31, 0.52), False)])
def test_several_seeds(levels: tuple[float, ...], helped: bool) -> None:
    after = [diagnosed(run(falling(to))) for to in levels]
    seen = compare(diagnosed(run(falling(0.4))), after, [False] * 3)
    assert seen is not None
    assert seen.noise_from is NoiseFrom.SEEDS
    assert seen.after == pytest.approx(0.31)
    # Student's t for two degrees of freedom, one-sided 95 %: 2.920.
    assert seen.noise == pytest.approx(2.920 * np.std(levels, ddof=1) * np.sqrt(4 / 3), rel=1e-3)
    assert seen.helped is helped


def test_one_curve_three_times_is_one_seed() -> None:
    after = [diagnosed(run(falling(0.3, 0.02)))] * 3
    seen = compare(diagnosed(run(falling(0.5, 0.02, seed=1))), after, [False] * 3)
    assert seen is not None
    assert seen.same_curves
    assert seen.noise_from is NoiseFrom.TAILS
    assert seen.helped


def test_a_trial_that_diverged_is_worse_than_anything() -> None:
    lost = diagnosed(run(ends_in_nan().values))
    slow = diagnosed(run(falling(1.99)))
    seen = compare(slow, [lost], [False])
    assert seen is not None
    assert seen.hurt
    assert not seen.helped
    assert seen.after is None
    both = compare(lost, [lost], [False])
    assert both is not None
    assert not both.helped
    assert not both.hurt


def test_one_seed_of_three_that_diverged_spoils_it() -> None:
    good = diagnosed(run(falling(0.1)))
    seen = compare(diagnosed(run(falling(0.5))), [good, good, good], [False, True, False])
    assert seen is not None
    assert seen.diverged == 1
    assert not seen.helped


def test_what_diverged_counts_as_untrained() -> None:
    lost = diagnosed(run(ends_in_nan().values))
    start = float(ends_in_nan().values[0])
    seen = compare(lost, [diagnosed(run(falling(0.5)))], [False])
    assert seen is not None
    assert seen.helped
    assert seen.gain == pytest.approx(start - 0.5, abs=0.01)
    assert seen.share == pytest.approx(1)
    nothing = compare(lost, [diagnosed(run(np.full(STEPS, start)))], [False])
    assert nothing is not None
    assert not nothing.helped


def test_diverged_and_nearly_so() -> None:
    assert diverged(diagnosed(run(ends_in_nan().values)))
    assert diverged(diagnosed(run(falling(2.2))))
    assert not diverged(diagnosed(run(descent().values)))
    assert not diverged(diagnosed(run(falling(2.01))))
    over_fitted = make_run(train_loss=falling(0.01), val_loss=falling(3.0), lr=constant_rate())
    assert not diverged(diagnosed(over_fitted))


def test_a_trial_that_never_was_a_number_diverged() -> None:
    seen = compare(diagnosed(run(falling(0.5))), [diagnosed(run(np.full(STEPS, np.nan)))], [False])
    assert seen is not None
    assert seen.hurt
    assert seen.diverged == 1
