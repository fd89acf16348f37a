from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.reports._island import differences, safe_json, short


@given(st.lists(st.floats(), max_size=20))
def test_values_are_strict_json_and_close(values: list[float]) -> None:
    told = json.loads(safe_json(short(np.array(values, dtype=np.float64))))
    for before, after in zip(values, told, strict=True):
        assert after is None if not math.isfinite(before) else math.isclose(before, after, rel_tol=1e-3)


@given(st.sets(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_steps_come_back(steps: set[int]) -> None:
    known, told, at = sorted(steps), [], 0
    for each in differences(np.array(known, dtype=np.int64)):
        at += each
        told.append(at)
    assert told == known


def test_no_parser_takes_it_for_markup() -> None:
    evil = "</script><!--&amp;\u2028"
    text = safe_json({"a": evil})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"a": evil}
