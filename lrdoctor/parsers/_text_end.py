"""How a training ended, and what was planned and set, as the prose of its log says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lrdoctor.model import Role, Scalar, Status
from lrdoctor.parsers._series import Logged
from lrdoctor.parsers._text_remarks import CRASHES, FINISHES, INTERRUPTED, NOT_A_NUMBER, Remark
from lrdoctor.roles import RoleNames

TRACEBACK = CRASHES[0]


def status(after: Sequence[Remark], reached: int, planned: int | None) -> tuple[Status, list[str]]:
    """How it ended, and a note where that wants one; `after` is what was said after its last row."""
    if any(sign in remark.text for remark in after for sign in FINISHES):
        return Status.FINISHED, []
    if planned is not None and reached >= planned - 1:
        return Status.FINISHED, []
    crashes = [remark for remark in after if any(sign in remark.text for sign in CRASHES)]
    stopped = [remark for remark in after if NOT_A_NUMBER.search(remark.text)]
    interrupted = any(INTERRUPTED in remark.text for remark in after)
    if interrupted and not stopped and all(TRACEBACK in remark.text for remark in crashes):
        return Status.UNKNOWN, ["the training was interrupted by hand (KeyboardInterrupt)"]
    if crashes or stopped:
        return Status.CRASHED, []
    return Status.UNKNOWN, []


def with_last_nan(
    logged: Mapping[str, Logged], after: Sequence[Remark], names: RoleNames
) -> tuple[Mapping[str, Logged], Remark | None]:
    """The curves, with a last NaN where the log says that it stopped for one which it had not printed; and that line.

    detectron2, DETR, MAE and Keras' `TerminateOnNaN` look at the loss before they print it.
    """
    said = next((remark for remark in after if NOT_A_NUMBER.search(remark.text)), None)
    tag = next((tag for tag in logged if names.of(tag) is Role.TRAIN_LOSS), None)
    if said is None or tag is None or not np.isfinite(logged[tag].values[-1]):
        return logged, None
    its = logged[tag]
    last = Logged(steps=np.append(its.steps, its.steps[-1] + 1), values=np.append(its.values, np.nan))
    return {**logged, tag: last}, said


def scalars(found: Mapping[str, str]) -> dict[str, Scalar]:
    """Settings as they were printed, as values."""
    return {name: _scalar(text) for name, text in found.items()}


def _scalar(text: str) -> Scalar:
    word = {"None": None, "True": True, "False": False, "none": None, "true": True, "false": False}
    if text in word:
        return word[text]
    for kind in (int, float):
        try:
            return kind(text) if "_" not in text and len(text) < 64 else text
        except ValueError:
            continue
    return text
