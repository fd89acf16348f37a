from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from benchmarks.real_logs import Row, _differing, examined, main, manifest, told, verdicts
from lrdoctor.model import Incident, Role, Run, Series

Listed = Callable[..., list[Row]]
STEPS = 200


def curve(*, end: float = 0.1, rate: bool = True) -> str:
    """A loss that falls from 2.3, under a cosine."""
    noise = np.random.default_rng(0).normal(0, 0.01, STEPS)
    lines = ["step,loss,lr" if rate else "step,loss"]
    for step in range(STEPS):
        part = step / (STEPS - 1)
        loss = end + (2.3 - end) * math.exp(-5 * part) + float(noise[step])
        lines.append(f"{step * 10},{loss:.6f}" + (f",{0.05 * (1 + math.cos(math.pi * part)):.8f}" if rate else ""))
    return "\n".join(lines) + "\n"


@pytest.fixture
def listed(tmp_path: Path) -> Listed:
    """Writes files and their manifest."""

    def write(**files: Mapping[str, object]) -> list[Row]:
        with (tmp_path / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["path", "kind", "has_lr", "n_points", "labels", "confidence"])
            for stem, about in files.items():
                name = f"{stem}{about.get('suffix', '.csv')}"
                (tmp_path / name).write_text(str(about["text"]), encoding="utf-8")
                told_of = [about.get(key, otherwise) for key, otherwise in DEFAULTS.items()]
                table.writerow([name, "csv", *told_of])
        return manifest(tmp_path)

    return write


DEFAULTS = {"has_lr": "y", "n_points": STEPS, "labels": "healthy", "confidence": "high"}


def test_a_file_that_is_read_right_is_no_miss(listed: Listed) -> None:
    (row,) = listed(good={"text": curve()})
    assert (row.points, row.labels, row.has_lr) == (STEPS, ("healthy",), "y")
    reading = examined(row)
    assert reading.misses == []
    assert reading.runs[0].roles[Role.TRAIN_LOSS] == "loss"
    assert not reading.only_validated


@pytest.mark.parametrize(
    ("about", "miss"),
    [
        ({"text": curve(rate=False)}, "no learning rate"),
        ({"text": curve(), "n_points": 300}, "200 points of 300"),
        ({"text": "step,G_loss,D_loss\n0,1,2\n1,2,1\n2,1,2\n"}, "no training loss; there are D_loss, G_loss"),
        ({"text": "step,reward\n0,1\n1,2\n", "has_lr": "n"}, "no training loss; there are no names of one"),
        ({"text": curve(), "labels": "n/a"}, "no curve, and called healthy"),
        ({"text": curve(), "labels": ""}, "no curve, and called healthy"),
    ],
)
def test_a_miss_says_what_is_missing(listed: Listed, about: Mapping[str, object], miss: str) -> None:
    (row,) = listed(bad=about)
    assert miss in examined(row).misses


def test_a_repeated_step_may_be_in_the_count_of_rows(listed: Listed) -> None:
    (row,) = listed(good={"text": curve(), "n_points": 210})
    assert examined(row).misses == []


def test_a_file_that_logs_only_a_validation_loss_is_told_apart(listed: Listed) -> None:
    (row,) = listed(only={"text": curve(rate=False).replace("loss", "val_loss"), "has_lr": "n"})
    reading = examined(row)
    assert (reading.misses, reading.only_validated) == ([], True)


@pytest.mark.parametrize("labels", ["n/a", "", "other"])
@pytest.mark.parametrize(
    ("suffix", "text"), [(".yaml", "lr: 0.1\n"), (".csv", "name,size\na,1\n"), (".csv", "step,loss\n7,2.5\n")]
)
def test_a_word_on_a_file_without_a_curve_is_enough(listed: Listed, labels: str, suffix: str, text: str) -> None:
    (row,) = listed(none={"text": text, "suffix": suffix, "labels": labels, "n_points": 0, "has_lr": "config"})
    assert row.labels == ()
    assert examined(row).misses == []


def run_of(values: list[float], **about: object) -> Run:
    series = Series(tag="train_loss", steps=np.arange(len(values)), values=np.array(values))
    roles = {Role.TRAIN_LOSS: "train_loss"}
    return Run(name="r", path=Path(), format="csv", series={"train_loss": series}, roles=roles, **about)  # type: ignore[arg-type]


LOST = Incident(path="r", place="line 2", kind="unreadable_row", dropped=1, message="…")


