"""What makes the command pleasant: a friendly start, suggestions, completion, progress, and quiet endings."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner, Result

from lrdoctor.cli import INTERRUPTED, READER_GONE, main
from lrdoctor.cli._completion import rule_names

SAMPLES = Path(__file__).parents[1] / "sample_logs"
HEALTHY = SAMPLES / "healthy_constant"
posix = pytest.mark.skipif(os.name != "posix", reason="needs pipes and signals as Unix has them")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args])


def python(code: str, *args: str | Path) -> list[str]:
    return [sys.executable, "-c", f"from lrdoctor.cli import main; {code}", *map(str, args)]


COMMAND = "main(prog_name='lrdoctor')"


# The start


def test_alone_it_shows_the_three_commands_that_matter() -> None:
    done = run()
    assert done.exit_code == 0
    assert done.stderr == ""
    commands = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  lrdoctor ")]
    assert commands == ["analyze", "check", "explain"]
    # All three are there, and take what is shown.
    known = main.list_commands(click.Context(main))
    assert set(commands) <= set(known)
    assert run("explain", "LRD103").exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_help_names_every_command_once_under_a_heading() -> None:
    text = run("--help").stdout
    known = main.list_commands(click.Context(main))
    listed = text[text.index("Examine:") :]
    for name in known:
        assert [line.split()[0] for line in listed.splitlines() if line.startswith(f"  {name} ")] == [name]
    assert listed.index("Examine:") < listed.index("Treat:") < listed.index("Rules and configuration:")
    assert "..." not in listed.replace("PATH...", "")


def test_a_command_that_nobody_sorted_is_in_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrdoctor.cli.SECTIONS", {"Examine": ("analyze", "nothing_such")})
    text = run("--help").stdout
    assert text.index("Examine:") < text.index("  analyze ") < text.index("More:") < text.index("  explain ")
    assert "nothing_such" not in text


def test_the_version() -> None:
    done = run("--version")
    assert done.exit_code == 0
    assert done.stdout.startswith("lrdoctor ")


# Paths for commands, and suggestions


def test_a_path_alone_is_analyzed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(HEALTHY, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    wanted = run("analyze", "runs")
    assert wanted.exit_code == 0
    for path in ("runs", "runs/", "./runs", tmp_path / "runs"):
        assert run(path).stdout == wanted.stdout
    assert run("runs", "--format", "json").stdout == run("analyze", "runs", "--format", "json").stdout
    # A command is a command, whatever lies in the folder.
    (tmp_path / "runs").rename(tmp_path / "rules")
    assert "LRD103" in run("rules").stdout


def test_standard_input_alone_is_analyzed() -> None:
    log = b"".join(b"step %d loss %f\n" % (i, 1 / (i + 1)) for i in range(50))
    assert (
        CliRunner().invoke(main, ["-"], input=log).stdout
        == CliRunner().invoke(main, ["analyze", "-"], input=log).stdout
    )


def one_line(done: Result) -> str:
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_path_that_is_not_there_suggests_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs" / "lr0.3").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    hint = "no such file or folder; did you mean 'runs/'?\n"
    assert one_line(run("analyze", "run")) == f"lrdoctor: run: {hint}"
    # The command may be left out for a typing error, too.
    assert one_line(run("run")) == f"lrdoctor: run: {hint}"
    assert one_line(run("rnus/")) == f"lrdoctor: rnus: {hint}"
    # Where the path leaves what exists.
    assert one_line(run("analyze", "rnus/lr0.3")).endswith("did you mean 'runs/lr0.3/'?\n")
    assert one_line(run("analyze", "rnus/zzz")).endswith("did you mean 'runs/'?\n")
    assert one_line(run("analyze", "runs/lr0.4")).endswith("did you mean 'runs/lr0.3/'?\n")
    assert one_line(run("analyze", "elsewhere")) == "lrdoctor: elsewhere: no such file or folder\n"
    assert one_line(run("analyze", "else/where")) == "lrdoctor: else/where: no such file or folder\n"


def test_a_folder_without_logs_says_what_is_in_it(tmp_path: Path) -> None:
    assert "no training logs found; looked for: " in one_line(run("analyze", tmp_path))
    for name in ("notes.md", "model.py"):
        (tmp_path / name).write_text("")
    assert "no training logs found among model.py, notes.md; looked for: " in one_line(run("analyze", tmp_path))
    for i in range(1000):
        (tmp_path / f"x{i}.bin").write_bytes(b"")
    assert "among model.py, notes.md, x0.bin and 999 more; looked for: " in one_line(run("analyze", tmp_path))


def test_a_folder_that_is_closed_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    # Also for those whom nothing is closed to.
    monkeypatch.setattr(os, "access", lambda *_: False)
    for command in ("analyze", "check", "compare"):
        done = run(command, closed, HEALTHY)
        assert one_line(done).startswith(f"lrdoctor: {closed}: ")
        assert "healthy_constant" in done.stdout or "log.csv" in done.stdout


def test_the_beginning_of_rules_names_them() -> None:
    assert one_line(run("explain", "lrd10")).startswith("lrdoctor: 'lrd10' means LRD101, LRD102, ")
    assert one_line(run("explain", "LRD100")).startswith("lrdoctor: unknown rule 'LRD100'; did you mean")


def test_unknown_words_suggest_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cases: tuple[tuple[list[str | Path], str], ...] = (
        (["analyse", HEALTHY], "'analyze'"),
        (["analyze", HEALTHY, "--ouput", "json=x"], "--output"),
        (["analyze", HEALTHY, "--format", "jsn"], "'json'"),
        (["analyze", HEALTHY, "--output", "jsno=x"], "'json'"),
    )
    for words, meant in cases:
        done = run(*words)
        assert done.exit_code == 2
        assert meant in done.stderr
        assert done.stdout == ""
    nothing = run("qqqqq")
    assert nothing.exit_code == 2
    assert "No such command, file or folder 'qqqqq'." in nothing.stderr
    assert "mean" not in nothing.stderr
    # The nearest of both kinds: without the folder, it could only be the command.
    assert "'runs'. Did you mean 'rules'?" in run("runs").stderr
    (tmp_path / "run1").mkdir()
    assert one_line(run("runs")).endswith("did you mean 'run1/'?\n")


def test_no_complaint_is_a_command_for_a_build_server(tmp_path: Path) -> None:
    said = one_line(run("analyze", tmp_path / "a\n::error::x ##[error]y"))
    assert said.startswith("lrdoctor: ")
    assert "##[" not in said


# Completion


def completed(*words: str, command: click.Command = main) -> list[str]:
    *before, incomplete = words
    shell = BashComplete(command, {}, "lrdoctor", "_LRDOCTOR_COMPLETE")
    return [item.value for item in shell.get_completions(before, incomplete)]


def test_the_shell_completes_commands_options_and_formats() -> None:
    assert completed("an") == ["analyze"]
    assert completed("analyze", "--for") == ["--format"]
    assert "json" in completed("analyze", "--format", "js")
    assert set(completed("analyze", "--format", "")) >= {"text", "full", "json"}
    assert "json=" in completed("analyze", "--output", "js")
    assert completed("analyze", "--format", "zzz") == []
    # After a path, the options of the command that it stands for; after nonsense, nothing, and no trouble.
    assert completed(str(HEALTHY), "--for") == ["--format"]
    assert "analyze" not in completed("zzz", "--for")


def test_a_word_that_is_no_command_is_completed_as_a_path() -> None:
    shell = BashComplete(main, {}, "lrdoctor", "_LRDOCTOR_COMPLETE")
    assert [(item.type, item.value) for item in shell.get_completions([], "runs/l")] == [("file", "runs/l")]
    assert all(item.type == "plain" for item in shell.get_completions([], "ana"))


def test_rules_are_completed_by_id_and_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    @click.argument("rule", shell_complete=rule_names)
    def explain(rule: str) -> None:
        """Take a rule."""

    assert completed("LRD10", command=explain)[:2] == ["LRD101", "LRD102"]
    assert completed("lrd101", command=explain) == ["LRD101"]
    assert completed("early-blow", command=explain) == ["early-blow-up"]
    assert completed("zzz", command=explain) == []
    everything = completed("", command=explain)
    assert len(everything) > 50
    assert all(name.startswith("LRD") for name in everything)
    # What is broken is said when the command is run; a shell shows no messages.
    (tmp_path / "lrdoctor.toml").write_text("selct = 1\n")
    monkeypatch.chdir(tmp_path)
    assert completed("LRD10", command=explain) == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_takes_the_completion(tmp_path: Path) -> None:
    env = {**os.environ, "_LRDOCTOR_COMPLETE": "bash_source"}
    script = subprocess.run(python(COMMAND), env=env, capture_output=True, text=True, check=True).stdout
    # Bash calls the program by its first word.
    program = tmp_path / "lrdoctor"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lrdoctor "$@"\n')
    program.chmod(0o755)
    ask = 'COMP_WORDS=(lrdoctor sched); COMP_CWORD=1; _lrdoctor_completion lrdoctor; echo "${COMPREPLY[@]}"'
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{ask}"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["schedule"]


# Progress

BAR = (
    "from lrdoctor.cli._progress import progress\n"
    "import sys\n"
    "with progress(quiet='quiet' in sys.argv) as shown:\n"
    "    if shown:\n"
    "        shown(0, None); shown(3, 10)\n"
    "print(shown is not None, 'rich' in sys.modules)\n"
)


def on_a_terminal(*args: str) -> tuple[str, str]:
    """What it printed, and what it wrote to standard error, which was a terminal."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TTY_COMPATIBLE")}
    code = [sys.executable, "-c", BAR, *args]
    done = subprocess.run(
        code,
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
        env={**env, "TERM": "xterm", "COLUMNS": "80"},
        check=True,
    )
    os.write(theirs, b"end")
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    return done.stdout, shown


