from __future__ import annotations

import math
import os
import struct
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_ndarray, make_tensor_proto

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Run, Status
from lrdoctor.parsers import _tfrecord, tensorboard
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data" / "tensorboard"
NAME = "events.out.tfevents.1700000000.host.1.0"
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@pytest.fixture(autouse=True, params=["accelerator", "plain Python"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain Python":
        monkeypatch.setattr(_tfrecord, "accelerator", lambda: None)


def read(*files: Path, home: Path | None = None) -> Run:
    (run,) = tensorboard.read(home or files[0].parent, files, RoleNames())
    return run


def points(run: Run, tag: str = "loss") -> list[tuple[int, float]]:
    series = run.series[tag]
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def tensor(value: Any, dtype: str, tag: str = "loss", plugin: str = "scalars") -> Summary.Value:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin))
    return Summary.Value(tag=tag, tensor=make_tensor_proto(np.asarray(value, dtype=dtype)), metadata=metadata)


def test_reads_every_point_with_its_time(tmp_path: Path, made: Any) -> None:
    path = made.events(tmp_path / NAME, [made.event(n * 3, wall_time=100.0 + n, loss=n / 4) for n in range(20_000)])
    run = read(path)
    assert points(run) == [(n * 3, n / 4) for n in range(20_000)]
    assert run.series["loss"].wall_times is not None
    assert run.series["loss"].wall_times[[0, -1]].tolist() == [100.0, 20_099.0]
    assert (run.path, run.format, run.notes, run.incidents) == (tmp_path, "tensorboard", (), ())


def test_keeps_what_is_not_finite(tmp_path: Path, made: Any) -> None:
    values = [1.0, math.nan, math.inf, -math.inf]
    records = [made.event(step, loss=value, wall_time=math.nan) for step, value in enumerate(values)]
    np.testing.assert_array_equal(read(made.events(tmp_path / NAME, records)).series["loss"].values, values)


def test_reads_steps_of_any_size(tmp_path: Path, made: Any) -> None:
    steps = [-300, -1, 0, 1, 127, 128, 2**14, 2**31, 2**40]
    run = read(made.events(tmp_path / NAME, [made.event(step, loss=1.0) for step in steps]))
    assert run.series["loss"].steps.tolist() == steps


def test_reads_several_values_of_one_record(tmp_path: Path, made: Any) -> None:
    run = read(made.events(tmp_path / NAME, [made.event(n, train__loss=1.0, lr=0.5) for n in range(3)]))
    assert {tag: len(series) for tag, series in run.series.items()} == {"train/loss": 3, "lr": 3}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_reads_tensors_that_hold_one_number(tmp_path: Path, made: Any, dtype: str, shape: tuple[int, ...]) -> None:
    records = [made.event(n, loss=tensor(np.full(shape, n % 2), dtype)) for n in range(4)]
    assert points(read(made.events(tmp_path / NAME, records))) == [(0, 0), (1, 1), (2, 0), (3, 1)]


@pytest.mark.parametrize("where", ["float_val", "tensor_content"])
@pytest.mark.parametrize("shape", [{}, {"tensor_shape": TensorShapeProto()}])
def test_reads_the_tensors_of_torch_and_keras(tmp_path: Path, made: Any, where: str, shape: Any) -> None:
    def value(number: float) -> Summary.Value:
        content = {"float_val": [number], "tensor_content": struct.pack("<f", number)}[where]
        return Summary.Value(tag="loss", tensor=TensorProto(dtype=DT_FLOAT, **{where: content}, **shape))

    run = read(made.events(tmp_path / NAME, [made.event(n, loss=value(n / 2)) for n in range(4)]))
    assert points(run) == [(0, 0), (1, 0.5), (2, 1), (3, 1.5)]


def test_does_not_take_other_tensors_for_scalars(tmp_path: Path, made: Any) -> None:
    others = [
        made.event(0, x=tensor([1.0, 2.0], "float32", "pair")),
        made.event(0, x=Summary.Value(tag="text", tensor=make_tensor_proto("hello"))),
        made.event(0, x=tensor(1.0, "float32", "curve", plugin="pr_curves")),
        made.event(1, x=Summary.Value(tag="curve", tensor=make_tensor_proto(np.float32(1)))),
        made.event(0, x=Summary.Value(tag="histogram", histo=HistogramProto(min=0.0, max=1.0))),
    ]
    assert list(read(made.events(tmp_path / NAME, [*others, made.event(0, loss=1.0)])).series) == ["loss"]
    with pytest.raises(NotALog, match="graph, text or images only"):
        read(made.events(tmp_path / NAME, others))


