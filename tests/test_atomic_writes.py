"""A report is replaced as a whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TextIO

import pytest
from click.testing import CliRunner, Result

from lrdoctor.cli import main
from lrdoctor.cli._files import replace_file
from lrdoctor.cli._output import write_all

HEALTHY = Path(__file__).parents[1] / "sample_logs" / "healthy_constant"
posix = pytest.mark.skipif(os.name != "posix", reason="needs fork, signals and permissions as Unix has them")

KILLED = """
    import os, random, signal, sys, time
    from functools import partial
    from pathlib import Path
    from lrdoctor.cli._files import replace_file

    folder, kills, careful = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "careful"
    file = folder / "report.txt"
    texts = [f"{mark} line\\n" * 40_000 for mark in "ab"]

    def write(text, out):
        for start in range(0, len(text), 4096):
            out.write(text[start : start + 4096])
            out.flush()

    def replace(text):
        if careful:
            replace_file(file, partial(write, text))
        else:
            with file.open("w") as out:
                write(text, out)

    replace(texts[0])
    rng, torn, interrupted, most = random.Random(7), 0, 0, 0
    seen = set()
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            while True:
                for text in reversed(texts):
                    replace(text)
        time.sleep(rng.uniform(0.002, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = file.read_text()
        torn += found not in texts
        seen.add(found[:1])
        left = [path for path in folder.iterdir() if path != file]
        interrupted += bool(left)
        most = max(most, len(left))
    replace(texts[0])
    print(torn, interrupted, most, len(seen), len(list(folder.iterdir())) - 1)
"""
"""Processes that do nothing but replace one report by another, killed at random moments, and what was found then."""


def killed(folder: Path, kills: int, manner: str) -> list[int]:
    code = [sys.executable, "-c", dedent(KILLED), str(folder), str(kills), manner]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@posix
def test_200_kills_tear_no_report(tmp_path: Path) -> None:
    torn, interrupted, most_left, versions, left = killed(tmp_path, 200, "careful")
    assert torn == 0
    assert most_left == 1
    assert left == 0
    # Else the kills would have come at no moment that matters.
    assert interrupted >= 20
    assert versions == 2


@posix
def test_the_same_kills_tear_a_file_that_is_simply_opened_and_written(tmp_path: Path) -> None:
    torn, *_ = killed(tmp_path, 40, "careless")
    assert torn >= 4


TWO_AT_ONCE = """
    import os, sys
    from pathlib import Path
    from lrdoctor.cli._files import replace_file

    file = Path(sys.argv[1])
    texts = {mark: mark * 300_000 for mark in "abc"}
    replace_file(file, lambda out: out.write(texts["a"]))
    children = []
    for mark in "bc":
        children.append(os.fork())
        if children[-1] == 0:
            for _ in range(100):
                replace_file(file, lambda out: [out.write(texts[mark][:1]), out.write(texts[mark][1:])])
            os._exit(0)
    seen, torn = set(), 0
    alive = set(children)
    while alive:
        found = file.read_text()
        seen.add(found[:1])
        torn += found not in texts.values()
        alive -= {child for child in alive if os.waitpid(child, os.WNOHANG) != (0, 0)}
    print(torn, len(seen & set("bc")), len(list(file.parent.iterdir())) - 1)
"""


@posix
def test_two_processes_that_write_one_report_do_not_tear_it(tmp_path: Path) -> None:
    code = [sys.executable, "-c", dedent(TWO_AT_ONCE), str(tmp_path / "report.txt")]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    torn, writers, left = map(int, done.stdout.split())
    assert (torn, writers, left) == (0, 2, 0)


def put(file: Path, text: str = "new") -> None:
    def write(out: TextIO) -> None:
        out.write(text)

    replace_file(file, write)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    file.write_text("old")

    def fails(out: TextIO) -> None:
        out.write("half of it")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        replace_file(file, fails)
    assert file.read_text() == "old"
    assert names(tmp_path) == ["report.txt"]


@posix
def test_what_a_killed_process_left_is_used_up(tmp_path: Path) -> None:
    (tmp_path / ".report.txt.part").write_text("half of an older, longer report")
    put(tmp_path / "report.txt")
    assert (tmp_path / "report.txt").read_text() == "new"
    assert names(tmp_path) == ["report.txt"]


@posix
def test_what_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / ".report.txt.part").open("w") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        theirs.write("theirs")
        theirs.flush()
        put(tmp_path / "report.txt")
        assert (tmp_path / ".report.txt.part").read_text() == "theirs"
    assert (tmp_path / "report.txt").read_text() == "new"


@posix
def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".report.txt.part").symlink_to("precious")
    put(tmp_path / "report.txt")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "report.txt").read_text() == "new"


@posix
def test_permissions_are_kept_and_a_new_file_gets_the_usual_ones(tmp_path: Path) -> None:
    old, new, usual = tmp_path / "old", tmp_path / "new", tmp_path / "usual"
    old.write_text("old")
    old.chmod(0o640)
    usual.write_text("")
    # What a killed process left must not hand down its own.
    (tmp_path / ".new.part").write_text("")
    (tmp_path / ".new.part").chmod(0o600)
    put(old)
    put(new)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert old.read_text() == "new"
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


@posix
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "report").write_text("old")
    (tmp_path / "link").symlink_to("there/report")
    (tmp_path / "dangling").symlink_to("there/another")
    put(tmp_path / "link")
    put(tmp_path / "dangling")
    assert (tmp_path / "link").readlink() == Path("there/report")
    assert (tmp_path / "there" / "report").read_text() == "new"
    assert (tmp_path / "there" / "another").read_text() == "new"
    assert names(tmp_path / "there") == ["another", "report"]


@posix
def test_a_pipe_is_written_into_and_stays_one(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE, text=True) as reader:
        put(fifo)
        assert reader.communicate()[0] == "new"
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    put(Path(os.devnull))
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@posix
def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    file = tmp_path / ("n" * 255)
    put(file)
    put(file)
    assert names(tmp_path) == [file.name]


def test_a_file_that_is_not_ours_to_write_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report"
    file.write_text("old")
    file.chmod(0o444)
    # Root may write anything.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError):
        put(file)
    assert file.read_text() == "old"


# Through the command


def analyze(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, args)])


def command(*args: str | Path, before: str = "pass", **how: object) -> subprocess.CompletedProcess[str]:
    code = f"import sys; {before}; from lrdoctor.cli import main; main(sys.argv[1:])"
    return subprocess.run([sys.executable, "-c", code, *args], text=True, check=False, **how)  # type: ignore[call-overload, no-any-return]


def test_every_output_that_can_be_written_is_written_and_the_others_are_a_line_each(tmp_path: Path) -> None:
    bad, folder, good = tmp_path / "no" / "r.json", tmp_path / "folder", tmp_path / "r.json"
    folder.mkdir()
    done = analyze(HEALTHY, "--output", f"json={bad}", "--output", f"json={folder}", "--output", f"json={good}")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        f"lrdoctor: {bad}: cannot be written: No such file or directory",
        f"lrdoctor: {folder}: cannot be written: Is a directory",
    ]
    assert '"verdict": "healthy"' in good.read_text()
    assert done.stdout.startswith("healthy")
    assert names(tmp_path) == ["folder", "r.json"]


LITTLE_ROOM = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); " + (
    "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))"
)


@posix
def test_no_room_for_the_whole_report(tmp_path: Path) -> None:
    large, small = tmp_path / "r.json", tmp_path / "r.txt"
    large.write_text("old")
    done = command(
        *("analyze", HEALTHY, "--output", f"json={large}", "--output", f"text={small}"),
        before=LITTLE_ROOM,
        capture_output=True,
    )
    assert done.returncode == 2
    assert done.stderr == f"lrdoctor: {large}: cannot be written: File too large\n"
    assert large.read_text() == "old"
    assert small.read_text() == done.stdout
    assert names(tmp_path) == ["r.json", "r.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_standard_output_is_no_bug_of_ours() -> None:
    for args in (["analyze", HEALTHY], ["explain", "LRD101"]):
        with Path("/dev/full").open("w") as full:
            done = command(*args, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 2
        assert "No space left on device" in done.stderr
        assert done.stderr.count("\n") == 1
    assert "cannot be written: No space left" in analyze(HEALTHY, "--output", "json=/dev/full").stderr


@posix
def test_standard_output_under_another_name_is_not_emptied(tmp_path: Path) -> None:
    file = tmp_path / "both.txt"
    with file.open("w") as out:
        done = command("analyze", HEALTHY, "--output", "json=/dev/stdout", stdout=out, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    text = file.read_text()
    assert text.startswith("{")
    assert text.rstrip().rpartition("\n")[2].startswith("rules: ")
    assert names(tmp_path) == ["both.txt"]


def test_a_dash_is_no_file() -> None:
    done = analyze(HEALTHY, "--output", "json=-")
    assert done.exit_code == 2
    assert "--format json" in done.stderr
    assert done.stdout == ""


def test_files_are_written_before_anything_is_printed(tmp_path: Path) -> None:
    seen = []

    def write(form: str, out: TextIO) -> None:
        seen.append((form, names(tmp_path)))
        out.write("x")

    write_all(write, "text", [("json", tmp_path / "a"), ("json", tmp_path / "b")])
    assert seen[-1] == ("text", ["a", "b"])
