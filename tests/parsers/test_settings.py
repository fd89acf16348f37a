from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from lrdoctor.errors import LogError
from lrdoctor.limits import Limits
from lrdoctor.model import Scalar
from lrdoctor.parsers._settings import arguments, flat, scalar, settings


def yaml(text: str) -> dict[str, Scalar]:
    return settings(text.encode(), ".yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1.5E+2", 150.0), (".5", 0.5), ("-3", -3), ("+7", 7), ("1.", 1.0), ("0", 0), ("007", 7),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("None", None), (".inf", math.inf),
        ("-.inf", -math.inf), ("no", "no"), ("on", "on"), ("1_000", "1_000"), ("0x10", "0x10"), ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"), ("adamw", "adamw"), ("9" * 30, 1e30), ("1e999", math.inf), ("e5", "e5"),
    ],
)  # fmt: skip
def test_a_word_without_quotes_says(text: str, value: Scalar) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_nested_names_are_joined() -> None:
    assert yaml("a:\n  b: 1\n  c: {d: x}\ne: [1, 2.5, null, true, x]\n1: y\nempty: {}\nnone: []\n") == {
        "a.b": 1,
        "a.c.d": "x",
        "e": "[1, 2.5, null, true, x]",
        "1": "y",
    }


def test_a_list_of_objects_is_numbered() -> None:
    assert yaml("callbacks:\n- patience: 3\n- [1, 2]\n") == {"callbacks.0.patience": 3, "callbacks.1": "[1, 2]"}


def test_a_quoted_number_is_text() -> None:
    assert yaml("a: '1'\nb: \"1e-3\"\nc: !!str 5\n") == {"a": "1", "b": "1e-3", "c": "5"}


def test_an_object_that_names_its_class_is_a_setting() -> None:
    assert yaml("optimizer: {_target_: torch.optim.AdamW, lr: 1e-3}\n")["optimizer"] == "torch.optim.AdamW"
    assert yaml("optimizer:\n  type: SGD\n  lr: 0.1\n") == {
        "optimizer": "SGD",
        "optimizer.type": "SGD",
        "optimizer.lr": 0.1,
    }
    assert yaml("model: {class_path: a.B, init_args: {name: x}}")["model.init_args"] == "x"
    assert "optimizer" not in yaml("optimizer: {type: {deep: 1}, lr: 0.1}")


def test_anchors_and_merges_are_followed() -> None:
    assert yaml("base: &b {lr: 0.1, wd: 0}\nrun: {<<: *b, lr: 1}\nsame: *b\n") == {
        "base.lr": 0.1, "base.wd": 0, "run.lr": 1, "run.wd": 0, "same.lr": 0.1, "same.wd": 0,
    }  # fmt: skip


def test_nothing_is_constructed() -> None:
    text = "a: !!python/object/apply:os.system ['exit 3']\nb: !!python/name:os.system\nc: !custom {d: 1}\n"
    assert yaml(text) == {"a": "[exit 3]", "b": "", "c.d": 1}


def test_the_config_of_weights_and_biases() -> None:
    text = "wandb_version: 1\n_wandb: {value: {cli: 1}}\nlr: {desc: null, value: 0.1}\nopt: {value: {name: sgd}}\n"
    assert yaml(text) == {"lr": 0.1, "opt": "sgd", "opt.name": "sgd"}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = (
    "a0: &a0 {"
    + ", ".join(f"k{n}: 1" for n in range(900))
    + "}\n"
    + "".join(f"a{n + 1}: &a{n + 1} {{<<: *a{n}}}\n" for n in range(60))
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "more than 2000 settings"),
        (MERGES, "more than 2000 settings"),
        ("".join(f"k{n}: 1\n" for n in range(2001)), "more than 2000 settings"),
        ("[" * 100_000, "no YAML|levels deep"),
        ("a: " + "{a: " * 60, "levels deep"),
        ("a: &a {b: *a}\n", "levels deep"),
        ("a: [b\nc: d: e", "no YAML at line 2"),
        ("\0", "no YAML"),
        ("a: *nowhere\n", "no YAML|^$"),
    ],
)
def test_what_is_too_much_or_none_is_refused_in_one_line(text: str, why: str) -> None:
    try:
        told = str(yaml(text) and "")
    except LogError as error:
        told = str(error)
    assert re.search(why, told)
    assert "\n" not in told


def test_python_that_assigns_constants() -> None:
    """As MMEngine's `Config.dump` writes it."""
    text = (
        "_base_ = ['../schedule.py']\n"
        "optim_wrapper = dict(\n    optimizer=dict(lr=0.05, type='SGD'), clip_grad=None)\n"
        "betas = (0.9, -0.5)\nhooks = {'log': {'interval': 50}, 3: True}\nnames = [dict(type='a'), 'b']\n"
    )
    assert settings(text.encode(), ".py") == {
        "_base_": "[../schedule.py]",
        "optim_wrapper.optimizer": "SGD",
        "optim_wrapper.optimizer.lr": 0.05,
        "optim_wrapper.optimizer.type": "SGD",
        "optim_wrapper.clip_grad": None,
        "betas": "[0.9, -0.5]",
        "hooks.log.interval": 50,
        "hooks.3": True,
        "names.0": "a",
        "names.0.type": "a",
        "names.1": "b",
    }


