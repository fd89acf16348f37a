from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lrdoctor.model import Role, Series
from lrdoctor.roles import RoleNames, lower_is_better
from lrdoctor.testing import make_run

NAMES = {
    Role.TRAIN_LOSS: [
        "loss", "train_loss", "train/loss", "training_loss", "Loss/train", "batch_loss", "epoch_loss", "total_loss",
        "train/epoch_loss", "loss/train/total", "lm loss", "trl", "train/box_loss", "train_loss_step", "trainLoss",
        "train_loss_epoch", "loss.train.avg", "train_nll", "trainloss", "TRAIN_LOSS", "训练损失", "Perte",
        "train/box_loss+cls_loss+dfl_loss", "Train/Samples/train_loss", "training/batchloss",
    ],
    Role.VAL_LOSS: [
        "val_loss", "valid_loss", "validation_loss", "eval_loss", "eval/loss", "test_loss", "tel", "Loss/val",
        "Val Loss",
        "val/box_loss", "evaluation_loss_vs_iterations", "validation/epoch_loss", "valLoss", "val_loss_epoch",
        "DEV_LOSS", "valloss", "val/box_loss+cls_loss", "验证损失",
    ],
    Role.LR: [
        "lr", "learning_rate", "train/learning_rate", "epoch_learning_rate", "lr-AdamW", "lr-SGD/pg1", "lr-Adam/group0",
        "lr/pg0", "train/lr", "optim/lr", "learning rate", "train/lr_0", "learningRate", "lr-Adam-1", "LR",
        "LEARNING_RATE", "学习率", "optim0_lr0", "optim0_lr0/train", "скорость обучения", "taxa de aprendizado",
        "LEARNING_RATE", "学习率", "Train/Samples/lr", "event_lr",
    ],
    Role.GRAD_NORM: [
        "grad_norm", "train/grad_norm", "grad norm", "norm", "grad_2.0_norm_total", "l2_norm/grad/global", "gnorm",
    ],
    Role.ACCURACY: ["accuracy", "val_acc", "eval_top1", "metrics/accuracy_top1", "train/accuracy", "test_accuracy"],
    Role.EPOCH: ["epoch", "Epoch", "train/epoch"],
    Role.STEP: [
        "step", "global_step", "train/global_step", "trainer/global_step", "iteration", "iter", "current_steps",
        "time/total_timesteps", "batch", "_step", "Step", "TotalEnvInteracts", "training_iteration",
    ],
}  # fmt: skip
NO_ROLE = [
    "lr-AdamW-momentum", "lr-AdamW-weight_decay", "learningRateDecayRatio", "learningRateDecay", "lr_scale", "min_lr",
    "lr_decay_iters", "lr_warmup_steps", "initial_lr", "peak_lr", "Loss/G/loss", "loss_scale", "nan_loss", "mfu", "",
    "train/cls_loss", "weight_norm", "steps_per_second", "hp_metric", "loss_weight", "...", "learningRateFoo",
    "optim0_wd0", "optim_lr0", "LossPi", "a+b", "loss_scale+loss", "温度",
    "Train/Samples/loss_scale", "LossPi", "a+b", "loss_scale+loss", "温度",
]  # fmt: skip


def series(tag: str, values: list[float], steps: list[int] | None = None) -> Series:
    return Series(tag=tag, steps=np.array(steps or range(len(values))), values=np.array(values, dtype=float))


def run(**points: int | list[float]) -> dict[str, Series]:
    """Series by tag, `__` for `/`; a number asks for as many points."""
    named = {tag.replace("__", "/"): values for tag, values in points.items()}
    return {tag: series(tag, v if isinstance(v, list) else [1.0] * v) for tag, v in named.items()}


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, names in NAMES.items() for name in names])
def test_knows_the_names_that_loggers_write(role: Role, name: str) -> None:
    assert RoleNames().of(name) is role


@pytest.mark.parametrize("name", NO_ROLE)
def test_does_not_take_a_name_for_what_it_is_not(name: str) -> None:
    assert RoleNames().of(name) is None


