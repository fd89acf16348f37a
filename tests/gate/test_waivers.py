"""A waiver holds through its last day, for the rule and the runs that it names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from lrdoctor.config import Config, Waiver
from lrdoctor.gate.waivers import expired, holding, today, waiver_for

LAST = date(2030, 12, 31)
WAIVER = Waiver(rule="LRD103", run="runs/*", reason="a hard start", expires=LAST)
CONFIG = Config(waive=(WAIVER,))


@pytest.mark.parametrize(("days", "holds"), [(-1, True), (0, True), (1, False)])
def test_it_holds_through_its_last_day(days: int, *, holds: bool) -> None:
    day = LAST + timedelta(days=days)
    assert holding(CONFIG, day) == ((WAIVER,) if holds else ())
    assert [failure.what for failure in expired(CONFIG, day)] == ([] if holds else ["expired_waiver"])


def test_one_that_has_expired_says_all_that_is_needed_to_decide() -> None:
    (failure,) = expired(CONFIG, date(2031, 1, 1))
    assert failure.message == "the waiver of LRD103 for 'runs/*' expired on 2030-12-31: a hard start"
    assert failure.run == ""


@pytest.mark.parametrize(
    ("run", "rule", "found"),
    [
        ("runs/a", "LRD103", True),
        ("runs/a/b", "LRD103", True),
        ("runs/a", "LRD104", False),
        ("old/a", "LRD103", False),
        ("Runs/a", "LRD103", False),
    ],
)
def test_it_is_for_its_rule_and_its_runs(run: str, rule: str, *, found: bool) -> None:
    assert (waiver_for([WAIVER], run, rule) is not None) is found


def test_a_name_with_brackets_means_itself() -> None:
    waiver = Waiver(rule="LRD103", run="lr[0.1]", reason="x", expires=LAST)
    assert waiver_for([waiver], "lr[0.1]", "LRD103") is waiver
    assert waiver_for([waiver], "lr0", "LRD103") is waiver
    assert waiver_for([waiver], "lr2", "LRD103") is None


def test_today_cannot_be_set_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    before = datetime.now(UTC).date()
    assert before <= today() <= datetime.now(UTC).date()


@pytest.mark.parametrize(("rule", "reason"), [("LRD1", "x"), ("early", "x"), ("LRD103", " ")])
def test_one_must_say_what_and_why(rule: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"rule|reason"):
        Waiver(rule=rule, run="*", reason=reason, expires=LAST)