@posix
def test_progress_is_shown_on_a_terminal_and_gone_at_the_end() -> None:
    printed, shown = on_a_terminal()
    assert printed == "True True\n"
    assert "3/10" in shown
    # The last thing is to erase the line.
    assert shown[shown.rindex("3/10") :].removesuffix("end").endswith("\x1b[2K")


@posix
def test_no_progress_where_it_is_not_wanted() -> None:
    assert on_a_terminal("quiet") == ("False False\n", "end")
    piped = subprocess.run([sys.executable, "-c", BAR], capture_output=True, text=True, check=True)
    assert (piped.stdout, piped.stderr) == ("False False\n", "")


# Endings


@posix
@pytest.mark.parametrize(
    "args", [["analyze", HEALTHY], ["rules"], ["explain", "LRD101"]], ids=lambda args: str(args[0])
)
def test_a_reader_that_has_gone_is_no_trouble(args: list[str | Path], tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    extra = ["--output", f"json={tmp_path / 'r.json'}"] if args[0] == "analyze" else []
    done = subprocess.run(python(COMMAND, *args, *extra), stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert done.stderr == ""
    assert done.returncode == READER_GONE
    # Files do not depend on who reads along.
    assert not extra or (tmp_path / "r.json").read_text(encoding="utf-8").startswith("{")


@posix
@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_a_closed_stream_is_no_trouble(closed: str, tmp_path: Path) -> None:
    number = {"stdout": "1", "stderr": "2", "both": "1, 2"}[closed]
    # As a shell starts it for `lrdoctor check >&-`.
    start = f"import os, sys; [os.close(n) for n in ({number},)]; os.execv(sys.executable, sys.argv[1:])"
    for path, status in ((HEALTHY, 0), (tmp_path / "nowhere", 2)):
        words = python(COMMAND, "check", path, "--output", f"json={tmp_path / 'r.json'}")
        done = subprocess.run([sys.executable, "-c", start, *words], capture_output=True, text=True, check=False)
        assert done.returncode == status
        assert "bug" not in done.stderr
        assert (tmp_path / "r.json").read_text(encoding="utf-8").endswith("}\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("args", [[], ["--help"], ["--version"], ["rules", "--help"], ["rules"], ["explain", "LRD101"]])
def test_a_full_disk_ends_in_one_line(args: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(python(COMMAND, *args), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "lrdoctor: cannot write: No space left on device\n")


@posix
def test_control_c_ends_in_one_line() -> None:
    waiting = (
        "import signal, sys, time; import lrdoctor.doctor as doctor;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "doctor.analyze = lambda *a, **k: (print('waiting', flush=True), time.sleep(60));" + COMMAND
    )
    with subprocess.Popen(
        python(waiting, "analyze", HEALTHY), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        printed, complaints = process.communicate()
    assert (printed, complaints) == ("", "lrdoctor: interrupted\n")
    assert process.returncode == INTERRUPTED
