"""Over several processes: the same report, whatever happens to them."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config

from lrdoctor.config import Config
from lrdoctor.doctor import analyze, compare
from lrdoctor.limits import Limits
from lrdoctor.model import Problem, Report, Role, Series
from lrdoctor.reports import json as report_json
from lrdoctor.spread import BATCH, WORTH_IT, spread


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More runs than are read in one process where several are wanted, and among them what cannot be used."""
    root = tmp_path_factory.mktemp("many")
    for number in range(WORTH_IT + 2 * BATCH):
        rate = 10 ** (number % 7 - 5)
        fall = 0.02 * (1 + number % 5)
        rows = [f"{i},{2.3 / (1 + fall * i) + 0.01 * ((i * 7 + number) % 5):.4f},{rate}" for i in range(40)]
        folder = root / f"lr{rate:g}" / f"seed{number}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text("step,verlust,lr\n" + "\n".join(rows) + "\n")
    (root / "broken").mkdir()
    (root / "broken" / "events.out.tfevents.1.host").write_bytes(b"\x00" * 100)
    (root / "table.csv").write_text("name,age\nada,36\n")
    return root


def written(report: Report) -> str:
    out = io.StringIO()
    report_json.write(report, out)
    return out.getvalue()


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(roles={Role.TRAIN_LOSS: ("verl*",)}),
        Config(limits=Limits(runs=20)),
        Config(roles={Role.TRAIN_LOSS: ("verl*",)}, limits=Limits(table=300), ignore={"LRD1": ""}),
    ],
    ids=["plain", "roles", "too many runs", "too large"],
)
def test_the_report_is_the_same_to_the_byte(many: Path, config: Config) -> None:
    alone = analyze(many, config=config)
    assert alone.errors
    assert written(analyze(many, config=config, jobs=2)) == written(alone)


def test_the_backend_is_the_one_that_the_caller_names(many: Path) -> None:
    expected = written(analyze(many, config=Config()))
    with parallel_config(backend="threading"):
        assert written(analyze(many, config=Config(), jobs=2)) == expected
    with parallel_config(backend="multiprocessing"):
        assert written(analyze(many, config=Config(), jobs=2)) == expected


def test_a_comparison_takes_jobs_too(many: Path) -> None:
    config = Config(roles={Role.TRAIN_LOSS: ("verl*",)})
    assert repr(compare(many, config=config, jobs=2)) == repr(compare(many, config=config))


def test_processes_that_stayed_read_where_the_caller_is_now(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = analyze(many, config=Config(), jobs=2)
    monkeypatch.chdir(many)
    again = analyze(".", config=Config(), jobs=2)
    assert len(again.runs) == len(first.runs)
    assert again.runs[0].run.path == Path("lr0.0001/seed1/metrics.csv")


def test_0_jobs_are_refused(many: Path) -> None:
    with pytest.raises(ValueError, match="0 jobs"):
        analyze(many, config=Config(), jobs=0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_only_grows_and_comes_to_its_end(many: Path, jobs: int) -> None:
    told: list[tuple[int, int | None]] = []
    analyze(many, config=Config(), jobs=jobs, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, None)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    totals = {total for _, total in told[1:]}
    assert len(totals) == 1
    assert told[-1][0] == totals.pop()


def test_progress_of_a_single_run_and_of_nothing(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    analyze(tmp_path, config=Config(), progress=lambda done, total: told.append((done, total)))
    assert told == [(0, None)]


def squares(numbers: Sequence[int]) -> list[int | str]:
    """The squares; but a negative number kills the process."""
    if min(numbers) < 0:
        os._exit(9)
    return [number * number for number in numbers]


def test_where_a_process_dies_only_what_killed_it_is_lost() -> None:
    numbers = list(range(200))
    numbers[77] = numbers[150] = -1
    found: list[int | str] = list(spread(squares, numbers, 2, lambda number: f"lost {number}"))
    assert found == [number * number if number >= 0 else "lost -1" for number in numbers]


def test_few_things_are_done_here() -> None:
    few: list[int] = list(spread(pids, range(WORTH_IT - 1), 2, lambda number: 0))
    many: list[int] = list(spread(pids, range(WORTH_IT), 2, lambda number: 0))
    assert set(few) == {os.getpid()}
    assert os.getpid() not in many


def pids(numbers: Sequence[int]) -> list[int]:
    """In which process each was handled."""
    return [os.getpid() for _ in numbers]


def failing(numbers: Sequence[int]) -> list[int]:
    raise ZeroDivisionError(str(numbers[0]))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bug_is_not_taken_for_a_loss(jobs: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(spread(failing, range(100), jobs, lambda number: 0))


STRANGER = """
    from dataclasses import dataclass
    from typing import ClassVar
    from lrdoctor.model import Finding, Role, Span

    NEEDS = frozenset({Role.LR})

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Settings:
        at: int = 3

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Seen(Finding):
        kind: ClassVar[str] = "seen"
        at: int

    FINDING = Seen

    def detect(run, settings):
        if "seed11/" in run.name:
            raise ArithmeticError("cannot count")
        yield Seen(series=run.roles[Role.LR], span=run.span, confidence=1.0, at=settings.at)
"""
ASKED = """
    import sys
    from pathlib import Path
    import lrdoctor
    from lrdoctor.config import Config
    from lrdoctor.reports import json

    config = Config(detectors={"stranger": {"at": 5}})
    json.write(lrdoctor.analyze(Path(sys.argv[1]), config=config, jobs=int(sys.argv[2])), sys.stdout)
"""


def test_a_strangers_detector_works_in_every_process(many: Path, tmp_path: Path) -> None:
    (tmp_path / "stranger.py").write_text(textwrap.dedent(STRANGER))
    about = tmp_path / "stranger-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[lrdoctor.detectors]\nstranger = stranger\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    said = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(ASKED), str(many), jobs],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": path},
        ).stdout
        for jobs in ("1", "2")
    ]
    assert said[0] == said[1]
    assert '"kind": "seen"' in said[0]
    assert "failed: ArithmeticError: cannot count" in said[0]


def test_a_series_comes_out_of_a_pickle_as_it_was_and_without_its_memories() -> None:
    series = Series(
        tag="loss", steps=np.arange(4), values=np.array([1.0, np.nan, np.inf, 2.0]), wall_times=np.arange(4.0)
    )
    series.memo["large"] = np.zeros(10_000)
    packed = pickle.dumps(series)
    again = pickle.loads(packed)  # noqa: S301 - our own
    assert len(packed) < 2_000
    assert again.tag == "loss"
    assert again.memo == {}
    for name in ("steps", "values", "wall_times"):
        array = getattr(again, name)
        assert array.dtype == getattr(series, name).dtype
        assert np.array_equal(array, getattr(series, name), equal_nan=True)
        assert not array.flags.writeable


def test_diagnoses_go_through_a_pickle(many: Path) -> None:
    report = analyze(many, config=Config(limits=Limits(runs=3)))
    again = pickle.loads(pickle.dumps(report))  # noqa: S301 - our own
    assert written(again) == written(report)
    assert isinstance(again.errors[0], Problem)
