"""Every limit has an input that is just within it, and one just beyond; what is beyond is said in one line."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor import limits
from lrdoctor.doctor import read
from lrdoctor.errors import LogError
from lrdoctor.limits import LARGEST, Limits, current, in_force, parse, raised_by, shown
from lrdoctor.model import Problem, Run
from lrdoctor.parsers import _files
from lrdoctor.parsers._damage import PLACES, Damage
from lrdoctor.parsers._files import content
from lrdoctor.roles import RoleNames

ROWS = 12
Read = tuple[list[Run], list[Problem]]


def below(path: Path, **changed: int) -> Read:
    return read([path], RoleNames(), replace(Limits(), **changed))


def said(got: Read) -> list[str]:
    """Everything that was said of limits."""
    runs, problems = got
    told = [incident.message for run in runs for incident in run.incidents]
    told += [note for run in runs for note in run.notes]
    return [line for line in [*told, *(problem.message for problem in problems)] if "--limit" in line]


def table(path: Path, rows: int = ROWS, columns: int = 3) -> Path:
    names = ["step", "loss", *(f"loss/{n}" for n in range(columns - 2))]
    lines = [",".join([str(n), *(f"0.{n}5" for _ in names[1:])]) for n in range(rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(",".join(names) + "\n" + "\n".join(lines) + "\n")
    return path


def json_lines(path: Path, **more: Any) -> Path:
    path.write_text("".join(json.dumps({"step": n, "loss": 1 / (n + 1), **more}) + "\n" for n in range(ROWS)))
    return path


# --- each limit: make an input below a folder, and give the value that is just enough for it --------------------------


def runs(folder: Path) -> tuple[Path, int]:
    for n in range(3):
        table(folder / f"{n}.csv")
    return folder, 3


def depth(folder: Path) -> tuple[Path, int]:
    table(folder / "a" / "b" / "x.csv")
    return folder, 2


def tags(folder: Path) -> tuple[Path, int]:
    run = folder / "mlruns" / "0" / ("0" * 32)
    for name in ("loss", "acc", "lr"):
        (run / "metrics").mkdir(parents=True, exist_ok=True)
        (run / "metrics" / name).write_text("".join(f"170000000000{n} 0.{n + 1} {n}\n" for n in range(ROWS)))
    (run / "meta.yaml").write_text(f"run_id: {run.name}\n")
    return folder, 3


def columns(folder: Path) -> tuple[Path, int]:
    return table(folder / "x.csv", columns=30), 30


def columns_of_json(folder: Path) -> tuple[Path, int]:
    return json_lines(folder / "x.jsonl", **{f"x{n}": n for n in range(20)}), 22


def line(folder: Path) -> tuple[Path, int]:
    path = table(folder / "x.csv")
    long = f"{ROWS},0.1," + "1" * 300
    path.write_text(path.read_text() + f"{long}\n{ROWS + 1},0.1,0.1\n")
    return path, len(long)


def line_of_json(folder: Path) -> tuple[Path, int]:
    path = json_lines(folder / "x.jsonl")
    long = json.dumps({"step": ROWS, "loss": 0.1, "text": "x" * 300})
    path.write_text(path.read_text() + f"{long}\n" + json.dumps({"step": ROWS + 1, "loss": 0.1}) + "\n")
    return path, len(long)


def line_of_text(folder: Path) -> tuple[Path, int]:
    path = folder / "train.log"
    long = "x" * 300
    path.write_text("".join(f"step {n} loss 0.{n}5\n" for n in range(ROWS)) + long + "\nstep 99 loss 0.1\n")
    return path, len(long)


def session(folder: Path) -> Path:
    path = folder / "s"
    path.mkdir()
    about = {"type": "training_stats_scalar", "metric": "loss", "variant": "train", "timestamp": 1}
    (path / "metrics.jsonl").write_text(
        "".join(json.dumps([about | {"iter": n, "value": 0.5}]) + "\n" for n in range(ROWS))
    )
    (path / "task.json").write_text("{}")
    return path


def record(folder: Path) -> tuple[Path, int]:
    path = session(folder)
    long = json.dumps([{"type": "other", "text": "x" * 300}])
    with (path / "metrics.jsonl").open("a") as file:
        file.write(long + "\n")
    return path, len(long)


def document(folder: Path) -> tuple[Path, int]:
    path = folder / "x.json"
    path.write_text(json.dumps([{"step": n, "loss": 1 / (n + 1)} for n in range(ROWS)]))
    return path, path.stat().st_size


def objects(folder: Path) -> tuple[Path, int]:
    return document(folder)[0], ROWS + 1


def table_(folder: Path) -> tuple[Path, int]:
    path = table(folder / "x.csv")
    return path, path.stat().st_size


def table_of_json(folder: Path) -> tuple[Path, int]:
    path = json_lines(folder / "x.jsonl")
    return path, path.stat().st_size


def settings(folder: Path) -> tuple[Path, int]:
    table(folder / "metrics.csv")
    (folder / "hparams.yaml").write_text("batch_size: 8\n")
    return folder, len("batch_size: 8\n")


def store(folder: Path, value: str = "{}") -> Path:
    path = folder / "x.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp, run_name, step, metrics)")
        database.execute("CREATE TABLE configs (run_name, config)")
        for n in range(ROWS):
            row = ("2026-01-01", "a", n, json.dumps({"loss": 0.5}))
            database.execute("INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)", row)
        database.execute("INSERT INTO configs VALUES ('a', ?)", (value,))
    database.close()
    return path


def database(folder: Path) -> tuple[Path, int]:
    path = store(folder)
    (folder / "x.db-wal").write_bytes(b"x")
    return path, path.stat().st_size + 1


def cell(folder: Path) -> tuple[Path, int]:
    # SQLite asks only for what does not fit into one page.
    value = json.dumps({"batch_size": 8, "text": "x" * 10_000})
    return store(folder, value), len(value)


def zipped(folder: Path, add: str) -> tuple[Path, int, int]:
    """The session in a zip, and how many bytes its metrics have, unpacked and packed."""
    path = session(folder)
    with (path / "metrics.jsonl").open("a") as file:
        file.write(add)
    with zipfile.ZipFile(folder / "s.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for member in path.iterdir():
            archive.write(member, member.name)
        told = archive.getinfo("metrics.jsonl")
    return folder / "s.zip", told.file_size, told.compress_size


def unpacked(folder: Path) -> tuple[Path, int]:
    path, size, _ = zipped(folder, "\n")
    return path, size


def ratio(folder: Path) -> tuple[Path, int]:
    bits = "".join(f"{n * 2654435761 % 2**32:032b}" for n in range(1 << 16))
    path, size, packed = zipped(folder, bits.replace("0", " ").replace("1", "\t") + "\n")
    return path, -(-(size - (1 << 20)) // packed)


CASES: list[Callable[[Path], tuple[Path, int]]] = [
    runs, depth, tags, columns, columns_of_json, line, line_of_json, line_of_text, record, document, objects, table_,
    table_of_json, settings, database, cell, unpacked, ratio,
]  # fmt: skip


def name_of(case: Callable[[Path], tuple[Path, int]]) -> str:
    return re.sub("_of_.*|_$", "", case.__name__)


@pytest.mark.parametrize("case", CASES)
def test_what_is_within_a_limit_is_read_and_what_is_beyond_is_said_once(
    case: Callable[[Path], tuple[Path, int]], tmp_path: Path
) -> None:
    path, enough = case(tmp_path)
    name = name_of(case)
    assert said(below(path)) == []
    within = below(path, **{name: enough})
    assert said(within) == []
    assert within[1] == []
    beyond = below(path, **{name: enough - 1})
    (message,) = said(beyond)
    assert re.search(rf"`--limit {name}=[0-9]+([KMG]iB)?` or `{name}` under \[limits\] raises it", message)
    assert "\n" not in message
    given = re.search("--limit ([^`]+)", message)
    assert given is not None
    # What the message says is enough, and does what it says.
    assert said(read([path], RoleNames(), parse([given[1]]))) == []


def test_no_limit_goes_without_a_case() -> None:
    assert {name_of(case) for case in CASES} == set(limits.names())


@pytest.mark.parametrize("case", [line, line_of_json, line_of_text, columns_of_json, tags, record, cell])
def test_what_is_within_the_limit_is_kept(case: Callable[[Path], tuple[Path, int]], tmp_path: Path) -> None:
    path, enough = case(tmp_path)
    (run,), problems = below(path, **{name_of(case): enough - 1})
    assert problems == []
    loss = run.series["acc" if case is tags else "loss/train" if case is record else "loss"]
    assert len(loss) >= ROWS
    dropped = [(incident.kind, incident.dropped) for incident in run.incidents if "--limit" in incident.message]
    kind = "unreadable_rows" if case is cell else f"{name_of(case)}_limit"
    assert dropped == [(kind, ROWS if case is columns_of_json else 1)]


# --- setting them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("runs=10", "runs", 10),
        ("runs = 10k", "runs", 10_000),
        ("tags=2M", "tags", 2_000_000),
        ("line=8MiB", "line", 8 << 20),
        ("line=8 mib", "line", 8 << 20),
        ("line=8MB", "line", 8_000_000),
        ("line=100B", "line", 100),
        ("line=100", "line", 100),
        ("database=8GiB", "database", 8 << 30),
        ("table=1GB", "table", 10**9),
        (f"depth={LARGEST}", "depth", LARGEST),
    ],
)
def test_a_limit_is_set(text: str, name: str, value: int) -> None:
    assert parse([text]) == replace(Limits(), **{name: value})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("line", "'line' sets no limit; write it as line=8MiB"),
        ("", "'' sets no limit; write it as line=8MiB"),
        ("lines=3", "unknown limit 'lines'; did you mean 'line'?"),
        ("qqq=3", "unknown limit 'qqq'; known: cell, columns, "),
        ("LARGEST=3", "unknown limit 'LARGEST'"),
        ("runs=", "the limit runs is a whole number such as 10k, not ''"),
        ("runs=-1", "the limit runs is a whole number such as 10k, not '-1'"),
        ("runs=1.5", "the limit runs is a whole number such as 10k, not '1.5'"),
        ("runs=8MiB", "the limit runs is a whole number such as 10k, not '8MiB'"),
        ("runs=8Mi", "the limit runs is a whole number such as 10k, not '8Mi'"),
        ("line=8TiB", "the limit line is a whole number such as 8MiB, not '8TiB'"),
        ("line=1e3", "the limit line is a whole number such as 8MiB, not '1e3'"),
        ("line=٣", "the limit line is a whole number such as 8MiB, not '٣'"),
        ("runs=0", "'runs=0': limits are 1 or more"),
        ("line=999999G", f"'line=999999G': limits are at most {LARGEST}"),
        ("line=" + "9" * 5000, "the limit line is a whole number such as 8MiB, not '9999"),
        ("line=3\nruns=4", "the limit line is a whole number such as 8MiB, not '3\\nruns=4'"),
    ],
)
def test_what_sets_no_limit_is_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}") as caught:
        parse([text])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_limits_add_to_one_another() -> None:
    base = Limits(runs=7, line=100)
    assert parse(["line=2k", "tags=5", "line=3k"], base) == Limits(runs=7, line=3000, tags=5)
    assert parse([], base) == base
    assert parse([]) == Limits()


@given(st.text(max_size=30))
def test_any_text_sets_a_limit_or_is_refused(text: str) -> None:
    told = ""
    try:
        assert isinstance(parse([text]), Limits)
    except ValueError as error:
        told = str(error)
    assert "\n" not in told


@pytest.mark.parametrize("name", limits.names())
def test_what_a_message_says_raises_its_limit(name: str) -> None:
    with in_force(parse([f"{name}=1000"])):
        assert parse([raised_by(name).split("`")[1].removeprefix("--limit ")]) == replace(Limits(), **{name: 2000})
        raised = parse([raised_by(name, 5000).split("`")[1].removeprefix("--limit ")])
    assert getattr(raised, name) == 8000


def test_sizes_are_shown_with_their_unit() -> None:
    assert (shown("line"), shown("table"), shown("database"), shown("columns")) == (
        "4 MiB",
        "512 MiB",
        "4 GiB",
        "20,000",
    )
    with in_force(Limits(line=1536, document=1000)):
        assert (shown("line"), shown("document")) == ("1536 bytes", "1000 bytes")


@pytest.mark.parametrize("value", [0, -1, LARGEST + 1])
def test_limits_that_make_no_sense_are_refused(value: int) -> None:
    for name in limits.names():
        with pytest.raises(ValueError, match="limits are"):
            Limits(**{name: value})


# --- where they hold --------------------------------------------------------------------------------------------------


def test_limits_hold_inside_and_no_longer() -> None:
    with in_force(Limits(runs=1)):
        with in_force(Limits(runs=2)):
            assert current().runs == 2
        assert current().runs == 1
        found: list[Limits] = []
        other = Thread(target=lambda: found.append(current()))
        other.start()
        other.join()
        assert found == [Limits()]
    assert current() == Limits()
    with pytest.raises(KeyError), in_force(Limits(runs=3)):
        raise KeyError
    assert current() == Limits()


def test_reading_leaves_no_limit_behind(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv")
    assert len(below(path, table=10)[1]) == 1
    assert current() == Limits()
    assert read([path], RoleNames())[1] == []


def test_a_configuration_that_was_refused_is_read_once_the_limit_is_raised(tmp_path: Path) -> None:
    path, enough = settings(tmp_path)
    (before,), _ = below(path, settings=enough - 1)
    (after,), _ = below(path)
    assert (before.hparams, after.hparams) == ({}, {"batch_size": 8})


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_size_that_a_file_claims_sets_nothing_aside(tmp_path: Path) -> None:
    sparse = tmp_path / "x.csv"
    with sparse.open("wb") as file:
        file.truncate(1 << 40)
    found, (problem,) = below(sparse)
    assert found == []
    message = "a table of more than 512 MiB"
    assert problem.message == f"{message}; `--limit table=1024GiB` or `table` under [limits] raises it"


def test_a_file_that_grows_while_it_is_read_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 3000)

    def smaller(descriptor: int, whole: Callable[[int], os.stat_result] = os.fstat) -> os.stat_result:
        told = list(whole(descriptor))
        told[stat.ST_SIZE] = 10
        return os.stat_result(told)

    monkeypatch.setattr(os, "fstat", smaller)
    monkeypatch.setattr(_files, "PIECE", 100)
    assert content(path, "a table") == b"x" * 3000
    with in_force(Limits(table=2999)), pytest.raises(LogError, match="a table of more than 2999 bytes"):
        content(path, "a table")


# --- damage -----------------------------------------------------------------------------------------------------------


def test_what_a_limit_leaves_out_is_told_once_and_counted() -> None:
    damage = Damage(Path("x"))
    for n in range(100):
        damage.over("line", "a long line is left out", 1, f"line {n}")
    damage.over("tags", "many tags", 3)
    first, second = damage.incidents()
    assert (first.kind, first.place, first.dropped) == ("line_limit", "line 0", 100)
    assert first.message == "a long line is left out; `--limit line=8MiB` or `line` under [limits] raises it"
    assert (second.kind, second.place, second.dropped) == ("tags_limit", "", 3)


def test_damage_is_counted_to_the_last() -> None:
    damage = Damage(Path("x"))
    for n in range(1000):
        damage.add(f"line {n}", "a", "an a", 2)
        if not n % 100:
            damage.add(f"line {n}", "b", "a b")
    told = damage.incidents()
    assert [i.place for i in told if i.kind == "a"] == [f"line {n}" for n in range(PLACES + 1)]
    assert sum(i.dropped for i in told if i.kind == "a") == 2000
    assert told[-1].message == f"{1000 - PLACES} more of this kind from here on"
    assert sum(i.kind == "b" for i in told) == 10