def test_a_tensor_that_declares_a_huge_shape_is_not_made(tmp_path: Path, made: Any) -> None:
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1 << 40)])
    huge = Summary.Value(tag="x", tensor=TensorProto(dtype=DT_FLOAT, float_val=[1.0], tensor_shape=shape))
    run = read(made.events(tmp_path / NAME, [made.event(0, x=huge), made.event(0, loss=1.0)]))
    assert list(run.series) == ["loss"]


def test_an_unusual_order_of_fields_is_read_the_slow_way(tmp_path: Path, made: Any) -> None:
    # The second step of such a record wins, though a record like the first was seen before.
    usual = made.event(5, loss=1.0)[12:-4]
    odd = [made.record(usual + b"\x10\x07"), made.record(usual + b"\x10\x08")]
    assert points(read(made.events(tmp_path / NAME, odd))) == [(7, 1.0), (8, 1.0)]


def test_agrees_with_tensorboard(tmp_path: Path) -> None:
    writer = EventFileWriter(str(tmp_path))
    random = np.random.default_rng(0)
    for step in range(3000):
        value = random.normal()
        values = [Summary.Value(tag="train/loss", simple_value=value), tensor(value, "float32", "v2")]
        writer.add_event(Event(wall_time=step, step=step * 7, summary=Summary(value=values[: 1 + step % 2])))
    writer.close()
    (path,) = tmp_path.iterdir()
    run = read(path)
    theirs = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    assert points(run, "train/loss") == [(e.step, e.value) for e in theirs.Scalars("train/loss")]
    expected = [(e.step, float(make_ndarray(e.tensor_proto))) for e in theirs.Tensors("v2")]
    assert points(run, "v2") == expected
    assert len(expected) == 1500


# --- damage -----------------------------------------------------------------------------------------------------------


def bitten(path: Path, at: int) -> Path:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))
    return path


def offsets(made: Any, records: Sequence[bytes]) -> list[int]:
    return list(accumulate(map(len, records[:-1]), initial=len(made.header)))


@pytest.mark.parametrize("number", [0, 17, 99])
def test_a_bad_record_costs_itself_only(tmp_path: Path, made: Any, number: int) -> None:
    records = [made.event(n, loss=float(n)) for n in range(100)]
    at = offsets(made, records)[number]
    run = read(bitten(made.events(tmp_path / NAME, records), at + 20))
    assert [step for step, _ in points(run)] == [n for n in range(100) if n != number]
    assert [(i.kind, i.place, i.dropped) for i in run.incidents] == [("bad_record_checksum", f"byte {at}", 1)]


@pytest.mark.parametrize("byte", [0, 7, 9])
def test_a_bad_length_costs_its_record_only(tmp_path: Path, made: Any, byte: int) -> None:
    records = [made.event(n, loss=float(n)) for n in range(100)]
    at = offsets(made, records)[40]
    run = read(bitten(made.events(tmp_path / NAME, records), at + byte))
    assert [step for step, _ in points(run)] == [n for n in range(100) if n != 40]
    assert [(i.kind, i.place) for i in run.incidents] == [("lost_record_boundary", f"byte {at}")]


def test_text_within_the_file_is_passed_over(tmp_path: Path, made: Any) -> None:
    records = [made.event(0, loss=1.0), b"WARNING: something printed here\n" * 100, made.event(1, loss=2.0)]
    assert points(read(made.events(tmp_path / NAME, records))) == [(0, 1.0), (1, 2.0)]


def test_a_length_beyond_the_file_allocates_nothing(tmp_path: Path, made: Any) -> None:
    length = struct.pack("<Q", 1 << 62)
    lying = length + made.record(length)[-4:]  # the checksum of the length holds
    run = read(made.events(tmp_path / NAME, [made.event(0, loss=1.0), lying, b"x" * 100]))
    assert points(run) == [(0, 1.0)]
    assert [i.kind for i in run.incidents] == ["truncated_tail"]


