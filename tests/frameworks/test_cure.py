"""The closed loop trains exactly what was prescribed, counts honestly, and the trees say what was fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.clinic.standing import Standing
from lrdoctor.detectors import rate_distance
from lrdoctor.detectors._symptoms import PHRASES
from lrdoctor.model import Prescription
from lrdoctor.prescribe.code import planned
from lrdoctor.schedules._plan import rates

if TYPE_CHECKING:
    from benchmarks.clinic import stages
    from benchmarks.clinic.cure import Case, Trial
    from benchmarks.clinic.distances import Cases

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> tuple[stages.Cell, Path]:
    """One task, so short that it learns little, with its patients trained and logged."""
    from benchmarks.clinic import stages

    out = tmp_path_factory.mktemp("clinic")
    (found,) = stages.cells("bags-sgd", shrink=0.05)
    stages.examine(found, out)
    stages.write_logs([found], out)
    return found, out


@pytest.fixture(scope="module")
def sick(cell: tuple[stages.Cell, Path]) -> list[Case]:
    from benchmarks.clinic.cure import cases

    return cases(*cell)


def prescription(**changed: Any) -> Prescription:
    given: dict[str, Any] = {
        "peak_lr": 0.02,
        "lr_scale": 0.1,
        "schedule": "cosine",
        "warmup_steps": 6,
        "total_steps": 71,
        "final_lr": 0.0,
        "confidence": 0.9,
        "reason": "LRD000",
    }
    return Prescription(**given | changed)


def test_what_is_prescribed_is_what_is_trained(sick: Sequence[Case]) -> None:
    from benchmarks.clinic.cure import prescribed

    told = prescription(clip_grad_norm=0.7)
    plan = planned(told)
    assert plan is not None
    member = prescribed(sick[0].patient, told, 75)
    assert member.rates == pytest.approx(rates(plan, np.minimum(np.arange(1, 76), 71)))
    assert member.rates.max() == pytest.approx(0.02)
    # Behind the plan's end the rate stays where it ended.
    assert (member.rates[70:] == member.rates[-1]).all()
    assert member.clip == 0.7
    assert member.seed == sick[0].patient.seed


def test_spoiled_data_stay_spoiled(sick: Sequence[Case]) -> None:
    from benchmarks.clinic.cure import prescribed

    for case in sick:
        own, member = case.patient.regimen, prescribed(case.patient, prescription(), 75)
        assert member.few_examples is own.few_examples
        assert member.noisy_labels is own.noisy_labels
        assert bool(len(member.bad_batches)) is bool(own.bad_batches_at)
        assert member.clip == own.clip


@pytest.mark.parametrize(("final", "missed"), [(0.5, 0.0), (1.5, 0.5), (9.0, 1.0), (math.inf, 1.0), (math.nan, 1.0)])
def test_nothing_misses_more_than_everything(sick: Sequence[Case], final: float, missed: float) -> None:
    from benchmarks.clinic.cure import regret

    truth = replace(sick[0].truth, floor=0.0, first=2.5, best_known=0.5)
    assert regret(final, truth) == missed


def test_the_baselines_change_every_case_and_the_same_way_each_time(
    cell: tuple[stages.Cell, Path], sick: Sequence[Case]
) -> None:
    from benchmarks.clinic.cure import DECADES, at_random, by_a_third

    steps = cell[0].steps
    for case in sick:
        peak = case.patient.regimen.peak
        _, told = by_a_third(case, [case.own], steps)
        _, again = by_a_third(case, [case.own, case.own], steps)
        assert (told["peak"], again["peak"]) == pytest.approx((peak / 3, peak / 9))
        member, setting = at_random(case, [case.own], steps)
        assert abs(float(setting["decades"])) <= DECADES
        assert (member.rates == at_random(case, [case.own], steps)[0].rates).all()
    settings = [at_random(case, [case.own], steps)[1]["decades"] for case in sick]
    assert len(set(settings)) == len(sick)


def test_the_search_is_told_what_was_tried(cell: tuple[stages.Cell, Path], sick: Sequence[Case]) -> None:
    from benchmarks.clinic.cure import by_search

    case = sick[0]
    setting = by_search(case, [case.own], cell[0].steps)[1]
    assert setting == by_search(case, [case.own], cell[0].steps)[1]
    better: Trial = replace(case.own, regret=0.0, setting={**setting, "decades": 1.0})
    assert setting != by_search(case, [case.own, better], cell[0].steps)[1]


def test_a_case_that_is_left_alone_is_trained_no_more(
    cell: tuple[stages.Cell, Path], sick: Sequence[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.clinic import cure

    def advisor(case: Case, trials: Sequence[Trial], steps: int) -> Any:
        if case.patient.scenario != "constant_x3":
            return None
        return cure.prescribed(case.patient, prescription(), steps), {}

    trials = cure.treated(cell[0], advisor, sick, 2)
    assert [len(t) for t in trials] == [3 if c.patient.scenario == "constant_x3" else 1 for c in sick]


def test_a_line_counts_faulty_and_healthy_runs_apart(sick: Sequence[Case]) -> None:
    from benchmarks.clinic.cure import line

    faulty = [c for c in sick if c.truth.standing.is_fault]
    healthy = [c for c in sick if c.truth.standing is Standing.HEALTHY]
    assert len(faulty) > 3
    cured = line("cured", sick, [0.0 if c in faulty else c.own.regret for c in sick])
    assert cured[1] == f"{len(faulty)}/{len(faulty)} = 100.0 %"
    assert cured[3] == "100.0%"
    spoiled = line("spoiled", sick, [1.0 for _ in sick])
    assert spoiled[1].startswith("0/")
    assert spoiled[-1].startswith(f"{len(healthy)}/{len(healthy)}" if healthy else "–")


# --------------------------------------------------------------------------------------------------------------- trees


def made(count: int = 600) -> Cases:
    """The distance hangs on one symptom, and on whether another is known."""
    from benchmarks.clinic.distances import Cases

    rng = np.random.default_rng(5)
    x = rng.standard_normal((count, len(PHRASES)))
    x[rng.random(count) < 0.3, 4] = np.nan
    far = np.where(x[:, 2] > 0, 1.0, -1.0) + np.where(np.isnan(x[:, 4]), 0.6, 0.0)
    return Cases(
        x=x, low=far - 0.2, high=far + 0.2, weight=np.ones(count), task=np.array([f"t{i % 5}" for i in range(count)])
    )


def test_the_trees_find_what_the_distance_hangs_on() -> None:
    from benchmarks.clinic.distances import fit, off

    cases = made()
    fitted = fit(cases)
    said = np.array([rate_distance.decades(fitted, list(row)) for row in cases.x])
    assert np.mean(off(said, cases)) < 0.05


def test_no_tree_sees_the_task_that_it_is_tried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.clinic import distances

    cases = made(100)
    seen: list[int] = []

    def fit(some: Cases) -> dict[str, object]:
        seen.append(len(some.task))
        return {"base": float(len(set(some.task))), "trees": []}

    monkeypatch.setattr(distances, "fit", fit)
    said = distances.left_out(cases)
    assert seen == [80] * 5
    assert (said == 4.0).all()


def test_a_nested_tree_says_what_scikit_learn_says() -> None:
    from sklearn.tree import DecisionTreeRegressor

    from benchmarks.clinic.distances import STEP, _nested

    cases = made()
    tree = DecisionTreeRegressor(max_depth=3, random_state=0).fit(cases.x, cases.middle)
    nested = {"base": 0.0, "trees": [_nested(tree.tree_, 0)]}
    said = [rate_distance.decades(nested, list(row)) for row in cases.x]
    assert said == pytest.approx(list(STEP * tree.predict(cases.x)), abs=1e-4)
