from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lrdoctor.config import Config
from lrdoctor.doctor import analyze
from lrdoctor.model import Diagnosis, Run
from lrdoctor.prove import trial
from lrdoctor.prove.process import Ended, Reason
from lrdoctor.prove.trial import Options, Outcome, judged, pick, recorded, watcher
from lrdoctor.testing import constant_rate, descent, make_run

LIKE = make_run(train_loss=descent(steps=400).values, lr=constant_rate(steps=400))
SOUND = [0.1 + 2.2 * math.exp(-step / 40) for step in range(400)]


def text(losses: Sequence[float]) -> str:
    return "step,train_loss,lr\n" + "".join(f"{step},{loss!r},0.1\n" for step, loss in enumerate(losses))


def logged(folder: Path, losses: Sequence[float]) -> Diagnosis:
    folder.mkdir(exist_ok=True)
    (folder / "metrics.csv").write_text(text(losses), encoding="utf-8")
    found = pick(analyze(folder, config=Config()), LIKE)
    assert found is not None
    return found


def seen(folder: Path, curve: Sequence[float], *, step: int = 25) -> int | None:
    """How many points were logged when the watcher said stop."""
    look = watcher(folder, 400, Config(), LIKE)
    for count in range(0, len(curve) + 1, step):
        (folder / "metrics.csv").write_text(text(curve[:count]), encoding="utf-8")
        if look():
            return count
    return None


def test_a_sound_log_is_left_alone(tmp_path: Path) -> None:
    assert seen(tmp_path, SOUND) is None


def test_a_loss_that_is_no_number_stops_it_once_it_stays_so(tmp_path: Path) -> None:
    assert seen(tmp_path, [*SOUND[:100], *[math.nan] * 100]) == 125
    assert seen(tmp_path, [*SOUND[:124], math.nan, *SOUND[125:]]) is None


def test_a_blow_up_stops_it_once_it_has_lasted(tmp_path: Path) -> None:
    """A tenth of the 400 planned steps, counted from the look that saw it first."""
    stopped = seen(tmp_path, [*SOUND[:100], *[5.0 + 0.01 * i for i in range(300)]])
    assert stopped is not None
    assert 140 <= stopped <= 200


def test_a_spike_that_comes_back_does_not(tmp_path: Path) -> None:
    spike = [*SOUND[:110], *[5.0] * 20, *SOUND[130:]]
    assert seen(tmp_path, spike) is None


def test_a_log_that_is_late_half_written_or_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = watcher(tmp_path, 400, Config(), LIKE)
    assert not look()
    asked: list[Any] = []

    def counted(*paths: Path, config: Config) -> Any:
        asked.append(paths)
        return analyze(*paths, config=config)

    monkeypatch.setattr(trial, "analyze", counted)
    file = tmp_path / "metrics.csv"
    for content in ("", "step,tr", "step,train_loss,lr\n", text(SOUND[:50]) + "5", text(SOUND[:50]) + "50,na"):
        file.write_text(content, encoding="utf-8")
        assert not look()
        assert not look()
    assert len(asked) == 5


def test_what_vanishes_on_the_way_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "metrics.csv").write_text(text(SOUND), encoding="utf-8")

    def vanished(*paths: Path, config: Config) -> Any:
        raise FileNotFoundError

    monkeypatch.setattr(trial, "analyze", vanished)
    assert not watcher(tmp_path, 400, Config(), LIKE)()


@pytest.mark.parametrize(
    ("reason", "status", "losses", "outcome", "trouble"),
    [
        (Reason.EXITED, 0, SOUND, Outcome.FINISHED, ""),
        (Reason.EXITED, 1, SOUND, Outcome.FINISHED, ""),
        (Reason.EXITED, 1, SOUND[:200], Outcome.FAILED, "failed with exit status 1 at step 199"),
        (Reason.EXITED, -9, SOUND[:200], Outcome.FAILED, "was killed by signal 9 at step 199"),
        (Reason.EXITED, 1, [*SOUND[:50], *[math.nan] * 5], Outcome.DIVERGED, ""),
        (Reason.EXITED, 0, [*SOUND[:50], *[math.nan] * 350], Outcome.DIVERGED, ""),
        (Reason.TIMED_OUT, -2, SOUND[:200], Outcome.TIMED_OUT, ""),
        (Reason.STOPPED, -2, SOUND[:200], Outcome.DIVERGED, ""),
    ],
)
def test_what_came_of_it(
    reason: Reason, status: int, losses: Sequence[float], outcome: Outcome, trouble: str, tmp_path: Path
) -> None:
    found, said = judged(Ended(reason=reason, status=status, seconds=1), logged(tmp_path, losses), 400, LIKE)
    assert found is outcome
    assert trouble in said
    assert bool(said) is bool(trouble)


def test_a_log_without_a_loss_says_nothing(tmp_path: Path) -> None:
    rows = "".join(f"{step},0.5,0.1\n" for step in range(400))
    (tmp_path / "metrics.csv").write_text("step,accuracy,lr\n" + rows, encoding="utf-8")
    found = pick(analyze(tmp_path, config=Config()), LIKE)
    outcome, said = judged(Ended(reason=Reason.EXITED, status=0, seconds=1), found, 400, LIKE)
    assert outcome is Outcome.FAILED
    assert "no loss in its log (logged: accuracy, lr)" in said


def test_the_log_most_like_the_runs_own_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "other.csv").write_text("step,accuracy\n" + "1,0.5\n2,0.6\n3,0.7\n" * 1, encoding="utf-8")
    logged(tmp_path / "b", SOUND)
    logged(tmp_path / "c", SOUND[:100])
    found = pick(analyze(tmp_path, config=Config()), LIKE)
    assert found is not None
    assert found.run.path.parent.name == "b"


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "trial-001").mkdir()
    logged(tmp_path / "trial-001" / "out", SOUND)
    told = {"trial": 1, "key": "k", "seed": 0, "command": ["x"], "out": "trial-001/out", "timeout": None}
    return told | {"outcome": "finished", "stopped_early": False, "exit_status": 0, "seconds": 1.5}


Again = Callable[..., bool]


@pytest.fixture
def again(tmp_path: Path, entry: dict[str, Any]) -> Again:
    """Whether a trial is taken from the record."""

    def found(changed: dict[str, Any], like: Run = LIKE, **asked: Any) -> bool:
        options = Options(command=("x",), folder=tmp_path, config=Config(), **asked)
        return recorded([{**entry, **changed}], "k", options, like) is not None

    return found


def test_a_finished_trial_is_taken_from_the_record(again: Again) -> None:
    assert again({})
    assert again({"outcome": "diverged", "stopped_early": True})
    assert not again({"key": "other"})
    assert not again({}, fresh=True)


@pytest.mark.parametrize("outcome", ["failed", "interrupted", "what?", None])
def test_one_that_says_nothing_is_repeated(again: Again, outcome: str | None) -> None:
    assert not again({"outcome": outcome})


def test_one_that_would_go_further_now_is_repeated(again: Again) -> None:
    short = {"outcome": "timed_out", "timeout": 10.0}
    assert again(short, timeout=10.0)
    assert again(short, timeout=5.0)
    assert not again(short, timeout=11.0)
    assert not again(short)
    assert not again({"outcome": "diverged", "stopped_early": True}, early_stop=False)


def test_an_edited_or_orphaned_entry_is_no_trial(again: Again) -> None:
    assert not again({"out": "nowhere"})
    assert not again({"out": None})
    assert not again({"seconds": "long"})
    assert not again({"trial": []})
