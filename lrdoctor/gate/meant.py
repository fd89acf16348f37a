"""What a glob may have meant that matches no run: names of runs are relative to what was checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lrdoctor.config import matches


def meant(glob: str, names: Collection[str]) -> str:
    """`; did you mean '…'?`, or nothing.

    What is tried are the two usual slips: the checked folder stands before the name (`runs/warm*` for `warm*`), and
    the folder is meant for the log in it (`main` for `main/*`).
    """
    near = next((other for other in _others(glob) if any(matches(other, name) for name in names)), None)
    return f"; did you mean {near!r}?" if near else ""


def _others(glob: str) -> Iterator[str]:
    parts = glob.rstrip("/").split("/")
    shorter = ["/".join(parts[place:]) for place in range(len(parts))]
    yield from (other for other in shorter[1:] if other.strip("*"))
    yield from (f"{other}/*" for other in shorter if other.strip("*"))
