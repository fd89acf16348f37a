from __future__ import annotations

from collections.abc import Sequence

import pytest

from lrdoctor.model import Run
from lrdoctor.siblings.gap import SiblingGap, gaps
from lrdoctor.siblings.grouping import families
from lrdoctor.siblings.recipes import noise_of, response_of, varies
from lrdoctor.testing import cosine_rate

from .conftest import STEPS, Make, bowl, members


def held(runs: Sequence[Run]) -> dict[str, list[SiblingGap]]:
    found: dict[str, list[SiblingGap]] = {}
    for family in families(members(runs)):
        for sweep in family.sweeps:
            for sibling, gap in gaps(family, sweep, response_of(family, sweep)):
                found.setdefault(sibling.name, []).append(gap)
    return found


def test_what_each_run_of_a_sweep_missed(make: Make) -> None:
    rates = (0.001, 0.01, 0.1, 1.0)
    found = held([make(f"lr{rate:g}", rate) for rate in rates])
    for rate in rates:
        (gap,) = found[f"lr{rate:g}"]
        assert gap.missed == pytest.approx((bowl(rate) - 0.3) / 2, abs=0.01)
        assert gap.same_but_rate
        assert gap.best_name == "lr0.1"
        assert (gap.siblings, gap.rates) == (4, 4)
        assert gap.rate_ratio == pytest.approx(0.1 / rate, rel=0.4)
        assert gap.is_best is (rate == 0.1)


def test_a_diverged_run_missed_everything(make: Make) -> None:
    (gap,) = held([make("lr0.1", 0.1), make("lr0.01", 0.01), make("lr9", 9.0, nan=True)])["lr9"]
    assert (gap.missed, gap.diverged, gap.value) == (1.0, True, None)
    assert gap.rate_ratio == pytest.approx(0.1 / 9, rel=2)


def test_a_run_is_also_held_against_the_best_that_differs_in_the_rate_alone(make: Make) -> None:
    cosine = make("c", cosine_rate(steps=STEPS, peak=0.3), 0.2)
    found = held([cosine, make("lr0.1", 0.1), make("lr0.01", 0.01)])["lr0.01"]
    assert [(g.best_name, g.same_but_rate, g.same_but_schedule) for g in found] == [
        ("c", False, True),
        ("lr0.1", True, True),
    ]
    assert found[0].differs == "schedule"


def test_another_setting_is_no_difference_of_the_rate(make: Make) -> None:
    runs = [make(f"r{i}", r, hparams={"lr": r, "dropout": d}) for i, (r, d) in enumerate([(0.1, 0.0), (0.01, 0.5)])]
    (gap,) = held(runs)["r1"]
    assert (gap.same_but_rate, gap.same_but_schedule, gap.differs) == (False, False, "dropout")


def test_the_scatter_of_seeds_is_measured_over_all_repetitions(make: Make) -> None:
    runs = [
        make(f"lr{rate:g}-seed{seed}", rate, bowl(rate) + 0.02 * seed) for rate in (0.01, 0.1) for seed in (0, 1, 2)
    ]
    (family,) = families(members(runs))
    noise = noise_of(family, family.sweeps[0]) or 0.0
    assert noise == pytest.approx(0.02 / (2.3 - 0.3), rel=0.05)
    (gap,) = held(runs)["lr0.01-seed0"]
    assert gap.signal == pytest.approx(gap.missed / max(noise, 0.01))
    assert held([make("lr0.1", 0.1), make("lr0.01", 0.01)])["lr0.01"][0].noise is None


def test_what_changes_with_the_rate_is_confounded_and_what_is_crossed_is_not(make: Make) -> None:
    def sweep(settings: list[tuple[float, float]]) -> dict[str, bool]:
        runs = [make(f"r{i}", r, hparams={"lr": r, "dropout": d}) for i, (r, d) in enumerate(settings)]
        (family,) = families(members(runs))
        return dict(varies(family.sweeps[0]))

    assert sweep([(0.1, 0.1), (0.03, 0.2), (0.01, 0.3)]) == {"dropout": True}
    assert sweep([(0.1, 0.1), (0.03, 0.1), (0.01, 0.3), (0.003, 0.4), (0.001, 0.5)]) == {"dropout": False}
    assert sweep([(0.1, 0.1), (0.03, 0.1), (0.01, 0.1)]) == {}


def test_nothing_is_said_where_no_run_came_down(make: Make) -> None:
    assert held([make("lr0.1", 0.1, 2.3), make("lr0.01", 0.01, 2.3)]) == {}
