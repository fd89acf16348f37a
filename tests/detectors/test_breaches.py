"""The contract's own test: a detector that keeps it passes, and each breach is named."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from lrdoctor.model import Finding, Role, Run, Span
from lrdoctor.plugins import Detector
from lrdoctor.testing import Points, check_detector, descent, logged, make_run

DOCSTRING = "What it measures: x.\nHow: y.\nBlind spots: z.\nReferences: none."


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    least: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Steep(Finding):
    kind: ClassVar[str] = "steep"
    height: float


def steep(run: Run, settings: Any) -> Iterator[Finding]:
    """Whether the loss ended at less than half of its first value."""
    loss = run[Role.TRAIN_LOSS]
    loss = None if loss is None else loss.finite()
    if loss is None or len(loss) < 2:
        return
    first, last = float(loss.values[0]), float(loss.values[-1])
    if last < settings.least * first:
        yield Steep(series=loss.tag, span=Span(int(loss.steps[0]), int(loss.steps[-1])), confidence=1.0, height=1.0)


def detector(**changes: Any) -> Detector:
    parts = {
        "__name__": "steep",
        "__doc__": DOCSTRING,
        "NEEDS": frozenset({Role.TRAIN_LOSS}),
        "Settings": Settings,
        "FINDING": Steep,
        "detect": steep,
    }
    return cast("Detector", SimpleNamespace(**{k: v for k, v in (parts | changes).items() if v is not None}))


def breach(**changes: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        check_detector(detector(**changes))
    assert str(caught.value).startswith("steep breaks the contract of detectors:\n- ")
    return str(caught.value)


def test_a_detector_that_keeps_the_contract_passes() -> None:
    check_detector(detector())


@pytest.mark.parametrize(
    ("docstring", "said"),
    [
        ("", "lacks 'What it measures'"),
        (DOCSTRING.replace("Blind", "Bright"), "lacks 'Blind spots'"),
        ("References: none. Blind spots: z. How: y. What it measures: x.", "another order"),
    ],
)
def test_docstring(docstring: str, said: str) -> None:
    assert said in breach(__doc__=docstring)


@pytest.mark.parametrize("part", ["NEEDS", "Settings", "FINDING", "detect"])
def test_parts(part: str) -> None:
    assert f"it has no {part}" in breach(**{part: None})


def test_needs() -> None:
    assert "NEEDS is no frozenset of roles" in breach(NEEDS={Role.LR})
    assert "NEEDS is no frozenset of roles" in breach(NEEDS=frozenset({"loss"}))


def test_settings() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Unset:
        least: float

    @dataclass(frozen=True)
    class Slotless:
        least: float = 0.5

    @dataclass
    class Mutable:
        least: float = 0.5

    assert "Settings.least has no default" in breach(Settings=Unset)
    assert "Settings has no slots" in breach(Settings=Slotless)
    assert "Settings is no frozen dataclass" in breach(Settings=Mutable)


def test_findings() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Taken(Finding):
        kind: ClassVar[str] = "plateau"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Nameless(Finding):
        height: float

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Many(Finding):
        kind: ClassVar[str] = "many"
        heights: tuple[float, ...]

    @dataclass(frozen=True, kw_only=True)
    class Slotless(Finding):
        kind: ClassVar[str] = "slotless"

    assert "is also that of the detector 'plateau'" in breach(FINDING=Taken)
    assert "kind is no name" in breach(FINDING=Nameless)
    assert "which no rule can bound" in breach(FINDING=Many)
    assert "has no slots" in breach(FINDING=Slotless)
    assert "no frozen subclass of Finding" in breach(FINDING=Settings)


def saying(**changes: Any) -> Callable[[Run, Any], Iterator[Finding]]:
    """A detector's `detect` whose findings are spoiled."""

    def detect(run: Run, settings: Any) -> Iterator[Finding]:
        for finding in steep(run, settings):
            told = {"series": finding.series, "span": finding.span, "confidence": 1.0, "height": 1.0}
            yield Steep(**{**told, **changes})

    return detect


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"height": np.float64(1)}, "height is a numpy.float64"),
        ({"height": float("nan")}, "height is nan"),
        ({"height": float("inf")}, "height is inf"),
        ({"confidence": 1.5}, "confidence is 1.5"),
        ({"confidence": np.float64(1)}, "confidence is np.float64(1.0)"),
        ({"span": Span(0, 10**6)}, "is not within the run"),
        ({"span": Span(9, 3)}, "is not within the run"),
        ({"span": (0, 1)}, "span is (0, 1)"),
        ({"span": Span(*np.arange(2))}, "span is Span(first=np.int64(0)"),
        ({"series": "elsewhere"}, "series 'elsewhere' is not in the run"),
    ],
)
def test_what_it_says(changes: dict[str, Any], said: str) -> None:
    assert said in breach(detect=saying(**changes))


def test_speaking_from_nothing() -> None:
    def detect(run: Run, settings: Any) -> Iterator[Finding]:
        if run.span is not None:
            yield Steep(series="train_loss", span=run.span, confidence=1.0, height=1.0)

    assert "1 points: finds steep" in breach(detect=detect)


def test_raising_and_warning() -> None:
    def raises(run: Run, settings: Any) -> Iterator[Finding]:
        loss = run[Role.TRAIN_LOSS]
        assert loss is not None
        yield from [] if np.isfinite(loss.values).all() else [1 / 0]  # type: ignore[misc]

    def warns(run: Run, settings: Any) -> Iterator[Finding]:
        warnings.warn("hm", stacklevel=1)
        yield from steep(run, settings)

    assert "NaN throughout: raises ZeroDivisionError" in breach(detect=raises)
    assert "warns UserWarning: hm" in breach(detect=warns)


def test_changing_ones_mind() -> None:
    calls = iter(range(10**6))

    def detect(run: Run, settings: Any) -> Iterator[Finding]:
        return steep(run, settings) if next(calls) % 2 else iter(())

    assert "finds another thing the second time" in breach(detect=detect)


def test_a_bound_in_the_unit_of_the_loss() -> None:
    def detect(run: Run, settings: Any) -> Iterator[Finding]:
        loss = run[Role.TRAIN_LOSS]
        if loss is not None and len(loss) > 1 and loss.values[0] > 5:
            yield from saying()(make_run(train_loss=[1.0, 0.0], steps=loss.steps[:2]), settings)

    assert "when the loss is ten times as large" in breach(detect=detect)


def test_loggers() -> None:
    made = descent(steps=10)
    val = Points(np.array([0, 9]), np.ones(2))
    run = make_run(train_loss=made.values, val_loss=val)
    thinned, averaged = logged(run, every=4), logged(run, every=4, averaged=True)
    for seen, steps, values in (
        (thinned, [0, 4, 8], made.values[[0, 4, 8]]),
        (averaged, [3, 7], [made.values[:4].mean(), made.values[4:8].mean()]),
    ):
        loss, validation = seen[Role.TRAIN_LOSS], seen[Role.VAL_LOSS]
        assert loss is not None
        assert validation is not None
        assert loss.steps.tolist() == steps
        assert loss.values.tolist() == pytest.approx(values)
        assert validation.steps.tolist() == [0, 9]


def test_a_run_refuses_steps_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="has shape"):
        make_run(train_loss=[1.0, 2.0], steps=[0])


def test_the_same_seed_makes_the_same_curve() -> None:
    assert (descent(seed=3).values == descent(seed=3).values).all()
    assert (descent(seed=3).values != descent(seed=4).values).any()