def test_the_users_names_win() -> None:
    names = RoleNames({Role.TRAIN_LOSS: ("*/CTC",), Role.VAL_LOSS: ("loss",)})
    assert names.of("train/ctc") is Role.TRAIN_LOSS
    assert names.of("loss") is Role.VAL_LOSS
    roles, notes = names.assign(run(train_loss=100, train__ctc=3))
    assert (roles[Role.TRAIN_LOSS], notes) == ("train/ctc", ())


def test_takes_the_tag_with_more_finite_points_and_says_so() -> None:
    roles, notes = RoleNames().assign(run(train__loss=3, loss=10))
    assert roles == {Role.TRAIN_LOSS: "loss"}
    assert notes == ("training loss: took 'loss' (10 points), not 'train/loss' (3 points)",)
    assert RoleNames().assign(run(train__loss=3, loss=[float("nan")] * 10))[0] == {Role.TRAIN_LOSS: "train/loss"}


def test_takes_the_earlier_name_among_equals() -> None:
    for points in (run(loss=5, train_loss=5), run(train_loss=5, loss=5)):
        assert RoleNames().assign(points)[0] == {Role.TRAIN_LOSS: "train_loss"}


def test_a_loss_that_is_nan_throughout_is_still_the_loss() -> None:
    assert RoleNames().assign(run(loss=[float("nan")] * 3))[0] == {Role.TRAIN_LOSS: "loss"}


def test_an_empty_series_plays_no_role() -> None:
    assert RoleNames().assign(run(loss=[]))[0] == {}


def test_the_batch_loss_of_keras_is_on_another_clock_than_the_rest() -> None:
    roles, notes = RoleNames().assign(run(train__batch_loss=900, train__epoch_loss=10, validation__epoch_loss=10))
    assert roles == {Role.TRAIN_LOSS: "train/epoch_loss", Role.VAL_LOSS: "validation/epoch_loss"}
    assert notes == ()
    assert RoleNames().assign(run(batch_loss=9))[0] == {Role.TRAIN_LOSS: "batch_loss"}


def test_a_test_set_counts_where_there_is_no_validation_set() -> None:
    assert RoleNames().assign(run(test_loss=9, val_loss=3))[0] == {Role.VAL_LOSS: "val_loss"}
    assert RoleNames().assign(run(test_loss=9))[0] == {Role.VAL_LOSS: "test_loss"}


def test_accuracy_is_that_of_the_validation() -> None:
    assert RoleNames().assign(run(accuracy=100, val_accuracy=5))[0] == {Role.ACCURACY: "val_accuracy"}


@pytest.mark.parametrize("tag", ["train/ctc_loss", "train_nll_sum", "my loss"])
def test_the_only_thing_that_looks_like_a_loss_is_one(tag: str) -> None:
    roles, notes = RoleNames().assign({tag: series(tag, [1.0]), "val/ctc_loss": series("val/ctc_loss", [1.0])})
    assert roles == {Role.TRAIN_LOSS: tag, Role.VAL_LOSS: "val/ctc_loss"}
    assert notes[0] == f"training loss: took {tag!r}, the only tag that looks like one"


def test_a_lone_validation_loss_is_not_the_training_loss() -> None:
    assert RoleNames().assign(run(val_loss=3))[0] == {Role.VAL_LOSS: "val_loss"}
    assert RoleNames().assign(run(val__ctc_loss=3))[0] == {Role.VAL_LOSS: "val/ctc_loss"}


def test_one_of_two_losses_is_not_guessed() -> None:
    roles, notes = RoleNames().assign(run(Loss__G__loss=9, Loss__D__loss=9))
    assert roles == {}
    assert notes == (
        "training loss: none taken, nothing tells which of 'Loss/G/loss', 'Loss/D/loss' it is;"
        " name it in the configuration",
    )