@pytest.mark.parametrize(
    ("run", "there", "miss"),
    [
        (run_of([3, 2, 1]), {"train_loss": [3, 2, 1]}, []),
        (run_of([3, 2, 1]), {"Train/Losses": [1, 2, 3]}, []),
        (run_of([3, 2, math.nan]), {"train_loss": [3, 2]}, []),
        (run_of([float(np.float32(0.1))]), {"train_loss": [0.1]}, []),
        (run_of([3, 2]), {"lr": [1]}, []),
        (run_of([3, 2, 1]), {"train_loss": [3, 2, 7]}, ["1 values that the file has not", "1 of 3 values lost"]),
        (run_of([3, 2]), {"train_loss": [3, 2, 1]}, ["1 of 3 values lost without a word"]),
        (run_of([3, 2], notes=("1 point was superseded",)), {"train_loss": [3, 2, 1]}, []),
        (run_of([3, 2], incidents=(LOST,)), {"train_loss": [3, 2, 1]}, []),
    ],
)
def test_values_are_held_against_a_second_reading(run: Run, there: Mapping[str, list[float]], miss: list[str]) -> None:
    found = list(_differing([run], there))
    assert len(found) == len(miss)
    assert all(part in said for part, said in zip(miss, found, strict=True))


@pytest.mark.parametrize(
    ("name", "text", "there"),
    [
        ("a.csv", "step,loss\n0,2.5\n1,\n2,nan\n", {"step": [0, 1, 2], "loss": [2.5, math.nan]}),
        ("a.tsv", "step\tloss\n0\t2.5\n", {"step": [0], "loss": [2.5]}),
        ("a.jsonl", '{"loss": 2.5, "ok": true}\n{"loss": 2, "lr": {"a": 1}}\n', {"loss": [2.5, 2], "lr/a": [1]}),
        ("a.json", json.dumps({"train_losses": [3, 2.5]}), {"train_losses": [3, 2.5]}),
        ("b.log", "loss = 0\nit 5: train loss 1,234.5, lr=1e-3\n", {"it": [5], "train loss": [1234.5], "lr": [0.001]}),
        ("metrics/train/loss", "1700000000000 2.5 0\n1700000000001 2 1\n", {"train/loss": [2.5, 2]}),
    ],
)  # fmt: skip
def test_the_second_reading(tmp_path: Path, name: str, text: str, there: Mapping[str, list[float]]) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    found = told(path)
    assert found is not None
    assert found.keys() == there.keys()
    for key, values in there.items():
        np.testing.assert_array_equal(found[key], values)


def test_the_second_reading_of_an_event_file(tmp_path: Path) -> None:
    writer = EventFileWriter(str(tmp_path))
    for step, loss in enumerate([2.5, 2.0]):
        writer.add_event(Event(step=step, summary=Summary(value=[Summary.Value(tag="loss", simple_value=loss)])))
    writer.close()
    (path,) = tmp_path.iterdir()
    assert told(path) == {"loss": [2.5, 2.0]}


def test_there_is_no_second_reading_of_every_format(tmp_path: Path) -> None:
    (tmp_path / "run.wandb").write_bytes(b"\0")
    assert told(tmp_path / "run.wandb") is None


def test_verdicts_are_held_against_labels(listed: Listed) -> None:
    blown_up = "".join(f"{step * 10},{'nan' if step > 100 else 2.0 - step / 100},0.1\n" for step in range(STEPS))
    rows = listed(
        sound={"text": curve()},
        wrongly_sound={"text": "step,loss,lr\n" + blown_up},
        blown_up={"text": "step,loss,lr\n" + blown_up, "labels": "divergence;nan"},
        wrongly_blown_up={"text": curve(), "labels": "nan", "confidence": "low"},
    )
    lines = verdicts(rows)
    assert "called unhealthy: 1 of 2 that are surely healthy" in lines
    assert any("healthy, called unhealthy LRD101" in line and "wrongly_sound.csv" in line for line in lines)
    assert any("nan (low), named by nothing" in line and "wrongly_blown_up.csv" in line for line in lines)
    assert next(line for line in lines if line.startswith("nan ")).endswith(
        "of 2 files named 1 by a rule, 0 by a finding, 1 by nothing"
    )


def test_the_command_fails_where_there_is_a_miss(
    listed: Listed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed(good={"text": curve()})
    assert main([str(tmp_path), "--all"]) == 0
    said = capsys.readouterr().out
    assert "MISS" not in said
    assert "training loss: 1 of 1 labelled files" in said
    assert "good.csv" in said
    listed(good={"text": curve()}, bad={"text": curve(rate=False)})
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "    MISS no learning rate" in said
    assert "good.csv" not in said.split("training loss:")[0]
    assert "learning rate: 1 of 2 that log it" in said
