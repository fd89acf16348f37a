"""How far an examination is: a bar on standard error, where somebody sits before it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int | None], None]


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress | None]:
    """What to call with how many are done and how many there are (None while nobody knows).

    None, and no bar, where standard error is no terminal or quiet is wanted. The bar is gone at the end, also after
    an error.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("examining"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("examining", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
