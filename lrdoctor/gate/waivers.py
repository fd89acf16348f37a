"""Waivers: which of them hold on a day, and what they pardon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from lrdoctor.config import Config, Waiver, matches
from lrdoctor.model import Failure, Severity


def today() -> date:
    """The day on which waivers are judged, by universal time, so that every machine agrees; read nowhere else.

    A clock that the environment can set, such as SOURCE_DATE_EPOCH, does not count: it would revive what has expired.
    """
    return datetime.now(UTC).date()


def holding(config: Config, day: date) -> tuple[Waiver, ...]:
    """The waivers that have not expired."""
    return tuple(waiver for waiver in config.waive if day <= waiver.expires)


def expired(config: Config, day: date) -> Iterator[Failure]:
    """A failure for each waiver that has, whether or not a run still needs it: else nobody ever looks at it again."""
    for waiver in config.waive:
        if day > waiver.expires:
            yield Failure(
                run="",
                what="expired_waiver",
                severity=Severity.ERROR,
                message=f"{named(waiver)} expired on {waiver.expires}: {waiver.reason}",
            )


def waiver_for(waivers: Sequence[Waiver], run: str, rule: str) -> Waiver | None:
    """The first that is for this rule in this run."""
    return next((waiver for waiver in waivers if waiver.rule == rule and matches(waiver.run, run)), None)


def named(waiver: Waiver) -> str:
    """How messages call it."""
    return f"the waiver of {waiver.rule} for {waiver.run!r}"
