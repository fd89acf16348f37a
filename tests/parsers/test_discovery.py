from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from lrdoctor.model import Problem
from lrdoctor.parsers import csv, tensorboard, text, unsupported
from lrdoctor.parsers._discovery import DEEPEST, Found, discover
from lrdoctor.plugins import Parser

PARSERS: dict[str, Parser] = {"csv": csv, "tensorboard": tensorboard}
EVENTS = "events.out.tfevents.1.h"


def csv_in_its_folder() -> Parser:
    """A parser whose run is named after the folder."""

    class Other:
        claims = staticmethod(lambda path: path.suffix == ".other")
        home = staticmethod(lambda path: path.parent)
        read = staticmethod(csv.read)

    return Other()


def found(*paths: Path) -> list[Found]:
    return [f for f in discover(paths, PARSERS) if isinstance(f, Found)]


def problems(*paths: Path) -> list[Problem]:
    return [f for f in discover(paths, PARSERS) if isinstance(f, Problem)]


def names(*paths: Path) -> list[str]:
    return [f.name for f in found(*paths)]


@pytest.fixture
def runs(tmp_path: Path, made: Any) -> Path:
    for run in ("run10", "run2", "run1"):
        made.events(tmp_path / "runs" / run / EVENTS, [made.event(1, loss=1.0)])
    made.table(tmp_path / "runs" / "deep" / "er" / "metrics.csv", "step,loss\n1,2\n")
    return tmp_path / "runs"


def test_finds_runs_in_the_order_in_which_a_person_counts(runs: Path) -> None:
    assert names(runs) == ["deep/er/metrics.csv", "run1", "run2", "run10"]
    assert [f.parser for f in found(runs)] == ["csv", *["tensorboard"] * 3]
    assert not any(f.explicit for f in found(runs))


def test_files_of_one_run_come_together(runs: Path, made: Any) -> None:
    made.events(runs / "run1" / "events.out.tfevents.2.h", [])
    made.events(runs / "keras" / "train" / EVENTS, [])
    made.events(runs / "keras" / "validation" / EVENTS, [])
    assert {f.name: len(f.files) for f in found(runs)}["run1"] == 2
    assert {f.name: len(f.files) for f in found(runs)}["keras"] == 2


