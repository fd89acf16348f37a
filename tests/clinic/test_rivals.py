"""What rivals print is read as it is meant, and asking one works, without any of them installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.clinic import asked
from benchmarks.clinic.answers import Said
from benchmarks.clinic.rivals import NotAvailable, answer_of, directions_of, rival_answers, write_table
from benchmarks.clinic.standing import Direction, read_truth
from lrdoctor.testing import Points, make_run

LOWER, RAISE, ANNEAL, CLIP = Direction


@pytest.mark.parametrize(
    ("fix", "directions"),
    [
        ("Lower the peak learning rate 2-10x; add linear warmup for the first ~5% of steps", {LOWER, ANNEAL}),
        ("Use a decaying schedule (cosine or linear) and/or lower the peak LR", {LOWER, ANNEAL}),
        ("Clip gradients (`clip_grad_norm_(..., 1.0)`) and exclude norms/biases from weight decay", {CLIP}),
        ("Try a 10x higher learning rate for a few hundred steps", {RAISE}),
        ("Add a decaying schedule (cosine to ~10% of the peak, or ReduceLROnPlateau)", {ANNEAL}),
        ("Reduce learning rate from 1.00e-02 to ~3.00e-03", {LOWER}),
        ("Increase learning rate by 2-5x", {RAISE}),
        ("If using Adam, try lower beta2 (e.g., 0.95 instead of 0.999)", set()),
        ("Use weight decay (L2 regularization)", set()),
        ("Increase batch size or gradient accumulation steps", set()),
        ("Keep the checkpoint from step 300 and add early stopping on `val_loss`", set()),
    ],
)
def test_fixes_name_directions(fix: str, directions: set[Direction]) -> None:
    assert directions_of([fix]) == directions


def said(name: str, severity: str, *fixes: str, confidence: float | None = None) -> dict[str, Any]:
    return {"name": name, "severity": severity, "confidence": confidence, "fixes": list(fixes)}


def test_the_worst_finding_counts(folder: Callable[..., Path]) -> None:
    (truth,) = read_truth(folder({"a": {}}, {}))
    findings = [
        said("plateau", "info", "Clip gradients"),
        said("too_low", "warning", "Increase learning rate by 2-5x", confidence=0.4),
        said("too_high", "critical", "Reduce learning rate from 1.00e-02 to ~3.00e-03", confidence=0.9),
    ]
    answer = answer_of({"run": "a", "findings": findings}, truth)
    assert (answer.said, answer.contradicts) == (Said.UNHEALTHY, True)
    assert answer.directions == {LOWER}
    assert answer.peak_lr == pytest.approx(0.3 * truth.peak_lr)
    assert (answer.confidence, answer.because) == (0.9, "too_high,too_low")
    assert answer_of({"run": "a", "findings": findings[:1]}, truth).said is Said.HEALTHY
    assert answer_of({"run": "a", "failed": "SystemExit"}, truth).said is Said.NOTHING


def test_a_log_becomes_a_table_that_all_of_them_know(tmp_path: Path) -> None:
    val = Points(np.array([0, 2]), np.array([2.5, np.nan]))
    write_table(make_run(train_loss=[2.0, 1.5, 1.0], val_loss=val, lr=[0.1] * 3), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().split() == [
        "step,loss,val_loss,lr,grad_norm",
        "0,2.0,2.5,0.1,",
        "1,1.5,,0.1,",
        "2,1.0,nan,0.1,",
    ]


def test_an_environment_is_asked_once_for_all_runs(folder: Callable[..., Path], tmp_path: Path) -> None:
    run = make_run(train_loss=[2.0, 1.5, 1.0])
    home = folder({"a": {}, "b": {}, "absent": {}}, {"a": run, "b": run})
    python = tmp_path / "python"
    # The last argument is the folder of tables.
    python.write_text(
        '#!/bin/sh\ncd "$4"\nfor log in *.csv; do echo "{\\"run\\": \\"${log%.csv}\\", \\"findings\\": []}"; done\n'
    )
    python.chmod(0o755)
    answers = rival_answers("runmedic", home, read_truth(home), python)
    assert {name: answer.said for name, answer in answers.items()} == {"a": Said.HEALTHY, "b": Said.HEALTHY}


@pytest.mark.parametrize("script", ['echo \'{"missing": "No module"}\'', "exit 3"])
def test_a_rival_that_is_not_there(folder: Callable[..., Path], tmp_path: Path, script: str) -> None:
    home = folder({"a": {}}, {})
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    with pytest.raises(NotAvailable):
        rival_answers("runmedic", home, read_truth(home), python)
    with pytest.raises(NotAvailable):
        rival_answers("runmedic", home, read_truth(home), tmp_path / "nowhere")


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **contents: object) -> None:
    module = ModuleType(name)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name, module)


def test_each_rival_is_asked_in_its_own_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = tmp_path / "a.csv"
    log.write_text("step,loss,val_loss\n0,2.5,\n5,nan,2.0\n")

    def diagnose(arguments: list[str]) -> int:
        assert arguments == ["diagnose", str(log), "--json"]
        print('[{"findings": [{"check": "non_finite", "severity": "critical", "fixes": ["Clip"]}]}]')
        return 0

    stand_in(monkeypatch, "runmedic")
    stand_in(monkeypatch, "runmedic.cli", main=diagnose)
    assert asked.runmedic(log) == [said("non_finite", "critical", "Clip")]

    class Doctor:
        def load(self, path: str) -> Doctor:
            assert path == str(log)
            return self

        def analyze(self) -> list[SimpleNamespace]:
            severity = SimpleNamespace(value="warning")
            return [SimpleNamespace(detector_name="x", severity=severity, confidence=0.5, suggestions=["Clip"])]

    stand_in(monkeypatch, "training_doctor", Doctor=Doctor)
    assert asked.training_doctor(log) == [said("x", "warning", "Clip", confidence=0.5)]

    def detect_anomalies(history: list[Mapping[str, float]]) -> list[SimpleNamespace]:
        assert history[0] == {"_step": 0.0, "loss": 2.5}
        assert history[1]["val_loss"] == 2.0
        return [SimpleNamespace(type="nan", severity="critical")]

    stand_in(monkeypatch, "runwise", detect_anomalies=detect_anomalies)
    assert asked.runwise(log) == [said("nan", "critical")]


def test_a_rival_answers_a_line_for_each_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("step,loss\n0,2.5\n")
    (tmp_path / "b.csv").write_text("step,loss\n0,broken\n")
    stand_in(monkeypatch, "runwise", detect_anomalies=lambda history: [])
    monkeypatch.setattr(sys, "argv", ["asked.py", "runwise", str(tmp_path)])
    asked.main()
    first, second = capsys.readouterr().out.splitlines()
    assert first == '{"run": "a", "findings": []}'
    assert second.startswith('{"run": "b", "failed": "ValueError: ')
    # What an environment without the rival does.
    monkeypatch.setitem(sys.modules, "runwise", None)
    asked.main()
    assert capsys.readouterr().out.startswith('{"missing": ')
