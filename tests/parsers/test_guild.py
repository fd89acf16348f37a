from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError
from lrdoctor.model import Run, Status
from lrdoctor.parsers import guild, tensorboard
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "guild" / "runs"
"""Two runs, the second of which failed, of a script that printed its loss; written by guildai 0.9.0."""
EVENTS = "events.out.tfevents.1700000000.host.1.0"
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)


def read(run: Path) -> Run:
    files = [path for path in sorted(run.rglob("*")) if path.is_file() and guild.claims(path)]
    (home,) = {guild.home(path) for path in files}
    (found,) = guild.read(home, files, RoleNames())
    return found


def points(run: Run, tag: str = "loss") -> list[tuple[int, float]]:
    series = run.series[tag]
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def made_run(folder: Path, **attributes: str) -> Path:
    (folder / ".guild" / "attrs").mkdir(parents=True)
    for name, content in attributes.items():
        (folder / ".guild" / "attrs" / name).write_text(content)
    return folder


def test_reads_what_guild_wrote() -> None:
    failed, finished = (read(path) for path in sorted(DATA.iterdir()))
    assert (failed.status, finished.status) == (Status.CRASHED, Status.FINISHED)
    assert failed.hparams == {"batch_size": 32, "fail": True, "lr": 0.5}
    assert failed.name == "batch_size=32 fail=yes lr=0.5"
    for run in (failed, finished):
        assert run.format == "guild"
        assert points(run)[:2] == [(0, 2.0), (5, pytest.approx(1.95))]
        assert [step for step, _ in points(run)] == list(range(0, 60, 5))
        # Guild does not take `nan` for a number: these stand only in the output that it captured.
        assert all(math.isnan(value) for _, value in points(run)[9:])
        assert [incident.kind for incident in run.incidents] == ["hidden_nonfinite"]


def test_the_scripts_own_events_are_of_the_same_run(tmp_path: Path, made: Any) -> None:
    run = made_run(tmp_path / "r", flags="lr: 1e-3\nopt: sgd\n", exit_status="0", label="'x'")
    made.events(run / ".guild" / EVENTS, [made.event(n, loss=n, **{"sys/cpu": 1.0}) for n in range(3)])
    made.events(run / "logs" / EVENTS, [made.event(n, loss=10 * n, lr=0.1) for n in range(5)])
    found = read(run)
    # Its own loss is the finer one; what only Guild picked from the output stays.
    assert points(found) == [(n, 10.0 * n) for n in range(5)]
    assert sorted(found.series) == ["loss", "lr", "sys/cpu"]
    assert found.hparams == {"lr": 0.001, "opt": "sgd"}
    assert (found.name, found.path) == ("x", run)


@pytest.mark.parametrize(("code", "status"), [("0\n", Status.FINISHED), ("1", Status.CRASHED), ("-15", Status.CRASHED)])
def test_the_exit_status_is_the_status(tmp_path: Path, made: Any, code: str, status: Status) -> None:
    run = made_run(tmp_path / "r", exit_status=code)
    made.events(run / EVENTS, [made.event(0, loss=1)])
    assert read(run).status is status


def test_a_run_without_its_attributes_is_read(tmp_path: Path, made: Any) -> None:
    run = made_run(tmp_path / "r", flags="{", label="")
    made.events(run / EVENTS, [made.event(0, loss=1)])
    found = read(run)
    assert (found.name, found.status, found.hparams) == ("r", Status.UNKNOWN, {})


@pytest.mark.parametrize("printed", ["nan", "NaN", "inf", "-inf", "1.5e+20"])
def test_what_guild_did_not_pick_from_the_output_is_found(tmp_path: Path, made: Any, printed: str) -> None:
    run = made_run(tmp_path / "r")
    made.events(run / ".guild" / EVENTS, [made.event(n, loss=1) for n in range(3)])
    lines = [f"step: {n}\nloss: 1\nother: nan\n" for n in range(3)] + [f"step: 3\nloss: {printed}\nhello: world\n"]
    (run / ".guild" / "output").write_text("".join(lines))
    found = read(run)
    assert [step for step, _ in points(found)] == [0, 1, 2, 3]
    assert repr(points(found)[-1][1]) == repr(float(printed))
    assert list(found.series) == ["loss"]


def test_an_output_with_nothing_hidden_changes_nothing(tmp_path: Path, made: Any) -> None:
    run = made_run(tmp_path / "r")
    made.events(run / ".guild" / EVENTS, [made.event(n, loss=1) for n in range(3)])
    (run / ".guild" / "output").write_text("loss: nan is bad\nstep: x\nloss: 7\nnan: 3\n" + "x" * 200_000)
    found = read(run)
    assert points(found) == [(n, 1.0) for n in range(3)]
    assert found.incidents == ()


def test_claims_nothing_but_what_is_in_a_run(tmp_path: Path, made: Any) -> None:
    lone = made.events(tmp_path / "lone" / EVENTS, [made.event(0, loss=1)])
    assert not guild.claims(lone)
    run = made_run(tmp_path / "r")
    (run / ".guild" / "output").write_text("loss: 1\n")
    (run / "metrics.csv").write_text("step,loss\n1,2\n")
    # Without an event file of Guild's, its output is a text log like any other.
    assert not guild.claims(run / ".guild" / "output")
    assert not guild.claims(run / "metrics.csv")
    os.mkfifo(run / "events.out.tfevents.1.pipe")
    assert not guild.claims(run / "events.out.tfevents.1.pipe")


def test_the_output_alone_is_no_log(tmp_path: Path) -> None:
    (first, _) = sorted(DATA.iterdir())
    with pytest.raises(LogError, match="name the run's folder"):
        list(guild.read(first, [first / ".guild" / "output"], RoleNames()))


def test_reads_no_attribute_that_may_hold_secrets(tmp_path: Path, made: Any) -> None:
    run = made_run(tmp_path / "r", env="TOKEN: secret\n", flags="lr: 1\n")
    (run / ".guild" / "ENV").write_text("TOKEN=secret\n")
    made.events(run / EVENTS, [made.event(0, loss=1)])
    assert "secret" not in repr(read(run))


@fuzzed
@given(st.data())
def test_damage_raises_nothing_but_log_errors(tmp_path: Path, data: st.DataObject) -> None:
    (source, _) = sorted(DATA.iterdir())
    run = tmp_path / "r"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(source, run)
    files = sorted(path for path in run.rglob("*") if path.is_file())
    for path in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=3)):
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 200))] = data.draw(st.binary(max_size=20))
        path.write_bytes(content)
    claimed = [path for path in files if guild.claims(path)]
    try:
        runs = list(guild.read(run, claimed, RoleNames())) if claimed else []
    except LogError:
        return
    assert all(len(series) for found in runs for series in found.series.values())


def test_a_prefix_of_the_events_gives_a_prefix_of_the_points(tmp_path: Path) -> None:
    (source, _) = sorted(DATA.iterdir())
    (events,) = source.glob(".guild/events*")
    content = events.read_bytes()
    run = made_run(tmp_path / "r")
    path = run / ".guild" / events.name
    path.write_bytes(content)
    whole = points(read(run))
    for cut in range(0, len(content), 37):
        path.write_bytes(content[:cut])
        if not tensorboard.claims(path):
            continue
        try:
            found = points(read(run))
        except LogError:
            continue
        assert found == whole[: len(found)]
