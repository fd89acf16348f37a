"""A linear warm-up in front of any schedule."""

from __future__ import annotations

import numpy as np

from lrdoctor.model import Floats, Ints


def warmed_up(steps: Ints, warmup_steps: int, after: Floats) -> Floats:
    """The rate with a linear ramp from 1/warmup_steps to 1 over the first `warmup_steps` steps.

    `after` is the schedule's rate at `steps - warmup_steps`, relative to the peak; shapes as `steps`. Source: Goyal et
    al., Accurate, Large Minibatch SGD (2017), gradual warm-up.
    """
    if warmup_steps <= 0:
        return after
    return np.where(steps < warmup_steps, (steps + 1) / warmup_steps, after)
