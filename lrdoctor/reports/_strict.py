"""Values that strict JSON readers accept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def strict(value: Any) -> Any:
    """The same with null for what is no finite number, and no lone surrogate, which strict readers refuse."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case np.generic():
            return strict(value.item())
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {strict(key): strict(item) for key, item in value.items()}
        case list() | tuple():
            return [strict(item) for item in value]
        case _:
            return value
