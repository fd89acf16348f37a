"""The same training, as different loggers would have told it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lrdoctor.model import Run
from lrdoctor.testing import logged


@pytest.fixture(
    params=[(1, False), (5, False), (5, True), (20, False), (20, True)],
    ids=["every step", "every 5", "every 5, averaged", "every 20", "every 20, averaged"],
)
def cadence(request: pytest.FixtureRequest) -> Callable[[Run], Run]:
    every, averaged = request.param
    return lambda run: logged(run, every=every, averaged=averaged)
