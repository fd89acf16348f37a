"""A configuration file -> flat hyperparameters: YAML, JSON, MMEngine's Python, and the arguments that a script printed.

Nested names are joined by `.`. Nothing is constructed, whatever tag a YAML file carries, and a scalar is read by YAML
1.2's core schema, in which `no` is a word; but 1e-3, which that schema (YAML 1.1's too) takes for text, is a number. A
list of plain values is one setting. An object that names its class, as Hydra's `_target_` and Lightning's `class_path`
do, is a setting of that name as well, so that `optimizer: {_target_: torch.optim.AdamW}` says which optimizer it is.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

from lrdoctor import limits
from lrdoctor.errors import LogError
from lrdoctor.model import Scalar

DEEPEST = 40
"""Levels of nesting; real ones have about eight."""
MOST = 2_000
"""Settings of one file. Aliases within aliases make a billion out of ten lines; fairseq, with the most of the real
ones, has about 600."""
LONGEST = 200
"""Characters; what is longer is a prompt or a list of files."""
LARGEST_INTEGER = 10**18
"""No setting is beyond it, and every reader of the report can hold it."""
CLASS_NAMES = ("_target_", "class_path", "class_name", "type", "name")
"""What an object calls its class, the surest first."""
NOT_SETTINGS = frozenset({"_wandb", "wandb_version"})
"""What W&B writes of itself into its `config.yaml`."""
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL", "None"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "inf", "Infinity"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF", "-inf", "-Infinity"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN", "nan", "NaN"), float("nan")),
}
_CALL = re.compile(r"^[ \t]*[A-Za-z_][\w.]*\(", re.MULTILINE)
_ARGUMENT = re.compile(r"\s*([A-Za-z_][\w.]*)\s*=(.*)", re.DOTALL)
_LINE = re.compile(r"\s*(?:--)?([A-Za-z_][\w.\-/]*)\s*[:=]\s*(.*?)\s*(?:\t\[default:.*)?")


def settings(content: bytes, suffix: str) -> dict[str, Scalar]:
    """The settings of a file of such a suffix: `.yaml`, `.yml`, `.json`, `.py` or `.txt`.

    Raises `LogError` where it is none, or too much.
    """
    if len(content) > limits.current().settings:
        raise LogError(f"a configuration of more than {limits.shown('settings')}; {limits.raised_by('settings')}")
    text = content.decode("utf-8-sig", "replace")
    if suffix == ".txt" and not text.lstrip().startswith("{"):
        return arguments(text)
    if suffix == ".py":
        return flat(_python(text))
    return flat(_yaml(text) if suffix in (".yaml", ".yml") else _json(text))


def flat(node: Any) -> dict[str, Scalar]:
    """Mappings within mappings as one; what is no mapping has no settings. Raises `LogError` where it is too much."""
    found: dict[str, Scalar] = {}
    for number, (name, value) in enumerate(_leaves("", node, 0) if isinstance(node, dict) else ()):
        if number >= MOST:
            raise LogError(f"a configuration of more than {MOST} settings")
        # A list that is empty, or a text that is long, is counted and is no setting.
        if name and not isinstance(value, dict | list) and not (isinstance(value, str) and len(value) > LONGEST):
            found[name] = value
    return found


def scalar(text: str) -> Scalar:
    """What a word without quotes says."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if len(text) <= LONGEST and _FLOAT.fullmatch(text) else text


# ---------------------------------------------------------------------------------------------------------- YAML, JSON


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise LogError(f"no JSON{at}") from error


def _python(text: str) -> dict[str, Any]:
    """What is assigned at the top of a module, of constants alone, `dict(…)` among them; nothing of it is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in texts, which are not ours
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise LogError("no Python") from error
    return {
        statement.targets[0].id: _constant(statement.value)
        for statement in module.body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }


def _constant(node: ast.expr) -> Any:
    """The value of an expression; what is none, or none of a configuration, is an empty container."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str | int | float | None) else []
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return -node.operand.value if isinstance(node.operand.value, int | float) else []
    if isinstance(node, ast.List | ast.Tuple):
        return [_constant(inner) for inner in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(key.value): _constant(value) for key, value in pairs if isinstance(key, ast.Constant)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {keyword.arg: _constant(keyword.value) for keyword in node.keywords if keyword.arg}
    return []


def _yaml(text: str) -> Any:
    """The first document, from the parser's events: nothing is constructed, and no depth is gone into unasked."""
    import yaml

    try:
        return _document(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), yaml)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise LogError(f"no YAML{f' at line {mark.line + 1}' if mark else ''}") from error
    except (ValueError, RecursionError) as error:
        raise LogError("no YAML") from error


