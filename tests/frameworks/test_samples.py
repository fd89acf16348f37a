"""The logs in sample_logs/ are what benchmarks/make_samples.py trains, and their verdicts are what it measured."""

from __future__ import annotations

import csv
import importlib.util
import math
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.frameworks

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_LOGS = ROOT / "sample_logs"
FOLDERS = sorted(path.name for path in SAMPLE_LOGS.iterdir() if path.is_dir())
TRAINED_HERE = sorted(name for name in FOLDERS if not (SAMPLE_LOGS / name / "train.py").exists())
"""All but the folders that bring their own script."""

HELPED_BY = {
    "lower": {"lower_3x", "lower_10x"},
    "raise": {"raise_3x", "raise_10x"},
    "anneal": {"cosine"},
    "warmup": {"warmup"},
}


@pytest.fixture(scope="module")
def make_samples() -> ModuleType:
    """The script as a module. It is loaded here and not at the top, so that collecting needs no torch."""
    spec = importlib.util.spec_from_file_location("make_samples", ROOT / "benchmarks" / "make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_samples"] = module  # dataclasses look their module up here
    spec.loader.exec_module(module)
    return module


def expected(folder: str) -> dict[str, Any]:
    return tomllib.loads((SAMPLE_LOGS / folder / "expected.toml").read_text(encoding="utf-8"))


def log_of(folder: Path) -> Path:
    (log,) = (path for path in folder.iterdir() if path.name not in ("expected.toml", "train.py", "config.json"))
    return log


def test_every_folder_has_a_case_and_every_case_a_folder(make_samples: ModuleType) -> None:
    assert sorted(case.name for case in make_samples.CASES) == TRAINED_HERE


@pytest.mark.parametrize("folder", TRAINED_HERE)
def test_expected_toml_repeats_what_the_case_says(make_samples: ModuleType, folder: str) -> None:
    (case,) = (case for case in make_samples.CASES if case.name == folder)
    stated = expected(folder)
    assert [stated["what"], stated["verdict"], stated["direction"]] == [case.what, case.verdict, case.direction]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_direction_is_the_one_that_helped_most(folder: str) -> None:
    stated = expected(folder)
    training_losses = {name: loss for name, loss in stated["measured"].items() if not name.endswith("_val")}
    own = training_losses.pop("own")
    reached = {name: loss for name, loss in training_losses.items() if math.isfinite(loss)}
    best = min(reached, key=reached.__getitem__)
    if stated["direction"] == "none":
        # About 1 % of the way from the first loss, some 2.3 in every task, to the last.
        assert reached[best] > own - 0.02
    else:
        assert best in HELPED_BY[stated["direction"]]
        assert not reached[best] > 0.6 * own  # an own loss of NaN is worse than any


@pytest.mark.parametrize("folder", ["healthy_step_decay", "decayed_too_early", "rate_rises_again"])
def test_a_new_training_begins_like_the_committed_one(make_samples: ModuleType, folder: str, tmp_path: Path) -> None:
    """Rows, columns and rates agree throughout, the losses over the first tenth of the run and to 1 %.

    More cannot be asked for: another processor or release of torch adds up in another order, and training makes the
    difference in the last digit grow with every step.
    """
    make_samples.main([folder, "--out", str(tmp_path)])
    with log_of(tmp_path / folder).open(encoding="utf-8", newline="") as file:
        anew = list(csv.DictReader(file))
    with log_of(SAMPLE_LOGS / folder).open(encoding="utf-8", newline="") as file:
        committed = list(csv.DictReader(file))
    assert [filled(row) for row in anew] == [filled(row) for row in committed]
    for name in ("step", "lr", "lr-SGD"):
        assert column(anew, name) == pytest.approx(column(committed, name), rel=1e-5)
    for name in ("train_loss", "train_loss_step"):
        early = len(column(committed, name)) // 10
        assert column(anew, name)[:early] == pytest.approx(column(committed, name)[:early], rel=0.01)


def filled(row: dict[str, str]) -> list[str]:
    return [name for name, cell in row.items() if cell]


def column(rows: list[dict[str, str]], name: str) -> list[float]:
    return [float(row[name]) for row in rows if row.get(name)]


@pytest.mark.parametrize("folder", ["rate_too_low", "diverged_to_nan"])
def test_two_trainings_on_one_machine_give_the_same_bytes(
    make_samples: ModuleType, folder: str, tmp_path: Path
) -> None:
    """No clock, host name or process id gets into a log."""
    for attempt in ("first", "second"):
        make_samples.main([folder, "--out", str(tmp_path / attempt)])
    first, second = (log_of(tmp_path / attempt / folder) for attempt in ("first", "second"))
    committed = log_of(SAMPLE_LOGS / folder)
    assert first.name == second.name == committed.name
    assert first.read_bytes() == second.read_bytes()


def test_an_event_file_has_the_committed_records(make_samples: ModuleType, tmp_path: Path) -> None:
    """Whatever the numbers, they are all four bytes wide: the length changes with the steps, the tags and the rows."""
    make_samples.main(["rate_too_low", "--out", str(tmp_path)])
    anew, committed = (log_of(folder / "rate_too_low").stat().st_size for folder in (tmp_path, SAMPLE_LOGS))
    assert anew == committed


def test_measuring_again_keeps_the_rules_that_were_filled_in(make_samples: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "expected.toml"
    path.write_text('rules = ["LRD101", "LRD202"]\n', encoding="utf-8")
    make_samples.write_expected(make_samples.CASES[0], {"own": 2.0, "raise_10x": math.nan}, path)
    stated = tomllib.loads(path.read_text(encoding="utf-8"))
    assert stated["rules"] == ["LRD101", "LRD202"]
    assert isinstance(stated["measured"]["own"], float)
    assert math.isnan(stated["measured"]["raise_10x"])


def test_the_logs_are_small() -> None:
    sizes = [log_of(SAMPLE_LOGS / folder).stat().st_size for folder in FOLDERS]
    assert max(sizes) < 60_000
    assert sum(sizes) < 600_000


def test_an_unknown_name_is_refused(make_samples: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_samples.main(["healthy_consine"])
    assert "no such case: healthy_consine" in capsys.readouterr().err