def test_a_run_that_is_the_argument_has_its_own_name(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(runs / "run1") == ["run1"]
    monkeypatch.chdir(runs / "run1")
    assert names(Path()) == ["run1"]
    assert found(Path())[0].home == Path()


def test_a_file_that_is_the_argument_has_its_own_name(runs: Path) -> None:
    (one,) = found(runs / "run1" / EVENTS)
    assert (one.name, one.explicit, one.home) == (EVENTS, True, runs / "run1")
    assert names(runs / "deep" / "er" / "metrics.csv") == ["metrics.csv"]


def test_a_run_is_never_sought_above_the_argument(runs: Path, made: Any) -> None:
    made.events(runs / "keras" / "train" / EVENTS, [])
    made.events(runs / "keras" / "validation" / EVENTS, [])
    (one,) = found(runs / "keras" / "train")
    assert (one.name, one.home, len(one.files)) == ("train", runs / "keras" / "train", 1)


def test_equal_names_are_told_apart_by_the_argument(tmp_path: Path, made: Any) -> None:
    for folder in ("a", "b"):
        made.table(tmp_path / folder / "x" / "metrics.csv", "step,loss\n1,2\n")
    a, b = tmp_path / "a", tmp_path / "b"
    assert names(a, b) == [f"{a.as_posix()}/x/metrics.csv", f"{b.as_posix()}/x/metrics.csv"]
    one, two = a / "x" / "metrics.csv", b / "x" / "metrics.csv"
    assert names(one, two) == [one.as_posix(), two.as_posix()]


def test_two_parsers_of_one_folder_give_their_names(runs: Path, made: Any) -> None:
    both = PARSERS | {"other": csv_in_its_folder()}
    made.table(runs / "run1" / "a.other", "x")
    assert [f.name for f in discover([runs], both) if isinstance(f, Found)] == [
        "deep/er/metrics.csv",
        "run1 (other)",
        "run1 (tensorboard)",
        "run2",
        "run10",
    ]
    alone = [f.name for f in discover([runs / "run1"], both) if isinstance(f, Found)]
    assert alone == ["run1 (other)", "run1 (tensorboard)"]


def test_a_run_that_is_reached_twice_is_one_run(runs: Path) -> None:
    assert names(runs, runs / "run1", runs) == names(runs)


def test_a_missing_path_is_a_problem_with_a_hint(runs: Path) -> None:
    assert problems(runs.parent / "rums") == [
        Problem(path=f"{runs.parent}/rums", message=f"no such file or folder; did you mean '{runs}/'?")
    ]
    assert problems(runs / "zzz")[0].message == "no such file or folder"
    assert problems(runs / "run1" / EVENTS / "x")[0].message == "no such file or folder"
    assert problems(Path("a\0b")) != []


def test_a_folder_without_logs_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("nothing here")
    assert [p.message for p in problems(tmp_path)] == [
        "no training logs found among readme.md; looked for: csv, tensorboard"
    ]


def test_a_file_that_nobody_reads_is_a_problem_only_where_it_was_named(runs: Path) -> None:
    (runs / "notes.md").write_text("nothing")
    assert problems(runs) == []
    assert [p.message for p in problems(runs / "notes.md")] == [
        "no log that we can read; known formats: csv, tensorboard"
    ]


def test_a_text_that_was_named_is_looked_into_whatever_its_name(runs: Path) -> None:
    known = PARSERS | {"text": text}
    console, picture = runs / "train.console", runs / "loss.png"
    console.write_text("step 1 loss 2.0\n")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (found,) = discover([console], known)
    assert isinstance(found, Found)
    assert (found.parser, found.explicit) == ("text", True)
    (problem,) = discover([picture], known)
    assert isinstance(problem, Problem)
    assert not [its for its in discover([runs], known) if isinstance(its, Found) and console in its.files]


def test_what_is_not_read_is_no_known_format(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("nothing")
    for path in (tmp_path, tmp_path / "notes.md"):
        (problem,) = discover([path], PARSERS | {"unsupported": unsupported})
        assert isinstance(problem, Problem)
        assert problem.message.endswith(": csv, tensorboard")


def test_standard_input_is_one_log(runs: Path) -> None:
    piped, *others = found(Path("-"), runs, Path("-"))
    assert (piped.name, piped.parser, piped.explicit, piped.files) == ("-", "text", True, (Path("-"),))
    assert len(others) == 4


def test_every_find_tells_below_which_path(runs: Path) -> None:
    assert [f.given for f in found(runs / "run1", runs / "deep")] == [runs / "run1", runs / "deep"]


def test_pipes_and_dangling_links_are_left_alone(runs: Path) -> None:
    os.mkfifo(runs / "run1" / "metrics.csv")
    os.mkfifo(runs / "run1" / "events.out.tfevents.9.h")
    (runs / "gone").symlink_to("nowhere")
    assert len(names(runs)) == 4
    assert problems(runs / "run1" / "metrics.csv")[0].message == "neither a file nor a folder"


def test_links_are_followed_within_the_folder_only(runs: Path, tmp_path: Path, made: Any) -> None:
    made.events(tmp_path / "elsewhere" / "run" / EVENTS, [])
    (runs / "outside").symlink_to(tmp_path / "elsewhere")
    (runs / "outside.csv").symlink_to("/etc/passwd")
    before = names(runs)
    (runs / "loop").symlink_to(runs)
    (runs / "run1" / "up").symlink_to(runs)
    assert len(before) == 4
    assert names(runs) == before
    (tmp_path / "store").mkdir()
    made.events(runs / ".store" / "real" / EVENTS, [])
    (runs / "a_link").symlink_to(".store/real")
    assert len(names(runs)) == 5


def test_an_argument_may_be_a_link(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(runs)
    assert names(tmp_path / "latest") == names(runs)


def test_folders_of_tools_are_not_entered(runs: Path, made: Any) -> None:
    for folder in (".git", "node_modules", "__pycache__"):
        made.table(runs / folder / "metrics.csv", "step,loss\n1,2\n")
    assert len(names(runs)) == 4


def test_there_is_an_end_to_depth(tmp_path: Path, made: Any) -> None:
    deep = tmp_path.joinpath(*["d"] * DEEPEST)
    made.table(deep / "metrics.csv", "step,loss\n1,2\n")
    assert len(found(tmp_path)) == 1
    made.table(deep / "d" / "metrics.csv", "step,loss\n1,2\n")
    assert len(found(tmp_path)) == 1
    assert [p.message for p in problems(tmp_path)] == [
        f"folders deeper than {DEEPEST} levels are not entered; `--limit depth=128` or `depth` under [limits] raises it"
    ]
    assert len([f for f in discover([tmp_path], PARSERS, DEEPEST + 1) if isinstance(f, Found)]) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_cannot_be_listed_is_a_problem(runs: Path) -> None:
    (runs / "run1").chmod(0)
    try:
        assert [p.message for p in problems(runs)] == ["cannot be listed: permission denied"]
    finally:
        (runs / "run1").chmod(0o700)


def test_many_runs_side_by_side_take_no_time(tmp_path: Path, made: Any) -> None:
    content = made.events(tmp_path / EVENTS, []).read_bytes()
    for n in range(2000):
        (tmp_path / f"run{n}").mkdir()
        (tmp_path / f"run{n}" / EVENTS).write_bytes(content)
    assert len(names(tmp_path)) == 2001


def test_files_of_one_run_that_were_named_one_by_one_are_one_run(tmp_path: Path, made: Any) -> None:
    for name in (EVENTS, EVENTS + ".1"):
        made.events(tmp_path / "run" / name, [])
    one, other = tmp_path / "run" / EVENTS, tmp_path / "run" / f"{EVENTS}.1"
    (whole,) = found(one, other, one)
    assert (whole.name, whole.explicit, whole.files) == ("run", True, (one, other))
    (alone,) = found(one, one)
    assert (alone.name, alone.files) == (EVENTS, (one,))
    (below,) = found(tmp_path / "run", other)
    assert (below.explicit, len(below.files)) == (False, 2)


def test_tables_that_were_named_one_by_one_are_as_many_runs(tmp_path: Path, made: Any) -> None:
    paths = [made.table(tmp_path / f"{name}.csv", "step,loss\n1,2\n") for name in "ab"]
    assert [f.files for f in found(*paths)] == [(path,) for path in paths]


@pytest.fixture
def nobody() -> Iterator[None]:
    """Whoever runs the tests, without the right to read what is closed; root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_log_that_is_closed_to_us_is_not_passed_over(runs: Path, request: pytest.FixtureRequest) -> None:
    closed = [runs / "log.csv", runs / f"{EVENTS}.closed", runs / "photo.png"]
    for file in closed:
        file.write_text("step,loss\n0,1\n", encoding="utf-8")
        file.chmod(0)
    for folder in (runs, *runs.parents):
        if (
            folder.stat().st_uid == os.geteuid()
            and folder.is_relative_to(gettempdir())
            and folder != Path(gettempdir())
        ):
            folder.chmod(0o755)
    request.getfixturevalue("nobody")
    assert {(Path(p.path).name, p.message) for p in problems(runs)} == {
        (file.name, "cannot be read: permission denied") for file in closed[:2]
    }
    assert [p.message for p in problems(closed[0])] == ["cannot be read: permission denied"]
