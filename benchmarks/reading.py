"""How fast logs are read: every scalar point into arrays, by lrdoctor and by the other readers of event files.

    python -m benchmarks.reading make FOLDER [--shrink 0.1]
    python -m benchmarks.reading time FOLDER [--reader NAME ...] [--corpus NAME ...] [--peers PYTHON] [--repeat 5]

Each reader has a process of its own for each corpus, pinned to one core, with its modules imported, the files in the
page cache and, where it takes files and not folders, their names listed before the clock starts. Printed is the median
of its CPU time, the Rust server's included, and its peak memory. `--peers` names the Python that has tbparse,
tensorboard, grpcio and tensorboard-data-server; a reader whose package it lacks is left out, and why is said.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
POINTS = {"one-file": 1_000_000, "tensors": 1_000_000, "runs": 1_000_000, "mixed": 40_000, "csv": 7_000_000}
TAGS = tuple(f"{scope}/{name}" for scope in ("train", "val") for name in ("loss", "accuracy", "lr", "grad_norm", "mae"))
RUNS, RUN_TAGS = 500, 5
HISTOGRAMS_PER_IMAGE = 20
OTHERS = 0.99
"""Share of the mixed file's bytes that are no scalars."""
NAME = "events.out.tfevents.1700000000.host.1.0"
CSV_COLUMNS = ("epoch", "train_loss", "val_loss", "lr", "grad_norm", "accuracy", "seconds")
Read = Callable[[], Sequence[Any]]
"""Gives the values of every curve, in arrays."""


# ------------------------------------------------------------------------------------------------------------- corpora


