"""How often Python looks for garbage while thousands of runs are read."""

from __future__ import annotations

import gc

import pytest

from lrdoctor._garbage import NEVER, YOUNG, young_only


def test_what_is_no_longer_young_is_left_alone_until_the_end() -> None:
    before = gc.get_threshold()
    with young_only():
        assert gc.get_threshold() == (YOUNG, NEVER, NEVER)
    assert gc.get_threshold() == before


def test_the_search_goes_on_as_before_after_a_failure() -> None:
    before = gc.get_threshold()
    with pytest.raises(KeyError), young_only():
        raise KeyError
    assert gc.get_threshold() == before


def test_a_search_that_somebody_has_switched_off_stays_off() -> None:
    before = gc.get_threshold()
    gc.set_threshold(0)
    try:
        with young_only():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)
