"""Two small kinds of findings, and a rule file about them that is right in every respect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from lrdoctor.model import Finding

NAME = "LRD101-early-blow-up.toml"
RULE = """\
id = "LRD101"
name = "early-blow-up"
severity = "error"
what = "The loss blew up early."
why = "A rate above the stability limit amplifies every step."
message = "{series} blew up at step {onset_step} ({onset_fraction:.0%}), {peak_ratio:.3g} times; {schedule.shape}."
references = ["A. Author, A Paper, 2020"]

[[when]]
finding = "blow_up"
where = { onset_fraction = { le = 0.1 }, peak_ratio = { ge = 3 } }
[[when]]
finding = "schedule"
where = { shape = { one_of = ["constant", "cosine"] } }
[[unless]]
finding = "blow_up"
where = { recovered = { eq = true } }

[[fix]]
action = "scale_lr"
factor = "stable_factor"
[[fix]]
action = "use_schedule"
schedule = "cosine"

[[example]]
title = "blows up at once"
fires = true
findings = [
    { kind = "blow_up", onset_fraction = 0.01, peak_ratio = 30.0 },
    { kind = "schedule", shape = "constant" },
]
[[example]]
title = "a bump that stays below the limit"
fires = false
findings = [
    { kind = "blow_up", onset_fraction = 0.01, peak_ratio = 2.9 },
    { kind = "schedule", shape = "constant" },
]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlowUp(Finding):
    """The loss rose far above its first value. More is not known."""

    kind: ClassVar[str] = "blow_up"
    onset_step: int
    onset_fraction: float
    """How far into the run it began."""
    peak_ratio: float | None
    """Highest loss over the first; None where
    that is unknown. A second sentence."""
    recovered: bool
    stable_factor: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Finding):
    kind: ClassVar[str] = "schedule"
    shape: Literal["constant", "cosine"]
    peak_lr: float | None

    def __post_init__(self) -> None:
        if self.peak_lr is not None and self.peak_lr < 0:
            raise ValueError("a rate is not negative")


@pytest.fixture
def kinds() -> Mapping[str, type[Finding]]:
    return {kind.kind: kind for kind in (BlowUp, Schedule)}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the rule file with these texts replaced and returns its folder."""

    def written(*changes: tuple[str, str], name: str = NAME) -> Path:
        text = RULE
        for old, new in changes:
            assert old in text, f"the rule file has no {old!r}"
            text = text.replace(old, new, 1)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return written
