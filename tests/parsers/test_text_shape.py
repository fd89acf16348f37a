from __future__ import annotations

import pytest

from lrdoctor.parsers._text_shape import NUMBER, PLACE, layout


def named(line: str) -> dict[str, str]:
    """Tag -> number, as one line tells them."""
    parts = NUMBER.split(line)
    its = layout(parts[::2])
    if its is None:
        return {}
    return {tag: parts[2 * column + 1] for tag, column in zip(its.shape.tags, its.columns, strict=False)}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("loss: 0.3", {"loss": "0.3"}),
        ("loss=0.3", {"loss": "0.3"}),
        ("loss 0.3", {"loss": "0.3"}),
        ("loss -> 0.3", {"loss": "0.3"}),
        ("loss is 0.3", {"loss": "0.3"}),
        ("loss .3", {"loss": ".3"}),
        ("loss -3.", {"loss": "-3."}),
        ("loss 1,234.5", {"loss": "1,234.5"}),
        ("loss +1.0E-05", {"loss": "+1.0E-05"}),
        ("loss nan", {"loss": "nan"}),
        ("loss: -inf, lr: 1", {"loss": "-inf", "lr": "1"}),
        ("step_avg:nanms", {"step_avg": "nan"}),
        ("number of nan iterations:   0", {"number of nan iterations": "0"}),
        ("lm loss: 1.0E+00 | grad norm: 2.0", {"lm loss": "1.0E+00", "grad norm": "2.0"}),
        ("elapsed time per iteration (ms): 3.0", {"elapsed time per iteration": "3.0"}),
        ("time 12ms, mfu 3%", {"time": "12", "mfu": "3"}),
        ("lr:(2.000e-04,)", {"lr": "2.000e-04"}),
        ("{'loss': '0.3', 'lr': '1e-05'}", {"loss": "0.3", "lr": "1e-05"}),
        ('{"loss": 0.3}', {"loss": "0.3"}),
        ("Acc@1 56.3 top5 79.1", {"Acc@1": "56.3", "top5": "79.1"}),
        ("Iteration 100 (5.2 iter/s, 19.1s/100 iters), loss = 2.3", {"Iteration": "100", "loss": "2.3"}),
        ("2024-05-06 10:11:12,123 - step 3 - loss 0.3", {"step": "3", "loss": "0.3"}),
        ("I0101 12:00:00.000000  1234 solver.cpp:228] Iteration 7, lr = 0.1", {"Iteration": "7", "lr": "0.1"}),
        ("[12:30:45] loss: 0.3", {"loss": "0.3"}),
        ("train loss 0.1, val loss 0.2", {"train loss": "0.1", "val loss": "0.2"}),
        ("Val: loss 0.1 acc 0.2", {"val/loss": "0.1", "val/acc": "0.2"}),
        ("train loss 1 acc 5 val loss 2 acc 4", {"train loss": "1", "acc": "5", "val loss": "2", "val/acc": "4"}),
        ("Validation loss at iteration 5: 0.3", {"val/iteration": "5", "Validation loss": "0.3"}),
    ],
)  # fmt: skip
def test_a_number_is_called_what_stands_before_it(line: str, expected: dict[str, str]) -> None:
    assert named(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "improved from 0.3 to 0.2",
        "10:11:12",
        "2024-05-06",
        "2024/05/06",
        'File "/a/b.py", line 17, in f',
        "train.py:17",
        "cuda:0",
        "127.0.0.1",
        "resnet50 conv2d v1.2.3",
        "12.5 3 7",
        "a" * 5000 + " loss 3",
    ],
)
def test_other_numbers_have_no_name(line: str) -> None:
    assert named(line) == {}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("step:3/100 loss:1", "step"),
        ("Epoch [3/100] loss 1", "Epoch"),
        ("iteration        3/     100 | lm loss: 1", "iteration"),
        ("Epoch: [0][  3/100] Loss 1", PLACE),
        (" 3%|#   | 3/100 [00:01<00:10, 3.2it/s, loss=1]", PLACE),
        ("3/100 [====>....] - ETA: 3s - loss: 1", PLACE),
        ("Test: [ 3/100] Loss 1", PLACE),
        ("Train Epoch: 1 [3/100 (3%)] Loss: 1", PLACE),
    ],
)
def test_knows_of_how_many_steps_one_is(line: str, name: str) -> None:
    parts = NUMBER.split(line)
    its = layout(parts[::2])
    assert its is not None
    at = its.shape.names.index(name)
    assert parts[2 * its.columns[at] + 1] == "3"
    assert parts[2 * its.columns[its.shape.totals[at]] + 1] == "100"


def test_an_average_in_brackets_is_no_number_of_its_own() -> None:
    parts = NUMBER.split("Loss 6.9 (7.0)  Acc@1 0.5 ( 0.4)")
    its = layout(parts[::2])
    assert its is not None
    assert its.shape.names == ("Loss", "Acc@1")
    assert [parts[2 * its.columns[at] + 1] for at in its.shape.averages] == ["7.0", "0.4"]
