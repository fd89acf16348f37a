"""What a kind of finding and its fields mean, in the words that stand under them in the detector's source.

Python keeps no string under a field, so the source is parsed; where there is none, there are no words.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lrdoctor.model import Finding


def of_kind(kind: type[Finding]) -> str:
    """The first sentence of the class; empty where it has none."""
    return _sentence(_said(kind.__module__, kind.__name__).get("", ""))


def of_field(kind: type[Finding], name: str) -> str:
    """The first sentence under the field, in this class or one that it inherits from; empty where it has none."""
    known = (_said(each.__module__, each.__name__) for each in kind.__mro__)
    return _sentence(next((said[name] for said in known if name in said), ""))


def _sentence(text: str) -> str:
    """The first one, without when the value is unknown: a bound does not hold then."""
    first = re.split(r"(?<=[.!?])\s", " ".join(text.split()), maxsplit=1)[0]
    return re.sub(r"; None\b[^;.]*", "", first)


@cache
def _said(module: str, name: str) -> dict[str, str]:
    """The words of a class by field, those of the class itself under the empty name."""
    found = re.search(rf"^class {name}\b.*?(?=^\S|\Z)", _source(module), re.DOTALL | re.MULTILINE)
    try:
        # The class alone, since parsing the whole of several detectors takes longer than all the rest of a page.
        body = ast.parse(found[0] if found else "").body
    except (SyntaxError, ValueError):
        return {}
    return {field: text for node in body if isinstance(node, ast.ClassDef) for field, text in _fields(node)}


@cache
def _source(module: str) -> str:
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    try:
        return Path(file).read_text(encoding="utf-8") if file.endswith(".py") else ""
    except (OSError, ValueError):
        return ""


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Name and text. "The same …" and "… that." speak of the field above, whose words follow in parentheses."""
    yield "", ast.get_docstring(node) or ""
    above = ""
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                if text.startswith("The same") or _sentence(text).endswith(" that."):
                    yield name, f"{_sentence(text).rstrip('.')} ({above})."
                else:
                    above = f"{name}: {_sentence(text).rstrip('.')}"
                    yield name, text
            case _:
                pass
