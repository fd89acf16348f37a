"""What reading promises, whatever lies in the folder: held against every format that the tests have a file of."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lrdoctor.cli import main
from lrdoctor.doctor import read
from lrdoctor.limits import Limits
from lrdoctor.model import Problem, Run
from lrdoctor.parsers._damage import PLACES
from lrdoctor.parsers._piped import PIECE, pieces
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parent / "data"
CURVE = "step,loss\n" + "".join(f"{n},{2 / (n + 1) + 0.01 * (n * 7 % 5)}\n" for n in range(30))


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    root = tmp_path / "logs"
    shutil.copytree(DATA, root)
    for packed in list(root.rglob("*.gz")):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    return root


def told(run: Run) -> tuple[Any, ...]:
    """All that a run says, as what can be compared."""
    points = {tag: (s.steps.tobytes(), s.values.tobytes(), str(s.wall_times)) for tag, s in run.series.items()}
    return run.name, run.format, points, dict(run.roles), dict(run.hparams), run.status, run.notes, run.incidents


def all_told(*paths: Path) -> list[tuple[Any, ...]]:
    return [told(run) for run in read(paths, RoleNames())[0]]


def snapshot(root: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(root)): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
        if path.is_file()
        else (path.stat().st_mode, 0, b"")
        for path in sorted(root.rglob("*"))
    }


def spoil(root: Path) -> None:
    """Adds what cannot be read, of many kinds, and nothing that can."""
    bad = root / "zz_bad"
    for name, content in {
        "events.out.tfevents.1.h": b"\x00" * 100,
        "broken.csv": b"step,loss\n" + b"\xff\xfe\x00" * 50,
        "empty.csv": b"",
        "trainer_state.json": b'{"log_history": [',
        "deep.json": b"[" * 100_000,
        "offline-run-1-a/run-a.wandb": b":W&B" + b"\xff" * 40,
        "mlflow.db": b"SQLite format 3\x00" + b"\xff" * 200,
        "metrics.jsonl": b"not json\n" * 5,
        ".aim/run_metadata.sqlite": b"x",
        "history.pkl": b"cos\nsystem\n(S'true'\ntR.",
    }.items():
        (bad / name).parent.mkdir(parents=True, exist_ok=True)
        (bad / name).write_bytes(content)
    os.mkfifo(bad / "metrics.csv")
    os.mkfifo(bad / "log.json")
    (bad / "loop").symlink_to(root)
    (bad / "self").symlink_to("self")
    (bad / "null.csv").symlink_to("/dev/zero")


def test_bad_inputs_cost_no_other_run(everything: Path) -> None:
    alone = all_told(everything)
    spoil(everything)
    runs, problems = read([everything], RoleNames())
    assert [told(run) for run in runs] == alone
    assert len({run.format for run in runs}) > 12
    assert any(problem.path.endswith("zz_bad/trainer_state.json") for problem in problems)
    assert not any("\n" in problem.message for problem in problems)


def test_inputs_are_not_changed_and_nothing_is_left_beside(everything: Path) -> None:
    before = snapshot(everything)
    read([everything], RoleNames())
    assert snapshot(everything) == before


def test_what_lies_outside_is_not_read(everything: Path, tmp_path: Path) -> None:
    alone = all_told(everything)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(CURVE)
    (everything / "folder").symlink_to(outside)
    (everything / "file.csv").symlink_to(outside / "secret.csv")
    assert all_told(everything) == alone


def test_the_order_of_a_listing_does_not_matter(everything: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def report() -> str:
        done = CliRunner().invoke(main, ["analyze", str(everything), "--format", "json"])
        assert done.exit_code == 0, done.output
        return done.stdout

    first = report()
    plain = os.scandir
    shuffler = random.Random(0)  # noqa: S311

    class Shuffled:
        """Stands for the iterator that `os.scandir` gives, which is a context of itself."""

        def __init__(self, path: Any = ".") -> None:
            with plain(path) as listing:
                entries = list(listing)
            shuffler.shuffle(entries)
            self.entries = iter(entries)

        def __enter__(self) -> Shuffled:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __iter__(self) -> Shuffled:
            return self

        def __next__(self) -> os.DirEntry[Any]:
            return next(self.entries)

        def close(self) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Shuffled)
    assert report() == first


def test_so_many_runs_and_no_more(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / f"run{n}.csv").write_text(CURVE)
    (tmp_path / "zz.csv").write_text("no,curve\n")
    runs, problems = read([tmp_path], RoleNames(), Limits(runs=3))
    assert [run.name for run in runs] == ["run0.csv", "run1.csv", "run2.csv"]
    assert problems == [
        Problem(
            path=str(tmp_path),
            message="more than 3 runs: run3.csv and what comes after it are left out; "
            "`--limit runs=6` or `runs` under [limits] raises it",
        )
    ]
    assert read([tmp_path], RoleNames(), Limits(runs=5))[1] == []


def analyzed(*args: str | Path, piped: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, args)], input=piped)


def test_the_configuration_sets_the_limit(tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"run{n}.csv").write_text(CURVE)
    (tmp_path / "lrdoctor.toml").write_text("[limits]\nruns = 2\n")
    done = analyzed(tmp_path, "--config", tmp_path / "lrdoctor.toml")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "more than 2 runs: run2.csv" in done.stderr


@pytest.mark.parametrize("name", [".aim/run_metadata.sqlite", "history.pkl", "vdlrecords.1.log"])
def test_what_is_known_and_not_read_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "a" / name).parent.mkdir(parents=True)
    (tmp_path / "a" / name).write_bytes(b"x")
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "log.csv").write_text(CURVE)
    # Alone, by its own name, and as one of two paths of which the other leads to a run.
    for paths in ([tmp_path / "a"], [tmp_path / "a" / name], [tmp_path / "good", tmp_path / "a"]):
        done = analyzed(*paths)
        assert done.exit_code == 2, paths
        assert done.stderr.count("\n") == 1
        assert "read" in done.stderr or "opened" in done.stderr
        assert "looked for" not in done.stderr
    # Beside a run of the same folder it is of no interest.
    assert analyzed(tmp_path).exit_code == 0


def test_many_of_one_kind_are_named_by_the_first(tmp_path: Path) -> None:
    for n in range(PLACES + 5):
        (tmp_path / f"history{n}.pkl").write_bytes(b"x")
    _, problems = read([tmp_path], RoleNames())
    assert len(problems) == PLACES
    assert [problem.message.endswith("(and 5 more)") for problem in problems] == [False] * (PLACES - 1) + [True]


def test_a_log_is_read_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What lies in the working directory is not the configuration of what is piped in.
    (tmp_path / "config.json").write_text('{"batch_size": 8}')
    monkeypatch.chdir(tmp_path)
    lines = [f"iter {n}: loss {2 / (n + 1) + 0.01 * (n * 7 % 5):.4f}\n" for n in range(40)]
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO("".join(lines).encode())))
    (run,), problems = read([Path("-")], RoleNames())
    assert (run.name, run.format, dict(run.hparams), problems) == ("-", "text", {}, [])
    assert len(next(iter(run.series.values()))) == 40
    assert analyzed("-", piped="".join(lines).encode()).exit_code == 0


@pytest.mark.parametrize("piped", [b"", b"hello\n", b"\0\xff" * 9000])
def test_no_curve_on_standard_input_is_one_line(piped: bytes) -> None:
    done = analyzed("-", piped=piped)
    assert done.exit_code == 2
    assert done.stderr.startswith("lrdoctor: -: not a training log")
    assert done.stderr.count("\n") == 1


def test_a_line_without_end_is_taken_in_pieces() -> None:
    text = "é" * PIECE + "\nloss 1\n"
    found = list(pieces(BytesIO(b"\xef\xbb\xbf" + text.encode())))
    assert max(map(len, found)) <= PIECE
    assert "".join(found) == text