def test_zeros_at_the_end_are_named(tmp_path: Path, made: Any) -> None:
    run = read(made.events(tmp_path / NAME, [made.event(0, loss=1.0), bytes(5000)]))
    assert [(i.kind, i.dropped) for i in run.incidents] == [("truncated_tail", 0)]
    assert "5000 zero bytes" in run.incidents[0].message


def test_a_sound_record_that_is_no_event_is_named(tmp_path: Path, made: Any) -> None:
    run = read(made.events(tmp_path / NAME, [made.record(b"\xff" * 30), made.event(0, loss=1.0)]))
    assert [(i.kind, i.dropped) for i in run.incidents] == [("unreadable_record", 1)]


def test_many_damages_are_counted_exactly_and_listed_briefly(tmp_path: Path, made: Any) -> None:
    path = made.events(tmp_path / NAME, [*[made.record(b"\xff" * 30)] * 1000, made.event(0, loss=1.0)])
    incidents = read(path).incidents
    assert sum(i.dropped for i in incidents) == 1000
    assert len(incidents) == 21


@fuzzed
@given(cut=st.integers(0, 2000))
def test_every_prefix_of_a_file_gives_a_prefix_of_its_points(tmp_path: Path, made: Any, cut: int) -> None:
    whole = made.header + b"".join(made.event(n, loss=float(n)) for n in range(40))
    cut = min(cut, len(whole))
    path = tmp_path / NAME
    path.write_bytes(whole[:cut])
    try:
        kept = points(read(path))
    except LogError:
        kept = []
    size = len(made.event(0, loss=0.0))
    # Step 0 is left out of a record, which makes it two bytes shorter.
    complete = max(0, (cut - len(made.header) + 2) // (size + 2)) if cut >= len(made.header) + size else 0
    assert kept == [(n, float(n)) for n in range(complete)]


@fuzzed
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=6), st.binary(max_size=60))
def test_no_bytes_break_the_reader(tmp_path: Path, made: Any, bites: list[tuple[int, int]], more: bytes) -> None:
    content = bytearray(made.header + b"".join(made.event(n, loss=n, lr=1.0) for n in range(30)) + more)
    for at, value in bites:
        content[at % len(content)] = value
    path = tmp_path / NAME
    path.write_bytes(bytes(content))
    try:
        run = read(path)
    except LogError:
        return
    assert all(np.isin(series.steps, range(30)).all() for tag, series in run.series.items() if tag == "lr")


@fuzzed
@given(st.binary(max_size=300))
def test_no_payload_breaks_the_decoder(tmp_path: Path, made: Any, payload: bytes) -> None:
    path = made.events(tmp_path / NAME, [made.record(payload), made.event(1, loss=1.0)])
    assert "loss" in read(path).series


@fuzzed
@given(st.binary(max_size=200))
def test_any_bytes_are_a_run_or_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    assert tensorboard.claims(path)
    with pytest.raises(LogError) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git-lfs pointer"),
        (b"not an event file at all, but long enough", "header is damaged"),
    ],
)
def test_says_why_a_file_is_useless(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    with pytest.raises(LogError, match=message) as caught:
        read(path)
    assert not isinstance(caught.value, NotALog)


def test_a_file_with_a_header_only_is_no_log(tmp_path: Path, made: Any) -> None:
    with pytest.raises(NotALog, match="no scalars in it"):
        read(made.events(tmp_path / NAME, []))


def test_a_useless_file_beside_a_good_one_is_an_incident(tmp_path: Path, made: Any) -> None:
    good = made.events(tmp_path / NAME, [made.event(0, loss=1.0)])
    empty = tmp_path / (NAME + "1")
    empty.write_bytes(b"")
    run = read(good, empty)
    assert [(i.path, i.kind, i.message) for i in run.incidents] == [(str(empty), "unreadable_file", "an empty file")]


# --- several files ----------------------------------------------------------------------------------------------------


def test_files_follow_the_number_in_their_names(tmp_path: Path, made: Any) -> None:
    old = made.events(tmp_path / "events.out.tfevents.999.h", [made.event(n, loss=0.0) for n in range(10)])
    new = made.events(tmp_path / "events.out.tfevents.1000.h", [made.event(n, loss=1.0) for n in range(8, 12)])
    run = read(new, old)
    assert points(run) == [(n, float(n >= 8)) for n in range(12)]
    assert run.notes == ("restart at step 8: 2 points superseded",)


def test_the_start_of_a_session_discards_what_comes_after_its_step(tmp_path: Path, made: Any) -> None:
    start = Event(wall_time=1, step=5, session_log=SessionLog(status=SessionLog.START))
    before = [made.event(n, loss=0.0, lr=0.0) for n in range(10)]
    after = [made.event(n, loss=1.0) for n in range(7, 9)]
    run = read(made.events(tmp_path / NAME, [*before, made.record(start.SerializeToString()), *after]))
    assert points(run) == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (7, 1), (8, 1)]
    assert len(run.series["lr"]) == 5
    assert run.notes == ("restart at step 5: 10 points superseded",)


