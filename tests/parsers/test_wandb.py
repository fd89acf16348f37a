from __future__ import annotations

import json
import math
import os
import shutil
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Role, Run, Status
from lrdoctor.parsers import wandb
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "wandb"
"""Written by wandb 0.31.0, offline: a run that logs as Hugging Face does and finished, one as Lightning that failed."""
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
BLOCK = 1 << 15


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def part(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def item(name: str | Sequence[str], value: Any) -> bytes:
    names = [part(1, name.encode())] if isinstance(name, str) else [part(2, one.encode()) for one in name]
    return b"".join(names) + part(16, json.dumps(value).encode())


def row(step: int, values: Mapping[Any, Any], time: float = 1.7e9) -> bytes:
    own = {"_step": step, "_timestamp": time, "_runtime": 1.0}
    items = [part(1, item((name,) if isinstance(name, str) else name, told)) for name, told in values.items()]
    items += [part(1, item((name,), told)) for name, told in own.items()]
    return part(2, b"".join(items) + part(2, part(1, step)))


def started(config: Mapping[str, Any], name: str = "sweet-name") -> bytes:
    return part(
        17, part(1, b"abc") + part(4, b"".join(part(1, item(k, v)) for k, v in config.items())) + part(8, name.encode())
    )


def ended(code: int = 0) -> bytes:
    return part(18, (part(1, code) if code else b"") + part(2, 9))


def log(records: Iterable[bytes]) -> bytes:
    """A file of these records, in LevelDB's blocks."""
    out = bytearray(b":W&B" + struct.pack("<HB", 0xBEE1, 0))
    for record in records:
        rest, first = record, True
        while rest or first:
            left = BLOCK - len(out) % BLOCK
            if left < 7:
                out += bytes(left)
                continue
            data, rest = rest[: left - 7], rest[left - 7 :]
            kind = bytes([(1 if first else 4) if not rest else (2 if first else 3)])
            out += struct.pack("<IH", zlib.crc32(kind + data), len(data)) + kind + data
            first = False
    return bytes(out)


def written(folder: Path, content: bytes, run: str = "abc", time: str = "20260101_000000") -> Path:
    path = folder / "wandb" / f"run-{time}-{run}" / f"run-{run}.wandb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(*files: Path) -> Run:
    (run,) = wandb.read(wandb.home(files[0]), files, RoleNames())
    return run


def points(run: Run, tag: str = "loss") -> list[tuple[int, str]]:
    series = run.series[tag]
    return [(int(step), repr(float(value))) for step, value in zip(series.steps, series.values, strict=True)]


def curve(count: int = 10) -> list[bytes]:
    return [started({"lr": 0.1}), *(row(n, {"loss": 1 / (n + 1)}) for n in range(count)), ended()]


# --- what the library wrote -------------------------------------------------------------------------------------------


def test_reads_what_wandb_wrote_of_a_run_of_hugging_face() -> None:
    (path,) = DATA.glob("*hf000001/*.wandb")
    assert wandb.claims(path)
    run = read(path)
    assert (run.name, run.format, run.status, run.planned_steps) == ("sweet-name", "wandb", Status.FINISHED, 60)
    told = points(run, "train/loss")
    assert told[:2] == [(5, "1.95"), (10, "1.9")]
    assert told[8:] == [(45, "inf"), (50, "nan"), (55, "nan"), (60, "nan")]
    assert points(run, "eval/loss") == [(20, "1.9000000000000001"), (40, "1.7000000000000002"), (60, "nan")]
    assert points(run, "nest.b.c") == [(20, "1.5"), (40, "1.5"), (60, "1.5")]
    assert not [tag for tag in run.series if tag.startswith(("h", "text", "flag", "_"))]
    assert run.hparams["lr"] == 0.5
    assert run.hparams["optimizer.name"] == "adamw"
    assert run.hparams["flag"] is True
    assert run.notes == ("the steps are those of 'train/global_step', not the logger's own count of its calls",)
    assert run.incidents == ()
    roles, _ = RoleNames().assign(run.series)
    assert roles[Role.LR] == "train/learning_rate"


def test_reads_what_wandb_wrote_of_a_run_of_lightning() -> None:
    (path,) = DATA.glob("*pl000001/*.wandb")
    run = read(path)
    assert run.status is Status.CRASHED
    assert [step for step, _ in points(run, "train_loss")] == list(range(0, 100, 10))
    assert points(run, "val_loss") == [(49, "0.5")]


# --- what the records say ---------------------------------------------------------------------------------------------


def test_reads_every_row_over_many_blocks(tmp_path: Path) -> None:
    records = [row(n, {"loss": 1 / (n + 1), "padding": "x" * (n % 700)}) for n in range(5000)]
    run = read(written(tmp_path, log([*records, part(7, b"\0" * 100_000), ended()])))
    assert points(run) == [(n, repr(1 / (n + 1))) for n in range(5000)]
    assert list(run.series) == ["loss"]
    assert run.series["loss"].wall_times is not None
    assert run.incidents == ()


def test_a_value_that_is_no_number_is_kept_as_one(tmp_path: Path) -> None:
    values = [1.0, math.nan, math.inf, -math.inf, "NaN", "Infinity", "-inf"]
    run = read(written(tmp_path, log([row(n, {"loss": value}) for n, value in enumerate(values)])))
    assert [value for _, value in points(run)] == ["1.0", "nan", "inf", "-inf", "nan", "inf", "-inf"]


def test_what_is_no_number_is_no_series(tmp_path: Path) -> None:
    other = {
        "text": "0.5",
        "flag": True,
        "list": [1, 2],
        "none": None,
        ("image", "_type"): "image-file",
        ("image", "width"): 64,
        ("old", "x"): 1,
    }
    run = read(
        written(tmp_path, log([row(0, {**other, "loss": 1, "dict": {"a": {"b": 2}}, "h": {"_type": "h", "n": 1}})]))
    )
    assert list(run.series) == ["dict.a.b", "loss", "old.x"]


@pytest.mark.parametrize(
    ("records", "status"),
    [([ended()], Status.FINISHED), ([ended(1)], Status.CRASHED), ([ended(-1)], Status.CRASHED), ([], Status.UNKNOWN)],
)
def test_the_exit_code_is_the_status(tmp_path: Path, records: list[bytes], status: Status) -> None:
    run = read(written(tmp_path, log([*curve(3)[:-1], *records])))
    assert run.status is status
    assert bool(run.notes) == (status is Status.UNKNOWN)


def test_a_later_configuration_counts(tmp_path: Path) -> None:
    update = part(5, part(1, item("lr", 0.2)) + part(1, item(("opt", "name"), "sgd")))
    run = read(written(tmp_path, log([started({"lr": 0.1, "_wandb": {"x": 1}}), update, row(0, {"loss": 1})])))
    assert run.hparams == {"lr": 0.2, "opt.name": "sgd"}


@pytest.mark.parametrize("count", ["train/global_step", "trainer/global_step", "global_step", "iter", "train/step"])
def test_the_trainings_own_count_is_the_axis(tmp_path: Path, count: str) -> None:
    records = [row(n, {"loss": n, count: 50 * n}) for n in range(9)]
    # A value that is logged in a call of its own belongs to the step that was last counted.
    records.insert(5, row(9, {"val_loss": 0.5}))
    run = read(written(tmp_path, log(records)))
    assert [step for step, _ in points(run)] == [50 * n for n in range(9)]
    assert points(run, "val_loss") == [(200, "0.5")]


@pytest.mark.parametrize(
    "count",
    [
        lambda n: n % 4,  # the batch within an epoch
        lambda n: 1000,  # how many there will be
        lambda n: n / 10,
        lambda n: math.nan,
        lambda n: 1e300,
    ],
)
def test_what_counts_no_steps_is_not_the_axis(tmp_path: Path, count: Any) -> None:
    run = read(written(tmp_path, log([row(n, {"loss": n, "step": count(n), "epoch": n // 4}) for n in range(12)])))
    assert [step for step, _ in points(run)] == list(range(12))


def test_an_axis_that_the_user_has_named_counts(tmp_path: Path) -> None:
    metric = part(12, part(2, b"*") + part(4, b"seen_images"))
    run = read(written(tmp_path, log([metric, *(row(n, {"loss": n, "seen_images": 64 * n}) for n in range(9))])))
    assert [step for step, _ in points(run)] == [64 * n for n in range(9)]


def test_every_group_with_its_own_global_step_has_it_as_its_axis(tmp_path: Path) -> None:
    train = [row(n, {"train/loss": n, "train/global_step": 10 * n}) for n in range(8)]
    test = [row(8 + n, {"test/loss": n, "test/global_step": 40 * n}) for n in range(2)]
    run = read(written(tmp_path, log([*train, *test])))
    assert [step for step, _ in points(run, "train/loss")] == [10 * n for n in range(8)]
    assert [step for step, _ in points(run, "test/loss")] == [0, 40]


def test_a_training_that_went_back_to_a_checkpoint_is_resolved(tmp_path: Path) -> None:
    steps = [0, 10, 20, 30, 20, 30, 40]
    run = read(written(tmp_path, log([row(n, {"loss": n, "global_step": step}) for n, step in enumerate(steps)])))
    assert points(run) == [(0, "0.0"), (10, "1.0"), (20, "4.0"), (30, "5.0"), (40, "6.0")]
    assert any("restart at step 20" in note for note in run.notes)


def test_alerts_are_told(tmp_path: Path) -> None:
    run = read(written(tmp_path, log([*curve(), part(10, part(1, b"loss exploded") + part(2, b"at step 5"))])))
    assert "the run raised an alert: loss exploded" in run.notes


# --- which files are one run ------------------------------------------------------------------------------------------


def test_the_folders_of_a_resumed_run_are_one(tmp_path: Path) -> None:
    first = written(tmp_path, log([row(n, {"loss": n}) for n in range(6)]))
    second = written(tmp_path, log([*(row(n, {"loss": 10 * n}) for n in range(4, 9)), ended()]), time="20260102_000000")
    other = written(tmp_path, log(curve()), run="other")
    assert wandb.home(first) == wandb.home(second) == first.parent
    assert wandb.home(other) == other.parent
    run = read(second, first)
    assert [int(float(value)) for _, value in points(run)] == [0, 1, 2, 3, 40, 50, 60, 70, 80]
    assert run.status is Status.FINISHED


def test_the_link_to_the_latest_run_is_that_run(tmp_path: Path) -> None:
    path = written(tmp_path, log(curve()))
    (tmp_path / "wandb" / "latest-run").symlink_to(path.parent.name)
    assert wandb.home(tmp_path / "wandb" / "latest-run" / path.name) == path.parent


@pytest.mark.parametrize("name", ["run-abc.wandb", "x.wandb"])
def test_a_file_that_was_moved_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(log(curve()))
    assert wandb.home(tmp_path / name) == tmp_path
    assert len(read(tmp_path / name).series["loss"]) == 10


# --- damage -----------------------------------------------------------------------------------------------------------


def test_a_flipped_bit_costs_its_record(tmp_path: Path) -> None:
    records = curve(200)
    content = bytearray(log(records))
    ends = list(accumulate((7 + len(record) for record in records), initial=7))
    content[ends[50] + 30] ^= 1
    run = read(written(tmp_path, bytes(content)))
    assert [step for step, _ in points(run)] == [n for n in range(200) if n != 49]
    (incident,) = run.incidents
    assert (incident.place, incident.kind, incident.dropped) == (f"byte {ends[50]}", "bad_record_checksum", 1)


def test_a_forged_length_costs_its_record(tmp_path: Path) -> None:
    records = curve(3000)
    content = bytearray(log(records))
    ends = list(accumulate((7 + len(record) for record in records), initial=7))
    assert ends[50] < BLOCK < len(content)
    content[ends[50] + 4 : ends[50] + 6] = b"\xff\xff"
    run = read(written(tmp_path, bytes(content)))
    assert [step for step, _ in points(run)] == [n for n in range(3000) if n != 49]


def test_zeros_in_place_of_a_block_cost_what_stood_there(tmp_path: Path) -> None:
    content = bytearray(log(curve(3000)))
    assert len(content) > 4 * BLOCK
    content[BLOCK : 2 * BLOCK] = bytes(BLOCK)
    run = read(written(tmp_path, bytes(content)))
    steps = [step for step, _ in points(run)]
    assert steps[0] == 0
    assert steps[-1] == 2999
    assert 2000 < len(steps) < 3000
    assert run.incidents


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git-lfs"),
        (b"hello, world", "not a W&B log"),
        (b":W&B", "nothing was logged"),
        (log([]) + b"\x01\x02\x03", "truncated|within a record"),
        (log([started({"lr": 1}), ended()]), "nothing was logged"),
        (log([part(2, part(1, part(16, b"[")))]), "nothing was logged"),
    ],
)
def test_a_file_without_points_says_why(tmp_path: Path, content: bytes, message: str) -> None:
    path = written(tmp_path, content)
    assert wandb.claims(path)
    with pytest.raises(LogError, match=message):
        read(path)


def test_a_good_file_is_read_beside_a_bad_one(tmp_path: Path) -> None:
    good, bad = written(tmp_path, log(curve())), written(tmp_path, b"", time="20260102_000000")
    run = read(good, bad)
    assert len(run.series["loss"]) == 10
    assert [incident.kind for incident in run.incidents] == ["unreadable_file"]


def test_a_record_that_is_no_message_is_left_out_alone(tmp_path: Path) -> None:
    bad = [b"\xff" * 20, part(2, b"\xff\xff"), row(3, {"deep": "x"}).replace(b'"x"', b"[[["), b"\x0b\x0c", part(2, 5)]
    run = read(written(tmp_path, log([*curve()[:6], *bad, *curve()[6:]])))
    assert len(run.series["loss"]) == 10
    assert {incident.kind for incident in run.incidents} == {"unreadable_record"}


@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 5000, "{" * 50_000, "1e999", "-" + "9" * 400])
def test_hostile_json_is_survived(tmp_path: Path, value: str) -> None:
    hostile = part(2, part(1, part(2, b"x") + part(16, value.encode())) + part(1, item(("loss",), 7)))
    assert "loss" in read(written(tmp_path, log([hostile, *curve()]))).series


@pytest.mark.parametrize("step", [1e300, -1e300, math.inf, math.nan, 10**30])
def test_a_step_that_no_integer_holds_is_dropped_and_told(tmp_path: Path, step: float) -> None:
    odd = part(2, part(1, item(("loss",), 7)) + part(1, item(("_step",), step)))
    run = read(written(tmp_path, log([odd, *curve()])))
    assert len(run.series["loss"]) == 10
    assert [incident.kind for incident in run.incidents] == ["impossible_step"]


def test_claims_nothing_but_such_files(tmp_path: Path) -> None:
    for name in ("run-abc.wandb.synced", "wandb-summary.json", "run.log"):
        (tmp_path / name).write_bytes(log(curve()))
        assert not wandb.claims(tmp_path / name)
    os.mkfifo(tmp_path / "run-pipe.wandb")
    (tmp_path / "run-folder.wandb").mkdir()
    for name in ("run-pipe.wandb", "run-folder.wandb", "run-missing.wandb"):
        assert not wandb.claims(tmp_path / name)


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    (source,) = DATA.glob("*hf000001/*.wandb")
    copy = tmp_path / source.name
    shutil.copyfile(source, copy)
    read(copy)
    assert [path.name for path in tmp_path.iterdir()] == [source.name]
    assert copy.read_bytes() == source.read_bytes()


WHOLE = log(
    [started({"lr": 0.1}), *(row(n, {"loss": 1 / (n + 1), "pad": "y" * 600, "iter": 2 * n}) for n in range(90))]
)


@fuzzed
@given(cut=st.integers(0, len(WHOLE)))
def test_a_prefix_gives_a_prefix_of_the_points(tmp_path: Path, cut: int) -> None:
    whole = points(read(written(tmp_path, WHOLE)))
    path = written(tmp_path, WHOLE[:cut])
    try:
        found = points(read(path))
    except (LogError, NotALog):
        found = []
    assert found == whole[: len(found)]


@fuzzed
@given(st.data())
def test_damage_raises_nothing_but_log_errors(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    path = written(tmp_path, bytes(content))
    assert wandb.claims(path)
    try:
        run = read(path)
    except LogError:
        return
    assert all(len(series) for series in run.series.values())
