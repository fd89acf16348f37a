"""The order of the stages, and what happens where one of them has nothing to say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lrdoctor
from lrdoctor import plugins
from lrdoctor.config import Config
from lrdoctor.detectors import progress
from lrdoctor.doctor import analyze
from lrdoctor.errors import ThresholdError
from lrdoctor.model import Role, Verdict

GOOD = "step,loss,lr\n" + "".join(f"{i},{2.3 / (1 + 0.2 * i) + 0.01 * ((i * 7) % 5):.4f},0.01\n" for i in range(60))
DEAD = "step,loss,lr\n" + "".join(f"{i},{2.3 if i < 20 else 'nan'},0.5\n" for i in range(60))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name, text in {"good.csv": GOOD, "dead.csv": DEAD}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_run_gets_its_own_verdict(runs: Path) -> None:
    report = analyze(runs, config=Config())
    assert {d.name: d.verdict for d in report.runs} == {
        "dead.csv": Verdict.UNHEALTHY,
        "good.csv": Verdict.HEALTHY,
    }
    assert [d.name for d in report.worst_first()] == ["dead.csv", "good.csv"]


def test_a_damaged_log_costs_no_other_run(runs: Path) -> None:
    alone = analyze(runs, config=Config())
    (runs / "events.out.tfevents.1.host").write_bytes(b"\x00" * 100)
    beside = analyze(runs, config=Config())
    assert [(d.name, d.verdict, d.findings) for d in beside.runs] == [
        (d.name, d.verdict, d.findings) for d in alone.runs
    ]
    (problem,) = beside.errors
    assert "tfevents" in problem.path or str(runs) in problem.path


def test_a_log_without_a_loss_cannot_be_judged_and_says_what_to_log(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,lr,fid\n" + "".join(f"{i},0.01,{i % 3}\n" for i in range(40)))
    (diagnosis,) = analyze(tmp_path, config=Config()).runs
    assert diagnosis.verdict is Verdict.CANNOT_TELL
    assert "log the loss" in diagnosis.skipped[0].reason


def test_the_configuration_names_the_loss(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(GOOD.replace("loss", "zielwert"))
    (without,) = analyze(tmp_path, config=Config()).runs
    (named,) = analyze(tmp_path, config=Config(roles={Role.TRAIN_LOSS: ("ziel*",)})).runs
    assert without.verdict is Verdict.CANNOT_TELL
    assert named.verdict is Verdict.HEALTHY


def test_an_ignored_rule_is_silent(runs: Path) -> None:
    report = analyze(runs / "dead.csv", config=Config(ignore={"LRD1": "known"}))
    assert not any(rule.startswith("LRD1") for rule in report.by_rule())


class _Broken(ModuleType):
    NEEDS: frozenset[Role] = frozenset()
    __doc__ = "A stranger's detector."

    FINDING = progress.FINDING
    Settings = progress.Settings

    def __init__(self) -> None:
        super().__init__("broken")

    def detect(self, run: object, settings: object) -> Iterator[Any]:
        raise RuntimeError("boom")


def test_a_third_party_detector_that_raises_is_skipped(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = plugins.detectors()
    monkeypatch.setattr(plugins, "detectors", lambda: ours | {"stranger": _Broken()})
    monkeypatch.setattr(plugins, "is_built_in", lambda group, name: name != "stranger")
    (diagnosis,) = analyze(runs / "good.csv", config=Config()).runs
    assert diagnosis.verdict is Verdict.HEALTHY
    assert ("stranger", "failed: RuntimeError: boom") in [(s.what, s.reason) for s in diagnosis.skipped]


def test_our_own_detector_that_raises_is_a_bug_and_not_hidden(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = plugins.detectors()
    monkeypatch.setattr(plugins, "detectors", lambda: ours | {"progress": _Broken()})
    with pytest.raises(RuntimeError, match="boom"):
        analyze(runs / "good.csv", config=Config())


def test_from_python(runs: Path) -> None:
    report = lrdoctor.analyze(runs / "dead.csv")
    assert isinstance(report, lrdoctor.Report)
    with pytest.raises(ThresholdError, match="LRD101"):
        report.raise_if("error")
    lrdoctor.analyze(runs / "good.csv").raise_if("warning")


def test_a_missing_path_raises_at_the_gate(tmp_path: Path) -> None:
    with pytest.raises(ThresholdError, match="no such file"):
        lrdoctor.analyze(tmp_path / "nowhere").raise_if("error")