def test_another_message_of_a_session_discards_nothing(tmp_path: Path, made: Any) -> None:
    stop = Event(wall_time=1, step=5, session_log=SessionLog(status=SessionLog.STOP))
    records = [*(made.event(n, loss=0.0) for n in range(10)), made.record(stop.SerializeToString())]
    assert len(points(read(made.events(tmp_path / NAME, records)))) == 10


def test_train_and_validation_of_keras_are_one_run(tmp_path: Path, made: Any) -> None:
    files = [
        made.events(tmp_path / "logs" / part / NAME, [made.event(n, epoch_loss=1.0) for n in range(3)])
        for part in ("train", "validation")
    ]
    assert {tensorboard.home(path) for path in files} == {tmp_path / "logs"}
    assert list(read(*files, home=tmp_path / "logs").series) == ["train/epoch_loss", "validation/epoch_loss"]


def test_an_eval_folder_belongs_to_the_run_above_it(tmp_path: Path, made: Any) -> None:
    files = [made.events(tmp_path / part / NAME, [made.event(1, loss=1.0)]) for part in (".", "eval")]
    assert {tensorboard.home(path) for path in files} == {tmp_path}
    assert list(read(*files, home=tmp_path).series) == ["loss", "eval/loss"]


def test_a_folder_that_is_called_train_can_be_a_run(tmp_path: Path, made: Any) -> None:
    alone = made.events(tmp_path / "a" / "train" / NAME, [made.event(1, loss=1.0)])
    assert tensorboard.home(alone) == alone.parent
    beside_another = made.events(tmp_path / "a" / "other" / NAME, [made.event(1, loss=1.0)])
    assert tensorboard.home(alone) == alone.parent
    assert tensorboard.home(beside_another) == beside_another.parent


def test_the_folders_of_add_scalars_belong_to_the_run_above(tmp_path: Path, made: Any) -> None:
    above = made.events(tmp_path / NAME, [made.event(1, lr=1.0)])
    files = [
        made.events(tmp_path / folder / NAME, [made.event(1, **{tag: 1.0})])
        for folder, tag in (("Loss_train", "Loss"), ("Loss_val", "Loss"), ("a_b_x", "a__b"), ("c/d/e", "c__d"))
    ]
    assert {tensorboard.home(path) for path in files} == {tmp_path}
    assert list(read(above, *files, home=tmp_path).series) == ["lr", "Loss/train", "Loss/val", "a/b/x", "c/d/e"]


def test_a_folder_below_a_run_can_be_another_run(tmp_path: Path, made: Any) -> None:
    made.events(tmp_path / NAME, [made.event(1, lr=1.0)])
    below = made.events(tmp_path / "version_1" / NAME, [made.event(1, loss=1.0)])
    assert tensorboard.home(below) == below.parent


def test_no_tag_is_lost_where_two_have_one_name(tmp_path: Path, made: Any) -> None:
    above = made.events(tmp_path / NAME, [made.event(1, Loss__train=1.0)])
    below = made.events(tmp_path / "Loss_train" / NAME, [made.event(1, Loss=2.0)])
    run = read(above, below, home=tmp_path)
    assert {tag: series.values.tolist() for tag, series in run.series.items()} == {
        "Loss/train": [1.0],
        "Loss_train/Loss": [2.0],
    }