def test_no_python_is_run(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    text = (
        f"import os\nlr = 0.1\nx = open({str(gone)!r}, 'w')\ny = [1 for _ in range(9)]\nz = os.getcwd()\na = b = 2j\n"
    )
    assert settings(text.encode(), ".py") == {"lr": 0.1}
    assert not gone.exists()


@pytest.mark.parametrize(
    "text", ["lr = = 1", "(" * 1000, "-" * 100_000 + "1", "x = " + "9" * 5000, "\0", "1+" * 100_000]
)
def test_what_is_no_python_is_refused(text: str) -> None:
    with pytest.raises(LogError, match="no Python"):
        settings(text.encode(), ".py")


def test_a_large_file_is_refused() -> None:
    with pytest.raises(LogError, match="more than 1 MiB"):
        settings(b" " * (Limits().settings + 1), ".json")


def test_json_is_read_as_it_says() -> None:
    text = '\ufeff{"a": {"b": 1e-3, "c": [1, "x"]}, "n": null, "nan": NaN, "huge": 1' + "0" * 300 + ', "t": true}'
    found = settings(text.encode(), ".json")
    assert math.isnan(float(str(found.pop("nan"))))
    assert found == {"a.b": 0.001, "a.c": "[1, x]", "n": None, "t": True}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": 1}{', "{'a': 1}", '{"a": ' + "9" * 5000 + "}"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(LogError, match="no JSON"):
        settings(text.encode(), ".json")


@pytest.mark.parametrize("text", ["[1, 2]", "3", '"a"', "null"])
def test_json_without_names_has_no_settings(text: str) -> None:
    assert settings(text.encode(), ".json") == {}


def test_long_texts_are_no_settings() -> None:
    assert flat({"prompt": "x" * 201, "files": ["y" * 50] * 9, "name": "z"}) == {"name": "z"}


@pytest.mark.parametrize(
    "text",
    [
        "Namespace(lr=0.1, name='a, b', betas=(0.9, 0.999), amp=True, seed=None, device=device(type='cuda'))",
        '12:00 INFO starting\nNamespace(lr=0.1, name="a, b", betas=(0.9, 0.999), amp=True, seed=None,'
        " device=device(type='cuda'))\nepoch 1",
        "TrainingArguments(\nlr=0.1,\nname='a, b',\nbetas=(0.9, 0.999),\namp=True,\nseed=None,\n"
        "device=device(type='cuda'),\n)\n",
        "lr: 0.1\nname: a, b\nbetas = (0.9, 0.999)\namp: True\n\nseed: None\n--device=device(type='cuda')\n---- End",
        "            lr: 0.1       \t[default: 0.2]\n  name: a, b\nbetas: (0.9, 0.999)\namp: True\nseed: None"
        "\ndevice: device(type='cuda')",
    ],
)
def test_arguments_as_scripts_print_them(text: str) -> None:
    assert (
        arguments(text)
        == settings(text.encode(), ".txt")
        == {
            "lr": 0.1,
            "name": "a, b",
            "betas": "(0.9, 0.999)",
            "amp": True,
            "seed": None,
            "device": "device(type='cuda')",
        }
    )


def test_arguments_that_are_cut_off_lose_the_last() -> None:
    assert arguments("Namespace(lr=0.1, epochs=10") == {"lr": 0.1}


def test_arguments_as_json() -> None:
    assert settings(b' {"lr": 1e-3}', ".txt") == {"lr": 0.001}


NODES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=4),
    max_leaves=20,
)


@budget(deadline=None, max_examples=200)
@given(st.dictionaries(st.text(min_size=1, max_size=5), NODES, max_size=4))
def test_json_is_flattened_as_it_was_given(node: dict[str, Any]) -> None:
    assert settings(json.dumps(node).encode(), ".json") == flat(node)
    # JSON of strict writers is YAML.
    assert set(flat(node)) == set(settings(json.dumps(node).encode(), ".json"))


@budget(deadline=None, max_examples=200)
@given(
    st.one_of(st.binary(max_size=200), st.text(alphabet="ab:{}[],&*<>!'\"#|-? \n\t019.e", max_size=200)),
    st.sampled_from([".yaml", ".json", ".py", ".txt"]),
)
def test_any_bytes_are_settings_or_a_clear_error(content: bytes | str, suffix: str) -> None:
    try:
        found = settings(content if isinstance(content, bytes) else content.encode(), suffix)
        said = "settings"
    except LogError as error:
        found, said = {}, str(error)
    assert len(said.splitlines()) == 1
    assert all(isinstance(value, str | int | float | None) for value in found.values())
