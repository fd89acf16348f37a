from __future__ import annotations

import numpy as np
import pytest

from lrdoctor.siblings.grouping import BY_FOLDER, BY_NAME, Family, families

from .conftest import Make, members


def names(found: tuple[Family, ...]) -> list[list[str]]:
    return [sorted(sibling.name for sibling in family.siblings) for family in found]


def test_a_sweep_is_one_family_best_first(make: Make) -> None:
    (family,) = families(members([make(f"lr{rate}", rate) for rate in (0.001, 0.01, 0.1, 1.0)]))
    assert family.siblings[0].name == "lr0.1"
    assert family.metric == "val_loss"
    assert family.start == pytest.approx(2.3)
    assert family.kinship == BY_NAME
    assert len(family.sweeps) == 1


def test_a_run_alone_has_no_family(make: Make) -> None:
    assert families(members([make("alone")])) == ()


def test_names_tell_tasks_apart(make: Make) -> None:
    runs = [
        make(f"{task}-adam-{tag}", rate) for task in ("mlp", "cnn") for tag, rate in (("3f9a1c", 0.1), ("0b77d2", 1.0))
    ]
    assert names(families(members(runs))) == [
        ["mlp-adam-0b77d2", "mlp-adam-3f9a1c"],
        ["cnn-adam-0b77d2", "cnn-adam-3f9a1c"],
    ]


def test_networks_whose_names_differ_in_a_number_are_two(make: Make) -> None:
    runs = [make(f"resnet{n}-lr{rate}", rate) for n in (18, 50) for rate in (0.1, 1.0)]
    assert len(families(members(runs))) == 2


def test_names_that_have_nothing_in_common_make_distant_kin(make: Make) -> None:
    runs = [make("mnist", 0.1), make("cifar", 0.01, start=2.35), make("reuters", 0.001, start=2.25)]
    (family,) = families(members(runs))
    assert family.kinship == BY_FOLDER


def test_untrained_losses_of_other_sizes_are_no_kin(make: Make) -> None:
    assert families(members([make("one", 0.1), make("two", 0.1, 1.0, start=9.0)])) == ()


def test_a_shorter_run_had_less_time(make: Make) -> None:
    runs = [make("lr0.1", 0.1), make("lr0.01", 0.01, steps=570), make("lr0.2", 0.2, steps=300)]
    assert names(families(members(runs))) == [["lr0.01", "lr0.1"]]


def test_a_run_that_broke_off_in_nan_is_kept_as_diverged(make: Make) -> None:
    dead = make("lr9", 9.0, nan=True, steps=300)
    (family,) = families(members([make("lr0.1", 0.1), make("lr0.01", 0.01), dead]))
    assert family.siblings[-1].name == "lr9"
    assert family.siblings[-1].final is None


def test_a_run_that_ends_above_untrained_has_diverged(make: Make) -> None:
    (family,) = families(members([make("lr0.1", 0.1), make("lr0.01", 0.01), make("lr5", 5.0, 2.4)]))
    assert family.siblings[-1].final is None


def test_words_of_the_configuration_tell_models_apart_and_numbers_do_not(make: Make) -> None:
    runs = [
        make(f"run{i}", rate, hparams={"model": model, "lr": rate, "weight_decay": 0.1 * i})
        for i, (model, rate) in enumerate([("mlp", 0.1), ("mlp", 0.01), ("vit", 0.1), ("vit", 0.01)])
    ]
    assert names(families(members(runs))) == [["run0", "run1"], ["run2", "run3"]]


def test_what_is_unique_to_each_run_names_it(make: Make) -> None:
    runs = [make(f"run{i}", 0.1**i, hparams={"lr": 0.1**i, "commit_hash": f"abc{i}x"}) for i in range(1, 4)]
    (family,) = families(members(runs))
    assert len(family.siblings) == 3


def test_optimizers_are_one_family_and_two_sweeps(make: Make) -> None:
    runs = [make(f"{name}-lr{rate}", rate) for name in ("sgd", "adam") for rate in (0.1, 0.01)]
    (family,) = families(members(runs))
    assert sorted(sweep.optimizer or "" for sweep in family.sweeps) == ["adam", "sgd"]


def test_batch_sizes_are_two_sweeps(make: Make) -> None:
    runs = [
        make(f"run{i}", rate, hparams={"lr": rate, "batch_size": size})
        for i, (rate, size) in enumerate([(0.1, 32), (0.01, 32), (0.1, 256), (0.01, 256)])
    ]
    (family,) = families(members(runs))
    assert sorted(sweep.batch_size or 0 for sweep in family.sweeps) == [32, 256]


def test_a_grid_has_a_sweep_per_cell_and_a_random_search_has_one(make: Make) -> None:
    grid = [
        make(f"run{i}", rate, hparams={"lr": rate, "dropout": drop})
        for i, (rate, drop) in enumerate([(0.1, 0.0), (0.01, 0.0), (0.1, 0.5), (0.01, 0.5)])
    ]
    rng = np.random.default_rng(0)
    random = [
        make(f"run{i}", rate, hparams={"lr": rate, "dropout": float(rng.random())})
        for i, rate in enumerate([0.1, 0.03, 0.01, 0.003])
    ]
    assert len(families(members(grid))[0].sweeps) == 2
    assert len(families(members(random))[0].sweeps) == 1


def test_the_training_loss_is_taken_where_one_has_no_validation_loss(make: Make) -> None:
    from dataclasses import replace

    from lrdoctor.model import Role

    bare = make("lr0.01", 0.01)
    bare = replace(
        bare,
        series={tag: s for tag, s in bare.series.items() if tag != "val_loss"},
        roles={role: tag for role, tag in bare.roles.items() if role is not Role.VAL_LOSS},
    )
    (family,) = families(members([make("lr0.1", 0.1), bare]))
    assert family.metric == "train_loss"