def make(folder: Path, shrink: float) -> None:
    """Write the corpora, each in a folder of its own, the same bytes each time."""
    one, runs = int(POINTS["one-file"] * shrink), int(RUNS * shrink) or 1
    steps = POINTS["runs"] // RUNS // RUN_TAGS
    _write(folder / "one-file" / NAME, (_scalar(n // len(TAGS), TAGS[n % len(TAGS)], False) for n in range(one)))
    _write(folder / "tensors" / NAME, (_scalar(n // len(TAGS), TAGS[n % len(TAGS)], True) for n in range(one)))
    for run in range(runs):
        records = (_scalar(n // RUN_TAGS, TAGS[n % RUN_TAGS], False) for n in range(steps * RUN_TAGS))
        _write(folder / "runs" / f"run{run}" / NAME, records)
    _write(folder / "mixed" / NAME, _mixed(int(POINTS["mixed"] * shrink)))
    table = folder / "csv" / "metrics.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w") as file:
        file.write("step," + ",".join(CSV_COLUMNS) + "\n")
        for step in range(int(POINTS["csv"] / len(CSV_COLUMNS) * shrink)):
            file.write(f"{step}," + ",".join(repr(_value(step, name)) for name in CSV_COLUMNS) + "\n")


def _value(step: int, tag: str) -> float:
    noise = random.Random(step * 131 + len(tag)).random()  # noqa: S311
    return len(tag) / 10 + noise / math.sqrt(1 + step)


def _scalar(step: int, tag: str, tensor: bool) -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    value = _value(step, tag)
    if tensor:  # as TensorFlow 2 writes it
        data = TensorProto(dtype=1, tensor_shape=TensorShapeProto(), tensor_content=struct.pack("<f", value))
        metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
        summary = Summary(value=[Summary.Value(tag=tag, tensor=data, metadata=metadata)])
    else:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    event = Event(wall_time=1.7e9 + step / 10, step=step, summary=summary)
    return bytes(event.SerializeToString())


def _mixed(scalars: int) -> Iterator[bytes]:
    """Histograms and images as torch writes them, with scalars between."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

    noise = random.Random(0)  # noqa: S311
    edges = [noise.gauss(0, 1) for _ in range(400)]
    written = owed = 0
    for n in range(scalars):
        record = _scalar(n, TAGS[n % len(TAGS)], False)
        yield record
        owed += int((len(record) + 16) * OTHERS / (1 - OTHERS))
        while owed > 0:
            if written % HISTOGRAMS_PER_IMAGE:
                noise.shuffle(edges)
                histogram = HistogramProto(min=-3, max=3, num=1e4, bucket_limit=edges, bucket=edges)
                value = Summary.Value(tag=f"layer{written % 7}/weight", histo=histogram)
            else:
                image = Summary.Image(height=64, width=64, colorspace=3, encoded_image_string=noise.randbytes(20_000))
                value = Summary.Value(tag="samples", image=image)
            other = bytes(Event(wall_time=1.7e9 + n, step=n, summary=Summary(value=[value])).SerializeToString())
            yield other
            written, owed = written + 1, owed - len(other)


def _write(path: Path, datas: Iterator[bytes]) -> None:
    from google_crc32c import value as crc32c
    from tensorboard.compat.proto.event_pb2 import Event

    def masked(data: bytes) -> bytes:
        crc = crc32c(data)
        return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for data in [Event(wall_time=1.7e9, file_version="brain.Event:2").SerializeToString()]:
            file.write(b"".join((length := struct.pack("<Q", len(data)), masked(length), data, masked(data))))
        for data in datas:
            file.write(b"".join((length := struct.pack("<Q", len(data)), masked(length), data, masked(data))))


# ------------------------------------------------------------------------------------------------------------- readers


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def bare(folder: Path) -> Read:
    """Nothing but the bytes, 256 KiB at a time."""
    buffer, files = bytearray(1 << 18), _files(folder)

    def read() -> Sequence[Any]:
        for path in files:
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass
        return []

    return read


def lrdoctor(folder: Path) -> Read:
    """The columns of every file."""
    from lrdoctor.parsers._damage import Damage
    from lrdoctor.parsers._files import opened
    from lrdoctor.parsers._scalar_events import Scalars
    from lrdoctor.parsers._tfrecord import accelerator

    if not os.environ.get("LRDOCTOR_PURE_PYTHON") and accelerator() is None:
        raise ImportError("the accelerator was not built")
    files = _files(folder)

    def read() -> Sequence[Any]:
        runs = []
        for path in files:
            scalars = Scalars()
            descriptor = opened(path)
            scalars.read(descriptor, Damage(path))
            os.close(descriptor)
            runs.append(scalars.columns())
        return [column.values for columns in runs for column in columns.values()]

    return read


def runs(folder: Path) -> Read:
    """Whole runs, as `lrdoctor analyze` takes them: found, ordered, with restarts resolved and hyperparameters."""
    from lrdoctor.doctor import read as read_runs
    from lrdoctor.roles import RoleNames

    def read() -> Sequence[Any]:
        found, problems = read_runs([folder], RoleNames())
        assert not problems
        return [series.values for run in found for series in run.series.values()]

    return read


def accumulator(folder: Path) -> Read:
    """TensorBoard's EventAccumulator, nothing sampled away."""
    import numpy as np
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    files = _files(folder)

    def read() -> Sequence[Any]:
        columns = []
        for path in files:
            events = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0}).Reload()
            tags = events.Tags()
            curves = [[(e.step, e.wall_time, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]]
            curves += [
                [(e.step, e.wall_time, make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
                for tag in tags["tensors"]
            ]
            columns += [np.array(rows)[:, 2] for rows in curves]
        return columns

    return read


def tbparse(folder: Path) -> Read:
    """tbparse's data frames."""
    from tbparse import SummaryReader

    kind = "tensors" if folder.name == "tensors" else "scalars"

    def read() -> Sequence[Any]:
        frame = getattr(SummaryReader(str(folder), event_types={kind}, extra_columns={"wall_time"}), kind)
        return [frame["value"].to_numpy()]

    return read


def rust(folder: Path) -> Read:
    """TensorBoard's Rust data server, in its best case: the values straight from its own protocol."""
    import grpc
    import numpy as np
    from tensorboard.data.proto import data_provider_pb2 as proto
    from tensorboard.data.proto import data_provider_pb2_grpc as service
    from tensorboard_data_server import server_binary

    expected = _expected(folder)

    def read() -> Sequence[Any]:
        with tempfile.TemporaryDirectory() as scratch:
            port_file = Path(scratch) / "port"
            flags = (f"--logdir={folder}", "--port=0", f"--port-file={port_file}", "--die-after-stdin", "--reload=once")
            command = [server_binary(), *flags, "--samples-per-plugin=scalars=all"]
            with subprocess.Popen(command, stdin=subprocess.PIPE) as server:
                while not (port_file.exists() and port_file.read_text().endswith("\n")):
                    time.sleep(0.01)
                options = [("grpc.max_receive_message_length", -1)]
                with grpc.insecure_channel(f"localhost:{port_file.read_text().strip()}", options=options) as channel:
                    stub = service.TensorBoardDataProviderStub(channel)
                    filters = {
                        "experiment_id": "x",
                        "plugin_filter": proto.PluginFilter(plugin_name="scalars"),
                        "run_tag_filter": proto.RunTagFilter(),
                    }
                    # It is ready when the last step of the last tag of every run is there.
                    last = (0, 0)
                    while last != expected:
                        time.sleep(0.05)
                        listed = stub.ListScalars(proto.ListScalarsRequest(**filters))
                        tags = [tag.metadata.max_step for run in listed.runs for tag in run.tags]
                        last = (len(tags), min(tags, default=0))
                    request = proto.ReadScalarsRequest(**filters, downsample=proto.Downsample(num_points=1 << 30))
                    columns = []
                    for run in stub.ReadScalars(request).runs:
                        for tag in run.tags:
                            np.array(tag.data.step), np.array(tag.data.wall_time)
                            columns.append(np.array(tag.data.value))
                _children_time[0] += _cpu_of(server.pid)
                server.kill()
        return columns

    return read


def pandas(folder: Path) -> Read:
    """pandas' C engine."""
    import pandas as pd

    def read() -> Sequence[Any]:
        frame = pd.read_csv(folder / "metrics.csv")
        return [frame[name].to_numpy() for name in CSV_COLUMNS]

    return read


def csv(folder: Path) -> Read:
    """Python's csv module."""
    import csv as module

    import numpy as np

    def read() -> Sequence[Any]:
        with (folder / "metrics.csv").open(newline="") as file:
            columns = list(zip(*list(module.reader(file))[1:], strict=True))
        return [np.array(column, dtype=np.float64) for column in columns[1:]]

    return read


def _expected(folder: Path) -> tuple[int, int]:
    """How many tags a corpus has, in all runs, and the last step of them all."""
    from lrdoctor.doctor import read as read_runs
    from lrdoctor.roles import RoleNames

    found = [series for run in read_runs([folder], RoleNames())[0] for series in run.series.values()]
    return len(found), min(int(series.steps[-1]) for series in found)


EVENTS = ("one-file", "tensors", "runs", "mixed")
READERS: dict[str, tuple[Callable[[Path], Read], tuple[str, ...], bool]] = {
    "bare read": (bare, (*EVENTS, "csv"), False),
    "lrdoctor": (lrdoctor, EVENTS, False),
    "lrdoctor, plain Python": (lrdoctor, EVENTS, False),
    "lrdoctor, whole runs": (runs, (*EVENTS, "csv"), False),
    "Rust data server": (rust, EVENTS, True),
    "EventAccumulator": (accumulator, EVENTS, True),
    "tbparse": (tbparse, EVENTS, True),
    "pandas.read_csv": (pandas, ("csv",), False),
    "csv module": (csv, ("csv",), False),
}
"""By name: what reads, which corpora, and whether it needs the peers' packages."""


# -------------------------------------------------------------------------------------------------------------- timing

_children_time = [0.0]


def _cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used, all of its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one(reader: str, folder: Path, repeat: int) -> None:
    """Time one reader on one corpus, in this process, and print the result as JSON."""
    import resource

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        read = READERS[reader][0](folder)
    except ImportError as error:
        print(json.dumps({"skipped": str(error)}))
        return
    bare(folder)()  # so that the files are in the page cache
    seconds: list[float] = []
    columns: Sequence[Any] = ()
    for _ in range(repeat):
        _children_time[0] = 0.0
        began = time.process_time()
        columns = read()
        seconds.append(time.process_time() - began + _children_time[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Two readers that agree in both have read the same.
    points, total = sum(map(len, columns)), float(sum(float(column.sum()) for column in columns))
    told = {"points": points, "sum": total, "seconds": seconds, "peak_mb": peak / 1024}
    print(json.dumps(told))


def time_all(folder: Path, readers: Sequence[str], corpora: Sequence[str], peers: str, repeat: int) -> None:
    """Time everything, and print a table with the ratios."""
    medians: dict[tuple[str, str], float] = {}
    for corpus in corpora:
        print(f"\n{corpus}: {sum(p.stat().st_size for p in _files(folder / corpus)) / 1e6:.0f} MB")
        for reader in readers:
            if corpus not in READERS[reader][1]:
                continue
            python = peers if READERS[reader][2] else sys.executable
            command = [python, "-m", "benchmarks.reading", "one", str(folder / corpus), "--reader", reader]
            pure = {"LRDOCTOR_PURE_PYTHON": "1"} if reader == "lrdoctor, plain Python" else {}
            threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GRPC_VERBOSITY"), "1")
            environment = {**os.environ, **threads, "PYTHONPATH": str(ROOT), "GRPC_VERBOSITY": "ERROR", **pure}
            done = subprocess.run(
                [*command, "--repeat", str(repeat)],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                print(f"  {reader:24} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}", flush=True)
                continue
            told = json.loads(done.stdout.splitlines()[-1])
            if "skipped" in told:
                print(f"  {reader:24} left out: {told['skipped']}", flush=True)
                continue
            medians[corpus, reader] = median = statistics.median(told["seconds"])
            own, least = medians.get((corpus, "lrdoctor")), medians.get((corpus, "bare read"))
            ratios = f"  {median / own:7.1f} x lrdoctor" if own else ""
            ratios += f"  {median / least:7.1f} x bare read" if least else ""
            spread = f"{1e3 * min(told['seconds']):.1f} to {1e3 * max(told['seconds']):.1f}"
            read = f"{told['points']} points, sum {told['sum']:.6g}, peak {told['peak_mb']:.0f} MB"
            print(f"  {reader:24} {1e3 * median:9.1f} ms ({spread}){ratios}  {read}", flush=True)


def main() -> None:
    """Run one of the commands above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("make", "time", "one"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shrink", type=float, default=1.0)
    parser.add_argument("--reader", action="append", choices=tuple(READERS))
    parser.add_argument("--corpus", action="append", choices=tuple(POINTS))
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    if given.command == "make":
        make(given.folder, given.shrink)
    elif given.command == "one":
        one(given.reader[0], given.folder, given.repeat)
    else:
        time_all(given.folder, given.reader or tuple(READERS), given.corpus or tuple(POINTS), given.peers, given.repeat)


if __name__ == "__main__":
    main()