def test_the_folder_of_add_hparams_is_configuration(tmp_path: Path, made: Any) -> None:
    above = made.events(tmp_path / NAME, [made.event(1, loss=1.0)])
    told = hparams.hparams_pb({"lr": 0.1, "layers": 4, "opt": "adam", "bias": True}).value[0]
    below = made.events(
        tmp_path / "1700000000.1234" / NAME, [made.event(0, x=told), made.event(0, hparam__accuracy=1.0)]
    )
    assert tensorboard.home(below) == tmp_path
    run = read(above, below, home=tmp_path)
    assert run.hparams == {"lr": 0.1, "layers": 4, "opt": "adam", "bias": True}
    assert list(run.series) == ["loss"]


# --- what the libraries themselves wrote ------------------------------------------------------------------------------


def read_folder(name: str) -> Run:
    files = [path for path in sorted((DATA / name).rglob("*tfevents*")) if tensorboard.claims(path)]
    assert {tensorboard.home(path) for path in files} == {DATA / name}
    return read(*files, home=DATA / name)


def test_reads_what_torch_wrote() -> None:
    # torch 2.13: add_scalar in both of its styles, add_scalars, a histogram, an image, a text, add_hparams.
    run = read_folder("torch")
    assert {tag: len(series) for tag, series in run.series.items()} == {
        "train/loss": 30,
        "lr": 30,
        "Loss/train": 30,
        "Loss/val": 30,
    }
    expected = [2 / (1 + n) if n != 7 else math.nan for n in range(30)]
    np.testing.assert_array_equal(run.series["train/loss"].values, np.array(expected, dtype=np.float32))
    rates = np.array([0.1 * (1 - n / 30) for n in range(30)], dtype=np.float32)
    np.testing.assert_array_equal(run.series["lr"].values, rates)
    assert run.hparams == {"lr": 0.1, "bsize": 32, "opt": "sgd", "nesterov": True}
    assert run.incidents == ()


def test_reads_what_lightning_wrote() -> None:
    # lightning 2.6.6: its TensorBoardLogger, with a LearningRateMonitor; 12 steps, logged every other one.
    run = read_folder("lightning")
    assert {tag: len(series) for tag, series in run.series.items()} == {
        "lr-SGD": 3,
        "train_loss": 6,
        "epoch": 6,
        "val_loss": 3,
    }
    assert run.series["train_loss"].steps.tolist() == [1, 3, 5, 7, 9, 11]
    assert run.hparams == {"lr": 0.1, "width": 3}


def test_reads_what_hugging_face_wrote() -> None:
    # transformers 5.24: Trainer with report_to=["tensorboard"]; two epochs of ten steps, logged every other one.
    run = read_folder("huggingface")
    assert run.series["train/loss"].steps.tolist() == list(range(2, 21, 2))
    assert run.series["eval/loss"].steps.tolist() == [10, 20]
    told = {name: run.hparams[name] for name in ("optim", "learning_rate", "per_device_train_batch_size", "max_steps")}
    assert told == {
        "optim": "adamw_torch_fused",
        "learning_rate": 1e-3,
        "per_device_train_batch_size": 4,
        "max_steps": -1,
    }
    assert (run.planned_steps, run.status) == (20, Status.FINISHED)


# --- what is known of single libraries --------------------------------------------------------------------------------


def arguments(made: Any, text: str) -> bytes:
    value = tensor([text], "object", "args/text_summary", plugin="text")
    return bytes(made.event(0, x=value))


def test_the_plan_of_hugging_face_is_told_by_steps_or_by_epochs(tmp_path: Path, made: Any) -> None:
    curve = [made.event(n, train__loss=1.0, train__epoch=n / 100) for n in range(10, 101, 10)]
    for number, (text, planned) in enumerate(
        [
            ('{"max_steps": 400, "num_train_epochs": 3}', 400),
            ('{"max_steps": -1, "num_train_epochs": 3}', 300),
            ('{"max_steps": -1, "num_train_epochs": 3.5}', 350),
            ('{"max_steps": -1, "num_train_epochs": 1}', 100),
            ('{"max_steps": -1}', None),
            ('{"max_steps": 50}', None),  # the log went further: it is no plan
            ('{"num_train_epochs": "three"}', None),
            ('{"num_train_epochs": 1e300}', None),
            ("{not JSON", None),
            ("[1, 2]", None),
            ("", None),
        ]
    ):
        run = read(made.events(tmp_path / str(number) / NAME, [arguments(made, text), *curve]))
        assert (run.planned_steps, run.status, list(run.series)) == (
            planned,
            Status.UNKNOWN,
            ["train/loss", "train/epoch"],
        )


