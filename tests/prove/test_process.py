from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from lrdoctor.errors import LrdoctorError
from lrdoctor.prove.process import Ended, Reason, run

from .conftest import alive

STUBBORN = """
import os, signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with open(sys.argv[1] + ".part", "w") as file:
    file.write(f"{os.getpid()} {below.pid}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(60)
"""


def python(code: str, *words: str, **rest: object) -> Ended:
    told = {"environment": {}, "look": lambda: False, "every": 0.05, "grace": 0.2}
    return run([sys.executable, "-c", code, *words], **{**told, **rest})  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [0, 3])
def test_an_ordinary_end(status: int, capfd: pytest.CaptureFixture[str]) -> None:
    ended = python(f"import sys, os; print(os.environ['TOLD']); sys.exit({status})", environment={"TOLD": "me"})
    assert (ended.reason, ended.status) == (Reason.EXITED, status)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "me\n")


def test_no_shell_and_no_input() -> None:
    code = "import sys; sys.exit(sys.argv[1] != '; $HOME > x' or sys.stdin.read() != '')"
    assert python(code, "; $HOME > x").status == 0


def test_ended_with_all_it_started_however_stubborn(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    ended = python(STUBBORN, str(told), look=told.exists)
    assert (ended.reason, ended.status) == (Reason.STOPPED, -signal.SIGKILL)
    pids = [int(pid) for pid in told.read_text().split()]
    assert len(pids) == 2
    assert not any(map(alive, pids))


def test_out_of_time() -> None:
    ended = python("import time; time.sleep(60)", timeout=0.2, every=60)
    assert ended.reason is Reason.TIMED_OUT
    assert 0.2 <= ended.seconds < 30


def test_asked_kindly_first(tmp_path: Path) -> None:
    code = (
        # A shell starts what runs in its background with SIGINT ignored.
        "import signal, sys, time, pathlib\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try:\n    pathlib.Path(sys.argv[1]).touch(); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    sys.exit(5)"
    )
    ended = python(code, str(tmp_path / "there"), look=(tmp_path / "there").exists, grace=10)
    assert (ended.reason, ended.status) == (Reason.STOPPED, 5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_us_ends_it_and_handlers_are_put_back(number: int, tmp_path: Path) -> None:
    told = tmp_path / "pids"
    before = signal.getsignal(number)

    def look() -> bool:
        if told.exists():
            os.kill(os.getpid(), number)
            time.sleep(1)
        return False

    with pytest.raises(KeyboardInterrupt):
        python(STUBBORN, str(told), look=look)
    assert not any(alive(int(pid)) for pid in told.read_text().split())
    assert signal.getsignal(number) is before


def test_a_mistake_of_ours_leaves_nobody_behind(tmp_path: Path) -> None:
    told = tmp_path / "pids"

    def look() -> bool:
        if told.exists():
            raise RuntimeError("ours")
        return False

    with pytest.raises(RuntimeError, match="ours"):
        python(STUBBORN, str(told), look=look)
    assert not any(alive(int(pid)) for pid in told.read_text().split())


def test_what_cannot_be_started(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("print()")
    for word, said in (
        ("no-such-command-here", "command not found"),
        (str(file), "cannot be run: permission denied"),
        ("a\0b", "cannot be run"),
    ):
        with pytest.raises(LrdoctorError, match=said):
            run([word], environment={}, look=lambda: False, every=1)