@pytest.mark.parametrize("tag", ["loss_scale", "nan_loss", "best_loss", "loss_weight", "increase_loss"])
def test_a_number_about_the_loss_is_no_loss(tag: str) -> None:
    assert RoleNames().assign({tag: series(tag, [1.0])}) == ({}, ())


def test_the_parameter_group_that_most_follow_is_the_learning_rate() -> None:
    warmed = [0.0, 0.5, 1.0, 0.5, 0.1]
    roles, notes = RoleNames().assign(
        run(lr__pg0=[1.0, 0.8, 0.6, 0.5, 0.1], lr__pg1=[0.1 * v for v in warmed], lr__pg2=warmed)
    )
    assert roles == {Role.LR: "lr/pg2"}
    assert notes == (
        "learning rate: took 'lr/pg2': 2 of 3 parameter groups follow its shape, and it peaks highest among them",
    )


def test_of_groups_of_one_shape_the_largest_peak_is_the_learning_rate() -> None:
    roles, notes = RoleNames().assign(run(lr__pg0=[0.0, 0.0, 0.0], lr__pg1=[0.0, 0.0, 0.0], lr__pg2=[2.0, 4.0, 1.0]))
    assert roles == {Role.LR: "lr/pg2"}  # the other two are frozen, and agree
    roles, _ = RoleNames().assign(run(lr__pg0=[1.0, 2.0], lr__pg1=[3.0, 6.0], lr__pg2=[2.0, 4.0]))
    assert roles == {Role.LR: "lr/pg1"}
    assert notes == ("learning rate: took 'lr/pg2': no two shapes agree, and it peaks highest among them",)


def test_the_bias_group_is_not_the_learning_rate_where_there_is_but_one_other() -> None:
    bias, others = [0.07, 0.04, 0.009, 0.005], [0.003, 0.006, 0.009, 0.005]
    assert RoleNames().assign(run(lr__pg0=bias, lr__pg1=others))[0] == {Role.LR: "lr/pg1"}
    assert RoleNames().assign(run(lr__pg0=others, lr__pg1=bias))[0] == {Role.LR: "lr/pg0"}


def test_a_rate_that_only_falls_is_taken_where_none_rises() -> None:
    assert RoleNames().assign(run(lr__pg0=[1.0, 0.5, 0.1], lr__pg1=[2.0, 1.0, 0.9]))[0] == {Role.LR: "lr/pg1"}


@pytest.mark.parametrize(
    ("better", "names"),
    [
        (True, ["loss", "val/loss", "eval_wer", "perplexity", "top1_err", "val_rmse", "bpb", "FID", "reward_loss"]),
        (
            False,
            ["val_acc", "top5", "metrics/mAP50-95(B)", "f1", "rollout/ep_rew_mean", "test/auc", "R2", "AverageEpRet"],
        ),
        (None, ["lr", "loss_scale", "neg_loss", "loss_weight", "StdEpRet", "time", "grad_norm", "loss_count", ""]),
    ],
)
def test_the_direction_of_a_metric_is_known_or_said_to_be_unknown(better: bool | None, names: list[str]) -> None:
    assert {name: lower_is_better(name) for name in names} == dict.fromkeys(names, better)


def test_a_plain_learning_rate_needs_no_groups() -> None:
    roles, notes = RoleNames().assign({"lr": series("lr", [1.0]), "lr-Adam/pg1": series("lr-Adam/pg1", [1.0] * 9)})
    assert (roles, notes) == ({Role.LR: "lr"}, ())


def test_steps_are_a_better_axis_than_epochs_and_log_calls() -> None:
    names = ["epoch", "_step", "iter", "train/global_step", "loss"]
    assert RoleNames().step_columns(names) == ("train/global_step", "iter", "_step", "epoch")
    assert RoleNames().step_column(["loss", "epoch"]) == "epoch"
    assert RoleNames({Role.STEP: ("tokens",)}).step_column(["step", "tokens"]) == "tokens"


