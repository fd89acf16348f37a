"""Files that are replaced as a whole: whoever looks sees the old report or the new one, and never half of either."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

MOST_WRITERS = 100
"""Of one file at one time."""


def replace_file(file: Path, write: Callable[[TextIO], None]) -> None:
    """Put what `write` writes in the place of the file, in UTF-8, once it is whole and on the disk.

    The file keeps its permissions and its owner; a link stays, and what it leads to is replaced. What is no regular
    file (a pipe, a terminal, /dev/null) is written directly, and so is standard output under another name. Raises
    `OSError`, and leaves the old file as it was then.
    """
    try:
        about: os.stat_result | None = file.stat()
    except FileNotFoundError:
        about = None
    stream = _already_open(about)
    if stream is not None:
        write(stream)
    elif about is not None and not stat.S_ISREG(about.st_mode):
        with file.open("w", encoding="utf-8", newline="\n") as out:
            write(out)
    else:
        if about is not None and not os.access(file, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        _replace(Path(os.path.realpath(file)), about, write)


def _already_open(about: os.stat_result | None) -> TextIO | None:
    """The standard stream that this file is: opened anew, it would be emptied under our own hands."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        with suppress(OSError):
            if about is not None and not stat.S_ISCHR(about.st_mode) and os.path.samestat(about, os.fstat(number)):
                return stream
    return None


def _replace(target: Path, old: os.stat_result | None, write: Callable[[TextIO], None]) -> None:
    with _temporary(target) as (path, out):
        write(out)
        out.flush()
        if old is not None:
            with suppress(OSError):  # only root may give a file away
                os.chown(out.fileno(), old.st_uid, old.st_gid)
            path.chmod(stat.S_IMODE(old.st_mode))
        os.fsync(out.fileno())
        path.replace(target)
    with suppress(OSError):  # not every file system can do it
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, TextIO]]:
    """An empty file beside the target, under the first of its names that nobody is writing; removed on an error.

    The names are few, and those that a killed process left are free again: nothing piles up.
    """
    for number in range(MOST_WRITERS):
        # Not the whole name, which may be as long as names can be.
        path = target.with_name(f".{target.name[:50]}.part{number or ''}")
        descriptor = _claimed(path)
        if descriptor is not None:
            break
    else:
        raise OSError(errno.EEXIST, f"{MOST_WRITERS} files such as {path.name} are in the way")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as out:
        try:
            yield path, out
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _claimed(path: Path) -> int | None:
    """A new file that is locked until it is closed, or None where another process is writing it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        if not _removed(path):
            return None
        return _claimed(path)
    # Who came between its creation and its lock has taken it for abandoned.
    if _locked(descriptor) is not False and _is(descriptor, path):
        return descriptor
    os.close(descriptor)
    return None


def _removed(path: Path) -> bool:
    """Whether it was left by a process that no longer lives, and is gone now."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        # While the lock is ours, nobody else renames or removes what has this name.
        abandoned = _locked(descriptor) is True and _is(descriptor, path)
        if abandoned:
            path.unlink()
        return abandoned
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool | None:
    """Whether the lock, which ends with the process, is ours now; None where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some file systems of clusters have none
        return None
    return True


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def forget_stdout() -> None:
    """Let what is still to be flushed go nowhere: it cannot be written, and Python would complain of it at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