def test_a_hugging_face_run_that_was_resumed_keeps_its_latest_arguments(tmp_path: Path, made: Any) -> None:
    records = [
        arguments(made, '{"max_steps": 5, "seed": 1}'),
        made.event(1, loss=1.0),
        arguments(made, '{"max_steps": 9}'),
    ]
    run = read(made.events(tmp_path / NAME, records))
    assert (run.hparams, run.planned_steps) == ({"max_steps": 9, "seed": 1}, 9)


def test_other_text_is_no_configuration(tmp_path: Path, made: Any) -> None:
    note = tensor(['{"max_steps": 5}'], "object", "note/text_summary", plugin="text")
    image = tensor(['{"max_steps": 5}'], "object", "args/text_summary", plugin="images")
    for value in (note, image):
        assert read(made.events(tmp_path / NAME, [made.event(0, x=value), made.event(1, loss=1.0)])).hparams == {}


def test_the_metric_that_lightning_makes_up_is_left_out(tmp_path: Path, made: Any) -> None:
    made_up = made.event(0, hp_metric=-1.0)
    assert list(read(made.events(tmp_path / "a" / NAME, [made_up, made.event(1, loss=1.0)])).series) == ["loss"]
    told = [made_up, made.event(1, hp_metric=0.5), made.event(1, loss=1.0)]
    assert list(read(made.events(tmp_path / "b" / NAME, told)).series) == ["hp_metric", "loss"]
    with pytest.raises(NotALog):
        read(made.events(tmp_path / "c" / NAME, [made_up]))


def test_the_configuration_beside_an_event_file_is_read(tmp_path: Path, made: Any) -> None:
    (tmp_path / "hparams.yaml").write_text("lr: 0.5\nmax_steps: 30\n")
    run = read(made.events(tmp_path / NAME, [made.event(n, loss=1.0) for n in range(1, 11)]))
    assert (run.hparams, run.planned_steps) == ({"lr": 0.5, "max_steps": 30}, 30)


def test_the_epochs_of_keras_are_planned_in_epochs(tmp_path: Path, made: Any) -> None:
    (tmp_path / "args.yaml").write_text("epochs: 7\nmax_steps: 1000\n")
    run = read(made.events(tmp_path / NAME, [made.event(n, epoch_loss=1.0) for n in range(5)]))
    assert run.planned_steps == 7


def test_an_image_that_is_longer_than_any_scalar_costs_nothing(tmp_path: Path, made: Any) -> None:
    image = Summary.Image(height=1, width=1, colorspace=3, encoded_image_string=bytes(3_000_000))
    records = [made.event(1, loss=1.0), made.event(1, x=Summary.Value(tag="x", image=image)), made.event(2, loss=2.0)]
    run = read(made.events(tmp_path / NAME, records))
    assert (points(run), run.incidents) == ([(1, 1.0), (2, 2.0)], ())


# --- claims -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [NAME, NAME + ".v2", "my.tfevents", "events.out.tfevents.1.a.profile-empty"])
def test_claims_event_files(tmp_path: Path, made: Any, name: str) -> None:
    assert tensorboard.claims(made.events(tmp_path / name, []))


@pytest.mark.parametrize("name", [NAME + ".json", NAME + ".csv", "notes-on-tfevents.txt", "metrics.csv"])
def test_does_not_claim_what_lies_beside_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("step,loss\n1,2\n")
    assert not tensorboard.claims(path)


def test_does_not_claim_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME)
    (tmp_path / "folder.tfevents").mkdir()
    assert not tensorboard.claims(tmp_path / NAME)
    assert not tensorboard.claims(tmp_path / "folder.tfevents")
    assert not tensorboard.claims(tmp_path / "gone" / NAME)
    with pytest.raises(LogError, match="not a regular file"):
        read(tmp_path / NAME)
