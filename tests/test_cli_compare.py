"""`lrdoctor compare` from outside, and what siblings add to `lrdoctor analyze`."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from lrdoctor.cli import main
from lrdoctor.config import Config
from lrdoctor.doctor import analyze
from lrdoctor.model import Floats, Verdict
from lrdoctor.testing import constant_rate, cosine_rate

SCHEMA = json.loads((files("lrdoctor.comparison") / "comparison.schema.json").read_text(encoding="utf-8"))
STEPS = 400


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args])


def log(file: Path, final: float, rate: Floats, *, seed: int = 0, nan: bool = False, start: float = 2.3) -> None:
    """A table as a training loop writes it: a loss from `start` to `final`, with the scatter of batches."""
    t = np.arange(len(rate))
    clean = final + (start - final) * np.exp(-20 * t / len(rate))
    loss = clean * (1 + 0.01 * np.random.default_rng(seed).standard_normal(len(rate)))
    loss = np.where(nan & (t > len(rate) // 2), np.nan, loss)
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{i},{a:.6g},{b:.6g},{c:.8g}" for i, (a, b, c) in enumerate(zip(loss, clean, rate, strict=True))]
    file.write_text("\n".join(["step,train_loss,val_loss,lr", *rows]) + "\n")


def bowl(rate: float, best: float = 0.1) -> float:
    return 0.3 + 2.0 * (1 - math.exp(-(math.log10(rate / best) ** 2)))


def sweep(folder: Path, rates: list[float], best: float = 0.1, name: str = "lr{rate:g}") -> Path:
    for i, rate in enumerate(rates):
        log(
            folder / name.format(rate=rate) / "metrics.csv",
            bowl(rate, best),
            constant_rate(steps=STEPS, peak=rate),
            seed=i,
        )
    return folder


def compared(folder: Path) -> dict[str, Any]:
    done = run("compare", folder, "--format", "json")
    assert done.exit_code == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout, parse_constant=pytest.fail)
    Draft202012Validator(SCHEMA).validate(document)
    return document


def test_a_sweep_has_a_winner_an_optimum_and_something_to_try(tmp_path: Path) -> None:
    (family,) = compared(sweep(tmp_path, [0.001, 0.01, 0.1, 1.0]))["families"]
    assert family["winner"].startswith("lr0.1/")
    assert [row["name"].split("/")[0] for row in family["runs"]] == ["lr0.1", "lr0.01", "lr1", "lr0.001"]
    (only,) = family["sweeps"]
    response = only["response"]
    assert response["low"] <= 0.1 <= response["high"]
    assert response["best_lr"] == pytest.approx(0.1, rel=0.5)
    assert response["on_border"] is None
    assert response["next_lrs"]


def test_text_shows_the_table_the_picture_and_the_next_rates(tmp_path: Path) -> None:
    said = run("compare", sweep(tmp_path, [0.001, 0.01, 0.1, 1.0])).stdout
    assert "\x1b" not in said
    lines = said.splitlines()
    assert lines[0].startswith("val_loss of 4 runs")
    assert lines[1].split()[:2] == ["run", "optimizer"]
    assert lines[2].split()[0] == "lr0.1/metrics.csv"
    assert "best: lr0.1/metrics.csv, val_loss 0.3" in said
    assert "best peak rate" in said
    assert "try next: peak rate" in said
    assert sum("o" in line.partition("|")[2] for line in lines if "|" in line) >= 3


def test_the_border_is_said(tmp_path: Path) -> None:
    said = run("compare", sweep(tmp_path, [0.0001, 0.001, 0.01], best=1.0)).stdout
    assert "the best rate is the highest that was tried: the optimum may lie above it" in said


def test_too_few_rates_are_said(tmp_path: Path) -> None:
    said = run("compare", sweep(tmp_path, [0.01, 0.1])).stdout
    assert "2 peak rates; three that learn are needed" in said


def test_seeds_that_scatter_are_said(tmp_path: Path) -> None:
    finals = iter([0.3, 0.6, 0.9, 0.35, 0.62, 0.86, 0.31, 0.64, 0.89])
    for rate in (0.01, 0.03, 0.1):
        for seed in range(3):
            log(tmp_path / f"lr{rate}-seed{seed}.csv", next(finals), constant_rate(steps=STEPS, peak=rate))
    said = run("compare", tmp_path).stdout
    assert "seeds differ by more" in said


def test_optimizers_and_schedules_side_by_side(tmp_path: Path) -> None:
    log(tmp_path / "sgd-fixed.csv", 0.6, constant_rate(steps=STEPS, peak=0.1))
    log(tmp_path / "sgd-decayed.csv", 0.4, cosine_rate(steps=STEPS, peak=0.1))
    log(tmp_path / "adam.csv", 0.5, constant_rate(steps=STEPS, peak=0.001))
    (family,) = compared(tmp_path)["families"]
    rows = {row["name"]: row for row in family["runs"]}
    assert list(rows) == ["sgd-decayed.csv", "adam.csv", "sgd-fixed.csv"]
    assert rows["sgd-fixed.csv"]["differs"] == ["schedule"]
    assert set(rows["adam.csv"]["differs"]) == {"peak rate", "optimizer", "schedule"}
    # Nine tenths of the winner's drop leave 0.59, which the fixed rate never reached.
    assert [row["arrival_steps"] is None for row in rows.values()] == [False, False, True]
    assert all(0 <= row["restlessness"] < 0.5 for row in rows.values())
    assert [s["optimizer"] for s in family["sweeps"]] == ["sgd", "adam"]


def test_a_diverged_run_is_last_and_has_no_value(tmp_path: Path) -> None:
    sweep(tmp_path, [0.01, 0.1])
    log(tmp_path / "lr9" / "metrics.csv", 1.0, constant_rate(steps=STEPS, peak=9.0), nan=True)
    (family,) = compared(tmp_path)["families"]
    assert (family["runs"][-1]["name"], family["runs"][-1]["final"]) == ("lr9/metrics.csv", None)
    assert "diverged" in run("compare", tmp_path).stdout


def test_runs_without_siblings_are_named(tmp_path: Path) -> None:
    log(tmp_path / "mlp-lr0.1.csv", 0.5, constant_rate(steps=STEPS))
    log(tmp_path / "cnn-lr0.1.csv", 0.5, constant_rate(steps=2 * STEPS))
    document = compared(tmp_path)
    assert document["families"] == []
    assert sorted(document["alone"]) == ["cnn-lr0.1.csv", "mlp-lr0.1.csv"]
    assert "nothing to compare" in run("compare", tmp_path).stdout


def test_several_outputs_of_one_comparison(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "runs", [0.01, 0.1, 1.0])
    out = tmp_path / "out.json"
    done = run("compare", folder, "--output", f"json={out}", "--output", f"text={tmp_path / 'out.txt'}")
    assert done.exit_code == 0
    assert len(json.loads(out.read_text())["families"]) == 1
    assert (tmp_path / "out.txt").read_text() == done.stdout


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    folder = sweep(tmp_path, [0.01, 0.1, 1.0])
    first, again = (run("compare", folder, "--format", "json").stdout for _ in range(2))
    assert first == again


@pytest.mark.parametrize("args", [["nowhere"], ["--format", "yaml", "."], ["--output", "yaml=x", "."], []])
def test_bad_usage_is_exit_2_without_a_traceback(args: list[str]) -> None:
    done = run("compare", *args)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_a_missing_path_beside_a_good_one(tmp_path: Path) -> None:
    done = run("compare", sweep(tmp_path, [0.01, 0.1, 1.0]), tmp_path / "gone", "--format", "json")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    document = json.loads(done.stdout)
    Draft202012Validator(SCHEMA).validate(document)
    assert len(document["families"]) == 1
    assert len(document["errors"]) == 1


def test_a_strangers_name_is_escaped(tmp_path: Path) -> None:
    sweep(tmp_path, [0.01, 0.1, 1.0], name="lr{rate:g}\x1b[31m")
    done = run("compare", tmp_path)
    assert "\x1b" not in done.stdout
    assert "\\x1b" in done.stdout


def test_the_schema_knows_every_field(tmp_path: Path) -> None:
    def closed(schema: Any) -> Any:
        if isinstance(schema, list):
            return [closed(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        schema = {key: closed(value) for key, value in schema.items()}
        return schema | ({"additionalProperties": False} if "properties" in schema and "required" in schema else {})

    Draft202012Validator.check_schema(SCHEMA)
    done = run("compare", sweep(tmp_path, [0.001, 0.01, 0.1, 1.0]), "nowhere", "--format", "json")
    Draft202012Validator(closed(SCHEMA)).validate(json.loads(done.stdout))


# ------------------------------------------------------------------------------------- what siblings add to a diagnosis


def said(folder: Path) -> dict[str, set[str]]:
    runs = analyze(folder, config=Config()).runs
    return {d.name.split("/")[0]: {a.rule.id for a in d.advice if a.rule.id.startswith("LRD7")} for d in runs}


def test_siblings_tell_which_way_the_rate_should_go(tmp_path: Path) -> None:
    found = said(sweep(tmp_path, [0.001, 0.01, 0.1, 1.0]))
    assert found == {"lr0.001": {"LRD701"}, "lr0.01": {"LRD701"}, "lr0.1": set(), "lr1": {"LRD702"}}


def test_the_best_of_its_siblings_stays_healthy_and_learns_of_the_border(tmp_path: Path) -> None:
    folder = sweep(tmp_path, [0.001, 0.01, 0.1])
    (best,) = (d for d in analyze(folder, config=Config()).runs if d.name.startswith("lr0.1/"))
    assert best.verdict is Verdict.HEALTHY
    assert best.prescription is None
    assert said(folder)["lr0.1"] == {"LRD704"}


def test_runs_as_good_as_the_best_are_left_alone(tmp_path: Path) -> None:
    assert set().union(*said(sweep(tmp_path, [0.08, 0.1, 0.12])).values()) <= {"LRD704"}


def test_other_models_in_one_folder_are_no_siblings(tmp_path: Path) -> None:
    for model, final in {"mlp": 1.5, "cnn": 0.3}.items():
        for rate in (0.01, 0.1):
            log(tmp_path / f"{model}-lr{rate}.csv", final, constant_rate(steps=STEPS, peak=rate))
    assert set().union(*said(tmp_path).values()) == set()


def test_a_folder_of_unrelated_runs_accuses_nobody(tmp_path: Path) -> None:
    for i, (name, final) in enumerate({"mnist": 0.2, "cifar": 1.2, "reuters": 1.9}.items()):
        log(tmp_path / f"{name}.csv", final, constant_rate(steps=STEPS, peak=0.1 / 10**i), seed=i, start=2.3 + 0.05 * i)
    assert set().union(*said(tmp_path).values()) == set()


def test_a_diverged_run_keeps_its_own_finding_and_is_not_told_to_go_faster(tmp_path: Path) -> None:
    sweep(tmp_path, [0.01, 0.1])
    log(tmp_path / "lr0.001" / "metrics.csv", 1.0, constant_rate(steps=STEPS, peak=0.001), nan=True)
    (dead,) = (d for d in analyze(tmp_path, config=Config()).runs if d.name.startswith("lr0.001/"))
    rules = {a.rule.id for a in dead.advice}
    assert "LRD101" in rules
    assert "LRD701" not in rules


def test_a_decay_that_helped_a_sibling(tmp_path: Path) -> None:
    log(tmp_path / "constant.csv", 0.6, constant_rate(steps=STEPS, peak=0.1))
    log(tmp_path / "cosine.csv", 0.3, cosine_rate(steps=STEPS, peak=0.1))
    assert said(tmp_path) == {"constant.csv": {"LRD703"}, "cosine.csv": set()}


def test_siblings_can_be_left_out(tmp_path: Path) -> None:
    folder = sweep(tmp_path, [0.001, 0.01, 0.1, 1.0])
    runs = analyze(folder, config=Config(), siblings=False).runs
    assert not any(f.kind == "sibling_gap" for d in runs for f in d.findings)


def test_a_log_is_not_written_over(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "runs", [0.01, 0.1, 1.0])
    own, report = folder / "lr0.1" / "metrics.csv", tmp_path / "report.json"
    before = own.read_bytes()
    link = tmp_path / "link.json"
    link.symlink_to(own)
    for file in (own, link):
        done = run("compare", folder, "--output", f"json={file}", "--output", f"json={report}")
        assert done.exit_code == 2
        assert f"{file}: not written, as it is a log that was read" in done.stderr
        assert own.read_bytes() == before
        assert json.loads(report.read_text(encoding="utf-8"))["families"]
        report.unlink()
