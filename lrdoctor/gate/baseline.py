"""What is known already and does not fail: a JSON file that a project keeps beside its configuration.

A finding is known by its rule, its run and its series, and by no value, so that it stays known when the numbers move.
The runs' names are relative to what was checked, so the file holds in every checkout.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from lrdoctor.errors import LrdoctorError

SCHEMA_VERSION = 1
MAX_BYTES = 64 << 20
"""Half a million findings."""


class Known(NamedTuple):
    """One finding that is known."""

    rule: str
    run: str
    series: str
    """Empty for advice that rests on no series."""


def dumps(known: Iterable[Known]) -> str:
    """The file's content: sorted, in ASCII, the same bytes for the same findings."""
    listed = [one._asdict() for one in sorted(set(known))]
    return json.dumps({"schema_version": SCHEMA_VERSION, "known": listed}, indent=2) + "\n"


def read(file: Path) -> frozenset[Known]:
    """What the file knows. Raises `LrdoctorError` with one line for one that is missing, damaged or no baseline."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise LrdoctorError(f"{file}: cannot be read: {reason or error}; --write-baseline makes one") from error
    if len(content) > MAX_BYTES:
        raise LrdoctorError(f"{file}: is larger than {MAX_BYTES} bytes, so it is no baseline")
    try:
        return loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise LrdoctorError(f"{file}: is not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise LrdoctorError(f"{file}: is nested too deeply, so it is no baseline") from error
    except json.JSONDecodeError as error:
        raise LrdoctorError(f"{file}: is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise LrdoctorError(f"{file}: {error}; --write-baseline makes it anew") from error


def loads(text: str) -> frozenset[Known]:
    """What `dumps` wrote. Raises `ValueError`, or `RecursionError`, for anything else."""
    # No number is made of very many digits: that takes quadratic time, and Python refuses it.
    given = json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 20 else None)
    if not isinstance(given, dict) or "schema_version" not in given:
        raise ValueError("is no baseline: it has no schema_version")
    if given["schema_version"] is True or given["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"has another schema_version than {SCHEMA_VERSION}")
    if set(given) != {"schema_version", "known"} or not isinstance(given["known"], list):
        raise ValueError("is no baseline: it has to hold schema_version and a list `known`, and nothing else")
    return frozenset(_known(index, entry) for index, entry in enumerate(given["known"]))


def _known(index: int, entry: Any) -> Known:
    if not (
        isinstance(entry, dict)
        and set(entry) == set(Known._fields)
        and all(isinstance(value, str) for value in entry.values())
    ):
        raise ValueError(f"known.{index}: should be a table of the texts {', '.join(Known._fields)}")
    return Known(**entry)
