"""The same work on many things, spread over processes; what comes back, and in which order, does not depend on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import chdir
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[Sequence[T]], list[R]]
"""The results for some things, one each, in their order; a function that can be pickled where there are processes."""

BATCH = 16
"""Things that are worked on at a time."""
AHEAD = 16
"""Batches for each process that are handed out together: long enough to be worth the wait for the last of them, and
short enough that the results of a hundred thousand things are not all in memory twice."""
WORTH_IT = 48
"""Of fewer things no process is started for: two take about a second to come up, in which one core does so many."""


def spread(work: Work[T, R], things: Sequence[T], jobs: int, lost: Callable[[T], R]) -> Iterator[R]:
    """What the work makes of each thing, in their order; `lost` says what stands for one at which a process died.

    `jobs` is that of `joblib.Parallel`: so many processes, or with -1 one for each core. The backend is that of
    `joblib.parallel_config`, so that a cluster may do the work; a few things are done here at any rate.
    """
    batches = [things[at : at + BATCH] for at in range(0, len(things), BATCH)]
    if jobs == 1 or len(things) < WORTH_IT:
        for batch in batches:
            yield from work(batch)
        return
    from joblib import effective_n_jobs

    at_once = AHEAD * max(1, effective_n_jobs(jobs))
    waiting = deque(batches[at : at + at_once] for at in range(0, len(batches), at_once))
    while waiting:
        with _processes(jobs) as parallel:
            try:
                while waiting:
                    results = _done(parallel, work, waiting[0])
                    waiting.popleft()
                    yield from results
                return
            except BrokenExecutor:
                pass  # and what was to be done by then is in disorder, so that these processes are given up
        yield from _survived(jobs, work, waiting.popleft(), lost)


def _processes(jobs: int) -> Any:
    from joblib import Parallel

    # Results go through a pipe, and are no files on a disk that other processes map.
    return Parallel(n_jobs=jobs, batch_size=1, max_nbytes=None)


def _done(parallel: Any, work: Work[T, R], batches: Sequence[Sequence[T]]) -> list[R]:
    from joblib import delayed

    here = Path.cwd()
    return [result for some in parallel(delayed(_at)(here, work, batch) for batch in batches) for result in some]


def _survived(jobs: int, work: Work[T, R], batches: Sequence[Sequence[T]], lost: Callable[[T], R]) -> Iterator[R]:
    """The results for batches one of which kills its process: each is tried by itself, and then each thing in that one.

    To start processes anew takes a second, to wait for one batch next to nothing.
    """
    for batch in batches:
        try:
            yield from _done(_processes(jobs), work, [batch])
        except BrokenExecutor:
            if len(batch) == 1:
                yield lost(batch[0])
            else:
                yield from _survived(jobs, work, [[thing] for thing in batch], lost)


def _at(folder: Path, work: Work[T, R], batch: Sequence[T]) -> list[R]:
    """The work, done where the caller is: processes stay for the next call, by when that may be somewhere else."""
    if folder == Path.cwd():
        return work(batch)
    with chdir(folder):
        return work(batch)
