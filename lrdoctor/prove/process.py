"""Run a command as the user would, look at it now and then, and end it with all that it started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import FrameType

from lrdoctor.errors import LrdoctorError

GRACE = 10.0
"""Seconds to write a checkpoint in, between asking a training to end and asking louder."""
LOOKING = 0.1
"""At most this share of the time goes into looking: a training on few cores must not suffer from it."""
FOLLOWERS = 1.0
"""Seconds for the other processes of a command to follow the first, once that one has ended."""
TICK = 0.02


class Reason(StrEnum):
    """Why the command is no longer running."""

    EXITED = "exited"
    STOPPED = "stopped"
    """`look` said so."""
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    reason: Reason
    status: int
    """Exit status; below 0, the number of the signal that killed it."""
    seconds: float


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    look: Callable[[], bool],
    every: float,
    timeout: float | None = None,
    grace: float = GRACE,
) -> Ended:
    """Run the command to its end, without a shell; its output goes to our standard error as it comes.

    Every so many seconds `look` is called, and the command is ended once that returns True; so it is after `timeout`
    seconds, and where anything is raised here, Ctrl-C and SIGTERM (as `KeyboardInterrupt`) among it. It is a process
    group of its own, and no member of that is left. Raises `LrdoctorError` where it cannot be started.
    """
    with _interruptible():
        began = time.monotonic()
        process = _start(command, environment)
        try:
            reason = _watch(process, look, every, None if timeout is None else began + timeout)
        finally:
            # Whatever a command that ended by itself has left running was meant to stay.
            if process.returncode is None:
                end(process, grace)
        return Ended(reason=reason, status=process.returncode, seconds=time.monotonic() - began)


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    sys.stderr.flush()
    try:
        ours = sys.stderr.fileno()
    except (OSError, ValueError):
        ours = 2  # where standard error was replaced by something in memory
    try:
        # Its own session: Ctrl-C reaches us alone, and what it started is ended with it.
        return subprocess.Popen(  # noqa: S603 (the command is what the user typed)
            list(command),
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=ours,
            stderr=ours,
            start_new_session=True,
        )
    except FileNotFoundError:
        instead = "; python3 is there" if command[0] == "python" and shutil.which("python3") else ""
        raise LrdoctorError(f"{command[0]}: command not found{instead}") from None
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise LrdoctorError(f"{command[0]}: cannot be run: {told.lower()}") from error


def _watch(process: subprocess.Popen[bytes], look: Callable[[], bool], every: float, deadline: float | None) -> Reason:
    next_look = time.monotonic() + every
    while True:
        until = next_look if deadline is None else min(next_look, deadline)
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            began = time.monotonic()
            if deadline is not None and began >= deadline:
                return Reason.TIMED_OUT
            if look():
                return Reason.STOPPED
            now = time.monotonic()
            next_look = now + max(every, (now - began) * (1 / LOOKING - 1))
        else:
            return Reason.EXITED


def end(process: subprocess.Popen[bytes], grace: float) -> None:
    """End the command and every process of its group: SIGINT, SIGTERM after `grace` seconds, then SIGKILL.

    Another Ctrl-C on the way makes it SIGKILL at once.
    """
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            _send(process, number)
            if _gone(process, grace):
                return
    finally:
        if _left(process):
            _send(process, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()
            _gone(process, FOLLOWERS)


def _gone(process: subprocess.Popen[bytes], grace: float) -> bool:
    deadline = time.monotonic() + grace
    while process.poll() is None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(TICK)
    deadline = time.monotonic() + min(grace, FOLLOWERS)
    while _left(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(TICK)
    return True


def _left(process: subprocess.Popen[bytes]) -> bool:
    """Whether any process of the group is there."""
    return process.poll() is None or _send(process, 0)


def _send(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to the whole group; False where nobody is left to get it."""
    if not hasattr(os, "killpg"):
        with contextlib.suppress(OSError, ValueError):
            if number and process.poll() is None:
                process.terminate()
        return process.poll() is None
    try:
        os.killpg(process.pid, number)
    except OSError:  # nobody is left, or, on some systems, nobody but the dead
        return False
    return True


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end us as Ctrl-C does, so that no training is left behind."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            if signal.getsignal(number) is signal.SIG_DFL:  # under nohup it stays as it is
                before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