def _document(events: Iterator[Any], yaml: Any) -> Any:
    root: list[Any] = []
    open_: list[tuple[Any, list[Any]]] = [(root, [])]
    """The containers that are not closed yet, each with the key that waits for its value."""
    anchors: dict[str, Any] = {}
    merged = 0
    for event in events:
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            open_.pop()
            continue
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.AliasEvent):
            node = anchors.get(event.anchor)
        elif isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] and event.style in (None, "")
            node = scalar(event.value) if plain else event.value
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            node = {} if isinstance(event, yaml.MappingStartEvent) else []
        else:
            continue  # the stream's and the document's begin
        if getattr(event, "anchor", None) and not isinstance(event, yaml.AliasEvent):
            anchors[event.anchor] = node
        holder, key = open_[-1]
        if isinstance(holder, list):
            holder.append(node)
        elif not key:
            key.append(node)
        else:
            name = key.pop()
            if name == "<<" and isinstance(node, dict):
                merged += len(node)
                holder |= {inner: value for inner, value in node.items() if inner not in holder}
            elif not isinstance(name, dict | list):
                holder[_text(name)] = node
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            open_.append((node, []))
        if len(open_) > DEEPEST:
            raise LogError(f"a configuration nested more than {DEEPEST} levels deep")
        if merged > 10 * MOST:
            raise LogError(f"a configuration of more than {MOST} settings")
    return root[0] if root else None


def _text(value: Scalar) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _leaves(name: str, node: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Every setting below, and an empty container as itself, so that whoever counts sees all that was visited."""
    if depth > DEEPEST:
        raise LogError(f"a configuration nested more than {DEEPEST} levels deep")
    if isinstance(node, dict) and "value" in node and set(node) <= {"desc", "value"}:
        node = node["value"]  # as W&B writes them
    if isinstance(node, dict) and node:
        own = next((node[key] for key in CLASS_NAMES if isinstance(node.get(key), str)), None)
        if own is not None and name:
            yield name, own
        for key, inner in node.items():
            if str(key) not in NOT_SETTINGS:
                yield from _leaves(f"{name}.{key}" if name else str(key), inner, depth + 1)
    elif isinstance(node, list) and node and any(isinstance(inner, dict | list) for inner in node):
        for at, inner in enumerate(node):
            yield from _leaves(f"{name}.{at}", inner, depth + 1)
    elif isinstance(node, list) and node:
        yield name, "[" + ", ".join(_text(inner) for inner in node[: LONGEST + 1]) + "]"
    else:
        yield name, [] if isinstance(node, int) and abs(node) > LARGEST_INTEGER else node


# ----------------------------------------------------------------------------------------------------------- arguments


def arguments(text: str) -> dict[str, Scalar]:
    """The arguments of a script as it printed them: `Namespace(lr=0.1, …)`, or line by line.

    argparse prints the first, Hugging Face's `TrainingArguments(` the same over many lines; many scripts print lines
    such as `lr: 0.1` or `lr = 0.1`.
    """
    call = _CALL.search(text)
    if call:
        matches = [_ARGUMENT.fullmatch(part) for part in _parts(text[call.end() :])]
    else:
        matches = [_LINE.fullmatch(line) for line in text.splitlines() if len(line) <= 2 * LONGEST]
    said = {match[1]: _literal(match[2].strip()) for match in matches[:MOST] if match}
    return {name: value for name, value in said.items() if not (isinstance(value, str) and len(value) > LONGEST)}


def _parts(text: str) -> Iterator[str]:
    """What stands between the commas, up to the parenthesis that closes the call; brackets and quotes hold together."""
    start, depth, quote = 0, 0, ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[at - 1] != "\\" else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if depth < 0 or (character == "," and not depth and not quote):
            yield text[start:at]
            start = at + 1
        if depth < 0:
            return
    # No parenthesis closes it: the log was cut off there, and so perhaps was the last value.


def _literal(text: str) -> Scalar:
    quoted = re.fullmatch(r"(['\"])(.*)\1", text, re.DOTALL)
    return quoted[2] if quoted else scalar(text)