def test_no_axis_where_nothing_counts() -> None:
    assert RoleNames().step_column(["loss", "lr", "steps_per_second"]) is None


def test_twenty_thousand_tags_are_sorted_out() -> None:
    one = series("x", [1.0])
    roles, _ = RoleNames().assign({**{f"layer{n}/weight": one for n in range(20_000)}, "loss": one})
    assert roles == {Role.TRAIN_LOSS: "loss"}


def test_a_loss_of_the_first_steps_alone_does_not_stand_for_the_run() -> None:
    start = Series(tag="loss", steps=np.arange(100), values=np.ones(100))
    whole = Series(tag="train/loss", steps=np.arange(0, 57_000, 750), values=np.ones(76))
    roles, notes = RoleNames().assign({"loss": start, "train/loss": whole})
    assert roles[Role.TRAIN_LOSS] == "train/loss"
    assert notes == ("training loss: took 'train/loss' (76 points), not 'loss' (100 points)",)


@pytest.mark.parametrize(
    "returns", ["rollout/ep_rew_mean", "AverageEpRet", "charts/episodic_return", "episode_reward_mean"]
)
def test_a_policy_loss_is_not_judged_as_a_loss(returns: str) -> None:
    run = make_run(train_loss=np.linspace(1, 2, 30))
    points = run.series[run.roles[Role.TRAIN_LOSS]]
    series = {"train/loss": replace(points, tag="train/loss"), returns: replace(points, tag=returns)}
    roles, notes = RoleNames().assign(series)
    assert Role.TRAIN_LOSS not in roles
    assert any("need not fall" in note for note in notes)
    # Who names it wants it judged.
    assert RoleNames({Role.TRAIN_LOSS: ("train/loss",)}).assign(series)[0][Role.TRAIN_LOSS] == "train/loss"


@pytest.mark.parametrize("others", [("Episode", "Average reward"), ("epsilon", "reward"), ("frames", "score")])
def test_a_reward_beside_a_count_of_episodes_is_what_it_learns_from(others: tuple[str, str]) -> None:
    roles, notes = RoleNames().assign({tag: series(tag, [1.0, 2.0]) for tag in (*others, "loss")})
    assert Role.TRAIN_LOSS not in roles
    assert notes == (f"it learns from rewards ({others[1]!r}): 'loss' need not fall, and is not judged as a loss",)


@pytest.mark.parametrize("others", [("epsilon", "f1_score"), ("epoch", "reward"), ("episode", "loss_scale")])
def test_a_score_or_an_episode_alone_is_no_reason_not_to_judge_the_loss(others: tuple[str, str]) -> None:
    roles, _ = RoleNames().assign({tag: series(tag, [1.0, 2.0]) for tag in (*others, "loss")})
    assert roles[Role.TRAIN_LOSS] == "loss"


@pytest.mark.parametrize("tag", ["rewards/chosen", "retrieval_loss", "step_return"])
def test_other_rewards_change_nothing(tag: str) -> None:
    run = make_run(train_loss=np.linspace(2, 1, 30))
    points = run.series[run.roles[Role.TRAIN_LOSS]]
    roles, _ = RoleNames().assign({"train/loss": replace(points, tag="train/loss"), tag: replace(points, tag=tag)})
    assert roles[Role.TRAIN_LOSS] == "train/loss"


def test_only_what_the_names_alone_decide_is_remembered() -> None:
    names = RoleNames()
    first, _ = names.assign(run(loss=3, lr=3))
    first[Role.ACCURACY] = "lr"  # what one caller does with it is no other's affair
    assert names.assign(run(loss=9, lr=2))[0] == {Role.TRAIN_LOSS: "loss", Role.LR: "lr"}
    assert names.assign(run(loss=[], lr=2))[0] == {Role.LR: "lr"}
    assert names.assign(run(train_loss=9, loss=2))[0] == {Role.TRAIN_LOSS: "train_loss"}
    assert names.assign(run(train_loss=2, loss=9))[0] == {Role.TRAIN_LOSS: "loss"}
