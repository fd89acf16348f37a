"""What holds for every format that is JSON: each file has one parser, a cut one tells no more, and none crashes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor import plugins
from lrdoctor.errors import LogError
from lrdoctor.model import Run
from lrdoctor.roles import RoleNames

DATA = Path(__file__).parents[1] / "data"
STAMP = "20261125_214403"

ROWS: list[dict[str, Any]] = [{"loss": 5.25 - n / 8, "lr": 1e-4 * n} for n in range(1, 25)]


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


COUNTED = [{"step": n, **row} for n, row in enumerate(ROWS)]
DEEPOBS = {
    "train_losses": [5.5, 4.25, 3.125],
    "test_losses": [5.75, 4.5, 3.25],
    "minibatch_train_losses": [5.5, 5.25, 4.75, 4.25],
    "num_epochs": 2,
    "testproblem": "x",
    "train_log_interval": 1,
}


def counted(name: str, **more: Any) -> str:
    return lines(*({name: n, **row, **more} for n, row in enumerate(ROWS, 1)))


WRITTEN: dict[str, tuple[str, str | Path]] = {
    "chainer": ("out/log", DATA / "chainer" / "log"),
    "deepobs": ("a/seed.json", json.dumps(DEEPOBS)),
    "detectron2": ("out/metrics.json", counted("iteration", data_time=0.5)),
    "json": ("x/metrics.jsonl", lines(*COUNTED)),
    "json rows": ("x/history.json", json.dumps(COUNTED, indent=1)),
    "json lists": ("x/lists.json", json.dumps({key: [row[key] for row in ROWS] for key in ("loss", "lr")})),
    "json log": ("x/train.log", "begin\n" + lines(*COUNTED) + "end\n"),
    "llama_factory": ("out/trainer_log.jsonl", counted("current_steps", total_steps=24)),
    "mmengine": (f"{STAMP}/vis_data/scalars.json", DATA / "mmengine" / STAMP / "vis_data" / "scalars.json"),
    "mmengine mmcv": ("w/1.log.json", lines({"env_info": "x"}) + counted("iter", mode="train", epoch=1)),
    "ray_tune": ("t/result.json", counted("training_iteration", config={"lr": 1})),
    "sacred": ("1/metrics.json", DATA / "sacred" / "1" / "metrics.json"),
    "trainer_state": ("out/trainer_state.json", DATA / "trainer_state" / "nan" / "trainer_state.json"),
}
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
each = pytest.mark.parametrize("name", WRITTEN)


def placed(name: str, folder: Path) -> Path:
    """The example of a format, where its logger would have put it."""
    where, content = WRITTEN[name]
    path = folder / where
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        shutil.copy(content, path)
    else:
        path.write_text(content)
    if name == "sacred":
        for beside in ("run.json", "config.json"):
            shutil.copy(DATA / "sacred" / "1" / beside, path.parent)
    return path


def runs(name: str, path: Path) -> Iterator[Run]:
    parser = plugins.parsers()[name.split()[0]]
    return parser.read(parser.home(path), [path], RoleNames())


@each
def test_each_file_is_claimed_by_its_parser_alone(name: str, tmp_path: Path) -> None:
    path = placed(name, tmp_path)
    claiming = [parser for parser, module in plugins.parsers().items() if module.claims(path)]
    assert claiming[:1] == [name.split()[0]]
    # The reader of any text, which is asked last, sees numbers wherever the name allows for a text.
    assert claiming[1:] in ([], ["text"])


@each
def test_what_lies_in_a_folder_is_found_as_one_run(name: str, tmp_path: Path) -> None:
    path = placed(name, tmp_path)
    (run,) = runs(name, path)
    assert run.format == name.split()[0]
    assert run.series


@each
@fuzzed
@given(share=st.floats(0, 1))
def test_every_prefix_gives_a_prefix_of_the_values(name: str, share: float, tmp_path: Path) -> None:
    path = placed(name, tmp_path)
    content = path.read_bytes()
    (whole,) = runs(name, path)
    path.write_bytes(content[: int(share * len(content))])
    try:
        (part,) = runs(name, path)
    except LogError:
        return
    finally:
        path.write_bytes(content)
    for tag, series in part.series.items():
        np.testing.assert_array_equal(series.values, whole.series[tag].values[: len(series)])


@each
@fuzzed
@given(data=st.data())
def test_a_mutated_file_is_a_run_or_a_clear_error(name: str, data: st.DataObject, tmp_path: Path) -> None:
    path = placed(name, tmp_path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content)))
        put = data.draw(st.sampled_from(TOKENS) | st.binary(max_size=3))
        content[at : at + data.draw(st.integers(0, 4))] = put
    path.write_bytes(content)
    for format_ in {name.split()[0] for name in WRITTEN}:
        plugins.parsers()[format_].claims(path)
    try:
        said = [run.name for run in runs(name, path)]
    except LogError as error:
        said = [str(error)]
    assert said
    assert all(len(line.splitlines()) == 1 for line in said)


TOKENS = [
    b"", b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"NaN", b"-Infinity", b'"inf"', b"\0", b"\n",
    b"1e999", b"9" * 400, b"-", b"\xff\xfe", b"[" * 3000, b'{"a":' * 3000, b"[]", b"{}", b'"x"',
]  # fmt: skip


@each
@fuzzed
@given(value=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["loss", "step", "epoch", "log_history", "iteration", "lr", "values", "steps", "mode", "iter",
                         "train_losses", "current_steps", "training_iteration", "config", "history", "1", "2"]),
        inner, max_size=6,
    ),
    max_leaves=20,
))  # fmt: skip
def test_any_json_is_a_run_or_a_clear_error(name: str, value: Any, tmp_path: Path) -> None:
    path = placed(name, tmp_path)
    for content in (json.dumps(value), lines(value, value)):
        path.write_text(content)
        try:
            assert all(run.series for run in runs(name, path))
        except LogError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017
