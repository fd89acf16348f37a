"""A series' arrays never change, whoever made them, and are copied only where somebody could change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lrdoctor.model import Series

STEPS, VALUES = np.arange(6), np.linspace(3.0, 1.0, 6)


def series(values: Any) -> Series:
    return Series(tag="loss", steps=STEPS, values=values)


def of_bytes() -> np.ndarray[Any, Any]:
    return np.frombuffer(VALUES.tobytes(), dtype=np.float64)


@pytest.mark.parametrize("part", [slice(None), slice(0, 6), slice(None, None, 1)])
def test_what_nobody_can_write_to_is_not_copied(part: slice) -> None:
    given = of_bytes()[part]
    assert np.shares_memory(series(given).values, given)


def own() -> np.ndarray[Any, Any]:
    return VALUES.copy()


def own_closed() -> np.ndarray[Any, Any]:
    array = VALUES.copy()
    array.flags.writeable = False
    return array


def view_of_open() -> np.ndarray[Any, Any]:
    array = VALUES.copy()[:]
    array.flags.writeable = False
    return array


def of_bytearray() -> np.ndarray[Any, Any]:
    return np.frombuffer(memoryview(bytearray(VALUES.tobytes())).toreadonly(), dtype=np.float64)


def of_another_kind() -> np.ndarray[Any, Any]:
    return np.frombuffer(VALUES.astype(np.float32).tobytes(), dtype=np.float32)


class Offering:
    """Memory by another protocol than the buffer's."""

    def __init__(self) -> None:
        self.array = VALUES.copy()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        told = dict(self.array.__array_interface__)
        told["data"] = (told["data"][0], True)
        return told


def of_another_protocol() -> np.ndarray[Any, Any]:
    return np.asarray(Offering())


@pytest.mark.parametrize("make", [own, own_closed, view_of_open, of_bytearray, of_another_kind, of_another_protocol])
def test_what_somebody_can_write_to_is_copied(make: Callable[[], np.ndarray[Any, Any]]) -> None:
    given = make()
    kept = series(given).values
    assert not np.shares_memory(kept, given)
    assert not kept.flags.writeable
    assert np.allclose(kept, VALUES)


def test_a_change_of_what_was_given_does_not_reach_the_series() -> None:
    given = VALUES.copy()
    view = given[:]
    view.flags.writeable = False
    kept = series(view)
    given[0] = 99.0
    assert kept.values[0] == 3.0


def test_the_arrays_refuse_to_be_written_to() -> None:
    for given in (of_bytes(), VALUES.copy()):
        kept = series(given)
        with pytest.raises(ValueError, match="read-only"):
            kept.values[0] = 1.0


def test_what_was_not_copied_cannot_be_made_writable() -> None:
    with pytest.raises(ValueError, match="WRITEABLE"):
        series(of_bytes()).values.flags.writeable = True
